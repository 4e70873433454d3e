//! The server judges what it took by the rules of the forms, and tells who wrote it.

use fieldmerge_engine::{Edit, FillRequest, FindingView, SavedEdit};
use fieldmerge_model::form::filling::FORM;
use fieldmerge_protocol::{AreaId, RecordId, Value};
use fieldmerge_server::compact;
use fieldmerge_server::findings::judge_all;
use fieldmerge_tests::synthetic::path;
use fieldmerge_tests::world::phone::Phone;
use fieldmerge_tests::world::site::PROJECT;
use fieldmerge_tests::world::visits::Chance;

use crate::forms::{PACK, phone, published, sync};
use crate::place::{Place, on_both};

on_both!(
    who_wrote_what_breaks_a_rule_is_told_in_the_language_asked_for,
    a_phone_that_fills_a_form_is_told_nothing,
    each_change_is_judged_once_however_it_is_stored,
    no_more_is_told_than_a_device_takes,
    what_was_looked_up_and_changed_is_judged_again,
    what_other_records_of_a_person_say_is_judged_again,
    what_was_right_when_it_was_chosen_stays_right,
    what_one_form_found_is_mended_by_another,
);

const HOUSES: &str = "
| survey |
| | type | name | label::English (en) | label::Français (fr) | required | constraint | constraint_message::English (en) | constraint_message::Français (fr) | relevant |
| | integer | rooms | How many rooms? | Combien de pièces ? | yes | | | | |
| | integer | windows | How many windows? | Combien de fenêtres ? | | . <= 4 * coalesce(${rooms}, 4) | No house has so many windows for ${rooms} rooms. | Aucune maison n’a tant de fenêtres pour ${rooms} pièces. | |
| | date | seen_on | When was it seen? | Quand a-t-elle été vue ? | | . <= today() | | | |
| | begin_repeat | bed | Beds | Lits | | | | | ${rooms} > 1 |
| | integer | width | How wide is it? | Quelle largeur ? | yes | | | | |
| | text | owner | Whose is it? | À qui est-il ? | | | | | |
| | end_repeat | | | | | | | | |
| settings |
| | form_id | form_title | version | default_language | fm::record |
| | houses | Houses | 1 | English (en) | core/house |
";

fn create(phone: &mut Phone, place: &Place, values: &[(&str, Value)]) -> RecordId {
    let filled = [(FORM, Value::Uint(PACK + 1))];
    let values = values.iter().chain(&filled).map(|(name, value)| (path(name), value.clone())).collect();
    let (record_type, area) = ("house".to_owned(), place.area());
    let new = Edit::Create { record: None, record_type, area, subject: None, person: 0, values };
    let saved = phone.save(vec![new]).expect("phones do not die here").expect("the types allow it");
    let [SavedEdit::Record(record)] = saved[..] else { panic!("{saved:?}") };
    record
}

fn set(phone: &mut Phone, record: RecordId, name: &str, value: Value) {
    let edit = Edit::Change { record, person: 0, values: vec![(path(name), value)], removes: Vec::new() };
    phone.save(vec![edit]).expect("phones do not die here").expect("the types allow it");
}

fn told(phone: &Phone, language: &str) -> Vec<FindingView> {
    phone.engine().findings(language)
}

async fn judged(place: &Place) -> u64 {
    judge_all(&place.site.app).await.expect("the database answers")
}

/// What a phone is told, as `path code message`.
fn lines(phone: &Phone, language: &str) -> Vec<String> {
    let line = |found: FindingView| {
        assert!(!found.is_mended && found.form == PACK + 1 && !found.question.is_empty(), "{found:?}");
        format!("{} {} {}", found.path, found.code, found.message)
    };
    told(phone, language).into_iter().map(line).collect()
}

