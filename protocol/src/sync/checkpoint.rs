//! Proofs within an answer: feed frames count when the server has signed for them, not only when its end arrives.

use minicbor::{Decode, Encode};
use sha2::{Digest, Sha256};

use crate::ProjectId;

/// Of an answer that is cut what stands behind its last checkpoint is lost: little at first, for the link may be one
/// that carries little at a time, and never more than a few seconds of a slow one.
const LEAST_BYTES: usize = 1 << 10;
const MOST_BYTES: usize = 16 << 10;

/// Proves the parts before it, so that their feed frames count although the link breaks behind it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Checkpoint {
    /// Ed25519 by the server key over [`checkpoint_text`].
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub signature: Vec<u8>,
}

/// The text that the server signs at a checkpoint: binds the answer's bytes before it to the request's `Hello`.
pub fn checkpoint_text(project: ProjectId, hello: &[u8], answer_digest: [u8; 32]) -> Vec<u8> {
    let hello: [u8; 32] = Sha256::digest(hello).into();
    [b"fieldmerge-checkpoint-v1\0".as_slice(), &project.0, &hello, &answer_digest].concat()
}

/// Where the checkpoints of an answer stand: as soon as so much waits for one as there was before it, within bounds.
#[derive(Debug, Default)]
pub struct Checkpoints {
    proven: usize,
    waiting: usize,
}

impl Checkpoints {
    /// To be asked before each feed frame, with the bytes of its payload: whether a checkpoint goes first.
    pub fn before(&mut self, frame_bytes: usize) -> bool {
        let due = self.waiting >= self.proven.clamp(LEAST_BYTES, MOST_BYTES);
        if due {
            self.proven += std::mem::take(&mut self.waiting);
        }
        self.waiting += frame_bytes;
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_doubles_up_to_the_bound() {
        let mut checkpoints = Checkpoints::default();
        let due: Vec<usize> = (0..128).filter(|_| checkpoints.before(512)).collect();
        assert_eq!(due, [2, 4, 8, 16, 32, 64, 96]);
        let mut checkpoints = Checkpoints::default();
        assert_eq!(
            [1_023, 1, 1, 300_000, 5].map(|bytes| checkpoints.before(bytes)),
            [false, false, true, false, true]
        );
    }
}
