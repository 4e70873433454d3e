//! What goes in comes out: projects, areas, people, keys, codes, devices, grants, proofs, quarantine, cases, entries.

use fieldmerge_protocol::{AreaId, DeviceId, Incarnation, LogId, ProjectId, RecordClass};
use fieldmerge_store::cases::{CaseCursor, CaseRow};
use fieldmerge_store::codes::DeviceCode;
use fieldmerge_store::devices::{DevicePerson, NewDevice};
use fieldmerge_store::entries::EntryRun;
use fieldmerge_store::keys::ServerKey;
use fieldmerge_store::people::Person;
use fieldmerge_store::projects::Area;
use fieldmerge_store::proofs::Proof;
use fieldmerge_store::quarantine::Quarantined;
use fieldmerge_store::{
    Result, StoreError, Tx, cases, codes, devices, dictionaries, entries, grants, keys, people, projects,
    proofs, quarantine,
};
use uuid::Uuid;

use crate::place::{
    AREA, DEVICE, FEED, INCARNATION, PROJECT, Place, actor, on_both, project, record_id, source,
};

on_both!(
    projects_and_areas,
    people_and_keys,
    dictionaries_stay,
    a_code_is_redeemed_once,
    devices_and_their_people,
    grants_are_withdrawn_and_given_back,
    proofs_and_their_receipts,
    quarantine_keeps_what_was_refused,
    cases_are_listed_oldest_first,
    entries_come_in_order,
    a_missing_row_it_refers_to_is_an_error,
);

fn area(number: u8, code: &str) -> Area {
    Area {
        id: AreaId([number; 16]),
        code: code.to_owned(),
        name: format!("Area {code}"),
        parent: (number > 2).then_some(AREA),
        created_ms: i64::from(number),
    }
}

/// A project with its root area and one device.
async fn prepare(tx: &mut Tx) -> Result<u64> {
    projects::insert(tx, &project()).await?;
    projects::insert_area(tx, PROJECT, &area(2, "root")).await?;
    let device =
        NewDevice { id: DEVICE, label: "Hery's phone".to_owned(), public_key: [8; 32], created_ms: 300 };
    devices::insert(tx, PROJECT, &device).await
}

async fn projects_and_areas(place: &Place) {
    let store = place.store().await;
    let mut tx = store.begin().await.expect("begin");
    projects::insert(&mut tx, &project()).await.expect("insert");
    assert_eq!(projects::find(&mut tx, PROJECT).await.expect("find"), Some(project()));
    assert_eq!(projects::find_by_code(&mut tx, "roads").await.expect("find"), Some(project()));
    assert_eq!(projects::find(&mut tx, ProjectId([0; 16])).await.expect("find"), None);
    projects::set_log(&mut tx, PROJECT, LogId([6; 16])).await.expect("set");
    assert_eq!(projects::touch_roster(&mut tx, PROJECT).await.expect("touch"), Some(2));
    assert_eq!(projects::touch_roster(&mut tx, ProjectId([0; 16])).await.expect("touch"), None);
    let found = projects::list(&mut tx).await.expect("list").pop().expect("one project");
    assert_eq!((found.log_id, found.roster_version), (LogId([6; 16]), 2));
    let (north, south) = (area(3, "north"), area(4, "south"));
    projects::insert_area(&mut tx, PROJECT, &south).await.expect("insert");
    projects::insert_area(&mut tx, PROJECT, &north).await.expect("insert");
    assert_eq!(projects::find_area(&mut tx, PROJECT, north.id).await.expect("find").as_ref(), Some(&north));
    assert_eq!(
        projects::find_area_by_code(&mut tx, PROJECT, "south").await.expect("find").as_ref(),
        Some(&south)
    );
    assert_eq!(projects::list_areas(&mut tx, PROJECT).await.expect("list"), [north, south]);
    let again = projects::insert(&mut tx, &project()).await;
    assert!(matches!(again, Err(StoreError::Duplicate)));
}

