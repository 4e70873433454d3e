//! The files that a workbook comes with.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use fieldmerge_model::form::Workbook;
use fieldmerge_model::form::compiled::Table;
use fieldmerge_model::form::import::import;

/// How many records a device has of each kind.
const RECORDS: usize = 3;

/// Those that a workbook names: as they stand in the folder `files` beside it, or made up, as those of what a device has.
pub fn tables(workbook: &Path, text: &str) -> BTreeMap<String, Table> {
    let folder = workbook.parent().unwrap_or(workbook).join("files");
    let form = import(&Workbook::from_markdown(text), "data", None).form.expect("nothing is wrong with it");
    let table = |name: &String| {
        let path = folder.join(name);
        let table = if path.exists() { read(&path) } else { made_up(text) };
        (name.trim_end_matches(".csv").to_owned(), table)
    };
    form.files.iter().map(table).collect()
}

fn read(path: &Path) -> Table {
    let mut file = csv::Reader::from_path(path).expect("the file can be read");
    let cells = |row: &csv::StringRecord| row.iter().map(str::to_owned).collect::<Vec<_>>();
    let columns = cells(file.headers().expect("the file has columns"));
    let rows = file.records().map(|row| cells(&row.expect("the row can be read")));
    Table { columns, rows: rows.collect() }
}

/// Records with a column for each name that an expression of the workbook takes from one.
fn made_up(text: &str) -> Table {
    let is_of_name = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let named = text.split("]/").skip(1).filter_map(|rest| rest.split(|letter| !is_of_name(letter)).next());
    let columns: BTreeSet<&str> = named.chain(["label", "name"]).filter(|name| !name.is_empty()).collect();
    let cell = |column: &str, at: usize| match column {
        "label" => format!("Record {at}"),
        "name" => format!("r{at}"),
        _ if column.contains("date") => format!("200{at}-03-02"),
        _ if column.contains("year") => format!("199{at}"),
        _ => at.to_string(),
    };
    let rows = (1..=RECORDS).map(|at| columns.iter().map(|column| cell(column, at)).collect());
    Table { rows: rows.collect(), columns: columns.iter().map(|column| (*column).to_owned()).collect() }
}

/// A table as the text of a file, for others: without the columns of languages, whose headings the engine of ODK Web Forms
/// takes for expressions.
pub fn written(table: &Table) -> String {
    let mut file = csv::Writer::from_writer(Vec::new());
    for row in std::iter::once(&table.columns).chain(&table.rows) {
        let cells = row.iter().zip(&table.columns).filter(|(_, column)| !column.contains("::"));
        file.write_record(cells.map(|(cell, _)| cell)).expect("memory takes it");
    }
    String::from_utf8(file.into_inner().expect("memory takes it")).expect("it is text")
}
