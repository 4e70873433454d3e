//! Forms are published, reach the phones by themselves, and say what records hold and how they merge.

use fieldmerge_engine::{Edit, SavedEdit, SyncEnd};
use fieldmerge_model::form::compiled::Table;
use fieldmerge_model::pack::HIMO;
use fieldmerge_model::types::Kind as FieldKind;
use fieldmerge_protocol::sync::FORM_PIECE_BYTES;
use fieldmerge_protocol::{RecordId, Value};
use fieldmerge_server::forms::publish::{Publication, PublishError, publish};
use fieldmerge_tests::database::{Database, Kind};
use fieldmerge_tests::synthetic::path;
use fieldmerge_tests::world::link::Wire;
use fieldmerge_tests::world::phone::Phone;
use fieldmerge_tests::world::site::{PROJECT, START_MS, Site};
use fieldmerge_tests::world::visits::{draft, form};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

use crate::place::{BOTH, Place, WRITES, on_both};

on_both!(
    a_form_reaches_phones_and_says_what_records_hold,
    a_version_costs_a_phone_little_more_than_what_is_new_in_it,
    a_version_goes_on_at_its_byte_where_the_link_broke,
    what_would_mean_something_else_is_not_published,
    what_is_decided_by_persons_from_now_on_is_a_case_everywhere,
    forms_that_are_published_at_once_follow_each_other,
);

/// How many versions the pack publishes before those of a test.
pub const PACK: u64 = HIMO.workbooks.len() as u64;

pub async fn published(site: &Site, text: &str) -> Publication {
    publish(&site.app, PROJECT, &draft(text)).await.expect("it is published")
}

pub async fn phone(place: &Place, label: &str, seed: u64) -> Phone {
    place.site.phone(label, seed, &WRITES).await
}

pub async fn sync(phone: &mut Phone, site: &Site) -> u64 {
    let report = phone.sync(&mut site.link()).await.expect("phones do not die here");
    assert_eq!((&report.end, &report.problems), (&SyncEnd::Complete, &Vec::new()), "{}", phone.label);
    report.bytes_down
}

fn create(phone: &mut Phone, place: &Place, values: &[(&str, Value)]) -> RecordId {
    let values = values.iter().map(|(name, value)| (path(name), value.clone())).collect();
    let (record_type, area) = ("visit".to_owned(), place.area());
    let new = Edit::Create { record: None, record_type, area, subject: None, person: 0, values };
    let saved = phone.save(vec![new]).expect("phones do not die here").expect("the form allows it");
    let [SavedEdit::Record(record)] = saved[..] else { panic!("{saved:?}") };
    record
}

fn set(phone: &mut Phone, record: RecordId, name: &str, value: Value) {
    let edit = Edit::Change { record, person: 0, values: vec![(path(name), value)], removes: Vec::new() };
    phone.save(vec![edit]).expect("phones do not die here").expect("the form allows it");
}

/// The ids and versions of the forms of a phone behind those of the pack, the latest marked.
fn forms(phone: &Phone) -> Vec<(u64, String, bool)> {
    let forms = phone.engine().forms().into_iter().filter(|form| form.number > PACK);
    forms.map(|form| (form.number - PACK, format!("{} {}", form.id, form.version), form.latest)).collect()
}

async fn a_form_reaches_phones_and_says_what_records_hold(place: &Place) {
    let (mut one, mut other) = (phone(place, "Hery", 1).await, phone(place, "Lalao", 2).await);
    sync(&mut one, &place.site).await;
    assert_eq!(forms(&one), []);
    assert!(one.engine().types().find("visit").is_none());
    let first = published(&place.site, &form("1", "")).await;
    assert!(first.is_new);
    assert!(!published(&place.site, &form("1", "")).await.is_new, "once is enough");
    let unnamed = form("", "").replace("| visits |", "| rounds |");
    let counted = [published(&place.site, &unnamed).await, published(&place.site, &unnamed).await];
    assert_eq!(
        counted.map(|made| (made.row.version, made.is_new)),
        [("1".into(), true), ("1".into(), false)]
    );

    sync(&mut one, &place.site).await;
    assert_eq!(forms(&one), [(1, "visits 1".to_owned(), true), (2, "rounds 1".to_owned(), true)]);
    let record = create(&mut one, place, &[("rooms", Value::Int(2)), ("wall", Value::str("brick"))]);
    let wrong = Edit::Change {
        record,
        person: 0,
        values: vec![(path("wall"), Value::str("paper"))],
        removes: Vec::new(),
    };
    one.save(vec![wrong]).expect("phones do not die here").expect_err("no wall is of paper");
    sync(&mut one, &place.site).await;
    sync(&mut other, &place.site).await;
    assert_eq!(forms(&other), forms(&one), "the form comes in the same sync as the record");

    // Both know that persons decide about walls.
    set(&mut one, record, "wall", Value::str("earth"));
    set(&mut other, record, "rooms", Value::Int(3));
    set(&mut other, record, "wall", Value::str("straw"));
    for phone in [&mut one, &mut other] {
        sync(phone, &place.site).await;
    }
    sync(&mut one, &place.site).await;
    let census = place.census().await;
    for phone in [&one, &other] {
        census.assert_same_on(phone);
        assert_eq!(phone.engine().conflicts().len(), 1, "{}", phone.label);
    }

    // A restart changes nothing.
    let types = one.engine().types();
    one.restart();
    assert_eq!((one.engine().types(), forms(&one)), (types, forms(&other)));
}

