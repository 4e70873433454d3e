//! Each form can be filled from its beginning to what it writes, and what it writes is what its records take.

use std::collections::BTreeMap;

use fieldmerge_model::form::filling::{Filling, Place, StoredRecord};
use fieldmerge_model::form::types::record_types;
use fieldmerge_model::form::{Element, Kind, Question, Storage};
use fieldmerge_model::typed::check_path;
use fieldmerge_model::types::RecordType;
use fieldmerge_model::xpath::Expr;

use super::read::{begin, compiled, folder, forms, names};
use super::world::Fixed;

/// The id of some record.
const RECORD: &str = "0190a1b2-0000-7000-8000-00000000000b";

/// Records of a device, so that each list that comes from them has something to choose.
const RECORDS: [(&str, &str); 7] = [
    ("worker", "name|label|birth_date\n0190a1b2-0000-7000-8000-00000000000a|Soa|1990-02-03"),
    ("site", "name|label|hazardous\n0190a1b2-0000-7000-8000-00000000000b|Road|no"),
    ("country_rule", "name|label|valid_from_number|min_age_general|min_age_hazardous|legal_minimum_wage"),
    ("project", "name|label|min_age_general|min_age_hazardous\n0190a1b2-0000-7000-8000-00000000000c|P|15|18"),
    ("firm", "name|label|registered\n0190a1b2-0000-7000-8000-00000000000d|Firm|yes"),
    ("household", "name|label\n0190a1b2-0000-7000-8000-00000000000e|House"),
    (
        "assignment",
        "name|label|person|site_id|assignment_status|pay_basis\n0190a1b2-0000-7000-8000-00000000000f|A|0190a1b2-0000-7000-8000-00000000000a|0190a1b2-0000-7000-8000-00000000000b|active|piece",
    ),
];

/// Answers that their constraints ask for.
const ANSWERS: [(&str, &str); 6] = [
    ("project_code", "HIMO-MG-01"),
    ("phone", "+261 34 00 001 01"),
    ("birth_precision", "year"),
    ("birth_year", "1991"),
    ("selection", "selected"),
    ("days", "0.5"),
];

fn sample(filling: &Filling, place: Place, element: &Element, world: &mut Fixed) -> String {
    if let Some((_, text)) = ANSWERS.iter().find(|(name, _)| *name == element.name) {
        return (*text).to_owned();
    }
    let constraint = element.logic.constraint.as_deref().and_then(|text| Expr::parse(text).ok());
    let least = constraint.and_then(|expr| expr.bounds().min).unwrap_or(1.0);
    match element.question() {
        Some(Question::SelectOne(_)) => filling.choices(place, world)[0].name.clone(),
        Some(Question::SelectMultiple(_)) => {
            let choices = filling.choices(place, world);
            choices.last().expect("there is a choice").name.clone()
        }
        Some(Question::Integer | Question::Range { .. } | Question::Decimal) => least.to_string(),
        Some(Question::Date) => "2026-03-01".to_owned(),
        Some(Question::DateTime) => "2026-03-01T07:00:00.000+03:00".to_owned(),
        Some(Question::Geopoint) => "-21.83 46.93 1000 5".to_owned(),
        Some(Question::Image { .. }) => "ab".repeat(32),
        Some(Question::Acknowledge) => "OK".to_owned(),
        _ if matches!(element.ours.storage, Some(Storage::Record | Storage::Subject)) => RECORD.to_owned(),
        _ => "7".to_owned(),
    }
}

/// The next question that a person would answer.
fn open(filling: &Filling, world: &mut Fixed) -> Option<Place> {
    let mut places = vec![filling.root()];
    while let Some(place) = places.pop() {
        places.extend(filling.children(place).into_iter().rev());
        let question = filling.element(place).and_then(Element::question);
        let is_asked = question.is_some_and(|of| of.is_shown() && *of != Question::Note);
        let is_open = filling.is_relevant(place) && filling.value(place).is_empty();
        if is_asked && is_open && !filling.is_read_only(place, world) {
            return Some(place);
        }
    }
    None
}

