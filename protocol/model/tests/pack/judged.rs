//! Records are judged as whoever fills the form is.

use std::collections::BTreeMap;
use std::sync::Arc;

use fieldmerge_model::access::Roles;
use fieldmerge_model::form::compiled::CompiledForm;
use fieldmerge_model::form::filling::{
    Breach, FORM, Fault, Filling, Lacking, Past, StoredRecord, World, describe, judge,
};
use fieldmerge_protocol::{Path, Value};

use super::person::registered;
use super::read::{compiled, tables};
use super::world::Fixed;

fn stored(filling: &Filling) -> Vec<StoredRecord> {
    let changes = filling.changes(&[]).into_iter();
    let record = |change: fieldmerge_model::form::filling::RecordChange| StoredRecord {
        target: change.target,
        key: change.key,
        values: change
            .values
            .into_iter()
            .chain([(Path::new(FORM).expect("a path"), Value::Uint(1))])
            .collect(),
    };
    changes.map(record).collect()
}

/// What is wrong with records that were saved just now.
fn judged(form: &Arc<CompiledForm>, language: usize, records: &[StoredRecord]) -> Vec<Breach> {
    let saved_ms = Fixed::default().now();
    let lacking = Lacking::default();
    judge(
        form,
        language,
        records,
        &Past {
            form: 1,
            saved_ms,
            written_ms: &|_, _| saved_ms,
            written_by: &|_, _| Roles::ALL,
            lacking: &lacking,
        },
    )
}

/// What is wrong, as `type path fault`.
fn wrong(records: &[StoredRecord]) -> Vec<String> {
    let breaches = judged(&compiled("worker", &[]), 0, records);
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

#[test]
fn what_is_said_is_what_whoever_fills_the_form_is_told() {
    let mut records = stored(&registered(&[]).1);
    set(&mut records, "worker", "birth_year", Some(Value::Int(1_800)));
    set(&mut records, "worker", "sex", Some(Value::str("f")));
    let (form, mut world) = (compiled("worker", &[]), Fixed::default());
    for language in 0..form.form().languages.len() {
        let filling = Filling::open(form.clone(), language, &records, BTreeMap::new(), &mut world);
        let told = filling.complaints(&mut world);
        let shown = |place| filling.label(place);
        let told: Vec<_> = told.into_iter().map(|said| (shown(said.place), said.message)).collect();
        let breaches = judged(&form, language, &records);
        assert!(breaches.len() >= 2, "{breaches:?}");
        for breach in breaches {
            let said = (breach.question, breach.message);
            assert!(told.contains(&said), "{said:?} in {told:?}");
            // Neither text names an answer, so who does not have the answers is told the same.
            let described = describe(form.form(), language, ("worker", &breach.path), breach.fault);
            assert_eq!(described, Some(said));
        }
    }
    assert_eq!(describe(form.form(), 0, ("worker", "ghost"), Fault::Required), None);
    assert_eq!(describe(form.form(), 0, ("identity", "sex"), Fault::Required), None);
}

#[test]
fn what_is_answered_in_one_language_is_answered() {
    let form = compiled("project", &[]);
    let target = form.form().record.clone();
    let title = |name: &str| {
        let path = |name: &str| Path::new(name).expect("a path");
        let values = [(path(name), Value::str("Piste rurale")), (path(FORM), Value::Uint(1))].into();
        let record = StoredRecord { target: target.clone(), key: None, values };
        let breaches = judged(&form, 0, &[record]);
        breaches.iter().any(|breach| breach.path == "title" && breach.fault == Fault::Required)
    };
    assert!(!title("title/fr") && !title("title/en"));
    assert!(title("project_code"));
}

/// A place is one of the list that is pinned with the form, in whichever version.
#[test]
fn a_place_that_the_list_does_not_have_is_found() {
    let form = compiled("worksite", &[]);
    let target = form.form().record.clone();
    let site = |pcode: &str| {
        let path = |name: &str| Path::new(name).expect("a path");
        let values =
            [(path("admin_pcode"), Value::str(pcode)), (path("hazardous"), Value::Bool(true))].into();
        vec![StoredRecord { target: target.clone(), key: None, values }]
    };
    let known = tables()["pcodes"].rows.last().expect("the list has places")[0].clone();
    let of_place = |pcode: &str| -> Vec<&str> {
        let breaches = judged(&form, 0, &site(pcode)).into_iter();
        breaches.filter(|breach| breach.path == "admin_pcode").map(|breach| breach.fault.code()).collect()
    };
    assert_eq!(of_place(&known), [""; 0]);
    assert_eq!(of_place("MG99999"), ["not-offered"]);
    assert_eq!(of_place(""), [""; 0], "what no form wrote is required of nobody");
}
