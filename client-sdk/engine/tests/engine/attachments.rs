//! Attachments after the records: in their order, within the budget, through cuts, crashes and refusals.

use fieldmerge_engine::{AttachmentState, Edit, Input, Outcome, SavedEdit, SyncEnd, SyncReport};
use fieldmerge_model::access::Role;
use fieldmerge_protocol::problem::ProblemCode;
use fieldmerge_protocol::{AttachmentHash, LogId, RecordId, Value};
use proptest::prelude::*;

use crate::phone::{Crash, Cut, Fault, Phone, path};
use crate::server::Server;

impl Phone {
    fn attach(&mut self, seed: u8, bytes: u64) -> Edit {
        let hash = AttachmentHash([seed; 32]);
        self.held.insert(hash, bytes);
        Edit::Attach { hash, bytes }
    }

    /// An identity whose photo and thumbnail are made known in the same save.
    fn photograph(&mut self, server: &Server, seed: u8, photo: u64, thumbnail: u64) -> RecordId {
        let worker = self.create(server.site, "Rasoa");
        let (photo, thumbnail) = (self.attach(seed, photo), self.attach(128 + seed, thumbnail));
        let saved = self.save(&[photo, thumbnail, identity(server, worker, seed)]).expect("it is saved");
        let [SavedEdit::Attached(_), SavedEdit::Attached(_), SavedEdit::Record(record)] = saved[..] else {
            panic!("{saved:?}")
        };
        record
    }

    fn state(&self, seed: u8) -> AttachmentState {
        self.engine.attachment(AttachmentHash([seed; 32])).expect("it knows of it").state
    }

    fn want(&mut self, seed: u8) {
        let hash = AttachmentHash([seed; 32]);
        let done = self.ask(|ticket| Input::Want { ticket, hash }).expect("no crash");
        assert_eq!(done, Ok(Outcome::Settled));
    }
}

fn identity(server: &Server, worker: RecordId, seed: u8) -> Edit {
    let named = |seed: u8| Value::str(AttachmentHash([seed; 32]).to_string());
    Edit::Create {
        record: None,
        record_type: "identity".to_owned(),
        area: server.site,
        subject: Some(worker),
        person: 0,
        values: vec![(path("photo"), named(seed)), (path("photo/thumb"), named(128 + seed))],
    }
}

fn pair() -> (Server, Phone, Phone) {
    let mut server = Server::new();
    let a = Phone::enrolled(&mut server, 1, &[Role::Enumerator]);
    let b = Phone::enrolled(&mut server, 2, &[Role::Adjudicator]);
    (server, a, b)
}

/// The seeds in the order in which they were first asked for or sent.
fn order(server: &Server) -> Vec<u8> {
    let mut seeds: Vec<u8> = server.files.jobs.iter().map(|(hash, _)| hash.0[0]).collect();
    seeds.dedup();
    seeds
}

#[test]
fn thumbnails_go_before_originals_and_the_oldest_first() {
    let (mut server, mut a, mut b) = pair();
    for seed in [3, 1, 2] {
        a.photograph(&server, seed, 50_000, 2_000);
    }
    let report = a.sync_well(&mut server);
    assert_eq!((report.attachments_sent, report.attachment_bytes), (6, 156_000));
    assert_eq!(order(&server), [131, 129, 130, 3, 1, 2]);
    server.files.jobs.clear();
    let report = b.sync_well(&mut server);
    assert_eq!((report.attachments_received, report.attachment_bytes), (3, 6_000));
    assert_eq!(b.state(3), AttachmentState::Absent);
    b.want(2);
    assert_eq!(b.state(2), AttachmentState::Expected);
    assert_eq!(b.sync_well(&mut server).attachment_bytes, 50_000);
    assert_eq!(b.state(2), AttachmentState::Kept);
    server.files.jobs.clear();
    assert_eq!((a.sync_well(&mut server).requests, b.sync_well(&mut server).requests), (1, 1));
}

#[test]
fn nothing_leaves_the_phone_that_no_record_names() {
    let (mut server, mut a, _) = pair();
    let edit = a.attach(1, 5_000);
    a.save(&[edit]).expect("it is known");
    assert_eq!(a.sync_well(&mut server).attachment_bytes, 0);
    assert_eq!(a.state(1), AttachmentState::Unnamed);
    // Once a record names it, it goes, although the record was saved later.
    let worker = a.create(server.site, "Rasoa");
    let edit = a.attach(129, 500);
    a.save(&[edit, identity(&server, worker, 1)]).expect("it is saved");
    assert_eq!(a.sync_well(&mut server).attachments_sent, 2);
    // What nobody names goes after a day.
    let edit = a.attach(7, 5_000);
    a.save(&[edit]).expect("it is known");
    a.sync_well(&mut server);
    assert!(a.held.contains_key(&AttachmentHash([7; 32])));
    a.clock_ms += 2 * 86_400_000;
    server.files.jobs.clear();
    a.sync(&mut server);
    a.sync_well(&mut server);
    assert!(!a.held.contains_key(&AttachmentHash([7; 32])));
    assert_eq!(a.engine.attachment(AttachmentHash([7; 32])), None);
}

