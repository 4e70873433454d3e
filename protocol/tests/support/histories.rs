//! Arbitrary changes of several records, in frame order, with whatever dependencies and predecessors.

use std::collections::HashMap;

use fieldmerge_protocol::bundle::Entry;
use fieldmerge_protocol::{Action, Actor, Change, ChangeHash, Op, OpId, Path, RecordId, Value};
use proptest::collection::vec;
use proptest::prelude::*;

/// Changes of a frame, and what the receiver holds besides.
#[derive(Debug, Clone, Default)]
pub struct History {
    pub changes: Vec<(RecordId, Change, ChangeHash)>,
    /// Earlier changes, by record, actor and number.
    pub held: HashMap<(RecordId, Actor, u64), ChangeHash>,
}

impl History {
    pub fn entries(&self) -> Vec<Entry<'_>> {
        self.changes
            .iter()
            .map(|(record, change, hash)| Entry { record: *record, change, hash: *hash })
            .collect()
    }

    /// What a sender knows that the receiver holds.
    pub fn acknowledged(&self, record: RecordId, hash: &ChangeHash) -> Option<(Actor, u64)> {
        let found = self.held.iter().find(|((of, _, _), held)| *of == record && *held == hash);
        found.map(|((_, actor, seq), _)| (*actor, *seq))
    }

    pub fn known(&self, record: RecordId, actor: Actor, seq: u64) -> Option<ChangeHash> {
        self.held.get(&(record, actor, seq)).copied()
    }
}

#[derive(Debug, Clone)]
struct Draft {
    record: usize,
    actor: usize,
    named: bool,
    seq: Option<u64>,
    start_op: Option<u64>,
    time: i64,
    deps: Vec<DepDraft>,
    ops: Vec<OpDraft>,
    run: Option<(bool, u64, Vec<Vec<u8>>)>,
}

#[derive(Debug, Clone)]
enum DepDraft {
    /// The last change of the record in the frame, or any other so many changes back.
    Back(usize),
    Held(usize, u64),
    Strange([u8; 32]),
}

#[derive(Debug, Clone)]
struct OpDraft {
    path: usize,
    value: Option<Value>,
    preds: Vec<(usize, u64)>,
    replaces_last: bool,
}

pub fn history() -> impl Strategy<Value = History> {
    vec(draft(), 0..40).prop_map(build)
}

fn draft() -> impl Strategy<Value = Draft> {
    let counter = prop_oneof![9 => Just(None), 1 => (1..1_000_000_u64).prop_map(Some)];
    let dep = prop_oneof![
        6 => (0..3_usize).prop_map(DepDraft::Back),
        3 => (0..3_usize, 1..4_u64).prop_map(|(actor, seq)| DepDraft::Held(actor, seq)),
        1 => any::<[u8; 32]>().prop_map(DepDraft::Strange),
    ];
    let time = prop_oneof![8 => 1_700_000_000_000..1_700_000_900_000_i64, 1 => -(1_i64 << 53) + 1..1 << 53];
    let run = proptest::option::weighted(
        0.2,
        (any::<bool>(), prop_oneof![0..5_u64, Just(u64::MAX - 2)], vec(entry(), 1..6)),
    );
    (
        (0..6_usize, 0..3_usize, any::<bool>()),
        (counter.clone(), counter, time),
        vec(dep, 0..3),
        vec(op(), 0..12),
        run,
    )
        .prop_map(|((record, actor, named), (seq, start_op, time), deps, ops, run)| Draft {
            record,
            actor,
            named,
            seq,
            start_op,
            time,
            deps,
            ops,
            run,
        })
}

const PATHS: [&str; 16] = [
    "sex",
    "phone",
    "birth_date",
    "place",
    "note",
    "photo",
    "worker_number",
    "count",
    "money",
    "distance",
    "languages/mlg",
    "languages/fra",
    "born_at",
    "odd",
    "e/x",
    "subject",
];

fn op() -> impl Strategy<Value = OpDraft> {
    let value = (0..PATHS.len()).prop_flat_map(|path| (Just(path), value(path)));
    let preds = prop_oneof![3 => Just(Vec::new()), 1 => vec((0..3_usize, 1..60_u64), 1..4)];
    (value, preds, any::<bool>(), 0..10_u8).prop_map(|((path, value), preds, replaces_last, delete)| {
        OpDraft { path, value: (delete > 0).then_some(value), preds, replaces_last }
    })
}

