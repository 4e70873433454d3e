//! Records are made and changed by filling forms, while the forms change.

use std::collections::BTreeMap;

use fieldmerge_engine::{Edit, FillRequest, SavedEdit};
use fieldmerge_model::types::date::Date;
use fieldmerge_model::types::entry::AttendanceEntry;
use fieldmerge_protocol::{RecordId, Value};
use fieldmerge_tests::synthetic::path;
use fieldmerge_tests::world::phone::Phone;
use fieldmerge_tests::world::visits::{Chance, form};

use crate::forms::{PACK, phone, published, sync};
use crate::place::{Place, on_both};

on_both!(
    a_form_that_changes_in_the_middle_of_offline_weeks_loses_no_answer,
    a_form_chooses_among_the_records_on_the_phone,
    a_sheet_of_attendance_becomes_entries_of_a_log,
    two_phones_add_instances_and_members_and_all_stay,
);

/// Fills a version of a form on a phone and saves it.
fn fill(
    (phone, chance): (&mut Phone, &mut Chance),
    place: &Place,
    (form, record): (u64, Option<RecordId>),
    answers: &[(&str, &str)],
) -> RecordId {
    let request = FillRequest { form: PACK + form, record, ..FillRequest::default() };
    let mut fill = phone.engine().fill(&request, chance).expect("the phone has the form");
    for (question, answer) in answers {
        let asked = fill.filling.named(question)[0];
        fill.filling.answer(asked, answer, chance).expect("an answer");
    }
    let edits = fill.edits(place.area(), 0, chance).expect("it can be saved");
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
    let first = form("1", "| | text | roof | Roof | Toit | |\n| | text | owner | Owner | Propriétaire | |");
    published(&place.site, &first).await;
    let (mut one, mut other) = (phone(place, "Hery", 1).await, phone(place, "Lalao", 2).await);
    let [mut ones, mut others] = [1, 2].map(Chance::of);
    sync(&mut one, &place.site).await;
    let begun = [("rooms", "2"), ("wall", "earth"), ("roof", "tiles"), ("owner", "Rabe")];
    let record = fill((&mut one, &mut ones), place, (1, None), &begun);
    sync(&mut one, &place.site).await;

    // One phone is away with the first version. A question is new, one is renamed, a choice is new and one is gone.
    let second =
        form("2", "| | text | roofing | Roofing | Toiture | |\n| | text | owner | Owner | Propriétaire | |")
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
    let request = FillRequest { form: PACK + 2, record: Some(unseen), ..FillRequest::default() };
    let mut opened = other.engine().fill(&request, &mut others).expect("the phone has the form");
    let wall = opened.filling.named("wall")[0];
    assert_eq!(opened.filling.value(wall), "earth");
    assert_eq!(
        opened.edits(place.area(), 0, &mut others).expect("it can be saved"),
        [],
        "nothing was touched"
    );
    let complaint = opened.filling.complaint(wall, &mut others).expect("it is offered no more");
    assert_eq!(complaint.fault.code(), "not-offered");
    let seen = opened.filling.named("seen")[0];
    opened.filling.answer(seen, "2026-03-10", &mut others).expect("a day");
    other
        .save(opened.edits(place.area(), 0, &mut others).expect("it can be saved"))
        .expect("no phone dies")
        .expect("saved");
    sync(&mut other, &place.site).await;
    sync(&mut one, &place.site).await;
    let expected = [("roof", "tiles"), ("owner", "Rabe"), ("wall", "earth"), ("seen", "2026-03-10")];
    for (path, value) in expected {
        assert_eq!(answers(&one, unseen).get(path), Some(&text(value)), "{path}");
    }
    let by = [record, unseen].map(|record| one.engine().get(record).expect("the phone has it").form);
    assert_eq!(by, [Some(PACK + 2), Some(PACK + 2)], "each says what wrote it last");
}

/// A form about workers that are on the phone.
const LOANS: &str = "
| survey |
| | type | name | label | calculation | fm::kind |
| | select_one_from_file worker.csv | who | Who borrows? | | record |
| | calculate | called | | string(instance('worker')/root/item[name = ${who}]/family_name) | |
| | integer | tools | How many tools? | | |
| | end | ended | | | |
| settings |
| | form_id | form_title | version | fm::record |
| | loans | Loans | 1 | core/loan |
";

