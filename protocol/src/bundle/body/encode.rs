//! Writing a body in columns. [`super::decode`] says in which order they stand.

use std::collections::HashMap;

use super::super::BundleError;
use super::super::wire::put_len;
use super::columns::Column;
use super::deps::Deps;
use super::history::History;
use super::lanes::Lanes;
use super::shapes::{Kind, Replaces, Slot, Tables};
use super::{Acknowledged, Entry, blobs, entries as log_entries, ints};
use crate::{Action, Actor, Op, OpId, RecordId, Value};

/// What is said about each change, besides its operations and dependencies.
#[derive(Debug, Default)]
struct Heads {
    shapes: Vec<i64>,
    actors: Vec<i64>,
    records: Vec<i64>,
    times: Vec<i64>,
    seqs: Vec<i64>,
    start_ops: Vec<i64>,
}

/// Runs of `e/<n>` or `p/<k>`, in the order of the changes.
#[derive(Debug, Default)]
struct Runs<'a> {
    starts: Vec<i64>,
    lengths: Vec<i64>,
    entries: Vec<&'a [u8]>,
    persons: Vec<&'a [u8]>,
    person_times: Vec<i64>,
}

/// Predecessors that are named, and the last counter named for each path.
#[derive(Debug, Default)]
struct Named {
    actors: Vec<i64>,
    counters: Vec<i64>,
    last: Vec<u64>,
}

/// The state of an encoder.
struct Writer<'a> {
    actors: Vec<Actor>,
    actor_numbers: HashMap<Actor, i64>,
    ids: Vec<&'a [u8]>,
    tables: Tables<'a>,
    history: History,
    heads: Heads,
    deps: Deps,
    runs: Runs<'a>,
    named: Named,
    columns: Vec<Column<'a>>,
    column_numbers: HashMap<(u32, Kind), usize>,
    /// The column of each slot.
    slot_columns: Vec<usize>,
}

/// Encodes changes, which the caller has checked, into lanes.
pub(super) fn encode<'a>(
    entries: &'a [Entry<'a>],
    acknowledged: &Acknowledged<'_>,
) -> Result<Lanes, BundleError> {
    let (record_of, previous) = number_records(entries);
    let mut writer = Writer::new(entries, record_of);
    let (mut shape, mut last_shape) = (Vec::new(), None);
    for (index, entry) in entries.iter().enumerate() {
        writer.head(index, entry, previous[index], acknowledged);
        shape.clear();
        writer.ops(index, entry, &mut shape);
        writer.heads.shapes.push(writer.tables.shape(&shape, &mut last_shape));
        let end = entry.change.max_op() + 1;
        writer.history.push(entry.change.actor, entry.change.seq, end);
    }
    if writer.tables.fit() { Ok(writer.finish(entries.len())) } else { Err(BundleError::TooLarge("paths")) }
}

