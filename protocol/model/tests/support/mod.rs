//! What the property tests share: histories made through automerge's own API, conversions in both directions that do
//! not use our codec, and a hold for changes that come too early.

#![allow(dead_code, reason = "each test uses a part")]

use std::collections::BTreeMap;
use std::num::NonZeroU64;

use automerge::transaction::{CommitOptions, Transactable};
use automerge::{ActorId, Automerge, ExpandedChange, ObjId, ROOT, ReadDoc, ScalarValue, legacy};
use fieldmerge_model::record::{NewRecord, Provenance, RecordState, Verdict};
use fieldmerge_protocol::{Action, Actor, AreaId, Change, ChangeHash, Op, OpId, Path, RecordId, Value};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

pub const RECORD: RecordId = RecordId([7; 16]);
pub const AREA: AreaId = AreaId([9; 16]);

pub type Registers = BTreeMap<String, Vec<(OpId, Value)>>;

/// So many cases, or as many as `PROPTEST_CASES` asks for.
pub fn config(cases: u32) -> ProptestConfig {
    let persistence = FileFailurePersistence::WithSource("regressions");
    let default =
        ProptestConfig { failure_persistence: Some(Box::new(persistence)), ..ProptestConfig::default() };
    if std::env::var_os("PROPTEST_CASES").is_some() { default } else { ProptestConfig { cases, ..default } }
}

/// Actors whose byte order is not their number order.
pub fn actor(number: u8) -> Actor {
    Actor([[0x40, 0xc0, 0x10, 0x90, 0xf0, 0x05][usize::from(number) % 6]; 16])
}

pub fn path(text: &str) -> Path {
    Path::new(text).expect("a valid path")
}

/// The names that histories write.
pub fn name(number: u8) -> &'static str {
    ["sex", "birth_year", "languages/mlg", "wage_rate"][usize::from(number) % 4]
}

pub fn value(number: u8) -> Value {
    match number % 8 {
        0 => Value::Null,
        1 => Value::Bool(true),
        2 => Value::Int(-3),
        3 => Value::Uint(u64::MAX),
        4 => Value::F64(0.5),
        5 => Value::str("Voahangy"),
        6 => Value::Bytes(vec![1, 2, 3]),
        _ => Value::Timestamp(1_700_000_000_000),
    }
}

pub fn scalar(value: &Value) -> ScalarValue {
    match value {
        Value::Null => ScalarValue::Null,
        Value::Bool(yes) => ScalarValue::Boolean(*yes),
        Value::Int(number) => ScalarValue::Int(*number),
        Value::Uint(number) => ScalarValue::Uint(*number),
        Value::F64(number) => ScalarValue::F64(*number),
        Value::Str(text) => ScalarValue::Str(text.clone()),
        Value::Bytes(bytes) => ScalarValue::Bytes(bytes.clone()),
        Value::Timestamp(number) => ScalarValue::Timestamp(*number),
    }
}

fn value_of(scalar: &ScalarValue) -> Value {
    match scalar {
        ScalarValue::Null => Value::Null,
        ScalarValue::Boolean(yes) => Value::Bool(*yes),
        ScalarValue::Int(number) => Value::Int(*number),
        ScalarValue::Uint(number) => Value::Uint(*number),
        ScalarValue::F64(number) => Value::F64(*number),
        ScalarValue::Str(text) => Value::Str(text.clone()),
        ScalarValue::Bytes(bytes) => Value::Bytes(bytes.clone()),
        ScalarValue::Timestamp(number) => Value::Timestamp(*number),
        other => panic!("{other:?} is no flat value"),
    }
}

pub fn actor_id(actor: Actor) -> ActorId {
    ActorId::from(actor.0)
}

fn actor_of(id: &ActorId) -> Actor {
    Actor(id.to_bytes().try_into().expect("sixteen bytes"))
}

