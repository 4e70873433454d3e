//! The choices sheet.

use std::collections::BTreeMap;

use super::Importer;
use super::columns::{Column, Line, Table};
use super::finding::Mistake;
use super::names::is_name;
use crate::form::{Choice, ChoiceList};

const COLUMNS: [Column; 7] = [
    Column::List,
    Column::Name,
    Column::Label,
    Column::Image,
    Column::BigImage,
    Column::Audio,
    Column::Video,
];

impl Importer<'_> {
    /// Reads every list, in the order in which the sheet names them first.
    pub(super) fn choice_lists(&mut self, duplicates: bool) -> Vec<ChoiceList> {
        let workbook = self.workbook;
        let Some(sheet) = workbook.sheet("choices") else { return Vec::new() };
        let Some(mut table) = Table::read(self, "choices", sheet, &COLUMNS) else { return Vec::new() };
        for column in [Column::List, Column::Name] {
            if !table.has(column) && !table.rows.is_empty() {
                let place = table.place(None, column.name());
                self.find(Mistake::HeaderMissing, place, [column.name()]);
                return Vec::new();
            }
        }
        // Other columns are for filters; a filter names them, so they need a name.
        let further = std::mem::take(&mut table.further);
        let (named, unnamed): (Vec<_>, Vec<_>) = further.into_iter().partition(|(_, name)| is_name(name));
        for (_, heading) in unnamed.iter().filter(|(_, heading)| !heading.is_empty()) {
            let place = table.place(None, heading);
            self.find(Mistake::ColumnName, place, [heading.as_str()]);
        }
        let mut lists: Vec<ChoiceList> = Vec::new();
        let mut rows: BTreeMap<(String, String), u32> = BTreeMap::new();
        for row in table.rows {
            let line = table.line(row);
            for (at, heading) in &named {
                self.report_error(row.text(*at), || table.place(Some(row), heading));
            }
            let Some((list, choice)) = self.choice(line, &named) else { continue };
            let first = rows.insert((list.clone(), choice.name.clone()), row.number);
            if let Some(first) = first.filter(|_| !duplicates) {
                let values = [choice.name.clone(), first.to_string()];
                self.find(Mistake::ChoiceTwice, line.place(Column::Name), values);
            }
            if let Some(known) = lists.iter_mut().find(|known| known.name == list) {
                known.choices.push(choice);
            } else {
                lists.push(ChoiceList { name: list, choices: vec![choice], columns: Vec::new() });
            }
        }
        for list in &mut lists {
            keep_used(list, &named);
        }
        lists
    }

    fn choice(&mut self, line: Line<'_, '_>, named: &[(usize, String)]) -> Option<(String, Choice)> {
        let (list, name) = (line.get(Column::List), line.get(Column::Name));
        let label = line.text(Column::Label);
        if list.is_empty() && name.is_empty() && label.is_empty() {
            return None;
        }
        if list.is_empty() {
            self.find(Mistake::ChoiceListMissing, line.place(Column::List), [""]);
            return None;
        }
        if name.is_empty() {
            self.find(Mistake::ChoiceNameMissing, line.place(Column::Name), [""]);
            return None;
        }
        let media = line.media();
        if label.is_empty() && media.is_empty() {
            self.find(Mistake::ChoiceLabelMissing, line.place(Column::Label), [name.as_str()]);
        }
        let values = named.iter().map(|(at, _)| line.row.cell(*at).into_owned()).collect();
        Some((list, Choice { name, row: line.row.number, label, media, values }))
    }
}

/// Keeps the further columns of a list in which any of its choices has a value.
fn keep_used(list: &mut ChoiceList, named: &[(usize, String)]) {
    let is_used = |at: usize| list.choices.iter().any(|choice| !choice.values[at].is_empty());
    let used: Vec<usize> = (0..named.len()).filter(|at| is_used(*at)).collect();
    for choice in &mut list.choices {
        choice.values = used.iter().map(|at| choice.values[*at].clone()).collect();
    }
    list.columns = used.into_iter().map(|at| named[at].1.clone()).collect();
}