fn fill(name: &str, world: &mut Fixed) -> Filling {
    let mut filling = begin(&compiled(name, &RECORDS), world);
    let mut given = 0;
    while let Some(place) = open(&filling, world) {
        let element = filling.element(place).expect("it is there").clone();
        let text = sample(&filling, place, &element, world);
        filling
            .answer(place, &text, world)
            .unwrap_or_else(|refusal| panic!("{name} {}: {refusal}", element.name));
        assert!(!filling.value(place).is_empty(), "{name} {}", element.name);
        given += 1;
        assert!(given < 300, "{name}: {} is asked again and again", element.name);
    }
    assert_eq!(filling.failures(), [], "{name}");
    filling
}

fn of<'t>(types: &'t [RecordType], name: &str) -> &'t RecordType {
    types.iter().find(|of| of.name == name).unwrap_or_else(|| panic!("{name} is a record type"))
}

#[test]
fn each_form_can_be_filled_and_writes_what_its_records_take() {
    let all = forms();
    let types = record_types(&all.iter().collect::<Vec<_>>()).expect("they agree");
    for name in names(&folder(), "md") {
        let mut world = Fixed::default();
        let filling = fill(&name, &mut world);
        let told = |filling: &Filling, world: &mut Fixed| -> Vec<String> {
            let said = |place| filling.element(place).map(|element| element.name.clone()).unwrap_or_default();
            filling
                .complaints(world)
                .into_iter()
                .map(|found| format!("{}: {}", said(found.place), found.message))
                .collect()
        };
        assert_eq!(told(&filling, &mut world), [""; 0], "{name}");
        let (changes, entries, seals) = (filling.changes(&[]), filling.entries(), filling.to_seal());
        assert!(!changes.is_empty() || !entries.is_empty(), "{name} writes something");
        let written = changes.iter().map(|change| (&change.target, &change.values));
        for (target, values) in written.chain(entries.iter().map(|entry| (&entry.target, &entry.values))) {
            let of = of(&types, &target.record_type);
            assert_eq!(of.class, target.class, "{name}");
            for (path, value) in values {
                let odd: Vec<_> = check_path(of, path, value).into_iter().map(|found| found.code).collect();
                assert!(
                    odd.is_empty() || odd_by_design(path.as_str()),
                    "{name}: {path} = {value:?} is {odd:?}"
                );
            }
        }
        for seal in seals {
            let of = of(&types, &seal.target.record_type);
            assert!(of.field_at(&format!("{}/sealed", seal.path)).is_some(), "{name}: {}", seal.path);
        }
        let stored = changes.into_iter().map(|change| StoredRecord {
            target: change.target,
            key: change.key,
            values: change.values.into_iter().collect(),
        });
        let records: Vec<StoredRecord> = stored.collect();
        let form = compiled(&name, &RECORDS);
        let opened = Filling::open(form, 0, &records, BTreeMap::new(), &mut world);
        assert_eq!(opened.changes(&records), [], "{name}: who opens it changes nothing");
    }
}

/// Another entry of a log, which the log itself judges.
fn odd_by_design(path: &str) -> bool {
    matches!(path, "corrects" | "reverses")
}

#[test]
fn what_is_about_a_person_says_about_whom() {
    for form in forms() {
        let types = record_types(&[&form]).expect("it agrees with itself");
        let asks = form.elements.iter().any(|element| element.ours.storage == Some(Storage::Subject));
        // A registration makes the person whom its records are about.
        let makes = types.iter().any(|of| of.name == "worker");
        let is_about = types.iter().any(|of| of.about_person || of.class.is_log());
        assert_eq!(asks, is_about && !makes, "{}", form.id);
        let is_person = |element: &Element| element.ours.storage == Some(Storage::Subject);
        for element in form.elements.iter().filter(|element| is_person(element)) {
            assert!(matches!(element.kind, Kind::Question(_)), "{}", form.id);
        }
    }
}
