//! The payment sheet: a period, and an entry for each of the crew who was paid.

use fieldmerge_model::form::filling::{Filling, NewEntry};
use fieldmerge_protocol::{RecordClass, RecordId, Value};

use super::read::{begin, compiled, set};
use super::world::Fixed;

const SITE: &str = "0190a1b2-0000-7000-8000-000000000011";
const LALA: &str = "0190a1b2-0000-7000-8000-000000000001";
const HERY: &str = "0190a1b2-0000-7000-8000-000000000002";
const SOA: &str = "0190a1b2-0000-7000-8000-000000000003";

fn sheet(world: &mut Fixed) -> Filling {
    let workers = format!("name|label\n{LALA}|Lala\n{HERY}|Hery\n{SOA}|Soa");
    let sites = format!("name|label\n{SITE}|Iarintsena");
    let assignments = format!(
        "name|label|person|site_id|assignment_status\n1||{SOA}|{SITE}|pending\n2||{LALA}|{SITE}|withdrawn\n3||{HERY}|{SITE}|active"
    );
    let records = [("worker", workers.as_str()), ("site", &sites), ("assignment", &assignments)];
    let mut filling = begin(&compiled("payment", &records), world);
    let answers = [
        ("site", SITE),
        ("period_start", "2026-02-16"),
        ("period_end", "2026-02-28"),
        ("paid_on", "2026-03-01"),
        ("channel", "cash"),
    ];
    for (name, text) in answers {
        set(&mut filling, name, text, world);
    }
    filling
}

fn value<'e>(entry: &'e NewEntry, name: &str) -> Option<&'e Value> {
    entry.values.iter().find(|(path, _)| path.as_str() == name).map(|(_, value)| value)
}

#[test]
fn who_has_left_is_paid_and_who_never_began_is_not() {
    let filling = sheet(&mut Fixed::default());
    let lines = filling.named("payments").into_iter().filter(|line| filling.is_relevant(*line));
    let names: Vec<String> = lines.map(|line| filling.label(line)).collect();
    assert_eq!(names, ["Lala", "Hery"]);
    assert_eq!(filling.entries(), [], "nobody is paid by opening the sheet");
}

#[test]
fn a_line_is_an_entry_with_what_is_said_once_for_all() {
    let mut world = Fixed::default();
    let mut filling = sheet(&mut world);
    set(&mut filling, "gross_amount", "72000", &mut world);
    set(&mut filling, "deductions", "2000", &mut world);
    set(&mut filling, "deduction_reason", "advance", &mut world);
    assert_eq!(filling.complaints(&mut world), []);
    let entries = filling.entries();
    let [entry] = entries.as_slice() else { panic!("one line was answered: {entries:?}") };
    let lala: RecordId = LALA.parse().expect("an id");
    assert_eq!(entry.target.class, RecordClass::Payment);
    for (name, expected) in [
        ("_subject", Value::Bytes(lala.0.to_vec())),
        ("period_start", Value::str("2026-02-16")),
        ("period_end", Value::str("2026-02-28")),
        ("paid_on", Value::str("2026-03-01")),
        ("channel", Value::str("cash")),
        ("gross_amount", Value::Int(72_000)),
        ("deductions", Value::Int(2_000)),
        ("deduction_reason", Value::str("advance")),
    ] {
        assert_eq!(value(entry, name), Some(&expected), "{name}");
    }
    assert_eq!(value(entry, "net_amount"), None, "what remains is not stored, so it cannot contradict");
    let note = filling.named("net_note")[0];
    assert_eq!(filling.label(note), "To hand over: 70000");
}

#[test]
fn a_deduction_needs_a_reason_and_never_exceeds_the_pay() {
    let mut world = Fixed::default();
    let mut filling = sheet(&mut world);
    set(&mut filling, "gross_amount", "100", &mut world);
    set(&mut filling, "deductions", "101", &mut world);
    let told: Vec<String> = filling.complaints(&mut world).into_iter().map(|found| found.message).collect();
    // The third is the net amount, which would be less than nothing.
    let expected =
        ["Not below 0, and not more than the gross amount.", "Please answer this question.", "Not below 0."];
    assert_eq!(told, expected);
}
