//! Segments: appended, paged by bytes, own ones without their bodies.

use fieldmerge_protocol::sync::Feed;
use fieldmerge_protocol::{DeviceId, Incarnation};
use fieldmerge_store::segments::{self, SegmentHead, SegmentPage};
use fieldmerge_store::{StoreError, Tx};

use crate::place::{AREA, DEVICE, FEED, INCARNATION, PROJECT, Place, on_both, segment};

on_both!(
    segments_come_back_in_order,
    a_page_keeps_to_its_bytes,
    own_segments_come_without_a_body,
    a_position_finds_its_segment,
    positions_are_taken_once,
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
    let page =
        segments::after(&mut tx, PROJECT, FEED, 0, 2_000, Some((DEVICE, INCARNATION))).await.expect("page");
    // Own segments cost nothing: two bodies of others, and what lies before the third.
    assert_eq!(range(&page), (0, 60, true));
    for ((head, body), (_, expected)) in page.segments.iter().zip(&all) {
        assert_eq!(body.as_ref(), head.source.is_none().then_some(expected));
    }
    for stranger in [(DeviceId([9; 10]), INCARNATION), (DEVICE, Incarnation([9; 4]))] {
        let page = segments::after(&mut tx, PROJECT, FEED, 0, u64::MAX, Some(stranger)).await.expect("page");
        assert!(page.segments.iter().all(|(_, body)| body.is_some()));
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
