//! Positions have no gaps and stand in the order of commits: a reader that pages never loses a change.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fieldmerge_protocol::sync::Feed;
use fieldmerge_protocol::{AreaId, RecordClass};
use fieldmerge_store::feeds::{self, Positions};
use fieldmerge_store::{Result, Store, Tx, records, segments};

use crate::place::{FEED, PROJECT, Place, on_both, record, record_id, segment};

on_both!(
    feeds_count_on_their_own,
    concurrent_writers_leave_no_gap_and_a_reader_sees_all_in_order,
    an_older_open_transaction_hides_nothing_from_a_reader,
    what_is_not_committed_is_not_there,
    a_read_transaction_is_a_snapshot,
    a_read_transaction_cannot_write,
);

fn feed(class: RecordClass) -> Feed {
    Feed { class, ..FEED }
}

const FEEDS: [RecordClass; 3] = [RecordClass::Core, RecordClass::Consent, RecordClass::Household];

async fn feeds_count_on_their_own(place: &Place) {
    let store = place.store().await;
    let mut tx = store.begin().await.expect("begin");
    let counts = [(feed(RecordClass::Household), 5), (feed(RecordClass::Core), 2)];
    let given = feeds::advance_all(&mut tx, PROJECT, &counts).await.expect("advance");
    assert_eq!(given, [Positions { from: 0, to: 5 }, Positions { from: 0, to: 2 }]);
    let given = feeds::advance(&mut tx, PROJECT, counts[0].0, 3).await.expect("advance");
    assert_eq!(given, Positions { from: 5, to: 8 });
    assert_eq!(feeds::head(&mut tx, PROJECT, counts[0].0).await.expect("head"), 8);
    assert_eq!(feeds::head(&mut tx, PROJECT, feed(RecordClass::Task)).await.expect("head"), 0);
    let heads = feeds::list(&mut tx, PROJECT).await.expect("list");
    assert_eq!(
        heads.iter().map(|found| (found.feed, found.head)).collect::<Vec<_>>(),
        [(feed(RecordClass::Core), 2), (feed(RecordClass::Household), 8)]
    );
    let areas = [FEED.area, AreaId([0xff; 16])];
    assert_eq!(feeds::of_areas(&mut tx, PROJECT, &areas).await.expect("of areas"), heads);
    assert_eq!(feeds::of_areas(&mut tx, PROJECT, &areas[1..]).await.expect("of areas"), []);
}

/// One push: positions in some feeds, and a segment with them.
async fn push(tx: &mut Tx, counts: &[(Feed, u64)], body: &[u8]) -> Result<()> {
    let given = feeds::advance_all(tx, PROJECT, counts).await?;
    for ((feed, _), positions) in counts.iter().zip(given) {
        segments::append(tx, PROJECT, &segment(*feed, positions.from, positions.to), body).await?;
    }
    Ok(())
}

/// Reads a feed to its end and moves the cursor, as a pull does.
async fn pull(store: &Store, feed: Feed, cursor: &mut u64, seen: &mut Vec<Vec<u8>>) {
    loop {
        let mut tx = store.read().await.expect("read");
        let page = segments::after(&mut tx, PROJECT, feed, *cursor, 64, None).await.expect("page");
        for (head, body) in page.segments {
            assert_eq!(head.from, *cursor, "a gap, or a segment out of order");
            *cursor = head.to;
            seen.push(body.expect("a body"));
        }
        if !page.more {
            return;
        }
    }
}

