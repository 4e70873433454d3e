//! Rows of frames that this device holds and cannot read.

use fieldmerge_protocol::bundle::SealedDraft;
use minicbor::{Decode, Encode};

use super::rows::read;
use crate::OpenError;

/// A frame of another device that this one carries.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct CarriedRow {
    /// The payload of its part, sealed or not, as it came.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub(crate) payload: Vec<u8>,
    /// The server's clock when it was taken, as far as it was known.
    #[n(1)]
    pub(crate) since_ms: Option<i64>,
}

impl CarriedRow {
    /// Reads a row. The first version kept the payload alone, which never begins as a map does.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, OpenError> {
        match bytes.first() {
            Some(0xa0..=0xbf) => read("carried", bytes),
            _ => Ok(Self { payload: bytes.to_vec(), since_ms: None }),
        }
    }
}

/// Where a frame stands that is kept sealed for a server that may be restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub(crate) enum KeptStanding {
    /// The server has it.
    #[n(0)]
    Received,
    /// To be offered again: the server lost something.
    #[n(1)]
    Offered,
    /// Offered again, and not taken.
    #[n(2)]
    Refused,
}

/// An own frame that the device may not read back, sealed.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct KeptRow {
    #[n(0)]
    pub(crate) frame: SealedDraft,
    #[n(1)]
    pub(crate) standing: KeptStanding,
    /// The server's clock when it had it at the latest; none until an answer has told it.
    #[n(2)]
    pub(crate) received_ms: Option<i64>,
}
