//! Records are made and changed by filling forms, while the forms change.

use std::collections::BTreeMap;

use fieldmerge_engine::FillRequest;
use fieldmerge_model::form::filling::World;
use fieldmerge_protocol::{RecordId, Value};
use fieldmerge_tests::world::phone::Phone;
use fieldmerge_tests::world::site::START_MS;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

use crate::forms::{phone, published, sync, visits};
use crate::place::{Place, on_both};

on_both!(a_form_that_changes_in_the_middle_of_offline_weeks_loses_no_answer);

/// Chance and ids of one phone.
struct Chance(ChaCha8Rng);

impl World for Chance {
    fn now(&mut self) -> i64 {
        START_MS
    }

    fn offset_minutes(&mut self) -> i32 {
        0
    }

    fn random(&mut self) -> f64 {
        f64::from(self.0.next_u32()) / f64::from(u32::MAX)
    }

    fn uuid(&mut self) -> String {
        self.key()
    }

    fn key(&mut self) -> String {
        let mut random = [0; 10];
        self.0.fill_bytes(&mut random);
        let millis = u64::try_from(START_MS).expect("after 1970");
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid().to_string()
    }

    fn property(&mut self, _name: &str) -> Option<String> {
        None
    }
}

/// Fills a version of a form on a phone and saves it.
fn fill(
    (phone, chance): (&mut Phone, &mut Chance),
    place: &Place,
    (form, record): (u64, Option<RecordId>),
    answers: &[(&str, &str)],
) -> RecordId {
    let request = FillRequest { form, record, ..FillRequest::default() };
    let mut fill = phone.engine().fill(&request, chance).expect("the phone has the form");
    for (question, answer) in answers {
        let asked = fill.filling.named(question)[0];
        fill.filling.answer(asked, answer, chance).expect("an answer");
    }
    let edits = fill.edits(place.area(), 0).expect("it can be saved");
    phone.save(edits).expect("phones do not die here").expect("it is saved");
    fill.record()
}

/// The answers of a record on a phone, those that were cleared left out.
fn answers(phone: &Phone, record: RecordId) -> BTreeMap<String, Value> {
    let view = phone.engine().get(record).expect("the phone has it");
    let values = view.values.into_iter().filter(|value| value.value != Value::Null);
    values.map(|value| (value.path.to_string(), value.value)).collect()
}

async fn a_form_that_changes_in_the_middle_of_offline_weeks_loses_no_answer(place: &Place) {
    let first = visits("1", "| | text | roof | Roof | Toit | |\n| | text | owner | Owner | Propriétaire | |");
    published(&place.site, &first).await;
    let (mut one, mut other) = (phone(place, "Hery", 1).await, phone(place, "Lalao", 2).await);
    let [mut ones, mut others] = [1, 2].map(|seed| Chance(ChaCha8Rng::seed_from_u64(seed)));
    sync(&mut one, &place.site).await;
    let begun = [("rooms", "2"), ("wall", "earth"), ("roof", "tiles"), ("owner", "Rabe")];
    let record = fill((&mut one, &mut ones), place, (1, None), &begun);
    sync(&mut one, &place.site).await;

    // One phone is away with the first version. A question is new, one is renamed, a choice is new and one is gone.
    let second = visits(
        "2",
        "| | text | roofing | Roofing | Toiture | |\n| | text | owner | Owner | Propriétaire | |",
    )
    .replace("| | wall | earth | Earth | Terre |", "| | wall | wood | Wood | Bois |")
    .replace("| | integer | rooms |", "| | date | seen | When? | Quand ? | |\n| | integer | rooms |");
    published(&place.site, &second).await;
    sync(&mut other, &place.site).await;
    let later = [("seen", "2026-03-09"), ("roofing", "grass"), ("rooms", "3")];
    fill((&mut other, &mut others), place, (2, Some(record)), &later);
    fill((&mut one, &mut ones), place, (1, Some(record)), &[("roof", "iron"), ("owner", "Rasoa")]);
    let unseen = fill((&mut one, &mut ones), place, (1, None), &begun);
    sync(&mut other, &place.site).await;
    sync(&mut one, &place.site).await;
    sync(&mut other, &place.site).await;

    let text = Value::str;
    let all = BTreeMap::from([
        ("rooms".to_owned(), Value::Int(3)),
        ("wall".to_owned(), text("earth")),
        ("roof".to_owned(), text("iron")),
        ("owner".to_owned(), text("Rasoa")),
        ("roofing".to_owned(), text("grass")),
        ("seen".to_owned(), text("2026-03-09")),
    ]);
    let census = place.census().await;
    for phone in [&one, &other] {
        assert_eq!(answers(phone, record), all, "{}", phone.label);
        census.assert_same_on(phone);
    }
    // What was written with the first version opens with the second: what is asked no more stays, and so does the choice
    // that is gone, until somebody chooses another.
    let request = FillRequest { form: 2, record: Some(unseen), ..FillRequest::default() };
    let mut opened = other.engine().fill(&request, &mut others).expect("the phone has the form");
    let wall = opened.filling.named("wall")[0];
    assert_eq!(opened.filling.value(wall), "earth");
    assert_eq!(opened.edits(place.area(), 0).expect("it can be saved"), [], "nothing was touched");
    let complaint = opened.filling.complaint(wall, &mut others).expect("it is offered no more");
    assert_eq!(complaint.fault.code(), "not-offered");
    let seen = opened.filling.named("seen")[0];
    opened.filling.answer(seen, "2026-03-10", &mut others).expect("a day");
    other
        .save(opened.edits(place.area(), 0).expect("it can be saved"))
        .expect("no phone dies")
        .expect("saved");
    sync(&mut other, &place.site).await;
    sync(&mut one, &place.site).await;
    let expected = [("roof", "tiles"), ("owner", "Rabe"), ("wall", "earth"), ("seen", "2026-03-10")];
    for (path, value) in expected {
        assert_eq!(answers(&one, unseen).get(path), Some(&text(value)), "{path}");
    }
    let by = [record, unseen].map(|record| one.engine().get(record).expect("the phone has it").form);
    assert_eq!(by, [Some(2), Some(2)], "each says what wrote it last");
}
