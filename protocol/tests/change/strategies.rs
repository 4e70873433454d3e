//! Arbitrary values, paths and changes.

use std::collections::BTreeSet;

use fieldmerge_protocol::change::{MAX_COUNTER, MAX_OPS, MAX_TIME};
use fieldmerge_protocol::{Action, Actor, Change, ChangeHash, Op, OpId, Path, Value};
use proptest::collection::{btree_set, vec};
use proptest::prelude::*;

/// Every type of scalar, small and large.
pub fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        2 => Just(Value::Null),
        2 => any::<bool>().prop_map(Value::Bool),
        2 => (-200_i64..200).prop_map(Value::Int),
        1 => any::<i64>().prop_map(Value::Int),
        1 => (0..64_u32, any::<bool>()).prop_map(|(bits, less)| Value::Int((1_i64 << bits) - i64::from(less && bits < 63))),
        1 => any::<u64>().prop_map(Value::Uint),
        1 => (0..64_u32).prop_map(|bits| Value::Uint(1 << bits)),
        1 => (proptest::num::f64::NORMAL | proptest::num::f64::ZERO | proptest::num::f64::SUBNORMAL).prop_map(Value::F64),
        2 => "[a-z]{0,3}".prop_map(Value::str),
        2 => "\\PC{0,40}".prop_map(Value::str),
        1 => vec(any::<u8>(), 0..200).prop_map(Value::Bytes),
        1 => any::<i64>().prop_map(Value::Timestamp),
    ]
}

/// Paths from a small pool, so that they meet.
pub fn path() -> impl Strategy<Value = Path> {
    let long = "a".repeat(128);
    prop_oneof![
        8 => prop::sample::select(vec!["_id", "sex", "languages/mlg", "kids/0f-A_1/name", "e/0", "village"]).prop_map(str::to_owned),
        1 => Just(long),
        1 => "[a-z]{1,2}(/[A-Z]{1,20}){0,4}",
    ]
    .prop_map(|text| Path::new(&text).expect("follows the grammar"))
}

/// Device clocks, right and wrong.
pub fn time() -> impl Strategy<Value = i64> {
    prop_oneof![Just(0), 1_700_000_000_000..1_800_000_000_000_i64, -100..100_i64, -MAX_TIME..=MAX_TIME]
}

fn actor() -> impl Strategy<Value = Actor> {
    prop_oneof![
        prop::sample::select(vec![Actor([0; 16]), Actor([7; 16]), Actor([255; 16])]),
        any::<[u8; 16]>().prop_map(Actor),
    ]
}

fn id() -> impl Strategy<Value = OpId> {
    let counter = prop_oneof![1..200_u64, 1..=MAX_COUNTER];
    (counter, actor()).prop_map(|(counter, actor)| OpId { counter, actor })
}

fn op() -> impl Strategy<Value = Op> {
    let action = prop_oneof![4 => value().prop_map(Action::Put), 1 => Just(Action::Delete)];
    let preds = prop_oneof![3 => Just(BTreeSet::new()), 1 => btree_set(id(), 0..5)];
    (path(), action, preds).prop_map(|(path, action, pred)| Op {
        path,
        action,
        pred: pred.into_iter().collect(),
    })
}

/// Any change that can be written canonically, whether a history could make it or not.
pub fn change() -> impl Strategy<Value = Change> {
    let number = || prop_oneof![1..300_u64, 1..=MAX_COUNTER - MAX_OPS as u64];
    let deps = btree_set(any::<[u8; 32]>(), 0..4);
    (actor(), number(), number(), time(), deps, vec(op(), 0..70)).prop_map(
        |(actor, seq, start_op, time, deps, ops)| Change {
            actor,
            seq,
            start_op,
            time,
            deps: deps.into_iter().map(ChangeHash).collect(),
            ops,
        },
    )
}
