//! Phones that pass each other their work where there is no network, and the server that learns of it later.

use fieldmerge_engine::{Edit, Input, LogEntry, OutboxState, Outcome, SavedEdit, SyncEnd};
use fieldmerge_model::types::entry::AttendanceEntry;
use fieldmerge_protocol::{Path, RecordClass, RecordId, Value, exchange};
use fieldmerge_sdk::{Device, NewRecord, RecordEdit, SyncOptions};
use fieldmerge_server::admin::{GrantText, devices};
use fieldmerge_server::verify::verify;
use fieldmerge_tests::database::folder;
use fieldmerge_tests::world::phone::Phone;
use fieldmerge_tests::world::site::PROJECT;

use crate::place::{Place, WRITES, on_both};

on_both!(
    two_phones_meet_and_either_brings_everything,
    what_a_revoked_phone_passed_goes_out_again,
    what_was_passed_without_the_grant_goes_out_again,
    two_devices_exchange_files,
);

/// Passes what one phone has; gives the number of changes that the other one shows from now on.
fn pass(from: &mut Phone, to: &mut Phone) -> u64 {
    let receiver = to.enrolment();
    let given = from.ask(|ticket| Input::Give { ticket, to: receiver.device }).expect("no phone dies here");
    let Ok(Outcome::Given { bytes, .. }) = given else { panic!("{given:?}") };
    let opened = exchange::open(receiver.project, receiver.device, to.key(), &bytes).expect("it opens");
    match to.ask(|ticket| Input::Take { ticket, contents: opened }).expect("no phone dies here") {
        Ok(Outcome::Taken { changes, .. }) => changes,
        other => panic!("{other:?}"),
    }
}

fn path(text: &str) -> Path {
    Path::new(text).expect("a path")
}

fn save(phone: &mut Phone, edit: Edit) -> Vec<SavedEdit> {
    phone.save(vec![edit]).expect("no phone dies here").expect("it may write this")
}

fn register(phone: &mut Phone, place: &Place, name: &str) -> RecordId {
    let saved = save(
        phone,
        Edit::Create {
            record: None,
            record_type: "worker".to_owned(),
            area: place.area(),
            subject: None,
            person: 0,
            values: vec![(path("family_name"), Value::str(name)), (path("sex"), Value::str("female"))],
        },
    );
    let [SavedEdit::Record(record)] = saved[..] else { panic!("{saved:?}") };
    record
}

fn set(phone: &mut Phone, record: RecordId, field: &str, value: i64) {
    let values = vec![(path(field), Value::Int(value))];
    save(phone, Edit::Change { record, person: 0, values, removes: Vec::new() });
}

fn present(phone: &mut Phone, place: &Place, subject: RecordId) {
    let day = "2026-03-02".parse().expect("a date");
    let entries = vec![LogEntry { subject, entry: AttendanceEntry::present(0, day, 4).into() }];
    save(phone, Edit::Append { area: place.area(), person: 0, entries });
}

fn value(phone: &Phone, record: RecordId, field: &str) -> Option<Value> {
    let view = phone.engine().get(record)?;
    view.values.into_iter().find(|value| value.path.as_str() == field).map(|value| value.value)
}

async fn sync(phone: &mut Phone, place: &Place) {
    let report = phone.sync(&mut place.site.link()).await.expect("no phone dies here");
    assert_eq!(report.end, SyncEnd::Complete, "{report:?}");
}

/// Two phones that have synced once, and know of each other.
async fn pair(place: &Place) -> (Phone, Phone) {
    let mut hery = place.site.phone("Hery", 1, &WRITES).await;
    let mut lalao = place.site.phone("Lalao", 2, &WRITES).await;
    sync(&mut hery, place).await;
    sync(&mut lalao, place).await;
    (hery, lalao)
}

async fn two_phones_meet_and_either_brings_everything(place: &Place) {
    let (mut hery, mut lalao) = pair(place).await;
    for bringer in 0..2 {
        let before = place.census().await.holdings.len();
        let one = register(&mut hery, place, "Rakoto");
        register(&mut hery, place, "Rasoa");
        set(&mut hery, one, "birth_year", 1990);
        assert_eq!(pass(&mut hery, &mut lalao), 3);
        present(&mut lalao, place, one);
        set(&mut lalao, one, "birth_year", 1991);
        set(&mut hery, one, "birth_year", 1992);
        assert_eq!(pass(&mut lalao, &mut hery), 2);
        assert_eq!(pass(&mut hery, &mut lalao), 1);
        let open =
            |phone: &Phone| phone.engine().conflicts().into_iter().filter(|case| case.record == one).count();
        assert_eq!((open(&hery), open(&lalao)), (1, 1), "both see both values");

        let (first, second) = if bringer == 0 { (&mut hery, &mut lalao) } else { (&mut lalao, &mut hery) };
        sync(first, place).await;
        let census = place.census().await;
        // In the second round the sheet is a log that stood there before.
        assert!(census.holdings.len() >= before + 2);
        census.assert_same_on(first);
        sync(second, place).await;
        place.census().await.assert_same_as(&census);
        census.assert_same_on(second);
        assert!(census.quarantined.is_empty());
        for phone in [&hery, &lalao] {
            assert_eq!((phone.engine().outbox().provisional, phone.engine().notices().len()), (0, 0));
        }
    }
    let report = verify(&place.site.app, Some(PROJECT)).await.expect("it can be verified");
    assert!(report.is_good(), "every author is proven: {}", report.text());
}

