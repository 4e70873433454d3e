//! What a sync may cost, what goes first, and frames that have become too large for the link.

use fieldmerge_engine::{Edit, OutboxState, SyncEnd};
use fieldmerge_model::access::Role;
use fieldmerge_protocol::bundle::Frame;
use fieldmerge_protocol::{RecordClass, RecordId};

use crate::phone::{Cut, Phone, worker};
use crate::server::Server;

fn pair() -> (Server, Phone, Phone) {
    let mut server = Server::new();
    let roles = [Role::Enumerator, Role::Supervisor];
    let a = Phone::enrolled(&mut server, 1, &roles);
    let b = Phone::enrolled(&mut server, 2, &roles);
    (server, a, b)
}

fn incident(server: &Server, of: RecordId) -> Edit {
    match worker(server.site, "") {
        Edit::Create { record, area, person, .. } => Edit::Create {
            record,
            record_type: "incident".to_owned(),
            area,
            subject: Some(of),
            person,
            values: Vec::new(),
        },
        other => other,
    }
}

/// The classes of the frames that came, in the order of their numbers.
fn classes(server: &Server) -> Vec<RecordClass> {
    let mut frames: Vec<_> = server.seen.values().flatten().collect();
    frames.sort_by_key(|frame| Frame::parse(frame).expect("a frame").header.origin.number);
    frames.into_iter().map(|frame| Frame::parse(frame).expect("a frame").header.origin.class).collect()
}

#[test]
fn a_sync_costs_no_more_than_it_may_and_the_next_one_goes_on() {
    let (mut server, mut a, mut b) = pair();
    a.sync_well(&mut server);
    b.sync_well(&mut server);
    let names: Vec<String> = (0..400).map(|n| format!("Rakoto {}", n * 7_919)).collect();
    let workers: Vec<Edit> = names.iter().map(|name| worker(server.site, name)).collect();
    a.save(&workers).expect("workers are saved");
    (a.piece, b.piece) = (200, 200);
    (a.spend_bytes, b.spend_bytes) = (Some(6_000), Some(6_000));
    for phone in [&mut a, &mut b] {
        let mut syncs = 0;
        loop {
            let report = phone.sync(&mut server);
            // What is under way when the last byte is spent comes on top.
            assert!(report.bytes_up + report.bytes_down < 6_000 + 200, "{report:?}");
            syncs += 1;
            assert!(syncs < 20);
            match report.end {
                SyncEnd::Complete => break,
                SyncEnd::Spent => {}
                other => panic!("{other:?}"),
            }
        }
        assert!(syncs > 1);
    }
    assert!(a.engine.outbox().changes.is_empty());
    assert_eq!(b.engine.status().records, 400);
}

#[test]
fn a_frame_that_costs_more_than_a_sync_may_is_packed_again() {
    let (mut server, mut a, _) = pair();
    a.sync_well(&mut server);
    let workers: Vec<Edit> = (0..400).map(|n| worker(server.site, &format!("Rabe {}", n * 7_919))).collect();
    a.save(&workers).expect("workers are saved");
    // It is packed while nobody minds what it costs, and lost on its way.
    a.sync_cut(&mut server, &mut |_| Cut::Request(10)).expect("no crash");
    a.spend_bytes = Some(5_000);
    let syncs = (1..20).find(|_| a.sync(&mut server).end == SyncEnd::Complete);
    assert!(syncs.is_some_and(|syncs| syncs > 1), "{syncs:?}");
    assert!(a.engine.outbox().changes.is_empty());
}

#[test]
fn what_is_urgent_goes_first() {
    let (mut server, mut a, _) = pair();
    a.sync_well(&mut server);
    let hurt = a.create(server.site, "Rakoto");
    a.save(&[incident(&server, hurt)]).expect("an incident is saved");
    a.sync_well(&mut server);
    assert_eq!(classes(&server), [RecordClass::Incident, RecordClass::Core]);
}

#[test]
fn a_frame_that_became_too_large_for_the_link_is_packed_again() {
    let (mut server, mut a, _) = pair();
    a.rate = Some(1_000_000);
    a.sync_well(&mut server);
    let workers: Vec<Edit> =
        (0..2_000).map(|n| worker(server.site, &format!("Rasoa {}", n * 104_729))).collect();
    for some in workers.chunks(100) {
        a.save(some).expect("workers are saved");
    }
    // From now on no request brings more than this up, ever.
    let mut syncs = 0;
    while !a.engine.outbox().changes.is_empty() {
        a.rate = Some(2_000);
        a.sync_cut(&mut server, &mut |_| Cut::RequestBeyond(17_000)).expect("no crash");
        syncs += 1;
        assert!(syncs < 40, "{} wait", a.engine.outbox().changes.len());
    }
    assert_eq!(a.engine.outbox().count(|state| *state != OutboxState::Waiting), 0);
}

#[test]
fn a_dictionary_that_cannot_be_used_keeps_nothing_from_leaving() {
    let (mut server, mut a, _) = pair();
    // It begins as zstd's dictionaries do, and is none.
    server.dictionaries.push([&0xEC30_A437_u32.to_le_bytes()[..], &[7; 60]].concat());
    a.sync_well(&mut server);
    a.create(server.site, "Rakoto");
    assert_eq!(a.sync_well(&mut server).accepted, 1);
    assert!(a.engine.outbox().changes.is_empty());
}