async fn dictionaries_stay(place: &Place) {
    let store = place.store().await;
    let mut tx = store.begin().await.expect("begin");
    prepare(&mut tx).await.expect("prepare");
    for _ in 0..2 {
        dictionaries::keep(&mut tx, PROJECT, u32::MAX, &[0, 1, 2]).await.expect("keep");
    }
    let found = dictionaries::find(&mut tx, PROJECT, u32::MAX).await.expect("find");
    assert_eq!(found.as_deref(), Some([0, 1, 2].as_slice()));
    assert_eq!(dictionaries::find(&mut tx, PROJECT, 1).await.expect("find"), None);
    assert_eq!(dictionaries::find(&mut tx, ProjectId([0; 16]), u32::MAX).await.expect("find"), None);
}

async fn people_and_keys(place: &Place) {
    let store = place.store().await;
    let mut tx = store.begin().await.expect("begin");
    projects::insert(&mut tx, &project()).await.expect("insert");
    let person = Person { id: Uuid::from_u128(7), name: "Lalao".to_owned(), created_ms: 9 };
    people::insert(&mut tx, PROJECT, &person).await.expect("insert");
    assert_eq!(people::find(&mut tx, PROJECT, person.id).await.expect("find").as_ref(), Some(&person));
    assert_eq!(people::list(&mut tx, PROJECT).await.expect("list"), [person]);
    let key = |number| ServerKey {
        number,
        purpose: "transport".to_owned(),
        public_key: [u8::try_from(number).expect("small"); 32],
        secret_key: vec![1, 2, 3],
        created_ms: 5,
        retired_ms: None,
    };
    keys::insert(&mut tx, PROJECT, &key(1)).await.expect("insert");
    keys::insert(&mut tx, PROJECT, &key(2)).await.expect("insert");
    assert_eq!(keys::current(&mut tx, PROJECT, "transport").await.expect("current"), Some(key(2)));
    assert!(keys::retire(&mut tx, PROJECT, 2, 50).await.expect("retire"));
    assert!(!keys::retire(&mut tx, PROJECT, 2, 60).await.expect("retire"));
    assert_eq!(keys::current(&mut tx, PROJECT, "transport").await.expect("current"), Some(key(1)));
    assert_eq!(keys::current(&mut tx, PROJECT, "custody").await.expect("current"), None);
    let retired = ServerKey { retired_ms: Some(50), ..key(2) };
    assert_eq!(keys::list(&mut tx, PROJECT).await.expect("list"), [key(1), retired.clone()]);
    assert!(!format!("{retired:?}").contains("secret"));
}

async fn a_code_is_redeemed_once(place: &Place) {
    let store = place.store().await;
    let mut tx = store.begin().await.expect("begin");
    projects::insert(&mut tx, &project()).await.expect("insert");
    let code = DeviceCode {
        project: PROJECT,
        code_hash: [1; 32],
        label: "A".to_owned(),
        people: r#"["x"]"#.to_owned(),
        grants: "[]".to_owned(),
        created_ms: 10,
        expires_ms: 100,
        used_ms: None,
        device: None,
    };
    let late = DeviceCode { code_hash: [2; 32], ..code.clone() };
    codes::insert(&mut tx, &code).await.expect("insert");
    codes::insert(&mut tx, &late).await.expect("insert");
    assert_eq!(codes::find(&mut tx, [1; 32]).await.expect("find").as_ref(), Some(&code));
    assert_eq!(codes::find(&mut tx, [9; 32]).await.expect("find"), None);
    assert!(codes::redeem(&mut tx, PROJECT, [1; 32], 50, DEVICE).await.expect("redeem"));
    assert!(!codes::redeem(&mut tx, PROJECT, [1; 32], 51, DEVICE).await.expect("redeem"), "twice");
    assert!(!codes::redeem(&mut tx, PROJECT, [2; 32], 100, DEVICE).await.expect("redeem"), "expired");
    assert!(!codes::redeem(&mut tx, PROJECT, [9; 32], 50, DEVICE).await.expect("redeem"), "unknown");
    assert_eq!(codes::remove_expired(&mut tx, PROJECT, 100).await.expect("remove"), 1);
    let used = DeviceCode { used_ms: Some(50), device: Some(DEVICE), ..code };
    assert_eq!(codes::list(&mut tx, PROJECT).await.expect("list"), [used]);
}

