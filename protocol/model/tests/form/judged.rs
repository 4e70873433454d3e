//! Records are judged by what is known of them, and by nothing else.

use std::collections::{BTreeMap, BTreeSet};

use fieldmerge_model::access::Roles;
use fieldmerge_model::form::compiled::Table;
use fieldmerge_model::form::filling::{FORM, Lacking, Past, StoredRecord, judge};
use fieldmerge_protocol::{Path, Value};

use super::told::compiled_with;

const COLUMNS: &str = "| | type | name | label | relevant | required | constraint | calculation | choice_filter | repeat_count | fm::kind | fm::record |";
const CHOICES: &str = "
| choices |
| | list_name | name | label | side |
| | yn | yes | Yes | n |
| | yn | no | No | s |
| | truth | true | True | n |
| | truth | false | False | s |
| | bit | 1 | Yes | n |
| | bit | 0 | No | s |
| settings |
| | form_id | fm::record |
| | worker | worker |
";
/// The number of the version of the form.
const VERSION: u64 = 7;
/// The day on which records are judged, and one a year before, in milliseconds.
const NOW: i64 = 1_772_339_400_000;
const THEN: i64 = NOW - 365 * 86_400_000;

fn path(text: &str) -> Path {
    Path::new(text).expect("a path")
}

/// A worker who was registered with a form, and what is known of her.
struct Case<'c> {
    rows: &'c str,
    answers: Vec<(&'c str, Value)>,
    /// What was written a year before the rest.
    old: &'c str,
    saved_ms: i64,
    /// The file of workers lacks one that is named.
    lacks: bool,
}

impl Case<'_> {
    /// What is wrong, as `path fault`.
    fn wrong(&self) -> Vec<String> {
        let rows: Vec<&str> = self.rows.trim().lines().map(str::trim).collect();
        let rows = rows.join("\n");
        let workers = Table {
            columns: ["name", "label", "person", "side"].map(str::to_owned).to_vec(),
            rows: vec![vec!["w1".to_owned(), "Rabe".to_owned(), String::new(), "s".to_owned()]],
        };
        let form = compiled_with(
            &format!("| survey |\n{COLUMNS}\n{rows}\n{CHOICES}"),
            BTreeMap::from([("worker".to_owned(), workers)]),
        );
        let values = self.answers.iter().map(|(name, value)| (path(name), value.clone())).collect();
        let record = StoredRecord { target: form.form().record.clone(), key: None, values };
        let files = BTreeSet::from(["worker".to_owned()]);
        let missing = if self.lacks { files.clone() } else { BTreeSet::new() };
        let lacking = Lacking { partial: files, missing };
        let written_ms = |_, path: &str| if path == self.old { THEN } else { self.saved_ms };
        let past = Past {
            form: VERSION,
            saved_ms: self.saved_ms,
            written_ms: &written_ms,
            written_by: &|_, _| Roles::ALL,
            lacking: &lacking,
        };
        let breaches = judge(&form, 0, &[record], &past);
        breaches.into_iter().map(|breach| format!("{} {}", breach.path, breach.fault.code())).collect()
    }
}