/// A change of automerge as ours.
pub fn ours(theirs: &automerge::Change) -> (Change, ChangeHash) {
    let expanded = theirs.decode();
    let ops = expanded.operations.iter().map(|op| {
        let legacy::Key::Map(key) = &op.key else { panic!("not a map key") };
        let action = match &op.action {
            legacy::OpType::Put(value) => Action::Put(value_of(value)),
            legacy::OpType::Delete => Action::Delete,
            other => panic!("{other:?} is no flat operation"),
        };
        let pred = op.pred.iter().map(|id| OpId { counter: id.counter(), actor: actor_of(id.actor()) });
        Op { path: path(key), action, pred: pred.collect() }
    });
    let change = Change {
        actor: actor_of(&expanded.actor_id),
        seq: expanded.seq,
        start_op: expanded.start_op.get(),
        time: expanded.time,
        deps: expanded.deps.iter().map(|hash| ChangeHash(hash.0)).collect(),
        ops: ops.collect(),
    };
    (change, ChangeHash(theirs.hash().0))
}

/// Our change as automerge encodes it, whether valid or not.
pub fn theirs(change: &Change) -> automerge::Change {
    let operations = change.ops.iter().map(|op| legacy::Op {
        action: match &op.action {
            Action::Put(value) => legacy::OpType::Put(scalar(value)),
            Action::Delete => legacy::OpType::Delete,
        },
        obj: legacy::ObjectId::Root,
        key: legacy::Key::Map(op.path.as_str().into()),
        pred: op.pred.iter().map(|id| legacy::OpId::new(id.counter, &actor_id(id.actor))).collect(),
        insert: false,
    });
    automerge::Change::from(ExpandedChange {
        operations: operations.collect(),
        actor_id: actor_id(change.actor),
        hash: None,
        seq: change.seq,
        start_op: NonZeroU64::new(change.start_op).expect("counters begin at 1"),
        time: change.time,
        message: None,
        deps: change.deps.iter().map(|hash| automerge::ChangeHash(hash.0)).collect(),
        extra_bytes: Vec::new(),
        author: None,
    })
}

/// The first change of the record.
pub fn root() -> Change {
    let record = NewRecord {
        actor: actor(0),
        time: 1,
        id: RECORD,
        record_type: "worker".into(),
        area: AREA,
        subject: None,
        puts: vec![(path("sex"), Value::str("f")), (path("birth_year"), Value::Int(2003))],
    };
    record.build().expect("a first change")
}

/// What automerge sees.
pub fn registers_of(doc: &Automerge) -> Registers {
    let read = |key: String| {
        let all = doc.get_all(ROOT, key.as_str()).expect("a readable key");
        let mut live: Vec<(OpId, Value)> = all
            .iter()
            .map(|(value, id)| (op_id(id), value_of(value.as_scalar().expect("a scalar"))))
            .collect();
        let (_, winner) = doc.get(ROOT, key.as_str()).expect("a readable key").expect("a value");
        live.sort_by_key(|(id, _)| *id);
        assert_eq!(live.last().expect("a value").0, op_id(&winner), "the greatest id wins");
        (key, live)
    };
    doc.keys(ROOT).map(read).collect()
}

fn op_id(id: &ObjId) -> OpId {
    let ObjId::Id(counter, actor, _) = id else { panic!("an operation") };
    OpId { counter: *counter, actor: actor_of(actor) }
}

/// What the state sees.
pub fn registers(state: &RecordState) -> Registers {
    let read = |path: &Path| {
        let live: Vec<(OpId, Value)> =
            state.get_all(path.as_str()).map(|(id, value)| (id, value.clone())).collect();
        assert_eq!(state.get(path.as_str()), live.last().map(|(_, value)| value));
        (path.as_str().to_owned(), live)
    };
    let winners = state.paths().filter_map(|path| Some((path, state.get(path.as_str())?)));
    assert!(state.winners().eq(winners), "the winners are what is read path by path");
    state.paths().map(read).collect()
}

