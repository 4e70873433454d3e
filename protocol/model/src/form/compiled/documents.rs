//! What expressions look things up in: choice lists, files that come with a form, and the form that was saved last.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::OnceLock;

use super::{File, Table};
use crate::form::{Choice, ChoiceList, Form};

/// The name of the document that holds what was saved last.
pub(crate) const LAST_SAVED: &str = "__last-saved";
/// The column of the labels of a choice list.
const LABEL: &str = "label";

/// The tables of a form. A node of one is a number: 0 the root, 1 its element `root`, then each row followed by its
/// cells.
#[derive(Debug, Clone, Default)]
pub(crate) struct Documents {
    tables: Vec<Document>,
    by_name: BTreeMap<String, usize>,
}

#[derive(Debug, Clone)]
struct Document {
    file: File,
    /// The choice list that it is, if it is one.
    list: Option<usize>,
    /// For each column the rows in the order of its cells, those with the same in their own order; made when it is first
    /// looked up in.
    sorted: Vec<OnceLock<Vec<u32>>>,
}

const ROOT: u32 = 0;
const TOP: u32 = 1;
const FIRST_ROW: u32 = 2;

/// What a node of a table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Root,
    Top,
    Row(usize),
    Cell(usize, usize),
}

impl Documents {
    /// The choice lists of a form.
    pub(crate) fn of(form: &Form) -> Self {
        let mut documents = Self::default();
        for (at, list) in form.lists.iter().enumerate() {
            documents.add(&list.name, table(list, form.default_language).into(), Some(at));
        }
        documents
    }

    /// Adds a table, in the place of one of the same name.
    pub(crate) fn add(&mut self, name: &str, file: File, list: Option<usize>) {
        let sorted = file.columns().iter().map(|_| OnceLock::new()).collect();
        let document = Document { file, list, sorted };
        if let Some(at) = self.by_name.get(name) {
            self.tables[*at] = document;
        } else {
            self.by_name.insert(name.to_owned(), self.tables.len());
            self.tables.push(document);
        }
    }

    /// The number of the table of this name.
    pub(crate) fn named(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// The row that a node of a table is.
    pub(crate) fn row(&self, table: usize, node: u32) -> Option<usize> {
        match self.tables.get(table)?.place(node) {
            Place::Row(row) => Some(row),
            Place::Root | Place::Top | Place::Cell(..) => None,
        }
    }

    /// The choice list and the place in it of the choice whose label a node is.
    pub(crate) fn label(&self, table: usize, node: u32) -> Option<(usize, usize)> {
        let document = self.tables.get(table)?;
        match document.place(node) {
            Place::Cell(row, column) if document.file.columns()[column] == LABEL => {
                Some((document.list?, row))
            }
            _ => None,
        }
    }

    /// The names of the columns of a table.
    pub(crate) fn columns(&self, table: usize) -> &[String] {
        self.tables.get(table).map_or(&[], |document| document.file.columns())
    }

    /// A cell of a row of a table.
    pub(crate) fn cell(&self, table: usize, row: usize, column: &str) -> &str {
        let Some(document) = self.tables.get(table) else { return "" };
        document.column(column).map_or("", |column| document.file.cell(row, column))
    }

    /// The first row of a table that has this text in a column.
    pub(crate) fn find(&self, table: usize, column: &str, text: &str) -> Option<usize> {
        let document = self.tables.get(table)?;
        document.rows_with(document.column(column)?, text).first().map(|row| *row as usize)
    }

    /// Whether a node is what all rows stand below.
    pub(crate) fn is_top(&self, table: usize, node: u32) -> bool {
        self.tables.get(table).is_some_and(|document| document.place(node) == Place::Top)
    }

    /// The rows that have this text in a column; nothing where texts depend on the language.
    pub(crate) fn rows_with(&self, table: usize, column: &str, text: &str) -> Option<Vec<u32>> {
        let document = self.tables.get(table)?;
        if document.list.is_some() && column == LABEL {
            return None;
        }
        let rows = document.column(column).map_or(&[][..], |column| document.rows_with(column, text));
        Some(rows.iter().map(|row| document.row(*row as usize)).collect())
    }

    pub(crate) fn parent(&self, table: usize, node: u32) -> Option<u32> {
        let document = &self.tables[table];
        match document.place(node) {
            Place::Root => None,
            Place::Top => Some(ROOT),
            Place::Row(_) => Some(TOP),
            Place::Cell(row, _) => Some(document.row(row)),
        }
    }

    pub(crate) fn first_child(&self, table: usize, node: u32) -> Option<u32> {
        let document = &self.tables[table];
        match document.place(node) {
            Place::Root => Some(TOP),
            Place::Top => (document.file.len() > 0).then_some(FIRST_ROW),
            Place::Row(row) => document.cell_from(row, 0),
            Place::Cell(..) => None,
        }
    }

    pub(crate) fn next_sibling(&self, table: usize, node: u32) -> Option<u32> {
        let document = &self.tables[table];
        match document.place(node) {
            Place::Root | Place::Top => None,
            Place::Row(row) => (row + 1 < document.file.len()).then(|| document.row(row + 1)),
            Place::Cell(row, column) => document.cell_from(row, column + 1),
        }
    }

    pub(crate) fn previous_sibling(&self, table: usize, node: u32) -> Option<u32> {
        let document = &self.tables[table];
        match document.place(node) {
            Place::Root | Place::Top => None,
            Place::Row(row) => row.checked_sub(1).map(|row| document.row(row)),
            Place::Cell(row, column) => (0..column)
                .rev()
                .find(|column| document.has(row, *column))
                .map(|column| document.node(row, column)),
        }
    }

    pub(crate) fn name(&self, table: usize, node: u32) -> &str {
        let document = &self.tables[table];
        match document.place(node) {
            Place::Root => "",
            Place::Top => "root",
            Place::Row(_) => "item",
            Place::Cell(_, column) => &document.file.columns()[column],
        }
    }

    pub(crate) fn text(&self, table: usize, node: u32) -> Cow<'_, str> {
        let document = &self.tables[table];
        match document.place(node) {
            Place::Root | Place::Top => {
                Cow::Owned((0..document.file.len()).map(|row| document.text(row)).collect())
            }
            Place::Row(row) => Cow::Owned(document.text(row)),
            Place::Cell(row, column) => Cow::Borrowed(document.file.cell(row, column)),
        }
    }

