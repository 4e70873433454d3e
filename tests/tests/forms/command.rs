//! `fieldmerge form check`, as a process.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use fieldmerge_model::form::Form;
use fieldmerge_tests::database::folder;
use serde_json::Value;

use crate::files::{FORM, excel};
use crate::wrong;

fn check(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fieldmerge_under_test"));
    command.current_dir(folder).args(["form", "check"]).args(arguments).output().expect("the program runs")
}

fn put(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, bytes).expect("the file is written");
    path
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("it is text")
}

const MISTAKES: &str = "\
| settings |
| | form_id | version | public_key |
| | works | 7 | MIIB |
| choices |
| | list_name | name | label |
| | sex | female | Female |
| | sex | female | Woman |
| survey |
| | type | name | label | lable | relevant |
| | integr | age | Age | | |
| | text | family name | Family name | | |
| | select_one sexe | sex | Sex | | |
| | text | why | | | ${agee} > 1 and |
| | audit | audit | | | |
| | begin_group | g | Group | | |
";

#[test]
fn every_mistake_is_said_to_people_in_the_order_of_the_workbook() {
    let folder = folder();
    put(folder.path(), "works.xlsx", excel(MISTAKES));
    for language in ["en", "fr"] {
        let output = check(folder.path(), &["works.xlsx", "--language", language]);
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(1), String::new()));
        insta::assert_snapshot!(format!("mistakes-{language}"), text(&output.stdout));
    }
}

#[test]
fn a_form_without_mistakes_says_what_it_asks() {
    let folder = folder();
    put(folder.path(), "workers.xlsx", excel(FORM));
    let output = check(folder.path(), &["workers.xlsx"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    insta::assert_snapshot!("contents", text(&output.stdout));
    let output = check(folder.path(), &["workers.xlsx", "--language", "fr"]);
    insta::assert_snapshot!("contents-fr", text(&output.stdout));
}

#[test]
fn programs_get_findings_with_codes_and_places() {
    let folder = folder();
    put(folder.path(), "works.xlsx", excel(MISTAKES));
    let output = check(folder.path(), &["works.xlsx", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["form"], Value::Null);
    let findings = report["findings"].as_array().expect("a list");
    let count = |severity: &str| findings.iter().filter(|found| found["severity"] == severity).count();
    assert_eq!(
        (&report["mistakes"], &report["warnings"]),
        (&count("error").into(), &count("warning").into())
    );
    let unknown = findings.iter().find(|found| found["code"] == "type-unknown").expect("it is found");
    assert_eq!(
        (&unknown["sheet"], &unknown["row"], &unknown["column"]),
        (&"survey".into(), &10.into(), &"type".into())
    );
    assert_eq!(unknown["message"], "There is no type integr. Did you mean integer?");

    put(folder.path(), "workers.xlsx", excel(FORM));
    let output = check(folder.path(), &["workers.xlsx", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let form = serde_json::json!({
        "id": "workers", "version": "3", "title": "Ouvriers",
        "questions": 5, "groups": 1, "repeats": 1, "languages": 2, "choices": 4,
    });
    assert_eq!((&report["form"], &report["mistakes"]), (&form, &0.into()));
}

#[test]
fn a_form_that_was_printed_keeps_its_paths_in_the_next_version() {
    let folder = folder();
    put(folder.path(), "workers.xlsx", excel(FORM));
    let printed = check(folder.path(), &["workers.xlsx", "--form"]);
    assert_eq!(printed.status.code(), Some(0));
    let form: Form = serde_json::from_slice(&printed.stdout).expect("a form");
    assert_eq!(form.id, "workers");
    assert!(text(&printed.stderr).starts_with("workers version 3, Ouvriers:"), "{}", text(&printed.stderr));
    let earlier = text(&printed.stdout).replace("\"path\": \"family_name\"", "\"path\": \"surname\"");
    put(folder.path(), "earlier.json", earlier);
    let next = check(folder.path(), &["workers.xlsx", "--form", "--json", "--earlier", "earlier.json"]);
    let form: Form = serde_json::from_slice(&next.stdout).expect("a form");
    let paths: Vec<&str> = form.elements.iter().filter_map(|element| element.path.as_deref()).collect();
    assert_eq!(paths, ["surname", "sex", "town", "born", "children", "age", "ages"]);
    assert!(serde_json::from_slice::<Value>(&next.stderr).is_ok(), "what was found is JSON too");
}

#[test]
fn a_form_is_not_printed_where_there_is_none() {
    let folder = folder();
    put(folder.path(), "works.xlsx", excel(MISTAKES));
    let output = check(folder.path(), &["works.xlsx", "--form"]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(1), String::new()));
    assert!(text(&output.stderr).contains("Did you mean integer?"));
}

#[test]
fn a_form_takes_the_name_of_its_file_and_no_letter_moves_the_cursor() {
    let folder = folder();
    put(folder.path(), "site.v2.md", "| survey |\n| | type | name | label |\n| | te\u{1b}[2Jxt | a | A |\n");
    let output = check(folder.path(), &["site.v2.md"]);
    assert!(!text(&output.stdout).contains('\u{1b}'), "{}", text(&output.stdout));
    put(folder.path(), "site.v2.md", "| survey |\n| | type | name | label |\n| | text | a | A |\n");
    let output = check(folder.path(), &["site.v2.md"]);
    assert!(
        text(&output.stdout).starts_with("site.v2, site.v2: 1 question, 0 groups"),
        "{}",
        text(&output.stdout)
    );
}

#[test]
fn what_is_no_workbook_is_told_by_code_and_exit() {
    let folder = folder();
    put(folder.path(), "form.md", FORM);
    for (code, bytes) in wrong::files() {
        put(folder.path(), "file", bytes);
        let output = check(folder.path(), &["file", "--json"]);
        let error: Value = serde_json::from_slice(&output.stderr).expect("JSON");
        assert_eq!((output.status.code(), &error["error"]), (Some(2), &code.into()));
    }
    let output = check(folder.path(), &["file", "--language", "fr"]);
    assert!(
        text(&output.stderr).starts_with("error: file: Le classeur a plus de"),
        "{}",
        text(&output.stderr)
    );
    put(folder.path(), "loop.json", "{\"elements\":[]}");
    for (arguments, exit, said) in [
        (&["nowhere.xlsx"][..], 3, "there is no file nowhere.xlsx"),
        (&["."], 2, "cannot read .: "),
        (&["form.md", "--earlier", "nowhere.json"], 3, "there is no file nowhere.json"),
        (&["form.md", "--earlier", "loop.json"], 2, "loop.json is no form as"),
        (&["form.md", "--language", "de"], 2, "invalid value 'de'"),
        (&[], 2, "<FILE>"),
    ] {
        let output = check(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(exit), "{arguments:?}");
        assert!(text(&output.stderr).contains(said), "{arguments:?}: {}", text(&output.stderr));
    }
}

#[test]
fn an_earlier_form_that_a_person_has_bent_is_refused() {
    let folder = folder();
    put(folder.path(), "form.md", FORM);
    let printed = text(&check(folder.path(), &["form.md", "--form"]).stdout);
    for parent in ["3", "99"] {
        put(
            folder.path(),
            "bent.json",
            printed.replacen("\"parent\": 0", &format!("\"parent\": {parent}"), 1),
        );
        let output = check(folder.path(), &["form.md", "--earlier", "bent.json"]);
        assert_eq!(output.status.code(), Some(2), "{}", text(&output.stdout));
    }
}
