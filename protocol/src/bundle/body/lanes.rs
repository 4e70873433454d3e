//! The four lanes of a body in columns. A writer chooses a lane for each kind of byte; the reader follows in the
//! same order, lane by lane.
//!
//! Layout: `uLEB length of meta, uLEB length of index, uLEB length of text, meta, index, text, raw`.

use super::super::wire::{Reader, put_len};
use super::super::{BundleError, MAX_VALUE_BYTES};

/// The lanes being written.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    /// Tags, counts, tables.
    pub(super) meta: Vec<u8>,
    /// Narrow numbers: indexes, small codes, deltas.
    pub(super) index: Vec<u8>,
    /// Text.
    pub(super) text: Vec<u8>,
    /// Wide numbers, ids, hashes: what does not compress.
    pub(super) raw: Vec<u8>,
}

impl Lanes {
    pub(super) fn append_to(&self, out: &mut Vec<u8>) {
        for lane in [&self.meta, &self.index, &self.text] {
            put_len(out, lane.len());
        }
        for lane in [&self.meta, &self.index, &self.text, &self.raw] {
            out.extend_from_slice(lane);
        }
    }
}

/// The lanes being read.
#[derive(Debug)]
pub(super) struct LaneReader<'a> {
    pub(super) meta: Reader<'a>,
    pub(super) index: Reader<'a>,
    pub(super) text: Reader<'a>,
    pub(super) raw: Reader<'a>,
    /// How many bytes of paths and values may still be made: what an encoder may spend, twice, since a value in a
    /// table is made once more for the table.
    budget: usize,
}

impl<'a> LaneReader<'a> {
    pub(super) fn open(reader: &mut Reader<'a>) -> Result<Self, BundleError> {
        let lens = [reader.uleb()?, reader.uleb()?, reader.uleb()?];
        let mut lane = |len: u64| {
            reader.take(usize::try_from(len).map_err(|_| BundleError::Truncated)?).map(Reader::new)
        };
        let (meta, index, text) = (lane(lens[0])?, lane(lens[1])?, lane(lens[2])?);
        Ok(Self { meta, index, text, raw: Reader::new(reader.rest()), budget: 2 * MAX_VALUE_BYTES })
    }

    /// Accounts for a value that is about to be made.
    pub(super) fn spend(&mut self, bytes: usize) -> Result<(), BundleError> {
        self.budget = self.budget.checked_sub(bytes).ok_or(BundleError::TooLarge("values"))?;
        Ok(())
    }

    /// Refuses bytes that no column took.
    pub(super) fn finish(&self) -> Result<(), BundleError> {
        for lane in [&self.meta, &self.index, &self.text, &self.raw] {
            lane.finish("body")?;
        }
        Ok(())
    }
}
