//! As what answers are stored: texts of many languages, seals, entries of logs, persons, and nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use fieldmerge_model::form::compiled::CompiledForm;
use fieldmerge_model::form::filling::{Filling, NewEntry, RecordChange, StoredRecord};
use fieldmerge_model::form::types::record_types;
use fieldmerge_model::types::{Kind, Policy};
use fieldmerge_protocol::{Path, RecordClass, RecordId, Value};

use super::generated::store;
use super::told::compiled;
use super::world::Fixed;

const PERSON: &str = "0190a1b2-0000-7000-8000-000000000001";

fn set(filling: &mut Filling, name: &str, at: usize, text: &str, world: &mut Fixed) {
    let place = filling.named(name)[at];
    filling.answer(place, text, world).unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
}

fn begin(form: &Arc<CompiledForm>, world: &mut Fixed) -> Filling {
    Filling::begin(form.clone(), 0, BTreeMap::new(), world)
}

fn open(form: &Arc<CompiledForm>, language: usize, records: &[StoredRecord], world: &mut Fixed) -> Filling {
    Filling::open(form.clone(), language, records, BTreeMap::new(), world)
}

fn values(values: &[(Path, Value)]) -> Vec<String> {
    values.iter().map(|(path, value)| format!("{path} = {value:?}")).collect()
}

fn all(changes: &[RecordChange]) -> Vec<String> {
    changes.iter().flat_map(|change| values(&change.values)).collect()
}

fn person() -> Value {
    Value::Bytes(PERSON.parse::<RecordId>().expect("an id").0.to_vec())
}

const PROJECT: &str = "
| survey |
| | type | name | label::English (en) | label::Français (fr) | fm::kind |
| | text | title | Title | Titre | language |
| settings |
| | form_id | fm::record |
| | project | reference/project |
";

#[test]
fn a_text_of_many_languages_stands_below_each() {
    let (form, mut world) = (compiled(PROJECT), Fixed::default());
    let mut filling = begin(&form, &mut world);
    set(&mut filling, "title", 0, "Road", &mut world);
    filling.speak(1, &mut world);
    assert_eq!(filling.value(filling.named("title")[0]), "", "nothing was written in French");
    set(&mut filling, "title", 0, "Route", &mut world);
    let mut records = Vec::new();
    let changes = filling.changes(&records);
    assert_eq!(all(&changes), ["title/en = Str(\"Road\")", "title/fr = Str(\"Route\")"]);
    store(&mut records, changes);
    let creole = (Path::new("title/ht").expect("a path"), Value::str("Wout"));
    records[0].values.extend([creole]);

    let mut filling = open(&form, 1, &records, &mut world);
    assert_eq!(filling.value(filling.named("title")[0]), "Route");
    assert_eq!(filling.changes(&records), []);
    set(&mut filling, "title", 0, "", &mut world);
    assert_eq!(
        all(&filling.changes(&records)),
        ["title/fr = Null"],
        "an emptied text is cleared, and no other"
    );
    filling.speak(0, &mut world);
    assert_eq!(filling.value(filling.named("title")[0]), "Road");

    let types = record_types(&[form.form()]).expect("nothing clashes");
    assert!(types[0].field_at("title/fr").is_some() && types[0].field_at("title").is_none());
}

const WORKER: &str = "
| survey |
| | type | name | label | default | relevant | fm::record | fm::kind |
| | select_one yn | has_paper | Has a paper | | | | none |
| | text | family_name | Family name | | | | |
| | begin_group | paper | Paper | | ${has_paper} = 'yes' | identity | |
| | text | national_id | Number | | | | sealed |
| | end_group | | | | | | |
| | begin_group | seen | Seen | | | observation | |
| | select_one yn | glasses | Glasses | | | | |
| | end_group | | | | | | |
| | begin_repeat | visit | Visit | | | incident | |
| | text | whom | Whom | | | | subject |
| | date | day | Day | | | | |
| | end_repeat | | | | | | |
| choices |
| | list_name | name | label |
| | yn | yes | Yes |
| | yn | no | No |
| settings |
| | form_id | fm::record |
| | worker | worker |
";

#[test]
fn what_is_sealed_or_asked_to_steer_is_in_no_record() {
    let (form, mut world) = (compiled(WORKER), Fixed::default());
    let mut filling = begin(&form, &mut world);
    for (name, text) in [("has_paper", "yes"), ("family_name", "Rabe"), ("national_id", "101 211")] {
        set(&mut filling, name, 0, text, &mut world);
    }
    assert_eq!(all(&filling.changes(&[])), ["family_name = Str(\"Rabe\")"]);
    let seals = filling.to_seal();
    assert_eq!(seals.len(), 1);
    assert_eq!((seals[0].target.class, seals[0].path.as_str()), (RecordClass::Identity, "national_id"));
    assert_eq!(seals[0].text, "101 211");
    set(&mut filling, "has_paper", 0, "no", &mut world);
    assert_eq!(filling.to_seal(), [], "what does not apply is not sealed");
    assert_eq!(filling.dropped().len(), 1);

    // What was sealed stays when the form is opened again and nothing is written.
    let target = seals[0].target.clone();
    let sealed = [("national_id/sealed", vec![1]), ("national_id/tag", vec![2])];
    let sealed = sealed.map(|(path, bytes)| (Path::new(path).expect("a path"), Value::Bytes(bytes)));
    let records = [StoredRecord { target, key: None, values: sealed.into_iter().collect() }];
    let mut filling = open(&form, 0, &records, &mut world);
    set(&mut filling, "has_paper", 0, "yes", &mut world);
    assert_eq!(filling.value(filling.named("national_id")[0]), "");
    assert_eq!((filling.changes(&records), filling.to_seal()), (vec![], vec![]));

    let types = record_types(&[form.form()]).expect("nothing clashes");
    let of = |name: &str| types.iter().find(|of| of.name == name).expect("it is there");
    assert_eq!(of("identity").field_at("national_id/sealed").map(|field| &field.kind), Some(&Kind::Sealed));
    assert!(of("worker").field("has_paper").is_none());
}

