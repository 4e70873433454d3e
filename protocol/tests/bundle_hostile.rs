//! Whatever bytes arrive: a value or an error, no panic, within bounds.

#[path = "support/histories.rs"]
mod histories;

use fieldmerge_protocol::bundle::{self, BundleError, Entry, MAX_FRAME_OPS, PackedChange};
use fieldmerge_protocol::{Actor, ChangeHash, RecordId};
use histories::{History, history};
use proptest::collection::vec;
use proptest::prelude::*;

fn body_of(history: &History) -> Vec<u8> {
    let acknowledged = |record: RecordId, hash: &ChangeHash| history.acknowledged(record, hash);
    bundle::encode_body(&history.entries(), &acknowledged).expect("within the limits")
}

/// What decodes is within the limits, has canonical chunks, and can be encoded again to the same.
fn is_sound(packed: Vec<PackedChange>) -> Result<(), TestCaseError> {
    let ops: usize = packed.iter().map(|packed| packed.change.ops.len()).sum();
    prop_assert!(ops <= MAX_FRAME_OPS);
    let resolved = bundle::resolve(packed, &mut |_, _, seq| Some(ChangeHash([seq.to_le_bytes()[0]; 32])));
    let whole: Vec<_> = resolved.into_iter().filter(|one| one.hash.is_some()).collect();
    let entries: Vec<Entry<'_>> = whole
        .iter()
        .map(|one| Entry {
            record: one.record,
            change: &one.change,
            hash: one.hash.expect("kept only those"),
        })
        .collect();
    for one in &whole {
        let (chunk, hash) = one.change.encode();
        prop_assert_eq!(fieldmerge_protocol::Change::decode(&chunk), Ok((one.change.clone(), hash)));
    }
    let nothing = |_: RecordId, _: &ChangeHash| -> Option<(Actor, u64)> { None };
    let again = bundle::encode_body(&entries, &nothing).expect("what decodes encodes");
    let again = bundle::decode_body(&again).expect("what encodes decodes");
    let again = bundle::resolve(again, &mut |_, _, _| None);
    prop_assert_eq!(again, whole);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn random_bytes_are_refused(mut bytes in vec(any::<u8>(), 0..300), version in any::<bool>()) {
        if version && bytes.len() > 4 {
            // Past the first checks: version, mode, three short lanes.
            bytes[..5].copy_from_slice(&[1, 0, 60, 30, 30]);
        }
        if let Ok(packed) = bundle::decode_body(&bytes) {
            is_sound(packed)?;
        }
        let _ = bundle::Frame::parse(&bytes);
        let _ = bundle::FrameHeader::from_bytes(&bytes);
        let _ = bundle::Proof::from_bytes(&bytes);
        let mut reader = bundle::PartReader::new(100);
        reader.feed(&bytes);
        while let Ok(Some(_)) = reader.next_part() {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_cut_is_seen(history in history()) {
        let body = body_of(&history);
        let whole = bundle::decode_body(&body).expect("decodes");
        let resolved = bundle::resolve(whole, &mut |record, actor, seq| history.known(record, actor, seq));
        prop_assert!(resolved.iter().all(|one| one.hash.is_some()));
        for cut in 0..body.len() {
            prop_assert!(bundle::decode_body(&body[..cut]).is_err(), "{}", cut);
        }
        let longer = [body, vec![0]].concat();
        prop_assert!(bundle::decode_body(&longer).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn damage_gives_an_error_or_other_sound_changes(
        history in history(),
        hits in vec(vec((any::<prop::sample::Index>(), any::<u8>()), 1..4), 16),
    ) {
        let body = body_of(&history);
        for hit in hits {
            let mut damaged = body.clone();
            for (place, byte) in hit {
                let place = place.index(damaged.len());
                damaged[place] = byte;
            }
            if let Ok(packed) = bundle::decode_body(&damaged) {
                is_sound(packed)?;
            }
        }
    }
}

/// uLEB128, as the format has it.
fn uleb(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(0x80 | (value & 0x7f) as u8);
        value >>= 7;
    }
    out.push((value & 0x7f) as u8);
    out
}

/// A column of `value` again and again: tag 0 and its zigzag.
fn same(value: u64) -> Vec<u8> {
    [vec![0], uleb(value * 2)].concat()
}

/// A body of which all but the text lane is in the meta lane.
fn body(meta: &[Vec<u8>], text: &[u8], raw: &[u8]) -> Vec<u8> {
    let meta = meta.concat();
    let lens = [uleb(meta.len() as u64), vec![0], uleb(text.len() as u64)].concat();
    [vec![1, 0], lens, meta, text.to_vec(), raw.to_vec()].concat()
}

/// So many new records by one actor, each with a run of so many empty entries: hardly a hundred bytes for any number.
fn runs(changes: u64, length: u64) -> Vec<u8> {
    let actors = [uleb(1), uleb(0)].concat();
    let paths = uleb(0);
    let slots = [uleb(1), same(9)].concat();
    let shapes = [uleb(1), same(1), same(0), same(0)].concat();
    // Shapes, records, authors, times, seqs, start_ops; then the same id for all, no dependencies.
    let heads = [same(1), same(1), same(0), same(0), same(1), same(0), vec![1, 16], same(0)].concat();
    let entries = [same(0), same(length - 1), same(0), vec![1, 0]].concat();
    body(&[uleb(changes), actors, paths, slots, shapes, heads, entries], b"", &[7; 32])
}

#[test]
fn what_takes_no_bytes_cannot_be_repeated_without_bound() {
    let ops = |body: &[u8]| {
        let packed = bundle::decode_body(body)?;
        Ok((packed.len(), packed.iter().map(|one| one.change.ops.len()).sum::<usize>()))
    };
    assert_eq!(ops(&runs(2, 3)), Ok((2, 6)));
    assert_eq!(ops(&runs(4_096, 32)), Ok((4_096, MAX_FRAME_OPS)));
    assert_eq!(ops(&runs(32, 4_096)), Ok((32, MAX_FRAME_OPS)));
    let operations = Err(BundleError::TooLarge("operations"));
    assert_eq!(ops(&runs(4_096, 33)), operations);
    assert_eq!(ops(&runs(1, 4_097)), operations);
    assert_eq!(ops(&runs(1, 1 << 40)), operations);
    assert_eq!(ops(&runs(4_097, 1)), Err(BundleError::TooLarge("changes")));
}

#[test]
fn counts_are_checked_before_memory_is_taken() {
    let huge = uleb(u64::MAX);
    for body in [
        [vec![1, 0], huge.clone(), huge.clone(), huge.clone()].concat(),
        body(&[uleb(4_096), huge.clone()], b"", b""),
        body(&[uleb(1), uleb(0), huge.clone()], b"", b""),
        body(&[uleb(1), uleb(0), uleb(1 << 18), same(0), same(0)], b"", b""),
        body(&[uleb(1), uleb(0), uleb(0), huge.clone()], b"", b""),
        body(&[uleb(1), uleb(0), uleb(0), uleb(0), huge.clone()], b"", b""),
        [vec![1, 1], huge.clone()].concat(),
        [vec![1, 1, 1], vec![0; 16], huge].concat(),
    ] {
        assert!(bundle::decode_body(&body).is_err());
    }
    let large = vec![1; bundle::MAX_RAW_BYTES + 1];
    assert_eq!(bundle::decode_body(&large), Err(BundleError::TooLarge("body")));
}
