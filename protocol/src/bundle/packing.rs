//! How a body is packed: encoded, compressed, and the shortest way kept.

use super::body::{self, Acknowledged, Entry};
use super::compress::{self, Compression};
use super::{BundleError, MAX_RAW_BYTES};

/// How to compress a frame.
#[derive(Debug, Clone, Copy)]
pub struct Packing<'a> {
    /// The zstd level; 0 stores the body.
    pub level: i32,
    /// The number of the dictionary; 0 if none.
    pub dictionary: u32,
    /// Its bytes; empty if none.
    pub dictionary_bytes: &'a [u8],
}

impl Default for Packing<'_> {
    fn default() -> Self {
        Self { level: 19, dictionary: 0, dictionary_bytes: &[] }
    }
}

/// A body as it travels.
pub(super) struct Packed {
    pub(super) compression: Compression,
    pub(super) raw_len: usize,
    pub(super) body: Vec<u8>,
}

impl Packed {
    /// Packs changes. Of a few the columns may cost more than they save, unless a dictionary knows them: then the
    /// changes go as they are.
    pub(super) fn new(
        entries: &[Entry<'_>],
        acknowledged: &Acknowledged<'_>,
        packing: Packing<'_>,
    ) -> Result<Self, BundleError> {
        let columns = Self::of(&body::encode_columns(entries, acknowledged)?, packing)?;
        let plain = body::encode_plain(entries).map(|plain| Self::of(&plain, packing)).transpose()?;
        Ok(plain.filter(|plain| plain.body.len() < columns.body.len()).unwrap_or(columns))
    }

    fn of(raw: &[u8], packing: Packing<'_>) -> Result<Self, BundleError> {
        if raw.len() > MAX_RAW_BYTES {
            return Err(BundleError::TooLarge("body"));
        }
        let (compression, body) = compress::compress(raw, packing.level, packing.dictionary_bytes)?;
        Ok(Self { compression, raw_len: raw.len(), body: body.into_owned() })
    }
}
