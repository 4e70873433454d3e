//! What of an answer counts only when the server has signed for it.

use fieldmerge_protocol::sync::{FeedFrame, FormPiece};
use fieldmerge_protocol::{LifeId, LogId};

/// What a piece takes in memory beside its body, at most.
const FRAME_BYTES: usize = 128;

/// What counts once the server has signed for it.
#[derive(Debug)]
pub(crate) enum Piece {
    Frame(FeedFrame),
    Form(FormPiece),
    /// What the server found, as it came.
    Findings(Vec<u8>),
}

impl Piece {
    /// About how many bytes of memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        let held = match self {
            Self::Frame(frame) => frame.body.as_ref().map_or(0, |body| body.bytes.len()),
            Self::Form(piece) => piece.bytes.len(),
            Self::Findings(part) => part.len(),
        };
        FRAME_BYTES + held
    }
}

/// What an answer says of the server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told {
    /// The log that its positions count in.
    pub(crate) log: LogId,
    /// The latest life of that log.
    pub(crate) life: Option<LifeId>,
    /// Whether the device is unsure after it, see [`crate::memory::rows::State::unsure`].
    pub(crate) unsure: Option<bool>,
    /// The server's clock minus the device's.
    pub(crate) offset_ms: i64,
}
