//! Links that are cut: at every byte of request and answer the next sync completes.

use fieldmerge_engine::SyncEnd;
use fieldmerge_model::access::Role;
use fieldmerge_protocol::RecordClass;

use crate::phone::{Cut, Phone};
use crate::saves::present;
use crate::server::Server;

fn world() -> (Server, Phone, Phone) {
    let mut server = Server::new();
    let mut a = Phone::enrolled(&mut server, 1, &[Role::Enumerator, Role::Supervisor]);
    let mut b = Phone::enrolled(&mut server, 2, &[Role::Enumerator, Role::Supervisor]);
    let mut workers = Vec::new();
    for name in ["A", "B", "C", "D"] {
        workers.push(b.create(server.site, name));
    }
    b.append(server.site, workers.iter().map(|worker| present(*worker, "2026-03-02")).collect())
        .expect("saved");
    b.sync_well(&mut server);
    let own = a.create(server.site, "Rakoto");
    a.set(own, "birth_year", 1990).expect("saved");
    a.append(server.site, vec![present(own, "2026-03-02")]).expect("saved");
    (server, a, b)
}

fn finish(server: &mut Server, a: &mut Phone) {
    a.sync_well(server);
    assert!(a.engine.outbox().changes.is_empty());
    assert_eq!(a.engine.status().records, 7);
    assert_eq!(server.records(RecordClass::Core), 5);
    assert_eq!(server.entries(RecordClass::Attendance), 5);
    assert!(server.seen.values().all(|contents| contents.len() == 1), "a frame never changes");
}

#[test]
fn an_answer_may_be_cut_at_any_byte() {
    let length = {
        let (mut server, mut a, _) = world();
        usize::try_from(a.sync_well(&mut server).bytes_down).expect("small")
    };
    for at in 0..=length {
        let (mut server, mut a, _) = world();
        a.piece = 1 + at % 37;
        let mut cut = |request: usize| if request == 0 { Cut::Answer(at) } else { Cut::None };
        let report = a.sync_cut(&mut server, &mut cut).expect("no crash");
        assert_eq!(report.end == SyncEnd::Complete, at == length, "{at}");
        finish(&mut server, &mut a);
    }
}

#[test]
fn a_cut_request_is_sent_again_as_it_was() {
    let (mut server, mut a, _) = world();
    for _ in 0..3 {
        let report = a.sync_cut(&mut server, &mut |_| Cut::Request(0)).expect("no crash");
        assert_eq!(report.end, SyncEnd::Offline);
        a.reopen();
        a.create(server.site, "Later");
    }
    let report = a.sync_well(&mut server);
    // While the link was unknown nothing more was packed; one more round takes the rest.
    assert_eq!(report.requests, 2);
    assert_eq!(server.records(RecordClass::Core), 8);
    assert!(server.seen.values().all(|contents| contents.len() == 1));
    assert_eq!(
        server.seen.len(),
        2 + 3,
        "two of the other phone, two that waited, one of all that came later"
    );
}

#[test]
fn after_a_cut_a_large_outbox_asks_before_it_sends_again() {
    let mut server = Server::new();
    let mut a = Phone::enrolled(&mut server, 1, &[Role::Enumerator]);
    many(&server, &mut a, 0..3_000);
    // The server took everything; the answer was lost.
    let first = a.sync_cut(&mut server, &mut |_| Cut::Answer(10)).expect("no crash");
    assert_eq!(first.end, SyncEnd::Offline);
    assert!(first.bytes_up > 70_000, "{}", first.bytes_up);
    let report = a.sync_well(&mut server);
    assert_eq!(report.accepted, 3_000);
    assert!(report.bytes_up < 2_000, "{}", report.bytes_up);
}

#[test]
fn more_frames_than_one_request_may_ask_about_are_asked_about_in_turn() {
    let mut server = Server::new();
    let mut a = Phone::enrolled(&mut server, 1, &[Role::Enumerator]);
    for n in 0..80 {
        // A file that is handed over gets a frame of its own each time.
        a.create(server.site, &format!("Worker {n}"));
        a.export();
    }
    let first =
        a.sync_cut(&mut server, &mut |request| if request == 1 { Cut::Answer(10) } else { Cut::None });
    assert_eq!(first.expect("no crash").end, SyncEnd::Offline);
    assert_eq!(server.seen.len(), 80, "the server has them");
    let report = a.sync_well(&mut server);
    assert_eq!((report.sent, report.accepted, report.requests), (0, 80, 2));
}

#[test]
fn frames_are_as_large_as_the_link_can_carry() {
    let mut server = Server::new();
    let mut a = Phone::enrolled(&mut server, 1, &[Role::Enumerator]);
    a.rate = Some(1_500);
    many(&server, &mut a, 0..200);
    a.sync_well(&mut server);
    many(&server, &mut a, 200..1_200);
    let mut accepted = 0;
    for sync in 0..3 {
        // Two frames and the half of one arrive; the next sync asks first.
        let at = usize::from(sync > 0);
        let cut = a.sync_cut(&mut server, &mut |request| match request {
            request if request == at => Cut::Request(15_000),
            _ => Cut::None,
        });
        let cut = cut.expect("no crash");
        assert_eq!(cut.end, SyncEnd::Offline);
        accepted += cut.accepted;
    }
    assert!(accepted > 400, "{accepted} were taken from requests that were cut");
    let last = a.sync_well(&mut server);
    assert_eq!(accepted + last.accepted, 1_000);
    let largest = server.seen.iter().skip(1).flat_map(|(_, contents)| contents).map(Vec::len).max();
    assert!(largest < Some(6_100), "four seconds of the link: {largest:?}");
    assert_eq!(server.records(RecordClass::Core), 1_200);
}

/// Saves workers whose names do not compress, so that frames are large.
pub(crate) fn many(server: &Server, phone: &mut Phone, workers: std::ops::Range<u64>) {
    for n in workers {
        let noise = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        phone.create(server.site, &format!("W{noise:x} {:x}", noise.rotate_left(29) ^ 0x5bd1_e995));
    }
}
