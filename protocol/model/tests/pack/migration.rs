//! The migration: one record through three stages.

use std::collections::BTreeMap;

use fieldmerge_model::form::filling::{Filling, StoredRecord};
use fieldmerge_protocol::Value;

use super::read::{at, begin, compiled, set};
use super::world::Fixed;

const WORKER: &str = "0190a1b2-0000-7000-8000-000000000001";

fn stored(filling: &Filling) -> Vec<StoredRecord> {
    let changes = filling.changes(&[]).into_iter();
    let record = changes.map(|change| StoredRecord {
        target: change.target,
        key: change.key,
        values: change.values.into_iter().collect(),
    });
    record.collect()
}

#[test]
fn what_was_answered_at_an_earlier_stage_stays() {
    let workers = format!("name|label\n{WORKER}|Lala");
    let records = [("worker", workers.as_str())];
    let mut world = Fixed::default();
    let mut filling = begin(&compiled("migration", &records), &mut world);
    for (name, text) in [
        ("person_id", WORKER),
        ("stage", "pre_departure"),
        ("destination_country", "DOM"),
        ("contract_before_departure", "no"),
        ("cost_item", "documents"),
        ("amount", "50000"),
        ("paid_by", "worker"),
        ("financed_by", "loan_lender"),
    ] {
        set(&mut filling, name, text, &mut world);
    }
    assert!(!filling.is_relevant(at(&filling, "documents_held_by_other")), "she has not left");
    assert!(filling.is_relevant(at(&filling, "debt_warning")), "a loan of a lender may bind her");
    assert_eq!(filling.complaints(&mut world), []);
    let before = stored(&filling);

    let form = compiled("migration", &records);
    let mut filling = Filling::open(form, 0, &before, BTreeMap::new(), &mut world);
    set(&mut filling, "stage", "returned", &mut world);
    set(&mut filling, "documents_held_by_other", "yes", &mut world);
    set(&mut filling, "wages_owed", "120000", &mut world);
    assert!(filling.is_relevant(at(&filling, "papers_warning")));
    let changes = filling.changes(&before);
    let [change] = changes.as_slice() else { panic!("one record: {changes:?}") };
    let written: Vec<(&str, &Value)> =
        change.values.iter().map(|(path, value)| (path.as_str(), value)).collect();
    let expected = [
        ("documents_held_by_other", &Value::str("yes")),
        ("stage", &Value::str("returned")),
        ("wages_owed", &Value::Int(120_000)),
    ];
    assert_eq!(written, expected);
    assert!(change.removes.is_empty());
}
