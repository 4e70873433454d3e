//! A restored server lost what others still hold, and its author does not come back, or comes late.

use fieldmerge_engine::{Edit, Input, OutboxState, RecordView, Request, SavedEdit, Settlement, SyncEnd};
use fieldmerge_protocol::bundle::PartReader;
use fieldmerge_protocol::limits::MAX_PART_BYTES;
use fieldmerge_protocol::sync::tag;
use fieldmerge_protocol::{RecordId, Value};
use fieldmerge_server::admin::devices;
use fieldmerge_tests::database::{Database, Kind};
use fieldmerge_tests::synthetic::path;
use fieldmerge_tests::world::census::Census;
use fieldmerge_tests::world::link::{InProcess, Link, Reply};
use fieldmerge_tests::world::phone::Phone;
use fieldmerge_tests::world::site::{PROJECT, START_MS, Site};

use crate::place::{BOTH, WRITES};

async fn sync(phone: &mut Phone, site: &Site) {
    let report = phone.sync(&mut site.link()).await.expect("phones do not die here");
    assert_eq!(report.end, SyncEnd::Complete, "{}: {report:?}", phone.label);
}

fn create(phone: &mut Phone, site: &Site, name: &str) -> RecordId {
    let values = vec![(path("family_name"), Value::str(name))];
    let new = Edit::Create {
        record: None,
        record_type: "worker".into(),
        area: site.areas[0],
        subject: None,
        person: 0,
        values,
    };
    let saved = phone.save(vec![new]).expect("phones do not die here").expect("it is saved");
    let [SavedEdit::Record(record)] = saved[..] else { panic!("{saved:?}") };
    record
}

fn set(phone: &mut Phone, record: RecordId, name: &str, value: Value) {
    let edit = Edit::Change { record, person: 0, values: vec![(path(name), value)], removes: Vec::new() };
    phone.save(vec![edit]).expect("phones do not die here").expect("it is saved");
}

/// The paths of a record that the server has not confirmed.
fn doubted(view: &RecordView) -> Vec<&str> {
    let values = view.values.iter().filter(|value| value.provisional);
    values.map(|value| value.path.as_str()).filter(|path| !path.starts_with('_')).collect()
}