#[test]
fn a_refused_attachment_holds_up_nothing() {
    for (status, code, stays) in [
        (404, Some(ProblemCode::NotFound), AttachmentState::Waiting),
        (410, None, AttachmentState::Waiting),
        (400, Some(ProblemCode::InvalidRequest), AttachmentState::Waiting),
        (409, Some(ProblemCode::OffsetMismatch), AttachmentState::Waiting),
        (
            413,
            Some(ProblemCode::PayloadTooLarge),
            AttachmentState::Refused { code: "payload-too-large".into() },
        ),
        (413, None, AttachmentState::Waiting),
        (
            422,
            Some(ProblemCode::AttachmentMismatch),
            AttachmentState::Refused { code: "attachment-mismatch".into() },
        ),
    ] {
        let (mut server, mut a, _) = pair();
        a.photograph(&server, 1, 50_000, 2_000);
        a.photograph(&server, 2, 50_000, 2_000);
        server.files.refuses.insert(AttachmentHash([129; 32]), (status, code));
        let report = a.sync_well(&mut server);
        assert_eq!((report.accepted, report.attachments_sent), (4, 3), "{status} {code:?}");
        assert_eq!(a.state(129), stays, "{status} {code:?}");
        server.files.refuses.clear();
        let again = a.sync_well(&mut server).attachments_sent;
        assert_eq!(again, u64::from(stays == AttachmentState::Waiting), "{status} {code:?}");
        let edit = a.attach(129, 2_000);
        a.save(&[edit]).expect("it is attached again");
        a.sync_well(&mut server);
        assert_eq!(a.state(129), AttachmentState::Kept);
    }
}

#[test]
fn a_server_that_is_busy_is_left_alone_and_the_records_are_synced() {
    for (status, code) in [(429, Some(ProblemCode::TooManyRequests)), (503, None), (500, None), (401, None)] {
        let (mut server, mut a, _) = pair();
        a.photograph(&server, 1, 50_000, 2_000);
        server.files.refuses.insert(AttachmentHash([129; 32]), (status, code));
        let report = a.sync_well(&mut server);
        assert_eq!((report.accepted, server.files.jobs.len()), (2, 1), "{status}");
        assert_eq!(report.problems[0].code, "attachments-later");
        server.files.refuses.clear();
        assert_eq!(a.sync_well(&mut server).attachments_sent, 2);
    }
}

#[test]
fn a_photo_that_has_not_arrived_is_asked_for_ever_more_seldom() {
    let (mut server, mut a, mut b) = pair();
    a.photograph(&server, 1, 50_000, 2_000);
    a.attachment_bytes = Some(0);
    a.sync_well(&mut server);
    let mut asked = Vec::new();
    for minute in 0..200 {
        b.clock_ms = minute * 60_000;
        server.files.jobs.clear();
        b.sync(&mut server);
        if !server.files.jobs.is_empty() {
            asked.push(minute);
        }
    }
    assert_eq!(asked, [0, 10, 30, 70, 150]);
    a.attachment_bytes = None;
    a.sync_well(&mut server);
    // A clock that is set back does not make it wait for years.
    b.clock_ms -= 1_000 * 86_400_000;
    b.sync(&mut server);
    b.sync_well(&mut server);
    assert_eq!(b.state(129), AttachmentState::Kept);
}

#[test]
fn a_thumbnail_of_no_fit_size_costs_nobody_his_link() {
    let (mut server, mut a, mut b) = pair();
    a.photograph(&server, 1, 50_000, 3_000_000);
    a.photograph(&server, 2, 50_000, 2_000);
    a.sync_well(&mut server);
    assert_eq!(b.sync_well(&mut server).attachment_bytes, 262_144 + 2_000);
    assert_eq!((b.state(129), b.state(130)), (AttachmentState::Absent, AttachmentState::Kept));
    assert_eq!(b.sync_well(&mut server).attachment_bytes, 0);
    b.want(129);
    assert_eq!(b.sync_well(&mut server).attachment_bytes, 3_000_000 - 262_144);
    assert_eq!(b.state(129), AttachmentState::Kept);
}

#[test]
fn a_restored_server_is_offered_what_it_has_lost() {
    let (mut server, mut a, mut b) = pair();
    a.photograph(&server, 1, 50_000, 2_000);
    a.sync_well(&mut server);
    let mut backup = server.clone();
    a.photograph(&server, 2, 60_000, 3_000);
    a.sync_well(&mut server);
    b.sync_well(&mut server);
    backup.log = LogId([77; 16]);
    // Of the older one it has only a half.
    backup.files.known.insert(AttachmentHash([1; 32]), (20_000, 50_000));
    backup.files.jobs.clear();
    let report = a.sync_well(&mut backup);
    assert_eq!(report.attachment_bytes, 30_000 + 63_000);
    for seed in [1, 2, 129, 130] {
        assert!(backup.files.is_whole(AttachmentHash([seed; 32])), "{seed}");
    }
}