/// One thing that happens in a history.
#[derive(Debug, Clone)]
pub enum Step {
    /// An actor writes; `None` deletes.
    Edit { actor: u8, writes: Vec<(u8, Option<u8>)> },
    /// One actor takes over what another one has.
    Merge { into: u8, from: u8 },
}

pub fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let write = (0..4u8, prop_oneof![5 => (0..8u8).prop_map(Some), 1 => Just(None)]);
    let edit =
        (0..4u8, prop::collection::vec(write, 1..4)).prop_map(|(actor, writes)| Step::Edit { actor, writes });
    let merge = (0..4u8, 0..4u8).prop_map(|(into, from)| Step::Merge { into, from });
    prop::collection::vec(prop_oneof![3 => edit, 2 => merge], 0..most)
}

/// A document with the record's first change and this actor.
pub fn begin(number: u8) -> Automerge {
    let mut doc = Automerge::new();
    doc.apply_changes([theirs(&root())]).expect("a first change");
    doc.set_actor(actor_id(actor(number)));
    doc
}

/// Writes through automerge's own API; gives the change, if there was anything to write.
pub fn write(doc: &mut Automerge, time: i64, writes: &[(Path, Option<Value>)]) -> Option<automerge::Change> {
    let before = doc.get_heads();
    let done = doc.transact_with::<_, _, automerge::AutomergeError, _>(
        |()| CommitOptions::default().with_time(time),
        |tx| {
            for (path, value) in writes {
                match value {
                    Some(value) => tx.put(ROOT, path.as_str(), scalar(value))?,
                    None => tx.delete(ROOT, path.as_str())?,
                }
            }
            Ok(())
        },
    );
    done.expect("writes that automerge takes");
    let heads = doc.get_heads();
    if heads == before { None } else { doc.get_last_local_change() }
}

/// Plays a history on four phones and merges them.
pub fn play(steps: &[Step]) -> Automerge {
    let mut docs: Vec<Automerge> = (0..4).map(begin).collect();
    for (time, step) in (0..).zip(steps) {
        match step {
            Step::Edit { actor, writes } => {
                let writes: Vec<_> =
                    writes.iter().map(|(name_, value_)| (path(name(*name_)), value_.map(value))).collect();
                write(&mut docs[usize::from(*actor)], time, &writes);
            }
            Step::Merge { into, from } if into != from => {
                let mut other = docs[usize::from(*from)].fork();
                docs[usize::from(*into)].merge(&mut other).expect("a merge");
            }
            Step::Merge { .. } => {}
        }
    }
    let mut all = docs.remove(0);
    for doc in &mut docs {
        all.merge(doc).expect("a merge");
    }
    all
}

pub fn changes_of(doc: &Automerge) -> Vec<(Change, ChangeHash)> {
    doc.get_changes(&[]).iter().map(ours).collect()
}

/// Offers changes in the order of the keys, some twice, and again while something is held; returns the state.
pub fn deliver(changes: &[(Change, ChangeHash)], keys: &[u16]) -> RecordState {
    let key = |place: usize| keys.get(place % keys.len().max(1)).copied().unwrap_or_default();
    let mut order: Vec<usize> =
        (0..changes.len()).chain((0..changes.len()).filter(|place| key(*place) % 3 == 0)).collect();
    let mut turn = 0;
    order.sort_by_cached_key(|_| {
        turn += 1;
        key(turn).wrapping_mul(31).rotate_left(5)
    });
    let mut state = RecordState::new(RECORD);
    let mut waiting = order;
    while !waiting.is_empty() {
        let before = waiting.len();
        waiting.retain(|place| {
            let (change, hash) = &changes[*place];
            match state.accept(change, *hash, Provenance::default()) {
                Verdict::Applied | Verdict::Duplicate => false,
                Verdict::Held { missing } => {
                    assert!(!missing.is_empty() && missing.iter().all(|hash| change.deps.contains(hash)));
                    true
                }
                other => panic!("{other:?} for a change that automerge made"),
            }
        });
        assert!(waiting.len() < before, "what is held is released when all came");
    }
    state
}
