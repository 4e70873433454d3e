//! The grievance: what is told is sealed, and of what goes the sealed route next to nothing is asked.

use fieldmerge_model::form::filling::Filling;
use fieldmerge_model::form::{Element, Question};
use fieldmerge_protocol::RecordClass;

use super::read::{begin, compiled, set};
use super::world::Fixed;

fn grievance(category: &str, world: &mut Fixed) -> Filling {
    let mut filling = begin(&compiled("grievance", &[]), world);
    set(&mut filling, "category", category, world);
    filling
}

/// The questions that a person is asked.
fn asked(filling: &Filling) -> Vec<String> {
    let elements = &filling.form().form().elements;
    let shown = elements.iter().filter(|element| element.question().is_some_and(Question::is_shown));
    let names = shown.filter(|element| element.path.is_some()).map(|element| element.name.clone());
    names.filter(|name| filling.named(name).iter().any(|place| filling.is_relevant(*place))).collect()
}

#[test]
fn of_sexual_violence_only_the_referral_is_asked() {
    let mut world = Fixed::default();
    let mut filling = grievance("sea_gbv", &mut world);
    assert_eq!(asked(&filling), ["category", "received_on", "sea_gbv_referral"]);
    set(&mut filling, "sea_gbv_referral", "2026-03-01", &mut world);
    assert_eq!(filling.complaints(&mut world), []);
    let changes = filling.changes(&[]);
    let [change] = changes.as_slice() else { panic!("one record: {changes:?}") };
    assert_eq!(change.target.class, RecordClass::Grievance);
    let paths: Vec<&str> = change.values.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["category", "received_on", "sea_gbv_referral"]);
}

#[test]
fn what_was_told_before_the_category_was_known_is_dropped() {
    let mut world = Fixed::default();
    let mut filling = grievance("wage", &mut world);
    set(&mut filling, "channel", "box", &mut world);
    set(&mut filling, "narrative", "…", &mut world);
    set(&mut filling, "category", "sea_gbv", &mut world);
    assert_eq!(filling.to_seal(), []);
    let changes = filling.changes(&[]);
    let paths: Vec<&str> = changes[0].values.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["category", "received_on"]);
}

#[test]
fn what_a_person_tells_is_sealed_and_stands_in_no_record() {
    let mut world = Fixed::default();
    let mut filling = grievance("wage", &mut world);
    set(&mut filling, "channel", "in_person", &mut world);
    set(&mut filling, "anonymous", "yes", &mut world);
    set(&mut filling, "narrative", "Two weeks without pay", &mut world);
    let sealed = filling.to_seal();
    let [sealed] = sealed.as_slice() else { panic!("one answer is sealed: {sealed:?}") };
    assert_eq!((sealed.path.as_str(), sealed.text.as_str()), ("narrative", "Two weeks without pay"));
    let said = format!("{:?}", filling.changes(&[]));
    assert!(!said.contains("narrative") && !said.contains("weeks"), "{said}");
}

/// Days without times, nobody's name, no place.
#[test]
fn nothing_names_a_person_a_place_or_an_hour() {
    let mut world = Fixed::default();
    let filling = grievance("wage", &mut world);
    let of = |element: &Element| format!("{:?}", (&element.kind, &element.ours.storage));
    for element in &filling.form().form().elements {
        let kind = of(element);
        for refused in ["DateTime", "Geopoint", "Metadata", "Subject", "Record", "File", "Image", "Audio"] {
            assert!(!kind.contains(refused), "{}: {kind}", element.name);
        }
    }
}
