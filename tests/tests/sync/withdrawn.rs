//! Devices that may not, or may no longer.

use fieldmerge_engine::{Edit, Input, OutboxState, SavedEdit, Settlement, SyncEnd};
use fieldmerge_protocol::problem::ProblemCode;
use fieldmerge_protocol::sync::{FrameStatus, Outcome};
use fieldmerge_protocol::{AreaId, RecordClass, RecordId, Value};
use fieldmerge_server::admin::{GrantText, devices, quarantine};
use fieldmerge_server::verify::verify;
use fieldmerge_store::records;
use fieldmerge_tests::database::Kind;
use fieldmerge_tests::synthetic::path;
use fieldmerge_tests::world::phone::Phone;
use fieldmerge_tests::world::replica::of_phone;
use fieldmerge_tests::world::site::PROJECT;
use fieldmerge_tests::world::work::{Ledger, Work};

use crate::place::{Draft, Place, WRITES, exceptions, on_both};

on_both!(
    a_revoked_device_is_not_heard_and_keeps_its_outbox,
    a_device_without_the_grant_is_set_aside_until_it_has_it,
    a_withdrawn_feed_leaves_the_phone_after_its_outbox,
    what_stands_already_needs_no_grant_again,
    a_role_that_is_withdrawn_opens_what_it_decided,
);

async fn a_revoked_device_is_not_heard_and_keeps_its_outbox(place: &Place) {
    let mut phone = place.site.phone("Hery", 1, &WRITES).await;
    let (mut author, mut carrier) = (place.author(8).await, place.author(9).await);
    let (mut ledger, mut link) = (Ledger::default(), place.site.link());
    let mut work = Work::new(1, 0, &place.site.areas[..1]);
    work.save(&mut phone, &mut ledger).expect("phones do not die here");
    phone.sync(&mut link).await.expect("phones do not die here");
    let before = place.census().await;

    work.save(&mut phone, &mut ledger).expect("phones do not die here");
    for device in [phone.enrolment().device, author.device] {
        assert!(devices::revoke(&place.site.app, PROJECT, &device.to_string()).await.expect("it is revoked"));
    }
    let waiting = phone.engine().outbox().changes.len();
    let report = phone.sync(&mut link).await.expect("phones do not die here");
    let revoked =
        SyncEnd::Refused { status: 403, code: Some(ProblemCode::DeviceRevoked), retry_after_seconds: None };
    assert_eq!(report.end, revoked);
    assert_eq!(phone.engine().outbox().changes.len(), waiting, "nothing is thrown away");

    // By other hands its frames are set aside, and the carrier's own ones are taken.
    let (draft, change) = Draft::worker(&author, place.area(), 50, "Rabe");
    let theirs = author.frame(place.core(), &[(draft.id, change)]);
    let (draft, change) = Draft::worker(&carrier, place.area(), 51, "Rasoa");
    let own = carrier.frame(place.core(), &[(draft.id, change)]);
    let told = carrier.push(&place.post(), &[theirs, own]).await;
    let of = |device| told.receipts.iter().find(|(of, _)| *of == device).map(|(_, receipt)| receipt);
    let aside = of(author.device).expect("the carrier is told");
    assert_eq!((aside.status, aside.code.as_deref()), (FrameStatus::Quarantined, Some("device-revoked")));
    assert_eq!(of(carrier.device).map(|receipt| receipt.status), Some(FrameStatus::Accepted));
    let after = place.census().await;
    assert_eq!(after.holdings.len(), before.holdings.len() + 1);
    assert_eq!(after.quarantined, ["device-revoked"]);
    let listed = quarantine::list(&place.site.app, PROJECT).await.expect("the administrator sees it");
    let [aside] = &listed[..] else { panic!("one frame was put aside: {listed:?}") };
    assert_eq!((aside.item.code.as_str(), aside.device.as_deref()), ("device-revoked", Some("author 8")));
    let report = verify(&place.site.app, Some(PROJECT)).await.expect("it can be verified");
    assert!(report.is_good() && report.text().contains("1 put aside"), "{}", report.text());
}

/// Registers somebody in the second site, whatever the phone believes that it may do.
fn register(phone: &mut Phone, area: AreaId, name: &str) -> RecordId {
    let edit = Edit::Create {
        record: None,
        record_type: "worker".to_owned(),
        area,
        subject: None,
        person: 0,
        values: vec![(path("family_name"), Value::str(name))],
    };
    let saved = phone.save(vec![edit]).expect("phones do not die here");
    let saved = saved.expect("before its first sync a phone does not know");
    let [SavedEdit::Record(record)] = saved[..] else { panic!("{saved:?}") };
    record
}

