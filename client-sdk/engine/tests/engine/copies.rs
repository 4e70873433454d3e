//! Restored backups, cloned phones, restored servers: nothing is lost, nothing is written twice.

use fieldmerge_engine::{OutboxState, Settlement};
use fieldmerge_model::access::Role;
use fieldmerge_protocol::{LogId, RecordClass, Value};

use crate::phone::{Cut, Phone};
use crate::saves::present;
use crate::server::Server;

const BOTH: [Role; 2] = [Role::Enumerator, Role::Supervisor];

fn world() -> (Server, Phone) {
    let mut server = Server::new();
    let phone = Phone::enrolled(&mut server, 1, &BOTH);
    (server, phone)
}

fn agree(server: &Server, phone: &Phone) {
    for (record, values) in server.digests(RecordClass::Core) {
        let view = phone.engine.get(record).expect("the phone holds every record");
        let shown: Vec<String> = view.values.iter().map(|value| value.path.to_string()).collect();
        let held: Vec<String> = values.into_iter().map(|(path, _)| path).collect();
        assert_eq!(shown, held);
        for value in &view.values {
            assert_eq!(server.value(record, value.path.as_str()), Some(value.value.clone()));
        }
    }
}

#[test]
fn a_restored_backup_gets_back_what_it_lost_and_loses_nothing() {
    let (mut server, mut phone) = world();
    let one = phone.create(server.site, "One");
    phone.sync_well(&mut server);
    // In the outbox at the time of the backup: received later, and never received.
    let two = phone.create(server.site, "Two");
    phone.append(server.site, vec![present(two, "2026-03-02")]).expect("saved");
    let mut backup = phone.copy(99);
    phone.set(one, "birth_year", 1990).expect("saved");
    let three = phone.create(server.site, "Three");
    phone.sync_well(&mut server);
    drop(phone);

    let four = backup.create(server.site, "Four");
    backup.set(one, "phone", "+261340000101").expect("saved");
    let report = backup.sync_well(&mut server);
    assert!(report.requests <= 4, "{report:?}");
    assert!(backup.engine.outbox().changes.is_empty(), "{:?}", backup.engine.outbox());
    for record in [one, two, three, four] {
        assert!(backup.engine.get(record).is_some());
    }
    assert_eq!(server.records(RecordClass::Core), 4);
    assert_eq!(server.entries(RecordClass::Attendance), 1, "the sheet is not doubled");
    assert_eq!(server.value(one, "birth_year"), Some(Value::Int(1990)));
    assert_eq!(server.value(one, "phone"), Some(Value::str("+261340000101")));
    assert!(backup.engine.notices().iter().any(|notice| notice.code == "copy-found"));
    agree(&server, &backup);
    // From now on it is an ordinary phone.
    backup.set(two, "birth_year", 1980).expect("saved");
    let report = backup.sync_well(&mut server);
    assert_eq!((report.requests, report.accepted), (1, 1));
}

#[test]
fn a_clone_that_wrote_the_same_numbers_writes_again_on_the_merged_state() {
    let (mut server, mut phone) = world();
    let one = phone.create(server.site, "One");
    phone.sync_well(&mut server);
    let mut clone = phone.copy(42);
    phone.set(one, "birth_year", 1990).expect("saved");
    phone.append(server.site, vec![present(one, "2026-03-02")]).expect("saved");
    clone.set(one, "birth_year", 1991).expect("saved");
    clone.set(one, "phone", "+261340000101").expect("saved");
    clone.append(server.site, vec![present(one, "2026-03-03"), present(one, "2026-03-04")]).expect("saved");
    clone.create(server.site, "Two");
    phone.sync_well(&mut server);
    let report = clone.sync_well(&mut server);
    assert!(report.repaired >= 2, "{report:?}");
    assert!(clone.engine.outbox().changes.is_empty(), "{:?}", clone.engine.outbox());
    assert_eq!(server.records(RecordClass::Core), 2);
    assert_eq!(server.value(one, "birth_year"), Some(Value::Int(1991)), "written again, after the other");
    assert_eq!(server.value(one, "phone"), Some(Value::str("+261340000101")));
    assert_eq!(server.entries(RecordClass::Attendance), 3, "no day is lost or doubled");
    assert!(clone.engine.notices().iter().any(|notice| notice.code == "rewritten"));
    agree(&server, &clone);
    assert!(server.seen.len() >= 4);
}