async fn a_form_chooses_among_the_records_on_the_phone(place: &Place) {
    published(&place.site, LOANS).await;
    let mut one = phone(place, "Hery", 1).await;
    let mut chance = Chance::of(1);
    sync(&mut one, &place.site).await;
    let worker = Edit::Create {
        record: None,
        record_type: "worker".to_owned(),
        area: place.area(),
        subject: None,
        person: 0,
        values: vec![(path("family_name"), Value::str("Rasoa")), (path("languages/mlg"), Value::Bool(true))],
    };
    let saved = one.save(vec![worker]).expect("phones do not die here").expect("it is saved");
    let [SavedEdit::Record(worker)] = saved[..] else { panic!("{saved:?}") };

    let request = FillRequest { form: PACK + 1, ..FillRequest::default() };
    let begun = one.engine().fill(&request, &mut chance).expect("the phone has the form");
    let who = begun.filling.named("who")[0];
    let offered = begun.filling.choices(who, &mut chance);
    assert_eq!(offered.len(), 1);
    assert!(offered[0].label.starts_with("Rasoa"), "{offered:?}");
    let id = worker.to_string();
    let loan = fill((&mut one, &mut chance), place, (1, None), &[("who", id.as_str()), ("tools", "2")]);
    let expected = BTreeMap::from([
        ("who".to_owned(), Value::Bytes(worker.0.to_vec())),
        ("called".to_owned(), Value::str("Rasoa")),
        ("tools".to_owned(), Value::Int(2)),
        ("ended".to_owned(), Value::str("2026-03-01T00:00:00.000Z")),
    ]);
    assert_eq!(answers(&one, loan), expected);
    sync(&mut one, &place.site).await;
    place.census().await.assert_same_on(&one);

    // What was looked at before is looked at again when it has changed.
    let values = vec![(path("family_name"), Value::str("Rabe"))];
    let renamed = Edit::Change { record: worker, person: 0, values, removes: Vec::new() };
    one.save(vec![renamed]).expect("phones do not die here").expect("it is saved");
    let loan = fill((&mut one, &mut chance), place, (1, None), &[("who", id.as_str()), ("tools", "2")]);
    assert_eq!(answers(&one, loan).get("called"), Some(&Value::str("Rabe")));
}

/// A sheet of a day for everybody who is on the phone.
const SHEET: &str = "
| survey |
| | type | name | label | calculation | repeat_count | fm::kind | fm::record |
| | date | work_date | Which day? | | | | |
| | begin_repeat | crew | ${called} | | count(instance('worker')/root/item) | entry | |
| | calculate | who | | string(instance('worker')/root/item[position() = position(current()/..)]/name) | | subject | |
| | calculate | called | | string(instance('worker')/root/item[name = ${who}]/label) | | none | |
| | select_one status | status | At work? | | | | |
| | decimal | day_fraction | How much of the day? | | | | |
| | end_repeat | | | | | | |
| | csv-external | worker | | | | | |
| | calculate | logs | | count(instance('attendance')/root/item) | | none | |
| | csv-external | attendance | | | | | |
| choices |
| | list_name | name | label |
| | status | present | Present |
| | status | absent | Absent |
| settings |
| | form_id | form_title | version | fm::record |
| | sheet | Sheet | 1 | attendance/attendance |
";

async fn a_sheet_of_attendance_becomes_entries_of_a_log(place: &Place) {
    published(&place.site, SHEET).await;
    let mut one = phone(place, "Hery", 1).await;
    let mut chance = Chance::of(1);
    sync(&mut one, &place.site).await;
    let worker = |name: &str| Edit::Create {
        record: None,
        record_type: "worker".to_owned(),
        area: place.area(),
        subject: None,
        person: 0,
        values: vec![(path("family_name"), Value::str(name))],
    };
    let crew: Vec<Edit> = ["Rasoa", "Rabe", "Koto"].map(worker).to_vec();
    let crew = one.save(crew).expect("phones do not die here").expect("it is saved");
    let id = |saved: &SavedEdit| match saved {
        SavedEdit::Record(record) => *record,
        other => panic!("{other:?}"),
    };
    // The sheet has them in the order of their ids.
    let mut crew: Vec<RecordId> = crew.iter().map(id).collect();
    crew.sort_unstable();

    let request = FillRequest { form: PACK + 1, ..FillRequest::default() };
    let mut sheet = one.engine().fill(&request, &mut chance).expect("the phone has the form");
    let mut answer = |question: &str, at: usize, text: &str| {
        let asked = sheet.filling.named(question)[at];
        sheet.filling.answer(asked, text, &mut chance).expect("an answer");
    };
    answer("work_date", 0, "2026-03-02");
    answer("status", 0, "present");
    answer("status", 2, "absent");
    answer("day_fraction", 0, "0.5");
    let edits = sheet.edits(place.area(), 0, &mut chance).expect("it can be saved");
    let saved = one.save(edits).expect("phones do not die here").expect("it is saved");
    let [SavedEdit::Entries(entries)] = &saved[..] else { panic!("{saved:?}") };
    let again = one.engine().fill(&request, &mut chance).expect("the phone has the form");
    assert_eq!(again.filling.value(again.filling.named("logs")[0]), "0", "a log is no row");
    assert_eq!(entries.len(), 2, "a line that was left empty says nothing");
    let log = one.engine().get(entries[0].0).expect("the log is on the phone");
    let said: Vec<_> = log.entries.iter().map(|view| (view.subject, view.entry.clone())).collect();
    let day: Date = "2026-03-02".parse().expect("a day");
    let at_work = AttendanceEntry::present(0, day, 2);
    let away = AttendanceEntry::absent(1, day, None);
    assert_eq!(said, [(Some(crew[0]), Some(at_work.into())), (Some(crew[2]), Some(away.into()))]);
    sync(&mut one, &place.site).await;
    place.census().await.assert_same_on(&one);
}

