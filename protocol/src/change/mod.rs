//! One Automerge change of a flat record, and its canonical bytes.
//!
//! The bytes are exactly those that automerge 0.12 writes (`Change::raw_bytes`): an uncompressed change chunk. Only
//! what a flat record can hold is expressible: puts and deletes of scalars in the root map, no message, no extra
//! bytes.

mod column;
mod decode;
mod encode;
mod leb;

use std::fmt;

pub use encode::Encoder;

use crate::{Actor, Path, Value};

/// The most operations of one change.
pub const MAX_OPS: usize = 4_096;
/// The most bytes of one change.
pub const MAX_CHANGE_BYTES: usize = 1 << 20;
/// The most dependencies of one change.
pub const MAX_DEPS: usize = 64;
/// The most predecessors of one operation.
pub const MAX_PREDS_PER_OP: usize = 64;
/// The most predecessors of all operations of one change together.
pub const MAX_PREDS: usize = 16_384;
/// The most actors that one change may name beside its author.
pub const MAX_ACTORS: usize = 256;
/// The greatest counter of an operation, and the greatest `seq`. Automerge keeps counters in 32 bits and panics
/// beyond; half of that leaves room for every sum.
pub const MAX_COUNTER: u64 = i32::MAX as u64;
/// The greatest `time`, before and after the epoch: what a JavaScript number holds exactly. Automerge keeps the times
/// of a document as differences in 64 bits, and panics or wraps where two lie further apart than that.
pub const MAX_TIME: i64 = (1 << 53) - 1;

/// The first bytes of every automerge chunk.
const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
/// The chunk type of an uncompressed change.
const TYPE_CHANGE: u8 = 1;

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

impl Change {
    /// The bytes that automerge would write for this change, and their hash; see [`Encoder::encode`] for what must
    /// hold. Who encodes many changes keeps an [`Encoder`].
    pub fn encode(&self) -> (Vec<u8>, ChangeHash) {
        let mut encoder = Encoder::with_capacity(1_024);
        let (bytes, hash) = encoder.encode(self);
        (bytes.to_vec(), hash)
    }

    /// The change of these bytes and its hash, if they are canonical: exactly what [`Change::encode`] writes for it.
    ///
    /// Any input is safe: it never panics, and time and memory are bounded by the limits of this module.
    pub fn decode(bytes: &[u8]) -> Result<(Self, ChangeHash), ChangeError> {
        decode::decode(bytes)
    }

    /// The id of the operation at this index.
    pub fn op_id(&self, index: usize) -> OpId {
        OpId { counter: self.start_op.saturating_add(index as u64), actor: self.actor }
    }

    /// The counter of the last operation; that before `start_op` if there is none.
    pub fn max_op(&self) -> u64 {
        self.start_op.saturating_add(self.ops.len() as u64).saturating_sub(1)
    }
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
