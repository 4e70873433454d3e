//! Reading a body in columns.
//!
//! The order of things, in each lane: number of changes (uLEB, meta lane); actors; paths, slots and shapes
//! ([`super::shapes`]); then these columns, with a value for each change unless told otherwise:
//!
//! 1. shapes: 0 for one that takes the next number, else 1 + its number;
//! 2. records: 0 for a new one that its own `_id` names, 1 for a new one that is next in the ids column, else 2 +
//!    how many records came into the frame after it;
//! 3. actors, by number; 4. times;
//! 5. seq, less the last seq of this author in this record in this frame (0 if none);
//! 6. `start_op`, less the first free counter after those dependencies that stand earlier in this frame (1 if none);
//! 7. ids of the records that need one, a bytes column;
//! 8. dependencies ([`super::deps`]);
//! 9. for each run of entries or persons its first number, less that after the last such run of this record in this
//!    frame (0 if none), and 10. its length less 1;
//! 11. for each named predecessor 0 for the author of the change, else 1 + the number of its actor, and 12. its
//!     counter less the last one named for this path in this frame (0 if none);
//! 13. values ([`super::columns`]): one column for each path and kind, in the order of the slot table;
//! 14. entries ([`super::entries`]); 15. persons, a bytes column.

use std::collections::HashMap;

use super::super::wire::Reader;
use super::super::{BundleError, MAX_CHANGES, MAX_FRAME_OPS, MAX_FRAME_PREDS};
use super::blobs::Blobs;
use super::columns::Cells;
use super::encode::own_id;
use super::history::History;
use super::ints::{self, look_up, natural};
use super::lanes::LaneReader;
use super::shapes::{Kind, Replaces, Shapes, Slot};
use super::{DepRef, PackedChange, deps, entries, legal};
use crate::change::MAX_OPS;
use crate::{Action, Actor, Change, Op, OpId, Path, RecordId, Value};

type Result<T> = std::result::Result<T, BundleError>;
type Column = std::vec::IntoIter<i64>;

const OPS: BundleError = BundleError::TooLarge("operations");
const SHORT: BundleError = BundleError::Malformed("column");

/// What was read, before it is put together.
struct Parts {
    actors: Vec<Actor>,
    shapes: Shapes,
    /// The shape of each change.
    shape_of: Vec<usize>,
    history: History,
    authors: Column,
    times: Column,
    seqs: Column,
    starts: Column,
    /// The ids of records as far as they are known: those in the ids column at once, the others by their first change.
    ids: Vec<Option<RecordId>>,
    deps: std::vec::IntoIter<Vec<DepRef>>,
    run_starts: Column,
    run_lengths: Column,
    named_actors: Column,
    named_counters: Column,
    last_named: Vec<u64>,
    cells: Vec<Cells>,
    /// The column of each slot.
    slot_columns: Vec<usize>,
    entries: std::vec::IntoIter<Vec<u8>>,
    persons: Blobs,
}

/// Decodes what follows version and mode; see [`super::decode_body_behind`].
pub(super) fn decode(reader: &mut Reader<'_>, before: usize) -> Result<(Vec<PackedChange>, usize)> {
    let mut lanes = LaneReader::open(reader)?;
    let count = lanes.meta.count(MAX_CHANGES, "changes")?;
    let mut parts = Parts::get(&mut lanes, count)?;
    lanes.finish()?;
    let forgotten = if parts.stand_apart(before) { before } else { 0 };
    for index in 0..forgotten {
        parts.change(index)?;
    }
    let mut packed = (forgotten..count).map(|index| parts.change(index)).collect::<Result<Vec<_>>>()?;
    for dep in packed.iter_mut().flat_map(|packed| &mut packed.deps) {
        if let DepRef::InFrame(place) = dep {
            *place -= forgotten as u32;
        }
    }
    Ok((packed, before - forgotten))
}

impl Parts {
    fn get(lanes: &mut LaneReader<'_>, count: usize) -> Result<Self> {
        let actors = get_actors(lanes)?;
        let shapes = Shapes::get(lanes)?;
        let shape_of = shape_numbers(ints::get(lanes, count)?)?;
        let records = record_numbers(ints::get(lanes, count)?)?;
        let mut column = |count| ints::get(lanes, count).map(Vec::into_iter);
        let (authors, times) = (column(count)?, column(count)?);
        let (seqs, starts) = (column(count)?, column(count)?);
        let ids = records.ids(lanes)?;
        let deps = deps::get(lanes, &actors, &records.previous)?.into_iter();
        let sizes = Sizes::count(&shapes, &shape_of)?;
        let mut column = |count| ints::get(lanes, count).map(Vec::into_iter);
        let (run_starts, run_lengths) = (column(sizes.runs.len())?, column(sizes.runs.len())?);
        let (named_actors, named_counters) = (column(sizes.named)?, column(sizes.named)?);
        let [entry_count, person_count] = sizes.run_members(run_lengths.as_slice())?;
        let cells = sizes.columns.iter().map(|&(kind, count)| Cells::get(lanes, kind, count));
        let cells = cells.collect::<Result<_>>()?;
        let entries = entries::get(lanes, entry_count)?.into_iter();
        let persons = Blobs::get(lanes, person_count)?;
        Ok(Self {
            last_named: vec![0; shapes.paths.len()],
            actors,
            shapes,
            shape_of,
            history: History::new(records.record_of),
            authors,
            times,
            seqs,
            starts,
            ids,
            deps,
            run_starts,
            run_lengths,
            named_actors,
            named_counters,
            cells,
            slot_columns: sizes.slot_columns,
            entries,
            persons,
        })
    }

