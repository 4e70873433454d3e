//! The merged state of one record: a multi-value register per path, kept by applying changes one by one.
//!
//! The rules are those of `sync.md` section 1. On a flat record the merged state of a path is the set of puts that
//! no later operation names in its `pred`; the greatest operation id is the winner. That is what automerge's `keys`,
//! `get` and `get_all` say, at a cost in proportion to the change and without an Automerge document.

mod accept;
mod ancestry;
mod build;
mod bytes;
mod few;
mod history;
mod identity;
pub mod limits;
mod names;
mod query;
mod undo;
mod verdict;

use std::collections::BTreeMap;

use fieldmerge_protocol::{Actor, ChangeHash, OpId, Path, RecordId, Value};

pub(crate) use ancestry::{Ancestry, Past};
pub use build::{BuildError, NewRecord, Save};
pub(crate) use build::{identity_ops, path, put};
pub use bytes::StateError;
pub(crate) use bytes::wire;
use few::Few;
pub use history::{StoredChange, Write};
pub use identity::Identity;
pub use verdict::{Provenance, Refusal, Verdict};

/// The merged state of one record and everything needed to judge, rebuild and explain its changes.
///
/// Values of replaced puts are kept: agreed values, history and re-packed changes need them.
#[derive(Debug, Clone)]
pub struct RecordState {
    id: RecordId,
    /// In order of arrival, so every change stands after its dependencies.
    changes: Vec<ChangeRow>,
    /// In order of arrival: the operations of a change stand together.
    ops: Vec<OpRow>,
    registers: BTreeMap<Path, Register>,
    /// Change indexes, sorted by (actor, seq).
    by_author: Vec<u32>,
    /// Change indexes, sorted by hash.
    by_hash: Vec<u32>,
    /// Change indexes that no change depends on, sorted by hash.
    heads: Vec<u32>,
    max_op: u64,
    /// Dependencies and preds together: what a walk over the record may have to follow.
    links: usize,
    /// Bytes of paths and values.
    weight: usize,
}

/// One accepted change without its operations.
#[derive(Debug, Clone)]
pub(crate) struct ChangeRow {
    pub(crate) actor: Actor,
    pub(crate) seq: u64,
    pub(crate) start_op: u64,
    pub(crate) time: i64,
    pub(crate) first_op: u32,
    pub(crate) op_count: u32,
    /// Change indexes.
    pub(crate) deps: Few,
    pub(crate) hash: ChangeHash,
    pub(crate) provenance: Provenance,
}

impl ChangeRow {
    /// The counter of the last operation.
    pub(crate) fn max_op(&self) -> u64 {
        self.start_op + u64::from(self.op_count) - 1
    }
}

/// One operation.
#[derive(Debug, Clone)]
pub(crate) struct OpRow {
    pub(crate) path: Path,
    /// `None` for a delete.
    pub(crate) value: Option<Value>,
    pub(crate) change: u32,
    /// The operation of this path that arrived before, or `NO_OP`.
    pub(crate) earlier: u32,
    /// The operations that name this one in their pred.
    pub(crate) successors: Few,
}

pub(crate) const NO_OP: u32 = u32::MAX;

/// What is known of one path.
#[derive(Debug, Clone)]
struct Register {
    /// The operation of this path that arrived last.
    latest: u32,
    /// The puts without a successor, ascending by operation id.
    live: Few,
}

impl RecordState {
    /// A record of which nothing is known yet but its id.
    pub fn new(id: RecordId) -> Self {
        Self {
            id,
            changes: Vec::new(),
            ops: Vec::new(),
            registers: BTreeMap::new(),
            by_author: Vec::new(),
            by_hash: Vec::new(),
            heads: Vec::new(),
            max_op: 0,
            links: 0,
            weight: 0,
        }
    }

    /// The record's id.
    pub fn id(&self) -> RecordId {
        self.id
    }

    /// Whether no change is known.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// How many changes the record has.
    pub fn change_count(&self) -> usize {
        self.changes.len()
    }

    /// How many operations the record has.
    pub fn op_count(&self) -> usize {
        self.ops.len()
    }

    /// The greatest operation counter, 0 for an empty record.
    pub fn max_op(&self) -> u64 {
        self.max_op
    }

    pub(crate) fn change_row(&self, index: u32) -> &ChangeRow {
        &self.changes[index as usize]
    }

    pub(crate) fn op_row(&self, index: u32) -> &OpRow {
        &self.ops[index as usize]
    }

    /// The id of the operation with this index.
    pub(crate) fn op_id(&self, index: u32) -> OpId {
        let change = self.change_row(self.op_row(index).change);
        OpId { counter: change.start_op + u64::from(index - change.first_op), actor: change.actor }
    }
}
