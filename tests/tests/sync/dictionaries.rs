//! Dictionaries: what is packed with one is stored as it came, and can be read by whoever reads the feed.

use std::sync::Arc;

use fieldmerge_engine::{Edit, SyncEnd, Table};
use fieldmerge_protocol::bundle::{Compression, Frame, FrameHeader, compress};
use fieldmerge_protocol::limits::MAX_FRAME_RAW_BYTES;
use fieldmerge_protocol::sync::{Dictionary, Feed, FrameStatus};
use fieldmerge_server::dictionary::Trained;
use fieldmerge_server::forms::Forms;
use fieldmerge_server::forms::publish::publish;
use fieldmerge_server::verify::verify;
use fieldmerge_store::{dictionaries, segments};
use fieldmerge_tests::synthetic::People;
use fieldmerge_tests::world::phone::Phone;
use fieldmerge_tests::world::raw::Author;
use fieldmerge_tests::world::site::{PROJECT, START_MS};
use fieldmerge_tests::world::visits;

use crate::place::{Draft, Place, WRITES, on_both};

on_both!(
    small_frames_are_packed_with_the_dictionary_and_read_by_others,
    what_was_packed_before_the_forms_changed_is_read,
    a_frame_whose_dictionary_is_unknown_is_packed_again,
    a_feed_whose_dictionary_is_gone_is_left_out_and_the_others_go_on,
);

/// The dictionaries of the stored segments of workers, in order.
async fn stored(place: &Place) -> Vec<u32> {
    let mut tx = place.site.app.store().read().await.expect("read");
    let heads =
        segments::heads_after(&mut tx, place.site.project, place.core(), 0, 100).await.expect("heads");
    tx.rollback().await.expect("rollback");
    heads.iter().map(|head| head.dictionary).collect()
}

/// The dictionary that phones are to pack with.
async fn current(place: &Place) -> Arc<Trained> {
    let app = &place.site.app;
    let mut tx = app.store().read().await.expect("read");
    let forms = Forms::load(&mut tx, place.site.project).await.expect("forms");
    tx.rollback().await.expect("rollback");
    app.dictionaries().current(&forms).expect("the forms are many enough")
}

fn register(phone: &mut Phone, place: &Place, people: &mut People) {
    let mut values = people.worker();
    values.retain(|(path, _)| path.as_str() != "worker_number");
    let (record_type, area) = ("worker".to_owned(), place.area());
    let edit = Edit::Create { record: None, record_type, area, subject: None, person: 0, values };
    phone.save(vec![edit]).expect("it lives").expect("it is saved");
}

async fn small_frames_are_packed_with_the_dictionary_and_read_by_others(place: &Place) {
    let trained = current(place).await;
    let (number, bytes) = (trained.number, &trained.bytes);
    let mut a = place.site.phone("A", 1, &WRITES).await;
    let mut link = place.site.link();
    let mut people = People::new(3);
    for _ in 0..2 {
        register(&mut a, place, &mut people);
        let report = a.sync(&mut link).await.expect("it syncs");
        assert_eq!((report.accepted, report.requests), (1, 1), "{report:?}");
    }
    assert_eq!(stored(place).await, [0, number], "the first sync brought the dictionary");
    assert_eq!(a.shelf().table(Table::Dictionaries).count(), 1);
    let mut tx = place.site.app.store().read().await.expect("read");
    let kept = dictionaries::find(&mut tx, place.site.project, number).await.expect("find");
    tx.rollback().await.expect("rollback");
    assert_eq!(kept.as_deref(), Some(&**bytes), "what was stored can be read without this program");

    let mut b = place.site.phone("B", 2, &WRITES).await;
    let report = b.sync(&mut link).await.expect("it syncs");
    assert_eq!((report.received, report.problems.len()), (2, 0), "{report:?}");
    assert_eq!(b.shelf().table(Table::Dictionaries).count(), 1);
    // The census replays every stored frame.
    assert_eq!(place.census().await.holdings.len(), 2);
}

