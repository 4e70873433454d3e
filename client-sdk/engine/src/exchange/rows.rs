//! The rows of what came from other devices.

use fieldmerge_protocol::ChangeHash;
use fieldmerge_protocol::sync::Feed;
use minicbor::{Decode, Encode};

use crate::memory::rows::id;

/// A frame that another device passed and that was merged, by its key among the carried ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct PassedRow {
    /// The feed of its changes.
    #[n(0)]
    pub(crate) feed: Feed,
    /// Some of its changes are not merged, for what they build on is not here.
    #[n(1)]
    pub(crate) waiting: bool,
    /// The outbox number that the next own change got when it came: what it builds on of this device's stands before,
    /// what of this device's builds on it stands behind.
    #[n(2)]
    pub(crate) before: u64,
}

/// A provisional change, by record, actor and seq.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct MarkRow {
    #[n(0)]
    #[cbor(with = "id")]
    pub(crate) hash: ChangeHash,
    /// The key of the frame that brought it; empty for what a restored server may have lost.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub(crate) frame: Vec<u8>,
}
