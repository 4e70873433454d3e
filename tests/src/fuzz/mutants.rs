//! Mutants of honest changes, with the right length and checksum: each is offered to a record or a log, and what that
//! accepts automerge has to load, save and load again.

use std::collections::BTreeMap;

use fieldmerge_model::log::{self, LogState};
use fieldmerge_model::record::{Provenance, RecordState, Verdict};
use fieldmerge_model::replay::{self, Registers};
use fieldmerge_protocol::{Action, Actor, Change, ChangeHash, Value};
use fieldmerge_server::clock::Stopwatch;

use super::change::{RECORD, body_of, offer};
use super::{sealed, seeds};
use crate::synthetic::{People, path};

/// What came of them.
#[derive(Debug, Default, Clone)]
pub struct Tally {
    /// How many were made.
    pub made: u64,
    /// How many of them are changes.
    pub decoded: u64,
    /// What the records said of those.
    pub verdicts: BTreeMap<String, u64>,
    /// The longest that decoding and offering one took, in microseconds.
    pub slowest_us: u128,
}

/// Histories, and the states of their records after each change.
pub struct Nursery {
    histories: Vec<History>,
}

struct History {
    changes: Vec<Change>,
    /// The states after each change.
    states: Vec<State>,
}

#[derive(Clone)]
enum State {
    Record(RecordState),
    /// A log, and the changes that it took: it holds no entries itself.
    Log(LogState, Vec<Change>),
}

impl History {
    fn of(mut state: State, changes: Vec<(Change, ChangeHash)>) -> Self {
        let mut history = Self { changes: Vec::new(), states: Vec::new() };
        for (change, hash) in changes {
            assert_eq!(state.offer(&change, hash), Verdict::Applied, "an honest change is taken");
            history.changes.push(change);
            history.states.push(state.clone());
        }
        history
    }
}

impl State {
    fn offer(&mut self, change: &Change, hash: ChangeHash) -> Verdict {
        match self {
            Self::Record(state) => offer(state, change, hash),
            Self::Log(log, taken) => {
                let before = log.change_count();
                let verdict = log.accept(change, hash, Provenance::default());
                let applied = verdict == Verdict::Applied;
                assert_eq!(log.change_count(), before + usize::from(applied));
                taken.extend(applied.then(|| change.clone()));
                verdict
            }
        }
    }

    /// Whether automerge sees what it says.
    fn is_true(&self) -> bool {
        match self {
            Self::Record(state) => replay::verify(state) == Ok(()),
            Self::Log(log, taken) => is_log_true(log, taken),
        }
    }
}

/// Whether a log gives its changes back as they came, automerge takes them, and sees each operation of them, once.
fn is_log_true(log: &LogState, taken: &[Change]) -> bool {
    let entries: BTreeMap<u64, &[u8]> = taken.iter().flat_map(log::entries).collect();
    let entry = |n| entries.get(&n).map(|bytes| bytes.to_vec());
    let stored: Option<Vec<_>> = (1..=log.last_seq()).map(|seq| log.change(seq, entry)).collect();
    let Some(stored) = stored else { return false };
    let same = stored.iter().map(|stored| &stored.change).eq(taken);
    let ours: Registers = taken
        .iter()
        .flat_map(|change| (0..).zip(&change.ops).map(|(place, op)| (change.op_id(place), op)))
        .filter_map(|(id, op)| match &op.action {
            Action::Put(value) => Some((op.path.as_str().to_owned(), vec![(id, value.clone())])),
            Action::Delete => None,
        })
        .collect();
    let bytes = log.to_bytes();
    let reads = LogState::from_bytes(&bytes).is_ok_and(|again| again.to_bytes() == bytes);
    same && reads && replay::registers(&stored) == Ok(ours)
}

impl Nursery {
    /// So many histories of records, and as many of logs.
    pub fn new(histories: u64) -> Self {
        let records = (0..histories)
            .map(|seed| History::of(State::Record(RecordState::new(RECORD)), seeds::history(seed)));
        let logs = (0..histories)
            .map(|seed| History::of(State::Log(LogState::new(RECORD), Vec::new()), seeds::log_history(seed)));
        Self { histories: records.chain(logs).collect() }
    }

