//! Answers that do not come from the project's server, and answers that come twice.

use ed25519_dalek::{Signer, SigningKey};
use fieldmerge_engine::{Effect, Input, Request, SyncEnd, SyncOptions, SyncReport};
use fieldmerge_model::access::Role;
use fieldmerge_protocol::bundle::{BundleWriter, Part, PartReader};
use fieldmerge_protocol::sync::{self, Feed, FeedBody, FeedFrame, Finish, Hello, Receipts, Welcome, tag};
use fieldmerge_protocol::{LifeId, LogId, RecordClass};

use crate::cuts::many;
use crate::phone::{NOW_MS, Phone};
use crate::server::Server;

fn pair() -> (Server, Phone, Phone) {
    let mut server = Server::new();
    let a = Phone::enrolled(&mut server, 1, &[Role::Enumerator]);
    let b = Phone::enrolled(&mut server, 2, &[Role::Enumerator]);
    (server, a, b)
}

/// The first request of a sync.
pub(crate) fn begin(phone: &mut Phone) -> Request {
    let effects = phone.drive(Input::Sync(SyncOptions::default())).expect("no crash");
    let sent = effects
        .into_iter()
        .find_map(|effect| if let Effect::Send(request) = effect { Some(request) } else { None });
    sent.expect("a request")
}

/// What the phone says first in a sync that it begins.
fn hello(phone: &mut Phone) -> Hello {
    let mut reader = PartReader::new(1 << 20);
    reader.feed(&begin(phone).body);
    let part = reader.next_part().expect("a bundle").expect("a hello");
    sync::decode(&part.payload).expect("a hello")
}

fn report(effects: Vec<Effect>) -> Option<SyncReport> {
    effects
        .into_iter()
        .find_map(|effect| if let Effect::SyncEnded(report) = effect { Some(report) } else { None })
}

/// The answer with its parts changed, and signed again by `signer` if there is one.
fn forge(answer: &[u8], change: impl Fn(&mut Part)) -> Vec<u8> {
    let mut reader = PartReader::new(1 << 20);
    reader.feed(answer);
    let mut writer = BundleWriter::new();
    while let Some(mut part) = reader.next_part().expect("an answer parses") {
        change(&mut part);
        writer.part(part.tag, &part.payload);
    }
    writer.into_bytes()
}

#[test]
fn receipts_without_the_servers_signature_are_ignored_and_reported() {
    let (mut server, mut a, _) = pair();
    a.create(server.site, "Rakoto");
    let request = begin(&mut a);
    let answer = server.answer(a.device, &request.body, NOW_MS).expect("an answer");
    let forged = forge(&answer, |part| {
        if part.tag == tag::RECEIPTS {
            let mut receipts: Receipts = sync::decode(&part.payload).expect("receipts");
            receipts.signature = SigningKey::from_bytes(&[1; 32]).sign(&receipts.list).to_bytes().to_vec();
            part.payload = sync::encode(&receipts);
        }
    });
    let report = report(a.feed(request.id, &forged, true).expect("no crash")).expect("the sync ends");
    assert_eq!(report.end, SyncEnd::Untrusted { code: "answer-not-signed" });
    assert_eq!(report.problems[0].code, "unsigned-receipts");
    assert_eq!(a.engine.outbox().changes.len(), 1, "nothing leaves the outbox");
    a.sync_well(&mut server);
    assert!(a.engine.outbox().changes.is_empty());
}

#[test]
fn an_answer_to_another_request_is_not_believed() {
    let (mut server, mut a, mut b) = pair();
    b.create(server.site, "Rabe");
    let first = begin(&mut a);
    let answer = server.answer(a.device, &first.body, NOW_MS).expect("an answer");
    a.feed(first.id, &answer, true).expect("no crash");
    b.sync_well(&mut server);
    a.create(server.site, "Rakoto");
    let second = begin(&mut a);
    let report = report(a.feed(second.id, &answer, true).expect("no crash")).expect("the sync ends");
    assert_eq!(report.end, SyncEnd::Untrusted { code: "answer-not-signed" });
    a.sync_well(&mut server);
    assert!(a.engine.outbox().changes.is_empty());
}