/// Values as a form would have them at that path, and now and then any other.
fn value(path: usize) -> impl Strategy<Value = Value> {
    let usual: BoxedStrategy<Value> = match PATHS[path] {
        "sex" => text("female|male|prefer_not_to_say"),
        "phone" => text("\\+2613400[0-9]{5}"),
        "birth_date" => text("(19[0-9]{2}|20[01][0-9])-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-9])"),
        "place" => text("-1[0-9]\\.[0-9]{3,7} 4[0-9]\\.[0-9]{3,7} [0-9]{1,3} -?[1-9]\\.[0-9]"),
        "note" => text("[a-zéà ]{0,20}"),
        "photo" => text("[0-9a-f]{64}"),
        "worker_number" => text("07-[0-9]{4}-K3-[A-Z]"),
        "count" => (-3..200_i64).prop_map(Value::Int).boxed(),
        "money" => (0..10_i64).prop_map(|n| Value::Int(n * 50_000)).boxed(),
        "distance" => (-50..900_i32).prop_map(|n| Value::F64(f64::from(n) / 10.0)).boxed(),
        "languages/mlg" | "languages/fra" => Just(Value::Bool(true)).boxed(),
        "born_at" => (1_700_000_000_000..1_700_900_000_000_i64).prop_map(Value::Timestamp).boxed(),
        "subject" => uuid7().prop_map(|id| Value::Bytes(id.to_vec())).boxed(),
        _ => any_value(),
    };
    prop_oneof![9 => usual, 1 => any_value()]
}

fn text(pattern: &str) -> BoxedStrategy<Value> {
    proptest::string::string_regex(pattern).expect("a pattern").prop_map(Value::str).boxed()
}

fn any_value() -> BoxedStrategy<Value> {
    let float = any::<f64>().prop_filter("finite", |float| float.is_finite());
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        any::<u64>().prop_map(Value::Uint),
        float.prop_map(Value::F64),
        any::<String>().prop_map(Value::str),
        vec(any::<u8>(), 0..40).prop_map(Value::Bytes),
        any::<i64>().prop_map(Value::Timestamp),
    ]
    .boxed()
}

fn uuid7() -> impl Strategy<Value = [u8; 16]> {
    (any::<[u8; 16]>(), 0..1_000_000_u64).prop_map(|(mut id, millis)| {
        id[..6].copy_from_slice(&(1_700_000_000_000 + millis).to_be_bytes()[2..]);
        id[6] = 0x70 | id[6] & 0x0f;
        id[8] = 0x80 | id[8] & 0x3f;
        id
    })
}

/// An entry of a log: mostly a tuple, sometimes an odd one, sometimes no CBOR at all.
fn entry() -> impl Strategy<Value = Vec<u8>> {
    let tuple = (0..40_u64, 1..29_u8, any::<bool>(), 0..5_i64).prop_map(|(who, day, present, share)| {
        let mut cbor = minicbor::Encoder::new(Vec::new());
        let date = format!("2026-03-{day:02}");
        let written =
            cbor.array(4).and_then(|e| e.u64(who)).and_then(|e| e.str(&date)).and_then(|e| e.bool(present));
        written.and_then(|e| e.i64(share - 1)).expect("a Vec takes everything");
        cbor.into_writer()
    });
    let odd = (any::<i64>(), any::<u64>(), any::<f64>(), ".{0,5}", vec(any::<u8>(), 0..20), 0..5_u8)
        .prop_map(|(int, uint, float, text, bytes, kind)| {
            let mut cbor = minicbor::Encoder::new(Vec::new());
            let written = match kind {
                0 => cbor.array(2).and_then(|e| e.i64(int)).and_then(|e| e.bytes(&bytes)),
                1 => cbor.array(2).and_then(|e| e.u64(uint)).and_then(|e| e.str(&text)),
                2 => cbor.array(2).and_then(|e| e.f64(float)).and_then(minicbor::Encoder::null),
                3 => cbor.array(1).and_then(|e| e.f32(0.1)),
                _ => return vec![0x81, 0xf9, 0x34, 0x00],
            };
            written.expect("a Vec takes everything");
            cbor.into_writer()
        });
    prop_oneof![6 => tuple, 2 => odd, 1 => vec(any::<u8>(), 0..12)]
}

