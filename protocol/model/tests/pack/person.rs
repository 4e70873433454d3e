//! The registration of a person: how long it takes, what comes when, and what an answer or a refusal can cost.

use std::collections::BTreeMap;

use fieldmerge_model::form::filling::{Fault, Filling, StoredRecord};
use fieldmerge_model::form::{Choice, Question};
use fieldmerge_protocol::RecordClass;

use super::read::{at, begin, compiled, form, set};
use super::world::Fixed;

/// The answers with which somebody is registered, where they are asked for.
const ANSWERS: [(&str, &str); 17] = [
    ("consent_given", "yes"),
    ("consent_scope", "pay"),
    ("family_name", "Rasoanirina"),
    ("sex", "female"),
    ("birth_precision", "year"),
    ("birth_year", "1991"),
    ("accommodation_needed", "none"),
    ("selection", "selected"),
    ("ask_inclusion", "yes"),
    ("wg_respondent", "self"),
    ("wg_seeing", "1"),
    ("wg_hearing", "1"),
    ("wg_walking", "1"),
    ("wg_remembering", "2"),
    ("wg_selfcare", "1"),
    ("wg_communicating", "1"),
    ("displacement_status", "not_stated"),
];

/// Answers what has to be answered until nothing is missing; says how many answers that took.
fn register(filling: &mut Filling, answers: &BTreeMap<&str, &str>, world: &mut Fixed) -> usize {
    for given in 0.. {
        let missing =
            filling.complaints(world).into_iter().find(|complaint| complaint.fault == Fault::Required);
        let Some(missing) = missing else { return given };
        let name = filling.element(missing.place).expect("it is there").name.clone();
        let text = answers.get(name.as_str()).unwrap_or_else(|| panic!("{name} has to be answered"));
        filling.answer(missing.place, text, world).unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
    }
    0
}

/// A form in which somebody is registered, how many answers that took, and its world.
pub fn registered(different: &[(&'static str, &'static str)]) -> (usize, Filling, Fixed) {
    let (form, mut world) = (compiled("worker", &[]), Fixed::default());
    let mut filling = begin(&form, &mut world);
    let answers: BTreeMap<&str, &str> = ANSWERS.into_iter().chain(different.iter().copied()).collect();
    let given = register(&mut filling, &answers, &mut world);
    assert_eq!((filling.complaints(&mut world), filling.failures()), (vec![], vec![]));
    (given, filling, world)
}

/// At ten seconds an answer, reading aloud included, the longest of these stays under three minutes.
#[test]
fn a_registration_takes_few_answers() {
    assert_eq!(registered(&[("selection", "not_yet")]).0, 8);
    assert_eq!(registered(&[("ask_inclusion", "no")]).0, 9);
    assert_eq!(registered(&[]).0, 17);
    assert_eq!(registered(&[("consent_given", "no")]).0, 7, "without consent only what the law asks for");
}

fn classes(filling: &Filling) -> Vec<RecordClass> {
    filling.changes(&[]).iter().map(|change| change.target.class).collect()
}

#[test]
fn inclusion_comes_after_the_selection_and_refusing_costs_nothing() {
    use RecordClass::{Accommodation, Consent, Core, Observation};
    let (form, mut world) = (compiled("worker", &[]), Fixed::default());
    let mut filling = begin(&form, &mut world);
    for name in ["ask_inclusion", "wg_seeing", "displacement_status", "citizenship"] {
        assert!(!filling.is_relevant(at(&filling, name)), "{name} is not asked before the selection");
    }
    let order = |name: &str| form.form().elements.iter().position(|element| element.name == name);
    assert!(order("selection") < order("ask_inclusion") && order("ask_inclusion") < order("wg_seeing"));
    set(&mut filling, "selection", "not_selected", &mut world);
    assert!(!filling.is_relevant(at(&filling, "ask_inclusion")), "nor of who was not selected");

    let sorted = |different: &[(&'static str, &'static str)]| {
        let mut classes = classes(&registered(different).1);
        classes.sort();
        classes
    };
    assert_eq!(sorted(&[("ask_inclusion", "no")]), [Core, Accommodation, Consent]);
    assert_eq!(sorted(&[]), [Core, Observation, Accommodation, Consent]);
    // Each question can be refused, and what was refused is an answer.
    let refusals =
        ["wg_seeing", "wg_hearing", "wg_walking", "wg_remembering", "wg_selfcare", "wg_communicating"];
    let refusals: Vec<(&str, &str)> = refusals.into_iter().map(|name| (name, "7")).collect();
    let (_, filling, _) = registered(&refusals);
    assert_eq!(filling.value(at(&filling, "pwd_wgss")), "", "what is refused says nothing");
    // What was decided before stands in no question that the answers could touch.
    let core = |filling: &Filling| {
        let changes = filling.changes(&[]);
        changes.into_iter().find(|change| change.target.class == Core).expect("there is a person")
    };
    assert_eq!(core(&filling), core(&registered(&[]).1));
}

