//! The numbers and values of stored states: small, canonical, and read with bounds.

use fieldmerge_protocol::{Actor, Incarnation, Value};
use smol_str::SmolStr;

use crate::record::Provenance;

/// Why bytes are not a stored state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// A version of the form that this program does not know.
    #[error("the state has an unknown version")]
    UnknownVersion,
    /// The bytes end early, run over, contradict themselves or pass a limit.
    #[error("the state is corrupt")]
    Corrupt,
}

/// Appends an unsigned number, seven bits a byte.
pub(crate) fn put_number(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

/// Appends a signed number; small ones of either sign are short.
pub(crate) fn put_signed(out: &mut Vec<u8>, number: i64) {
    put_number(out, ((number << 1) ^ (number >> 63)).cast_unsigned());
}

/// Appends bytes with their length.
pub(crate) fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// The kinds of an operation, in the low half of its tag.
pub(crate) mod kind {
    pub(crate) const DELETE: u8 = 0;
    pub(crate) const NULL: u8 = 1;
    pub(crate) const FALSE: u8 = 2;
    pub(crate) const TRUE: u8 = 3;
    pub(crate) const INT: u8 = 4;
    pub(crate) const UINT: u8 = 5;
    pub(crate) const F64: u8 = 6;
    pub(crate) const STR: u8 = 7;
    pub(crate) const BYTES: u8 = 8;
    pub(crate) const TIMESTAMP: u8 = 9;
    /// Bytes equal to the record's own id.
    pub(crate) const OWN_ID: u8 = 10;
}

/// The kind of a value.
pub(crate) fn kind_of(value: &Value) -> u8 {
    match value {
        Value::Null => kind::NULL,
        Value::Bool(false) => kind::FALSE,
        Value::Bool(true) => kind::TRUE,
        Value::Int(_) => kind::INT,
        Value::Uint(_) => kind::UINT,
        Value::F64(_) => kind::F64,
        Value::Str(_) => kind::STR,
        Value::Bytes(_) => kind::BYTES,
        Value::Timestamp(_) => kind::TIMESTAMP,
    }
}

/// Appends what the kind does not say.
pub(crate) fn put_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Int(number) | Value::Timestamp(number) => put_signed(out, *number),
        Value::Uint(number) => put_number(out, *number),
        Value::F64(number) => out.extend_from_slice(&number.to_bits().to_le_bytes()),
        Value::Str(text) => put_bytes(out, text.as_bytes()),
        Value::Bytes(bytes) => put_bytes(out, bytes),
    }
}

/// How the incarnation of a provenance is written.
mod incarnation {
    pub(super) const SAME_AS_ACTOR: u8 = 0;
    pub(super) const ZERO: u8 = 1;
    pub(super) const OTHER: u8 = 2;
}

/// Appends a provenance; the clock is that of the change before.
pub(crate) fn put_provenance(out: &mut Vec<u8>, provenance: &Provenance, actor: Actor, clock: i64) {
    if provenance.incarnation == actor.incarnation() {
        out.push(incarnation::SAME_AS_ACTOR);
    } else if provenance.incarnation.0 == [0; 4] {
        out.push(incarnation::ZERO);
    } else {
        out.push(incarnation::OTHER);
        out.extend_from_slice(&provenance.incarnation.0);
    }
    put_number(out, provenance.frame);
    put_number(out, provenance.position);
    put_signed(out, provenance.received_ms.wrapping_sub(clock));
}

/// Reads stored bytes from the front.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Ends the reading: nothing may be left.
    pub(crate) fn end(self) -> Result<(), StateError> {
        if self.0.is_empty() { Ok(()) } else { Err(StateError::Corrupt) }
    }

    pub(crate) fn left(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], StateError> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(StateError::Corrupt)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], StateError> {
        self.take(N)?.try_into().map_err(|_| StateError::Corrupt)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, StateError> {
        Ok(self.take(1)?[0])
    }

    /// An unsigned number in its shortest form.
    pub(crate) fn number(&mut self) -> Result<u64, StateError> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if (bits << shift) >> shift != bits || (byte == 0 && shift > 0) {
                return Err(StateError::Corrupt);
            }
            number |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(StateError::Corrupt)
    }

    pub(crate) fn signed(&mut self) -> Result<i64, StateError> {
        let number = self.number()?;
        Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed())
    }

    /// A count of things that cannot be more than `most`.
    pub(crate) fn count(&mut self, most: usize) -> Result<usize, StateError> {
        let count = usize::try_from(self.number()?).map_err(|_| StateError::Corrupt)?;
        if count <= most { Ok(count) } else { Err(StateError::Corrupt) }
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], StateError> {
        let count = self.count(self.left())?;
        self.take(count)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, StateError> {
        std::str::from_utf8(self.bytes()?).map_err(|_| StateError::Corrupt)
    }

    /// The value of a kind; `None` for a delete.
    pub(crate) fn value(&mut self, kind: u8, own_id: &[u8; 16]) -> Result<Option<Value>, StateError> {
        Ok(Some(match kind {
            kind::DELETE => return Ok(None),
            kind::NULL => Value::Null,
            kind::FALSE => Value::Bool(false),
            kind::TRUE => Value::Bool(true),
            kind::INT => Value::Int(self.signed()?),
            kind::UINT => Value::Uint(self.number()?),
            kind::F64 => Value::F64(f64::from_bits(u64::from_le_bytes(self.array()?))),
            kind::STR => Value::Str(SmolStr::new(self.text()?)),
            kind::BYTES => Value::Bytes(self.bytes()?.to_vec()),
            kind::TIMESTAMP => Value::Timestamp(self.signed()?),
            kind::OWN_ID => Value::Bytes(own_id.to_vec()),
            _ => return Err(StateError::Corrupt),
        }))
    }

    /// Reads what [`put_provenance`] wrote.
    pub(crate) fn provenance(&mut self, actor: Actor, clock: i64) -> Result<Provenance, StateError> {
        let incarnation = match self.byte()? {
            incarnation::SAME_AS_ACTOR => actor.incarnation(),
            incarnation::ZERO => Incarnation([0; 4]),
            incarnation::OTHER => Incarnation(self.array()?),
            _ => return Err(StateError::Corrupt),
        };
        Ok(Provenance {
            incarnation,
            frame: self.number()?,
            position: self.number()?,
            received_ms: clock.wrapping_add(self.signed()?),
        })
    }
}