/// Two phones, of which the first has passed the other an edit of an old worker, and a new one.
async fn passed(place: &Place) -> ([Phone; 2], RecordId, RecordId) {
    let (mut hery, mut lalao) = pair(place).await;
    let old = register(&mut lalao, place, "Old");
    sync(&mut lalao, place).await;
    sync(&mut hery, place).await;
    set(&mut hery, old, "birth_year", 1970);
    let new = register(&mut hery, place, "New");
    assert_eq!(pass(&mut hery, &mut lalao), 2);
    ([hery, lalao], old, new)
}

async fn what_a_revoked_phone_passed_goes_out_again(place: &Place) {
    let ([mut hery, mut lalao], old, new) = Box::pin(passed(place)).await;
    set(&mut lalao, old, "birth_year", 1971);
    present(&mut lalao, place, new);
    let device = hery.enrolment().device.to_string();
    assert!(devices::revoke(&place.site.app, PROJECT, &device).await.expect("it is revoked"));

    sync(&mut lalao, place).await;
    assert_eq!(value(&lalao, old, "birth_year"), Some(Value::Int(1971)), "written anew");
    let census = place.census().await;
    census.assert_same_on(&lalao);
    assert!(lalao.engine().get(new).is_none(), "headquarters has it in quarantine");
    assert!(census.quarantined.iter().any(|code| code == "device-revoked"), "{:?}", census.quarantined);
    assert!(lalao.engine().notices().iter().any(|notice| notice.code == "not-confirmed"));
    // Now the roster says so too: what the revoked phone passes is carried and not shown.
    register(&mut hery, place, "Later");
    assert_eq!(pass(&mut hery, &mut lalao), 0);
}

async fn what_was_passed_without_the_grant_goes_out_again(place: &Place) {
    let ([hery, mut lalao], old, new) = Box::pin(passed(place)).await;
    set(&mut lalao, new, "birth_year", 1999);
    let device = hery.enrolment().device.to_string();
    for grant in WRITES {
        let grant: GrantText = grant.parse().expect("a grant");
        assert!(devices::withdraw(&place.site.app, PROJECT, &device, &grant).await.expect("it is withdrawn"));
    }
    sync(&mut lalao, place).await;
    assert_eq!(value(&lalao, old, "birth_year"), None, "not granted");
    assert!(lalao.engine().get(new).is_none());
    assert_eq!(lalao.engine().outbox().provisional, 0);
    let outbox = lalao.engine().outbox();
    let [left] = &outbox.changes[..] else { panic!("the edit of what is not there waits: {outbox:?}") };
    assert_eq!(left.state, OutboxState::Quarantined { code: "unrepairable".into() });
    let census = place.census().await;
    let cores = census.feeds.values().filter(|feed| feed.class == RecordClass::Core).count();
    assert_eq!(cores, 1);
}

async fn two_devices_exchange_files(place: &Place) {
    let address = format!("http://{}", place.listening.address);
    let folders = [folder(), folder()];
    let mut devices = Vec::new();
    for (folder, label) in folders.iter().zip(["Hery", "Lalao"]) {
        let device = Device::open(folder.path()).await.expect("it opens");
        let code = place.site.code(label, &WRITES).await;
        device.enrol(&address, &code).await.expect("it joins");
        devices.push(device);
    }
    let [hery, lalao] = &devices[..] else { panic!("two devices") };
    for device in &devices {
        device.sync(SyncOptions::default()).await.expect("it syncs");
    }
    // The first one has to learn of the second.
    hery.sync(SyncOptions::default()).await.expect("it syncs");
    let new = NewRecord::new("worker", place.area()).set("family_name", "Rakoto").set("sex", "male");
    let one = hery.records().create(new).await.expect("registered");
    let receiver = lalao.status().await.enrolment.expect("enrolled").device;
    let given = hery.exchange_for(receiver).await.expect("it gives");
    assert_eq!((given.frames, given.left_out), (1, 0));
    let refused = hery.take_exchange(given.bytes.clone()).await.expect_err("it is for the other one");
    assert_eq!(refused.code, "other-device");
    let cut = lalao.take_exchange(given.bytes[..50].to_vec()).await.expect_err("it was cut");
    assert_eq!(cut.code, "bad-file");
    let taken = lalao.take_exchange(given.bytes).await.expect("it takes");
    assert_eq!((taken.frames, taken.changes, taken.skipped), (1, 1, 0));
    lalao.records().edit(RecordEdit::new(one).set("birth_year", 1991)).await.expect("edited");
    let view = lalao.records().get(one).await.expect("it is shown");
    assert!(view.summary.provisional);
    lalao.sync(SyncOptions::default()).await.expect("it brings both");
    hery.sync(SyncOptions::default()).await.expect("it syncs");
    for device in &devices {
        let view = device.records().get(one).await.expect("both hold it");
        assert!(!view.summary.provisional && !view.summary.pending);
        assert!(view.values.iter().any(|value| value.value == Value::Int(1991)));
        assert!(device.outbox().await.changes.is_empty());
    }
}