    /// Adds the cells of a row in a column, or the rows; says how many nodes it looked at.
    pub(crate) fn children_named(&self, table: usize, node: u32, name: &str, found: &mut Vec<u32>) -> usize {
        let document = &self.tables[table];
        match document.place(node) {
            Place::Root if name == "root" => found.push(TOP),
            Place::Top if name == "item" => {
                found.extend((0..document.file.len()).map(|row| document.row(row)));
                return document.file.len();
            }
            Place::Row(row) => {
                found.extend(
                    document
                        .column(name)
                        .filter(|column| document.has(row, *column))
                        .map(|at| document.node(row, at)),
                );
            }
            Place::Root | Place::Top | Place::Cell(..) => {}
        }
        1
    }
}

impl Document {
    fn column(&self, name: &str) -> Option<usize> {
        self.file.columns().iter().position(|known| known == name)
    }

    fn text(&self, row: usize) -> String {
        (0..self.file.columns().len()).map(|column| self.file.cell(row, column)).collect()
    }

    /// The rows with this text in a column, in order. An empty cell is none, so that no row has it.
    fn rows_with(&self, column: usize, text: &str) -> &[u32] {
        if text.is_empty() {
            return &[];
        }
        let cell = |row: &u32| self.file.cell(*row as usize, column);
        let sorted = self.sorted[column].get_or_init(|| {
            let mut rows: Vec<u32> = (0..u32::try_from(self.file.len()).unwrap_or(u32::MAX)).collect();
            rows.sort_by(|a, b| cell(a).cmp(cell(b)));
            rows
        });
        let from = sorted.partition_point(|row| cell(row) < text);
        let more = sorted[from..].partition_point(|row| cell(row) == text);
        &sorted[from..from + more]
    }

    /// How many nodes a row takes.
    fn width(&self) -> u32 {
        u32::try_from(self.file.columns().len()).unwrap_or(u32::MAX).saturating_add(1)
    }

    fn row(&self, row: usize) -> u32 {
        let row = u32::try_from(row).unwrap_or(u32::MAX);
        FIRST_ROW.saturating_add(row.saturating_mul(self.width()))
    }

    fn node(&self, row: usize, column: usize) -> u32 {
        self.row(row).saturating_add(u32::try_from(column).unwrap_or(u32::MAX)).saturating_add(1)
    }

    fn has(&self, row: usize, column: usize) -> bool {
        !self.file.cell(row, column).is_empty()
    }

    fn cell_from(&self, row: usize, from: usize) -> Option<u32> {
        let column = (from..self.file.columns().len()).find(|column| self.has(row, *column))?;
        Some(self.node(row, column))
    }

    fn place(&self, node: u32) -> Place {
        let Some(below) = node.checked_sub(FIRST_ROW) else {
            return if node == ROOT { Place::Root } else { Place::Top };
        };
        let row = (below / self.width()) as usize;
        match (below % self.width()) as usize {
            0 => Place::Row(row),
            column => Place::Cell(row, column - 1),
        }
    }
}

/// A choice list as a table, with the labels of the form's own language.
fn table(list: &ChoiceList, language: usize) -> Table {
    let own = ["name".to_owned(), LABEL.to_owned()];
    let columns = own.into_iter().chain(list.columns.iter().cloned()).collect();
    let row = |choice: &Choice| {
        let own = [choice.name.clone(), choice.label.get(language, language).to_owned()];
        own.into_iter().chain(choice.values.iter().cloned()).collect()
    };
    Table { columns, rows: list.choices.iter().map(row).collect() }
}
