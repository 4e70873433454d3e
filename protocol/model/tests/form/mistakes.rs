//! Each mistake that can be found has a workbook that has it, and is found where it stands.

use std::collections::BTreeSet;

use fieldmerge_model::form::Workbook;
use fieldmerge_model::form::import::{MAX_CELL_CHARACTERS, MAX_DEPTH, MAX_ROWS, Mistake, Severity, import};

use super::mistaken::WORKBOOKS;

fn found(text: &str) -> Vec<(&'static str, String, Severity)> {
    let has_settings = text.contains("| settings |")
        || text.contains("| survey |\n| | type | name | label |\n| | text | a | A |\n")
        || text == NO_ID;
    let text =
        if has_settings { text.to_owned() } else { format!("{text}\n| settings |\n| | form_id |\n| | f |") };
    let import = import(&Workbook::from_markdown(&text), "", None);
    let place = |row: Option<u32>| row.map(|row| row.to_string()).unwrap_or_default();
    let findings = import.findings.iter().map(|finding| {
        let at = format!("{}:{}:{}", finding.place.sheet, place(finding.place.row), finding.place.column);
        for language in ["en", "fr"] {
            let message = finding.message(language);
            assert!(
                message.ends_with(['.', '?']) && !message.contains('{') || message.contains("${"),
                "{message}"
            );
        }
        (finding.mistake.code(), at, finding.mistake.severity())
    });
    let findings: Vec<_> = findings.collect();
    let is_wrong = findings.iter().any(|(.., severity)| *severity == Severity::Error);
    assert_eq!(import.form.is_none(), is_wrong, "{text}");
    findings
}

const NO_ID: &str = "| survey |\n| | type | name | label |\n| | text | a | A |";

#[test]
fn each_mistake_is_found_where_it_stands() {
    for (code, place, text) in WORKBOOKS {
        let all = found(text);
        let is_found = all.iter().any(|(found, at, _)| found == code && at == place);
        assert!(is_found, "{code} at {place}: {all:?}\n{text}");
    }
}

#[test]
fn every_mistake_is_tried() {
    let tried: BTreeSet<&str> = WORKBOOKS.iter().map(|(code, ..)| *code).collect();
    // What needs more than a line to write has tests of its own.
    let apart = ["too-large", "cell-too-long", "too-deep"];
    let all = Mistake::ALL.iter().map(|mistake| mistake.code()).filter(|code| !apart.contains(code));
    let untried: Vec<&str> = all.filter(|code| !tried.contains(code)).collect();
    assert_eq!(untried, [""; 0]);
}

#[test]
fn what_is_too_large_is_not_read() {
    let row = "| | text | a | A |\n";
    let large = format!("| survey |\n| | type | name | label |\n{}", row.repeat(MAX_ROWS));
    assert_eq!(found(&large), [("too-large", "survey::".to_owned(), Severity::Error)]);
    let long = format!(
        "| survey |\n| | type | name | label |\n| | text | a | {} |",
        "x".repeat(MAX_CELL_CHARACTERS + 1)
    );
    assert_eq!(found(&long), [("cell-too-long", "survey:3:".to_owned(), Severity::Error)]);
    let begins: Vec<String> = (0..=MAX_DEPTH).map(|at| format!("| | begin_group | g{at} | G |\n")).collect();
    let begins = begins.concat();
    let ends = "| | end_group | | |\n".repeat(MAX_DEPTH + 1);
    let deep = format!("| survey |\n| | type | name | label |\n{begins}{ends}");
    let row = MAX_DEPTH + 3;
    assert_eq!(found(&deep), [("too-deep", format!("survey:{row}:"), Severity::Error)]);
}