#[test]
fn a_record_says_whom_it_is_about() {
    let (form, mut world) = (compiled(WORKER), Fixed::default());
    let mut filling = begin(&form, &mut world);
    set(&mut filling, "whom", 0, PERSON, &mut world);
    set(&mut filling, "day", 0, "2026-03-02", &mut world);
    let mut records = Vec::new();
    let changes = filling.changes(&records);
    let about = Path::new("_subject").expect("a path");
    assert_eq!(changes[0].values[0], (about, person()));
    store(&mut records, changes);
    let opened = open(&form, 0, &records, &mut world);
    assert_eq!(opened.value(opened.named("whom")[0]), PERSON);
    assert_eq!(opened.changes(&records), []);

    let types = record_types(&[form.form()]).expect("nothing clashes");
    let incident = types.iter().find(|of| of.name == "incident").expect("it is there");
    assert_eq!(incident.fields.iter().map(|field| field.name.as_str()).collect::<Vec<_>>(), ["day"]);
    assert_eq!(incident.repeats, [], "a repeat that has records of its own is no repeat of them");
    assert!(incident.about_person);
}

#[test]
fn an_observation_is_made_anew_and_never_opened() {
    let (form, mut world) = (compiled(WORKER), Fixed::default());
    let mut filling = begin(&form, &mut world);
    set(&mut filling, "glasses", 0, "yes", &mut world);
    let mut records = Vec::new();
    let changes = filling.changes(&records);
    assert_eq!(all(&changes), ["glasses = Str(\"yes\")"]);
    store(&mut records, changes);

    let mut filling = open(&form, 0, &records, &mut world);
    assert_eq!(filling.value(filling.named("glasses")[0]), "");
    assert_eq!(filling.changes(&records), [], "nobody was asked again");
    set(&mut filling, "glasses", 0, "yes", &mut world);
    assert_eq!(all(&filling.changes(&records)), ["glasses = Str(\"yes\")"], "the same answer is another one");
}

const SHEET: &str = "
| survey |
| | type | name | label | relevant | calculation | fm::record | fm::kind |
| | begin_group | day | Day | | | | |
| | date | work_date | Date | | | | |
| | text | chief | Who writes | | | | none |
| | end_group | | | | | | |
| | begin_repeat | crew | Crew | | | | entry |
| | text | person | Person | | | | subject |
| | select_one status | status | Presence | | | | |
| | calculate | day_fraction | | | if(${status} = 'present', 1, 0) | | decimal |
| | select_one why | absence_reason | Why | ${status} = 'absent' | | | |
| | text | corrects | Corrects | | | | entry |
| | end_repeat | | | | | | |
| choices |
| | list_name | name | label |
| | status | present | Present |
| | status | absent | Absent |
| | why | care | Care |
| | why | travel | Travel |
| settings |
| | form_id | fm::record |
| | sheet | attendance |
";

#[test]
fn each_instance_is_an_entry_with_what_stands_around_it() {
    let (form, mut world) = (compiled(SHEET), Fixed::default());
    let mut filling = begin(&form, &mut world);
    let root = filling.root();
    filling.add(root, "crew", &mut world).expect("there is room");
    filling.add(root, "crew", &mut world).expect("there is room");
    set(&mut filling, "work_date", 0, "2026-03-02", &mut world);
    set(&mut filling, "chief", 0, "Hery", &mut world);
    for at in 0..3 {
        set(&mut filling, "person", at, PERSON, &mut world);
    }
    set(&mut filling, "status", 0, "present", &mut world);
    set(&mut filling, "status", 2, "absent", &mut world);
    set(&mut filling, "absence_reason", 2, "travel", &mut world);
    set(&mut filling, "corrects", 2, "7", &mut world);
    let entries = filling.entries();
    assert!(entries.iter().all(|entry| entry.target.class == RecordClass::Attendance));
    let told = |entry: &NewEntry| {
        assert_eq!(entry.values[0], (Path::new("_subject").expect("a path"), person()));
        values(&entry.values[1..])
    };
    let expected = [
        vec!["day_fraction = F64(1.0)", "status = Str(\"present\")", "work_date = Str(\"2026-03-02\")"],
        vec![
            "absence_reason = Str(\"travel\")",
            "corrects = Str(\"7\")",
            "day_fraction = F64(0.0)",
            "status = Str(\"absent\")",
            "work_date = Str(\"2026-03-02\")",
        ],
    ];
    assert_eq!(entries.iter().map(told).collect::<Vec<_>>(), expected, "who was not asked for has no entry");
    assert_eq!(filling.changes(&[]), [], "a log is no record to change");
    filling.remove(filling.named("crew")[0], &mut world).expect("it is taken out");
    assert_eq!(filling.entries().len(), 1);

    let types = record_types(&[form.form()]).expect("nothing clashes");
    let names: Vec<&str> = types[0].fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!(names, ["work_date", "status", "day_fraction", "absence_reason", "corrects"]);
    assert!(types[0].repeats.is_empty() && types[0].fields.iter().all(|field| field.policy == Policy::Log));
    assert_eq!(types[0].field("corrects").map(|field| &field.kind), Some(&Kind::Entry));
}
