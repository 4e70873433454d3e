//! Frames that are not what they should be, each beside a neighbour that is: the neighbour is taken.

use std::collections::BTreeMap;
use std::time::Duration;

use fieldmerge_protocol::bundle::{Compression, Frame, FrameHeader};
use fieldmerge_protocol::limits::MAX_FRAME_RAW_BYTES;
use fieldmerge_protocol::sync::{FrameReceipt, FrameRef, FrameStatus, Hello, short_digest};
use fieldmerge_protocol::{Incarnation, ProjectId, Value};
use fieldmerge_store::devices;
use fieldmerge_tests::world::raw::{Author, Told};

use crate::place::{Draft, Place, on_both};

on_both!(
    a_frame_that_is_not_its_authors_is_set_aside,
    a_frame_that_does_not_open_is_set_aside,
    a_number_that_stands_for_another_frame_is_forked,
    the_same_request_again_changes_nothing,
    a_request_that_was_taken_before_waits_for_nobody_who_writes,
    a_copy_of_a_device_is_told_so,
    a_number_that_no_database_can_hold_is_set_aside,
);

/// So long a test waits for what has to come.
const PATIENCE: Duration = Duration::from_secs(20);

/// A frame with one new worker.
fn good(author: &mut Author, place: &Place, number: u8) -> Vec<u8> {
    let (draft, change) = Draft::worker(author, place.area(), number, "Rabe");
    author.frame(place.core(), &[(draft.id, change)])
}

/// Sends a frame beside a good one of another author, who carries it; the good one is taken.
async fn beside_a_neighbour(place: &Place, neighbour: &mut Author, number: u8, frame: Vec<u8>) -> Told {
    let mine = good(neighbour, place, number);
    let told = neighbour.push(&place.post(), &[frame, mine]).await;
    let (_, last) = told.receipts.iter().find(|(device, _)| *device == neighbour.device).expect("a receipt");
    assert_eq!((last.status, last.exceptions.len()), (FrameStatus::Accepted, 0), "the neighbour is unharmed");
    told
}

fn of<'a>(told: &'a Told, author: &Author) -> Option<(FrameStatus, Option<&'a str>)> {
    let found = told.receipts.iter().find(|(device, _)| *device == author.device);
    found.map(|(_, receipt)| (receipt.status, receipt.code.as_deref()))
}

fn header_of(frame: &[u8]) -> (FrameHeader, Vec<u8>) {
    let frame = Frame::parse(frame).expect("our own frame parses");
    (frame.header, frame.body.to_vec())
}

async fn a_frame_that_is_not_its_authors_is_set_aside(place: &Place) {
    let (mut author, mut neighbour) = (place.author(1).await, place.author(2).await);
    let whole = good(&mut author, place, 1);
    let (header, body) = header_of(&whole);
    let mut flipped = whole.clone();
    *flipped.last_mut().expect("a frame has bytes") ^= 1;
    let told = beside_a_neighbour(place, &mut neighbour, 101, flipped).await;
    assert_eq!(of(&told, &author), Some((FrameStatus::Quarantined, Some("bad-signature"))));

    let forged = neighbour.clone().forge(&header, &body);
    let told = beside_a_neighbour(place, &mut neighbour, 102, forged).await;
    assert_eq!(of(&told, &author), Some((FrameStatus::Quarantined, Some("bad-signature"))));

    let mut stranger = author.clone();
    stranger.device.0 = [77; 10];
    let frame = good(&mut stranger, place, 2);
    let told = beside_a_neighbour(place, &mut neighbour, 103, frame).await;
    assert_eq!(of(&told, &stranger), Some((FrameStatus::Quarantined, Some("unknown-device"))));

    let mut elsewhere = author.clone();
    elsewhere.project = ProjectId([7; 16]);
    let frame = good(&mut elsewhere, place, 3);
    let told = beside_a_neighbour(place, &mut neighbour, 104, frame).await;
    assert_eq!(of(&told, &author), Some((FrameStatus::Quarantined, Some("wrong-project"))));

    // None of these spent the number: the frame itself, carried, is taken.
    let told = beside_a_neighbour(place, &mut neighbour, 105, whole).await;
    assert_eq!(of(&told, &author), Some((FrameStatus::Accepted, None)));
    assert_eq!(place.census().await.holdings.len(), 6);
}