#[test]
fn nothing_counts_where_the_end_is_not_signed() {
    let (mut server, mut a, mut b) = pair();
    for name in ["A", "B", "C", "D", "E"] {
        b.create(server.site, name);
    }
    b.sync_well(&mut server);
    let request = begin(&mut a);
    let answer = server.answer(a.device, &request.body, NOW_MS).expect("an answer");
    let forged = forge(&answer, |part| {
        if part.tag == tag::FINISH {
            part.payload = sync::encode(&Finish { more: false, signature: vec![0; 64] });
        }
    });
    let report = report(a.feed(request.id, &forged, true).expect("no crash")).expect("the sync ends");
    assert_eq!(report.end, SyncEnd::Untrusted { code: "answer-not-signed" });
    assert_eq!((a.engine.status().cursors.len(), a.engine.status().records), (0, 0));
    assert_eq!(a.sync_well(&mut server).received, 5);
}

/// Somebody on the way tells the phone that it wrote what others wrote, and cuts the answer before its end.
#[test]
fn who_cuts_an_answer_cannot_have_changes_skipped() {
    let (mut server, mut a, mut b) = pair();
    for name in ["A", "B", "C"] {
        b.create(server.site, name);
    }
    b.sync_well(&mut server);
    for at_end in [false, true] {
        let request = begin(&mut a);
        let answer = server.answer(a.device, &request.body, NOW_MS).expect("an answer");
        let forged = forge(&answer, |part| {
            if part.tag == tag::FEED_FRAME {
                let frame: FeedFrame = sync::decode(&part.payload).expect("a feed frame");
                part.payload = sync::encode(&FeedFrame { body: None, ..frame });
            }
        });
        let end = if at_end { forged.len() } else { forged.len() - 10 };
        let report = report(a.feed(request.id, &forged[..end], true).expect("no crash")).expect("ends");
        assert_ne!(report.end, SyncEnd::Complete);
        assert_eq!(a.engine.status().cursors, []);
    }
    assert_eq!(a.sync_well(&mut server).received, 3);
}

/// Somebody on the way has the phone believe that its cursors count in another log, such as the one of a server that
/// was restored since.
#[test]
fn who_cuts_an_answer_changes_neither_log_nor_clock() {
    let (mut server, mut a, mut b) = pair();
    b.create(server.site, "Rabe");
    b.sync_well(&mut server);
    a.sync_well(&mut server);
    let before = hello(&mut a);
    let request = begin(&mut a);
    let answer = server.answer(a.device, &request.body, NOW_MS).expect("an answer");
    let forged = forge(&answer, |part| {
        if part.tag == tag::WELCOME {
            let mut welcome: Welcome = sync::decode(&part.payload).expect("a welcome");
            (welcome.log, welcome.now_ms) = (LogId([99; 16]), i64::MAX / 2);
            part.payload = sync::encode(&welcome);
        }
    });
    a.feed(request.id, &forged[..forged.len() - 10], false).expect("no crash");
    assert_eq!(hello(&mut a), before);
    assert_eq!(before.log, Some(server.log));
}

/// Somebody on the way puts changes of her own into an answer.
#[test]
fn who_cuts_an_answer_cannot_write_into_records() {
    let (mut server, mut a, mut b) = pair();
    let mut other = Server::new();
    let mut c = Phone::enrolled(&mut other, 3, &[Role::Enumerator]);
    c.create(other.site, "Nobody");
    c.sync_well(&mut other);
    let mut reader = Phone::enrolled(&mut other, 1, &[Role::Enumerator]);
    b.create(server.site, "Rabe");
    b.sync_well(&mut server);
    let request = begin(&mut reader);
    let foreign = other.answer(reader.device, &request.body, NOW_MS).expect("an answer");
    let request = begin(&mut a);
    a.feed(request.id, &foreign[..foreign.len() - 10], false).expect("no crash");
    assert_eq!((a.engine.status().cursors.len(), a.engine.status().records), (0, 0));
    assert_eq!(a.sync_well(&mut server).received, 1);
}