async fn a_version_costs_a_phone_little_more_than_what_is_new_in_it(place: &Place) {
    let mut one = phone(place, "Hery", 1).await;
    let row = |n: u32| format!("| | text | q{n} | Question number {n} | Question {n} | |");
    let questions = (0..60).map(row).collect::<Vec<_>>().join("\n");
    let first = published(&place.site, &form("1", &questions)).await;
    sync(&mut one, &place.site).await;
    let quiet = sync(&mut one, &place.site).await;
    let more = format!("{questions}\n| | date | seen | When was it? | C'était quand ? | |");
    let second = published(&place.site, &form("2", &more)).await;
    assert!(second.row.packed.len() * 4 < first.row.packed.len(), "{second:?}");
    let news = sync(&mut one, &place.site).await - quiet;
    // A piece says of which version it is.
    let overhead = 100;
    assert!(news <= second.row.packed.len() as u64 + overhead, "{news} for {}", second.row.packed.len());
    assert_eq!(forms(&one), [(1, "visits 1".to_owned(), false), (2, "visits 2".to_owned(), true)]);
    assert_eq!(sync(&mut one, &place.site).await, quiet, "nothing is sent twice");
    let earlier = one.engine().form(PACK + 1).expect("a record may have been begun with it");
    assert_eq!(
        earlier.form.elements.len() + 1,
        one.engine().form(PACK + 2).expect("the latest").form.elements.len()
    );
}

/// A form whose texts do not compress.
fn large(pieces: usize) -> String {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut text = || [0; 2].map(|_: u8| format!("{:016x}{:016x}", rng.next_u64(), rng.next_u64())).concat();
    let mut row = |n: usize| format!("| | note | n{n} | {} | {} | |", text(), text());
    form("1", &(0..pieces * FORM_PIECE_BYTES / 60).map(&mut row).collect::<Vec<_>>().join("\n"))
}

async fn a_version_goes_on_at_its_byte_where_the_link_broke(place: &Place) {
    let mut one = phone(place, "Hery", 1).await;
    let whole = published(&place.site, &large(10)).await.row.packed.len();
    assert!(whole > 9 * FORM_PIECE_BYTES, "{whole}");
    // Each answer is cut long before the form is through.
    let room = 4 * FORM_PIECE_BYTES;
    let (mut rounds, mut bytes) = (0, 0);
    while forms(&one).is_empty() {
        rounds += 1;
        assert!(rounds < 40, "{bytes} bytes and no form");
        let mut wire = Wire { down: Some(room), ..Wire::to(place.listening.address) };
        let report = one.sync(&mut wire).await.expect("phones do not die here");
        bytes += report.bytes_down;
        if rounds % 2 == 0 {
            one.restart();
        }
    }
    assert!(rounds > 2);
    assert!(bytes < 2 * whole as u64, "{bytes} bytes in {rounds} rounds for {whole}");
    sync(&mut one, &place.site).await;
    assert_eq!(forms(&one), [(1, "visits 1".to_owned(), true)]);
}