async fn who_wrote_what_breaks_a_rule_is_told_in_the_language_asked_for(place: &Place) {
    published(&place.site, HOUSES).await;
    let (mut one, mut other) = (phone(place, "Hery", 1).await, phone(place, "Lalao", 2).await);
    for phone in [&mut one, &mut other] {
        sync(phone, &place.site).await;
    }
    let house = create(&mut one, place, &[("windows", Value::Int(99))]);
    sync(&mut one, &place.site).await;
    assert!(told(&one, "fr").is_empty(), "nobody has judged it yet");
    assert_eq!(judged(place).await, 1);
    assert_eq!(judged(place).await, 0, "there is nothing new");
    for phone in [&mut one, &mut other] {
        sync(phone, &place.site).await;
    }
    let french = [
        "rooms required Veuillez répondre à cette question.",
        "windows constraint Aucune maison n’a tant de fenêtres pour  pièces.",
    ];
    assert_eq!(lines(&one, "fr"), french);
    assert!(
        lines(&one, "mg")[0].ends_with("Please answer this question."),
        "the form does not know Malagasy"
    );
    assert!(told(&other, "fr").is_empty(), "it wrote nothing of it");
    let same = sync(&mut one, &place.site).await;
    one.restart();
    assert_eq!(lines(&one, "fr"), french);
    assert_eq!(sync(&mut one, &place.site).await, same, "it is not sent again");

    // Whoever writes next has written what is wrong then.
    set(&mut other, house, "windows", Value::Int(98));
    set(&mut other, house, "rooms", Value::Int(2));
    for phone in [&mut other, &mut one] {
        sync(phone, &place.site).await;
    }
    assert!(
        told(&one, "fr").iter().any(|found| found.path == "rooms" && found.is_mended),
        "{:?}",
        told(&one, "fr")
    );
    judged(place).await;
    for phone in [&mut other, &mut one] {
        sync(phone, &place.site).await;
    }
    assert!(told(&one, "fr").is_empty());
    assert_eq!(lines(&other, "en"), ["windows constraint No house has so many windows for 2 rooms."]);

    // What is mended here is said to be at once, and is gone when the server has seen it.
    set(&mut other, house, "windows", Value::Int(3));
    let mended: Vec<_> =
        told(&other, "en").into_iter().map(|found| (found.question, found.is_mended)).collect();
    assert_eq!(mended, [("How many windows?".to_owned(), true)]);
    sync(&mut other, &place.site).await;
    judged(place).await;
    sync(&mut other, &place.site).await;
    assert!(told(&other, "en").is_empty());
    judged(place).await;

    // It comes back as something new where it is wrong again.
    set(&mut one, house, "windows", Value::Int(97));
    let bed = "0197a000-0000-7000-8000-000000000001";
    set(&mut one, house, &format!("bed/{bed}/owner"), Value::str("Soa"));
    sync(&mut one, &place.site).await;
    judged(place).await;
    sync(&mut one, &place.site).await;
    let asked: Vec<_> = told(&one, "fr").into_iter().map(|found| (found.path, found.question)).collect();
    let width = (format!("bed/{bed}/width"), "Quelle largeur ?".to_owned());
    assert_eq!(asked, [width, ("windows".to_owned(), "Combien de fenêtres ?".to_owned())]);
}

async fn a_phone_that_fills_a_form_is_told_nothing(place: &Place) {
    published(&place.site, HOUSES).await;
    let mut one = phone(place, "Hery", 1).await;
    sync(&mut one, &place.site).await;
    let mut chance = Chance::of(5);
    let request = FillRequest { form: PACK + 1, ..FillRequest::default() };
    let mut fill = one.engine().fill(&request, &mut chance).expect("it has the form");
    // In half of the world it is the day before.
    for (name, answer) in [("rooms", "1"), ("windows", "4"), ("seen_on", "2026-03-01")] {
        let place = fill.filling.named(name)[0];
        fill.filling.answer(place, answer, &mut chance).expect("the form takes it");
    }
    let edits = fill.edits(place.area(), 0, &mut chance).expect("it can be saved");
    one.save(edits).expect("phones do not die here").expect("the form allows it");
    sync(&mut one, &place.site).await;
    assert_eq!(judged(place).await, 1);
    sync(&mut one, &place.site).await;
    assert_eq!(told(&one, "fr"), []);
    set(&mut one, fill.record(), "seen_on", Value::str("2026-03-02"));
    sync(&mut one, &place.site).await;
    judged(place).await;
    sync(&mut one, &place.site).await;
    assert_eq!(
        lines(&one, "en"),
        ["seen_on constraint This answer is not allowed here."],
        "it is tomorrow nowhere"
    );
}