async fn concurrent_writers_leave_no_gap_and_a_reader_sees_all_in_order(place: &Place) {
    const WRITERS: u8 = 6;
    const PUSHES: u8 = 25;
    let store = place.store().await;
    let done = Arc::new(AtomicBool::new(false));
    let reader = tokio::spawn({
        let (store, done) = (store.clone(), done.clone());
        async move {
            let mut read: BTreeMap<Feed, (u64, Vec<Vec<u8>>)> = BTreeMap::new();
            loop {
                let last = done.load(Ordering::Acquire);
                for class in FEEDS {
                    let (cursor, seen) = read.entry(feed(class)).or_default();
                    pull(&store, feed(class), cursor, seen).await;
                }
                if last {
                    return read;
                }
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
    });
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                for number in 0..PUSHES {
                    // Some writers name the feeds in one order, some in the other.
                    let mut counts = vec![
                        (feed(FEEDS[0]), 1 + u64::from(number % 4)),
                        (feed(FEEDS[usize::from(1 + number % 2)]), 2),
                    ];
                    if writer % 2 == 0 {
                        counts.reverse();
                    }
                    let body = [writer, number];
                    store.write(async |mut tx| push(&mut tx, &counts, &body).await).await.expect("a push");
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.expect("a writer ends");
    }
    done.store(true, Ordering::Release);
    let read = reader.await.expect("the reader ends");
    let (cursor, mut seen) = read[&feed(FEEDS[0])].clone();
    let mut tx = store.read().await.expect("read");
    assert_eq!(cursor, feeds::head(&mut tx, PROJECT, feed(FEEDS[0])).await.expect("head"));
    let per_writer: u64 = (0..PUSHES).map(|number| 1 + u64::from(number % 4)).sum();
    assert_eq!(cursor, per_writer * u64::from(WRITERS));
    for writer in 0..WRITERS {
        let own: Vec<u8> = seen.iter().filter(|body| body[0] == writer).map(|body| body[1]).collect();
        assert_eq!(own, (0..PUSHES).collect::<Vec<_>>(), "what one writer pushed stands in its order");
    }
    seen.dedup();
    assert_eq!(seen.len(), usize::from(WRITERS) * usize::from(PUSHES));
}

async fn an_older_open_transaction_hides_nothing_from_a_reader(place: &Place) {
    let store = place.store().await;
    let mut older = store.begin().await.expect("begin");
    // It is at work, and has not asked for positions yet.
    records::load_for_update(&mut older, PROJECT, &[record_id(1)]).await.expect("load");
    let newer = tokio::spawn({
        let store = store.clone();
        async move { store.write(async |mut tx| push(&mut tx, &[(FEED, 3)], b"newer").await).await }
    });
    tokio::time::sleep(Duration::from_millis(50)).await;
    let (mut cursor, mut seen) = (0, Vec::new());
    pull(&store, FEED, &mut cursor, &mut seen).await;
    push(&mut older, &[(FEED, 2)], b"older").await.expect("push");
    pull(&store, FEED, &mut cursor, &mut seen).await;
    older.commit().await.expect("commit");
    newer.await.expect("the newer one ends").expect("and commits");
    pull(&store, FEED, &mut cursor, &mut seen).await;
    seen.sort();
    assert_eq!((cursor, seen), (5, vec![b"newer".to_vec(), b"older".to_vec()]));
}

async fn what_is_not_committed_is_not_there(place: &Place) {
    let store = place.store().await;
    for undone in [false, true] {
        let mut tx = store.begin().await.expect("begin");
        push(&mut tx, &[(FEED, 3)], b"never").await.expect("push");
        if undone {
            tx.rollback().await.expect("rollback");
        } else {
            drop(tx);
        }
    }
    let failed: Result<(), fieldmerge_store::StoreError> = store
        .write(async |mut tx| {
            push(&mut tx, &[(FEED, 3)], b"never").await?;
            Err(fieldmerge_store::StoreError::UnknownUrl)
        })
        .await;
    assert!(matches!(failed, Err(fieldmerge_store::StoreError::UnknownUrl)), "the error of the work itself");
    store.write(async |mut tx| push(&mut tx, &[(FEED, 1)], b"first").await).await.expect("push");
    let (mut cursor, mut seen) = (0, Vec::new());
    pull(&store, FEED, &mut cursor, &mut seen).await;
    assert_eq!((cursor, seen), (1, vec![b"first".to_vec()]));
}

async fn a_read_transaction_is_a_snapshot(place: &Place) {
    let store = place.store().await;
    let write = async |number: u32| {
        let rows = [record(number, b"s")];
        store.write(async |mut tx| records::upsert(&mut tx, PROJECT, &rows).await).await.expect("write");
    };
    write(1).await;
    let mut old = store.read().await.expect("read");
    assert_eq!(records::count(&mut old, PROJECT).await.expect("count"), 1);
    write(2).await;
    assert_eq!(records::count(&mut old, PROJECT).await.expect("count"), 1);
    assert_eq!(records::find(&mut old, PROJECT, record_id(2)).await.expect("find"), None);
    let mut new = store.read().await.expect("read");
    assert_eq!(records::count(&mut new, PROJECT).await.expect("count"), 2);
    old.commit().await.expect("a read transaction ends like any other");
}

async fn a_read_transaction_cannot_write(place: &Place) {
    let store = place.store().await;
    let mut tx = store.read().await.expect("read");
    assert!(feeds::advance(&mut tx, PROJECT, FEED, 1).await.is_err());
    drop(tx);
    let mut tx = store.read().await.expect("the connection can be used again");
    assert_eq!(feeds::head(&mut tx, PROJECT, FEED).await.expect("head"), 0);
}