async fn what_would_mean_something_else_is_not_published(place: &Place) {
    let mut one = phone(place, "Hery", 1).await;
    published(&place.site, &form("1", "| | text | owner | Owner | Propriétaire | |")).await;
    let refused = async |text: &str| {
        let refused = publish(&place.site.app, PROJECT, &draft(text)).await;
        refused.expect_err("it is not published").to_string()
    };
    assert_eq!(
        refused(&form("2", "| | date | owner | Owner | Propriétaire | |")).await,
        "visit/owner is text in what is published and date here; give the question another name"
    );
    assert_eq!(
        refused(&form("2", "| | text | owner | Owner | Propriétaire | H |")).await,
        "visit/owner is merged by itself in what is published and decided by a person here; \
         give the question another name"
    );
    assert!(refused(&form("1", "")).await.contains("version 1 of this form is published already"));
    let other_class = form("2", "").replace("core/visit", "reference/visit");
    assert!(
        refused(&other_class).await.contains("visit/_type is core in what is published"),
        "a class stays"
    );
    let file = "| | select_one_from_file owners.csv | owner2 | Owner | Propriétaire | |";
    assert!(refused(&form("2", file)).await.contains("owners.csv"));
    let mistaken = publish(&place.site.app, PROJECT, &draft(&form("2", "| | integr | x | X | X | |"))).await;
    assert!(matches!(mistaken, Err(PublishError::Mistakes(findings)) if !findings.is_empty()));
    let mut with_table = draft(&form("2", file));
    let table =
        Table { columns: vec!["name".into(), "label".into()], rows: vec![vec!["a".into(), "A".into()]] };
    with_table.tables.insert("owners.csv".to_owned(), table.clone());
    let made = publish(&place.site.app, PROJECT, &with_table).await.expect("the file is there").row;
    assert_eq!(made.number, PACK + 2, "what was refused has left no gap");
    sync(&mut one, &place.site).await;
    assert_eq!(one.engine().form(PACK + 2).expect("it came").tables["owners.csv"], table);
    let visit = one.engine().types().find("visit").cloned().expect("a type");
    assert!(
        visit.field("owner").is_some_and(|field| field.kind == FieldKind::Text),
        "what was asked once stays"
    );
}

async fn forms_that_are_published_at_once_follow_each_other(place: &Place) {
    let mut one = phone(place, "Hery", 1).await;
    let texts = [1, 2, 3, 4].map(|n| form("1", "").replace("| visits |", &format!("| visits{n} |")));
    let [first, second, third, fourth] = texts.each_ref().map(|text| published(&place.site, text));
    let made = tokio::join!(first, second, third, fourth);
    let mut numbers = [made.0, made.1, made.2, made.3].map(|made| made.row.number);
    numbers.sort_unstable();
    assert_eq!(numbers, [1, 2, 3, 4].map(|number| PACK + number));
    sync(&mut one, &place.site).await;
    assert_eq!(forms(&one).len(), 4, "each stands on the one before");
}

async fn what_is_decided_by_persons_from_now_on_is_a_case_everywhere(place: &Place) {
    published(&place.site, &form("1", "")).await;
    let (mut one, mut other) = (phone(place, "Hery", 1).await, phone(place, "Lalao", 2).await);
    sync(&mut one, &place.site).await;
    let record = create(&mut one, place, &[("rooms", Value::Int(2))]);
    sync(&mut one, &place.site).await;
    sync(&mut other, &place.site).await;
    // The other phone meets the second version later than the values that were written with it.
    published(&place.site, &form("2", "| | integer | floors | Floors | Étages | H |")).await;
    sync(&mut one, &place.site).await;
    set(&mut one, record, "floors", Value::Int(1));
    sync(&mut one, &place.site).await;
    set(&mut other, record, "rooms", Value::Int(4));
    sync(&mut other, &place.site).await;
    set(&mut one, record, "floors", Value::Int(2));
    set(&mut other, record, "floors", Value::Int(3));
    sync(&mut one, &place.site).await;
    sync(&mut other, &place.site).await;
    sync(&mut one, &place.site).await;
    for phone in [&one, &other] {
        let open: Vec<_> = phone.engine().conflicts().into_iter().map(|case| case.path.to_string()).collect();
        assert_eq!(open, ["floors"], "{}", phone.label);
    }
    place.census().await.assert_same_on(&other);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_server_sends_what_it_has_in_the_place_of_what_it_lost() {
    for kind in BOTH {
        restored(kind).await;
    }
}

async fn restored(kind: Kind) {
    let database = Database::new(kind).await;
    let site = Site::found(&database, 1, &["S1", "S2"]).await;
    let mut one = site.phone("Hery", 1, &WRITES).await;
    published(&site, &form("1", "")).await;
    sync(&mut one, &site).await;
    site.app.close().await;
    let backup = database.copy().await;
    let site = site.reopen(&database, START_MS + 60_000, 2).await;
    published(&site, &form("2", "| | text | lost | Lost | Perdu | |")).await;
    published(&site, &form("3", "| | text | lost | Lost | Perdu | |")).await;
    sync(&mut one, &site).await;
    assert_eq!(forms(&one).len(), 3);
    site.app.close().await;

    let site = site.reopen(&backup, START_MS + 120_000, 3).await;
    published(&site, &form("2", "| | text | other | Other | Autre | |")).await;
    sync(&mut one, &site).await;
    assert_eq!(forms(&one), [(1, "visits 1".to_owned(), false), (2, "visits 2".to_owned(), true)]);
    let visit = one.engine().types().find("visit").cloned().expect("a type");
    assert!(visit.field("other").is_some() && visit.field("lost").is_none());
    one.restart();
    assert_eq!(one.engine().types().find("visit"), Some(&visit), "and so it stands in the store");
}
