//! The body of a frame: changes in columns across documents.
//!
//! A body is a version byte, a mode byte and content. Mode 0 holds columns, mode 1 plain change chunks, which are
//! smaller for a few odd changes. The columns stand in four *lanes* (`lanes`), so that bytes of one kind stand
//! together for the compressor.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "counts are checked against limits far below 2^31; the rest cuts numbers into bytes on purpose"
)]

mod blobs;
mod cbor;
mod columns;
mod dates;
mod decode;
mod deps;
mod encode;
mod entries;
mod fixed;
mod history;
mod ints;
mod lanes;
mod legal;
mod numerals;
mod plain;
mod resolve;
mod shapes;
#[cfg(test)]
mod tests;
mod texts;

pub use resolve::{Resolved, causal_order, resolve};

use super::wire::Reader;
use super::{BundleError, MAX_RAW_BYTES};
use crate::{Actor, Change, ChangeHash, RecordId};

/// The version byte of a body.
pub const BODY_VERSION: u8 = 1;
const MODE_COLUMNS: u8 = 0;
const MODE_PLAIN: u8 = 1;
/// Up to so many changes the encoder also tries plain chunks.
const MAX_PLAIN_TRIED: usize = 5;

/// A change on its way into a frame.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// The record it belongs to.
    pub record: RecordId,
    /// The change.
    pub change: &'a Change,
    /// Its hash.
    pub hash: ChangeHash,
}

/// How a body names a dependency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DepRef {
    /// The change at this index of the same frame. In compacted frames it may stand later.
    InFrame(u32),
    /// The author's previous change in this record, which the receiver acknowledged.
    OwnPrevious,
    /// Another change of this record that the receiver acknowledged, with the first bytes of its hash.
    Known {
        /// Its author.
        actor: Actor,
        /// Its number.
        seq: u64,
        /// The first four bytes of its hash.
        check: [u8; 4],
    },
    /// Any change, by its whole hash.
    Hash(ChangeHash),
}

/// A change out of a frame whose dependencies are not hashes yet.
#[derive(Debug, Clone, PartialEq)]
pub struct PackedChange {
    /// The record it belongs to.
    pub record: RecordId,
    /// The change; its `deps` are still empty.
    pub change: Change,
    /// What it depends on.
    pub deps: Vec<DepRef>,
}

/// Says who wrote which number, for a change of this record that the receiver is known to hold.
pub type Acknowledged<'a> = dyn Fn(RecordId, &ChangeHash) -> Option<(Actor, u64)> + 'a;

/// Encodes changes. Those of one record should stand in causal order; a dependency on a later one is possible but
/// costs more.
///
/// Dependencies that `acknowledged` knows are named by a few bytes, and those in the same frame by their place; of
/// all others the whole hash travels. A caller that knows nothing of the receiver passes `&|_, _| None`.
///
/// Fails only for changes that are not canonical ([`Change::encode`]) and for more than a frame may hold
/// ([`BundleError::TooLarge`]): then the caller makes two frames of one.
pub fn encode_body(entries: &[Entry<'_>], acknowledged: &Acknowledged<'_>) -> Result<Vec<u8>, BundleError> {
    let columns = encode_columns(entries, acknowledged)?;
    let plain = encode_plain(entries).filter(|plain| plain.len() < columns.len());
    let body = plain.unwrap_or(columns);
    if body.len() > MAX_RAW_BYTES { Err(BundleError::TooLarge("body")) } else { Ok(body) }
}

/// Encodes changes in columns, checked like all that [`encode_body`] encodes, but for the length of the body.
pub fn encode_columns(
    entries: &[Entry<'_>],
    acknowledged: &Acknowledged<'_>,
) -> Result<Vec<u8>, BundleError> {
    legal::check_entries(entries)?;
    let mut body = vec![BODY_VERSION, MODE_COLUMNS];
    encode::encode(entries, acknowledged)?.append_to(&mut body);
    Ok(body)
}

/// Encodes a few changes, which were checked, as the chunks that they are.
pub(super) fn encode_plain(entries: &[Entry<'_>]) -> Option<Vec<u8>> {
    (entries.len() <= MAX_PLAIN_TRIED).then(|| {
        let mut body = vec![BODY_VERSION, MODE_PLAIN];
        plain::encode(entries, &mut body);
        body
    })
}

/// Decodes a body. Takes time and memory in proportion to its bytes and to the limits of [`super`].
pub fn decode_body(bytes: &[u8]) -> Result<Vec<PackedChange>, BundleError> {
    decode_body_behind(bytes, 0).map(|(packed, _)| packed)
}

/// Decodes what stands behind the first `before` changes. Where nothing of it depends on one of these they are forgotten
/// one by one, so that they take no memory; else they come too. Gives how many of them did.
pub fn decode_body_behind(bytes: &[u8], before: usize) -> Result<(Vec<PackedChange>, usize), BundleError> {
    if bytes.len() > MAX_RAW_BYTES {
        return Err(BundleError::TooLarge("body"));
    }
    let mut reader = Reader::new(bytes);
    let version = reader.u8()?;
    if version != BODY_VERSION {
        return Err(BundleError::UnknownVersion { what: "body", version });
    }
    match reader.u8()? {
        MODE_COLUMNS => decode::decode(&mut reader, before),
        MODE_PLAIN => plain::decode(&mut reader).map(|packed| (packed, before)),
        version => Err(BundleError::UnknownVersion { what: "body mode", version }),
    }
}
