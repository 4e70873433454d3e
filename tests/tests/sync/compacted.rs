//! Compaction under a server that is used: what is read stays the same, whoever reads from wherever.

use std::time::Duration;

use fieldmerge_engine::SyncEnd;
use fieldmerge_protocol::bundle::decode_body;
use fieldmerge_protocol::bundle::{Compression, inflate};
use fieldmerge_protocol::sync::{Cursor, FeedFrame, Hello};
use fieldmerge_protocol::{Change, Incarnation, LifeId, RecordId, Value};
use fieldmerge_server::compact::{self, Compacted};
use fieldmerge_server::sync::pull::Pull;
use fieldmerge_server::verify::verify;
use fieldmerge_server::{App, Config, Ids, Metrics};
use fieldmerge_store::StoreError;
use fieldmerge_store::segments::{self, SegmentHead};
use fieldmerge_tests::world::census::Census;
use fieldmerge_tests::world::link::Wire;
use fieldmerge_tests::world::phone::Phone;
use fieldmerge_tests::world::raw::{Author, Told};
use fieldmerge_tests::world::work::{Ledger, Work};
use tokio::sync::oneshot;

use crate::place::{Draft, Place, WRITES, on_both};

on_both!(
    many_small_segments_become_one_and_nothing_else_changes,
    behind_a_cursor_inside_a_segment_comes_what_lies_there,
    a_segment_of_one_writer_stays_its_own,
    pages_go_on_while_segments_are_replaced_beneath_them,
    an_answer_ends_where_it_began_or_in_the_life_that_it_tells,
    phones_work_while_segments_are_replaced,
    a_segment_that_cannot_be_read_stops_nothing,
    in_the_background_old_segments_are_compacted,
);

/// Edits of each author in [`fill`].
const EDITS: u8 = 30;
/// Changes that it pushes.
const CHANGES: u64 = EDITS as u64 + 4;

/// Two authors who push one change at a time, to records of both; gives the hashes in the order of their positions.
async fn fill(place: &Place) -> (Author, Author, Vec<(RecordId, Change)>) {
    let mut one = place.author(1).await;
    let mut other = place.author(2).await;
    let (feed, post) = (place.core(), place.post());
    let (mut draft, first) = Draft::worker(&one, place.area(), 7, "Rakoto");
    let (mut second, begun) = Draft::worker(&other, place.area(), 8, "Rabe");
    let mut all = vec![(draft.id, first), (second.id, begun)];
    let begun = all.clone();
    let frames = [one.frame(feed, &begun[..1]), other.frame(feed, &begun[1..])];
    one.push(&post, &frames[..1]).await;
    other.push(&post, &frames[1..]).await;
    for edit in 0..EDITS {
        let name = Value::str(format!("Name {edit}"));
        let author = if edit % 3 == 0 { &mut other } else { &mut one };
        let draft = if edit % 2 == 0 { &mut draft } else { &mut second };
        let change = (draft.id, draft.edit(author, "family_name", name));
        let frame = author.frame(feed, std::slice::from_ref(&change));
        author.push(&post, &[frame]).await;
        all.push(change);
    }
    // A record that begins behind all others, so that its changes depend on nothing before it.
    let (mut last, first) = Draft::worker(&one, place.area(), 9, "Rasoa");
    let edit = last.edit(&one, "family_name", Value::str("Rasoanaivo"));
    for change in [(last.id, first), (last.id, edit)] {
        let frame = one.frame(feed, std::slice::from_ref(&change));
        one.push(&post, &[frame]).await;
        all.push(change);
    }
    assert_eq!(all.len() as u64, CHANGES);
    (one, other, all)
}

async fn compact(place: &Place) -> Compacted {
    let done = compact::now(&place.site.app, None).await.expect("the database answers");
    let [done] = <[Compacted; 1]>::try_from(done).expect("one project");
    done
}

async fn heads(place: &Place) -> Vec<SegmentHead> {
    let mut tx = place.site.app.store().read().await.expect("a snapshot");
    segments::heads_after(&mut tx, place.site.project, place.core(), 0, 1_000).await.expect("heads")
}

