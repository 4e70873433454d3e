//! Bundle files: one phone carries what another could not deliver.

use fieldmerge_engine::{Imported, Outcome, SyncEnd};
use fieldmerge_model::access::Role;
use fieldmerge_protocol::RecordClass;

use crate::passing::world;
use crate::phone::{Cut, Phone};
use crate::saves::present;
use crate::server::Server;

/// A server and two phones that know of each other.
pub(crate) fn pair() -> (Server, Phone, Phone) {
    let (server, [a, b]) = world(&[Role::Enumerator, Role::Supervisor]);
    (server, a, b)
}

fn imported(frames: usize, receipts: usize, skipped: usize) -> Outcome {
    Outcome::Imported(Imported { frames, receipts, skipped, ..Imported::default() })
}

#[test]
fn frames_are_carried_and_receipts_come_back() {
    let (mut server, mut a, mut b) = pair();
    let worker = a.create(server.site, "Rakoto");
    a.append(server.site, vec![present(worker, "2026-03-02")]).expect("saved");
    let file = a.export();
    assert_eq!(b.import(&file), Ok(imported(2, 0, 0)));
    assert_eq!(b.import(&file), Ok(imported(0, 0, 0)), "once is enough");
    b.reopen();
    assert_eq!(b.engine.outbox().carried_frames, 2);
    let report = b.sync_well(&mut server);
    assert_eq!(report.delivered, 2);
    assert_eq!((server.records(RecordClass::Core), server.entries(RecordClass::Attendance)), (1, 1));
    let outbox = b.engine.outbox();
    assert_eq!((outbox.carried_frames, outbox.carried_receipts), (0, 1));
    let back = b.export();
    assert_eq!(a.engine.outbox().changes.len(), 2);
    assert_eq!(a.import(&back), Ok(imported(0, 2, 0)));
    assert!(a.engine.outbox().changes.is_empty());
    // What was carried is not sent again, and what comes later builds on it.
    a.set(worker, "birth_year", 1990).expect("saved");
    let report = a.sync_well(&mut server);
    assert_eq!((report.sent, report.accepted), (1, 1));
}

#[test]
fn a_carried_frame_and_the_same_frame_sent_are_one() {
    let (mut server, mut a, mut b) = pair();
    a.create(server.site, "Rakoto");
    let file = a.export();
    b.import(&file).expect("imported");
    a.sync_well(&mut server);
    b.sync_well(&mut server);
    assert_eq!(server.records(RecordClass::Core), 1);
    assert!(server.seen.values().all(|contents| contents.len() == 1));
}

#[test]
fn files_that_are_damaged_cut_or_of_others_are_refused() {
    let (mut server, mut a, mut b) = pair();
    a.create(server.site, "Rakoto");
    let file = a.export();
    for end in 0..file.len() {
        assert!(b.import(&file[..end]).is_err(), "{end}");
    }
    let mut damaged = file.clone();
    let last = damaged.len() - 10;
    damaged[last] ^= 1;
    assert_eq!(b.import(&damaged), Ok(imported(0, 0, 1)));
    assert_eq!(a.import(&file), Ok(imported(0, 0, 1)), "own frames");
    let report = b.sync(&mut server);
    assert_eq!((report.end, report.delivered), (SyncEnd::Complete, 0));
}

#[test]
fn a_carried_frame_goes_however_little_the_link_takes_at_a_time() {
    let (mut server, mut a, mut b) = pair();
    let mut state = 1_u64;
    for _ in 0..700 {
        let mut draw = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            state >> 4
        };
        a.create(server.site, &format!("{:x}{:x}{:x}", draw(), draw(), draw()));
    }
    let file = a.export();
    assert!(file.len() > 20_000, "more than a bad link takes at a time: {}", file.len());
    for _ in 0..8 {
        assert_eq!(b.sync_cut(&mut server, &mut |_| Cut::Answer(0)).expect("no crash").end, SyncEnd::Offline);
    }
    b.import(&file).expect("imported");
    let report = b.sync_well(&mut server);
    assert!(report.delivered > 0 && report.requests < 10, "{report:?}");
    assert_eq!(server.records(RecordClass::Core), 700);
}