/// A household with a repeat and a set.
const HOUSEHOLD: &str = "
| survey |
| | type | name | label | relevant |
| | select_multiple tool | tools | Which tools? | |
| | begin_repeat | child | Children | |
| | text | called | What is the child called? | |
| | integer | age | How old? | |
| | end_repeat | | | |
| | select_one yes_no | moved | Have they moved? | |
| | text | moved_to | Where? | ${moved} = 'yes' |
| choices |
| | list_name | name | label |
| | tool | hoe | Hoe |
| | tool | spade | Spade |
| | tool | pick | Pick |
| | yes_no | yes | Yes |
| | yes_no | no | No |
| settings |
| | form_id | form_title | version | fm::record |
| | family | Family | 1 | core/family |
";

async fn two_phones_add_instances_and_members_and_all_stay(place: &Place) {
    published(&place.site, HOUSEHOLD).await;
    let (mut one, mut other) = (phone(place, "Hery", 1).await, phone(place, "Lalao", 2).await);
    let [mut ones, mut others] = [1, 2].map(Chance::of);
    let say = |phone: &mut Phone, chance: &mut Chance, record: Option<RecordId>, said: &[&str]| {
        let request = FillRequest { form: PACK + 1, record, ..FillRequest::default() };
        let mut fill = phone.engine().fill(&request, chance).expect("the phone has the form");
        for answer in said {
            fill.filling.give(answer, chance).unwrap_or_else(|error| panic!("{answer}: {error}"));
        }
        let edits = fill.edits(place.area(), 0, chance).expect("it can be saved");
        phone.save(edits).expect("phones do not die here").expect("it is saved");
        fill.record()
    };
    for phone in [&mut one, &mut other] {
        sync(phone, &place.site).await;
    }
    let begun = ["tools=hoe", "called=Aina", "age=3", "moved=yes", "moved_to=Bezaha"];
    let family = say(&mut one, &mut ones, None, &begun);
    sync(&mut one, &place.site).await;
    sync(&mut other, &place.site).await;

    // Both are away. Each adds a child and a tool; one takes the tool out that was there, and hides where they moved to.
    let first = ["tools=hoe spade", "child=+", "called[2]=Bako", "age[2]=5"];
    say(&mut one, &mut ones, Some(family), &first);
    let second = ["tools=pick", "child=+", "called[2]=Clara", "age[1]=4", "moved=no"];
    say(&mut other, &mut others, Some(family), &second);
    for _ in 0..2 {
        sync(&mut one, &place.site).await;
        sync(&mut other, &place.site).await;
    }
    let census = place.census().await;
    for (phone, chance) in [(&one, &mut ones), (&other, &mut others)] {
        census.assert_same_on(phone);
        let request = FillRequest { form: PACK + 1, record: Some(family), ..FillRequest::default() };
        let fill = phone.engine().fill(&request, chance).expect("the phone has the form");
        let all = |name: &str| -> Vec<String> {
            let places = fill.filling.named(name);
            places.into_iter().map(|place| fill.filling.value(place).to_owned()).collect()
        };
        let mut children: Vec<(String, String)> = all("called").into_iter().zip(all("age")).collect();
        children.sort();
        let named = |name: &str, age: &str| (name.to_owned(), age.to_owned());
        assert_eq!(children, [named("Aina", "4"), named("Bako", "5"), named("Clara", "")]);
        let mut tools: Vec<&str> = fill.filling.value(fill.filling.named("tools")[0]).split(' ').collect();
        tools.sort_unstable();
        assert_eq!(tools, ["pick", "spade"], "what one takes out that the other did not touch is out");
        assert_eq!((all("moved"), all("moved_to")), (vec!["no".to_owned()], vec![String::new()]));
    }
}
