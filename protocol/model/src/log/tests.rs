use fieldmerge_protocol::{
    Action, Actor, AreaId, Change, ChangeHash, DeviceId, Incarnation, Op, OpId, RecordId, Value,
};
use proptest::prelude::*;

use super::*;
use crate::record::{BuildError, Refusal, Verdict};

fn actor(device: u8) -> Actor {
    Actor::new(DeviceId([device; 10]), 0, Incarnation([1; 4]))
}

fn person(number: u8) -> RecordId {
    RecordId([number; 16])
}

fn entry(number: i64) -> Vec<u8> {
    Tuple(vec![Item::Int(1), Item::Int(number), Item::Null]).encode()
}

fn new_log() -> NewLog {
    NewLog {
        actor: actor(1),
        id: RecordId([5; 16]),
        record_type: "attendance".into(),
        area: AreaId([6; 16]),
        month: "2026-03".into(),
    }
}

fn first() -> Change {
    let mut draft = new_log().draft().expect("a month");
    assert_eq!((draft.person(person(1)), draft.person(person(2)), draft.person(person(1))), (0, 1, 0));
    assert_eq!((draft.entry(entry(0)), draft.entry(entry(1))), (0, 1));
    draft.build(100).expect("a change")
}

fn offer(log: &mut LogState, change: &Change) -> Verdict {
    log.accept(change, change.encode().1, Provenance::default())
}

fn begun() -> LogState {
    let mut log = LogState::new(RecordId([5; 16]));
    assert_eq!(offer(&mut log, &first()), Verdict::Applied);
    log
}

fn second(log: &LogState) -> Change {
    let mut draft = log.draft().expect("a log");
    assert_eq!((draft.person(person(2)), draft.person(person(3))), (1, 2));
    assert_eq!(draft.entry(entry(2)), 2);
    draft.build(200).expect("a change")
}

#[test]
fn a_log_says_what_it_is_and_goes_on() {
    let mut log = begun();
    let heading = log.heading().expect("a heading");
    assert_eq!((heading.record_type.as_str(), heading.month.as_str()), ("attendance", "2026-03"));
    assert_eq!((heading.actor, heading.area), (actor(1), AreaId([6; 16])));
    let next = second(&log);
    assert_eq!(entries(&next).collect::<Vec<_>>(), [(2, &entry(2)[..])]);
    assert_eq!(persons(&next).collect::<Vec<_>>(), [(2, person(3))]);
    assert_eq!(offer(&mut log, &next), Verdict::Applied);
    assert_eq!(log.persons(), [person(1), person(2), person(3)]);
    assert_eq!((log.next_entry(), log.last_seq()), (3, 2));
    assert_eq!((log.entries_of(1), log.entries_of(2)), (0..2, 2..3));
    assert_eq!(log.find(actor(1), 2), log.head());
    assert_eq!((log.find(actor(1), 3), log.find(actor(2), 1), log.find(actor(1), 0)), (None, None, None));
    assert_eq!(log.draft().expect("a log").build(0), Err(BuildError::NothingToWrite));
    assert!(NewLog { month: "2026-13".into(), ..new_log() }.draft().is_none());
}

#[test]
fn repetition_forks_and_early_arrival_are_told_apart() {
    let log = begun();
    let next = second(&log);
    let mut other = LogState::new(log.id());
    assert_eq!(offer(&mut other, &next), Verdict::Held { missing: next.deps.clone() });
    assert_eq!(offer(&mut other, &first()), Verdict::Applied);
    assert_eq!(offer(&mut other, &next), Verdict::Applied);
    assert_eq!(offer(&mut other, &next), Verdict::Duplicate);
    assert_eq!(offer(&mut other, &Change { time: 201, ..next.clone() }), Verdict::Forked);
    assert_eq!(offer(&mut other, &Change { time: 201, ..first() }), Verdict::Forked);
    let third = other.append(300, &[], vec![entry(3)]).expect("a change");
    let mut late = log.clone();
    assert_eq!(offer(&mut late, &third), Verdict::Held { missing: third.deps.clone() });
}

