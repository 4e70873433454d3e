//! Bytes that no honest writer makes: they are refused or canonical, fast, and never a panic.

use fieldmerge_protocol::change::MAX_CHANGE_BYTES;
use fieldmerge_protocol::{Change, ChangeError};
use proptest::collection::vec;
use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::expanded;
use super::strategies::change;

/// Where the body of a chunk starts, if its length takes `digits` bytes.
const fn head(digits: usize) -> usize {
    4 + 4 + 1 + digits
}

fn unsigned(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    out.push(value.to_le_bytes()[0]);
}

/// A change chunk with the right length and checksum around any body.
fn sealed(body: &[u8]) -> Vec<u8> {
    let mut hashed = vec![1];
    unsigned(&mut hashed, body.len() as u64);
    hashed.extend_from_slice(body);
    let hash = Sha256::digest(&hashed);
    [&[0x85, 0x6f, 0x4a, 0x83][..], &hash[..4], &hashed].concat()
}

/// The body of a chunk that was written canonically.
fn body(chunk: &[u8]) -> &[u8] {
    let digits = chunk[head(0)..].iter().position(|byte| byte & 0x80 == 0).expect("a length ends") + 1;
    &chunk[head(digits)..]
}

/// Whatever is accepted is what automerge would write, and automerge reads it too.
fn assert_safe(bytes: &[u8]) -> Result<(), TestCaseError> {
    if let Ok((change, hash)) = Change::decode(bytes) {
        prop_assert_eq!(change.encode(), (bytes.to_vec(), hash));
        let theirs = automerge::Change::from_bytes(bytes.to_vec());
        prop_assert_eq!(theirs.map(|theirs| theirs.hash().0).ok(), Some(hash.0));
        let rewritten = automerge::Change::from(expanded(&change));
        prop_assert_eq!(rewritten.raw_bytes(), bytes);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn random_bytes_are_safe(bytes in vec(any::<u8>(), 0..400)) {
        assert_safe(&bytes)?;
        assert_safe(&sealed(&bytes))?;
    }
}

proptest! {
    // One case tries thousands of chunks.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_altered_byte_and_any_cut_is_refused(change in change()) {
        let (chunk, _) = change.encode();
        for index in 0..chunk.len() {
            prop_assert!(Change::decode(&chunk[..index]).is_err());
            for mask in [0x01, 0x80, 0xff] {
                let mut bytes = chunk.clone();
                bytes[index] ^= mask;
                prop_assert!(Change::decode(&bytes).is_err());
            }
        }
        prop_assert_eq!(Change::decode(&[&chunk[..], &[0]].concat()), Err(ChangeError::Malformed));
    }

    #[test]
    fn altered_and_sealed_again_it_is_safe(change in change(), noise in any::<u8>()) {
        let (chunk, _) = change.encode();
        let body = body(&chunk);
        for index in 0..body.len() {
            for mask in [0x01, 0x40, 0x80, noise] {
                let mut bytes = body.to_vec();
                bytes[index] ^= mask;
                assert_safe(&sealed(&bytes))?;
            }
            assert_safe(&sealed(&body[..index]))?;
            assert_safe(&sealed(&[&body[..index], &[noise], &body[index..]].concat()))?;
            assert_safe(&sealed(&[&body[..index], &body[index + 1..]].concat()))?;
        }
    }
}

/// A body without dependencies, other actors and message, with these columns.
fn with_columns(columns: &[(u64, &[u8])]) -> Vec<u8> {
    let mut body = vec![0, 16];
    body.extend_from_slice(&[5; 16]);
    body.extend_from_slice(&[1, 1, 0, 0, 0]);
    unsigned(&mut body, columns.len() as u64);
    for (number, bytes) in columns {
        unsigned(&mut body, *number);
        unsigned(&mut body, bytes.len() as u64);
    }
    for (_, bytes) in columns {
        body.extend_from_slice(bytes);
    }
    body
}

/// A chunk of `count` deletes of one path, each with `preds` predecessors, in run lengths of a few bytes.
fn bomb(count: u64, preds: u64) -> Vec<u8> {
    let run = |count: u64, value: &[u8]| {
        let mut out = Vec::new();
        // A run length is signed: its top bit must not read as a sign.
        unsigned(&mut out, count);
        if out.last().is_some_and(|byte| byte & 0x40 != 0) {
            *out.last_mut().expect("not empty") |= 0x80;
            out.push(0);
        }
        [&out, value].concat()
    };
    let mut insert = Vec::new();
    unsigned(&mut insert, count);
    let mut pred_count = Vec::new();
    unsigned(&mut pred_count, preds);
    let (key, action, meta) = (run(count, b"\x01a"), run(count, &[3]), run(count, &[0]));
    let (group, actors, counters) =
        (run(count, &pred_count), run(count * preds, &[0]), run(count * preds, &[1]));
    sealed(&with_columns(&[
        (0x15, &key),
        (0x34, &insert),
        (0x42, &action),
        (0x56, &meta),
        (0x70, &group),
        (0x71, &actors),
        (0x73, &counters),
    ]))
}

#[test]
fn a_few_bytes_cannot_claim_many_operations() {
    assert!(bomb(1 << 26, 1).len() < 100);
    assert_eq!(Change::decode(&bomb(1 << 26, 1)), Err(ChangeError::TooLarge));
    assert_eq!(Change::decode(&bomb(4_097, 1)), Err(ChangeError::TooLarge));
    assert_eq!(Change::decode(&bomb(1, 65)), Err(ChangeError::TooLarge));
    assert_eq!(Change::decode(&bomb(1, 1 << 40)), Err(ChangeError::TooLarge));
    assert_eq!(Change::decode(&bomb(4_096, 64)), Err(ChangeError::TooLarge));
    for (count, preds) in [(4_096, 4), (256, 64), (2, 1)] {
        let (change, _) = Change::decode(&bomb(count, preds)).expect("within the limits");
        assert_eq!(change.ops.len() as u64, count);
    }
}

#[test]
fn counts_and_lengths_are_not_believed() {
    let huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
    let decode = |body: &[u8]| Change::decode(&sealed(body));
    assert_eq!(decode(&huge), Err(ChangeError::TooLarge));
    assert_eq!(decode(&[&[0][..], &huge].concat()), Err(ChangeError::Malformed));
    let plain = with_columns(&[]);
    assert!(decode(&plain).is_ok());
    let columns_at = plain.len() - 1;
    let other_actors = [&plain[..columns_at - 1], &huge].concat();
    assert_eq!(decode(&other_actors), Err(ChangeError::TooLarge));
    let columns = [&plain[..columns_at], &huge].concat();
    assert_eq!(decode(&columns), Err(ChangeError::Malformed));
    let column_length = [&plain[..columns_at], &[1, 0x15], &huge].concat();
    assert_eq!(decode(&column_length), Err(ChangeError::Malformed));
    let mut chunk = vec![0x85, 0x6f, 0x4a, 0x83, 0, 0, 0, 0, 1];
    chunk.extend_from_slice(&huge);
    assert_eq!(Change::decode(&chunk), Err(ChangeError::Malformed));
    assert_eq!(Change::decode(&vec![0; MAX_CHANGE_BYTES + 1]), Err(ChangeError::TooLarge));
}
