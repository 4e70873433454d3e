//! Held changes, and the gate that keeps one from being held for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use fieldmerge_store::held::{self, HeldChange};
use fieldmerge_store::{Result, Tx, records};

use crate::place::{DEVICE, PROJECT, Place, actor, on_both, record, record_id, source};

on_both!(
    held_changes_come_back_and_go,
    what_arrives_beside_a_held_change_is_never_missed,
    many_that_hold_and_bring_at_once_leave_nothing_held,
);

fn change(number: u32, seq: u64) -> HeldChange {
    HeldChange {
        record: record_id(number),
        actor: actor(1),
        seq,
        source: source(30),
        frame_index: 40 + u32::try_from(seq).expect("small"),
        received_ms: 50 + i64::try_from(seq).expect("small"),
        needs: vec![6; 20],
        body: vec![7; 30],
    }
}

async fn held_changes_come_back_and_go(place: &Place) {
    let store = place.store().await;
    let inserted = store
        .write(async |mut tx| {
            let mut inserted = Vec::new();
            for held in [change(1, 2), change(1, 1), change(2, 1), change(1, 2)] {
                inserted.push(held::insert(&mut tx, PROJECT, &held).await?);
            }
            Ok::<_, fieldmerge_store::StoreError>(inserted)
        })
        .await;
    assert_eq!(inserted.expect("held"), [true, true, true, false], "one of a kind is held");
    let mut tx = store.begin().await.expect("begin");
    let of_one = held::of_records(&mut tx, PROJECT, &[record_id(1), record_id(3)]).await.expect("held");
    assert_eq!(of_one, [change(1, 1), change(1, 2)]);
    assert_eq!(held::count_of_device(&mut tx, PROJECT, DEVICE).await.expect("count"), 3);
    assert_eq!(held::of_frame(&mut tx, PROJECT, source(30)).await.expect("held").len(), 3);
    assert_eq!(held::of_frame(&mut tx, PROJECT, source(31)).await.expect("held"), []);
    let old = held::older_than(&mut tx, PROJECT, 52, 9).await.expect("held");
    assert_eq!(old.iter().map(|held| held.seq).collect::<Vec<_>>(), [1, 1]);
    assert!(held::remove(&mut tx, PROJECT, record_id(1), actor(1), 1).await.expect("remove"));
    assert!(!held::remove(&mut tx, PROJECT, record_id(1), actor(1), 1).await.expect("remove"));
    assert_eq!(held::count_of_device(&mut tx, PROJECT, DEVICE).await.expect("count"), 2);
}

/// Holds an edit if its record is not here; tells whether it did.
async fn hold_unless_here(tx: &mut Tx, number: u32) -> Result<bool> {
    if records::load_for_update(tx, PROJECT, &[record_id(number)]).await?.is_empty() {
        return held::insert(tx, PROJECT, &change(number, 1)).await;
    }
    Ok(false)
}

/// Brings a record and releases what waited for it; tells how many.
async fn bring(tx: &mut Tx, number: u32) -> Result<usize> {
    records::load_for_update(tx, PROJECT, &[record_id(number)]).await?;
    let waiting = held::of_records(tx, PROJECT, &[record_id(number)]).await?;
    for held in &waiting {
        held::remove(tx, PROJECT, held.record, held.actor, held.seq).await?;
    }
    records::upsert(tx, PROJECT, &[record(number, b"brought")]).await?;
    Ok(waiting.len())
}

async fn what_arrives_beside_a_held_change_is_never_missed(place: &Place) {
    let store = place.store().await;
    let mut bringer = store.begin().await.expect("begin");
    records::load_for_update(&mut bringer, PROJECT, &[record_id(1)]).await.expect("load");
    assert_eq!(held::of_records(&mut bringer, PROJECT, &[record_id(1)]).await.expect("held"), []);
    let holder = tokio::spawn({
        let store = store.clone();
        async move { store.write(async |mut tx| hold_unless_here(&mut tx, 1).await).await }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    records::upsert(&mut bringer, PROJECT, &[record(1, b"brought")]).await.expect("upsert");
    bringer.commit().await.expect("commit");
    let held = holder.await.expect("the holder ends").expect("and commits");
    assert!(!held, "the record came while the holder waited, so nothing is held");
}

async fn many_that_hold_and_bring_at_once_leave_nothing_held(place: &Place) {
    let store = place.store().await;
    let (held, released) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let mut tasks = Vec::new();
    for number in 0..24 {
        let (store_a, store_b) = (store.clone(), store.clone());
        let (held, released) = (held.clone(), released.clone());
        tasks.push(tokio::spawn(async move {
            let did =
                store_a.write(async |mut tx| hold_unless_here(&mut tx, number).await).await.expect("commits");
            held.fetch_add(u32::from(did), Ordering::Relaxed);
        }));
        tasks.push(tokio::spawn(async move {
            let count = store_b.write(async |mut tx| bring(&mut tx, number).await).await.expect("commits");
            released.fetch_add(u32::try_from(count).expect("small"), Ordering::Relaxed);
        }));
    }
    for task in tasks {
        task.await.expect("a task ends");
    }
    assert_eq!(held.load(Ordering::Relaxed), released.load(Ordering::Relaxed));
    let mut tx = store.read().await.expect("read");
    assert_eq!(held::count_of_device(&mut tx, PROJECT, DEVICE).await.expect("count"), 0);
}