async fn each_change_is_judged_once_however_it_is_stored(place: &Place) {
    published(&place.site, HOUSES).await;
    let mut one = phone(place, "Hery", 1).await;
    sync(&mut one, &place.site).await;
    let houses = |phone: &mut Phone, count: i64| {
        for windows in 0..count {
            create(phone, place, &[("windows", Value::Int(windows))]);
        }
    };
    houses(&mut one, 3);
    sync(&mut one, &place.site).await;
    assert_eq!(judged(place).await, 3);
    houses(&mut one, 4);
    sync(&mut one, &place.site).await;
    // From now on the last position that was judged lies inside of a segment.
    compact::now(&place.site.app, Some(PROJECT)).await.expect("it is compacted");
    assert_eq!(judged(place).await, 4);
    assert_eq!(judged(place).await, 0);
    sync(&mut one, &place.site).await;
    assert_eq!(told(&one, "en").len(), 7, "no house says how many rooms it has");
}

async fn no_more_is_told_than_a_device_takes(place: &Place) {
    published(&place.site, HOUSES).await;
    let mut one = phone(place, "Hery", 1).await;
    sync(&mut one, &place.site).await;
    let edits = (0..205).map(|_| Edit::Create {
        record: None,
        record_type: "house".to_owned(),
        area: place.area(),
        subject: None,
        person: 0,
        values: vec![(path("windows"), Value::Int(99))],
    });
    one.save(edits.collect()).expect("phones do not die here").expect("the types allow it");
    sync(&mut one, &place.site).await;
    assert_eq!(judged(place).await, 205);
    sync(&mut one, &place.site).await;
    assert_eq!(told(&one, "en").len(), fieldmerge_protocol::limits::MAX_FINDINGS);
}

const PLACES: &str = "
| survey |
| | type | name | label |
| | text | called | What is it called? |
| settings |
| | form_id | fm::record |
| | places | reference/place |
";

const NEAR: &str = "
| survey |
| | type | name | label | fm::kind |
| | select_one_from_file place.csv | near | What is near? | record |
| settings |
| | form_id | fm::record |
| | neighbours | core/neighbour |
";

/// Creates a record, written by the form of this number behind those of the pack.
fn create_with(
    phone: &mut Phone,
    area: AreaId,
    (record_type, form): (&str, u64),
    (record, subject): (Option<RecordId>, Option<RecordId>),
    values: &[(&str, Value)],
) -> RecordId {
    let filled = [(FORM, Value::Uint(PACK + form))];
    let values = values.iter().chain(&filled).map(|(name, value)| (path(name), value.clone())).collect();
    let record_type = record_type.to_owned();
    let new = Edit::Create { record, record_type, area, subject, person: 0, values };
    let saved = phone.save(vec![new]).expect("phones do not die here").expect("the types allow it");
    let [SavedEdit::Record(record)] = saved[..] else { panic!("{saved:?}") };
    record
}

/// What a phone is told once all that it and others wrote was judged, as `record path code`.
async fn found(place: &Place, phone: &mut Phone) -> Vec<(RecordId, String, String)> {
    sync(phone, &place.site).await;
    judged(place).await;
    sync(phone, &place.site).await;
    told(phone, "en").into_iter().map(|found| (found.record, found.path, found.code)).collect()
}

async fn what_was_looked_up_and_changed_is_judged_again(place: &Place) {
    for form in [PLACES, NEAR] {
        published(&place.site, form).await;
    }
    let mut one = phone(place, "Hery", 1).await;
    let mut office = place.site.phone("Office", 2, &["all:analyst"]).await;
    for phone in [&mut one, &mut office] {
        sync(phone, &place.site).await;
    }
    let market: RecordId = "0197a000-0000-7000-8000-000000000007".parse().expect("an id");
    let near = [("near", Value::Bytes(market.0.to_vec()))];
    let neighbour = create_with(&mut one, place.area(), ("neighbour", 2), (None, None), &near);
    let wrong = [(neighbour, "near".to_owned(), "not-offered".to_owned())];
    assert_eq!(found(place, &mut one).await, wrong, "nobody knows such a place");

    let called = [("called", Value::str("Market"))];
    create_with(&mut office, place.area(), ("place", 1), (Some(market), None), &called);
    sync(&mut office, &place.site).await;
    assert_eq!(found(place, &mut one).await, [], "now it is there");
}