/// An answer's pull of the feed of workers, from its beginning to an end.
fn pull_to(place: &Place, end: u64, life: Option<LifeId>) -> Pull {
    Pull {
        project: place.site.project,
        feeds: vec![(Cursor { feed: place.core(), position: 0 }, end)],
        budget_bytes: u64::MAX,
        own: None,
        life,
    }
}

/// What an author is sent that stands at a position, under its own or another incarnation.
async fn pull(place: &Place, author: &Author, position: u64, incarnation: Incarnation) -> Told {
    let first = author.push(&place.post(), &[]).await;
    let cursors = vec![Cursor { feed: place.core(), position }];
    let hello = Hello { log: Some(first.welcome.log), cursors, incarnation, packed: 1_000, ..author.hello() };
    author.say(&place.post(), &hello, &[]).await.expect("the request is well formed")
}

/// The records and numbers of the changes in a frame.
fn changes(frame: &FeedFrame) -> Vec<(RecordId, u64)> {
    let body = frame.body.as_ref().expect("a body");
    let compression = Compression::from_number(body.compression).expect("known");
    let raw = inflate(&body.bytes, compression, &[], body.raw_bytes as usize, 1 << 22).expect("it inflates");
    let packed = decode_body(&raw).expect("it decodes");
    assert_eq!(packed.len() as u64, frame.to - frame.from);
    packed.iter().map(|packed| (packed.record, packed.change.seq)).collect()
}

async fn verified(place: &Place) -> Vec<String> {
    let report = verify(&place.site.app, None).await.expect("the database answers");
    report.projects.into_iter().flat_map(|project| project.differences).collect()
}

async fn many_small_segments_become_one_and_nothing_else_changes(place: &Place) {
    let (one, ..) = fill(place).await;
    let before = place.census().await;
    let mut reader = place.site.phone("reader", 9, &WRITES).await;
    let done = compact(place).await;
    assert_eq!((done.segments_before, done.segments_after), (CHANGES, 1));
    assert!(done.bytes_after < done.bytes_before / 3, "{done:?}");
    let after = place.census().await;
    after.assert_same_as(&before);
    assert_eq!(verified(place).await, Vec::<String>::new());
    let report = reader.sync(&mut Wire::to(place.listening.address)).await.expect("it does not die");
    assert_eq!((report.end, report.received), (SyncEnd::Complete, CHANGES));
    after.assert_same_on(&reader);
    assert_eq!(compact(place).await.segments_before, 1, "there is nothing more to do");
    // Frames that were taken before get the receipts that they got.
    let told = one.ask(&place.post(), &[1, 2]).await;
    assert_eq!(told.receipts.len(), 2);
}

async fn behind_a_cursor_inside_a_segment_comes_what_lies_there(place: &Place) {
    let (_, other, all) = fill(place).await;
    compact(place).await;
    let head = all.len() as u64;
    let whole = heads(place).await[0].body_bytes as usize;
    let named: Vec<(RecordId, u64)> = all.iter().map(|(record, change)| (*record, change.seq)).collect();
    for position in 0..head {
        let told = pull(place, &other, position, Incarnation([77; 4])).await;
        let [frame] = &told.feeds[..] else { panic!("one frame behind {position}: {:?}", told.feeds) };
        assert_eq!(frame.to, head);
        let bytes = frame.body.as_ref().expect("a body").bytes.len();
        assert!(
            bytes <= whole && (position + 1 < head || bytes < 150),
            "{bytes} of {whole} behind {position}"
        );
        // Where nearly everything lies behind the cursor the segment comes as it is stored.
        let from = if bytes == whole { 0 } else { position };
        assert!(frame.from == from && (from > 0 || position * 3 < head), "{} behind {position}", frame.from);
        let from = usize::try_from(from).expect("small");
        assert_eq!(changes(frame), named[from..], "behind {position}");
    }
    assert_eq!(pull(place, &other, head, Incarnation([77; 4])).await.feeds, []);
}

