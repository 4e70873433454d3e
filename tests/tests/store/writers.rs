//! Writers that get in each other's way: they wait, they try again, and in the end they say that they are busy.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use fieldmerge_protocol::RecordClass;
use fieldmerge_protocol::sync::Feed;
use fieldmerge_store::{Dialect, Lent, Result, Store, StoreError, StoreOptions, feeds, records, segments};

use crate::place::{FEED, PROJECT, Place, on_both, record, segment};

on_both!(
    a_busy_writer_is_tried_again_and_then_said_to_be_busy,
    work_that_hides_that_it_was_busy_is_run_again_all_the_same,
    a_transaction_in_which_a_statement_failed_is_never_committed,
    work_that_keeps_its_transaction_writes_nothing,
);

async fn a_busy_writer_is_tried_again_and_then_said_to_be_busy(place: &Place) {
    let first = place.store().await;
    let second = place.impatient(3).await;
    let mut holder = first.begin().await.expect("begin");
    feeds::advance(&mut holder, PROJECT, FEED, 1).await.expect("advance");
    let runs = AtomicU32::new(0);
    let advance = async |mut tx: Lent| {
        runs.fetch_add(1, Ordering::Relaxed);
        feeds::advance(&mut tx, PROJECT, FEED, 1).await
    };
    let refused = second.write(advance).await;
    assert!(matches!(&refused, Err(error) if error.is_busy()), "{refused:?}");
    // On SQLite the wait is before the work.
    assert_eq!(runs.into_inner(), if second.dialect() == Dialect::Sqlite { 0 } else { 3 });
    let release = tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(150)).await;
        holder.commit().await
    });
    let patient = second.write(async |mut tx| feeds::advance(&mut tx, PROJECT, FEED, 1).await).await;
    assert_eq!(patient.expect("the second run finds the way free").to, 2);
    release.await.expect("the holder ends").expect("and commits");
}

async fn work_that_hides_that_it_was_busy_is_run_again_all_the_same(place: &Place) {
    #[derive(Debug)]
    struct Mine;
    impl From<StoreError> for Mine {
        fn from(_: StoreError) -> Self {
            Self
        }
    }
    let store = place.store().await;
    let runs = AtomicU64::new(0);
    let written: Result<u64, Mine> = store
        .write(async |mut tx| {
            let run = runs.fetch_add(1, Ordering::Relaxed) + 1;
            // The same record, written from a version that is not the stored one, until the third run.
            let mut record = record(1, b"s");
            records::upsert(&mut tx, PROJECT, std::slice::from_ref(&record)).await?;
            record.row.version = if run < 3 { 7 } else { 1 };
            if records::upsert(&mut tx, PROJECT, &[record]).await.is_err() && run == 2 {
                return Err(Mine);
            }
            Ok(run)
        })
        .await;
    assert_eq!(written.expect("the third run succeeds"), 3);
}

async fn a_transaction_in_which_a_statement_failed_is_never_committed(place: &Place) {
    let store = place.store().await;
    let swallowed = store
        .write(async |mut tx| {
            records::upsert(&mut tx, PROJECT, &[record(1, b"s")]).await?;
            segments::append(&mut tx, PROJECT, &segment(FEED, 0, 1), b"").await?;
            // The same positions again: a duplicate, which the work takes for nothing.
            assert!(segments::append(&mut tx, PROJECT, &segment(FEED, 0, 1), b"").await.is_err());
            Ok::<_, StoreError>(())
        })
        .await;
    assert!(matches!(swallowed, Err(StoreError::Undone)), "{swallowed:?}");
    let mut tx = store.read().await.expect("read");
    assert_eq!(records::count(&mut tx, PROJECT).await.expect("count"), 0);
}

async fn work_that_keeps_its_transaction_writes_nothing(place: &Place) {
    let store = place.store().await;
    let kept = store
        .write(async |mut tx| {
            records::upsert(&mut tx, PROJECT, &[record(1, b"s")]).await?;
            Ok::<_, StoreError>(tx)
        })
        .await;
    assert!(matches!(kept, Err(StoreError::Undone)), "{kept:?}");
    let mut tx = store.read().await.expect("read");
    assert_eq!(records::count(&mut tx, PROJECT).await.expect("count"), 0);
}

#[tokio::test]
async fn a_deadlock_on_postgres_is_busy_for_one_and_resolved_for_both() {
    let place = Place::postgres().await;
    let store = place.store().await;
    let other = Feed { class: RecordClass::Consent, ..FEED };
    let cross = |first: Feed, then: Feed| {
        let store = store.clone();
        tokio::spawn(async move {
            let runs = AtomicU32::new(0);
            let work = async |mut tx: Lent| {
                runs.fetch_add(1, Ordering::Relaxed);
                feeds::advance(&mut tx, PROJECT, first, 1).await?;
                tokio::time::sleep(Duration::from_millis(100)).await;
                feeds::advance(&mut tx, PROJECT, then, 1).await
            };
            store.write(work).await.map(|_| runs.load(Ordering::Relaxed))
        })
    };
    let (left, right) = (cross(FEED, other), cross(other, FEED));
    let runs = left.await.expect("ends").expect("commits") + right.await.expect("ends").expect("commits");
    assert!(runs > 2, "one of the two had to run again");
    let mut tx = store.read().await.expect("read");
    assert_eq!(feeds::head(&mut tx, PROJECT, FEED).await.expect("head"), 2);
    assert_eq!(feeds::head(&mut tx, PROJECT, other).await.expect("head"), 2);
}

#[tokio::test]
async fn an_unknown_address_and_an_absent_server_are_told_apart() {
    assert!(matches!(Store::open("mysql://x").await, Err(StoreError::UnknownUrl)));
    let options = StoreOptions { busy_timeout: Duration::from_millis(200), ..StoreOptions::default() };
    let absent = Store::open_with("postgres://nobody@localhost/none?host=/nonexistent", &options).await;
    assert!(matches!(&absent, Err(StoreError::Unavailable(_))), "{absent:?}");
    let folder = Store::open_with("sqlite:/nonexistent/folder/store.db", &options).await;
    assert!(matches!(&folder, Err(StoreError::Unavailable(_))), "{folder:?}");
}

/// A handler may be dropped when its client goes away: the writer must be free again.
#[tokio::test]
async fn a_write_that_is_dropped_half_way_blocks_nobody() {
    for place in [Place::sqlite(), Place::postgres().await] {
        let store = place.impatient(2).await;
        let stuck = store.write(async |mut tx| {
            feeds::advance(&mut tx, PROJECT, FEED, 1).await?;
            std::future::pending::<Result<()>>().await
        });
        assert!(tokio::time::timeout(Duration::from_millis(100), stuck).await.is_err());
        let next = store.write(async |mut tx| feeds::advance(&mut tx, PROJECT, FEED, 1).await).await;
        assert_eq!(next.expect("the writer is free").to, 1);
    }
}