const PERSONS: &str = "
| survey |
| | type | name | label |
| | integer | age | How old? |
| settings |
| | form_id | fm::record |
| | persons | core/person |
";

const JOBS: &str = "
| survey |
| | type | name | label | required | calculation | fm::kind |
| | select_one_from_file person.csv | who | Who? | yes | | subject |
| | calculate | age | | | instance('person')/root/item[name = ${who}]/age | none |
| | text | guardian | Who cares for her? | ${age} < 18 | | |
| settings |
| | form_id | fm::record |
| | jobs | assignment/job |
";

async fn what_other_records_of_a_person_say_is_judged_again(place: &Place) {
    for form in [PERSONS, JOBS] {
        published(&place.site, form).await;
    }
    let mut one = phone(place, "Hery", 1).await;
    sync(&mut one, &place.site).await;
    let age = [("age", Value::Int(15))];
    let person = create_with(&mut one, place.area(), ("person", 1), (None, None), &age);
    let job = create_with(&mut one, place.area(), ("job", 2), (None, Some(person)), &[]);
    let wrong = [(job, "guardian".to_owned(), "required".to_owned())];
    assert_eq!(found(place, &mut one).await, wrong);
    set(&mut one, person, "age", Value::Int(51));
    assert_eq!(found(place, &mut one).await, [], "she is grown up, and nobody wrote to the job");
    set(&mut one, person, "age", Value::Int(16));
    assert_eq!(found(place, &mut one).await, wrong);
}

async fn what_was_right_when_it_was_chosen_stays_right(place: &Place) {
    let open_only = NEAR
        .replace("| fm::kind |", "| fm::kind | choice_filter |")
        .replace("| record |", "| record | called != 'closed' |");
    for form in [PLACES, open_only.as_str()] {
        published(&place.site, form).await;
    }
    let mut one = phone(place, "Hery", 1).await;
    let mut office = place.site.phone("Office", 2, &["all:analyst"]).await;
    for phone in [&mut one, &mut office] {
        sync(phone, &place.site).await;
    }
    let called = [("called", Value::str("Market"))];
    let market = create_with(&mut office, place.area(), ("place", 1), (None, None), &called);
    let near = [("near", Value::Bytes(market.0.to_vec()))];
    for phone in [&mut office, &mut one] {
        sync(phone, &place.site).await;
    }
    // Without a link she chooses what the office closes later.
    let neighbour = create_with(&mut one, place.area(), ("neighbour", 2), (None, None), &near);
    office.clock_ms += 3_600_000;
    set(&mut office, market, "called", Value::str("closed"));
    sync(&mut office, &place.site).await;
    assert_eq!(found(place, &mut one).await, [], "it was open then");
    one.clock_ms += 7_200_000;
    set(&mut one, neighbour, "near", Value::Bytes([9; 16].to_vec()));
    let again = found(place, &mut one).await;
    assert_eq!(again.len(), 1, "nobody ever knew that one: {again:?}");
}

const SIZES: &str = "
| survey |
| | type | name | label | constraint |
| | integer | size | How large? | . > 5 |
| settings |
| | form_id | fm::record |
| | sizes | core/hut |
";

async fn what_one_form_found_is_mended_by_another(place: &Place) {
    let other = SIZES.replace("sizes", "huts").replace(". > 5", ". > 0");
    for form in [SIZES, other.as_str()] {
        published(&place.site, form).await;
    }
    let mut one = phone(place, "Hery", 1).await;
    sync(&mut one, &place.site).await;
    let hut = create_with(&mut one, place.area(), ("hut", 1), (None, None), &[("size", Value::Int(3))]);
    let wrong = [(hut, "size".to_owned(), "constraint".to_owned())];
    assert_eq!(found(place, &mut one).await, wrong);
    set(&mut one, hut, FORM, Value::Uint(PACK + 2));
    assert_eq!(found(place, &mut one).await, wrong, "the other form allows it, and it is as it was");
    set(&mut one, hut, "size", Value::Int(6));
    assert_eq!(found(place, &mut one).await, []);
}
