//! Versions of forms, as they travel: in pieces, so that a link that is cut costs one of them.

use minicbor::{Decode, Encode};

/// The bytes of a piece; the last one of a version is shorter.
pub const FORM_PIECE_BYTES: usize = 4 << 10;

/// A piece of a version of a form. The server sends those that the device lacks in the order of their numbers, the pieces
/// of each in order, before any feed frame: what records hold follows from them.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct FormPiece {
    /// The number of the version: they count from 1 in the project.
    #[n(0)]
    pub number: u64,
    /// What stands for all versions up to this one: SHA-256 over that of the number before, 32 zeros before the first,
    /// and the SHA-256 of the version's bytes.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub chain: [u8; 32],
    /// The number of the version whose bytes are the dictionary of its compression; none has one of its own.
    #[n(2)]
    pub base: Option<u64>,
    /// The length of the version.
    #[n(3)]
    pub raw_bytes: u32,
    /// The length of it compressed by zstd; the same where it is not compressed.
    #[n(4)]
    pub packed_bytes: u32,
    /// Where in the compressed bytes the piece begins.
    #[n(5)]
    pub offset: u32,
    /// The piece.
    #[n(6)]
    #[cbor(with = "minicbor::bytes")]
    pub bytes: Vec<u8>,
}

/// What a device has of the versions of a project's forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct FormsHeld {
    /// The first four bytes, big-endian and at least 1, of the [`FormPiece::chain`] of the last version that it has; 0 if
    /// it has none. A server that does not know it sends all.
    #[n(0)]
    pub check: u32,
    /// The same of a version that it has the beginning of.
    #[n(1)]
    pub begun: Option<u32>,
    /// So many compressed bytes of that one.
    #[n(2)]
    pub begun_bytes: Option<u32>,
}

/// The first four bytes of a chain, as [`FormsHeld::check`] names it; 0 for 32 zeros.
pub fn form_check(chain: &[u8; 32]) -> u32 {
    if *chain == [0; 32] {
        return 0;
    }
    u32::from_be_bytes([chain[0], chain[1], chain[2], chain[3]]).max(1)
}