async fn a_segment_of_one_writer_stays_its_own(place: &Place) {
    let mut author = place.author(1).await;
    for number in 1..=5 {
        let (_, change) = Draft::worker(&author, place.area(), number, "Rakoto");
        let frame = author.frame(place.core(), &[(RecordId([number; 16]), change)]);
        author.push(&place.post(), &[frame]).await;
    }
    compact(place).await;
    let segments = heads(place).await;
    let source = segments[0].source.expect("all of one writer");
    assert_eq!((segments.len(), source.device, source.frame), (1, author.device, 5));
    for position in [0, 2, 4] {
        let own = pull(place, &author, position, author.incarnation).await.feeds;
        assert!(own.iter().all(|frame| frame.body.is_none() && frame.to == 5), "{own:?}");
        let of_a_copy = pull(place, &author, position, Incarnation([77; 4])).await.feeds;
        assert!(of_a_copy.iter().all(|frame| frame.body.is_some()));
    }
    let stranger = place.author(2).await;
    assert_eq!(changes(&pull(place, &stranger, 3, stranger.incarnation).await.feeds[0]).len(), 2);
    // Joined with somebody else's it is nobody's own.
    let mut stranger = stranger;
    let (_, change) = Draft::worker(&stranger, place.area(), 9, "Rabe");
    let frame = stranger.frame(place.core(), &[(RecordId([9; 16]), change)]);
    stranger.push(&place.post(), &[frame]).await;
    compact(place).await;
    assert_eq!(heads(place).await.iter().map(|head| head.source).collect::<Vec<_>>(), [None]);
    assert_eq!(changes(&pull(place, &author, 5, author.incarnation).await.feeds[0]).len(), 1);
    assert_eq!(verified(place).await, Vec::<String>::new());
}

/// Text that does not compress: so few changes fill pages.
fn noise(seed: u64, bytes: usize) -> String {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut text = String::with_capacity(bytes);
    while text.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        text.push(char::from(b'!' + (state % 90) as u8));
    }
    text
}

async fn pages_go_on_while_segments_are_replaced_beneath_them(place: &Place) {
    const FRAMES: u8 = 120;
    let mut author = place.author(1).await;
    for number in 1..=FRAMES {
        let values = [("family_name", Value::str(noise(number.into(), 12_000)))];
        let (draft, change) = Draft::of_type(&author, place.area(), number, "worker", &values);
        let frame = author.frame(place.core(), &[(draft.id, change)]);
        author.push(&place.post(), &[frame]).await;
    }
    let app = &place.site.app;
    let mut pull = pull_to(place, u64::MAX, None);
    let (mut at, mut pages, mut seen) = (0, 0, Vec::new());
    loop {
        let page = pull.next_page(app.store(), app.tails()).await.expect("a page");
        if page.is_empty() {
            break;
        }
        pages += 1;
        for frame in &page {
            assert!(frame.from <= at, "nothing is skipped");
            let known = usize::try_from(at - frame.from).expect("small");
            seen.extend_from_slice(&changes(frame)[known..]);
            at = frame.to;
        }
        let done = compact(place).await;
        assert!(pages > 1 || done.segments_after < done.segments_before / 2, "{done:?}");
    }
    assert!(pages > 2, "{pages} pages");
    let expected: Vec<_> = (1..=FRAMES).map(|number| (RecordId([number; 16]), 1)).collect();
    assert_eq!(seen, expected);
    let heads = heads(place).await;
    assert!(heads.iter().all(|head| head.body_bytes <= 256 << 10), "segments keep to their size: {heads:?}");
    assert!(heads.len() > 4, "what does not fit into one stays apart");
}

/// Phones are told the life of the log that was the latest when the feeds ended where they end in the answer.
async fn an_answer_ends_where_it_began_or_in_the_life_that_it_tells(place: &Place) {
    let mut author = place.author(1).await;
    let mut life = None;
    for number in 1..=4 {
        let (draft, change) = Draft::worker(&author, place.area(), number, "Rabe");
        let frame = author.frame(place.core(), &[(draft.id, change)]);
        life = author.push(&place.post(), &[frame]).await.welcome.life;
    }
    let read = async |end, life| {
        let mut pull = pull_to(place, end, life);
        let page = pull.next_page(place.site.app.store(), place.site.app.tails()).await.expect("a page");
        assert!(!pull.has_more());
        page.last().map(|frame| frame.to)
    };
    assert_eq!((read(3, life).await, read(9, life).await), (Some(3), Some(4)));
    compact(place).await;
    let earlier = Some(LifeId([7; 8]));
    assert_eq!((read(3, life).await, read(3, earlier).await), (Some(4), None), "joined with what came later");
    assert_eq!(read(4, earlier).await, Some(4));
}