async fn what_was_packed_before_the_forms_changed_is_read(place: &Place) {
    let (before, mut link) = (current(place).await, place.site.link());
    let mut a = place.site.phone("A", 1, &WRITES).await;
    a.sync(&mut link).await.expect("it syncs");
    // The first version brings a record type; the second asks more, and changes nothing.
    for version in 1..=2 {
        publish(&place.site.app, PROJECT, &visits::draft(&visits::version(version)))
            .await
            .expect("published");
    }
    let after = current(place).await;
    assert_ne!(before.number, after.number);
    let site = place.site.reopen(&place.database, START_MS, 9).await;
    let mut people = People::new(3);
    for _ in 0..2 {
        register(&mut a, place, &mut people);
        let report = a.sync(&mut site.link()).await.expect("it syncs");
        assert_eq!((report.accepted, report.requests), (1, 1), "nothing is sent twice: {report:?}");
    }
    assert_eq!(stored(place).await, [before.number, after.number]);
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

async fn a_feed_whose_dictionary_is_gone_is_left_out_and_the_others_go_on(place: &Place) {
    let grants = ["S1:enumerator", "S2:enumerator"];
    let dictionary = b"a dictionary of an earlier form: worker family_name Rabe given_names".repeat(3);
    let number = Dictionary::number(&dictionary);
    let mut tx = place.site.app.store().begin().await.expect("begin");
    dictionaries::keep(&mut tx, place.site.project, number, &dictionary).await.expect("keep");
    tx.commit().await.expect("commit");
    let mut author = Author::enrolled(&place.site, "author", 1, &grants).await;
    let other = Feed { area: place.site.areas[1], ..place.core() };
    let mut frames = Vec::new();
    for (number, feed) in [(1, place.core()), (2, other), (3, place.core()), (4, other)] {
        let (draft, change) = Draft::worker(&author, feed.area, number, "Rabe");
        frames.push(author.frame(feed, &[(draft.id, change)]));
    }
    let first = Frame::parse(&frames[0]).expect("our own frame parses");
    let raw = first.inflate(&[], MAX_FRAME_RAW_BYTES).expect("it inflates");
    let (compression, body) = compress(&raw, 19, &dictionary).expect("it compresses");
    let header = FrameHeader { dictionary: number, compression, ..first.header };
    frames[0] = author.forge(&header, &body);
    let told = author.push(&place.post(), &frames).await;
    assert!(told.receipts.iter().all(|(_, receipt)| receipt.status == FrameStatus::Accepted), "{told:?}");
    assert_eq!(stored(place).await, [number, 0], "it stands as it came");

    place.database.tamper("DELETE FROM dictionaries").await;
    // Another process, which has nothing of it in memory.
    let site = place.site.reopen(&place.database, START_MS, 9).await;
    let mut b = site.phone("B", 2, &grants).await;
    let cursor = |phone: &Phone, feed| {
        phone.engine().status().cursors.iter().find(|(known, _)| *known == feed).map(|(_, at)| *at)
    };
    for received in [2, 0] {
        let report = b.sync(&mut site.link()).await.expect("it syncs");
        assert_eq!((&report.end, report.received), (&SyncEnd::Complete, received), "{report:?}");
        assert!(report.problems.is_empty(), "{report:?}");
        assert_eq!((cursor(&b, place.core()), cursor(&b, other)), (None, Some(2)));
    }
    assert!(site.app.metrics().to_text().contains("fieldmerge_sync_feeds_left_out_total 2"));
    let report = verify(&site.app, Some(PROJECT)).await.expect("the store answers");
    let told = report.projects[0].differences.join(" ");
    assert!(told.contains(&format!("needs dictionary {number}")), "{told}");

    let mut tx = site.app.store().begin().await.expect("begin");
    dictionaries::keep(&mut tx, site.project, number, &dictionary).await.expect("keep");
    tx.commit().await.expect("commit");
    let report = b.sync(&mut site.link()).await.expect("it syncs");
    assert_eq!((report.received, report.problems.len()), (2, 0), "{report:?}");
    assert_eq!(cursor(&b, place.core()), Some(2));
}
