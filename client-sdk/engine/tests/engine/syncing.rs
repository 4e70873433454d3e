//! Syncs over a good link.

use fieldmerge_engine::{Edit, OutboxState, Settlement, Table};
use fieldmerge_model::access::Role;
use fieldmerge_protocol::{RecordClass, Value};

use crate::kept::observe;
use crate::phone::{Phone, path};
use crate::saves::present;
use crate::server::Server;

const BOTH: [Role; 2] = [Role::Enumerator, Role::Supervisor];

fn pair() -> (Server, Phone, Phone) {
    let mut server = Server::new();
    let a = Phone::enrolled(&mut server, 1, &BOTH);
    let b = Phone::enrolled(&mut server, 2, &BOTH);
    (server, a, b)
}

#[test]
fn what_one_saves_the_other_reads() {
    let (mut server, mut a, mut b) = pair();
    let record = a.create(server.site, "Rakoto");
    let report = a.sync_well(&mut server);
    assert_eq!((report.requests, report.sent, report.accepted), (1, 1, 1));
    assert!(a.engine.outbox().changes.is_empty());
    let report = b.sync_well(&mut server);
    assert_eq!((report.requests, report.received), (1, 1));
    assert_eq!(b.value(record, "family_name"), Some(Value::str("Rakoto")));
    b.set(record, "birth_year", 1991).expect("saved");
    b.sync_well(&mut server);
    a.sync_well(&mut server);
    assert_eq!(a.value(record, "birth_year"), Some(Value::Int(1991)));
    assert_eq!(a.engine.status().devices.len(), 2);
}

#[test]
fn nothing_new_is_one_small_request() {
    let (mut server, mut a, _) = pair();
    for name in 0..300 {
        a.create(server.site, &format!("Worker {name}"));
    }
    assert_eq!(a.sync_well(&mut server).requests, 1);
    let report = a.sync_well(&mut server);
    assert_eq!((report.requests, report.sent, report.received), (1, 0, 0));
    assert!(report.bytes_up + report.bytes_down < 600, "{report:?}");
}

#[test]
fn a_thousand_changes_are_one_frame_and_few_bytes() {
    let (mut server, mut a, _) = pair();
    for name in 0..1_000 {
        a.create(server.site, &format!("Worker {name}"));
    }
    let report = a.sync_well(&mut server);
    assert_eq!((report.requests, report.accepted), (1, 1_000));
    assert_eq!(server.seen.len(), 1);
    assert!(report.bytes_up < 60_000, "{}", report.bytes_up);
}

#[test]
fn classes_travel_in_frames_of_their_own_in_causal_order() {
    let (mut server, mut a, mut b) = pair();
    let worker = a.create(server.site, "Rakoto");
    a.append(server.site, vec![present(worker, "2026-03-02")]).expect("saved");
    a.set(worker, "birth_year", 1991).expect("saved");
    a.append(server.site, vec![present(worker, "2026-03-03")]).expect("saved");
    a.sync_well(&mut server);
    assert_eq!(server.seen.len(), 2);
    assert_eq!(server.entries(RecordClass::Attendance), 2);
    b.sync_well(&mut server);
    let logs = b.engine.list(&fieldmerge_engine::ListQuery {
        record_type: Some("attendance".to_owned()),
        ..Default::default()
    });
    let view = b.engine.get(logs[0].record).expect("the log");
    assert_eq!(view.entries.len(), 2);
    assert_eq!(view.entries[0].subject, Some(worker));
    // The next sheet names what the server acknowledged by a few bytes.
    a.append(server.site, vec![present(worker, "2026-03-04")]).expect("saved");
    let report = a.sync_well(&mut server);
    assert_eq!(report.accepted, 1);
    assert_eq!(server.entries(RecordClass::Attendance), 3);
}

#[test]
fn an_observation_leaves_the_phone_when_the_server_has_it() {
    let (mut server, mut a, mut b) = pair();
    let worker = a.create(server.site, "Rakoto");
    observe(&mut a, &server, worker);
    let observations = |phone: &Phone| {
        let query = fieldmerge_engine::ListQuery {
            record_type: Some("observation".to_owned()),
            ..Default::default()
        };
        phone.engine.list(&query).len()
    };
    assert_eq!(observations(&a), 1);
    a.sync_well(&mut server);
    assert_eq!((observations(&a), server.records(RecordClass::Observation)), (0, 1));
    let kept = a.rows.iter().filter(|((table, _), _)| *table != Table::Forms);
    let kept: Vec<u8> = kept.flat_map(|(_, row)| row.to_vec()).collect();
    assert!(!kept.windows(3).any(|bytes| bytes == b"idp"), "no trace is left in the store");
    b.sync_well(&mut server);
    assert_eq!(observations(&b), 0);
}

