//! Writing a change as an automerge change chunk.

use sha2::{Digest, Sha256};

use super::column::{action, kind, spec, write_runs};
use super::leb::{write_prefixed, write_signed, write_unsigned};
use super::{Action, Change, ChangeHash, MAGIC, Op, TYPE_CHANGE};
use crate::{Actor, Value};

/// Where the body starts in the buffer: room for magic, checksum, chunk type and the longest length.
const HEAD_ROOM: usize = 4 + 4 + 1 + 10;
/// Magic and checksum: what the hash does not cover.
pub(super) const UNHASHED: usize = 4 + 4;

/// Encodes changes into buffers that it keeps, so that a stream of changes costs hardly any allocation.
#[derive(Debug, Default)]
pub struct Encoder {
    chunk: Vec<u8>,
    columns: Vec<u8>,
    /// Column number and end of that column in `columns`.
    ends: Vec<(u64, usize)>,
    /// The actors that predecessors name, without the author, sorted.
    others: Vec<Actor>,
    metas: Vec<u64>,
    raw: Vec<u8>,
    pred_actors: Vec<u64>,
    pred_deltas: Vec<i64>,
}

impl Encoder {
    /// An encoder with empty buffers.
    pub fn new() -> Self {
        Self::default()
    }

    /// An encoder that needs no more memory for changes of so many bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        let buffer = || Vec::with_capacity(bytes + HEAD_ROOM);
        Self { chunk: buffer(), columns: buffer(), raw: buffer(), ..Self::default() }
    }

    /// The bytes that automerge would write for this change, and their hash.
    ///
    /// Any value of [`Change`] is encoded. The bytes are canonical, and [`Change::decode`] takes them, if `deps` and
    /// every `pred` are sorted ascending without duplicates, floats are finite, `seq`, `start_op` and the counters of
    /// predecessors are at least 1, and nothing is beyond the limits of this module.
    pub fn encode(&mut self, change: &Change) -> (&[u8], ChangeHash) {
        let start = self.build(change);
        let chunk = &mut self.chunk[start..];
        let hash = ChangeHash(Sha256::digest(&chunk[UNHASHED..]).into());
        chunk[MAGIC.len()..UNHASHED].copy_from_slice(&hash.0[..4]);
        (chunk, hash)
    }

    /// The bytes of this change without its checksum: what the hash is taken of.
    pub(super) fn encode_hashed(&mut self, change: &Change) -> &[u8] {
        let start = self.build(change);
        &self.chunk[start + UNHASHED..]
    }

    /// Writes everything but the checksum and says where in the buffer the chunk starts.
    fn build(&mut self, change: &Change) -> usize {
        self.collect_actors(change);
        self.build_columns(change);
        let out = &mut self.chunk;
        out.clear();
        out.resize(HEAD_ROOM, 0);
        write_unsigned(out, change.deps.len() as u64);
        change.deps.iter().for_each(|dep| out.extend_from_slice(&dep.0));
        write_prefixed(out, &change.actor.0);
        write_unsigned(out, change.seq);
        write_unsigned(out, change.start_op);
        write_signed(out, change.time);
        // The message: none.
        write_unsigned(out, 0);
        write_unsigned(out, self.others.len() as u64);
        self.others.iter().for_each(|other| write_prefixed(out, &other.0));
        write_unsigned(out, self.ends.len() as u64);
        let mut start = 0;
        for (number, end) in &self.ends {
            write_unsigned(out, *number);
            write_unsigned(out, (end - start) as u64);
            start = *end;
        }
        out.extend_from_slice(&self.columns);
        write_head(out)
    }

    fn collect_actors(&mut self, change: &Change) {
        self.others.clear();
        for id in change.ops.iter().flat_map(|op| &op.pred) {
            if id.actor != change.actor
                && let Err(place) = self.others.binary_search(&id.actor)
            {
                self.others.insert(place, id.actor);
            }
        }
    }

    fn build_columns(&mut self, change: &Change) {
        let ops = change.ops.as_slice();
        self.columns.clear();
        self.ends.clear();
        if ops.is_empty() {
            return;
        }
        let out = &mut self.columns;
        write_runs(
            out,
            ops.len(),
            |index| ops[index].path.as_str(),
            |out, path| {
                write_prefixed(out, path.as_bytes());
            },
        );
        self.ends.push((spec::KEY, out.len()));
        // A column of booleans starts with the number of falses.
        write_unsigned(out, ops.len() as u64);
        self.ends.push((spec::INSERT, out.len()));
        write_runs(out, ops.len(), |index| action_number(&ops[index]), write_unsigned);
        self.ends.push((spec::ACTION, out.len()));
        self.build_values(ops);
        self.build_preds(change);
    }

    fn build_values(&mut self, ops: &[Op]) {
        self.metas.clear();
        self.raw.clear();
        for op in ops {
            let start = self.raw.len();
            let kind = write_value(&mut self.raw, &op.action);
            self.metas.push(((self.raw.len() - start) as u64) << 4 | kind);
        }
        let (out, metas) = (&mut self.columns, &self.metas);
        write_runs(out, metas.len(), |index| metas[index], write_unsigned);
        self.ends.push((spec::VALUE_META, out.len()));
        if !self.raw.is_empty() {
            out.extend_from_slice(&self.raw);
            self.ends.push((spec::VALUE, out.len()));
        }
    }

    fn build_preds(&mut self, change: &Change) {
        let (out, ops) = (&mut self.columns, change.ops.as_slice());
        write_runs(out, ops.len(), |index| ops[index].pred.len() as u64, write_unsigned);
        self.ends.push((spec::PRED_COUNT, out.len()));
        self.pred_actors.clear();
        self.pred_deltas.clear();
        let mut previous = 0_u64;
        for id in ops.iter().flat_map(|op| &op.pred) {
            let other = self.others.binary_search(&id.actor);
            self.pred_actors.push(other.map_or(0, |index| index as u64 + 1));
            self.pred_deltas.push(id.counter.wrapping_sub(previous).cast_signed());
            previous = id.counter;
        }
        let (actors, deltas) = (&self.pred_actors, &self.pred_deltas);
        if !actors.is_empty() {
            write_runs(out, actors.len(), |index| actors[index], write_unsigned);
            self.ends.push((spec::PRED_ACTOR, out.len()));
            write_runs(out, deltas.len(), |index| deltas[index], write_signed);
            self.ends.push((spec::PRED_COUNTER, out.len()));
        }
    }
}

