//! The bundle: one format for push body, pull answer, stored segment, file and backup.
//!
//! A *bundle* is a magic, a version and *parts* ([`parts`]). A *frame* is a part that carries changes of one author
//! device, one record class and one area: a header, signatures ([`frame`]) and a compressed *body*. A body holds
//! changes in columns across documents ([`body`]); decoding rebuilds each change and recomputes its hash, so a body
//! cannot express a malformed change.
//!
//! Everything read here may come from anyone. Every count is checked before memory is taken for it, and nothing that
//! costs no bytes can be repeated without bound.

pub mod body;
mod compress;
pub mod frame;
mod packing;
pub mod parts;
pub mod sealed;
mod wire;

pub use body::{
    Acknowledged, DepRef, Entry, PackedChange, Resolved, causal_order, decode_body, decode_body_behind,
    encode_body, encode_columns, resolve,
};
#[cfg(feature = "zstd")]
pub use compress::train;
pub use compress::{Compression, compress, inflate};
pub use frame::{Cosignature, Frame, FrameDraft, FrameHeader, Origin, Proof, changes_digest};
pub use packing::Packing;
pub use parts::{BundleWriter, Part, PartReader};
pub use sealed::{PassedFrame, SealedDraft, SealedFrame, SealedHeader};

use crate::ChangeError;

/// The most changes in one frame. Pushed frames have a lower limit, see [`crate::limits`].
pub const MAX_CHANGES: usize = 4_096;
/// The most operations in one frame.
pub const MAX_FRAME_OPS: usize = 1 << 17;
/// The most different paths, and the most different slots (path, type, number of replaced operations), in one frame.
pub const MAX_FRAME_SLOTS: usize = 1 << 16;
/// The most replaced operations that the changes of one frame may name, all together.
pub const MAX_FRAME_PREDS: usize = 1 << 18;
/// The most bytes of a body before compression: stored and compacted frames.
pub const MAX_RAW_BYTES: usize = 4 << 20;
/// The most bytes of paths, text and bytes values in one frame, each occurrence counted.
pub const MAX_VALUE_BYTES: usize = 8 << 20;
/// The most co-signatures on one frame.
pub const MAX_COSIGNATURES: usize = 8;

/// Why bytes are not a bundle, a frame or a body that this build can read.
///
/// No variant carries anything that a person typed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// The bytes do not begin as a bundle does.
    #[error("the bytes are not a bundle")]
    NotABundle,
    /// A later version of the format: the reader has to be updated.
    #[error("the {what} has version {version}, which is not known here")]
    UnknownVersion {
        /// Which layer.
        what: &'static str,
        /// The version that was read.
        version: u8,
    },
    /// A record class that this build does not know.
    #[error("the frame has record class {0}, which is not known here")]
    UnknownClass(u8),
    /// A compression that this build does not know.
    #[error("the frame has compression {0}, which is not known here")]
    UnknownCompression(u8),
    /// A compression that this build was made without.
    #[error("this build cannot inflate or compress")]
    CompressionUnavailable,
    /// The dictionary that the body was compressed with is not at hand.
    #[error("the frame needs dictionary {0}, which is not known here")]
    UnknownDictionary(u32),
    /// The compressed bytes do not inflate to the stated length.
    #[error("the frame body does not inflate to what its header states")]
    Inflate,
    /// The bytes end before what they announce.
    #[error("the bytes end early")]
    Truncated,
    /// Bytes that no encoder writes.
    #[error("malformed {0}")]
    Malformed(&'static str),
    /// A count or length beyond the published limits.
    #[error("too many or too large: {0}")]
    TooLarge(&'static str),
    /// The signature is not the device's over these bytes.
    #[error("the signature does not verify")]
    BadSignature,
    /// What was sealed does not open with this key, or is not what stands outside.
    #[error("the sealed frame does not open")]
    DoesNotOpen,
    /// A change inside the body is not canonical.
    #[error(transparent)]
    Change(#[from] ChangeError),
}
