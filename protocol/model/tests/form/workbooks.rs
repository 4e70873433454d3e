//! Workbooks made by chance.

use proptest::prelude::*;
use proptest::sample::select;

const SHEETS: &[&str] = &["survey", "Survey ", "choices", "settings", "entities", "surevy", "notes", "osm"];
const HEADINGS: &[&str] = &[
    "type",
    "name",
    "label",
    "label::fr",
    "label::English (en)",
    "hint",
    "relevant",
    "calculation",
    "constraint",
    "required",
    "default",
    "trigger",
    "choice_filter",
    "parameters",
    "repeat_count",
    "list_name",
    "region",
    "form_id",
    "default_language",
    "instance_name",
    "save_to",
    "fm::merge",
    "bind::fm:record",
    "bind::jr:constraintMsg::fr",
    "",
    "a b",
    "::",
    "label::",
    "media::image::fr",
    "disabled",
];
const CELLS: &[&str] = &[
    "",
    "text",
    "integer",
    "select_one l",
    "select_multiple l or_other",
    "rank l",
    "select_one ${a}",
    "select_one_from_file a.csv",
    "begin_group",
    "end_group",
    "begin repeat",
    "end repeat",
    "note",
    "calculate",
    "range",
    "image",
    "audit",
    "csv-external",
    "a",
    "b",
    "A",
    "é",
    "l",
    "meta",
    "hiv",
    "${a} + 1",
    "${b} = 1",
    "${a",
    "today()",
    "indexed-repeat(${a}, ${b}, 1)",
    ". > 1",
    "yes",
    "no",
    "start=1 end=5",
    "randomize=true",
    "=",
    "H",
    "core/worker",
    "${a}, ${b}",
    "(((",
    "\u{2019}\u{a0}",
    "'",
    "\\",
];

const TYPES: &[&str] = &[
    "text",
    "integer",
    "date",
    "select_one l",
    "select_multiple l",
    "begin_group",
    "end_group",
    "begin_repeat",
    "end_repeat",
    "note",
    "calculate",
    "range",
    "image",
];
const NAMES: &[&str] = &["a", "b", "c", "d", "é", "f.1", "G"];

/// What may stand in a cell.
pub fn cell() -> impl Strategy<Value = String> {
    prop_oneof![12 => select(CELLS).prop_map(str::to_owned), 1 => any::<String>()]
}

/// What may stand above a column.
pub fn heading() -> impl Strategy<Value = String> {
    prop_oneof![20 => select(HEADINGS).prop_map(str::to_owned), 1 => any::<String>()]
}

/// A sheet of any kind.
fn sheet() -> impl Strategy<Value = Vec<Vec<String>>> {
    let rows = (1_usize..9).prop_flat_map(move |width| {
        let headings = proptest::collection::vec(heading(), width);
        (headings, proptest::collection::vec(proptest::collection::vec(cell(), 0..=width), 0..14))
    });
    (select(SHEETS), rows).prop_map(|(name, (headings, rows))| table(name, headings, rows))
}

/// A survey that could be a form, but for one column.
fn survey() -> impl Strategy<Value = Vec<Vec<String>>> {
    let row =
        (select(TYPES), select(NAMES), "[a-z]{0,3}", prop_oneof![3 => Just(String::new()), 1 => cell()]);
    let row = row.prop_map(|(kind, name, label, last)| vec![kind.to_owned(), name.to_owned(), label, last]);
    (select(HEADINGS), proptest::collection::vec(row, 0..8)).prop_map(|(last, rows)| {
        let headings = ["type", "name", "label", last].map(str::to_owned).to_vec();
        let list = [["l", "x", "X"], ["l", "y", ""]].map(|row| row.map(str::to_owned).to_vec()).to_vec();
        let choices = table("choices", ["list_name", "name", "label"].map(str::to_owned).to_vec(), list);
        [table("survey", headings, rows), choices].concat()
    })
}

fn table(name: &str, headings: Vec<String>, rows: Vec<Vec<String>>) -> Vec<Vec<String>> {
    let rows = [vec![headings], rows].concat();
    let rows = rows.into_iter().map(|row| [vec![String::new()], row].concat());
    std::iter::once(vec![name.to_owned()]).chain(rows).collect()
}

/// The rows of a workbook, as one table: of any kind, or one that could be a form.
pub fn workbooks() -> impl Strategy<Value = Vec<Vec<String>>> {
    let any = proptest::collection::vec(sheet(), 0..4).prop_map(|sheets| sheets.concat());
    prop_oneof![any, survey()]
}
