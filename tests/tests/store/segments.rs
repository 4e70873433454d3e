//! Segments: appended, paged by bytes, own ones without their bodies.

use fieldmerge_protocol::sync::Feed;
use fieldmerge_protocol::{DeviceId, Incarnation};
use fieldmerge_store::segments::{self, Own, SegmentHead, SegmentPage};
use fieldmerge_store::{StoreError, Tx};

use crate::place::{AREA, DEVICE, FEED, INCARNATION, PROJECT, Place, on_both, segment};

on_both!(
    segments_come_back_in_order,
    a_page_keeps_to_its_bytes,
    own_segments_come_without_a_body,
    a_position_finds_its_segment,
    positions_are_taken_once,
    a_stretch_is_read_whole,
    several_become_one,
    what_is_not_there_as_it_was_read_is_left_alone,
    of_two_that_replace_the_same_one_does,
);

/// Ten segments of ten positions and a thousand bytes each; every third is of several authors.
async fn fill(tx: &mut Tx) -> Vec<(SegmentHead, Vec<u8>)> {
    let mut all = Vec::new();
    for number in 0..10_u8 {
        let from = u64::from(number) * 10;
        let mut head = segment(FEED, from, from + 10);
        if number % 3 == 0 {
            head.source = None;
        }
        let body = vec![number; 1_000];
        segments::append(tx, PROJECT, &head, &body).await.expect("append");
        head.body_bytes = 1_000;
        all.push((head, body));
    }
    let other = Feed { class: fieldmerge_protocol::RecordClass::Consent, ..FEED };
    segments::append(tx, PROJECT, &segment(other, 0, 3), b"another feed").await.expect("append");
    all
}

fn range(page: &SegmentPage) -> (u64, u64, bool) {
    let from = page.segments.first().map_or(0, |(head, _)| head.from);
    (from, page.segments.last().map_or(0, |(head, _)| head.to), page.more)
}

async fn segments_come_back_in_order(place: &Place) {
    let store = place.store().await;
    let mut tx = store.begin().await.expect("begin");
    let all = fill(&mut tx).await;
    let page = segments::after(&mut tx, PROJECT, FEED, 0, u64::MAX, None).await.expect("page");
    assert!(!page.more);
    let read: Vec<_> = page.segments.into_iter().map(|(head, body)| (head, body.expect("a body"))).collect();
    assert_eq!(read, all);
    let heads = segments::heads_after(&mut tx, PROJECT, FEED, 55, 2).await.expect("heads");
    assert_eq!(heads.iter().map(|head| head.to).collect::<Vec<_>>(), [60, 70]);
    let empty = segments::after(&mut tx, PROJECT, FEED, 100, u64::MAX, None).await.expect("page");
    assert_eq!(empty, SegmentPage { segments: Vec::new(), more: false });
}

async fn a_page_keeps_to_its_bytes(place: &Place) {
    let store = place.store().await;
    let mut tx = store.begin().await.expect("begin");
    fill(&mut tx).await;
    for (position, limit, expected) in [
        (0, 0, (0, 10, true)),
        (0, 999, (0, 10, true)),
        (0, 1_000, (0, 10, true)),
        (0, 2_999, (0, 20, true)),
        (25, 3_000, (20, 50, true)),
        (75, 3_000, (70, 100, false)),
        (95, 1, (90, 100, false)),
    ] {
        let page = segments::after(&mut tx, PROJECT, FEED, position, limit, None).await.expect("page");
        assert_eq!(range(&page), expected, "after {position} within {limit} bytes");
        assert!(page.segments.iter().all(|(_, body)| body.is_some()));
    }
}

async fn own_segments_come_without_a_body(place: &Place) {
    let store = place.store().await;
    let mut tx = store.begin().await.expect("begin");
    let all = fill(&mut tx).await;
    let own = Own { device: DEVICE, incarnation: INCARNATION, unused: Vec::new() };
    let page = segments::after(&mut tx, PROJECT, FEED, 0, 2_000, Some(&own)).await.expect("page");
    // Own segments cost nothing: two bodies of others, and what lies before the third.
    assert_eq!(range(&page), (0, 60, true));
    for ((head, body), (_, expected)) in page.segments.iter().zip(&all) {
        assert_eq!(body.as_ref(), head.source.is_none().then_some(expected));
    }
    let strangers = [
        Own { device: DeviceId([9; 10]), ..own.clone() },
        Own { incarnation: Incarnation([9; 4]), ..own.clone() },
    ];
    for stranger in &strangers {
        let page = segments::after(&mut tx, PROJECT, FEED, 0, u64::MAX, Some(stranger)).await.expect("page");
        assert!(page.segments.iter().all(|(_, body)| body.is_some()));
    }
    // What another copy of the device wrote under numbers that this one does not stand by comes whole.
    let number = |head: &SegmentHead| head.source.map(|source| source.frame);
    let first = all.iter().find_map(|(head, _)| number(head)).expect("one is its own");
    let copy = Own { unused: vec![(first, first)], ..own };
    let page = segments::after(&mut tx, PROJECT, FEED, 0, u64::MAX, Some(&copy)).await.expect("page");
    for ((head, body), (_, expected)) in page.segments.iter().zip(&all) {
        let comes = number(head).is_none_or(|number| number == first);
        assert_eq!(body.as_ref(), comes.then_some(expected));
    }
}

