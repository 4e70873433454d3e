//! Writing states.

use std::collections::BTreeMap;

use fieldmerge_protocol::{Actor, Path};
use sha2::{Digest, Sha256};

use super::wire::{kind, kind_of, put_bytes, put_number, put_provenance, put_signed, put_value};
use super::{VERSION, preds};
use crate::record::{OpRow, RecordState, history, names};

impl RecordState {
    /// The stored form: see the head of this module's file. Equal states give equal bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.write(true)
    }

    /// SHA-256 of the stored form without provenance: equal exactly for equal sets of changes.
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.write(false)).into()
    }

    fn write(&self, with_provenance: bool) -> Vec<u8> {
        let order = self.canonical_order();
        let mut out = Vec::with_capacity(64 + self.changes.len() * 64 + self.ops.len() * 4 + self.weight);
        out.push(VERSION);
        out.extend_from_slice(&self.id.0);
        let mut actors = Numbering::<Actor>::default();
        for change in &order {
            actors.number(self.change_row(*change).actor);
        }
        put_number(&mut out, actors.order.len() as u64);
        for actor in &actors.order {
            out.extend_from_slice(&actor.0);
        }
        let places = Places::new(self, &order);
        put_number(&mut out, order.len() as u64);
        let mut clock = (0, 0);
        for (place, change) in order.iter().enumerate() {
            let row = self.change_row(*change);
            put_number(&mut out, actors.number(row.actor) as u64);
            put_number(&mut out, u64::from(row.op_count));
            put_signed(&mut out, row.time.wrapping_sub(clock.0));
            put_distances(
                &mut out,
                place,
                row.deps.as_slice().iter().map(|dep| places.changes[*dep as usize]),
            );
            out.extend_from_slice(&row.hash.0);
            if with_provenance {
                put_provenance(&mut out, &row.provenance, row.actor, clock.1);
            }
            clock = (row.time, row.provenance.received_ms);
        }
        self.write_ops(&mut out, &order, &places);
        out
    }

    fn write_ops(&self, out: &mut Vec<u8>, order: &[u32], places: &Places) {
        let links = self.preds();
        let mut locals = Numbering::<&Path>::default();
        for change in order {
            let row = self.change_row(*change);
            for op in row.first_op..row.first_op + row.op_count {
                let OpRow { path, value, .. } = self.op_row(op);
                put_path(out, path, &mut locals);
                let own = value.as_ref().is_some_and(|value| value.as_bytes() == Some(&self.id.0));
                let kind = if own { kind::OWN_ID } else { value.as_ref().map_or(kind::DELETE, kind_of) };
                let preds = history::preds_of(&links, op);
                out.push(kind | [preds::NONE, preds::ONE, preds::MANY][preds.len().min(2)]);
                if let Some(value) = value.as_ref().filter(|_| !own) {
                    put_value(out, value);
                }
                let here = places.op(self, op);
                let preds = preds.iter().map(|(_, pred)| places.op(self, *pred));
                match preds.len() {
                    0 => {}
                    1 => preds.for_each(|pred| put_number(out, (here - pred) as u64)),
                    _ => put_distances(out, here, preds),
                }
            }
        }
    }
}

/// Where changes and operations stand in canonical order.
struct Places {
    changes: Vec<usize>,
    first_ops: Vec<usize>,
}

impl Places {
    fn new(state: &RecordState, order: &[u32]) -> Self {
        let mut places = Self { changes: vec![0; order.len()], first_ops: vec![0; order.len()] };
        let mut ops = 0;
        for (place, change) in order.iter().enumerate() {
            places.changes[*change as usize] = place;
            places.first_ops[*change as usize] = ops;
            ops += state.change_row(*change).op_count as usize;
        }
        places
    }

    fn op(&self, state: &RecordState, op: u32) -> usize {
        let change = state.op_row(op).change;
        self.first_ops[change as usize] + (op - state.change_row(change).first_op) as usize
    }
}

/// Numbers things in order of their first appearance.
struct Numbering<T> {
    order: Vec<T>,
    numbers: BTreeMap<T, usize>,
}

impl<T> Default for Numbering<T> {
    fn default() -> Self {
        Self { order: Vec::new(), numbers: BTreeMap::new() }
    }
}

impl<T: Ord + Copy> Numbering<T> {
    fn number(&mut self, thing: T) -> usize {
        let Self { order, numbers } = self;
        *numbers.entry(thing).or_insert_with(|| {
            order.push(thing);
            order.len() - 1
        })
    }
}

/// Appends a count and how far back each place lies, nearest first.
fn put_distances(out: &mut Vec<u8>, here: usize, places: impl ExactSizeIterator<Item = usize>) {
    put_number(out, places.len() as u64);
    if places.len() == 1 {
        places.for_each(|place| put_number(out, (here - place) as u64));
        return;
    }
    let mut distances: Vec<usize> = places.map(|place| here - place).collect();
    distances.sort_unstable();
    for distance in distances {
        put_number(out, distance as u64);
    }
}

fn put_path<'a>(out: &mut Vec<u8>, path: &'a Path, locals: &mut Numbering<&'a Path>) {
    if let Some(name) = names::number(path.as_str()) {
        return put_number(out, u64::from(name) << 1);
    }
    let known = locals.order.len();
    let number = locals.number(path);
    put_number(out, (number as u64) << 1 | 1);
    if number < known {
        return;
    }
    // A member of a set or a repeat: the name is a number, the rest is text.
    let (head, rest) = path.as_str().split_at(path.head().len());
    if let Some(name) = names::number(head) {
        put_number(out, u64::from(name) + 1);
        put_bytes(out, rest.as_bytes());
    } else {
        put_number(out, 0);
        put_bytes(out, path.as_str().as_bytes());
    }
}