#[test]
fn what_a_checkpoint_proves_counts_although_the_rest_is_cut() {
    let (mut server, mut a, mut b) = pair();
    many(&server, &mut b, 0..200);
    b.sync_well(&mut server);
    let request = begin(&mut a);
    let answer = server.answer(a.device, &request.body, NOW_MS).expect("an answer");
    let mut reader = PartReader::new(1 << 20);
    reader.feed(&answer);
    let (mut at, mut proven, mut waiting) = (0, 0, 0);
    while let Some(part) = reader.next_part().expect("parses") {
        match part.tag {
            tag::FEED_FRAME => waiting += 3,
            tag::CHECKPOINT => {
                proven += std::mem::take(&mut waiting);
                at = answer.len() - reader.buffered();
            }
            _ => {}
        }
    }
    assert!((100..200).contains(&proven), "{proven}");
    let end = report(a.feed(request.id, &answer[..at], false).expect("no crash")).expect("the sync ends");
    assert_eq!((end.end, end.received), (SyncEnd::Offline, proven));
    assert_eq!(a.sync_well(&mut server).received, 200 - proven);
    // A checkpoint of another answer proves nothing.
    let mut c = Phone::enrolled(&mut server, 3, &[Role::Enumerator]);
    let request = begin(&mut c);
    let end = report(c.feed(request.id, &answer, true).expect("no crash")).expect("the sync ends");
    assert_eq!(end.end, SyncEnd::Untrusted { code: "answer-not-signed" });
    assert_eq!((end.received, c.engine.status().cursors.len()), (0, 0));
}

/// Somebody on the way sends feed frames and never a proof.
#[test]
fn an_answer_that_has_too_much_held_is_given_up() {
    let (server, mut a, _) = pair();
    let frame = |at: u64| {
        let feed = Feed { area: server.site, class: RecordClass::Core };
        let body =
            FeedBody { compression: 0, dictionary: 0, raw_bytes: 500_000, count: 1, bytes: vec![7; 500_000] };
        sync::encode(&FeedFrame { feed, from: at, to: at + 1, received_ms: NOW_MS, body: Some(body) })
    };
    for (frames, end) in [(4, SyncEnd::Offline), (5, SyncEnd::Untrusted { code: "answer-not-signed" })] {
        let request = begin(&mut a);
        let mut writer = BundleWriter::new();
        for at in 0..frames {
            writer.part(tag::FEED_FRAME, &frame(at));
        }
        let report = report(a.feed(request.id, writer.bytes(), false).expect("no crash")).expect("ends");
        assert_eq!(report.end, end, "{frames} frames");
    }
}

#[test]
fn the_life_of_a_log_counts_with_the_first_proof_as_cursors_do() {
    let (mut server, mut a, mut b) = pair();
    let lives = [1, 2].map(|life| Some(LifeId([life; 8])));
    server.life = lives[0];
    b.create(server.site, "Rabe");
    b.sync_well(&mut server);
    a.sync_well(&mut server);
    let before = hello(&mut a);
    assert_eq!((before.life, before.log, before.unsure), (lives[0], None, None));
    many(&server, &mut b, 0..200);
    b.sync_well(&mut server);
    server.life = lives[1];
    a.create(server.site, "Rakoto");
    let mut cut_behind = |tag: u8| {
        let request = begin(&mut a);
        let answer = server.answer(a.device, &request.body, NOW_MS).expect("an answer");
        let mut reader = PartReader::new(1 << 20);
        reader.feed(&answer);
        while reader.next_part().expect("parses").expect("it comes").tag != tag {}
        let at = answer.len() - reader.buffered();
        a.feed(request.id, &answer[..at], false).expect("no crash");
        hello(&mut a)
    };
    let told = cut_behind(tag::RECEIPTS);
    assert_eq!((told.life, told.unsure, told.receipted), (lives[0], Some(true), 1));
    assert_eq!(told.cursors, before.cursors);
    let proven = cut_behind(tag::CHECKPOINT);
    assert_eq!((proven.life, proven.unsure), (lives[1], Some(true)), "nobody has said what was taken");
    assert_ne!(proven.cursors, before.cursors);
}

