//! The files of Excel say what their sources say.

use std::collections::BTreeSet;
use std::fs;
use std::io::Cursor;

use calamine::{Data, Reader, Xlsx};
use fieldmerge_model::form::{ChoiceSource, Question, Workbook};

use super::excel::excel;
use super::read::{folder, form, forms, names, tables, workbook};

/// The sheets with the texts of their cells, without what is empty behind the last one of a row.
fn cells(workbook: &Workbook) -> Vec<(String, Vec<Vec<String>>)> {
    let row = |cells: &[String]| {
        let filled = cells.iter().rposition(|cell| !cell.is_empty()).map_or(0, |last| last + 1);
        cells[..filled].to_vec()
    };
    let sheets = workbook.sheets.iter();
    sheets.map(|sheet| (sheet.name.clone(), sheet.rows.iter().map(|of| row(&of.cells)).collect())).collect()
}

/// The same of a file.
fn read(bytes: Vec<u8>) -> Vec<(String, Vec<Vec<String>>)> {
    let mut file: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).expect("it is a workbook");
    let text = |cell: &Data| match cell {
        Data::String(text) => text.clone(),
        Data::Empty => String::new(),
        other => panic!("{other:?} is no text"),
    };
    let mut sheets = Vec::new();
    for name in file.sheet_names() {
        let range = file.worksheet_range(&name).expect("it can be read");
        let rows = range.rows().map(|row| {
            let cells: Vec<String> = row.iter().map(text).collect();
            let filled = cells.iter().rposition(|cell| !cell.is_empty()).map_or(0, |last| last + 1);
            cells[..filled].to_vec()
        });
        sheets.push((name, rows.collect()));
    }
    sheets
}

#[test]
fn each_file_of_excel_says_what_its_source_says() {
    let again = "run `cargo run -p fieldmerge-model --example pack`";
    assert_eq!(names(&folder(), "xlsx"), names(&folder(), "md"), "{again}");
    for name in names(&folder(), "md") {
        let file = fs::read(folder().join(format!("{name}.xlsx"))).expect("it can be read");
        assert_eq!(read(file), cells(&workbook(&name)), "{name}: {again}");
    }
}

#[test]
fn a_file_of_excel_is_the_same_each_time() {
    let once = excel(&workbook("worker")).expect("it can be written");
    assert_eq!(excel(&workbook("worker")).expect("it can be written"), once);
    assert_eq!(read(once), cells(&workbook("worker")));
}

/// The records of a device, which it shows as files.
const RECORDS: [&str; 7] = ["worker", "site", "project", "country_rule", "firm", "assignment", "household"];

#[test]
fn every_file_that_a_form_names_is_there_or_holds_records() {
    let there = tables();
    let mut named = BTreeSet::new();
    for form in forms() {
        for element in &form.elements {
            let Some(choices) = element.question().and_then(Question::choices) else { continue };
            let ChoiceSource::File { name, value, label } = &choices.source else { continue };
            let stem = name.trim_end_matches(".csv");
            named.insert(stem.to_owned());
            let Some(table) = there.get(stem) else {
                assert!(RECORDS.contains(&stem), "{}: {name}", form.id);
                continue;
            };
            for column in [value, label] {
                assert!(table.columns.contains(column), "{}: {name} has no column {column}", form.id);
            }
            let values = table.columns.iter().position(|column| column == value).expect("it is there");
            let all = table.rows.iter().map(|row| row[values].as_str()).filter(|code| !code.is_empty());
            let codes: BTreeSet<&str> = all.clone().collect();
            assert_eq!(codes.len(), all.count(), "{name}: each {value} stands there once");
            assert!(codes.iter().all(|code| !code.contains(char::is_whitespace)), "{name}");
        }
    }
    for stem in there.keys() {
        let is_looked_at = forms().iter().any(|form| form.files.contains(&format!("{stem}.csv")));
        assert!(named.contains(stem) || is_looked_at, "no form names {stem}.csv");
    }
}

#[test]
fn each_form_is_named_like_its_workbook() {
    for name in names(&folder(), "md") {
        let form = form(&name);
        assert_eq!(form.id, format!("himo_{name}"));
        assert!(!form.version.is_empty() && !form.title.is_empty(), "{name}");
    }
}