#[test]
fn a_conflict_is_seen_decided_and_closed_everywhere() {
    let (mut server, mut a, mut b) = pair();
    let record = a.create(server.site, "Lala");
    a.set(record, "birth_year", 2003).expect("saved");
    a.sync_well(&mut server);
    b.sync_well(&mut server);
    a.set(record, "birth_year", 2002).expect("saved");
    b.set(record, "birth_year", 2004).expect("saved");
    a.set(record, "phone", "+261340000102").expect("saved");
    b.set(record, "phone", "+261340000102").expect("saved");
    a.sync_well(&mut server);
    b.sync_well(&mut server);
    a.sync_well(&mut server);
    for phone in [&a, &b] {
        let conflicts = phone.engine.conflicts();
        assert_eq!(conflicts.len(), 1, "equal values are no conflict");
        assert_eq!(conflicts[0].agreed, Some(Value::Int(2003)));
        assert!(conflicts[0].may_decide);
    }
    let seen = b.engine.conflicts()[0].clone();
    let decide = |state| Edit::Decide {
        record,
        person: 0,
        path: path("birth_year"),
        value: Value::Int(2002),
        state: Some(state),
        reason: "birth certificate".to_owned(),
    };
    assert_eq!(b.save(&[decide([0; 32])]).expect_err("moved").code(), "case-moved");
    b.save(&[decide(seen.state)]).expect("decided");
    assert!(b.engine.conflicts().is_empty());
    b.sync_well(&mut server);
    a.sync_well(&mut server);
    assert!(a.engine.conflicts().is_empty());
    assert_eq!(a.value(record, "birth_year"), Some(Value::Int(2002)));
    let view = a.engine.get(record).expect("the record");
    assert_eq!(
        view.cases[0].decision.as_ref().map(|decision| decision.reason.as_str()),
        Some("birth certificate")
    );
}

#[test]
fn a_refused_change_is_shown_and_blocks_nobody() {
    let (mut server, mut a, _) = pair();
    server.refuses = Some((RecordClass::Attendance, "not-granted"));
    let worker = a.create(server.site, "Rakoto");
    a.append(server.site, vec![present(worker, "2026-03-02")]).expect("saved");
    let report = a.sync_well(&mut server);
    assert_eq!((report.accepted, report.quarantined), (1, 1));
    let outbox = a.engine.outbox();
    assert_eq!(outbox.changes.len(), 1);
    assert_eq!(outbox.changes[0].state, OutboxState::Quarantined { code: "not-granted".into() });
    a.set(worker, "birth_year", 1990).expect("saved");
    assert_eq!(a.sync_well(&mut server).accepted, 1);
    // The grant is given; the person sends the change again.
    server.refuses = None;
    let number = a.engine.outbox().changes[0].number;
    a.settle(number, Settlement::Repair).expect("repaired");
    let report = a.sync_well(&mut server);
    assert_eq!(report.accepted, 1);
    assert_eq!(server.entries(RecordClass::Attendance), 1);
    assert!(a.engine.outbox().changes.is_empty());
}

#[test]
fn what_the_server_may_still_take_it_gives_back_first() {
    let (mut server, mut a, _) = pair();
    let worker = a.create(server.site, "Rakoto");
    a.sync_well(&mut server);
    server.refuses = Some((RecordClass::Attendance, "not-granted"));
    a.append(server.site, vec![present(worker, "2026-03-02")]).expect("saved");
    a.sync_well(&mut server);
    server.refuses = None;
    for day in ["2026-03-03", "2026-03-04"] {
        a.append(server.site, vec![present(worker, day)]).expect("saved");
        a.sync_well(&mut server);
    }
    let numbers: Vec<u64> = a.engine.outbox().changes.iter().map(|change| change.number).collect();
    let [aside, held, _] = numbers[..] else { panic!("three changes wait: {numbers:?}") };
    a.settle(held, Settlement::Dismiss).expect("marked");
    assert_eq!(a.settle(held, Settlement::Dismiss).expect_err("once").code(), "not-settleable");
    let states: Vec<OutboxState> = a.engine.outbox().changes.into_iter().map(|change| change.state).collect();
    assert_eq!(states[1..], [OutboxState::Withdrawn, OutboxState::Withdrawn], "with what stands on it");
    a.sync_well(&mut server);
    assert_eq!(server.entries(RecordClass::Attendance), 1, "the last day is written anew");
    assert_eq!(server.held(), []);
    a.settle(aside, Settlement::Repair).expect("offered again");
    a.sync_well(&mut server);
    assert_eq!(a.engine.outbox().changes, []);
    assert_eq!(server.entries(RecordClass::Attendance), 2, "each day once");
}