async fn a_device_without_the_grant_is_set_aside_until_it_has_it(place: &Place) {
    let mut phone = place.site.phone("Hery", 1, &WRITES).await;
    let (mut ledger, mut link) = (Ledger::default(), place.site.link());
    let mut work = Work::new(1, 0, &place.site.areas[..1]);
    register(&mut phone, place.site.areas[1], "Rabe");
    work.save(&mut phone, &mut ledger).expect("phones do not die here");
    let report = phone.sync(&mut link).await.expect("phones do not die here");
    assert_eq!((report.end, report.quarantined, report.accepted), (SyncEnd::Complete, 1, 1));
    let outbox = phone.engine().outbox();
    let [waiting] = &outbox.changes[..] else { panic!("one change waits: {outbox:?}") };
    assert_eq!(waiting.state, OutboxState::Quarantined { code: "not-granted".into() });
    let number = waiting.number;
    let census = place.census().await;
    assert_eq!((census.holdings.len(), census.quarantined), (1, vec!["not-granted".to_owned()]));
    ledger.assert_kept(&place.census().await);

    let device = phone.enrolment().device.to_string();
    let grant: GrantText = "S2:enumerator".parse().expect("a grant");
    assert!(devices::give(&place.site.app, PROJECT, &device, &grant).await.expect("it is given"));
    let settle = |ticket| Input::Settle { ticket, number, how: Settlement::Repair };
    phone.ask(settle).expect("phones do not die here").expect("a person may try again");
    let report = phone.sync(&mut link).await.expect("phones do not die here");
    assert_eq!((report.end, report.accepted), (SyncEnd::Complete, 1));
    phone.sync(&mut link).await.expect("phones do not die here");
    let census = place.census().await;
    assert_eq!(census.holdings.len(), 2);
    census.assert_same_on(&phone);
}

async fn a_withdrawn_feed_leaves_the_phone_after_its_outbox(place: &Place) {
    let elsewhere = ["S2:enumerator", "S2:supervisor"];
    let mut phone = place.site.phone("Hery", 1, &[WRITES, elsewhere].concat()).await;
    let (mut ledger, mut link) = (Ledger::default(), place.site.link());
    let mut work = Work::new(1, 0, &place.site.areas);
    for _ in 0..12 {
        work.save(&mut phone, &mut ledger).expect("phones do not die here");
    }
    phone.sync(&mut link).await.expect("phones do not die here");
    let on_phone = |phone: &Phone, place: &Place| {
        let here = of_phone(phone).into_keys().filter_map(|id| phone.engine().get(id));
        here.filter(|view| view.summary.feed.area == place.site.areas[1]).count()
    };
    assert!(on_phone(&phone, place) > 0);
    register(&mut phone, place.site.areas[1], "Koto");
    let device = phone.enrolment().device.to_string();
    for grant in elsewhere {
        let grant: GrantText = grant.parse().expect("a grant");
        assert!(devices::withdraw(&place.site.app, PROJECT, &device, &grant).await.expect("it is withdrawn"));
    }
    for _ in 0..3 {
        let report = phone.sync(&mut link).await.expect("phones do not die here");
        assert_eq!(report.end, SyncEnd::Complete);
    }
    // What it wrote before it knew is kept with a code, and is the only thing of that place that stays.
    let outbox = phone.engine().outbox();
    let [aside] = &outbox.changes[..] else { panic!("one change waits for a person: {outbox:?}") };
    assert_eq!(aside.state, OutboxState::Quarantined { code: "not-granted".into() });
    let number = aside.number;
    let settle = |ticket| Input::Settle { ticket, number, how: Settlement::Dismiss };
    phone.ask(settle).expect("phones do not die here").expect("a person may give it up");
    phone.sync(&mut link).await.expect("phones do not die here");
    assert_eq!(on_phone(&phone, place), 0, "the feed has left the phone");
    let census = place.census().await;
    ledger.assert_kept(&census);
    census.assert_same_on(&phone);
    assert!(
        census.feeds.values().any(|feed| feed.area == place.site.areas[1] && feed.class == RecordClass::Core)
    );
}

