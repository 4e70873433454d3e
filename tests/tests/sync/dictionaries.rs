//! Dictionaries: what is packed with one is stored as it came, and can be read by whoever reads the feed.

use fieldmerge_engine::{Edit, Table};
use fieldmerge_protocol::bundle::{Compression, Frame, FrameHeader};
use fieldmerge_protocol::sync::FrameStatus;
use fieldmerge_server::dictionary;
use fieldmerge_store::{dictionaries, segments};
use fieldmerge_tests::synthetic::People;

use crate::place::{Draft, Place, WRITES, on_both};

on_both!(
    small_frames_are_packed_with_the_dictionary_and_read_by_others,
    a_frame_whose_dictionary_is_unknown_is_packed_again,
);

/// The dictionaries of the stored segments of workers, in order.
async fn stored(place: &Place) -> Vec<u32> {
    let mut tx = place.site.app.store().read().await.expect("read");
    let heads =
        segments::heads_after(&mut tx, place.site.project, place.core(), 0, 100).await.expect("heads");
    tx.rollback().await.expect("rollback");
    heads.iter().map(|head| head.dictionary).collect()
}

async fn small_frames_are_packed_with_the_dictionary_and_read_by_others(place: &Place) {
    let (number, bytes) = dictionary::built_in();
    let mut a = place.site.phone("A", 1, &WRITES).await;
    let mut link = place.site.link();
    let mut people = People::new(3);
    for _ in 0..2 {
        let mut values = people.worker();
        values.retain(|(path, _)| path.as_str() != "worker_number");
        let (record_type, area) = ("worker".to_owned(), place.area());
        let edit = Edit::Create { record: None, record_type, area, subject: None, person: 0, values };
        a.save(vec![edit]).expect("it lives").expect("it is saved");
        let report = a.sync(&mut link).await.expect("it syncs");
        assert_eq!((report.accepted, report.requests), (1, 1), "{report:?}");
    }
    assert_eq!(stored(place).await, [0, *number], "the first sync brought the dictionary");
    assert_eq!(a.shelf().table(Table::Dictionaries).count(), 1);
    let mut tx = place.site.app.store().read().await.expect("read");
    let kept = dictionaries::find(&mut tx, place.site.project, *number).await.expect("find");
    tx.rollback().await.expect("rollback");
    assert_eq!(kept.as_deref(), Some(&**bytes), "what was stored can be read without this program");

    let mut b = place.site.phone("B", 2, &WRITES).await;
    let report = b.sync(&mut link).await.expect("it syncs");
    assert_eq!((report.received, report.problems.len()), (2, 0), "{report:?}");
    assert_eq!(b.shelf().table(Table::Dictionaries).count(), 1);
    // The census replays every stored frame.
    assert_eq!(place.census().await.holdings.len(), 2);
}

async fn a_frame_whose_dictionary_is_unknown_is_packed_again(place: &Place) {
    let mut author = place.author(1).await;
    let (draft, change) = Draft::worker(&author, place.area(), 1, "Rabe");
    let frame = author.frame(place.core(), &[(draft.id, change)]);
    let parsed = Frame::parse(&frame).expect("our own frame parses");
    let header = FrameHeader { dictionary: 5, compression: Compression::Zstd, ..parsed.header };
    let unread = author.forge(&header, parsed.body);
    let told = author.push(&place.post(), &[unread]).await;
    let (_, receipt) = told.receipts.first().expect("a receipt");
    assert_eq!(
        (receipt.status, receipt.code.as_deref()),
        (FrameStatus::Unresolved, Some("unknown-dictionary"))
    );
    assert_eq!(place.census().await.holdings.len(), 0);
    // It left no trace: the number is free for the same changes, packed without.
    let told = author.push(&place.post(), &[frame]).await;
    let (_, receipt) = told.receipts.first().expect("a receipt");
    assert_eq!((receipt.status, receipt.exceptions.len()), (FrameStatus::Accepted, 0));
    assert_eq!(place.census().await.holdings.len(), 1);
}
