//! The gate of the minimum age: a form never refuses anybody, and never lets a child to work.

use std::collections::BTreeMap;

use fieldmerge_model::form::compiled::CompiledForm;
use fieldmerge_model::form::filling::{Filling, StoredRecord};
use fieldmerge_protocol::{Path, Value};

use super::read::{at, begin, compiled, set};
use super::world::Fixed;

const PERSON: &str = "0190a1b2-0000-7000-8000-000000000001";
const ROAD: &str = "0190a1b2-0000-7000-8000-000000000011";
const QUARRY: &str = "0190a1b2-0000-7000-8000-000000000012";
const UNSAID: &str = "0190a1b2-0000-7000-8000-000000000013";

/// What stands of a worker, on which worksite, from when on, and whether the assignment may become active.
struct Case {
    birth_date: &'static str,
    birth_year: &'static str,
    evidence: &'static str,
    decision: &'static str,
    site: &'static str,
    start: &'static str,
    is_open: bool,
}

const CASE: Case = Case {
    birth_date: "",
    birth_year: "",
    evidence: "",
    decision: "",
    site: ROAD,
    start: "2026-03-01",
    is_open: false,
};

const CASES: [Case; 20] = [
    // The birthday itself counts, the day before does not.
    Case { birth_date: "2011-03-01", is_open: true, ..CASE },
    Case { birth_date: "2011-03-02", ..CASE },
    Case { birth_date: "2011-03-02", start: "2026-03-02", is_open: true, ..CASE },
    Case { birth_date: "2011-01-10", evidence: "birth_cert", is_open: true, ..CASE },
    // Of a year alone the person may still be a year younger, unless a paper was seen.
    Case { birth_year: "2011", ..CASE },
    Case { birth_year: "2011", evidence: "declared", ..CASE },
    Case { birth_year: "2011", evidence: "school", is_open: true, ..CASE },
    Case { birth_year: "2010", is_open: true, ..CASE },
    Case { birth_year: "2012", evidence: "id", ..CASE },
    // Hazardous work has its own age, and what nobody said of a worksite counts as hazardous.
    Case { birth_date: "2010-01-01", site: QUARRY, ..CASE },
    Case { birth_date: "2008-03-01", site: QUARRY, is_open: true, ..CASE },
    Case { birth_date: "2010-01-01", site: UNSAID, ..CASE },
    // An age that nobody knows waits too.
    CASE,
    // A person has decided on the evidence.
    Case { birth_year: "2011", decision: "allowed", is_open: true, ..CASE },
    Case { birth_year: "2011", decision: "allowed", site: QUARRY, is_open: true, ..CASE },
    Case { birth_year: "2011", decision: "below", ..CASE },
    // It stands, whatever the age: a year that somebody else corrects opens nothing.
    Case { birth_year: "1990", decision: "below", ..CASE },
    Case { birth_year: "2011", decision: "not_hazardous", is_open: true, ..CASE },
    Case { birth_year: "1990", decision: "not_hazardous", site: QUARRY, ..CASE },
    Case { birth_year: "1990", decision: "not_hazardous", site: UNSAID, ..CASE },
];

#[test]
fn nobody_below_the_minimum_age_is_activated_before_a_person_decided() {
    for Case { birth_date, birth_year, evidence, decision, site, start, is_open } in CASES {
        let workers = format!(
            "name|label|birth_date|birth_year|age_evidence|age_decision\n{PERSON}|R26|{birth_date}|{birth_year}|{evidence}|{decision}"
        );
        let sites = format!("name|label|hazardous\n{ROAD}|Road|no\n{QUARRY}|Quarry|yes\n{UNSAID}|Other|");
        let project = "name|label|min_age_general|min_age_hazardous\np|Project|15|18";
        let firms = "name|label|registered\nf|Firm|yes";
        let rules = "name|label|valid_from_number";
        let records = [
            ("worker", workers.as_str()),
            ("site", &sites),
            ("project", project),
            ("firm", firms),
            ("country_rule", rules),
        ];
        let (form, mut world) = (compiled("assignment", &records), Fixed::default());
        let mut filling = begin(&form, &mut world);
        let answers = [
            ("person", PERSON),
            ("site_id", site),
            ("contract_start", start),
            ("pay_basis", "day"),
            ("wage_rate", "6000"),
        ];
        for (name, text) in answers {
            set(&mut filling, name, text, &mut world);
        }
        let told = format!("{birth_date}{birth_year} {evidence} {decision} on {site} from {start}");
        let status = at(&filling, "assignment_status");
        assert_eq!(filling.value(status), "pending", "{told}: nothing is active by itself");
        let offered: Vec<String> =
            filling.choices(status, &mut world).into_iter().map(|choice| choice.name).collect();
        assert_eq!(offered.contains(&"active".to_owned()), is_open, "{told}: {offered:?}");
        assert!(offered.contains(&"pending".to_owned()), "{told}");
        assert_eq!(filling.is_relevant(at(&filling, "underage")), !is_open, "{told}");
        // Whoever waits is written down all the same: the form refuses nobody.
        assert_eq!(filling.complaints(&mut world), [], "{told}");
        let written = filling.changes(&[]);
        assert!(
            written
                .iter()
                .any(|change| change.values.iter().any(|(path, _)| path.as_str() == "assignment_status"))
        );
        set(&mut filling, "assignment_status", "active", &mut world);
        assert_eq!(filling.complaints(&mut world).is_empty(), is_open, "{told}");
    }
}