/// Writes magic, an empty checksum, chunk type and length right before the body, and says where they start.
fn write_head(out: &mut Vec<u8>) -> usize {
    let end = out.len();
    out.extend_from_slice(&MAGIC);
    out.extend_from_slice(&[0; 4]);
    out.push(TYPE_CHANGE);
    write_unsigned(out, (end - HEAD_ROOM) as u64);
    let start = HEAD_ROOM - (out.len() - end);
    out.copy_within(end.., start);
    out.truncate(end);
    start
}

fn action_number(op: &Op) -> u64 {
    match op.action {
        Action::Put(_) => action::PUT,
        Action::Delete => action::DELETE,
    }
}

/// Appends the bytes of a value and says of which type it is; a delete counts as null.
fn write_value(out: &mut Vec<u8>, action: &Action) -> u64 {
    let Action::Put(value) = action else { return kind::NULL };
    match value {
        Value::Null => kind::NULL,
        Value::Bool(false) => kind::FALSE,
        Value::Bool(true) => kind::TRUE,
        Value::Uint(number) => {
            write_unsigned(out, *number);
            kind::UINT
        }
        Value::Int(number) => {
            write_signed(out, *number);
            kind::INT
        }
        Value::F64(number) => {
            out.extend_from_slice(&number.to_le_bytes());
            kind::F64
        }
        Value::Str(text) => {
            out.extend_from_slice(text.as_bytes());
            kind::STR
        }
        Value::Bytes(bytes) => {
            out.extend_from_slice(bytes);
            kind::BYTES
        }
        Value::Timestamp(time) => {
            write_signed(out, *time);
            kind::TIMESTAMP
        }
    }
}