#[test]
fn a_clone_with_as_many_frames_is_found_by_their_content() {
    let (mut server, mut phone) = world();
    let one = phone.create(server.site, "One");
    phone.sync_well(&mut server);
    let mut clone = phone.copy(42);
    phone.set(one, "birth_year", 1990).expect("saved");
    clone.set(one, "birth_year", 1991).expect("saved");
    // Both have packed a frame of the same number before either was heard.
    clone.sync_cut(&mut server, &mut |_| Cut::Request(0)).expect("no crash");
    phone.sync_well(&mut server);
    let report = clone.sync_well(&mut server);
    assert_eq!(report.repaired, 1, "{report:?}");
    assert_eq!(server.value(one, "birth_year"), Some(Value::Int(1991)));
    assert!(clone.engine.outbox().changes.is_empty());
    agree(&server, &clone);
    phone.sync_well(&mut server);
    phone.set(one, "sex", "male").expect("saved");
    phone.sync_well(&mut server);
    assert_eq!(server.value(one, "sex"), Some(Value::str("male")));
}

#[test]
fn a_person_sees_a_lost_change_until_it_is_written_again() {
    let mut seen = false;
    for at in (0..2_000).step_by(7) {
        let (mut server, mut phone) = world();
        let one = phone.create(server.site, "One");
        phone.sync_well(&mut server);
        let mut clone = phone.copy(42);
        phone.set(one, "birth_year", 1990).expect("saved");
        clone.set(one, "birth_year", 1991).expect("saved");
        phone.sync_well(&mut server);
        let mut cut = |request: usize| if request == 1 { Cut::Answer(at) } else { Cut::None };
        clone.sync_cut(&mut server, &mut cut).expect("no crash");
        clone.reopen();
        seen |= clone.engine.outbox().count(|state| *state == OutboxState::Forked) == 1;
        clone.sync_well(&mut server);
        assert!(clone.engine.outbox().changes.is_empty());
        assert_eq!(server.value(one, "birth_year"), Some(Value::Int(1991)));
        agree(&server, &clone);
    }
    assert!(seen);
}

#[test]
fn a_restored_server_is_offered_again_what_it_lost() {
    let (mut server, mut phone) = world();
    let one = phone.create(server.site, "One");
    phone.sync_well(&mut server);
    let mut restored = server.clone();
    restored.log = LogId([44; 16]);
    phone.set(one, "birth_year", 1990).expect("saved");
    phone.append(server.site, vec![present(one, "2026-03-02")]).expect("saved");
    phone.sync_well(&mut server);
    phone.set(one, "phone", "+261340000101").expect("saved");
    let two = phone.create(server.site, "Two");
    phone.sync_well(&mut server);
    phone.set(two, "birth_year", 1970).expect("saved");
    phone.sync_cut(&mut server, &mut |_| Cut::Request(0)).expect("no crash");

    phone.sync_well(&mut restored);
    // What had to wait for what came behind it is asked about once more.
    phone.sync_well(&mut restored);
    assert!(phone.engine.outbox().changes.is_empty(), "{:?} {:?}", phone.engine.outbox(), restored.held());
    assert_eq!(restored.digests(RecordClass::Core), {
        let mut lost = server.digests(RecordClass::Core);
        lost.get_mut(&two).expect("two").push(("birth_year".to_owned(), "[Int(1970)]".to_owned()));
        for values in lost.values_mut() {
            values.sort();
        }
        lost
    });
    assert_eq!(restored.entries(RecordClass::Attendance), 1);
    assert!(phone.engine.notices().iter().any(|notice| notice.code == "server-restored"));
    agree(&restored, &phone);
    phone.set(one, "sex", "male").expect("saved");
    assert_eq!(phone.sync_well(&mut restored).requests, 1);
}