/// The rule that was in force on the first day counts, whichever was written last; where none was, that of the project.
#[test]
fn the_rules_of_the_country_count_from_their_day_on() {
    let workers = format!("name|label|birth_date\n{PERSON}|R26|2010-06-15");
    let sites = format!("name|label|hazardous\n{ROAD}|Road|no\n{QUARRY}|Quarry|yes");
    let project = "name|label|min_age_general|min_age_hazardous\np|Project|15|18";
    let rules = "name|label|valid_from_number|min_age_general|min_age_hazardous|legal_minimum_wage
c|2027|20270101|17|18|9000
a|2026|20260101|16|15|7000
b|2026|20260701|14|16|";
    let firms = "name|label|registered\nf|Firm|yes";
    let records = [
        ("worker", workers.as_str()),
        ("site", &sites),
        ("project", project),
        ("firm", firms),
        ("country_rule", rules),
    ];
    let form = compiled("assignment", &records);
    // The day, the worksite, whether the gate is open, whether 6,500 a day are too little.
    let cases = [
        // Fifteen years, and no rule yet: that of the project.
        ("2025-12-31", ROAD, true, false),
        // Fifteen and sixteen years, of sixteen.
        ("2026-01-01", ROAD, false, true),
        ("2026-06-14", ROAD, false, true),
        ("2026-06-15", ROAD, true, true),
        ("2026-06-14", QUARRY, true, true),
        // Of fourteen; the law names no wage any more.
        ("2026-07-01", ROAD, true, false),
        ("2026-07-01", QUARRY, true, false),
        // Sixteen of seventeen.
        ("2027-01-01", ROAD, false, true),
        ("2027-06-15", ROAD, true, true),
    ];
    for (start, site, is_open, is_low) in cases {
        let mut world = Fixed::default();
        let mut filling = begin(&form, &mut world);
        let answers = [
            ("person", PERSON),
            ("site_id", site),
            ("contract_start", start),
            ("pay_basis", "day"),
            ("wage_rate", "6500"),
        ];
        for (name, text) in answers {
            set(&mut filling, name, text, &mut world);
        }
        assert_eq!(filling.value(at(&filling, "age_gate")) == "open", is_open, "{start} on {site}");
        assert_eq!(filling.is_relevant(at(&filling, "below_minimum_wage")), is_low, "{start}");
        assert_eq!(filling.failures(), [], "{start}");
    }
}

/// Who decides on the age loses nothing that stood there, and whoever opens the worker later keeps what was decided.
#[test]
fn a_decision_keeps_what_is_known_of_the_birth() {
    let path = |name: &str| Path::new(name).expect("a path");
    let worker = |form: &CompiledForm, values: &[(&str, Value)]| StoredRecord {
        target: form.form().record.clone(),
        key: None,
        values: values.iter().map(|(name, value)| (path(name), value.clone())).collect(),
    };
    let known = [
        &[("birth_year", Value::Int(2011))][..],
        &[("birth_year", Value::Int(2011)), ("birth_precision", Value::str("estimated"))],
        &[("birth_date", Value::str("2011-01-10")), ("birth_precision", Value::str("day"))],
        &[("birth_date", Value::str("2011-01-10")), ("birth_year", Value::Int(2011))],
    ];
    let (age, again) = (compiled("age", &[]), compiled("worker", &[]));
    for known in known {
        let mut world = Fixed::default();
        let record = worker(&age, known);
        let mut filling =
            Filling::open(age.clone(), 0, std::slice::from_ref(&record), BTreeMap::new(), &mut world);
        for (name, text) in [("age_decision", "allowed"), ("age_decided_on", "2026-03-01")] {
            set(&mut filling, name, text, &mut world);
        }
        let changes = filling.changes(std::slice::from_ref(&record));
        let [change] = &changes[..] else { panic!("{changes:?}") };
        let written: Vec<&str> = change.values.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(written, ["age_decided_on", "age_decision"], "{known:?}");
    }
    // A paper shows the day: the year goes, and the worker opens with the day.
    let mut world = Fixed::default();
    let record = worker(&age, known[1]);
    let mut filling = Filling::open(age, 0, std::slice::from_ref(&record), BTreeMap::new(), &mut world);
    let shown = [("birth_precision", "day"), ("birth_date", "2011-01-10"), ("age_evidence", "birth_cert")];
    for (name, text) in shown {
        set(&mut filling, name, text, &mut world);
    }
    let mut record = record;
    for change in filling.changes(std::slice::from_ref(&record)) {
        record.values.extend(change.values);
    }
    assert_eq!(record.values.get("birth_year"), Some(&Value::Null));
    let opened = Filling::open(again, 0, std::slice::from_ref(&record), BTreeMap::new(), &mut world);
    assert_eq!(opened.value(at(&opened, "birth_date")), "2011-01-10");
    let changes = opened.changes(std::slice::from_ref(&record));
    let of_worker = changes.iter().filter(|change| change.target == record.target);
    let lost: Vec<&Path> = of_worker.flat_map(|change| &change.values).map(|(path, _)| path).collect();
    assert!(lost.iter().all(|path| !path.as_str().starts_with("birth_")), "{lost:?}");
}
