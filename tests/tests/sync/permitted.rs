//! What some roles alone may write, and where records stand.

use fieldmerge_engine::{Edit, Failure, FillRequest, FindingView, SavedEdit};
use fieldmerge_model::form::filling::Refusal;
use fieldmerge_protocol::{RecordClass, RecordId, Value};
use fieldmerge_server::findings::judge_all;
use fieldmerge_tests::synthetic::path;
use fieldmerge_tests::world::phone::Phone;
use fieldmerge_tests::world::visits::Chance;

use crate::forms::{phone, sync};
use crate::place::{Draft, Place, on_both};

on_both!(
    the_gate_of_the_minimum_age_opens_when_protection_has_decided,
    what_others_alone_may_write_is_a_finding,
    a_grievance_stands_in_the_root_area_alone,
);

const PROTECTION: [&str; 1] = ["S1:protection"];

/// The number of the latest version of a form.
fn number(phone: &Phone, id: &str) -> u64 {
    let forms = phone.engine().forms();
    forms.iter().find(|form| form.id == id && form.latest).expect("the phone has the form").number
}

fn worker(phone: &mut Phone, place: &Place, birth_year: i64) -> RecordId {
    let values =
        vec![(path("family_name"), Value::str("Ravaosolo")), (path("birth_year"), Value::Int(birth_year))];
    let (record_type, area) = ("worker".to_owned(), place.area());
    let new = Edit::Create { record: None, record_type, area, subject: None, person: 0, values };
    let saved = phone.save(vec![new]).expect("phones do not die here").expect("it is saved");
    let [SavedEdit::Record(record)] = saved[..] else { panic!("{saved:?}") };
    record
}

/// Whether an assignment of this worker may be made active on a phone.
fn is_open(phone: &Phone, worker: RecordId) -> bool {
    let mut chance = Chance::of(7);
    let request = FillRequest { form: number(phone, "himo_assignment"), ..FillRequest::default() };
    let mut fill = phone.engine().fill(&request, &mut chance).expect("the phone has the form");
    for (name, answer) in [("person", worker.to_string()), ("contract_start", "2026-03-02".to_owned())] {
        let asked = fill.filling.named(name)[0];
        fill.filling.answer(asked, &answer, &mut chance).expect("an answer");
    }
    let status = fill.filling.named("assignment_status")[0];
    let offered = fill.filling.choices(status, &mut chance);
    assert!(offered.iter().any(|choice| choice.name == "pending"), "{offered:?}");
    offered.iter().any(|choice| choice.name == "active")
}

/// Fills the decision on the age of a worker and saves it.
fn decide(
    phone: &mut Phone,
    place: &Place,
    worker: RecordId,
    answers: &[(&str, &str)],
) -> Result<(), Refusal> {
    let mut chance = Chance::of(8);
    let form = number(phone, "himo_age");
    let request = FillRequest { form, record: Some(worker), ..FillRequest::default() };
    let mut fill = phone.engine().fill(&request, &mut chance).expect("the phone has the form");
    for (name, answer) in answers {
        let asked = fill.filling.named(name)[0];
        fill.filling.answer(asked, answer, &mut chance)?;
    }
    assert_eq!(fill.filling.complaints(&mut chance), [], "nobody complains of what she cannot answer");
    let edits = fill.edits(place.area(), 0, &mut chance).expect("it can be saved");
    phone.save(edits).expect("phones do not die here").expect("it is saved");
    Ok(())
}

fn decision(phone: &Phone, worker: RecordId) -> Option<Value> {
    let view = phone.engine().get(worker).expect("the phone has it");
    view.values.into_iter().find(|value| value.path.as_str() == "age_decision").map(|value| value.value)
}