#[test]
fn whatever_is_not_the_next_entries_of_the_writer_is_refused() {
    let log = begun();
    let good = second(&log);
    let refuse = |change: &Change| {
        let mut copy = log.clone();
        let verdict = offer(&mut copy, change);
        assert_eq!(copy, log, "a refused change left a trace");
        match verdict {
            Verdict::Refused(refusal) => refusal,
            other => panic!("{other:?}"),
        }
    };
    let with = |ops: Vec<Op>| Change { ops, ..good.clone() };
    let put = |path: &str, value: Value| Op {
        path: crate::record::path(path),
        action: Action::Put(value),
        pred: vec![],
    };
    let bytes = |path: &str| put(path, Value::Bytes(vec![0; 16]));
    assert_eq!(refuse(&Change { actor: actor(2), ..good.clone() }), Refusal::ForeignActor);
    assert_eq!(refuse(&Change { actor: actor(2), seq: 1, ..good.clone() }), Refusal::ForeignActor);
    assert_eq!(refuse(&Change { actor: actor(2), ..first() }), Refusal::ForeignActor);
    assert_eq!(refuse(&Change { seq: 2, ..first() }), Refusal::SecondRoot);
    assert_eq!(refuse(&Change { seq: 3, ..good.clone() }), Refusal::BadSeq);
    assert_eq!(refuse(&Change { start_op: good.start_op + 1, ..good.clone() }), Refusal::BadStartOp);
    assert_eq!(refuse(&with(vec![])), Refusal::Empty);
    assert_eq!(refuse(&with(vec![bytes("e/3")])), Refusal::BadEntry);
    assert_eq!(refuse(&with(vec![bytes("e/1")])), Refusal::BadEntry);
    assert_eq!(refuse(&with(vec![bytes("e/2"), bytes("e/4")])), Refusal::BadEntry);
    assert_eq!(refuse(&with(vec![bytes("e/2"), bytes("p/2")])), Refusal::BadEntry);
    assert_eq!(refuse(&with(vec![bytes("p/3")])), Refusal::BadEntry);
    assert_eq!(refuse(&with(vec![put("p/2", Value::Bytes(vec![0; 15]))])), Refusal::BadEntry);
    assert_eq!(refuse(&with(vec![put("e/2", Value::Int(1))])), Refusal::BadEntry);
    assert_eq!(refuse(&with(vec![bytes("e/02")])), Refusal::BadEntry);
    assert_eq!(refuse(&with(vec![bytes("remark")])), Refusal::BadEntry);
    let pred = vec![OpId { counter: 1, actor: actor(1) }];
    assert_eq!(refuse(&with(vec![Op { pred: pred.clone(), ..bytes("e/2") }])), Refusal::BadPred);
    let delete = Op { path: crate::record::path("e/1"), action: Action::Delete, pred };
    assert_eq!(refuse(&with(vec![delete])), Refusal::BadPred);

    let empty = LogState::new(RecordId([5; 16]));
    let begin = |change: &Change| offer(&mut empty.clone(), change);
    let mut stray = first();
    stray.ops[0].action = Action::Put(Value::Bytes(vec![8; 16]));
    assert_eq!(begin(&stray), Verdict::Refused(Refusal::WrongRecord));
    let mut timeless = first();
    timeless.ops[3].action = Action::Put(Value::str("March"));
    assert_eq!(begin(&timeless), Verdict::Refused(Refusal::NoIdentity));
    assert_eq!(begin(&Change { seq: 2, ..first() }), Verdict::Refused(Refusal::BadSeq));
}

#[test]
fn dependencies_are_the_own_previous_change_alone() {
    let mut log = begun();
    let next = second(&log);
    let root = first().encode().1;
    assert_eq!(offer(&mut log, &next), Verdict::Applied);
    let third = log.append(300, &[], vec![entry(3)]).expect("a change");
    for deps in [vec![root], vec![root, third.deps[0]]] {
        let mut copy = log.clone();
        assert_eq!(offer(&mut copy, &Change { deps, ..third.clone() }), Verdict::Refused(Refusal::BadDeps));
    }
}

