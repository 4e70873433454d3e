//! The attendance sheet: a crew by name on one screen, an entry for each line that is answered.

use fieldmerge_model::form::filling::{Filling, NewEntry};
use fieldmerge_protocol::{RecordClass, RecordId, Value};

use super::read::{begin, compiled, set};
use super::world::Fixed;

const SITE: &str = "0190a1b2-0000-7000-8000-000000000011";
const CREW: [&str; 3] = [
    "0190a1b2-0000-7000-8000-000000000001",
    "0190a1b2-0000-7000-8000-000000000002",
    "0190a1b2-0000-7000-8000-000000000003",
];

fn sheet(world: &mut Fixed) -> Filling {
    let [lala, hery, soa] = CREW;
    let workers = format!("name|label\n{lala}|Lala\n{hery}|Hery\n{soa}|Soa");
    let sites = format!("name|label\n{SITE}|Iarintsena\nother|Anjoma");
    let assignments = format!(
        "name|label|person|site_id|assignment_status|pay_basis\n1||{lala}|{SITE}|active|day\n2||{hery}|other|active|day\n3||{soa}|{SITE}|pending|day\n4||{hery}|{SITE}|active|piece"
    );
    let records = [("worker", workers.as_str()), ("site", &sites), ("assignment", &assignments)];
    let mut filling = begin(&compiled("attendance", &records), world);
    set(&mut filling, "site", SITE, world);
    filling
}

fn labels(filling: &Filling) -> Vec<String> {
    let lines = filling.named("crew").into_iter().filter(|line| filling.is_relevant(*line));
    lines.map(|line| filling.label(line)).collect()
}

fn value(entry: &NewEntry, name: &str) -> Option<Value> {
    entry.values.iter().find(|(path, _)| path.as_str() == name).map(|(_, value)| value.clone())
}

fn person(at: usize) -> Value {
    Value::Bytes(CREW[at].parse::<RecordId>().expect("an id").0.to_vec())
}

#[test]
fn the_crew_stands_there_by_name_on_one_screen() {
    let mut world = Fixed::default();
    let filling = sheet(&mut world);
    assert_eq!(labels(&filling), ["Lala", "Hery"], "who is active on this worksite");
    let form = filling.form().form();
    let line = form.elements.iter().position(|element| element.name == "status").expect("it is there");
    assert!(
        form.ancestors(line)
            .any(|above| form.elements[above].appearance.iter().any(|word| word == "field-list"))
    );
}

#[test]
fn one_tap_marks_everybody_and_each_line_can_be_changed() {
    let mut world = Fixed::default();
    let mut filling = sheet(&mut world);
    assert_eq!(filling.entries(), [], "a line that nobody answered says nothing");
    set(&mut filling, "everybody", "yes", &mut world);
    assert_eq!(filling.complaints(&mut world), []);
    let entries = filling.entries();
    assert_eq!(entries.len(), 2);
    for (entry, at) in entries.iter().zip(0..) {
        assert_eq!(entry.target.class, RecordClass::Attendance);
        assert_eq!(value(entry, "_subject"), Some(person(at)));
        assert_eq!(value(entry, "status"), Some(Value::str("present")));
        assert_eq!(value(entry, "day_fraction"), Some(Value::F64(1.0)));
        assert_eq!(value(entry, "work_date"), Some(Value::str("2026-03-01")));
    }
    assert_eq!(filling.changes(&[]), [], "a sheet is entries and no record");

    set(&mut filling, "status", "absent", &mut world);
    set(&mut filling, "absence_reason", "care", &mut world);
    let entries = filling.entries();
    assert_eq!(value(&entries[0], "status"), Some(Value::str("absent")));
    assert_eq!(value(&entries[0], "absence_reason"), Some(Value::str("care")));
    assert_eq!(value(&entries[0], "day_fraction"), None, "nobody works who is absent");
    assert_eq!(value(&entries[1], "status"), Some(Value::str("present")), "the others stay");
}

#[test]
fn work_by_the_piece_is_counted_where_it_is_paid_so() {
    let mut world = Fixed::default();
    let mut filling = sheet(&mut world);
    set(&mut filling, "everybody", "yes", &mut world);
    let shown: Vec<bool> =
        filling.named("task_quantity").into_iter().map(|place| filling.is_relevant(place)).collect();
    assert_eq!(shown, [false, true]);
}