async fn the_gate_of_the_minimum_age_opens_when_protection_has_decided(place: &Place) {
    let mut field = phone(place, "Hery", 1).await;
    let mut focal = place.site.phone("Voahangy", 2, &PROTECTION).await;
    sync(&mut field, &place.site).await;
    let girl = worker(&mut field, place, 2011);
    assert!(!is_open(&field, girl), "nobody has decided");

    // Who registers her cannot decide, by the form or without it.
    assert_eq!(decide(&mut field, place, girl, &[("age_decision", "allowed")]), Err(Refusal::ReadOnly));
    let values = vec![(path("age_decision"), Value::str("allowed"))];
    let edit = Edit::Change { record: girl, person: 0, values, removes: Vec::new() };
    let refused = field.save(vec![edit]).expect("phones do not die here");
    assert!(matches!(refused, Err(Failure::NotGranted)), "{refused:?}");
    for phone in [&mut field, &mut focal] {
        sync(phone, &place.site).await;
    }

    let decided =
        [("age_evidence", "birth_cert"), ("age_decision", "allowed"), ("age_decided_on", "2026-03-01")];
    decide(&mut focal, place, girl, &decided).expect("protection decides");
    for phone in [&mut focal, &mut field] {
        sync(phone, &place.site).await;
    }
    assert!(is_open(&field, girl));

    // What the other answers say later leaves the decision as it is, and nobody has anything to find.
    decide(&mut field, place, girl, &[("birth_year", "2010")]).expect("the year is anybody's");
    assert_eq!(decision(&field, girl), Some(Value::str("allowed")));
    decide(&mut focal, place, girl, &[("age_decision", "below")]).expect("protection decides");
    sync(&mut field, &place.site).await;
    sync(&mut focal, &place.site).await;
    sync(&mut field, &place.site).await;
    assert_eq!(decision(&field, girl), Some(Value::str("below")));
    assert!(!is_open(&field, girl));
    judge_all(&place.site.app).await.expect("the database answers");
    sync(&mut focal, &place.site).await;
    let told = focal.engine().findings("en");
    assert!(told.iter().all(|found| found.code != "not-permitted"), "{told:?}");
}

async fn what_others_alone_may_write_is_a_finding(place: &Place) {
    let mut author = place.author(9).await;
    let mut focal = place.site.phone("Voahangy", 2, &PROTECTION).await;
    let (mut girl, made) = Draft::worker(&author, place.area(), 1, "Ravaosolo");
    let allowed = girl.edit(&author, "age_decision", Value::str("allowed"));
    let frame = author.frame(place.core(), &[(girl.id, made), (girl.id, allowed)]);
    author.push(&place.post(), &[frame]).await;
    judge_all(&place.site.app).await.expect("the database answers");
    let codes = async || {
        let mut tx = place.site.app.store().read().await.expect("a snapshot can be read");
        let rows = fieldmerge_store::findings::of_records(&mut tx, place.site.project, &[girl.id]).await;
        tx.rollback().await.expect("a snapshot ends");
        let open = rows.expect("they can be read").into_iter().filter(|row| row.mended_ms.is_none());
        open.filter(|row| row.path == "age_decision").map(|row| row.code).collect::<Vec<_>>()
    };
    assert_eq!(codes().await, ["not-permitted"], "the change is kept, and somebody is told");

    // Who may decide says the same: nothing is wrong any more.
    sync(&mut focal, &place.site).await;
    let answers = [("age_decision", "below"), ("age_decided_on", "2026-03-01")];
    decide(&mut focal, place, girl.id, &answers).expect("protection decides");
    sync(&mut focal, &place.site).await;
    judge_all(&place.site.app).await.expect("the database answers");
    assert!(codes().await.is_empty());
    let told: Vec<FindingView> = focal.engine().findings("fr");
    assert!(told.iter().all(|found| found.code != "not-permitted"), "{told:?}");
}

async fn a_grievance_stands_in_the_root_area_alone(place: &Place) {
    let mut focal = place.site.phone("Voahangy", 2, &PROTECTION).await;
    sync(&mut focal, &place.site).await;
    let mut chance = Chance::of(3);
    let request = FillRequest { form: number(&focal, "himo_grievance"), ..FillRequest::default() };
    let mut fill = focal.engine().fill(&request, &mut chance).expect("the phone has the form");
    for (name, answer) in [("category", "sea_gbv"), ("received_on", "2026-02-27")] {
        let asked = fill.filling.named(name)[0];
        fill.filling.answer(asked, answer, &mut chance).expect("an answer");
    }
    // Whichever site is worked at, none is named.
    let edits = fill.edits(place.area(), 0, &mut chance).expect("it can be saved");
    focal.save(edits.clone()).expect("phones do not die here").expect("it is saved");
    sync(&mut focal, &place.site).await;
    let census = place.census().await;
    census.assert_same_on(&focal);
    let view = focal.engine().get(fill.record()).expect("it is here");
    assert_eq!((view.summary.feed.area, view.summary.feed.class), (place.site.root, RecordClass::Grievance));

    // Without the form it is refused in the area of a site.
    let [Edit::Create { record_type, person, values, .. }] = &edits[..] else { panic!("{edits:?}") };
    let at_site = Edit::Create {
        record: None,
        record_type: record_type.clone(),
        area: place.area(),
        subject: None,
        person: *person,
        values: values.clone(),
    };
    let refused = focal.save(vec![at_site]).expect("phones do not die here");
    assert!(matches!(refused, Err(Failure::NotGranted)), "{refused:?}");
}
