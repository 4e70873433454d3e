//! Mode 1: change chunks as they are. Layout: uLEB count; for each, the 16-byte record id, uLEB length, the chunk.

use super::super::BundleError;
use super::super::wire::{Reader, put_len};
use super::{DepRef, Entry, MAX_PLAIN_TRIED, PackedChange};
use crate::change::Encoder;
use crate::{Change, RecordId};

pub(super) fn encode(entries: &[Entry<'_>], out: &mut Vec<u8>) {
    put_len(out, entries.len());
    let mut encoder = Encoder::new();
    for entry in entries {
        let (chunk, _) = encoder.encode(entry.change);
        out.extend_from_slice(&entry.record.0);
        put_len(out, chunk.len());
        out.extend_from_slice(chunk);
    }
}

pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Vec<PackedChange>, BundleError> {
    let count = reader.count(MAX_PLAIN_TRIED, "plain changes")?;
    let mut packed = Vec::with_capacity(count);
    for _ in 0..count {
        let record = RecordId(reader.array()?);
        let len = reader.count_here(usize::MAX, "change")?;
        let (mut change, _) = Change::decode(reader.take(len)?)?;
        let deps = std::mem::take(&mut change.deps).into_iter().map(DepRef::Hash).collect();
        packed.push(PackedChange { record, change, deps });
    }
    reader.finish("body")?;
    Ok(packed)
}
