//! Reading an automerge change chunk, and believing nothing in it.
//!
//! Time and memory are bounded by the limits of this module whatever the bytes claim. The last step writes the change
//! again and compares, so what is accepted is exactly what the encoder can write.

use sha2::{Digest, Sha256};

use super::column::{Runs, action, kind, spec};
use super::encode::{Encoder, UNHASHED};
use super::leb::Reader;
use super::{
    Action, Change, ChangeError, ChangeHash, MAGIC, MAX_ACTORS, MAX_CHANGE_BYTES, MAX_COUNTER, MAX_DEPS,
    MAX_OPS, MAX_PREDS, MAX_PREDS_PER_OP, MAX_TIME, Op, OpId, TYPE_CHANGE,
};
use crate::{Actor, Path, Value};

/// The chunk type of a deflated change.
const TYPE_DEFLATED: u8 = 2;

/// The change of these bytes, which must be canonical, and its hash.
pub(super) fn decode(bytes: &[u8]) -> Result<(Change, ChangeHash), ChangeError> {
    let (body, hash) = open(bytes)?;
    let change = parse(body)?;
    if Encoder::with_capacity(bytes.len()).encode_hashed(&change) != &bytes[UNHASHED..] {
        return Err(ChangeError::NotCanonical);
    }
    Ok((change, hash))
}

/// Checks the head of the chunk and gives the body.
fn open(bytes: &[u8]) -> Result<(Reader<'_>, ChangeHash), ChangeError> {
    if bytes.len() > MAX_CHANGE_BYTES {
        return Err(ChangeError::TooLarge);
    }
    let mut input = Reader::new(bytes);
    if input.array()? != MAGIC {
        return Err(ChangeError::Malformed);
    }
    let checksum: [u8; 4] = input.array()?;
    let hashed = input.rest();
    match input.array()? {
        [TYPE_CHANGE] => {}
        [TYPE_DEFLATED] => return Err(ChangeError::NotCanonical),
        _ => return Err(ChangeError::Malformed),
    }
    let body = Reader::new(input.prefixed()?);
    if !input.is_empty() {
        return Err(ChangeError::Malformed);
    }
    let hash: [u8; 32] = Sha256::digest(hashed).into();
    if hash[..4] != checksum {
        return Err(ChangeError::NotCanonical);
    }
    Ok((body, ChangeHash(hash)))
}

fn parse(mut input: Reader<'_>) -> Result<Change, ChangeError> {
    let deps = deps(&mut input)?;
    let author = actor(&mut input)?;
    let seq = counter(input.unsigned()?)?;
    let start_op = counter(input.unsigned()?)?;
    let time = input.signed()?;
    if time.unsigned_abs() > MAX_TIME.unsigned_abs() {
        return Err(ChangeError::TooLarge);
    }
    if !input.prefixed()?.is_empty() {
        return Err(ChangeError::NotFlat);
    }
    let actors = actors(author, &mut input)?;
    let columns = Columns::split(&mut input)?;
    if !input.is_empty() {
        return Err(ChangeError::NotFlat);
    }
    let change = Change { actor: author, seq, start_op, time, deps, ops: columns.ops(&actors)? };
    if change.max_op() > MAX_COUNTER { Err(ChangeError::TooLarge) } else { Ok(change) }
}

fn deps(input: &mut Reader<'_>) -> Result<Vec<ChangeHash>, ChangeError> {
    let count = count(input, MAX_DEPS)?;
    let mut deps = Vec::with_capacity(count);
    for _ in 0..count {
        deps.push(ChangeHash(input.array()?));
    }
    if deps.is_sorted_by(|a, b| a < b) { Ok(deps) } else { Err(ChangeError::NotCanonical) }
}

/// The actor table: the author, then the others.
fn actors(author: Actor, input: &mut Reader<'_>) -> Result<Vec<Actor>, ChangeError> {
    let count = count(input, MAX_ACTORS)?;
    let mut actors = Vec::with_capacity(count + 1);
    actors.push(author);
    for _ in 0..count {
        actors.push(actor(input)?);
    }
    Ok(actors)
}

fn actor(input: &mut Reader<'_>) -> Result<Actor, ChangeError> {
    Actor::try_from(input.prefixed()?).map_err(|_| ChangeError::NotFlat)
}

fn count(input: &mut Reader<'_>, most: usize) -> Result<usize, ChangeError> {
    let count = usize::try_from(input.unsigned()?).map_err(|_| ChangeError::TooLarge)?;
    if count <= most { Ok(count) } else { Err(ChangeError::TooLarge) }
}

fn counter(number: u64) -> Result<u64, ChangeError> {
    match number {
        0 => Err(ChangeError::Malformed),
        1..=MAX_COUNTER => Ok(number),
        _ => Err(ChangeError::TooLarge),
    }
}

/// The bytes of each column, in the order of [`spec::ALL`]; empty where the column is absent.
struct Columns<'a>([&'a [u8]; spec::ALL.len()]);

