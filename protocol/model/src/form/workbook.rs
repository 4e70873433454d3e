//! A workbook as tables of text, whichever file it came in.

use std::borrow::Cow;

/// The sheets of a workbook.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Workbook {
    /// In the order of the file.
    pub sheets: Vec<Sheet>,
}

/// One sheet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sheet {
    /// Its name, as on its tab.
    pub name: String,
    /// Its rows; the first that holds anything is the header.
    pub rows: Vec<Row>,
}

/// One row of a sheet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Row {
    /// Its number as a spreadsheet shows it, from 1.
    pub number: u32,
    /// Its cells as text, from the first column on; a cell that is absent is empty.
    pub cells: Vec<String>,
}

impl Workbook {
    /// The sheet of this name, in any case and with any spaces around it.
    pub fn sheet(&self, name: &str) -> Option<&Sheet> {
        self.sheets.iter().find(|sheet| sheet.name.trim().eq_ignore_ascii_case(name))
    }

    /// Reads tables as people write them in text: a line `| survey |` begins a sheet, further lines `| | type | name |` are
    /// its rows, a line of dashes is left out. A vertical bar in a cell is written `\|`.
    pub fn from_markdown(text: &str) -> Self {
        let mut workbook = Self::default();
        for (line, number) in text.lines().zip(1..) {
            let Some(mut cells) = markdown_cells(line) else { continue };
            let name = cells.remove(0);
            if !name.is_empty() {
                workbook.sheets.push(Sheet { name, rows: Vec::new() });
            }
            workbook.push(number, cells);
        }
        workbook
    }

    /// Makes a workbook of rows whose first cell is the name of the sheet that begins there, as in an XLSForm written as
    /// one table. Rows are counted from 1 as they come.
    pub fn from_rows(rows: impl IntoIterator<Item = Vec<String>>) -> Self {
        let mut workbook = Self::default();
        for (mut cells, number) in rows.into_iter().zip(1..) {
            if cells.is_empty() {
                continue;
            }
            let name = cells.remove(0).trim().to_owned();
            if !name.is_empty() {
                workbook.sheets.push(Sheet { name, rows: Vec::new() });
            }
            workbook.push(number, cells);
        }
        workbook
    }

    fn push(&mut self, number: u32, cells: Vec<String>) {
        if let Some(sheet) = self.sheets.last_mut()
            && cells.iter().any(|cell| !cell.trim().is_empty())
        {
            sheet.rows.push(Row { number, cells });
        }
    }
}

impl Row {
    /// A cell without the spaces around it, and with the quotes and spaces that programs put in as they please made plain.
    pub fn cell(&self, column: usize) -> Cow<'_, str> {
        let Some(cell) = self.cells.get(column) else { return Cow::Borrowed("") };
        let odd = |letter| matches!(letter, '\u{2018}' | '\u{2019}' | '\u{201c}' | '\u{201d}' | '\u{a0}');
        let cell = cell.trim();
        if !cell.contains(odd) {
            return Cow::Borrowed(cell);
        }
        let plain = cell.chars().map(|letter| match letter {
            '\u{2018}' | '\u{2019}' => '\'',
            '\u{201c}' | '\u{201d}' => '"',
            '\u{a0}' => ' ',
            other => other,
        });
        Cow::Owned(plain.collect::<String>().trim().to_owned())
    }

    /// A cell as it was written, without the spaces around it.
    pub fn text(&self, column: usize) -> &str {
        self.cells.get(column).map_or("", |cell| cell.trim())
    }
}

/// The cells of a line that is a row of a table.
fn markdown_cells(line: &str) -> Option<Vec<String>> {
    let line = line.trim().strip_prefix('|')?;
    let mut cells = vec![String::new()];
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if letters.peek() == Some(&'|') => {
                letters.next();
                cells.last_mut().expect("there is always a cell").push('|');
            }
            '|' => cells.push(String::new()),
            other => cells.last_mut().expect("there is always a cell").push(other),
        }
    }
    if cells.last().is_some_and(|cell| cell.trim().is_empty()) && cells.len() > 1 {
        cells.pop();
    }
    for cell in &mut cells {
        *cell = cell.trim().to_owned();
    }
    let is_rule = |cell: &String| !cell.is_empty() && cell.bytes().all(|byte| matches!(byte, b'-' | b':'));
    let is_line = cells.iter().any(is_rule) && cells.iter().all(|cell| cell.is_empty() || is_rule(cell));
    (!is_line).then_some(cells)
}