    /// Whether there are so many changes in front, and none behind them depends on one of them.
    fn stand_apart(&self, before: usize) -> bool {
        let in_front = |dep: &DepRef| matches!(dep, DepRef::InFrame(place) if (*place as usize) < before);
        self.deps.as_slice().get(before..).is_some_and(|behind| !behind.iter().flatten().any(in_front))
    }

    /// Puts the next change together.
    fn change(&mut self, index: usize) -> Result<PackedChange> {
        let deps = self.deps.next().ok_or(SHORT)?;
        let actor = look_up(&self.actors, self.authors.next().ok_or(SHORT)?)?;
        let time = self.times.next().ok_or(SHORT)?;
        let in_frame = deps.iter().filter_map(|dep| match dep {
            DepRef::InFrame(place) => Some(*place),
            _ => None,
        });
        let seq = self.seqs.next().ok_or(SHORT)?.cast_unsigned();
        let seq = seq.wrapping_add(self.history.last_seq(index, actor));
        let start = self.starts.next().ok_or(SHORT)?.cast_unsigned();
        let start_op = start.wrapping_add(self.history.start_op(in_frame));
        let mut change = Change { actor, seq, start_op, time, deps: Vec::new(), ops: Vec::new() };
        self.ops(index, &mut change)?;
        legal::check(&change, deps.len())?;
        self.history.push(actor, seq, change.max_op() + 1);
        let id = &mut self.ids[self.history.record_number(index) as usize];
        if id.is_none() {
            *id = change.ops.iter().find_map(own_id).and_then(|id| RecordId::try_from(id).ok());
        }
        let record = id.ok_or(BundleError::Malformed("record id"))?;
        Ok(PackedChange { record, change, deps })
    }

    fn ops(&mut self, index: usize, change: &mut Change) -> Result<()> {
        let shape = self.shapes.shape(self.shape_of[index]).ok_or(SHORT)?.to_vec();
        change.ops.reserve_exact(shape.len());
        for slot_number in shape {
            let slot = self.shapes.slots[slot_number as usize];
            if slot.kind.is_run() {
                self.run(index, slot.kind, change)?;
                continue;
            }
            if change.ops.len() >= MAX_OPS {
                return Err(OPS);
            }
            let column = self.slot_columns[slot_number as usize];
            let value = self.cells[column].next(change.time)?;
            let id =
                OpId { counter: change.start_op.wrapping_add(change.ops.len() as u64), actor: change.actor };
            let pred = self.pred(index, slot, change.actor)?;
            if self.history.remembers(index) {
                self.history.wrote(index, slot.path, value.is_some().then_some(id));
            }
            let path = self.shapes.paths[slot.path as usize].clone();
            change.ops.push(Op { path, action: value.map_or(Action::Delete, Action::Put), pred });
        }
        Ok(())
    }

    fn pred(&mut self, index: usize, slot: Slot, author: Actor) -> Result<Vec<OpId>> {
        let count = match slot.replaces {
            Replaces::Nothing => return Ok(Vec::new()),
            Replaces::Last => {
                let last = self.history.last_put(index, slot.path);
                return last.map(|id| vec![id]).ok_or(BundleError::Malformed("replaced operation"));
            }
            Replaces::Named(count) => count,
        };
        let last = &mut self.last_named[slot.path as usize];
        let mut ids = Vec::with_capacity(count as usize);
        for _ in 0..count {
            let actor = match self.named_actors.next().ok_or(SHORT)? {
                0 => author,
                number => look_up(&self.actors, number.wrapping_sub(1))?,
            };
            *last = last.wrapping_add(self.named_counters.next().ok_or(SHORT)?.cast_unsigned());
            ids.push(OpId { counter: *last, actor });
        }
        Ok(ids)
    }

    fn run(&mut self, index: usize, kind: Kind, change: &mut Change) -> Result<()> {
        let base = self.history.next_number(index, kind);
        let start = base.wrapping_add(self.run_starts.next().ok_or(SHORT)?.cast_unsigned());
        let length = natural(self.run_lengths.next().ok_or(SHORT)?, "run")?.saturating_add(1);
        if change.ops.len() + length > MAX_OPS {
            return Err(OPS);
        }
        let end = start.checked_add(length as u64).ok_or(BundleError::TooLarge("run"))?;
        for number in start..end {
            let bytes =
                if kind == Kind::Persons { self.persons.next(change.time) } else { self.entries.next() };
            let path = Path::new(&format!("{}{number}", kind.run_prefix()));
            let path = path.map_err(|_| BundleError::Malformed("path"))?;
            let action = Action::Put(Value::Bytes(bytes.ok_or(SHORT)?));
            change.ops.push(Op { path, action, pred: Vec::new() });
        }
        self.history.set_next_number(index, kind, end);
        Ok(())
    }
}