fn build(drafts: Vec<Draft>) -> History {
    let records: Vec<RecordId> = (0..6_u8).map(|n| RecordId(id(n))).collect();
    let actors: Vec<Actor> = [[1_u8; 16], [2; 16], [3; 16]]
        .into_iter()
        .enumerate()
        .map(|(index, mut bytes)| {
            // The second and third share a device.
            bytes[..10].fill(if index == 0 { 1 } else { 2 });
            Actor(bytes)
        })
        .collect();
    let mut held = HashMap::new();
    for (record, actor, seq) in
        records.iter().flat_map(|r| actors.iter().flat_map(move |a| (1..4).map(move |s| (r, a, s))))
    {
        let mut hash = [u8::try_from(seq).expect("below 4"); 32];
        hash[..16].copy_from_slice(&record.0);
        hash[16..24].copy_from_slice(&actor.0[4..12]);
        hash[1] ^= actor.0[15];
        held.insert((*record, *actor, seq), ChangeHash(hash));
    }
    let mut history = History { changes: Vec::new(), held };
    for draft in drafts {
        let change = finish(&draft, &history, &records, &actors);
        let hash = change.encode().1;
        history.changes.push((records[draft.record], change, hash));
    }
    history
}

fn id(number: u8) -> [u8; 16] {
    let mut id = [number; 16];
    // Odd ones are no UUIDs of version 7.
    if number.is_multiple_of(2) {
        (id[6], id[8]) = (0x70 | number, 0x80 | number);
    }
    id
}

fn finish(draft: &Draft, history: &History, records: &[RecordId], actors: &[Actor]) -> Change {
    let (record, actor) = (records[draft.record], actors[draft.actor]);
    let mine = history.changes.iter().filter(|(of, _, _)| *of == record);
    let last =
        mine.clone().filter(|(_, change, _)| change.actor == actor).map(|(_, change, _)| change.seq).max();
    let next = mine.map(|(_, change, _)| change.max_op() + 1).max().unwrap_or(1);
    let start_op = draft.start_op.unwrap_or(next);
    let mut ops = Vec::new();
    if draft.named {
        ops.push(Op {
            path: path("_id"),
            action: Action::Put(Value::Bytes(record.0.to_vec())),
            pred: Vec::new(),
        });
    }
    for (index, op) in draft.ops.iter().enumerate() {
        ops.push(finish_op(op, index, history, record, actors));
    }
    if let Some((persons, start, values)) = &draft.run {
        for (number, value) in (*start..=u64::MAX).zip(values) {
            let path = path(&format!("{}/{number}", if *persons { "p" } else { "e" }));
            ops.push(Op { path, action: Action::Put(Value::Bytes(value.clone())), pred: Vec::new() });
        }
    }
    let mut deps: Vec<ChangeHash> =
        draft.deps.iter().filter_map(|dep| dependency(dep, history, record, actors)).collect();
    deps.sort_unstable();
    deps.dedup();
    Change { actor, seq: draft.seq.unwrap_or(last.unwrap_or(0) + 1), start_op, time: draft.time, deps, ops }
}

fn dependency(dep: &DepDraft, history: &History, record: RecordId, actors: &[Actor]) -> Option<ChangeHash> {
    match dep {
        DepDraft::Back(0) => {
            history.changes.iter().rev().find(|(of, _, _)| *of == record).map(|(_, _, hash)| *hash)
        }
        DepDraft::Back(back) => history.changes.iter().rev().nth(*back).map(|(_, _, hash)| *hash),
        DepDraft::Held(actor, seq) => history.held.get(&(record, actors[*actor], *seq)).copied(),
        DepDraft::Strange(hash) => Some(ChangeHash(*hash)),
    }
}

fn finish_op(op: &OpDraft, _: usize, history: &History, record: RecordId, actors: &[Actor]) -> Op {
    let path = path(PATHS[op.path]);
    let mut pred: Vec<OpId> =
        op.preds.iter().map(|&(actor, counter)| OpId { counter, actor: actors[actor] }).collect();
    if op.replaces_last {
        let mine = history.changes.iter().rev().filter(|(of, _, _)| *of == record);
        let last = mine.flat_map(|(_, change, _)| {
            (0..change.ops.len()).rev().filter(|&at| change.ops[at].path == path).map(|at| change.op_id(at))
        });
        pred = last.take(1).collect();
    }
    pred.sort_unstable();
    pred.dedup();
    Op { path, action: op.value.clone().map_or(Action::Delete, Action::Put), pred }
}

pub fn path(text: &str) -> Path {
    Path::new(text).expect("a valid path")
}
