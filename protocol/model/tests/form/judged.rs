//! Records are judged by what is known of them, and by nothing else.

use std::collections::{BTreeMap, BTreeSet};

use fieldmerge_model::form::compiled::Table;
use fieldmerge_model::form::filling::{FORM, StoredRecord, When, judge};
use fieldmerge_protocol::{Path, Value};

use super::told::compiled_with;

const COLUMNS: &str = "| | type | name | label | relevant | required | constraint | calculation | choice_filter | repeat_count | fm::kind | fm::record |";
const CHOICES: &str = "
| choices |
| | list_name | name | label | side |
| | yn | yes | Yes | n |
| | yn | no | No | s |
| settings |
| | form_id | fm::record |
| | worker | worker |
";
/// The day on which records are judged, and one a year before, in milliseconds.
const NOW: i64 = 1_772_339_400_000;
const THEN: i64 = NOW - 365 * 86_400_000;

fn path(text: &str) -> Path {
    Path::new(text).expect("a path")
}

/// What is wrong with a worker who was registered with a form, as `path fault`. What was written at `old` was written a year
/// before the rest.
fn judged(rows: &str, answers: &[(&str, Value)], old: &str) -> Vec<String> {
    let rows: Vec<&str> = rows.trim().lines().map(str::trim).collect();
    let rows = rows.join("\n");
    let workers = Table {
        columns: ["name", "label", "person", "side"].map(str::to_owned).to_vec(),
        rows: vec![vec!["w1".to_owned(), "Rabe".to_owned(), String::new(), "s".to_owned()]],
    };
    let form = compiled_with(
        &format!("| survey |\n{COLUMNS}\n{rows}\n{CHOICES}"),
        BTreeMap::from([("worker".to_owned(), workers)]),
    );
    let values = answers.iter().map(|(name, value)| (path(name), value.clone())).collect();
    let record = StoredRecord { target: form.form().record.clone(), key: None, values };
    let when = When { saved_ms: NOW, written_ms: &|_, path| if path == old { THEN } else { NOW } };
    let breaches = judge(&form, 0, &[record], &BTreeSet::from(["worker".to_owned()]), &when);
    breaches.into_iter().map(|breach| format!("{} {}", breach.path, breach.fault.code())).collect()
}

/// The same, where a form wrote the record.
fn wrong(rows: &str, answers: &[(&str, Value)]) -> Vec<String> {
    judged(rows, &[answers, &[(FORM, Value::Uint(1))]].concat(), "")
}

const NONE: [&str; 0] = [];

#[test]
fn what_follows_from_an_answer_that_is_kept_nowhere_is_in_doubt() {
    let asked = "| | select_one yn | asked | Asked | | | | | | | none | |\n";
    let kept = asked.replace("none", "");
    let size = [("size", Value::Int(3))];
    for (rule, answers) in [
        ("| | text | called | Called | | ${asked} = '' | | | | | | |", &[][..]),
        ("| | text | called | Called | ${asked} = '' | yes | | | | | | |", &[]),
        ("| | integer | size | Size | | | ${asked} = 'yes' | | | | | |", &size),
        (
            "| | calculate | twice | | | | | concat(${asked}, ${asked}) | | | none | |
             | | begin_group | inner | | ${twice} = '' | | | | | | | |
             | | text | called | Called | | yes | | | | | | |
             | | end_group | | | | | | | | | | |",
            &[],
        ),
    ] {
        assert_eq!(wrong(&format!("{asked}{rule}"), answers), NONE, "{rule}");
        assert_eq!(wrong(&format!("{kept}{rule}"), answers).len(), 1, "where the answer is kept: {rule}");
    }
}

