//! Phones pass each other what they have for the server, and one of them brings it.

use fieldmerge_engine::{Failure, ListQuery, OutboxState, Outcome, Settlement};
use fieldmerge_model::access::Role;
use fieldmerge_protocol::sync::tag;
use fieldmerge_protocol::{DeviceId, RecordClass, RecordId, Value};

use crate::exchange_hostile::{only_of, parts};
use crate::kept::observe;
use crate::passing::{agree, pass, world};
use crate::phone::{Cut, Phone};
use crate::saves::present;
use crate::server::Server;
use crate::trust::begin;

const BOTH: [Role; 2] = [Role::Enumerator, Role::Supervisor];
const DAY_MS: i64 = 24 * 3_600 * 1_000;

fn is_provisional(phone: &Phone, record: RecordId, path: &str) -> bool {
    let view = phone.engine.get(record).expect("it is there");
    view.values.iter().any(|value| value.path.as_str() == path && value.provisional)
}

fn year(phone: &Phone, record: RecordId) -> Option<Value> {
    phone.value(record, "birth_year")
}

#[test]
fn two_phones_work_together_without_a_network_and_either_brings_everything() {
    for bringer in 0..2 {
        let (mut server, [mut hery, mut lalao]) = world(&BOTH);
        let one = hery.create(server.site, "Rakoto");
        let two = hery.create(server.site, "Rasoa");
        hery.set(one, "birth_year", 1990).expect("saved");
        assert_eq!(pass(&mut hery, &mut lalao), (3, 0));
        assert_eq!(year(&lalao, one), Some(Value::Int(1990)));
        assert!(is_provisional(&lalao, one, "birth_year") && lalao.engine.get(two).is_some());

        lalao.append(server.site, vec![present(one, "2026-03-02")]).expect("saved");
        lalao.set(one, "birth_year", 1991).expect("saved");
        hery.set(one, "birth_year", 1992).expect("saved");
        assert_eq!(pass(&mut lalao, &mut hery), (2, 0));
        assert_eq!(pass(&mut hery, &mut lalao), (1, 0), "what was passed before is not merged twice");
        for phone in [&mut hery, &mut lalao] {
            phone.reopen();
            let conflicts = phone.engine.conflicts();
            let [case] = &conflicts[..] else { panic!("both values are seen: {conflicts:?}") };
            let values: Vec<&Value> = case.candidates.iter().map(|candidate| &candidate.value).collect();
            assert!(values.contains(&&Value::Int(1991)) && values.contains(&&Value::Int(1992)));
        }
        let sheet = ListQuery { record_type: Some("attendance".to_owned()), ..ListQuery::default() };
        let sheets = hery.engine.list(&sheet);
        let log = hery.engine.get(sheets[0].record).expect("the sheet was passed");
        assert!(log.summary.provisional && log.entries[0].provisional && log.entries[0].subject == Some(one));

        let (first, second) = if bringer == 0 { (&mut hery, &mut lalao) } else { (&mut lalao, &mut hery) };
        first.sync_well(&mut server);
        assert_eq!((server.records(RecordClass::Core), server.entries(RecordClass::Attendance)), (2, 1));
        agree(&server, first);
        assert!(first.engine.outbox().changes.is_empty());
        let before = server.shown(RecordClass::Core);
        second.sync_well(&mut server);
        assert_eq!(server.shown(RecordClass::Core), before, "everything had arrived");
        agree(&server, second);
        assert!(second.engine.outbox().changes.is_empty());
        assert_eq!(first.engine.conflicts().len(), 1);
        assert!(first.engine.notices().is_empty() && second.engine.notices().is_empty());
        assert!(server.seen.values().all(|contents| contents.len() == 1), "no number has two contents");
    }
}

#[test]
fn what_was_passed_goes_on_by_further_hands() {
    let (mut server, [mut a, mut b, mut c]) = world(&BOTH);
    let one = a.create(server.site, "Rakoto");
    assert_eq!(pass(&mut a, &mut b), (1, 0));
    b.set(one, "birth_year", 1980).expect("saved");
    assert_eq!(pass(&mut b, &mut c), (2, 0));
    c.set(one, "phone", "+261340000101").expect("saved");
    assert_eq!(pass(&mut c, &mut a), (2, 0));
    a.set(one, "birth_year", 1981).expect("saved");
    // What the last one builds on are changes of three phones, and none of them was at the server.
    assert_eq!(pass(&mut a, &mut c), (1, 0));
    let report = c.sync_well(&mut server);
    assert!(report.delivered >= 3, "{report:?}");
    assert_eq!(server.value(one, "birth_year"), Some(Value::Int(1981)));
    assert!(server.held().is_empty());
    for phone in [&mut a, &mut b, &mut c] {
        phone.sync_well(&mut server);
        agree(&server, phone);
        assert!(phone.engine.outbox().changes.is_empty());
    }
}

