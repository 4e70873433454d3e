//! What encoder and decoder both know of a frame's earlier changes, and so need not say again.

use std::collections::HashMap;

use super::shapes::Kind;
use crate::{Actor, OpId};

/// The changes of a frame up to some place.
#[derive(Debug)]
pub(super) struct History {
    /// The record number of each change, in frame order.
    record_of: Vec<u32>,
    records: Vec<Record>,
    /// The first free counter after each change.
    ends: Vec<u64>,
    /// How many records the changes so far belong to.
    seen: u32,
    /// The last put of each path, in records that have several changes in the frame.
    last_puts: HashMap<(u32, u32), OpId>,
}

#[derive(Debug, Default, Clone)]
struct Record {
    /// How many changes of the frame belong to it.
    changes: u32,
    /// The last number of each actor.
    seqs: Vec<(Actor, u64)>,
    /// The numbers after the last entry and the last person.
    next: [u64; 2],
}

impl History {
    /// The history of a frame whose changes belong to these records, numbered by their first change.
    pub(super) fn new(record_of: Vec<u32>) -> Self {
        let count = record_of.iter().max().map_or(0, |&last| last as usize + 1);
        let mut records = vec![Record::default(); count];
        for &record in &record_of {
            records[record as usize].changes += 1;
        }
        let ends = Vec::with_capacity(record_of.len());
        Self { record_of, records, ends, seen: 0, last_puts: HashMap::new() }
    }

    fn record(&self, change: usize) -> &Record {
        &self.records[self.record_of[change] as usize]
    }

    fn record_mut(&mut self, change: usize) -> &mut Record {
        &mut self.records[self.record_of[change] as usize]
    }

    pub(super) fn record_number(&self, change: usize) -> u32 {
        self.record_of[change]
    }

    /// How many records the earlier changes belong to.
    pub(super) fn records_seen(&self) -> u32 {
        self.seen
    }

    /// The number of this author's last change in this record; 0 if there is none.
    pub(super) fn last_seq(&self, change: usize, actor: Actor) -> u64 {
        let seqs = &self.record(change).seqs;
        seqs.iter().find(|(other, _)| *other == actor).map_or(0, |&(_, seq)| seq)
    }

    /// The first free counter after those of these dependencies that stand earlier; 1 if none does.
    pub(super) fn start_op(&self, deps: impl Iterator<Item = u32>) -> u64 {
        deps.filter_map(|dep| self.ends.get(dep as usize)).copied().max().unwrap_or(1)
    }

    /// The number that a run would begin with if it went on from the last one.
    pub(super) fn next_number(&self, change: usize, kind: Kind) -> u64 {
        self.record(change).next[usize::from(kind == Kind::Persons)]
    }

    pub(super) fn set_next_number(&mut self, change: usize, kind: Kind, next: u64) {
        self.record_mut(change).next[usize::from(kind == Kind::Persons)] = next;
    }

    /// Whether puts of this change's record are remembered: records with one change have no use for it.
    pub(super) fn remembers(&self, change: usize) -> bool {
        self.record(change).changes > 1
    }

    pub(super) fn last_put(&self, change: usize, path: u32) -> Option<OpId> {
        self.last_puts.get(&(self.record_number(change), path)).copied()
    }

    /// Remembers a put, or forgets the path at a delete.
    pub(super) fn wrote(&mut self, change: usize, path: u32, put: Option<OpId>) {
        let key = (self.record_number(change), path);
        match put {
            Some(id) => drop(self.last_puts.insert(key, id)),
            None => drop(self.last_puts.remove(&key)),
        }
    }

    /// Adds the next change.
    pub(super) fn push(&mut self, actor: Actor, seq: u64, end: u64) {
        let change = self.ends.len();
        self.ends.push(end);
        self.seen = self.seen.max(self.record_of[change] + 1);
        let record = self.record_mut(change);
        match record.seqs.iter_mut().find(|(other, _)| *other == actor) {
            Some((_, last)) => *last = seq,
            None => record.seqs.push((actor, seq)),
        }
    }
}