#[test]
fn of_a_choice_whose_filter_is_in_doubt_counts_whether_the_list_has_it() {
    let rows = "| | text | side | Side | | | | | | | none | |
                | | select_one yn | has | Has | | | | | side = ${side} | | | |";
    assert_eq!(wrong(rows, &[("has", Value::str("yes"))]), NONE);
    assert_eq!(wrong(rows, &[("has", Value::str("perhaps"))]), ["has not-offered"]);
    let kept = rows.replace("none", "");
    assert_eq!(wrong(&kept, &[("has", Value::str("yes")), ("side", Value::str("n"))]), NONE);
    assert_eq!(wrong(&kept, &[("has", Value::str("yes")), ("side", Value::str("s"))]), ["has not-offered"]);
}

#[test]
fn what_follows_from_records_that_are_not_there_is_in_doubt() {
    let rows = "| | begin_group | home | Home | | | | | | | | household |
                | | integer | rooms | Rooms | | | | | | | | |
                | | end_group | | | | | | | | | | |
                | | text | called | Called | | not(${rooms} > 1) | | | | | | |";
    assert_eq!(wrong(rows, &[]), NONE);
    assert_eq!(wrong(&rows.replace("household", ""), &[]), ["called required"]);
}

#[test]
fn a_file_of_records_is_looked_up_by_name_alone() {
    let of = |rule: &str| {
        let rows = format!(
            "| | select_one_from_file worker.csv | who | Who | | | | | | | | |
             | | text | called | Called | | {rule} | | | | | | |"
        );
        wrong(&rows, &[("who", Value::str("w1"))])
    };
    let required = ["called required"];
    assert_eq!(of("instance('worker')/root/item[name = ${who}]/side = 's'"), required);
    assert_eq!(of("pulldata('worker', 'side', 'name', ${who}) = 's'"), required);
    assert_eq!(of("count(instance('worker')/root/item) = 1"), NONE);
    assert_eq!(of("count(instance('worker')/root/item[name = ${who}]) = 1"), NONE);
    assert_eq!(of("instance('worker')/root/item[side = 's']/side = 's'"), NONE);
    assert_eq!(of("instance('worker')/root/item[name = ${who}]/label = 'Rabe'"), NONE);
    assert_eq!(of("random() >= 0"), NONE);
}

#[test]
fn instances_that_a_form_counts_and_no_record_has_are_not_judged() {
    let rows = "| | begin_repeat | child | Child | | | | | | 3 | | |
                | | text | called | Called | | yes | | | | | | |
                | | end_repeat | | | | | | | | | | |";
    assert_eq!(wrong(rows, &[]), NONE);
    let one = wrong(rows, &[("child/0195d6a0-0000-7000-8000-000000000001/size", Value::Int(1))]);
    assert_eq!(one, ["child/0195d6a0-0000-7000-8000-000000000001/called required"]);
}

#[test]
fn what_no_form_wrote_is_required_of_nobody() {
    let rows = "| | integer | size | Size | | | . > 5 | | | | | |
                | | text | called | Called | | yes | | | | | | |";
    let answers = [("size", Value::Int(3))];
    assert_eq!(judged(rows, &answers, ""), ["size constraint"]);
    assert_eq!(wrong(rows, &answers), ["size constraint", "called required"]);
}

#[test]
fn what_breaks_a_rule_broke_it_when_it_was_written() {
    let rows = "| | date | day | Day | | | . > today() - 30 and . <= today() | | | | | |";
    let day = |day: &str, old: &str| judged(rows, &[("day", Value::str(day))], old);
    assert_eq!(day("2026-02-20", ""), NONE);
    assert_eq!(day("2025-02-20", ""), ["day constraint"], "it was written today");
    assert_eq!(day("2025-02-20", "day"), NONE, "it was right a year ago, when it was written");
    assert_eq!(day("2026-02-20", "day"), NONE, "it is right now");
    assert_eq!(day("2024-02-20", "day"), ["day constraint"], "it never was");
}

#[test]
fn where_it_cannot_be_calculated_what_is_offered_nothing_is_wrong() {
    let rows = "| | select_one yn | has | Has | | | | | regex(side, ${pattern}) | | | |
                | | text | pattern | Pattern | | | | | | | | |";
    let answers = [("has", Value::str("yes")), ("pattern", Value::str("("))];
    assert_eq!(wrong(rows, &answers), NONE);
}