impl<'a> Columns<'a> {
    fn split(input: &mut Reader<'a>) -> Result<Self, ChangeError> {
        let mut lengths = [0; spec::ALL.len()];
        let mut next = 0;
        for _ in 0..input.unsigned()? {
            let number = input.unsigned()?;
            let place = spec::ALL.iter().position(|known| *known == number);
            let place = place.ok_or(if number & spec::DEFLATED == 0 {
                ChangeError::NotFlat
            } else {
                ChangeError::NotCanonical
            })?;
            if place < next {
                return Err(ChangeError::NotCanonical);
            }
            lengths[place] = input.unsigned()?;
            next = place + 1;
        }
        let mut columns = Self([&[]; spec::ALL.len()]);
        for (column, length) in columns.0.iter_mut().zip(lengths) {
            *column = input.take(length)?;
        }
        Ok(columns)
    }

    fn ops(&self, actors: &[Actor]) -> Result<Vec<Op>, ChangeError> {
        let [key, insert, action, meta, raw, pred_count, pred_actor, pred_counter] = self.0;
        let count = op_count(insert)?;
        let mut keys = Runs::new(key, Reader::text);
        let mut actions = Runs::new(action, Reader::unsigned);
        let mut metas = Runs::new(meta, Reader::unsigned);
        let mut raw = Reader::new(raw);
        let mut preds = Preds::new(pred_count, pred_actor, pred_counter, actors);
        let mut ops = Vec::with_capacity(count);
        for _ in 0..count {
            let path = keys.next()?;
            let action = actions.next()?;
            let value = value(metas.next()?, &mut raw)?;
            let action = match action {
                action::PUT => Action::Put(value),
                action::DELETE if value == Value::Null => Action::Delete,
                action::DELETE => return Err(ChangeError::NotCanonical),
                0..=action::LAST => return Err(ChangeError::NotFlat),
                _ => return Err(ChangeError::Malformed),
            };
            let path = Path::new(path).map_err(|_| ChangeError::BadPath)?;
            ops.push(Op { path, action, pred: preds.next()? });
        }
        keys.finish()?;
        actions.finish()?;
        metas.finish()?;
        preds.finish()?;
        if raw.is_empty() { Ok(ops) } else { Err(ChangeError::Malformed) }
    }
}

/// How many operations the insert column tells of, which must all be none.
fn op_count(column: &[u8]) -> Result<usize, ChangeError> {
    if column.is_empty() {
        return Ok(0);
    }
    let mut input = Reader::new(column);
    let count = count(&mut input, MAX_OPS)?;
    if input.is_empty() { Ok(count) } else { Err(ChangeError::NotFlat) }
}

fn value(meta: u64, raw: &mut Reader<'_>) -> Result<Value, ChangeError> {
    let bytes = raw.take(meta >> 4)?;
    let mut input = Reader::new(bytes);
    let value = match meta & 0xf {
        kind::NULL => Value::Null,
        kind::FALSE => Value::Bool(false),
        kind::TRUE => Value::Bool(true),
        kind::UINT => Value::Uint(input.unsigned()?),
        kind::INT => Value::Int(input.signed()?),
        kind::TIMESTAMP => Value::Timestamp(input.signed()?),
        kind::F64 => {
            let number = f64::from_le_bytes(input.array()?);
            if number.is_finite() { Value::F64(number) } else { return Err(ChangeError::NotFlat) }
        }
        kind::STR => return str::from_utf8(bytes).map(Value::str).map_err(|_| ChangeError::Malformed),
        kind::BYTES => return Ok(Value::Bytes(bytes.to_vec())),
        _ => return Err(ChangeError::NotFlat),
    };
    if input.is_empty() { Ok(value) } else { Err(ChangeError::Malformed) }
}

/// The three columns of predecessors.
struct Preds<'a> {
    counts: Runs<'a, u64>,
    actors: Runs<'a, u64>,
    deltas: Runs<'a, i64>,
    table: &'a [Actor],
    previous: i64,
    total: usize,
}

impl<'a> Preds<'a> {
    fn new(counts: &'a [u8], actors: &'a [u8], deltas: &'a [u8], table: &'a [Actor]) -> Self {
        Self {
            counts: Runs::new(counts, Reader::unsigned),
            actors: Runs::new(actors, Reader::unsigned),
            deltas: Runs::new(deltas, Reader::signed),
            table,
            previous: 0,
            total: 0,
        }
    }

    /// The predecessors of the next operation.
    fn next(&mut self) -> Result<Vec<OpId>, ChangeError> {
        let count = usize::try_from(self.counts.next()?).map_err(|_| ChangeError::TooLarge)?;
        if count > MAX_PREDS_PER_OP || self.total + count > MAX_PREDS {
            return Err(ChangeError::TooLarge);
        }
        self.total += count;
        let mut ids = Vec::with_capacity(count);
        for _ in 0..count {
            let place = usize::try_from(self.actors.next()?).map_err(|_| ChangeError::Malformed)?;
            let actor = *self.table.get(place).ok_or(ChangeError::Malformed)?;
            let sum = self.previous.checked_add(self.deltas.next()?).ok_or(ChangeError::TooLarge)?;
            self.previous = sum;
            let counter = counter(u64::try_from(sum).map_err(|_| ChangeError::Malformed)?)?;
            ids.push(OpId { counter, actor });
        }
        if ids.is_sorted_by(|a, b| a < b) { Ok(ids) } else { Err(ChangeError::NotCanonical) }
    }

    fn finish(&self) -> Result<(), ChangeError> {
        self.counts.finish()?;
        self.actors.finish()?;
        self.deltas.finish()
    }
}
