//! Answers that are cut within a frame: what arrived of it is kept, and never taken for more than it is.

use fieldmerge_engine::{Effect, Input, SyncEnd, SyncOptions, Table};
use fieldmerge_model::access::Role;
use fieldmerge_protocol::RecordClass;
use proptest::prelude::*;

use crate::cuts::many;
use crate::phone::{Cut, NOW_MS, Phone};
use crate::server::Server;

const ROLES: [Role; 2] = [Role::Enumerator, Role::Supervisor];

/// A server with so many workers in frames of so many, and a phone that has read none of them.
fn world(workers: u64, frame_changes: usize) -> (Server, Phone, Phone) {
    let mut server = Server::new();
    server.frame_changes = frame_changes;
    let reader = Phone::enrolled(&mut server, 1, &ROLES);
    let mut writer = Phone::enrolled(&mut server, 2, &ROLES);
    many(&server, &mut writer, 0..workers);
    writer.sync_well(&mut server);
    (server, reader, writer)
}

fn kept(phone: &Phone) -> usize {
    phone.rows.get(&(Table::Meta, b"partial".to_vec())).map_or(0, |row| row.len())
}

fn assert_all(server: &Server, phone: &Phone) {
    assert_eq!(phone.engine.status().records, server.records(RecordClass::Core));
    assert_eq!(kept(phone), 0, "nothing is unfinished");
}

#[test]
fn a_frame_larger_than_what_passes_between_two_cuts_arrives() {
    let (mut server, mut a, _) = world(800, 800);
    let mut down = 0;
    for sync in 0..100 {
        let report = a.sync_cut(&mut server, &mut |_| Cut::Answer(4_000)).expect("no crash");
        down += report.bytes_down;
        assert!(report.problems.is_empty(), "{report:?}");
        assert_eq!((report.end, report.received), (SyncEnd::Offline, 0));
        if report.bytes_down < 4_000 {
            assert!(sync > 3, "the frame was larger than that");
            break;
        }
        // Everything that is known stands in the store.
        a.reopen();
    }
    let last = a.sync_well(&mut server);
    assert_all(&server, &a);
    assert!(server.resumed.get() > 3, "{}", server.resumed.get());
    let (mut server, mut b, _) = world(800, 800);
    let whole = b.sync_well(&mut server).bytes_down;
    let syncs = server.resumed.get() as u64 + 10;
    assert!(down + last.bytes_down < whole + syncs * 1_000, "{down} {} {whole}", last.bytes_down);
}

#[test]
fn what_arrived_before_the_phone_died_is_kept() {
    let (mut server, mut a, _) = world(3_000, 3_000);
    let effects = a.drive(Input::Sync(SyncOptions::default())).expect("no crash");
    let request = effects.into_iter().find_map(|effect| match effect {
        Effect::Send(request) => Some(request),
        _ => None,
    });
    let request = request.expect("a sync sends a request");
    let answer = server.answer(a.device, &request.body, NOW_MS).expect("a whole request");
    assert!(answer.len() > 60_000, "{}", answer.len());
    a.feed_open(request.id, &answer[..45_000]);
    a.reopen();
    assert!((32 << 10..45_000).contains(&kept(&a)), "{}", kept(&a));
    let report = a.sync_well(&mut server);
    assert_eq!((server.resumed.get(), report.received), (1, 3_000));
    assert!(report.bytes_down < answer.len() as u64 - 30_000, "{}", report.bytes_down);
    assert_all(&server, &a);
}

#[test]
fn a_beginning_that_no_frame_has_any_more_is_dropped() {
    let (mut server, mut a, _) = world(400, 400);
    let cut = a.sync_cut(&mut server, &mut |_| Cut::Answer(6_000)).expect("no crash");
    assert_eq!((cut.end, kept(&a) > 4_000), (SyncEnd::Offline, true));
    server.frame_changes = 150;
    let report = a.sync_well(&mut server);
    assert_eq!((server.resumed.get(), report.received, report.problems.len()), (0, 400, 0));
    assert_all(&server, &a);
}

#[test]
fn a_rest_that_nobody_asked_for_is_no_answer() {
    let (mut server, mut a, _) = world(400, 400);
    a.sync_cut(&mut server, &mut |_| Cut::Answer(6_000)).expect("no crash");
    // The phone forgets what it holds after the request has left.
    let effects = a.drive(Input::Sync(SyncOptions::default())).expect("no crash");
    let Some(Effect::Send(request)) = effects.into_iter().next() else { panic!("a sync sends a request") };
    let answer = server.answer(a.device, &request.body, NOW_MS).expect("a whole request");
    assert_eq!(server.resumed.get(), 1);
    let (_, mut b, _) = world(0, 400);
    let effects = b.drive(Input::Sync(SyncOptions::default())).expect("no crash");
    let Some(Effect::Send(asked)) = effects.into_iter().next() else { panic!("a sync sends a request") };
    let effects = b.feed(asked.id, &answer, true).expect("no crash");
    let ended = effects.iter().find_map(|effect| match effect {
        Effect::SyncEnded(report) => Some(report.end.clone()),
        _ => None,
    });
    assert_eq!(ended, Some(SyncEnd::Untrusted { code: "malformed-answer" }));
    assert_eq!(b.engine.status().records, 0);
}

/// What happens between two syncs that are cut.
#[derive(Debug, Clone)]
enum Between {
    Nothing,
    Restart,
    /// The server has other frames of the same changes.
    Compacted(usize),
    /// Somebody wrote more.
    Written(u64),
    /// The phone itself wrote.
    Own,
}

fn between() -> impl Strategy<Value = Between> {
    prop_oneof![
        3 => Just(Between::Nothing),
        3 => Just(Between::Restart),
        2 => (50_usize..600).prop_map(Between::Compacted),
        2 => (1_u64..60).prop_map(Between::Written),
        1 => Just(Between::Own),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn cut_anywhere_nothing_is_skipped_or_doubled(
        steps in proptest::collection::vec((between(), 0_usize..20_000), 1..8),
        frame_changes in 50_usize..600,
    ) {
        let (mut server, mut a, mut b) = world(500, frame_changes);
        let mut written = 500;
        for (between, at) in steps {
            match between {
                Between::Nothing => {}
                Between::Restart => a.reopen(),
                Between::Compacted(changes) => server.frame_changes = changes,
                Between::Written(more) => {
                    many(&server, &mut b, written..written + more);
                    written += more;
                    b.sync_well(&mut server);
                }
                Between::Own => _ = a.create(server.site, "Own"),
            }
            let report = a.sync_cut(&mut server, &mut |_| Cut::Answer(at)).expect("no crash");
            prop_assert!(report.problems.is_empty(), "{report:?}");
            prop_assert!(matches!(report.end, SyncEnd::Offline | SyncEnd::Complete), "{report:?}");
        }
        let report = a.sync_well(&mut server);
        prop_assert!(report.problems.is_empty(), "{report:?}");
        assert_all(&server, &a);
        for (record, values) in server.digests(RecordClass::Core) {
            prop_assert_eq!(a.engine.get(record).expect("it is here").values.len(), values.len());
        }
    }
}