async fn phones_work_while_segments_are_replaced(place: &Place) {
    let areas = &place.site.areas[..1];
    let mut phones: Vec<(Phone, Work)> = Vec::new();
    for seed in 1..=3 {
        let phone = place.site.phone(&format!("phone {seed}"), seed, &WRITES).await;
        phones.push((phone, Work::new(seed, i64::try_from(seed).expect("small") * 1_000, areas)));
    }
    let (stop, mut stopped) = oneshot::channel::<()>();
    let app = place.site.app.clone();
    let compacting = tokio::spawn(async move {
        let mut rounds = 0;
        while stopped.try_recv() == Err(oneshot::error::TryRecvError::Empty) {
            // Two at a time: a second process may be at work.
            let (one, other) = tokio::join!(compact::now(&app, None), compact::now(&app, None));
            one.expect("the database answers");
            other.expect("the database answers");
            rounds += 1;
            tokio::task::yield_now().await;
        }
        rounds
    });
    let address = place.listening.address;
    let working: Vec<_> = phones
        .into_iter()
        .map(|(mut phone, mut work)| {
            tokio::spawn(async move {
                let mut ledger = Ledger::default();
                for _ in 0..25 {
                    work.save(&mut phone, &mut ledger).expect("these phones do not die");
                    let report = phone.sync(&mut Wire::to(address)).await.expect("these phones do not die");
                    assert_eq!((report.end, report.problems.len()), (SyncEnd::Complete, 0));
                }
                ledger.note_synced(&phone);
                (phone, ledger)
            })
        })
        .collect();
    let mut back = Vec::new();
    for phone in working {
        back.push(phone.await.expect("a phone works to its end"));
    }
    drop(stop);
    assert!(compacting.await.expect("compaction does not fail") > 0);
    for (phone, _) in &mut back {
        let report = phone.sync(&mut Wire::to(address)).await.expect("these phones do not die");
        assert_eq!((report.end, report.problems.len()), (SyncEnd::Complete, 0));
    }
    compact(place).await;
    let census: Census = place.census().await;
    for (phone, ledger) in &back {
        census.assert_same_on(phone);
        ledger.assert_kept(&census);
    }
    assert_eq!(verified(place).await, Vec::<String>::new());
}

async fn a_segment_that_cannot_be_read_stops_nothing(place: &Place) {
    fill(place).await;
    let segments = heads(place).await;
    let damaged = segments[10].clone();
    let body = vec![0xff; damaged.body_bytes as usize];
    let project = place.site.project;
    let store = place.site.app.store();
    let written = store.write(async |mut tx| {
        assert!(segments::remove(&mut tx, project, std::slice::from_ref(&damaged)).await?);
        segments::append(&mut tx, project, &damaged, &body).await?;
        Ok::<_, StoreError>(())
    });
    written.await.expect("it is damaged now");
    let done = compact(place).await;
    assert_eq!(done.segments_after, 3, "those before it, itself, those behind it");
    let left = heads(place).await;
    assert_eq!(left.iter().map(|head| head.to).collect::<Vec<_>>(), [10, 11, CHANGES]);
    assert!(verified(place).await.iter().any(|said| said.contains("does not decode")));
}

async fn in_the_background_old_segments_are_compacted(place: &Place) {
    fill(place).await;
    let (store, clock) = (place.site.app.store().clone(), place.site.app.clock().clone());
    let config = Config { compact_every: Duration::from_millis(1), ..Config::default() };
    let after_ms = i64::try_from(config.compact_after.as_millis()).expect("small");
    let app = App::new(store, clock, Ids::from_seed([3; 32]), config, Metrics::default());
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(compact::run(app.clone(), async { _ = stopped.await }));
    app.clock().advance_ms(after_ms);
    let compacted = async {
        while heads(place).await.len() > 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), compacted).await.expect("what is old enough is compacted");
    drop(stop);
    running.await.expect("it ends when it is told to");
    assert!(app.metrics().to_text().contains("fieldmerge_compaction_replaced_total 34"));
    assert_eq!(verified(place).await, Vec::<String>::new());
}
