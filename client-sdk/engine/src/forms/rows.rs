//! How versions of forms are stored.

use minicbor::{Decode, Encode};

/// A version of a form; the key is its number, eight bytes.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct FormRow {
    /// What stands for all versions up to this one.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub(crate) chain: [u8; 32],
    /// Its bytes.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub(crate) bytes: Vec<u8>,
}

/// A version of which the beginning has arrived.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct BegunForm {
    #[n(0)]
    pub(crate) number: u64,
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub(crate) chain: [u8; 32],
    /// Its compressed bytes, as far as they have arrived.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub(crate) bytes: Vec<u8>,
}