fn view(phone: &Phone, record: RecordId) -> RecordView {
    phone.engine().get(record).expect("the phone has it")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_its_author_does_not_bring_again_is_kept_marked_and_can_be_written_again() {
    for kind in BOTH {
        lost_for_good(kind).await;
    }
}

async fn lost_for_good(kind: Kind) {
    let database = Database::new(kind).await;
    let site = Site::found(&database, 1, &["S1", "S2"]).await;
    let mut author = site.phone("Hery", 1, &WRITES).await;
    let mut reader = site.phone("Lalao", 2, &WRITES).await;
    let old = create(&mut author, &site, "Rabe");
    sync(&mut author, &site).await;
    sync(&mut reader, &site).await;
    site.app.close().await;
    let backup = database.copy().await;
    let site = site.reopen(&database, START_MS + 60_000, 2).await;
    set(&mut author, old, "known_as", Value::str("Koto"));
    let new = create(&mut author, &site, "Rasoa");
    sync(&mut author, &site).await;
    sync(&mut reader, &site).await;
    site.app.close().await;

    // The phone of the author stays away.
    let site = site.reopen(&backup, START_MS + 120_000, 3).await;
    set(&mut reader, old, "birth_year", Value::Int(1980));
    sync(&mut reader, &site).await;
    assert_eq!(doubted(&view(&reader, old)), ["known_as"], "what the backup holds is confirmed again");
    assert_eq!(
        doubted(&view(&reader, new)),
        ["family_name", "worker_number"],
        "nothing is taken off the phone"
    );
    set(&mut reader, new, "birth_year", Value::Int(1990));
    sync(&mut reader, &site).await;
    let waiting = reader.engine().outbox().changes;
    assert!(waiting.iter().all(|change| change.state == OutboxState::Held), "{waiting:?}");
    assert_eq!(waiting.len(), 2);

    // A person decides that nobody brings it any more.
    for change in waiting {
        let (number, how) = (change.number, Settlement::Repair);
        let settled = reader.ask(|ticket| Input::Settle { ticket, number, how });
        settled.expect("phones do not die here").expect("it is written again");
    }
    sync(&mut reader, &site).await;
    let census = Census::take(site.app.store(), site.project).await;
    for (record, written) in [
        (old, ["birth_year", "family_name", "known_as", "worker_number"].as_slice()),
        (new, &["birth_year", "family_name", "worker_number"]),
    ] {
        let values = census.holdings[&record].values.keys().map(String::as_str);
        assert_eq!(values.filter(|path| !path.starts_with('_')).collect::<Vec<_>>(), written, "{kind:?}");
        assert_eq!(doubted(&view(&reader, record)), [""; 0]);
    }
    assert_eq!(reader.engine().outbox().changes, []);
    census.assert_same_on(&reader);

    // The author comes back after all: nothing is lost, and nothing is a conflict.
    for _ in 0..3 {
        sync(&mut author, &site).await;
        sync(&mut reader, &site).await;
    }
    let census = Census::take(site.app.store(), site.project).await;
    // The beginning that came too late stands aside; what was held for it was given back before it was written anew.
    assert_eq!((census.held, census.quarantined.as_slice()), (0, ["second-root".to_owned()].as_slice()));
    for phone in [&author, &reader] {
        census.assert_same_on(phone);
    }
    for record in [old, new] {
        assert_eq!(census.holdings[&record].cases.len(), 0, "{kind:?}");
    }
    assert_eq!(view(&author, old).values.len(), view(&reader, old).values.len());
    site.app.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_taken_off_a_phone_is_offered_again_once_it_can_be_read() {
    for kind in BOTH {
        taken_off(kind).await;
    }
}

async fn taken_off(kind: Kind) {
    let database = Database::new(kind).await;
    let site = Site::found(&database, 1, &["S1", "S2"]).await;
    let mut author = site.phone("Hery", 1, &["S1:enumerator"]).await;
    let mut other = site.phone("Lalao", 2, &WRITES).await;
    let record = create(&mut other, &site, "Rabe");
    sync(&mut other, &site).await;
    sync(&mut author, &site).await;
    site.app.close().await;
    let backup = database.copy().await;
    let site = site.reopen(&database, START_MS + 60_000, 2).await;
    set(&mut author, record, "known_as", Value::str("Koto"));
    sync(&mut author, &site).await;
    let (device, grant) = (author.enrolment().device.to_string(), "S1:enumerator".parse().expect("a grant"));
    assert!(devices::withdraw(&site.app, PROJECT, &device, &grant).await.expect("it is withdrawn"));
    sync(&mut author, &site).await;
    assert!(author.engine().get(record).is_none(), "the feed is taken off the phone");
    site.app.close().await;

    // The backup knows nothing of what was written, nor that the grant was withdrawn.
    let site = site.reopen(&backup, START_MS + 120_000, 3).await;
    sync(&mut author, &site).await;
    sync(&mut other, &site).await;
    let census = Census::take(site.app.store(), site.project).await;
    assert_eq!(census.holdings[&record].values["known_as"], ["\"Koto\""], "{kind:?}");
    for phone in [&author, &other] {
        assert_eq!(phone.engine().outbox().changes, []);
        census.assert_same_on(phone);
    }
    site.app.close().await;
}

/// Breaks for good within the third answer, when its receipts have come, but no feed. The first says that the server was
/// restored, the second that the frame has to name whole hashes.
struct CutBeforeFeeds {
    link: InProcess,
    answers: u32,
    broken: bool,
}

impl Link for CutBeforeFeeds {
    async fn post(&mut self, request: &Request) -> Reply {
        if self.broken {
            return Reply::Unreached;
        }
        self.answers += 1;
        let reply = self.link.post(request).await;
        let Reply::Whole(bytes) = &reply else { return reply };
        if self.answers < 3 {
            return reply;
        }
        let mut reader = PartReader::new(MAX_PART_BYTES);
        for (arrived, byte) in (1..).zip(bytes) {
            reader.feed(&[*byte]);
            let part = reader.next_part().expect("an answer reads");
            self.broken |= part.is_some_and(|part| part.tag == tag::RECEIPTS);
            if self.broken {
                return Reply::Cut(bytes[..arrived].to_vec());
            }
        }
        reply
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_read_yet_is_not_written_again() {
    for kind in BOTH {
        not_read_yet(kind).await;
    }
}

async fn not_read_yet(kind: Kind) {
    let database = Database::new(kind).await;
    let site = Site::found(&database, 1, &["S1", "S2"]).await;
    let mut author = site.phone("Hery", 1, &WRITES).await;
    let mut reader = site.phone("Lalao", 2, &WRITES).await;
    let record = create(&mut author, &site, "Rabe");
    sync(&mut author, &site).await;
    sync(&mut reader, &site).await;
    site.app.close().await;
    let backup = database.copy().await;
    let site = site.reopen(&database, START_MS + 60_000, 2).await;
    set(&mut author, record, "known_as", Value::str("Koto"));
    sync(&mut author, &site).await;
    sync(&mut reader, &site).await;
    site.app.close().await;

    let site = site.reopen(&backup, START_MS + 120_000, 3).await;
    set(&mut reader, record, "birth_year", Value::Int(1980));
    let mut link = CutBeforeFeeds { link: site.link(), answers: 0, broken: false };
    let report = reader.sync(&mut link).await.expect("phones do not die here");
    assert_eq!(report.end, SyncEnd::Offline, "{report:?}");
    for expected in ["of what the phone has not read again", "of all that the server holds"] {
        let waiting = reader.engine().outbox().changes;
        assert_eq!(waiting.len(), 1, "{expected}");
        assert_eq!(waiting[0].state, OutboxState::Held, "{expected}");
        let (number, how) = (waiting[0].number, Settlement::Repair);
        let settled = reader.ask(|ticket| Input::Settle { ticket, number, how });
        settled.expect("phones do not die here").expect("it is written again");
        sync(&mut reader, &site).await;
    }
    let census = Census::take(site.app.store(), site.project).await;
    // What the backup holds, what it lacked, and what waited for that.
    assert_eq!(census.holdings[&record].changes, 3, "{kind:?}");
    assert_eq!(reader.engine().outbox().changes, []);
    census.assert_same_on(&reader);
    site.app.close().await;
}