/// Only PostgreSQL lets two transactions write at a time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_grant_that_is_withdrawn_while_a_push_waits_for_a_record_counts_no_more() {
    let place = &Place::new(Kind::Postgres).await;
    let mut author = place.author(1).await;
    let (mut draft, change) = Draft::worker(&author, place.area(), 1, "Rabe");
    let frame = author.frame(place.core(), &[(draft.id, change)]);
    author.push(&place.post(), &[frame]).await;
    let edit = draft.edit(&author, "given_name", Value::str("Koto"));
    let frame = author.frame(place.core(), &[(draft.id, edit)]);

    let mut lock = place.site.app.store().begin().await.expect("a transaction begins");
    records::load_for_update(&mut lock, place.site.project, &[draft.id]).await.expect("the record is locked");
    let device = author.device.to_string();
    let post = place.post();
    let pushed = tokio::spawn(async move { author.push(&post, &[frame]).await });
    place.database.until_waiting(1).await;
    for grant in WRITES {
        let grant: GrantText = grant.parse().expect("a grant");
        assert!(devices::withdraw(&place.site.app, PROJECT, &device, &grant).await.expect("it is withdrawn"));
    }
    lock.rollback().await.expect("the record is free");
    let told = pushed.await.expect("the push ends");
    assert_eq!(exceptions(told.receipt()), [(0, Outcome::Quarantined, Some("not-granted"))]);
}

async fn what_stands_already_needs_no_grant_again(place: &Place) {
    let mut author = place.author(1).await;
    let (draft, change) = Draft::worker(&author, place.area(), 1, "Rabe");
    let frame = author.frame(place.core(), &[(draft.id, change.clone())]);
    author.push(&place.post(), &[frame]).await;
    for grant in WRITES {
        let grant: GrantText = grant.parse().expect("a grant");
        let device = author.device.to_string();
        assert!(devices::withdraw(&place.site.app, PROJECT, &device, &grant).await.expect("it is withdrawn"));
    }
    // Offered again in another frame, as to a server that was restored.
    let again = author.frame(place.core(), &[(draft.id, change)]);
    let told = author.push(&place.post(), &[again]).await;
    let outcomes: Vec<Outcome> =
        told.receipt().exceptions.iter().map(|exception| exception.outcome).collect();
    assert_eq!(outcomes, [Outcome::Duplicate]);
}

/// Whose decisions count follows from the roles that people hold now, on phones and on the server.
async fn a_role_that_is_withdrawn_opens_what_it_decided(place: &Place) {
    let mut one = place.site.phone("Hery", 1, &["S1:enumerator"]).await;
    let mut other = place.site.phone("Lalao", 2, &WRITES).await;
    let mut link = place.site.link();
    let record = register(&mut one, place.area(), "Rabe");
    for phone in [&mut one, &mut other] {
        phone.sync(&mut link).await.expect("it lives");
    }
    for (phone, name) in [(&mut one, "Rabé"), (&mut other, "Rabefitia")] {
        let values = vec![(path("family_name"), Value::str(name))];
        let edit = Edit::Change { record, person: 0, values, removes: Vec::new() };
        phone.save(vec![edit]).expect("it lives").expect("it is saved");
        phone.sync(&mut link).await.expect("it lives");
    }
    assert_eq!(open_cases(place, record).await, 1);
    let edit = Edit::Decide {
        record,
        person: 0,
        path: path("family_name"),
        value: Value::str("Rabé"),
        state: None,
        reason: "seen on paper".to_owned(),
    };
    other.save(vec![edit]).expect("it lives").expect("a supervisor decides");
    other.sync(&mut link).await.expect("it lives");
    assert_eq!(open_cases(place, record).await, 0);

    let device = other.enrolment().device.to_string();
    let grant: GrantText = "S1:supervisor".parse().expect("a grant");
    assert!(devices::withdraw(&place.site.app, PROJECT, &device, &grant).await.expect("it is withdrawn"));
    assert_eq!(open_cases(place, record).await, 1, "it waits for somebody who may");
    assert!(devices::give(&place.site.app, PROJECT, &device, &grant).await.expect("it is given"));
    assert_eq!(open_cases(place, record).await, 0);
    for phone in [&mut one, &mut other] {
        phone.sync(&mut link).await.expect("it lives");
        place.census().await.assert_same_on(phone);
    }
}

/// How many cases of a record the server's rows count, which are what a rebuild gives.
async fn open_cases(place: &Place, record: RecordId) -> usize {
    let report = verify(&place.site.app, Some(PROJECT)).await.expect("it can be verified");
    assert!(report.is_good(), "{}", report.text());
    place.census().await.holdings[&record].cases.values().filter(|case| case.open).count()
}