fn case<'c>(rows: &'c str, answers: &[(&'c str, Value)]) -> Case<'c> {
    let answers = [answers, &[(FORM, Value::Uint(VERSION))]].concat();
    Case { rows, answers, old: "", saved_ms: NOW, lacks: false }
}

/// What is wrong where this version of a form wrote the record.
fn wrong(rows: &str, answers: &[(&str, Value)]) -> Vec<String> {
    case(rows, answers).wrong()
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
    assert_eq!(of("pulldata('worker', 'name', 'side', 's') = 'w1'"), NONE);
    assert_eq!(of("instance('worker')/root/item[name = ${who} or side = 's']/side = 's'"), NONE);
    assert_eq!(of("instance('worker')/root/item[side = 's']/name = 'w1'"), NONE);
    for passing in ["random() >= 0", "now() > '2020-01-01'", "jr:choice-name(${who}, '${who}') != 'x'"] {
        assert_eq!(of(passing), NONE, "{passing}");
    }
    let rows = "| | select_one_from_file worker.csv | who | Who | | | | | | | | |
                | | text | called | Called | | pulldata('worker', 'side', 'name', ${who}) = 's' | | | | | | |";
    let case = Case { lacks: true, ..case(rows, &[("who", Value::str("w1"))]) };
    assert_eq!(case.wrong(), NONE, "the row that is named may say something else");
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
fn what_no_form_wrote_is_required_of_nobody_and_what_another_version_wrote_is_not_judged() {
    let rows = "| | integer | size | Size | | | . > 5 | | | | | |
                | | text | called | Called | | yes | | | | | | |";
    let answers = [("size", Value::Int(3))];
    assert_eq!(Case { answers: answers.to_vec(), ..case(rows, &[]) }.wrong(), ["size constraint"]);
    assert_eq!(wrong(rows, &answers), ["size constraint", "called required"]);
    let other = [&answers[..], &[(FORM, Value::Uint(VERSION - 1))]].concat();
    assert_eq!(Case { answers: other, ..case(rows, &[]) }.wrong(), NONE);
}

#[test]
fn what_breaks_a_rule_broke_it_when_it_was_written() {
    let rows = "| | date | day | Day | | | . > today() - 30 and . <= today() | | | | | |";
    let day = |day: &str, old: &'static str| Case { old, ..case(rows, &[("day", Value::str(day))]) }.wrong();
    assert_eq!(day("2026-02-20", ""), NONE);
    assert_eq!(day("2025-02-20", ""), ["day constraint"], "it was written today");
    assert_eq!(day("2025-02-20", "day"), NONE, "it was right a year ago, when it was written");
    assert_eq!(day("2026-02-20", "day"), NONE, "it is right now");
    assert_eq!(day("2024-02-20", "day"), ["day constraint"], "it never was");
}

#[test]
fn it_is_every_day_that_it_is_somewhere() {
    let rows = "| | date | day | Day | | | . = today() | | | | | |";
    // At 10:30 in Greenwich it is the day before on Howland, the day after on Kiritimati, and the first of March between.
    let saved_ms = 1_772_361_000_000;
    let days =
        [("2026-02-27", 1), ("2026-02-28", 0), ("2026-03-01", 0), ("2026-03-02", 0), ("2026-03-03", 1)];
    for (day, count) in days {
        let case = Case { saved_ms, ..case(rows, &[("day", Value::str(day))]) };
        assert_eq!(case.wrong().len(), count, "{day}");
    }
}

#[test]
fn how_many_instances_there_were_is_known_of_those_that_are_stored() {
    let rows = "| | begin_repeat | child | Child | | | | | | | | |
                | | text | name | Name | | | | | | | | |
                | | end_repeat | | | | | | | | | | |
                | | text | why | Why none? | | count(${child}) = 0 | | | | | | |";
    assert_eq!(wrong(rows, &[]), NONE, "a form begins with one, which is not stored before it is answered");
    let one = "child/0195d6a0-0000-7000-8000-000000000001/name";
    assert_eq!(wrong(&rows.replace("= 0", "= 1"), &[(one, Value::str("Soa"))]), ["why required"]);
    let apart = rows.replace(
        "| | | | | | | | |\n                | | text | name",
        "| | | | | | | | incident/child |\n                | | text | name",
    );
    assert!(apart.contains("incident/child"));
    assert_eq!(wrong(&apart, &[]), NONE, "they may come later");
}

#[test]
fn what_does_not_come_back_as_it_was_given_is_not_judged() {
    let spaces = "| | text | phone | Phone | | | regex(., '^[0-9]{3} [0-9]{2}$') | | | | KIND | |";
    let phone = [("phone", Value::str("03412"))];
    assert_eq!(wrong(&spaces.replace("KIND", "phone"), &phone), NONE);
    assert_eq!(wrong(&spaces.replace("KIND", ""), &phone), ["phone constraint"]);
    let truth = "| | select_one truth | has | Has | | | | | | | bool | |";
    let has = [("has", Value::Bool(true))];
    for list in ["truth", "yn", "bit"] {
        assert_eq!(wrong(&truth.replace("_one truth", &format!("_one {list}")), &has), NONE, "{list}");
    }
}

#[test]
fn what_was_calculated_when_its_trigger_changed_stays() {
    let rows = "| | text | note | Note | 1 = 2 | | | | | | none | |
                | | calculate | stamp | | | | | today() | | | | |
                | | date | day | Day | | | . <= ${stamp} | | | | | |";
    let columns = COLUMNS.replace("choice_filter", "trigger");
    let rows: Vec<String> = rows
        .lines()
        .map(|row| {
            if row.contains("stamp |  ") || row.contains("| stamp |") {
                row.replace("today() | |", "today() | ${note} |")
            } else {
                row.to_owned()
            }
        })
        .collect();
    let text = format!("| survey |\n{columns}\n{}\n{CHOICES}", rows.join("\n"));
    let form = compiled_with(&text, BTreeMap::new());
    let values = [
        ("stamp", Value::str("2025-01-01")),
        ("day", Value::str("2025-06-01")),
        (FORM, Value::Uint(VERSION)),
    ];
    let values = values.map(|(name, value)| (path(name), value)).into();
    let record = StoredRecord { target: form.form().record.clone(), key: None, values };
    let lacking = Lacking::default();
    let past = Past {
        form: VERSION,
        saved_ms: NOW,
        written_ms: &|_, _| NOW,
        written_by: &|_, _| Roles::ALL,
        lacking: &lacking,
    };
    let breaches = judge(&form, 0, &[record], &past);
    assert_eq!(breaches.len(), 1, "the day lies behind the stamp that is stored: {breaches:?}");
}

#[test]
fn where_it_cannot_be_calculated_what_is_offered_nothing_is_wrong() {
    let rows = "| | select_one yn | has | Has | | | | | regex(side, ${pattern}) | | | |
                | | text | pattern | Pattern | | | | | | | | |";
    let answers = [("has", Value::str("yes")), ("pattern", Value::str("("))];
    assert_eq!(wrong(rows, &answers), NONE);
}