#[test]
fn a_forged_roster_takes_nothing_off_the_phone() {
    let (mut server, mut a, _) = pair();
    let record = a.create(server.site, "Rakoto");
    a.sync_well(&mut server);
    let known = a.engine.status();
    server.roster += 1;
    let request = begin(&mut a);
    let answer = server.answer(a.device, &request.body, NOW_MS).expect("an answer");
    let forged = forge(&answer, |part| {
        if part.tag == tag::WELCOME {
            let mut welcome: Welcome = sync::decode(&part.payload).expect("a welcome");
            welcome.roster.as_mut().expect("a newer roster").grants.clear();
            part.payload = sync::encode(&welcome);
        }
    });
    let report = report(a.feed(request.id, &forged, true).expect("no crash")).expect("the sync ends");
    assert_eq!(report.end, SyncEnd::Untrusted { code: "answer-not-signed" });
    assert_eq!((a.engine.status().roster, a.engine.status().grants), (known.roster, known.grants));
    a.sync_well(&mut server);
    assert_eq!(a.engine.status().roster, server.roster);
    assert!(a.engine.get(record).is_some());
}

#[test]
fn an_answer_that_comes_twice_changes_nothing_the_second_time() {
    let (mut server, mut a, mut b) = pair();
    b.create(server.site, "Rabe");
    b.sync_well(&mut server);
    a.create(server.site, "Rakoto");
    let request = begin(&mut a);
    let once = server.answer(a.device, &request.body, NOW_MS).expect("an answer");
    let again = server.answer(a.device, &request.body, NOW_MS).expect("an answer");
    assert_eq!(once.len(), again.len());
    a.feed(request.id, &again, true).expect("no crash");
    let (status, rows) = (a.engine.status(), a.rows.len());
    // Late pieces of an answer that nobody reads any more.
    a.feed(request.id, &once, true).expect("no crash");
    assert_eq!((a.engine.status(), a.rows.len()), (status, rows));
}

#[test]
fn random_bytes_end_the_sync_and_nothing_else() {
    let (mut server, mut a, _) = pair();
    a.create(server.site, "Rakoto");
    for answer in [
        &b"<html>captive portal</html>"[..],
        b"FMB\x02",
        b"FMB\x01\x10\x03abc",
        b"FMB\x01\x12\xff\xff\xff\xff\xff",
    ] {
        let request = begin(&mut a);
        let report = report(a.feed(request.id, answer, true).expect("no crash")).expect("the sync ends");
        assert_ne!(report.end, SyncEnd::Complete);
        assert_eq!(a.engine.outbox().changes.len(), 1);
    }
    a.sync_well(&mut server);
    assert!(a.engine.outbox().changes.is_empty());
}

#[test]
fn unknown_parts_are_skipped() {
    let (mut server, mut a, _) = pair();
    let request = begin(&mut a);
    let answer = server.answer(a.device, &request.body, NOW_MS).expect("an answer");
    let mut welcome = None;
    forge(&answer, |part| {
        assert!(part.tag != tag::WELCOME || sync::decode::<Welcome>(&part.payload).is_ok());
    });
    let mut reader = PartReader::new(1 << 20);
    reader.feed(&answer);
    while let Some(part) = reader.next_part().expect("parses") {
        if part.tag == tag::WELCOME {
            welcome = Some(part);
        }
    }
    let mut writer = BundleWriter::new();
    writer.part(99, b"from a later server").part(tag::WELCOME, &welcome.expect("a welcome").payload);
    let effects = a.feed(request.id, writer.bytes(), false).expect("no crash");
    assert_eq!(report(effects).expect("ends").end, SyncEnd::Offline);
    assert_eq!(a.engine.status().roster, server.roster);
}