#[test]
fn floats_are_as_short_as_rfc_8949_asks() {
    let hex = |number: f64| {
        let bytes = Tuple(vec![Item::F64(number)]).encode();
        assert_eq!(Tuple::decode(&bytes), Ok(Tuple(vec![Item::F64(number)])));
        bytes[1..].iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
    };
    let vectors = [
        (0.0, "f90000"),
        (-0.0, "f98000"),
        (1.5, "f93e00"),
        (65_504.0, "f97bff"),
        (100_000.0, "fa47c35000"),
        (f64::from(f32::MAX), "fa7f7fffff"),
        (1.0e300, "fb7e37e43c8800759c"),
        (5.960_464_477_539_063e-8, "f90001"),
        (0.000_061_035_156_25, "f90400"),
        (-4.1, "fbc010666666666666"),
        (f64::INFINITY, "f97c00"),
        (f64::NEG_INFINITY, "f9fc00"),
    ];
    for (number, expected) in vectors {
        assert_eq!(hex(number), expected, "{number}");
    }
    assert_eq!(Tuple(vec![Item::F64(f64::NAN)]).encode(), [0x81, 0xf9, 0x7e, 0x00]);
    assert!(Tuple::decode(&[0x81, 0xfa, 0, 0, 0, 0]).is_err() && Tuple::decode(&[0x81, 0x18, 0x01]).is_err());
    assert!(Tuple::decode(&[0x9f, 0xff]).is_err() && Tuple::decode(&[0x81, 0x80]).is_err());
}

fn items() -> impl Strategy<Value = Vec<Item>> {
    let float = prop_oneof![
        any::<f64>(),
        any::<f32>().prop_map(f64::from),
        (-2_100_000..2_100_000i32).prop_map(|number| f64::from(number) / 1_024.0),
        prop::num::f64::SUBNORMAL,
        Just(-0.0),
        Just(2f64.powi(-24)),
        Just(65_504.0),
    ];
    let item = prop_oneof![
        Just(Item::Null),
        any::<bool>().prop_map(Item::Bool),
        any::<i64>().prop_map(Item::Int),
        (-300..300i64).prop_map(Item::Int),
        (1 << 63..=u64::MAX).prop_map(Item::Large),
        float.prop_filter("NaN is not equal to itself", |number| !number.is_nan()).prop_map(Item::F64),
        ".{0,12}".prop_map(|text: String| Item::Str(text.into())),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(Item::Bytes),
    ];
    prop::collection::vec(item, 0..30)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn tuples_come_back_as_they_were(items in items()) {
        let bytes = Tuple(items.clone()).encode();
        prop_assert_eq!(Tuple::decode(&bytes), Ok(Tuple(items)));
    }

    #[test]
    fn what_reads_as_a_tuple_is_its_one_encoding(mut bytes in prop::collection::vec(any::<u8>(), 0..24), count in 0..4u8) {
        bytes.insert(0, 0x80 | count);
        if let Ok(tuple) = Tuple::decode(&bytes) {
            prop_assert_eq!(tuple.encode(), bytes);
        }
    }

    #[test]
    fn a_log_survives_storage_and_gives_back_its_changes(
        saves in prop::collection::vec((0..3u8, 0..5i64, any::<i64>()), 0..12),
        damage in (any::<prop::sample::Index>(), any::<u8>()),
    ) {
        let mut log = begun();
        let mut all = vec![entry(0), entry(1)];
        let mut changes = vec![first()];
        for (number, (persons, count, time)) in (0u8..).zip(saves) {
            let persons: Vec<RecordId> = (0..persons).map(|k| person(10 + number * 3 + k)).collect();
            let added: Vec<Vec<u8>> = (0..count).map(entry).collect();
            let Ok(change) = log.append(time >> 12, &persons, added.clone()) else { continue };
            prop_assert_eq!(offer(&mut log, &change), Verdict::Applied);
            let provenance = Provenance { frame: number.into(), position: 3, received_ms: time >> 20, ..Provenance::default() };
            prop_assert!(log.set_provenance(change.actor, change.seq, provenance));
            all.extend(added);
            changes.push(change);
        }
        let bytes = log.to_bytes();
        prop_assert_eq!(LogState::from_bytes(&bytes), Ok(log.clone()));
        for change in changes {
            let stored = log.change(change.seq, |n| all.get(usize::try_from(n).ok()?).cloned()).expect("a change");
            prop_assert_eq!(stored.hash, change.encode().1);
            prop_assert_eq!(stored.change, change);
        }
        let mut damaged = bytes.clone();
        damaged[damage.0.index(bytes.len())] = damage.1;
        for hostile in [&damaged[..], &bytes[..damage.0.index(bytes.len())]] {
            if let Ok(mut read) = LogState::from_bytes(hostile) {
                let _ = (read.digest(), read.entries_of(2), read.change(2, |_| Some(vec![])));
                if let Ok(change) = read.append(0, &[], vec![entry(0)]) {
                    let _ = read.accept(&change, ChangeHash([0; 32]), Provenance::default());
                }
            }
        }
    }
}