/// Numbers the records by their first change, and finds the previous change of each change's record.
fn number_records(entries: &[Entry<'_>]) -> (Vec<u32>, Vec<Option<u32>>) {
    let mut numbers: HashMap<RecordId, (u32, u32)> = HashMap::with_capacity(entries.len());
    let (mut record_of, mut previous) = (Vec::new(), Vec::new());
    for (index, entry) in entries.iter().enumerate() {
        let next = numbers.len() as u32;
        let seen = numbers.get(&entry.record).copied();
        let number = seen.map_or(next, |(number, _)| number);
        numbers.insert(entry.record, (number, index as u32));
        record_of.push(number);
        previous.push(seen.map(|(_, last)| last));
    }
    (record_of, previous)
}

/// Whether the change names its own record: by its first put of bytes at `_id`.
fn names_itself(entry: &Entry<'_>) -> bool {
    let id = entry.change.ops.iter().find_map(own_id);
    id == Some(entry.record.0.as_slice())
}

/// The record id that an operation puts.
pub(super) fn own_id(op: &Op) -> Option<&[u8]> {
    match &op.action {
        Action::Put(Value::Bytes(id)) if op.path.as_str() == "_id" => Some(id),
        _ => None,
    }
}

/// The kind, number and value of an operation that can stand in a run. The greatest number cannot: a run needs one
/// after it.
fn run_member(op: &Op) -> Option<(Kind, u64, &[u8])> {
    let Action::Put(Value::Bytes(bytes)) = &op.action else { return None };
    if !op.pred.is_empty() {
        return None;
    }
    let entry = op.path.entry_number().map(|number| (Kind::Entries, number));
    let member = entry.or_else(|| op.path.person_number().map(|number| (Kind::Persons, number)));
    member.filter(|&(_, number)| number < u64::MAX).map(|(kind, number)| (kind, number, bytes.as_slice()))
}

impl<'a> Writer<'a> {
    fn new(entries: &[Entry<'_>], record_of: Vec<u32>) -> Self {
        Self {
            actors: Vec::new(),
            actor_numbers: HashMap::new(),
            ids: Vec::new(),
            tables: Tables::default(),
            history: History::new(record_of),
            heads: Heads::default(),
            deps: Deps::new(entries),
            runs: Runs::default(),
            named: Named::default(),
            columns: Vec::new(),
            column_numbers: HashMap::new(),
            slot_columns: Vec::new(),
        }
    }

    fn actor(&mut self, actor: Actor) -> i64 {
        actor_number(&mut self.actors, &mut self.actor_numbers, actor)
    }

    fn head(
        &mut self,
        index: usize,
        entry: &'a Entry<'a>,
        previous: Option<u32>,
        acknowledged: &Acknowledged<'_>,
    ) {
        let change = entry.change;
        let author = self.actor(change.actor);
        let record = match previous {
            Some(_) => 1 + i64::from(self.history.records_seen() - self.history.record_number(index)),
            None if names_itself(entry) => 0,
            None => {
                self.ids.push(&entry.record.0);
                1
            }
        };
        let seq = change.seq.wrapping_sub(self.history.last_seq(index, change.actor));
        let start = change.start_op.wrapping_sub(self.history.start_op(self.deps.in_frame(entry)));
        let heads = &mut self.heads;
        heads.actors.push(author);
        heads.records.push(record);
        heads.times.push(change.time);
        heads.seqs.push(seq.cast_signed());
        heads.start_ops.push(start.cast_signed());
        let (actors, numbers) = (&mut self.actors, &mut self.actor_numbers);
        self.deps.push(entry, previous, acknowledged, &mut |actor| actor_number(actors, numbers, actor));
    }

    fn ops(&mut self, index: usize, entry: &'a Entry<'a>, shape: &mut Vec<u32>) {
        let change = entry.change;
        let (mut at, mut expected) = (0, 0);
        while let Some(op) = change.ops.get(at) {
            let slot = if let Some((kind, start, _)) = run_member(op) {
                let length = self.run(index, kind, start, &change.ops[at..], change.time);
                at += length;
                self.slot(Slot { path: 0, kind, replaces: Replaces::Nothing }, expected)
            } else {
                let slot = self.op(index, entry, at, expected);
                at += 1;
                slot
            };
            shape.push(slot);
            expected = slot + 1;
        }
    }

    /// Takes a run as far as it goes.
    fn run(&mut self, index: usize, kind: Kind, start: u64, ops: &'a [Op], time: i64) -> usize {
        let mut next = start;
        let mut length = 0;
        while let Some(value) = ops
            .get(length)
            .and_then(run_member)
            .and_then(|(other, number, value)| (other == kind && number == next).then_some(value))
        {
            if kind == Kind::Persons {
                self.runs.persons.push(value);
                self.runs.person_times.push(time);
            } else {
                self.runs.entries.push(value);
            }
            length += 1;
            next += 1;
        }
        let base = self.history.next_number(index, kind);
        self.runs.starts.push(start.wrapping_sub(base).cast_signed());
        self.runs.lengths.push(length as i64 - 1);
        self.history.set_next_number(index, kind, next);
        length
    }

    /// Takes one operation and gives its slot.
    fn op(&mut self, index: usize, entry: &'a Entry<'a>, at: usize, expected: u32) -> u32 {
        let change = entry.change;
        let op = &change.ops[at];
        let path = self.tables.path(op.path.as_str(), expected);
        let remembers = self.history.remembers(index);
        let replaces = match op.pred.as_slice() {
            [] => Replaces::Nothing,
            [one] if remembers && self.history.last_put(index, path) == Some(*one) => Replaces::Last,
            more => {
                self.name(path, change.actor, more);
                Replaces::Named(more.len() as u32)
            }
        };
        let (kind, put) = match &op.action {
            Action::Delete => (Kind::Delete, None),
            Action::Put(value) => (Kind::of(value), Some(value)),
        };
        if remembers {
            let id = OpId { counter: change.start_op + at as u64, actor: change.actor };
            self.history.wrote(index, path, put.map(|_| id));
        }
        let slot = self.slot(Slot { path, kind, replaces }, expected);
        if let Some(value) = put {
            self.columns[self.slot_columns[slot as usize]].push(value, change.time);
        }
        slot
    }

    fn slot(&mut self, slot: Slot, expected: u32) -> u32 {
        let (number, is_new) = self.tables.slot(slot, expected);
        if is_new {
            let next = self.columns.len();
            let column = *self.column_numbers.entry((slot.path, slot.kind)).or_insert(next);
            if column == next {
                self.columns.push(Column::new(slot.kind));
            }
            self.slot_columns.push(column);
        }
        number
    }

    fn name(&mut self, path: u32, author: Actor, ids: &[OpId]) {
        let path = path as usize;
        if self.named.last.len() <= path {
            self.named.last.resize(path + 1, 0);
        }
        for id in ids {
            let actor = if id.actor == author { 0 } else { 1 + self.actor(id.actor) };
            self.named.actors.push(actor);
            self.named.counters.push(id.counter.wrapping_sub(self.named.last[path]).cast_signed());
            self.named.last[path] = id.counter;
        }
    }

    fn finish(self, count: usize) -> Lanes {
        let mut lanes = Lanes::default();
        put_len(&mut lanes.meta, count);
        put_actors(&mut lanes, &self.actors);
        self.tables.put(&mut lanes);
        let heads = &self.heads;
        ints::put(&mut lanes, &heads.shapes);
        ints::put(&mut lanes, &heads.records);
        ints::put(&mut lanes, &heads.actors);
        ints::put(&mut lanes, &heads.times);
        ints::put(&mut lanes, &heads.seqs);
        ints::put(&mut lanes, &heads.start_ops);
        blobs::put(&mut lanes, &self.ids, &[]);
        self.deps.put(&mut lanes);
        ints::put(&mut lanes, &self.runs.starts);
        ints::put(&mut lanes, &self.runs.lengths);
        ints::put(&mut lanes, &self.named.actors);
        ints::put(&mut lanes, &self.named.counters);
        self.columns.iter().for_each(|column| column.put(&mut lanes));
        log_entries::put(&mut lanes, &self.runs.entries);
        blobs::put(&mut lanes, &self.runs.persons, &self.runs.person_times);
        lanes
    }
}

fn actor_number(actors: &mut Vec<Actor>, numbers: &mut HashMap<Actor, i64>, actor: Actor) -> i64 {
    // Most changes of a frame have one author.
    if actors.first() == Some(&actor) {
        return 0;
    }
    *numbers.entry(actor).or_insert_with(|| {
        actors.push(actor);
        actors.len() as i64 - 1
    })
}

/// Each actor as how many bytes it shares with the one before, and the others.
fn put_actors(lanes: &mut Lanes, actors: &[Actor]) {
    put_len(&mut lanes.meta, actors.len());
    let mut last: &[u8] = &[];
    for actor in actors {
        let shared = actor.0.iter().zip(last).take_while(|(a, b)| a == b).count();
        put_len(&mut lanes.meta, shared);
        lanes.raw.extend_from_slice(&actor.0[shared..]);
        last = &actor.0;
    }
}
