//! One Automerge change of a flat record, and its canonical bytes.
//!
//! The bytes are exactly those that automerge 0.12 writes (`Change::raw_bytes`): an uncompressed change chunk. Only
//! what a flat record can hold is expressible: puts and deletes of scalars in the root map, no message, no extra
//! bytes.

use std::fmt;

use crate::{Actor, Path, Value};

/// The SHA-256 of a change chunk: its checksum. The identity of a change is (record, actor, seq).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChangeHash(pub [u8; 32]);

impl fmt::Display for ChangeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ChangeHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChangeHash({self})")
    }
}

/// The id of an operation inside a record. The derived order is Automerge's own: by counter, then by actor bytes;
/// the greatest live put of a path is the winner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OpId {
    /// The Lamport counter, from 1.
    pub counter: u64,
    /// Who made the operation.
    pub actor: Actor,
}

/// What an operation does to its path.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Sets the value.
    Put(Value),
    /// Removes what it names in `pred`.
    Delete,
}

/// One operation. Its id is (`start_op` + its index, actor of the change).
#[derive(Debug, Clone, PartialEq)]
pub struct Op {
    /// The path it writes.
    pub path: Path,
    /// What it does.
    pub action: Action,
    /// The live puts of the path that it replaces, sorted ascending, without duplicates.
    pub pred: Vec<OpId>,
}

/// One change: what one actor did in one save.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Who made it.
    pub actor: Actor,
    /// The number of this change among those of the actor in this record, from 1.
    pub seq: u64,
    /// The counter of its first operation, from 1.
    pub start_op: u64,
    /// The device's clock in milliseconds since the epoch. For showing only.
    pub time: i64,
    /// The hashes of the changes it was made on, sorted ascending, without duplicates.
    pub deps: Vec<ChangeHash>,
    /// Its operations, in order.
    pub ops: Vec<Op>,
}

/// Why bytes are not a canonical change of a flat record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// The bytes end early, run over, or do not parse as a change chunk.
    #[error("the bytes are not an automerge change")]
    Malformed,
    /// The bytes parse, but automerge would have written others (hash or encoding differ).
    #[error("the change is not in its canonical encoding")]
    NotCanonical,
    /// Containers, lists, counters, marks, messages, extra bytes: legal for automerge, not in a flat record.
    #[error("the change holds something that a flat record cannot hold")]
    NotFlat,
    /// A name that does not follow the path grammar.
    #[error("the change names an invalid path")]
    BadPath,
    /// A number, count or length beyond the published limits.
    #[error("the change is beyond a limit")]
    TooLarge,
}