#[test]
fn what_is_sealed_is_in_no_record() {
    let (_, mut filling, mut world) = registered(&[]);
    set(&mut filling, "national_id", "201 011 045 332", &mut world);
    let written = format!("{:?}", filling.changes(&[]));
    assert!(!written.contains("045 332") && !written.contains("selection"));
    assert_eq!(filling.to_seal().len(), 1);
}

#[test]
fn a_person_is_opened_again_without_what_she_said_of_herself() {
    let (_, filling, mut world) = registered(&[]);
    let stored = filling.changes(&[]).into_iter();
    let records: Vec<StoredRecord> = stored
        .map(|change| StoredRecord {
            target: change.target,
            key: None,
            values: change.values.into_iter().collect(),
        })
        .collect();
    let form = compiled("worker", &[]);
    let mut opened = Filling::open(form.clone(), 0, &records, BTreeMap::new(), &mut world);
    assert_eq!(opened.changes(&records), [], "who opens it changes nothing");
    assert_eq!(opened.value(at(&opened, "family_name")), "Rasoanirina");
    assert_eq!(opened.value(at(&opened, "wg_remembering")), "");
    // What is answered now is another observation.
    let answers: BTreeMap<&str, &str> = ANSWERS.into_iter().collect();
    register(&mut opened, &answers, &mut world);
    let classes: Vec<RecordClass> =
        opened.changes(&records).iter().map(|change| change.target.class).collect();
    assert_eq!(classes, [RecordClass::Observation]);
    // A phone that does not hold the consent takes nothing away.
    let core: Vec<StoredRecord> =
        records.into_iter().filter(|record| record.target.class == RecordClass::Core).collect();
    let opened = Filling::open(form, 0, &core, BTreeMap::new(), &mut world);
    let changed = opened.changes(&core);
    assert!(changed.iter().all(|change| change.target.class != RecordClass::Core), "{changed:?}");
}

/// Wording, order and answers of the Washington Group Short Set, which are not changed.
const WASHINGTON: [(&str, &str); 6] = [
    ("wg_seeing", "Do you have difficulty seeing, even if wearing glasses?"),
    ("wg_hearing", "Do you have difficulty hearing, even if using a hearing aid?"),
    ("wg_walking", "Do you have difficulty walking or climbing steps?"),
    ("wg_remembering", "Do you have difficulty remembering or concentrating?"),
    ("wg_selfcare", "Do you have difficulty with self-care, such as washing all over or dressing?"),
    (
        "wg_communicating",
        "Using your usual language, do you have difficulty communicating, for example understanding or being understood?",
    ),
];
const DIFFICULTY: [(&str, &str); 6] = [
    ("1", "No, no difficulty"),
    ("2", "Yes, some difficulty"),
    ("3", "Yes, a lot of difficulty"),
    ("4", "Cannot do at all"),
    ("7", "Refused"),
    ("9", "Does not know"),
];

#[test]
fn the_short_set_is_as_the_washington_group_wrote_it() {
    let form = form("worker");
    let english = form.default_language;
    let first =
        form.elements.iter().position(|element| element.name == WASHINGTON[0].0).expect("it is there");
    for (element, (name, label)) in form.elements[first..].iter().zip(WASHINGTON) {
        assert_eq!((element.name.as_str(), element.label.get(english, english)), (name, label));
        assert!(
            element.hint.is_empty() && element.logic.relevant.is_none() && element.logic.initial.is_none()
        );
        let Some(Question::SelectOne(choices)) = element.question() else { panic!("{name} is a choice") };
        assert!(choices.filter.is_none() && !choices.or_other, "{name}");
    }
    let list = form.list("difficulty").expect("it is there");
    let told = |choice: &Choice| (choice.name.clone(), choice.label.get(english, english).to_owned());
    let expected = DIFFICULTY.map(|(code, label)| (code.to_owned(), label.to_owned()));
    assert_eq!(list.choices.iter().map(told).collect::<Vec<_>>(), expected);
    for element in &form.elements {
        let said = element.label.get(english, english).to_lowercase();
        let is_asked = element.question().is_some_and(Question::is_shown);
        assert!(!is_asked || !said.contains("disab"), "the word is not said to anybody: {}", element.name);
    }
}

#[test]
fn the_cut_off_is_that_of_the_washington_group() {
    for (answers, expected) in [
        (["1", "1", "1", "1", "1", "1"], "no"),
        (["2", "2", "2", "2", "2", "2"], "no"),
        (["1", "3", "1", "1", "1", "1"], "yes"),
        (["1", "1", "4", "1", "2", "1"], "yes"),
        (["7", "1", "1", "1", "1", "1"], ""),
        (["7", "3", "1", "1", "1", "1"], "yes"),
    ] {
        let different: Vec<(&str, &str)> =
            WASHINGTON.iter().zip(answers).map(|((name, _), answer)| (*name, answer)).collect();
        let (_, filling, _) = registered(&different);
        assert_eq!(filling.value(at(&filling, "pwd_wgss")), expected, "{answers:?}");
        let written = format!("{:?}", filling.changes(&[]));
        assert!(!written.contains("pwd_wgss"), "what is derived is in no record");
    }
}