async fn a_position_finds_its_segment(place: &Place) {
    let store = place.store().await;
    let mut tx = store.begin().await.expect("begin");
    let all = fill(&mut tx).await;
    for position in [1, 10, 11, 95, 100] {
        let found =
            segments::find_at(&mut tx, PROJECT, FEED, position).await.expect("find").expect("a segment");
        let index = usize::try_from((position - 1) / 10).expect("small");
        assert_eq!(found, all[index].0);
    }
    for position in [0, 101] {
        assert_eq!(segments::find_at(&mut tx, PROJECT, FEED, position).await.expect("find"), None);
    }
}

async fn positions_are_taken_once(place: &Place) {
    let store = place.store().await;
    let mut tx = store.begin().await.expect("begin");
    fill(&mut tx).await;
    let again = segments::append(&mut tx, PROJECT, &segment(FEED, 5, 10), b"").await;
    assert!(matches!(again, Err(StoreError::Duplicate)));
    assert_eq!(FEED.area, AREA);
}

async fn a_stretch_is_read_whole(place: &Place) {
    let store = place.store().await;
    let mut tx = store.begin().await.expect("begin");
    let all = fill(&mut tx).await;
    let read = segments::between(&mut tx, PROJECT, FEED, 20, 50).await.expect("a stretch");
    assert_eq!(read, all[2..5]);
    assert_eq!(segments::between(&mut tx, PROJECT, FEED, 20, 29).await.expect("a stretch"), []);
}

/// Replaces segments by one with the same positions, as compaction does.
async fn replace(tx: &mut Tx, old: &[SegmentHead], body: &[u8]) -> bool {
    let removed = segments::remove(tx, PROJECT, old).await.expect("remove");
    if removed {
        let head = joined(old);
        segments::append(tx, PROJECT, &head, body).await.expect("append");
    }
    removed
}

fn joined(old: &[SegmentHead]) -> SegmentHead {
    let (first, last) = (old.first().expect("a first"), old.last().expect("a last"));
    SegmentHead { source: None, ..segment(FEED, first.from, last.to) }
}

fn heads(all: &[(SegmentHead, Vec<u8>)]) -> Vec<SegmentHead> {
    all.iter().map(|(head, _)| head.clone()).collect()
}

async fn several_become_one(place: &Place) {
    let store = place.store().await;
    let mut tx = store.begin().await.expect("begin");
    let all = fill(&mut tx).await;
    assert!(replace(&mut tx, &heads(&all[3..6]), b"one").await);
    let page = segments::after(&mut tx, PROJECT, FEED, 0, u64::MAX, None).await.expect("page");
    let tos: Vec<u64> = page.segments.iter().map(|(head, _)| head.to).collect();
    assert_eq!(tos, [10, 20, 30, 60, 70, 80, 90, 100]);
    let (head, body) = &page.segments[3];
    assert_eq!(
        (head.from, head.count, head.source, body.as_deref()),
        (30, 30, None, Some(b"one".as_slice()))
    );
    let totals = segments::totals(&mut tx, PROJECT).await.expect("totals");
    assert_eq!((totals.segments, totals.bytes), (9, 7 * 1_000 + 3 + 12), "those of the other feed included");
    // A cursor inside finds the segment that its next position stands in.
    let page = segments::after(&mut tx, PROJECT, FEED, 45, 0, None).await.expect("page");
    assert_eq!(range(&page), (30, 60, true));
}

async fn what_is_not_there_as_it_was_read_is_left_alone(place: &Place) {
    let store = place.store().await;
    let mut tx = store.begin().await.expect("begin");
    let all = heads(&fill(&mut tx).await);
    assert!(replace(&mut tx, &all[3..6], b"one").await);
    let before = segments::heads_after(&mut tx, PROJECT, FEED, 0, 100).await.expect("heads");
    for (first, last) in [(3, 6), (3, 4), (5, 7), (5, 6), (0, 4), (4, 5)] {
        assert!(!replace(&mut tx, &all[first..last], b"never").await, "{first}..{last}");
    }
    let mut other = before[4].clone();
    other.raw_bytes += 1;
    assert!(!replace(&mut tx, &[before[3].clone(), other], b"never").await, "another body");
    assert!(!replace(&mut tx, &[before[0].clone(), before[2].clone()], b"never").await, "a gap");
    assert!(!replace(&mut tx, &[], b"never").await);
    assert_eq!(segments::heads_after(&mut tx, PROJECT, FEED, 0, 100).await.expect("heads"), before);
}

async fn of_two_that_replace_the_same_one_does(place: &Place) {
    let store = place.store().await;
    let all =
        heads(&store.write(async |mut tx| Ok::<_, StoreError>(fill(&mut tx).await)).await.expect("filled"));
    let attempts = [(0, 4), (0, 4), (2, 6), (3, 8), (5, 10)].map(|(first, last)| {
        let (store, old) = (store.clone(), all[first..last].to_vec());
        tokio::spawn(async move {
            let won =
                store.write(async |mut tx| Ok::<_, StoreError>(replace(&mut tx, &old, b"one").await)).await;
            won.expect("a transaction")
        })
    });
    let mut won = 0;
    for attempt in attempts {
        won += u64::from(attempt.await.expect("it ends"));
    }
    assert!(won >= 1);
    let mut tx = store.read().await.expect("read");
    let page = segments::after(&mut tx, PROJECT, FEED, 0, u64::MAX, None).await.expect("page");
    let mut at = 0;
    for (head, _) in &page.segments {
        assert_eq!(head.from, at, "no position is lost or doubled");
        at = head.to;
    }
    assert_eq!(at, 100);
}