async fn devices_and_their_people(place: &Place) {
    let store = place.store().await;
    let mut tx = store.begin().await.expect("begin");
    assert_eq!(prepare(&mut tx).await.expect("prepare"), 1);
    let second =
        NewDevice { id: DeviceId([2; 10]), label: "B".to_owned(), public_key: [9; 32], created_ms: 301 };
    assert_eq!(devices::insert(&mut tx, PROJECT, &second).await.expect("insert"), 2);
    devices::note_seen(&mut tx, PROJECT, DEVICE, 400, Some(r#"{"battery": 80}"#)).await.expect("note");
    devices::note_seen(&mut tx, PROJECT, DEVICE, 500, None).await.expect("note");
    assert!(devices::revoke(&mut tx, PROJECT, DEVICE, 600).await.expect("revoke"));
    assert!(!devices::revoke(&mut tx, PROJECT, DEVICE, 700).await.expect("revoke"));
    let found = devices::find(&mut tx, PROJECT, DEVICE).await.expect("find").expect("the device");
    assert_eq!((found.number, found.label.as_str(), found.public_key), (1, "Hery's phone", [8; 32]));
    assert_eq!((found.created_ms, found.last_seen_ms, found.revoked_ms), (300, Some(500), Some(600)));
    assert_eq!(found.telemetry.as_deref(), Some(r#"{"battery": 80}"#));
    let unknown = DeviceId([9; 10]);
    devices::lock(&mut tx, PROJECT, &[DEVICE, unknown, second.id, DEVICE]).await.expect("lock");
    let listed = devices::list(&mut tx, PROJECT).await.expect("list");
    assert_eq!(listed.iter().map(|device| device.number).collect::<Vec<_>>(), [1, 2]);
    let person = Person { id: Uuid::from_u128(7), name: "Lalao".to_owned(), created_ms: 9 };
    people::insert(&mut tx, PROJECT, &person).await.expect("insert");
    let on_device = DevicePerson { device: DEVICE, number: 3, person: person.id, since_ms: 44 };
    devices::add_person(&mut tx, PROJECT, &on_device).await.expect("add");
    assert_eq!(
        devices::people_of(&mut tx, PROJECT, DEVICE).await.expect("people"),
        std::slice::from_ref(&on_device)
    );
    assert_eq!(devices::people_of(&mut tx, PROJECT, second.id).await.expect("people"), []);
    assert_eq!(devices::list_people(&mut tx, PROJECT).await.expect("people"), [on_device]);
}

async fn grants_are_withdrawn_and_given_back(place: &Place) {
    let store = place.store().await;
    let mut tx = store.begin().await.expect("begin");
    prepare(&mut tx).await.expect("prepare");
    assert!(grants::give(&mut tx, PROJECT, DEVICE, AREA, "enumerator", 1).await.expect("give"));
    assert!(!grants::give(&mut tx, PROJECT, DEVICE, AREA, "enumerator", 2).await.expect("give"), "it has it");
    assert!(grants::withdraw(&mut tx, PROJECT, DEVICE, AREA, "enumerator", 3).await.expect("withdraw"));
    assert!(!grants::withdraw(&mut tx, PROJECT, DEVICE, AREA, "enumerator", 4).await.expect("withdraw"));
    let kept = grants::of_device(&mut tx, PROJECT, DEVICE).await.expect("list").pop().expect("it stays");
    assert_eq!((kept.given_ms, kept.withdrawn_ms), (1, Some(3)));
    assert!(grants::give(&mut tx, PROJECT, DEVICE, AREA, "enumerator", 5).await.expect("give"));
    let given = grants::list(&mut tx, PROJECT).await.expect("list").pop().expect("one grant");
    assert_eq!((given.device, given.area, given.role.as_str()), (DEVICE, AREA, "enumerator"));
    assert_eq!((given.given_ms, given.withdrawn_ms), (5, None));
}

async fn proofs_and_their_receipts(place: &Place) {
    let store = place.store().await;
    let mut tx = store.begin().await.expect("begin");
    let proof = |frame: u8| Proof {
        source: source(frame.into()),
        digest: [frame; 32],
        header: vec![1, frame],
        signature: vec![2; 64],
        receipt: vec![3, frame],
        carrier: (frame == 2).then_some(DeviceId([7; 10])),
        received_ms: 1_000 + i64::from(frame),
        life: frame.into(),
    };
    proofs::insert(&mut tx, PROJECT, &[proof(1), proof(2), proof(5)]).await.expect("insert");
    assert_eq!(proofs::find(&mut tx, PROJECT, source(2)).await.expect("find"), Some(proof(2)));
    assert_eq!(proofs::find(&mut tx, PROJECT, source(3)).await.expect("find"), None);
    let between = proofs::between(&mut tx, PROJECT, DEVICE, INCARNATION, 2, 9).await.expect("between");
    assert_eq!(between, [proof(2), proof(5)]);
    assert_eq!(proofs::highest(&mut tx, PROJECT, DEVICE, INCARNATION).await.expect("highest"), 5);
    assert_eq!(proofs::highest(&mut tx, PROJECT, DEVICE, Incarnation([0; 4])).await.expect("highest"), 0);
    let mut other = proof(1);
    other.source.incarnation = Incarnation([0xff; 4]);
    proofs::insert(&mut tx, PROJECT, std::slice::from_ref(&other)).await.expect("insert");
    let behind = proofs::after(&mut tx, PROJECT, source(1), 2).await.expect("after");
    assert_eq!(behind, [proof(2), proof(5)]);
    let behind = proofs::after(&mut tx, PROJECT, source(5), 2).await.expect("after");
    assert_eq!(behind, [other], "by incarnation first");
    assert!(proofs::set_receipt(&mut tx, PROJECT, source(5), b"new").await.expect("set"));
    assert!(!proofs::set_receipt(&mut tx, PROJECT, source(6), b"new").await.expect("set"));
    let changed = proofs::find(&mut tx, PROJECT, source(5)).await.expect("find").expect("the proof");
    assert_eq!(changed.receipt, b"new");
    let taken = proofs::insert(&mut tx, PROJECT, &[proof(1)]).await;
    assert!(matches!(taken, Err(StoreError::Busy)), "somebody else took the frame meanwhile");
}

async fn quarantine_keeps_what_was_refused(place: &Place) {
    let store = place.store().await;
    let mut tx = store.begin().await.expect("begin");
    let item = |number: u8| Quarantined {
        id: Uuid::from_u128(number.into()),
        code: "second-root".to_owned(),
        reason: "the record exists".to_owned(),
        source: (number != 3).then(|| source(8)),
        frame_index: Some(number.into()),
        record: Some(record_id(4)),
        actor: Some(actor(1)),
        seq: Some(6),
        received_ms: 20,
        resolved_ms: None,
        resolution: None,
        body: vec![number; 5],
    };
    let bare = Quarantined { frame_index: None, record: None, actor: None, seq: None, ..item(3) };
    for item in [&item(2), &item(1), &bare] {
        quarantine::insert(&mut tx, PROJECT, item).await.expect("insert");
    }
    assert_eq!(quarantine::find(&mut tx, PROJECT, bare.id).await.expect("find").as_ref(), Some(&bare));
    assert!(quarantine::resolve(&mut tx, PROJECT, item(1).id, 30, "replayed").await.expect("resolve"));
    assert!(!quarantine::resolve(&mut tx, PROJECT, item(1).id, 31, "replayed").await.expect("resolve"));
    assert_eq!(quarantine::page(&mut tx, PROJECT, None, 1).await.expect("page"), [item(2)]);
    assert_eq!(quarantine::page(&mut tx, PROJECT, Some(item(2).id), 9).await.expect("page"), [bare]);
    let resolved = Quarantined { resolved_ms: Some(30), resolution: Some("replayed".to_owned()), ..item(1) };
    assert_eq!(quarantine::of_device(&mut tx, PROJECT, DEVICE, 9).await.expect("list"), [resolved, item(2)]);
}

async fn cases_are_listed_oldest_first(place: &Place) {
    let store = place.store().await;
    let mut tx = store.begin().await.expect("begin");
    let case = |number: u32, opened_ms: i64| CaseRow {
        record: record_id(number),
        kind: "field_conflict".to_owned(),
        path: "sex".to_owned(),
        feed: FEED,
        record_type: "worker".to_owned(),
        state: [5; 32],
        candidates: r#"["f", "m"]"#.to_owned(),
        agreed: None,
        decision: None,
        opened_ms,
        closed_ms: None,
    };
    let first = CaseRow { path: "birth/date".to_owned(), agreed: Some("\"f\"".to_owned()), ..case(1, 10) };
    cases::upsert(&mut tx, PROJECT, &[case(3, 30), case(1, 10), case(2, 20), first.clone()])
        .await
        .expect("upsert");
    let closed =
        CaseRow { decision: Some(r#"{"value": "m"}"#.to_owned()), closed_ms: Some(40), ..case(2, 20) };
    cases::upsert(&mut tx, PROJECT, std::slice::from_ref(&closed)).await.expect("upsert");
    let of_two = cases::of_records(&mut tx, PROJECT, &[record_id(2), record_id(9)]).await.expect("cases");
    assert_eq!(of_two, std::slice::from_ref(&closed));
    let page = cases::page(&mut tx, PROJECT, false, None, 2).await.expect("page");
    assert_eq!(page, [first.clone(), case(1, 10)], "by time, record and field");
    let last = &page[1];
    let cursor = CaseCursor {
        opened_ms: last.opened_ms,
        record: last.record,
        kind: last.kind.clone(),
        path: last.path.clone(),
    };
    let rest = cases::page(&mut tx, PROJECT, false, Some(&cursor), 9).await.expect("page");
    assert_eq!(rest, [closed, case(3, 30)]);
    let open = cases::page(&mut tx, PROJECT, true, Some(&cursor), 9).await.expect("page");
    assert_eq!(open, [case(3, 30)]);
    assert!(cases::remove(&mut tx, PROJECT, record_id(3), "field_conflict", "sex").await.expect("remove"));
    assert!(!cases::remove(&mut tx, PROJECT, record_id(3), "field_conflict", "sex").await.expect("remove"));
}

async fn entries_come_in_order(place: &Place) {
    let store = place.store().await;
    let mut tx = store.begin().await.expect("begin");
    let run = |number: u32, first_entry: u64| EntryRun {
        record: record_id(number),
        first_entry,
        entry_count: 10,
        feed: fieldmerge_protocol::sync::Feed { area: AREA, class: RecordClass::Attendance },
        seq: first_entry / 10 + 1,
        made_ms: 1,
        received_ms: 2,
        position: 3,
        body: vec![1; 40],
    };
    let mut all: Vec<EntryRun> =
        (0..9).flat_map(|number| (0..11).map(move |n| run(number, n * 10))).collect();
    entries::insert(&mut tx, PROJECT, &all).await.expect("insert");
    let of_one = entries::of_record(&mut tx, PROJECT, record_id(4)).await.expect("entries");
    assert_eq!(of_one, (0..11).map(|n| run(4, n * 10)).collect::<Vec<_>>());
    all.sort_by_key(|run| (run.record, run.first_entry));
    let mut read: Vec<EntryRun> = Vec::new();
    loop {
        let after = read.last().map(|run| (run.record, run.first_entry));
        let page = entries::page(&mut tx, PROJECT, RecordClass::Attendance, after, 20).await.expect("page");
        if page.is_empty() {
            break;
        }
        read.extend(page);
    }
    assert_eq!(read, all);
    assert!(matches!(entries::insert(&mut tx, PROJECT, &[run(4, 20)]).await, Err(StoreError::Duplicate)));
}

async fn a_missing_row_it_refers_to_is_an_error(place: &Place) {
    let store = place.store().await;
    let mut tx = store.begin().await.expect("begin");
    projects::insert(&mut tx, &project()).await.expect("insert");
    let given = grants::give(&mut tx, PROJECT, DEVICE, AREA, "enumerator", 1).await;
    assert!(matches!(given, Err(StoreError::ForeignKey)));
    tx.rollback().await.expect("rollback");
    let mut tx = store.begin().await.expect("begin");
    let device = NewDevice { id: DEVICE, label: "A".to_owned(), public_key: [8; 32], created_ms: 300 };
    assert!(matches!(devices::insert(&mut tx, PROJECT, &device).await, Err(StoreError::ForeignKey)));
}