fn get_actors(lanes: &mut LaneReader<'_>) -> Result<Vec<Actor>> {
    let count = lanes.meta.count_here(usize::MAX, "actors")?;
    let mut actors = Vec::new();
    let mut last = [0; 16];
    for index in 0..count {
        let shared = lanes.meta.count(if index == 0 { 0 } else { 16 }, "actor")?;
        last[shared..].copy_from_slice(lanes.raw.take(16 - shared)?);
        actors.push(Actor(last));
    }
    Ok(actors)
}

/// The shape of each change.
fn shape_numbers(refs: Vec<i64>) -> Result<Vec<usize>> {
    let mut next = 0;
    let mut one = |shape: i64| match natural(shape, "shape")? {
        0 => {
            next += 1;
            Ok(next - 1)
        }
        known => Ok(known - 1),
    };
    refs.into_iter().map(&mut one).collect()
}

/// Which change belongs to which record.
struct Records {
    record_of: Vec<u32>,
    /// The previous change of the record of each change.
    previous: Vec<Option<u32>>,
    /// For each record whether the ids column names it.
    listed: Vec<bool>,
}

fn record_numbers(refs: Vec<i64>) -> Result<Records> {
    let mut records = Records { record_of: Vec::new(), previous: Vec::new(), listed: Vec::new() };
    let mut last: Vec<u32> = Vec::new();
    for (index, reference) in refs.into_iter().enumerate() {
        let reference = natural(reference, "record")?;
        let number = if reference < 2 {
            records.listed.push(reference == 1);
            records.previous.push(None);
            last.push(0);
            last.len() - 1
        } else {
            let number = (last.len() + 1).checked_sub(reference).ok_or(BundleError::Malformed("record"))?;
            records.previous.push(Some(last[number]));
            number
        };
        last[number] = index as u32;
        records.record_of.push(number as u32);
    }
    Ok(records)
}

impl Records {
    fn ids(&self, lanes: &mut LaneReader<'_>) -> Result<Vec<Option<RecordId>>> {
        let listed = self.listed.iter().filter(|&&listed| listed).count();
        let mut ids = Blobs::get(lanes, listed)?.timeless()?;
        let malformed = |_| BundleError::Malformed("record id");
        let one = |&listed: &bool| {
            if !listed {
                return Ok(None);
            }
            RecordId::try_from(ids.next().ok_or(SHORT)?.as_slice()).map(Some).map_err(malformed)
        };
        self.listed.iter().map(one).collect()
    }
}

/// How many values each column has.
struct Sizes {
    /// Kind and length of each column, in the order of the slot table.
    columns: Vec<(Kind, usize)>,
    slot_columns: Vec<usize>,
    /// The kinds of all runs, in the order of the changes.
    runs: Vec<Kind>,
    named: usize,
    ops: usize,
}

impl Sizes {
    fn count(shapes: &Shapes, shape_of: &[usize]) -> Result<Self> {
        let mut numbers = HashMap::new();
        let mut columns = Vec::new();
        let mut slot_columns = Vec::with_capacity(shapes.slots.len());
        for slot in &shapes.slots {
            let column = *numbers.entry((slot.path, slot.kind)).or_insert_with(|| {
                columns.push((slot.kind, 0));
                columns.len() - 1
            });
            slot_columns.push(column);
        }
        let mut sizes = Self { columns, slot_columns, runs: Vec::new(), named: 0, ops: 0 };
        for &number in shape_of {
            let shape = shapes.shape(number).ok_or(BundleError::Malformed("shape"))?;
            sizes.ops += shape.len();
            if sizes.ops > MAX_FRAME_OPS {
                return Err(OPS);
            }
            for &slot in shape {
                sizes.columns[sizes.slot_columns[slot as usize]].1 += 1;
                let slot = &shapes.slots[slot as usize];
                if slot.kind.is_run() {
                    sizes.runs.push(slot.kind);
                }
                if let Replaces::Named(count) = slot.replaces {
                    sizes.named += count as usize;
                }
            }
            if sizes.named > MAX_FRAME_PREDS {
                return Err(BundleError::TooLarge("replaced operations"));
            }
        }
        Ok(sizes)
    }

    /// How many entries and persons the runs hold.
    fn run_members(&self, lengths: &[i64]) -> Result<[usize; 2]> {
        let mut members = [0_usize; 2];
        let mut ops = self.ops;
        for (&kind, &length) in self.runs.iter().zip(lengths) {
            let length = natural(length, "run")?;
            ops = ops.saturating_add(length);
            if ops > MAX_FRAME_OPS {
                return Err(OPS);
            }
            members[usize::from(kind == Kind::Persons)] += length + 1;
        }
        Ok(members)
    }
}
