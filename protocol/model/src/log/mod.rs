//! Logs: attendance, payments and other events. One record per actor, area, class and month; only that actor writes
//! it.
//!
//! Its first change begins with `_id`, `_type`, `_area` and `_month`; every change then names new persons, `p/<k>` with
//! consecutive k, and puts new entries, `e/<n>` with consecutive n, in this order and without preds. An entry is bytes:
//! the array of a form (see [`mod@tuple`]); an event's id is (record id, n). The entries themselves are rows of their own:
//! a state holds only what judging and rebuilding changes needs (sync.md section 1, Logs).

mod accept;
mod build;
mod bytes;
#[cfg(test)]
mod tests;
pub mod tuple;

use fieldmerge_protocol::{Action, Actor, AreaId, Change, ChangeHash, Op, RecordId, Value};
use smol_str::SmolStr;

pub use build::{LogDraft, NewLog};
pub use tuple::{Item, Tuple, TupleError};

use crate::record::{Provenance, StoredChange, identity_ops, path, put};

/// The most persons that one log may name.
pub const MAX_PERSONS: usize = 10_000;

/// What is known of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogState {
    id: RecordId,
    heading: Option<LogHeading>,
    changes: Vec<LogRow>,
    persons: Vec<RecordId>,
    next_op: u64,
    next_entry: u64,
}

/// What the first change of a log says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogHeading {
    /// The only actor that may write it.
    pub actor: Actor,
    /// `_type`: the name of the record type.
    pub record_type: SmolStr,
    /// `_area`: the site.
    pub area: AreaId,
    /// `_month`: as `2026-03`.
    pub month: SmolStr,
}

/// One accepted change without its entries.
#[derive(Debug, Clone, PartialEq, Eq)]
struct LogRow {
    hash: ChangeHash,
    time: i64,
    persons: u32,
    entries: u32,
    provenance: Provenance,
}

/// The operations that every log begins with.
const HEADING_OPS: usize = 4;

impl LogState {
    /// A log of which nothing is known yet but its id.
    pub fn new(id: RecordId) -> Self {
        Self { id, heading: None, changes: Vec::new(), persons: Vec::new(), next_op: 1, next_entry: 0 }
    }

    /// The log's id.
    pub fn id(&self) -> RecordId {
        self.id
    }

    /// Whether no change is known.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// What the first change says; `None` while it is unknown.
    pub fn heading(&self) -> Option<&LogHeading> {
        self.heading.as_ref()
    }

    /// The persons that the log names, by k.
    pub fn persons(&self) -> &[RecordId] {
        &self.persons
    }

    /// The number of the next entry, which is the count of entries.
    pub fn next_entry(&self) -> u64 {
        self.next_entry
    }

    /// The number of the last change, 0 if there is none.
    pub fn last_seq(&self) -> u64 {
        self.changes.len() as u64
    }

    /// How many changes the log has.
    pub fn change_count(&self) -> usize {
        self.changes.len()
    }

    /// The hash of the last change.
    pub fn head(&self) -> Option<ChangeHash> {
        self.changes.last().map(|row| row.hash)
    }

    /// The hash of an actor's change number `seq`.
    pub fn find(&self, actor: Actor, seq: u64) -> Option<ChangeHash> {
        self.row(actor, seq).map(|row| row.hash)
    }

    /// Where a change came from, as stored.
    pub fn provenance(&self, actor: Actor, seq: u64) -> Option<Provenance> {
        self.row(actor, seq).map(|row| row.provenance)
    }

    /// States where a change came from, once that is known: positions are given last. Says whether the change is
    /// part of the log.
    pub fn set_provenance(&mut self, actor: Actor, seq: u64, provenance: Provenance) -> bool {
        if self.row(actor, seq).is_none() {
            return false;
        }
        self.changes[place(seq)].provenance = provenance;
        true
    }

    /// The numbers of the entries that a change put.
    pub fn entries_of(&self, seq: u64) -> std::ops::Range<u64> {
        let rows = self.changes.get(..place(seq)).unwrap_or_default();
        let first = rows.iter().map(|row| u64::from(row.entries)).sum();
        first..first + self.changes.get(place(seq)).map_or(0, |row| u64::from(row.entries))
    }

    /// One change, rebuilt with the entries that `entry` gives by their number; `None` if the change or one of its
    /// entries is not there.
    pub fn change(&self, seq: u64, mut entry: impl FnMut(u64) -> Option<Vec<u8>>) -> Option<StoredChange> {
        let heading = self.heading()?;
        let row = self.row(heading.actor, seq)?;
        let before = &self.changes[..place(seq)];
        let mut start_op = 1;
        let mut ops = Vec::new();
        if seq == 1 {
            ops = self.heading_ops(heading);
        } else {
            start_op += HEADING_OPS as u64;
        }
        let first_person: usize = before.iter().map(|row| row.persons as usize).sum();
        let first_entry: u64 = before.iter().map(|row| u64::from(row.entries)).sum();
        start_op += first_person as u64 + first_entry;
        for (k, person) in self.persons.iter().enumerate().skip(first_person).take(row.persons as usize) {
            ops.push(person_op(k as u64, *person));
        }
        for n in first_entry..first_entry + u64::from(row.entries) {
            ops.push(entry_op(n, entry(n)?));
        }
        let deps = before.last().map(|row| row.hash).into_iter().collect();
        let change = Change { actor: heading.actor, seq, start_op, time: row.time, deps, ops };
        Some(StoredChange { change, hash: row.hash, provenance: row.provenance })
    }

    fn heading_ops(&self, heading: &LogHeading) -> Vec<Op> {
        let mut ops = identity_ops(self.id, heading.record_type.clone(), heading.area);
        ops.push(put(path("_month"), Value::Str(heading.month.clone())));
        ops
    }

    fn row(&self, actor: Actor, seq: u64) -> Option<&LogRow> {
        let own = self.heading.as_ref().is_some_and(|heading| heading.actor == actor);
        self.changes.get(place(seq)).filter(|_| own)
    }
}

/// The entries that a change puts, with their numbers.
pub fn entries(change: &Change) -> impl Iterator<Item = (u64, &[u8])> {
    change.ops.iter().filter_map(|op| Some((op.path.entry_number()?, put_bytes(op)?)))
}

/// The persons that a change names, with their numbers.
pub fn persons(change: &Change) -> impl Iterator<Item = (u64, RecordId)> {
    change
        .ops
        .iter()
        .filter_map(|op| Some((op.path.person_number()?, put_bytes(op)?.try_into().ok().map(RecordId)?)))
}

/// Where the change `seq` stands among the rows; beyond all of them for 0.
fn place(seq: u64) -> usize {
    usize::try_from(seq.wrapping_sub(1)).unwrap_or(usize::MAX)
}

fn put_bytes(op: &Op) -> Option<&[u8]> {
    if let Action::Put(Value::Bytes(bytes)) = &op.action { Some(bytes) } else { None }
}

fn person_op(k: u64, person: RecordId) -> Op {
    put(path(&format!("p/{k}")), Value::Bytes(person.0.to_vec()))
}

fn entry_op(n: u64, entry: Vec<u8>) -> Op {
    put(path(&format!("e/{n}")), Value::Bytes(entry))
}