#[test]
fn what_a_phone_may_not_read_any_more_leaves_it() {
    let (mut server, mut a, mut b) = pair();
    a.photograph(&server, 1, 50_000, 2_000);
    a.sync_well(&mut server);
    b.sync_well(&mut server);
    assert_eq!(b.held.len(), 1);
    server.grant(2, &[Role::Supervisor]);
    b.sync_well(&mut server);
    b.sync_well(&mut server);
    assert_eq!((b.held.len(), b.engine.attachments().len()), (0, 0));
    assert_eq!(a.held.len(), 2);
}

#[test]
fn a_file_that_the_host_has_lost_is_fetched_again_where_a_record_names_it() {
    let (mut server, mut a, _) = pair();
    a.photograph(&server, 1, 50_000, 2_000);
    a.sync_well(&mut server);
    a.held.remove(&AttachmentHash([1; 32]));
    a.want(1);
    assert_eq!(a.state(1), AttachmentState::Expected);
    assert_eq!(a.sync_well(&mut server).attachments_received, 1);
}

#[test]
fn a_crash_before_or_after_any_effect_sends_everything_in_the_end() {
    for at in 0..60 {
        for fault in [Fault::Before(at), Fault::After(at), Fault::Refuse(at / 4)] {
            let (mut server, mut a, mut b) = pair();
            a.photograph(&server, 1, 300_000, 2_000);
            a.fault = fault;
            let first: Result<SyncReport, Crash> = a.sync_cut(&mut server, &mut |_| Cut::None);
            a.reopen();
            a.sync_well(&mut server);
            assert!(server.files.is_whole(AttachmentHash([1; 32])), "{fault:?} {first:?}");
            assert_eq!((a.state(1), a.state(129)), (AttachmentState::Kept, AttachmentState::Kept));
            b.fault = fault;
            _ = b.sync_cut(&mut server, &mut |_| Cut::None);
            b.reopen();
            b.sync_well(&mut server);
            assert_eq!(b.state(129), AttachmentState::Kept, "{fault:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever the budgets, the link and the sizes: no sync spends more than it may, no original goes while a thumbnail
    /// waits, every byte is at the server in the end, and none was sent twice but what a cut had swallowed.
    #[test]
    fn budgets_hold_and_everything_arrives(
        photos in proptest::collection::vec((1_u64..400_000, 1_u64..20_000), 1..5),
        syncs in proptest::collection::vec(
            (0_u64..200_000, proptest::option::weighted(0.5, (1_usize..4, 0_usize..500_000, any::<bool>()))), 0..12),
        rate in proptest::option::of(1_000_u64..200_000),
    ) {
        let (mut server, mut a, _) = pair();
        a.rate = rate;
        for (seed, (photo, thumbnail)) in (1..).zip(&photos) {
            a.photograph(&server, seed, *photo, *thumbnail);
        }
        let mut cuts = 0;
        for (budget, cut) in syncs {
            a.attachment_bytes = Some(budget);
            let from = server.files.jobs.len();
            let mut cut = |request: usize| match cut {
                Some((which, at, true)) if request == which => Cut::Request(at),
                Some((which, at, false)) if request == which => Cut::Answer(at),
                _ => Cut::None,
            };
            let report = a.sync_cut(&mut server, &mut cut).expect("no crash");
            cuts += u64::from(report.end == SyncEnd::Offline);
            prop_assert!(matches!(report.end, SyncEnd::Offline | SyncEnd::Complete), "{report:?}");
            prop_assert!(report.attachment_bytes <= budget);
            prop_assert_eq!(report.attachment_bytes, server.files.bytes_of(from));
        }
        let thumbnails = |hash: &AttachmentHash| hash.0[0] >= 128;
        let originals = server.files.jobs.iter().position(|(hash, _)| !thumbnails(hash));
        let (before, after) = server.files.jobs.split_at(originals.unwrap_or(server.files.jobs.len()));
        prop_assert!(before.iter().all(|(hash, _)| thumbnails(hash)));
        prop_assert!(after.iter().all(|(hash, _)| !thumbnails(hash)));
        a.attachment_bytes = Some(u64::MAX);
        let last = a.sync_well(&mut server);
        prop_assert_eq!(a.engine.status().attachments_waiting, 0);
        let all: u64 = photos.iter().map(|(photo, thumbnail)| photo + thumbnail).sum();
        let sent = server.files.bytes_of(0);
        prop_assert!(sent >= all && sent <= all + cuts * (1 << 20), "{last:?}");
        if cuts == 0 {
            prop_assert_eq!(sent, all);
        }
        for hash in server.files.known.keys() {
            prop_assert!(server.files.is_whole(*hash));
        }
    }
}
