//! Records are judged as whoever fills the form is.

use fieldmerge_model::form::filling::{Fault, Filling, StoredRecord, judge};
use fieldmerge_protocol::{Path, Value};

use super::person::registered;
use super::read::compiled;
use super::world::Fixed;

fn stored(filling: &Filling) -> Vec<StoredRecord> {
    let changes = filling.changes(&[]).into_iter();
    let record = |change: fieldmerge_model::form::filling::RecordChange| StoredRecord {
        target: change.target,
        key: change.key,
        values: change.values.into_iter().collect(),
    };
    changes.map(record).collect()
}

/// What is wrong, as `type path fault`.
fn wrong(records: &[StoredRecord]) -> Vec<String> {
    let breaches = judge(compiled("worker", &[]), records, &mut Fixed::default());
    let told = breaches.into_iter().map(|breach| {
        format!("{} {} {}", records[breach.record].target.record_type, breach.path, breach.fault.code())
    });
    told.collect()
}

fn set(records: &mut [StoredRecord], of: &str, name: &str, value: Option<Value>) {
    let record = records.iter_mut().find(|record| record.target.record_type == of).expect("it was written");
    let path = Path::new(name).expect("a path");
    match value {
        Some(value) => _ = record.values.insert(path, value),
        None => _ = record.values.remove(&path).expect("it was answered"),
    }
}

#[test]
fn what_a_phone_finds_nothing_wrong_with_nobody_does() {
    for different in
        [&[][..], &[("ask_inclusion", "no")], &[("selection", "not_yet")], &[("consent_given", "no")]]
    {
        let records = stored(&registered(different).1);
        assert_eq!(wrong(&records), [""; 0], "{different:?}");
        // Each record may come before the others.
        for alone in &records {
            let told = wrong(std::slice::from_ref(alone));
            assert_eq!(told, [""; 0], "{different:?}: {} alone", alone.target.record_type);
        }
    }
}

#[test]
fn what_breaks_a_rule_is_found_where_it_stands() {
    let whole = stored(&registered(&[]).1);
    let spoilt = |of: &str, name: &str, value: Option<Value>| {
        let mut records = whole.clone();
        set(&mut records, of, name, value);
        wrong(&records)
    };
    assert_eq!(spoilt("worker", "sex", None), ["worker sex required"]);
    assert_eq!(spoilt("worker", "sex", Some(Value::str("f"))), ["worker sex not-offered"]);
    assert_eq!(spoilt("worker", "birth_year", Some(Value::Int(1_800))), ["worker birth_year constraint"]);
    let seeing = spoilt("observation", "wg_seeing", Some(Value::str("5")));
    assert_eq!(seeing, ["observation wg_seeing not-offered"]);
    assert_eq!(Fault::Choice.code(), "not-offered");
}