#[test]
fn what_the_receiver_may_not_read_goes_sealed_from_hand_to_hand() {
    let mut server = Server::new();
    let mut lalao = Phone::enrolled(&mut server, 1, &BOTH);
    let mut hery = Phone::enrolled(&mut server, 2, &[Role::Enumerator]);
    let mut third = Phone::enrolled(&mut server, 3, &[Role::Enumerator]);
    for phone in [&mut lalao, &mut hery, &mut third] {
        phone.sync_well(&mut server);
    }
    let one = lalao.create(server.site, "Rakoto");
    lalao.append(server.site, vec![present(one, "2026-03-02")]).expect("saved");
    observe(&mut lalao, &server, one);
    assert_eq!(lalao.give(lalao.device), Err(Failure::UnknownDevice));
    assert_eq!(lalao.give(DeviceId([77; 10])), Err(Failure::UnknownDevice));

    let contents = lalao.contents_for(&hery);
    let tags = |contents: &[u8], tag: u8| parts(contents).iter().filter(|part| part.tag == tag).count();
    assert_eq!((tags(&contents, tag::FRAME), tags(&contents, tag::SEALED_FRAME)), (1, 2));
    let Ok(Outcome::Taken { frames: 3, changes: 1, unmerged: 0, skipped: 0, .. }) = hery.take(&contents)
    else {
        panic!("what cannot be read is carried")
    };
    let contents = hery.contents_for(&third);
    assert_eq!((tags(&contents, tag::FRAME), tags(&contents, tag::SEALED_FRAME)), (1, 2));
    let Ok(Outcome::Taken { frames: 3, changes: 1, .. }) = third.take(&contents) else {
        panic!("and passed on")
    };

    third.sync_well(&mut server);
    agree(&server, &third);
    assert_eq!(server.entries(RecordClass::Attendance), 1);
    assert_eq!(server.records(RecordClass::Observation), 1);
    hery.sync_well(&mut server);
    agree(&server, &hery);
    lalao.sync_well(&mut server);
    assert!(lalao.engine.outbox().changes.is_empty(), "the third phone brought everything");
    assert_eq!(server.entries(RecordClass::Attendance), 1, "once");
}

#[test]
fn what_was_carried_sealed_is_shown_once_it_comes_readable() {
    let (mut server, [mut hery, mut lalao]) = world(&BOTH);
    let one = hery.create(server.site, "Rakoto");
    let file = hery.export();
    lalao.import(&file).expect("it is taken");
    assert!(lalao.engine.get(one).is_none(), "it is sealed");
    assert_eq!(pass(&mut hery, &mut lalao), (1, 0));
    assert!(is_provisional(&lalao, one, "family_name"));
    // Neither once more.
    assert_eq!(pass(&mut hery, &mut lalao), (0, 0));
    lalao.import(&file).expect("it is taken");
    assert_eq!(lalao.engine.outbox().carried_frames, 2);

    lalao.reopen();
    lalao.set(one, "birth_year", 1980).expect("saved");
    let request = begin(&mut lalao);
    let sent: Vec<u8> = parts(&request.body).iter().map(|part| part.tag).collect();
    assert_eq!(sent, [tag::HELLO, tag::FRAME, tag::FRAME, tag::END], "of the two that are the same one goes");
    for phone in [&mut lalao, &mut hery] {
        phone.sync_well(&mut server);
        agree(&server, phone);
        assert!(phone.engine.outbox().changes.is_empty());
    }
}