/// A zstd frame of this many zeros, a few kilobytes long.
fn zip_bomb(zeros: usize) -> Vec<u8> {
    zstd::bulk::compress(&vec![0; zeros], 3).expect("zeros compress")
}

async fn a_frame_that_does_not_open_is_set_aside(place: &Place) {
    let (mut author, mut neighbour) = (place.author(1).await, place.author(2).await);
    let (header, body) = header_of(&good(&mut author.clone(), place, 1));
    let zipped = |raw_len: usize| FrameHeader {
        compression: Compression::Zstd,
        raw_len: u32::try_from(raw_len).expect("small"),
        ..header
    };
    let forged: Vec<(&str, FrameHeader, Vec<u8>)> = vec![
        ("malformed-frame", header, b"no body at all".to_vec()),
        ("malformed-frame", header, body[..body.len() - 1].to_vec()),
        ("malformed-frame", FrameHeader { count: header.count + 1, ..header }, body.clone()),
        ("malformed-frame", FrameHeader { raw_len: header.raw_len - 1, ..header }, body.clone()),
        ("malformed-frame", zipped(MAX_FRAME_RAW_BYTES), zip_bomb(256 << 20)),
        ("malformed-frame", zipped(MAX_FRAME_RAW_BYTES), zip_bomb(MAX_FRAME_RAW_BYTES)),
        ("malformed-frame", zipped(MAX_FRAME_RAW_BYTES * 2), zip_bomb(MAX_FRAME_RAW_BYTES * 2)),
        ("digest-mismatch", FrameHeader { changes_digest: [1; 32], ..header }, body.clone()),
    ];
    for (place_number, (code, mut header, body)) in (110..).zip(forged) {
        author.packed += 1;
        header.origin.number = author.packed;
        let frame = author.forge(&header, &body);
        let told = beside_a_neighbour(place, &mut neighbour, place_number, frame.clone()).await;
        assert_eq!(of(&told, &author), Some((FrameStatus::Quarantined, Some(code))), "{header:?}");
        // It was its author's, so the number is spent, and the answer stays the same.
        let again = beside_a_neighbour(place, &mut neighbour, place_number + 50, frame).await;
        assert_eq!(of(&again, &author), of(&told, &author), "{header:?}");
    }
    let told = beside_a_neighbour(place, &mut neighbour, 1, vec![0xff; 500]).await;
    assert_eq!(told.receipts.len(), 1, "nobody gets a receipt for bytes that name nobody");
    let census = place.census().await;
    assert_eq!(census.holdings.len(), 17, "only the neighbours' records are there");
    let mut codes: BTreeMap<&str, usize> = BTreeMap::new();
    for code in &census.quarantined {
        *codes.entry(code).or_default() += 1;
    }
    assert_eq!(codes, BTreeMap::from([("malformed-frame", 8), ("digest-mismatch", 1)]), "each is kept once");
}

async fn a_number_that_stands_for_another_frame_is_forked(place: &Place) {
    let mut author = place.author(1).await;
    let first = good(&mut author, place, 1);
    let post = place.post();
    let told = author.push(&post, std::slice::from_ref(&first)).await;
    assert_eq!(told.receipt().status, FrameStatus::Accepted);
    let (draft, change) = Draft::worker(&author, place.area(), 2, "Rasoa");
    let second = author.frame_numbered(1, place.core(), &[(draft.id, change)]);
    let forked = author.push(&post, std::slice::from_ref(&second)).await;
    assert_eq!(
        (forked.receipt().status, forked.receipt().code.as_deref()),
        (FrameStatus::Forked, Some("forked"))
    );
    // The first one still has its receipt, and both in one request are told apart.
    assert_eq!(author.push(&post, std::slice::from_ref(&first)).await.receipt(), told.receipt());
    let both = author.push(&post, &[second, first]).await;
    let statuses: Vec<FrameStatus> = both.receipts.iter().map(|(_, receipt)| receipt.status).collect();
    assert_eq!(statuses, [FrameStatus::Forked, FrameStatus::Accepted]);
    let census = place.census().await;
    assert_eq!((census.holdings.len(), census.quarantined), (1, vec!["forked".to_owned()]));
}

