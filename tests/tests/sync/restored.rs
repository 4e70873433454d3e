//! Copies: a phone that comes back from a backup, a phone that was cloned, a server that comes back from a backup.

use std::path::Path;

use fieldmerge_engine::SyncEnd;
use fieldmerge_protocol::{LogId, RecordClass, RecordId};
use fieldmerge_sdk::{Clock, Device, ListQuery, NewRecord, Options, RecordEdit, SyncOptions, SyncReport};
use fieldmerge_server::admin::codes::{self, CodeRequest};
use fieldmerge_server::admin::devices;
use fieldmerge_store::projects;
use fieldmerge_tests::database::{Database, Kind, folder};
use fieldmerge_tests::world::census::Census;
use fieldmerge_tests::world::phone::Phone;
use fieldmerge_tests::world::site::{PROJECT, START_MS, Site};
use fieldmerge_tests::world::work::{Ledger, Work};

use crate::place::{BOTH, Place, WRITES, on_both};

on_both!(a_phone_restored_from_its_folder_loses_nothing, clones_of_a_phone_lose_nothing);

/// Opens the device of a folder.
async fn open(folder: &Path, seed: u8) -> Device {
    let options = Options { clock: Clock::fixed(START_MS), seed: Some([seed; 32]), ..Options::default() };
    Device::open_with(folder, options).await.expect("the folder opens")
}

async fn sync(device: &Device) -> SyncReport {
    device.sync(SyncOptions::default()).await.expect("the sync completes")
}

async fn register(device: &Device, place: &Place, name: &str) {
    let new = NewRecord::new("worker", place.area()).set("family_name", name).set("sex", "female");
    device.records().create(new).await.expect("it is saved");
}

/// The names of all workers that a device shows, in order.
async fn names(device: &Device) -> Vec<String> {
    let query = ListQuery { record_type: Some("worker".to_owned()), limit: 500, ..ListQuery::default() };
    let mut names = Vec::new();
    for summary in device.records().list(&query).await {
        let view = device.records().get(summary.record).await.expect("what is listed is there");
        let name = view.values.iter().find(|value| value.path.as_str() == "family_name");
        names.push(name.and_then(|value| value.value.as_str()).expect("workers have names").to_owned());
    }
    names.sort();
    names
}

async fn a_phone_restored_from_its_folder_loses_nothing(place: &Place) {
    let (home, backup) = (folder(), folder());
    let grants = WRITES.map(|grant| grant.parse().expect("a grant")).to_vec();
    let request = CodeRequest {
        project: PROJECT.to_owned(),
        label: "Hery".to_owned(),
        people: Vec::new(),
        grants,
        lives_ms: 3_600_000,
    };
    let code = codes::create(&place.site.app, &request).await.expect("a code is made").code;
    let device = open(home.path(), 1).await;
    device.enrol(&format!("http://{}", place.listening.address), &code).await.expect("it enrols");
    sync(&device).await;
    register(&device, place, "A first").await;
    sync(&device).await;
    register(&device, place, "B unsent at the backup").await;
    for entry in std::fs::read_dir(home.path()).expect("our own folder") {
        let path = entry.expect("our own folder").path();
        std::fs::copy(&path, backup.path().join(path.file_name().expect("a file"))).expect("it is copied");
    }
    register(&device, place, "C after the backup").await;
    sync(&device).await;
    drop(device);

    let restored = open(backup.path(), 2).await;
    assert_eq!(names(&restored).await, ["A first", "B unsent at the backup"]);
    register(&restored, place, "D on the restored phone").await;
    let before = restored.status().await.incarnation;
    sync(&restored).await;
    sync(&restored).await;
    assert_ne!(restored.status().await.incarnation, before, "a copy writes under a name of its own");
    assert_eq!(restored.outbox().await.changes, []);
    let all = ["A first", "B unsent at the backup", "C after the backup", "D on the restored phone"];
    assert_eq!(names(&restored).await, all);
    assert!(!restored.notices().await.is_empty(), "the person is told");
    let census = place.census().await;
    assert_eq!(census.holdings.len(), 4, "each once");

    // It goes on as any other.
    let query = ListQuery { record_type: Some("worker".to_owned()), ..ListQuery::default() };
    let one = restored.records().list(&query).await.first().expect("four are there").record;
    restored.records().edit(RecordEdit::new(one).set("birth_year", 1990)).await.expect("it is saved");
    assert_eq!(sync(&restored).await.accepted, 1);
    let aside = place.census().await.quarantined;
    assert!(
        aside.iter().all(|code| code == "forked"),
        "frames of a number that was taken are kept: {aside:?}"
    );
}