#[test]
fn what_the_server_refuses_goes_out_again_and_own_changes_stay() {
    let (mut server, [mut hery, mut lalao]) = world(&BOTH);
    let old = lalao.create(server.site, "Old");
    lalao.sync_well(&mut server);
    hery.sync_well(&mut server);
    hery.set(old, "birth_year", 1970).expect("saved");
    let new = hery.create(server.site, "New");
    assert_eq!(pass(&mut hery, &mut lalao), (2, 0));
    // One edit stands on what will be refused, one beside it; a third record is not concerned.
    lalao.set(old, "birth_year", 1971).expect("saved");
    lalao.set(old, "phone", "+261340000101").expect("saved");
    lalao.set(new, "birth_year", 1999).expect("saved");
    lalao.append(server.site, vec![present(new, "2026-03-02")]).expect("saved");
    server.revoke(1);

    lalao.reopen();
    lalao.sync_well(&mut server);
    assert!(lalao.engine.get(new).is_none(), "the server does not have it");
    assert_eq!(year(&lalao, old), Some(Value::Int(1971)));
    assert_eq!(server.value(old, "birth_year"), Some(Value::Int(1971)), "written anew");
    assert_eq!(server.value(old, "phone"), Some(Value::str("+261340000101")));
    assert_eq!(server.entries(RecordClass::Attendance), 1);
    agree(&server, &lalao);
    // What was written on a record that is not there waits for a person, with its values.
    let outbox = lalao.engine.outbox();
    let [left] = &outbox.changes[..] else { panic!("{outbox:?}") };
    assert!(matches!(&left.state, OutboxState::Quarantined { code } if code == "unrepairable"), "{left:?}");
    let notices = lalao.engine.notices();
    assert!(notices.iter().any(|notice| notice.code == "not-confirmed" && notice.count == 2), "{notices:?}");
    lalao.settle(left.number, Settlement::Dismiss).expect("given up");
    assert_eq!(lalao.sync_well(&mut server).repaired, 0);
    agree(&server, &lalao);
}

#[test]
fn what_the_server_refused_by_another_road_goes_out_again() {
    let (mut server, [mut a, mut b, mut c]) = world(&BOTH);
    let one = a.create(server.site, "Rakoto");
    assert_eq!((pass(&mut a, &mut b), pass(&mut a, &mut c)), ((1, 0), (1, 0)));
    server.revoke(1);
    c.sync_well(&mut server);
    agree(&server, &c);
    // The other one hears of it from her, before it reaches the server itself.
    b.import(&c.export()).expect("it is taken");
    assert_eq!((b.engine.outbox().carried_frames, b.engine.outbox().provisional), (0, 1));
    b.reopen();
    b.sync_well(&mut server);
    assert!(b.engine.get(one).is_none(), "nobody will bring it");
    agree(&server, &b);
}

#[test]
fn nothing_is_taken_while_a_sync_is_under_way() {
    let (mut server, [mut a, mut b]) = world(&BOTH);
    let one = a.create(server.site, "Rakoto");
    b.import(&a.export()).expect("it is carried");
    b.sync_well(&mut server);
    b.set(one, "birth_year", 1980).expect("saved");
    let contents = b.contents_for(&a);
    assert!(parts(&contents).iter().any(|part| part.tag == tag::RECEIPTS), "and receipts with it");
    begin(&mut a);
    assert_eq!(a.take(&contents), Err(Failure::Busy));
    a.reopen();
    assert!(matches!(a.take(&contents), Ok(Outcome::Taken { frames: 1, changes: 1, receipts: 1, .. })));
    for phone in [&mut a, &mut b] {
        phone.sync_well(&mut server);
        agree(&server, phone);
    }
}

#[test]
fn what_waits_for_something_that_is_not_here_is_merged_when_it_comes() {
    let (mut server, [mut a, mut b, mut c]) = world(&BOTH);
    let one = a.create(server.site, "Rakoto");
    let first = a.contents_for(&c);
    assert_eq!(pass(&mut a, &mut b), (1, 0));
    b.set(one, "birth_year", 1980).expect("saved");
    // Only the later frame: the phone carries it, and shows nothing yet.
    let second = only_of(&b.contents_for(&c), b.device);
    let Ok(Outcome::Taken { frames: 1, changes: 0, waiting: 1, .. }) = c.take(&second) else {
        panic!("it waits")
    };
    c.reopen();
    assert!(c.engine.get(one).is_none());
    let Ok(Outcome::Taken { frames: 1, changes: 2, waiting: 0, .. }) = c.take(&first) else {
        panic!("both are merged")
    };
    assert_eq!(year(&c, one), Some(Value::Int(1980)));
    c.sync_well(&mut server);
    agree(&server, &c);
    assert_eq!(server.value(one, "birth_year"), Some(Value::Int(1980)));
}

#[test]
fn an_edit_of_a_record_that_the_other_has_not_read_yet_arrives_with_its_next_sync() {
    let (mut server, [mut a, mut b]) = world(&BOTH);
    let one = a.create(server.site, "Rakoto");
    a.sync_well(&mut server);
    a.set(one, "birth_year", 1980).expect("saved");
    assert_eq!(pass(&mut a, &mut b), (0, 1));
    b.sync_well(&mut server);
    assert_eq!(year(&b, one), Some(Value::Int(1980)));
    agree(&server, &b);
}

