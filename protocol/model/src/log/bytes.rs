//! The stored form of a log's state, version 1.
//!
//! ```text
//! state   := 1 id[16] count [heading persons] change*          numbers are LEB128, signed ones zigzag
//! heading := actor[16] area[16] type month
//! persons := count id[16]*
//! change  := hash[32] time-delta persons entries provenance
//! ```

use fieldmerge_protocol::{Actor, AreaId, ChangeHash, RecordId};
use sha2::{Digest, Sha256};
use smol_str::SmolStr;

use super::accept::is_month;
use super::{HEADING_OPS, LogHeading, LogRow, LogState, MAX_PERSONS};
use crate::record::limits;
use crate::record::wire::{Reader, StateError, put_bytes, put_number, put_provenance, put_signed};

const VERSION: u8 = 1;

impl LogState {
    /// The stored form. Equal states give equal bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.write(true)
    }

    /// SHA-256 of the stored form without provenance: equal exactly for equal sets of changes.
    pub fn digest(&self) -> [u8; 32] {
        Sha256::digest(self.write(false)).into()
    }

    fn write(&self, with_provenance: bool) -> Vec<u8> {
        let mut out = Vec::with_capacity(96 + self.persons.len() * 16 + self.changes.len() * 48);
        out.push(VERSION);
        out.extend_from_slice(&self.id.0);
        put_number(&mut out, self.changes.len() as u64);
        let Some(heading) = &self.heading else { return out };
        out.extend_from_slice(&heading.actor.0);
        out.extend_from_slice(&heading.area.0);
        put_bytes(&mut out, heading.record_type.as_bytes());
        put_bytes(&mut out, heading.month.as_bytes());
        put_number(&mut out, self.persons.len() as u64);
        self.persons.iter().for_each(|person| out.extend_from_slice(&person.0));
        let mut clock = (0, 0);
        for row in &self.changes {
            out.extend_from_slice(&row.hash.0);
            put_signed(&mut out, row.time.wrapping_sub(clock.0));
            put_number(&mut out, u64::from(row.persons));
            put_number(&mut out, u64::from(row.entries));
            if with_provenance {
                put_provenance(&mut out, &row.provenance, heading.actor, clock.1);
            }
            clock = (row.time, row.provenance.received_ms);
        }
        out
    }

    /// Reads what [`LogState::to_bytes`] wrote.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, StateError> {
        let mut reader = Reader::new(bytes);
        if reader.byte()? != VERSION {
            return Err(StateError::UnknownVersion);
        }
        let mut log = Self::new(RecordId(reader.array()?));
        let count = reader.count(limits::MAX_CHANGES)?;
        if count == 0 {
            reader.end()?;
            return Ok(log);
        }
        let heading = read_heading(&mut reader)?;
        let actor = heading.actor;
        log.heading = Some(heading);
        for _ in 0..reader.count(MAX_PERSONS.min(reader.left() / 16))? {
            log.persons.push(RecordId(reader.array()?));
        }
        log.changes.reserve(count.min(reader.left() / 36));
        let mut clock = (0, 0);
        let mut persons = 0;
        for _ in 0..count {
            let row = read_row(&mut reader, actor, clock)?;
            clock = (row.time, row.provenance.received_ms);
            persons += row.persons as usize;
            log.next_entry += u64::from(row.entries);
            log.changes.push(row);
        }
        reader.end()?;
        log.next_op = 1 + HEADING_OPS as u64 + persons as u64 + log.next_entry;
        let too_long = log.next_op > limits::MAX_OPS as u64;
        if persons != log.persons.len() || too_long { Err(StateError::Corrupt) } else { Ok(log) }
    }
}

fn read_heading(reader: &mut Reader<'_>) -> Result<LogHeading, StateError> {
    let actor = Actor(reader.array()?);
    let area = AreaId(reader.array()?);
    let record_type = SmolStr::new(reader.text()?);
    let month = SmolStr::new(reader.text()?);
    if is_month(&month) {
        Ok(LogHeading { actor, record_type, area, month })
    } else {
        Err(StateError::Corrupt)
    }
}

fn read_row(reader: &mut Reader<'_>, actor: Actor, clock: (i64, i64)) -> Result<LogRow, StateError> {
    let small = |count: usize| u32::try_from(count).map_err(|_| StateError::Corrupt);
    Ok(LogRow {
        hash: ChangeHash(reader.array()?),
        time: clock.0.wrapping_add(reader.signed()?),
        persons: small(reader.count(limits::MAX_OPS)?)?,
        entries: small(reader.count(limits::MAX_OPS)?)?,
        provenance: reader.provenance(actor, clock.1)?,
    })
}