#[test]
fn a_change_that_is_given_up_leaves_the_record() {
    let (mut server, mut a, _) = pair();
    let worker = a.create(server.site, "Rakoto");
    a.sync_well(&mut server);
    server.refuses = Some((RecordClass::Core, "not-granted"));
    a.set(worker, "family_name", "Rabe").expect("saved");
    a.sync_well(&mut server);
    a.set(worker, "birth_year", 1990).expect("saved");
    server.refuses = None;
    let number = a.engine.outbox().changes[0].number;
    a.settle(number, Settlement::Dismiss).expect("given up");
    assert_eq!(a.value(worker, "family_name"), Some(Value::str("Rabe")), "the server may have taken it");
    a.sync_well(&mut server);
    assert_eq!(a.value(worker, "family_name"), Some(Value::str("Rakoto")));
    assert_eq!(a.value(worker, "birth_year"), Some(Value::Int(1990)), "what came after stays");
    a.sync_well(&mut server);
    assert_eq!(server.value(worker, "birth_year"), Some(Value::Int(1990)));
    assert_eq!(server.value(worker, "family_name"), Some(Value::str("Rakoto")));
    assert!(a.engine.outbox().changes.is_empty());
}

#[test]
fn a_refused_structure_is_written_anew_once() {
    let (mut server, mut a, _) = pair();
    let worker = a.create(server.site, "Rakoto");
    a.sync_well(&mut server);
    server.refuses = Some((RecordClass::Core, "bad-pred"));
    a.set(worker, "birth_year", 1990).expect("saved");
    let report = a.sync_well(&mut server);
    assert_eq!((report.quarantined, report.repaired), (2, 1), "{report:?}");
    assert_eq!(a.engine.outbox().count(|state| matches!(state, OutboxState::Quarantined { .. })), 1);
    assert_eq!(a.sync_well(&mut server).repaired, 0, "not for ever");
}

#[test]
fn withdrawn_feeds_leave_the_phone_once_the_outbox_is_empty() {
    let (mut server, mut a, mut b) = pair();
    let record = a.create(server.site, "Rakoto");
    a.sync_well(&mut server);
    b.sync_well(&mut server);
    b.set(record, "birth_year", 1990).expect("saved");
    server.grant(2, &[]);
    server.refuses = Some((RecordClass::Core, "not-granted"));
    b.sync_well(&mut server);
    assert!(b.engine.get(record).is_some(), "a change of it is still here");
    let number = b.engine.outbox().changes[0].number;
    b.settle(number, Settlement::Dismiss).expect("given up");
    b.sync_well(&mut server);
    assert!(b.engine.get(record).is_none());
    assert_eq!(b.engine.status().cursors, []);
    assert_eq!(
        b.engine.notices().last().map(|notice| notice.code.to_string()),
        Some("feed-withdrawn".to_owned())
    );
}

#[test]
fn what_a_phone_may_not_write_it_does_not_save() {
    let (mut server, mut a, _) = pair();
    a.sync_well(&mut server);
    server.grant(1, &[Role::Payroll]);
    a.sync_well(&mut server);
    let refused = a.save(&[crate::phone::worker(server.site, "A")]).expect_err("refused");
    assert_eq!(refused.code(), "not-granted");
}

#[test]
fn a_budget_is_kept_and_the_rest_comes_in_further_rounds() {
    let (mut server, mut a, mut b) = pair();
    for name in 0..40 {
        a.create(server.site, &format!("Worker {name}"));
    }
    a.sync_well(&mut server);
    b.budget_bytes = Some(1_000);
    let report = b.sync_well(&mut server);
    assert_eq!(report.received, 40);
    assert!(report.requests > 2, "{report:?}");
}

#[test]
fn a_wrong_clock_is_learned_and_the_request_sent_again() {
    let (mut server, mut a, _) = pair();
    a.clock_ms = 365 * 86_400_000;
    let record = a.create(server.site, "Rakoto");
    let report = a.sync_well(&mut server);
    assert_eq!((report.requests, report.accepted), (2, 1));
    assert_eq!(a.engine.status().clock_offset_ms, -365 * 86_400_000);
    assert_eq!(a.sync_well(&mut server).requests, 1);
    let written = a.engine.get(record).expect("the record").values[0].device_ms;
    assert_eq!(
        written,
        crate::phone::NOW_MS + a.clock_ms,
        "what a person is shown stays the phone's own time"
    );
}

#[test]
fn short_forms_that_the_server_does_not_know_are_cured_by_whole_hashes() {
    let (mut server, mut a, _) = pair();
    let record = a.create(server.site, "Rakoto");
    a.sync_well(&mut server);
    a.set(record, "birth_year", 1990).expect("saved");
    server.forgets = true;
    let report = a.sync_well(&mut server);
    assert_eq!((report.requests, report.accepted), (2, 1));
    assert_eq!(server.value(record, "birth_year"), Some(Value::Int(1990)));
}

#[test]
fn a_feed_that_is_given_back_brings_ones_own_changes_too() {
    let (mut server, mut a, _) = pair();
    let record = a.create(server.site, "Rakoto");
    a.sync_well(&mut server);
    server.grant(1, &[]);
    a.sync_well(&mut server);
    assert!(a.engine.get(record).is_none(), "what it may not read leaves the phone");
    server.grant(1, &[Role::Enumerator]);
    a.sync_well(&mut server);
    a.sync_well(&mut server);
    assert!(a.engine.get(record).is_some());
}