async fn the_same_request_again_changes_nothing(place: &Place) {
    let mut author = place.author(1).await;
    let (mut draft, first) = Draft::worker(&author, place.area(), 1, "Rabe");
    let second = draft.edit(&author, "family_name", Value::str("Rabé"));
    let late = draft.edit(&author, "given_names", Value::str("Hery"));
    let frames = [
        author.frame(place.core(), &[(draft.id, first), (draft.id, second)]),
        author.frame(place.core(), &[(draft.id, late)]),
    ];
    let post = place.post();
    let told = author.push(&post, &frames).await;
    let before = place.census().await;
    for _ in 0..3 {
        assert_eq!(author.push(&post, &frames).await.receipts, told.receipts);
    }
    // A frame that stands twice in one request has the same receipt, however often that is told.
    let doubled = [frames[0].clone(), frames[0].clone(), frames[1].clone()];
    let mut receipts = author.push(&post, &doubled).await.receipts;
    receipts.dedup();
    assert_eq!(receipts, told.receipts);
    // Asked about, they stand as they were told.
    assert_eq!(author.ask(&post, &[1, 2]).await.receipts, told.receipts);
    place.census().await.assert_same_as(&before);
}

async fn a_request_that_was_taken_before_waits_for_nobody_who_writes(place: &Place) {
    let mut author = place.author(1).await;
    let (post, frames) = (place.post(), [good(&mut author, place, 1), good(&mut author, place, 2)]);
    let told = author.push(&post, &frames).await;
    let mut writing = place.site.app.store().begin().await.expect("a transaction begins");
    devices::lock(&mut writing, place.site.project, &[author.device]).await.expect("the author is locked");
    let again = tokio::time::timeout(PATIENCE, author.push(&post, &frames));
    assert_eq!(again.await.expect("it is answered meanwhile").receipts, told.receipts);
    writing.rollback().await.expect("the transaction ends");
}

async fn a_copy_of_a_device_is_told_so(place: &Place) {
    let mut author = place.author(1).await;
    let mut copy = author.clone();
    let post = place.post();
    let frames = [good(&mut author, place, 1), good(&mut author, place, 2)];
    author.push(&post, &frames).await;
    let frame = good(&mut copy, place, 3);
    let told = copy.push(&post, &[frame]).await;
    assert!(told.welcome.stale, "the server knows frame 2 of this incarnation, the copy has packed only 1");
    assert_eq!((told.welcome.committed, told.receipts.len()), (2, 0), "nothing of it was taken");
    copy.incarnation = Incarnation([99; 4]);
    copy.packed = 0;
    let frame = good(&mut copy, place, 3);
    let expected = accepted(&copy, 1, &frame);
    let told = copy.push(&post, &[frame]).await;
    assert_eq!(told.receipt(), &expected);
    let hello = Hello { packed: 0, ..author.hello() };
    assert!(author.say(&post, &hello, &[]).await.expect("well formed").welcome.stale);
    assert_eq!(place.census().await.holdings.len(), 3);
}

async fn a_number_that_no_database_can_hold_is_set_aside(place: &Place) {
    let (mut author, mut neighbour) = (place.author(1).await, place.author(2).await);
    let whole = good(&mut author, place, 1);
    let (mut header, body) = header_of(&whole);
    for (number, beside) in [(u64::MAX, 101), (1 << 63, 102), (0, 103)] {
        header.origin.number = number;
        let frame = author.forge(&header, &body);
        let told = beside_a_neighbour(place, &mut neighbour, beside, frame).await;
        assert_eq!(of(&told, &author), None, "a frame that does not parse names nobody");
    }
    header.origin.number = i64::MAX.unsigned_abs();
    let told = beside_a_neighbour(place, &mut neighbour, 104, author.forge(&header, &body)).await;
    assert_eq!(of(&told, &author), Some((FrameStatus::Accepted, None)));
}

fn accepted(author: &Author, number: u64, frame: &[u8]) -> FrameReceipt {
    let digest = short_digest(&header_of(frame).0.changes_digest);
    let frame = FrameRef { incarnation: author.incarnation, number };
    FrameReceipt { frame, status: FrameStatus::Accepted, exceptions: Vec::new(), code: None, digest }
}
