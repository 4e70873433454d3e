//! Each mistake that can be found has a workbook that has it, and is found where it stands.

use std::collections::BTreeSet;

use fieldmerge_model::form::Workbook;
use fieldmerge_model::form::import::{MAX_CELL_CHARACTERS, MAX_DEPTH, MAX_ROWS, Mistake, Severity, import};

/// Code, place (`sheet:row:column`), and the workbook, rows counted from its first line. `settings` is added with an id.
const WORKBOOKS: &[(&str, &str, &str)] = &[
    ("no-survey", "::", "| surveys |\n| | type | name |"),
    ("sheet-misspelt", "surveys::", "| surveys |\n| | type | name |"),
    (
        "sheet-misspelt",
        "choice::",
        "| survey |\n| | type | name | label |\n| | text | a | A |\n| choice |\n| | list_name |",
    ),
    ("sheet-unsupported", "external_choices::", "| external_choices |\n| | list_name | name |"),
    ("sheet-unsupported", "entities:4:", "| entities |\n| | list_name |\n| | worker |\n| | firm |"),
    ("header-missing", "survey::type", "| survey |\n| | name | label |\n| | a | A |"),
    ("header-missing", "choices::list_name", "| choices |\n| | name | label |\n| | a | A |"),
    (
        "header-twice",
        "survey:2:relevance",
        "| survey |\n| | type | name | label | relevant | relevance |\n| | text | a | A |",
    ),
    ("column-unknown", "survey:2:lable", "| survey |\n| | type | name | label | lable |\n| | text | a | A |"),
    (
        "column-unsupported",
        "survey:2:sms_field",
        "| survey |\n| | type | name | label | sms_field |\n| | text | a | A |",
    ),
    (
        "column-name",
        "choices::see also",
        "| choices |\n| | list_name | name | label | see also |\n| | l | a | A | x |",
    ),
    ("setting-unknown", "settings:3:form_idd", "| settings |\n| | form_id | form_idd |\n| | f | g |"),
    ("setting-unsupported", "settings:3:public_key", "| settings |\n| | form_id | public_key |\n| | f | g |"),
    ("form-id-missing", "settings::form_id", "| survey |\n| | type | name | label |\n| | text | a | A |"),
    ("form-id-invalid", "settings:3:form_id", "| settings |\n| | form_id |\n| | a/b |"),
    (
        "version-invalid",
        "settings:3:version",
        "| settings |\n| | form_id | version |\n| | f | 00000000001111111111222222222233333333334444444444555555555566666 |",
    ),
    (
        "language-unknown",
        "settings:3:default_language",
        "| settings |\n| | form_id | default_language |\n| | f | Deutsch |\n| survey |\n| | type | name | label::English |\n| | text | a | A |",
    ),
    (
        "translation-missing",
        "survey:3:label",
        "| survey |\n| | type | name | label::English | label::Français |\n| | text | a | A | |",
    ),
    ("type-missing", "survey:3:", "| survey |\n| | type | name | label |\n| | | a | A |"),
    ("type-unknown", "survey:3:type", "| survey |\n| | type | name | label |\n| | integr | a | A |"),
    ("type-unsupported", "survey:3:type", "| survey |\n| | type | name | label |\n| | osm tags | a | A |"),
    ("type-ignored", "survey:3:type", "| survey |\n| | type | name | label |\n| | audit | audit | |"),
    ("type-ignored", "survey:3:type", "| survey |\n| | type | name | label |\n| | simserial | sim | |"),
    ("row-ignored", "survey:3:", "| survey |\n| | type | name | label | hint |\n| | | | | a note |"),
    (
        "row-disabled",
        "survey:3:",
        "| survey |\n| | type | name | label | disabled |\n| | text | a | A | yes |",
    ),
    ("name-missing", "survey:3:name", "| survey |\n| | type | name | label |\n| | text | | A |"),
    ("name-invalid", "survey:3:name", "| survey |\n| | type | name | label |\n| | text | a b | A |"),
    ("name-reserved", "survey:3:name", "| survey |\n| | type | name | label |\n| | text | meta | A |"),
    (
        "name-twice",
        "survey:4:name",
        "| survey |\n| | type | name | label |\n| | text | a | A |\n| | text | a | B |",
    ),
    (
        "name-case",
        "survey:4:name",
        "| survey |\n| | type | name | label |\n| | text | a | A |\n| | text | A | B |",
    ),
    ("name-refused", "survey:3:name", "| survey |\n| | type | name | label |\n| | text | hiv_status | A |"),
    (
        "name-long",
        "survey:3:name",
        "| survey |\n| | type | name | label |\n| | text | a0000000001111111111222222222233333333334444444444555555555566666 | A |",
    ),
    (
        "name-ambiguous",
        "survey:4:name",
        "| survey |\n| | type | name | label | save_to |\n| | text | a | A | x |\n| | text | b | B | x |\n| entities |\n| | list_name |\n| | worker |",
    ),
    (
        "repeat-name-twice",
        "survey:6:name",
        "| survey |\n| | type | name | label |\n| | begin_group | g | G |\n| | begin_repeat | r | R |\n| | end_repeat | | |\n| | begin_repeat | r | R |\n| | end_repeat | | |\n| | end_group | | |",
    ),
    ("end-without-begin", "survey:3:type", "| survey |\n| | type | name | label |\n| | end_group | | |"),
    (
        "begin-without-end",
        "survey:3:type",
        "| survey |\n| | type | name | label |\n| | begin_group | g | G |",
    ),
    ("label-missing", "survey:3:label", "| survey |\n| | type | name | label |\n| | text | a | |"),
    ("list-missing", "survey:3:type", "| survey |\n| | type | name | label |\n| | select_one | a | A |"),
    ("list-unknown", "survey:3:type", "| survey |\n| | type | name | label |\n| | select_one l | a | A |"),
    (
        "list-file",
        "survey:3:type",
        "| survey |\n| | type | name | label |\n| | select_one_from_file l.txt | a | A |",
    ),
    (
        "other-with-filter",
        "survey:6:choice_filter",
        "| choices |\n| | list_name | name | label |\n| | l | a | A |\n| survey |\n| | type | name | label | choice_filter |\n| | select_one l or_other | a | A | true() |",
    ),
    (
        "choice-list-missing",
        "choices:3:list_name",
        "| choices |\n| | list_name | name | label |\n| | | a | A |",
    ),
    ("choice-name-missing", "choices:3:name", "| choices |\n| | list_name | name | label |\n| | l | | A |"),
    (
        "choice-twice",
        "choices:4:name",
        "| choices |\n| | list_name | name | label |\n| | l | a | A |\n| | l | a | B |",
    ),
    (
        "choice-space",
        "choices:3:name",
        "| choices |\n| | list_name | name | label |\n| | l | a b | A |\n| survey |\n| | type | name | label |\n| | select_multiple l | a | A |",
    ),
    ("choice-label-missing", "choices:3:label", "| choices |\n| | list_name | name | label |\n| | l | a | |"),
    (
        "parameter-syntax",
        "survey:3:parameters",
        "| survey |\n| | type | name | label | parameters |\n| | range | a | A | start |",
    ),
    (
        "parameter-unknown",
        "survey:3:parameters",
        "| survey |\n| | type | name | label | parameters |\n| | range | a | A | begin=0 |",
    ),
    (
        "parameter-ignored",
        "survey:3:parameters",
        "| survey |\n| | type | name | label | parameters |\n| | text | a | A | rows=5 |",
    ),
    (
        "parameter-ignored",
        "survey:3:parameters",
        "| survey |\n| | type | name | label | parameters |\n| | integer | a | A | x=5 |",
    ),
    (
        "parameter-value",
        "survey:3:parameters",
        "| survey |\n| | type | name | label | parameters |\n| | range | a | A | start=zero |",
    ),
    (
        "parameter-value",
        "survey:3:parameters",
        "| survey |\n| | type | name | label | parameters |\n| | image | a | A | max-pixels=big |",
    ),
    (
        "calculation-missing",
        "survey:3:calculation",
        "| survey |\n| | type | name | calculation |\n| | calculate | a | |",
    ),
    (
        "trigger-invalid",
        "survey:4:trigger",
        "| survey |\n| | type | name | label | calculation | trigger |\n| | text | a | A | | |\n| | calculate | b | | now() | a |",
    ),
    (
        "expression-invalid",
        "survey:3:relevant",
        "| survey |\n| | type | name | label | relevant |\n| | text | a | A | 1 + |",
    ),
    (
        "reference-unknown",
        "survey:3:constraint",
        "| survey |\n| | type | name | label | constraint |\n| | text | a | A | . > ${b} |",
    ),
    (
        "reference-unknown",
        "survey:3:label",
        "| survey |\n| | type | name | label |\n| | text | a | What of ${b}? |",
    ),
    (
        "reference-unknown",
        "survey:3:trigger",
        "| survey |\n| | type | name | calculation | trigger |\n| | calculate | a | now() | ${b} |",
    ),
    (
        "reference-ambiguous",
        "survey:9:relevant",
        "| survey |\n| | type | name | label | relevant |\n| | begin_group | g | G | |\n| | text | a | A | |\n| | end_group | | | |\n| | begin_group | h | H | |\n| | text | a | A | |\n| | end_group | | | |\n| | text | b | B | ${a} = 1 |",
    ),
    (
        "cycle",
        "survey:3:calculation",
        "| survey |\n| | type | name | calculation |\n| | calculate | a | ${b} + 1 |\n| | calculate | b | ${a} + 1 |",
    ),
    (
        "cycle",
        "survey:3:relevant",
        "| survey |\n| | type | name | label | relevant |\n| | begin_group | g | G | ${a} = 1 |\n| | text | a | A | |\n| | end_group | | | |",
    ),
    (
        "cycle",
        "survey:3:relevant",
        "| survey |\n| | type | name | label | relevant |\n| | text | a | A | . = 1 |",
    ),
    (
        "save-to-invalid",
        "survey:3:save_to",
        "| survey |\n| | type | name | label | save_to |\n| | text | a | A | x |",
    ),
    (
        "save-to-invalid",
        "survey:3:save_to",
        "| survey |\n| | type | name | label | save_to |\n| | begin_group | a | A | x |\n| | end_group | | | |",
    ),
    (
        "value-unknown",
        "survey:3:fm::merge",
        "| survey |\n| | type | name | label | fm::merge |\n| | text | a | A | X |",
    ),
    (
        "value-unknown",
        "survey:3:bind::fm:write",
        "| survey |\n| | type | name | label | bind::fm:write |\n| | text | a | A | everybody |",
    ),
    (
        "record-invalid",
        "survey:3:fm::record",
        "| survey |\n| | type | name | label | fm::record |\n| | begin_group | a | A | Big Thing |\n| | end_group | | | |",
    ),
];

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
