//! Changes, and what records make of them.

use fieldmerge_model::record::{Provenance, RecordState, Verdict};
use fieldmerge_model::replay;
use fieldmerge_protocol::{Change, ChangeHash, RecordId};
use sha2::{Digest, Sha256};

/// The record of every history here.
pub const RECORD: RecordId = RecordId([7; 16]);

/// Any bytes as a chunk, and as the body of a chunk whose length and checksum are right. What is accepted is what
/// automerge reads, too, under the same hash.
pub fn change(bytes: &[u8]) {
    chunk(bytes);
    chunk(&sealed(bytes));
}

fn chunk(bytes: &[u8]) {
    let Ok((change, hash)) = Change::decode(bytes) else { return };
    assert_eq!(change.encode(), (bytes.to_vec(), hash));
    let theirs = automerge::Change::from_bytes(bytes.to_vec()).expect("automerge reads it");
    assert_eq!((theirs.raw_bytes(), theirs.hash().0), (bytes, hash.0));
}

/// A chunk around a body, with the right length and checksum.
pub fn sealed(body: &[u8]) -> Vec<u8> {
    let mut hashed = vec![1];
    let mut length = body.len();
    while length >= 0x80 {
        hashed.push(length.to_le_bytes()[0] | 0x80);
        length >>= 7;
    }
    hashed.push(length.to_le_bytes()[0]);
    hashed.extend_from_slice(body);
    let hash = Sha256::digest(&hashed);
    [&[0x85, 0x6f, 0x4a, 0x83][..], &hash[..4], &hashed].concat()
}

/// The body of a chunk.
pub fn body_of(chunk: &[u8]) -> &[u8] {
    let digits = chunk[9..].iter().position(|byte| byte & 0x80 == 0).expect("a length ends") + 1;
    &chunk[9 + digits..]
}

/// Bytes as bodies of changes of one record, each behind its length in two bytes.
pub fn history_bytes(mut bytes: &[u8]) {
    let mut bodies = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk::<2>() {
        let length = usize::from(u16::from_le_bytes(*length)).min(rest.len());
        bodies.push(sealed(&rest[..length]));
        bytes = &rest[length..];
        if bodies.len() == 16 {
            break;
        }
    }
    history(&bodies);
}

/// Offers chunks to a record, one by one: whatever it accepts automerge loads, saves, loads again, and sees alike; the
/// record's own bytes read back.
pub fn history(chunks: &[Vec<u8>]) {
    let mut state = RecordState::new(RECORD);
    let mut applied = false;
    for chunk in chunks {
        if let Ok((change, hash)) = Change::decode(chunk) {
            applied |= offer(&mut state, &change, hash) == Verdict::Applied;
        }
    }
    if applied {
        assert_eq!(replay::verify(&state), Ok(()));
        let bytes = state.to_bytes();
        let again = RecordState::from_bytes(&bytes).expect("a state reads what it wrote");
        assert_eq!(again.to_bytes(), bytes);
    }
}

/// Offers a change; one that is not applied leaves no trace.
pub fn offer(state: &mut RecordState, change: &Change, hash: ChangeHash) -> Verdict {
    let before = state.change_count();
    let verdict = state.accept(change, hash, Provenance::default());
    assert_eq!(state.change_count(), before + usize::from(verdict == Verdict::Applied));
    verdict
}