    /// Makes and offers so many mutants; `after` is told of each, for instance to look at the memory.
    pub fn raise(&self, seed: u64, count: u64, mut after: impl FnMut(&[u8])) -> Tally {
        let mut people = People::new(seed);
        let mut tally = Tally::default();
        for _ in 0..count {
            let history = &self.histories[index(&mut people, self.histories.len())];
            let state = &history.states[index(&mut people, history.states.len())];
            let original = &history.changes[index(&mut people, history.changes.len())];
            let chunk = if people.below(2) == 0 {
                bytewise(&mut people, original, &history.changes)
            } else {
                wordwise(&mut people, original, &history.changes).encode().0
            };
            tally.made += 1;
            let mut state = state.clone();
            let stopwatch = Stopwatch::start();
            let decoded = Change::decode(&chunk);
            let verdict = decoded.as_ref().ok().map(|(change, hash)| state.offer(change, *hash));
            tally.slowest_us = tally.slowest_us.max(stopwatch.elapsed().as_micros());
            after(&chunk);
            let Some(verdict) = verdict else { continue };
            tally.decoded += 1;
            let name = match &verdict {
                Verdict::Refused(refusal) => refusal.code().to_owned(),
                Verdict::Held { .. } => "held".to_owned(),
                other => format!("{other:?}").to_lowercase(),
            };
            *tally.verdicts.entry(name).or_default() += 1;
            if verdict == Verdict::Applied {
                assert!(state.is_true(), "accepted, yet automerge differs: {}", hexadecimal(&chunk));
            }
        }
        tally
    }
}

fn index(people: &mut People, length: usize) -> usize {
    people.below(u32::try_from(length).expect("a short list")) as usize
}

/// Changes some bytes of the body and seals it again.
fn bytewise(people: &mut People, original: &Change, others: &[Change]) -> Vec<u8> {
    let mut body = body_of(&original.encode().0).to_vec();
    for _ in 0..=people.below(3) {
        let at = index(people, body.len());
        match people.below(6) {
            0 => body[at] ^= 1 << people.below(8),
            1 => body[at] = people.below(256).to_le_bytes()[0],
            2 => body.insert(at, people.below(256).to_le_bytes()[0]),
            3 if body.len() > 1 => _ = body.remove(at),
            4 => body[at] = body[at].wrapping_add(1),
            _ => {
                let other = body_of(&others[index(people, others.len())].encode().0).to_vec();
                let (from, length) = (index(people, other.len()), 1 + people.below(12) as usize);
                let piece = &other[from..(from + length).min(other.len())];
                let end = (at + piece.len()).min(body.len());
                body.splice(at..end, piece.iter().copied());
            }
        }
    }
    sealed(&body)
}

/// Changes what the change says: it stays canonical, and may be a lie.
fn wordwise(people: &mut People, original: &Change, others: &[Change]) -> Change {
    let mut change = original.clone();
    for _ in 0..=people.below(2) {
        let other = &others[index(people, others.len())];
        trick(people, &mut change, other);
    }
    change.deps.sort_unstable();
    change.deps.dedup();
    for op in &mut change.ops {
        op.pred.sort_unstable();
        op.pred.dedup();
    }
    (change.seq, change.start_op) = (change.seq.max(1), change.start_op.max(1));
    change
}

fn trick(people: &mut People, change: &mut Change, other: &Change) {
    let by = |people: &mut People| i64::from(people.below(5)) - 2;
    let op = index(people, change.ops.len().max(1)).min(change.ops.len().saturating_sub(1));
    match people.below(14) {
        0 => change.seq = change.seq.saturating_add_signed(by(people)),
        1 => change.start_op = change.start_op.saturating_add_signed(by(people)),
        2 => change.actor = other.actor,
        3 => change.actor = Actor([people.below(256).to_le_bytes()[0]; 16]),
        4 => change.deps.push(other.encode().1),
        5 => _ = change.deps.pop(),
        6 => change.deps.push(ChangeHash([people.below(256).to_le_bytes()[0]; 32])),
        7 => change.deps.clone_from(&other.deps),
        8 => change.ops.extend(other.ops.clone()),
        9 => change.time = change.time.saturating_add(by(people) << people.below(40)),
        _ if change.ops.is_empty() => {}
        10 => {
            let pred = other.op_id(index(people, other.ops.len().max(1)));
            change.ops[op].pred.push(pred);
        }
        11 => _ = change.ops[op].pred.pop(),
        12 => {
            change.ops[op].action = match people.below(4) {
                0 => Action::Delete,
                1 => Action::Put(Value::F64(0.5)),
                2 => Action::Put(Value::Bytes(vec![7; people.below(40) as usize])),
                _ => Action::Put(Value::str("Voahangy")),
            };
        }
        _ => {
            change.ops[op].path =
                path(["sex", "birth_year", "languages/mlg", "_area", "e/3", "p/1"][people.below(6) as usize]);
        }
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}