#[test]
fn an_old_roster_merges_nothing_and_carries_everything() {
    let (mut server, [mut a, mut b]) = world(&BOTH);
    let one = a.create(server.site, "Rakoto");
    let contents = a.contents_for(&b);
    b.clock_ms = 31 * DAY_MS;
    let taken = b.take(&contents).expect("it is taken");
    let Outcome::Taken { frames: 1, changes: 0, unmerged: 1, roster_expired: true, .. } = taken else {
        panic!("{taken:?}")
    };
    a.clock_ms = 31 * DAY_MS;
    assert_eq!(a.give(b.device), Err(Failure::RosterExpired));
    b.clock_ms = 0;
    b.sync_well(&mut server);
    assert_eq!(server.records(RecordClass::Core), 1);
    assert!(b.engine.get(one).is_some());
    agree(&server, &b);
}

#[test]
fn a_signed_roster_is_sent_again_when_half_of_its_time_is_over() {
    let (mut server, [mut a]) = world(&BOTH);
    let issued =
        |phone: &Phone| phone.rows.iter().find(|((_, key), _)| key == b"roster").map(|(_, row)| row.clone());
    let before = issued(&a);
    server.clock_ms = 14 * DAY_MS;
    a.sync_well(&mut server);
    assert_eq!(issued(&a), before);
    server.clock_ms = 16 * DAY_MS;
    a.sync_well(&mut server);
    assert_ne!(issued(&a), before);
    assert_eq!(a.engine.status().devices.len(), 1);
}

#[test]
fn a_copy_of_the_author_that_went_on_otherwise_wins_where_the_server_knows_it() {
    let (mut server, [mut a, mut b]) = world(&BOTH);
    let one = a.create(server.site, "Rakoto");
    a.sync_well(&mut server);
    b.sync_well(&mut server);
    let mut copy = a.copy(50);
    a.set(one, "birth_year", 1980).expect("saved");
    assert_eq!(pass(&mut a, &mut b), (1, 0));
    b.set(one, "phone", "+261340000101").expect("saved");
    b.set(one, "birth_year", 1985).expect("saved");
    copy.set(one, "birth_year", 1970).expect("saved");
    copy.sync_well(&mut server);
    b.sync_well(&mut server);
    agree(&server, &b);
    assert!(b.engine.outbox().changes.is_empty(), "{:?}", b.engine.outbox());
    assert_eq!(server.value(one, "phone"), Some(Value::str("+261340000101")));
    a.sync_well(&mut server);
    b.sync_well(&mut server);
    agree(&server, &a);
    agree(&server, &b);
}

#[test]
fn an_own_change_that_is_refused_is_written_anew_although_another_stands_on_it() {
    let (mut server, [mut a, mut b]) = world(&BOTH);
    let one = a.create(server.site, "Rakoto");
    a.sync_well(&mut server);
    b.sync_well(&mut server);
    a.set(one, "birth_year", 1980).expect("saved");
    assert_eq!(pass(&mut a, &mut b), (1, 0));
    b.set(one, "birth_year", 1981).expect("saved");
    assert_eq!(pass(&mut b, &mut a), (1, 0));
    server.refuses = Some((RecordClass::Core, "bad-pred"));
    a.sync_cut(&mut server, &mut |request| if request == 0 { Cut::None } else { Cut::Request(0) })
        .expect("no crash");
    server.refuses = None;
    for _ in 0..2 {
        a.sync_well(&mut server);
        b.sync_well(&mut server);
    }
    assert!(a.engine.outbox().changes.is_empty(), "{:?}", a.engine.outbox());
    agree(&server, &a);
    let years = server.ever(one, "birth_year");
    assert!(years.contains("Int(1980)") && years.contains("Int(1981)"), "both were written anew: {years:?}");
    agree(&server, &b);
}

#[test]
fn a_withdrawn_feed_takes_what_was_passed_with_it() {
    let (mut server, [mut a, mut b]) = world(&BOTH);
    let one = a.create(server.site, "Rakoto");
    assert_eq!(pass(&mut a, &mut b), (1, 0));
    server.grant(2, &[Role::Payroll]);
    server.grant(2, &[]);
    b.sync_well(&mut server);
    assert!(b.engine.get(one).is_none());
    assert_eq!(b.engine.outbox().provisional, 0);
    assert_eq!(server.records(RecordClass::Core), 1, "it was delivered nevertheless");
}