async fn clones_of_a_phone_lose_nothing(place: &Place) {
    let areas = &place.site.areas[..1];
    let (mut ledger, mut link) = (Ledger::default(), place.site.link());
    let mut one = place.site.phone("Hery", 1, &WRITES).await;
    let mut work = Work::new(1, 0, areas);
    for _ in 0..6 {
        work.save(&mut one, &mut ledger).expect("phones do not die here");
    }
    one.sync(&mut link).await.expect("phones do not die here");
    work.save(&mut one, &mut ledger).expect("phones do not die here");
    let begun = async || {
        let (known, _) = devices::list(&place.site.app, PROJECT).await.expect("devices are listed");
        known[0].begun.map(|begun| begun.incarnations)
    };
    assert_eq!(begun().await, Some(1));
    let mut other = one.copy(77);
    "its clone".clone_into(&mut other.label);
    let mut others = Work::new(2, 50_000, areas);
    for _ in 0..5 {
        for _ in 0..3 {
            work.save(&mut one, &mut ledger).expect("phones do not die here");
            others.save(&mut other, &mut ledger).expect("phones do not die here");
        }
        for phone in [&mut one, &mut other] {
            let report = phone.sync(&mut link).await.expect("phones do not die here");
            assert_eq!(report.end, SyncEnd::Complete, "{}", phone.label);
        }
    }
    settle(&mut [&mut one, &mut other], &place.site).await;
    let census = place.census().await;
    ledger.assert_kept(&census);
    for phone in [&one, &other] {
        census.assert_same_on_restored(phone);
    }
    assert!(begun().await > Some(1), "administrators see that there were two");
}

/// Everybody syncs until nothing moves.
async fn settle(phones: &mut [&mut Phone], site: &Site) {
    for _ in 0..8 {
        let mut moved = 0;
        for phone in phones.iter_mut() {
            let report = phone.sync(&mut site.link()).await.expect("phones do not die here");
            assert_eq!(report.end, SyncEnd::Complete, "{}", phone.label);
            moved += report.sent + report.received + report.repaired;
        }
        if moved == 0 {
            return;
        }
    }
    panic!("changes still move");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_server_gets_back_what_it_lost() {
    for kind in BOTH {
        for operator_tells in [true, false] {
            restore_server(kind, operator_tells).await;
        }
    }
}

const DAY_MS: i64 = 86_400_000;

/// A server goes back to a backup of the day before. Its operator gives it a new log, or forgets to.
async fn restore_server(kind: Kind, operator_tells: bool) {
    let database = Database::new(kind).await;
    let site = Site::found(&database, 1, &["S1", "S2"]).await;
    let mut one = site.phone("Hery", 1, &WRITES).await;
    let mut other = site.phone("Lalao", 2, &WRITES).await;
    let mut work = [Work::new(1, 0, &site.areas[..1]), Work::new(2, 50_000, &site.areas[..1])];
    let mut ledger = Ledger::default();
    let [mine, theirs] = &mut work;
    let mut both_work = async |site: &Site, ledger: &mut Ledger, one: &mut Phone, other: &mut Phone| {
        for _ in 0..4 {
            site.app.clock().advance_ms(DAY_MS / 4);
            one.clock_ms += DAY_MS / 4;
            other.clock_ms += DAY_MS / 4;
            mine.save(one, ledger).expect("phones do not die here");
            theirs.save(other, ledger).expect("phones do not die here");
            for phone in [&mut *one, &mut *other] {
                let report = phone.sync(&mut site.link()).await.expect("phones do not die here");
                assert_eq!(report.end, SyncEnd::Complete);
            }
        }
    };
    both_work(&site, &mut ledger, &mut one, &mut other).await;
    site.app.close().await;
    let backup = database.copy().await;
    let site = site.reopen(&database, START_MS + DAY_MS, 2).await;
    both_work(&site, &mut ledger, &mut one, &mut other).await;
    let lost = Census::take(site.app.store(), site.project).await;
    site.app.close().await;

    let site = site.reopen(&backup, START_MS + 2 * DAY_MS, 3).await;
    assert!(Census::take(site.app.store(), site.project).await.changes() < lost.changes());
    if operator_tells {
        let set = site
            .app
            .store()
            .write(async |mut tx| projects::set_log(&mut tx, site.project, LogId([9; 16])).await);
        set.await.expect("the log is new");
    }
    both_work(&site, &mut ledger, &mut one, &mut other).await;
    settle(&mut [&mut one, &mut other], &site).await;
    let census = Census::take(site.app.store(), site.project).await;
    // Observations left their phones when the server had them, and come back sealed.
    let is_observation = |id: &&RecordId| lost.feeds[*id].class == RecordClass::Observation;
    assert!(lost.holdings.keys().any(|id| is_observation(&id)), "there are some to come back");
    for id in lost.holdings.keys() {
        assert!(census.holdings.contains_key(id), "{kind:?} {operator_tells}: {id} did not come back");
    }
    ledger.assert_kept(&census);
    assert_eq!(census.held, 0);
    for phone in [&one, &other] {
        census.assert_same_on(phone);
    }
    site.app.close().await;
}