#[test]
fn a_restored_server_gets_back_what_stood_before_a_frame_that_came_by_other_hands() {
    let (mut server, mut phone) = world();
    let mut carrier = Phone::enrolled(&mut server, 2, &BOTH);
    phone.sync_well(&mut server);
    let backup = server.clone();
    for name in ["One", "Two"] {
        phone.create(server.site, name);
        phone.sync_well(&mut server);
    }
    phone.create(server.site, "Three");
    let file = phone.export();
    phone.sync_well(&mut server);
    carrier.import(&file).expect("a file of this project");

    server = backup;
    server.log = LogId([77; 16]);
    carrier.sync_well(&mut server);
    assert_eq!(server.records(RecordClass::Core), 1, "the last frame came first");
    phone.sync_well(&mut server);
    assert_eq!(server.records(RecordClass::Core), 3);
    agree(&server, &phone);
}

#[test]
fn a_frame_of_which_a_person_settled_one_change_is_offered_to_a_restored_server() {
    let (mut server, mut phone) = world();
    let mut other = Phone::enrolled(&mut server, 2, &BOTH);
    let theirs = other.create(server.site, "Theirs");
    other.sync_well(&mut server);
    phone.sync_well(&mut server);
    let backup = server.clone();
    // On a server that has lost the record this edit waits beside a registration that is taken.
    let mut lost = Server::new();
    std::mem::swap(&mut lost, &mut server);
    server = lost.without(theirs);
    phone.set(theirs, "birth_year", 1990).expect("saved");
    let mine = phone.create(server.site, "Mine");
    phone.sync_well(&mut server);
    let outbox = phone.engine.outbox();
    let [waiting] = &outbox.changes[..] else { panic!("one change is held: {outbox:?}") };
    assert_eq!(waiting.state, OutboxState::Held);
    phone.settle(waiting.number, fieldmerge_engine::Settlement::Dismiss).expect("a person gives it up");

    server = backup;
    server.log = LogId([78; 16]);
    phone.sync_well(&mut server);
    assert!(
        server.digests(RecordClass::Core).contains_key(&mine),
        "it had a receipt, so it is kept and offered"
    );
}

#[test]
fn what_was_put_aside_counts_once_whoever_brings_it_to_a_restored_server() {
    for (repaired_before, carried) in [(false, false), (true, false), (false, true), (true, true)] {
        let (mut server, mut phone) = world();
        let one = phone.create(server.site, "One");
        phone.sync_well(&mut server);
        let backup = server.clone();
        server.refuses = Some((RecordClass::Attendance, "not-granted"));
        phone.append(server.site, vec![present(one, "2026-03-02")]).expect("saved");
        let file = phone.export();
        phone.sync_well(&mut server);
        let outbox = phone.engine.outbox();
        let [aside] = &outbox.changes[..] else { panic!("one change is put aside: {outbox:?}") };
        if repaired_before {
            server.refuses = None;
            phone.settle(aside.number, Settlement::Repair).expect("a person tries again");
            phone.sync_well(&mut server);
            assert_eq!(server.entries(RecordClass::Attendance), 1);
        }

        server = backup;
        server.log = LogId([79; 16]);
        if carried {
            // It comes as it was before anybody put it aside.
            let mut carrier = Phone::enrolled(&mut server, 9, &[Role::Enumerator]);
            carrier.import(&file).expect("it is a file of this project");
            carrier.sync_well(&mut server);
            assert_eq!(server.entries(RecordClass::Attendance), 1);
        }
        phone.sync_well(&mut server);
        phone.sync_well(&mut server);
        assert_eq!(phone.engine.outbox().changes, [], "repaired: {repaired_before}, carried: {carried}");
        assert_eq!(server.entries(RecordClass::Attendance), 1, "{repaired_before} {carried}");
    }
}
