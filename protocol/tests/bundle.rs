//! What goes into a frame comes out of it, byte for byte.

#[path = "support/histories.rs"]
mod histories;
#[path = "support/sealed.rs"]
mod sealed;

use std::collections::HashSet;

use fieldmerge_protocol::bundle::{
    self, BundleError, DepRef, Entry, Frame, FrameDraft, Origin, PackedChange, Packing,
};
use fieldmerge_protocol::{
    Action, Actor, AreaId, Change, ChangeHash, DeviceId, Incarnation, Op, ProjectId, RecordClass, RecordId,
    Value,
};
use histories::{History, history, path};
use proptest::prelude::*;

fn nothing(_: RecordId, _: &ChangeHash) -> Option<(Actor, u64)> {
    None
}

fn same(history: &History, packed: Vec<PackedChange>) -> Result<(), TestCaseError> {
    let resolved = bundle::resolve(packed, &mut |record, actor, seq| history.known(record, actor, seq));
    prop_assert_eq!(resolved.len(), history.changes.len());
    for (resolved, (record, change, hash)) in resolved.iter().zip(&history.changes) {
        prop_assert_eq!(&resolved.missing, &Vec::new());
        prop_assert_eq!((&resolved.record, &resolved.change), (record, change));
        prop_assert_eq!(resolved.hash, Some(*hash));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn what_is_encoded_comes_back(history in history()) {
        for knows in [true, false] {
            let acknowledged = |record: RecordId, hash: &ChangeHash| {
                if knows { history.acknowledged(record, hash) } else { None }
            };
            let body = bundle::encode_body(&history.entries(), &acknowledged).expect("within the limits");
            same(&history, bundle::decode_body(&body).expect("decodes"))?;
        }
    }

    #[test]
    fn the_order_in_a_frame_may_be_any(history in history(), seed in any::<u64>()) {
        let mut shuffled = history.clone();
        shuffled.changes.sort_by_key(|(_, _, hash)| u64::from_le_bytes(hash.0[..8].try_into().expect("8")) ^ seed);
        let body = bundle::encode_body(&shuffled.entries(), &nothing).expect("within the limits");
        let packed = bundle::decode_body(&body).expect("decodes");
        let mut seen = HashSet::new();
        for index in bundle::causal_order(&packed) {
            for dep in &packed[index as usize].deps {
                prop_assert!(!matches!(dep, DepRef::InFrame(place) if !seen.contains(place)));
            }
            seen.insert(index);
        }
        same(&shuffled, packed)?;
    }

    #[test]
    fn the_end_of_a_frame_is_the_same_alone(history in history(), place in any::<prop::sample::Index>()) {
        let body = bundle::encode_body(&history.entries(), &nothing).expect("within the limits");
        let before = place.index(history.changes.len() + 1);
        let (packed, front) = bundle::decode_body_behind(&body, before).expect("decodes");
        let whole = bundle::decode_body(&body).expect("decodes");
        let in_front = |dep: &DepRef| matches!(dep, DepRef::InFrame(place) if (*place as usize) < before);
        let needed = whole[before..].iter().any(|packed| packed.deps.iter().any(in_front));
        // A few changes may stand as they are, and then all of them come.
        prop_assert!(front == before || (front == 0 && !needed), "{front} of {before}");
        prop_assert_eq!(packed.len() + before - front, whole.len());
        let mut known = |record, actor, seq| history.known(record, actor, seq);
        let alone = bundle::resolve(packed, &mut known);
        prop_assert_eq!(&alone[front..], &bundle::resolve(whole, &mut known)[before..]);
    }

    #[test]
    fn what_the_receiver_lacks_is_named(history in history()) {
        let acknowledged = |record: RecordId, hash: &ChangeHash| history.acknowledged(record, hash);
        let body = bundle::encode_body(&history.entries(), &acknowledged).expect("within the limits");
        let packed = bundle::decode_body(&body).expect("decodes");
        let resolved = bundle::resolve(packed.clone(), &mut |_, _, _| None);
        for (index, resolved) in resolved.iter().enumerate() {
            let lacks = packed[index].deps.iter().filter(|dep| match dep {
                DepRef::InFrame(place) => bundle_hash_is_missing(&packed, *place as usize),
                DepRef::OwnPrevious | DepRef::Known { .. } => true,
                DepRef::Hash(_) => false,
            });
            prop_assert_eq!(&resolved.missing, &lacks.copied().collect::<Vec<_>>());
            let hash = resolved.missing.is_empty().then_some(history.changes[index].2);
            prop_assert_eq!(resolved.hash, hash);
        }
    }
}

fn bundle_hash_is_missing(packed: &[PackedChange], place: usize) -> bool {
    packed[place].deps.iter().any(|dep| match dep {
        DepRef::InFrame(other) => bundle_hash_is_missing(packed, *other as usize),
        DepRef::OwnPrevious | DepRef::Known { .. } => true,
        DepRef::Hash(_) => false,
    })
}

fn change(actor: u8, seq: u64, deps: Vec<ChangeHash>, ops: Vec<Op>) -> Change {
    Change { actor: Actor([actor; 16]), seq, start_op: 1, time: 0, deps, ops }
}

fn put(name: &str, value: Value) -> Op {
    Op { path: path(name), action: Action::Put(value), pred: Vec::new() }
}

fn origin() -> Origin {
    Origin {
        project: ProjectId([1; 16]),
        device: DeviceId([2; 10]),
        incarnation: Incarnation([3; 4]),
        number: 300,
        class: RecordClass::Core,
        area: AreaId([4; 16]),
    }
}

#[test]
fn a_wrong_check_counts_as_missing() {
    let edit = change(1, 1, vec![ChangeHash([9; 32])], vec![put("sex", Value::str("male"))]);
    let entry = Entry { record: RecordId([5; 16]), change: &edit, hash: edit.encode().1 };
    let many = vec![entry; 8];
    let body = bundle::encode_body(&many, &|_, _| Some((Actor([2; 16]), 7))).expect("within the limits");
    let packed = bundle::decode_body(&body).expect("decodes");
    let named = DepRef::Known { actor: Actor([2; 16]), seq: 7, check: [9; 4] };
    assert_eq!(packed[0].deps, [named]);
    let other = bundle::resolve(packed.clone(), &mut |_, _, _| Some(ChangeHash([8; 32])));
    assert_eq!((other[0].hash, other[0].missing.as_slice()), (None, [named].as_slice()));
    let right = bundle::resolve(packed, &mut |_, _, _| Some(ChangeHash([9; 32])));
    assert_eq!(right[7].hash, Some(entry.hash));
}

#[test]
fn changes_that_depend_on_each_other_in_a_ring_have_no_hash() {
    let one = change(1, 1, Vec::new(), Vec::new());
    let ring = |deps: Vec<DepRef>| PackedChange { record: RecordId([1; 16]), change: one.clone(), deps };
    let packed = vec![ring(vec![DepRef::InFrame(1)]), ring(vec![DepRef::InFrame(0)]), ring(Vec::new())];
    let resolved = bundle::resolve(packed, &mut |_, _, _| None);
    assert_eq!(resolved.iter().map(|one| one.hash.is_some()).collect::<Vec<_>>(), [false, false, true]);
}

#[test]
fn what_no_decoder_would_take_is_not_written() {
    let refused = |change: &Change| {
        let entry = Entry { record: RecordId([1; 16]), change, hash: ChangeHash([0; 32]) };
        bundle::encode_body(&[entry], &nothing).expect_err("beyond the limits")
    };
    let unsorted = change(1, 1, vec![ChangeHash([2; 32]), ChangeHash([1; 32])], Vec::new());
    assert_eq!(refused(&unsorted), BundleError::Malformed("order"));
    let endless = change(1, 1, Vec::new(), vec![put("a", Value::F64(f64::INFINITY))]);
    assert_eq!(refused(&endless), BundleError::Malformed("decimal"));
    let long = change(1, 1, Vec::new(), vec![put("a", Value::Null); 4_097]);
    assert_eq!(refused(&long), BundleError::TooLarge("operations of a change"));
    let heavy = change(1, 1, Vec::new(), vec![put("a", Value::Bytes(vec![0; 1 << 20]))]);
    assert_eq!(refused(&heavy), BundleError::TooLarge("bytes of a change"));
}

#[test]
fn a_frame_proves_its_author() {
    use ed25519_dalek::{Signer, SigningKey};
    let (device, person) = (SigningKey::from_bytes(&[7; 32]), SigningKey::from_bytes(&[8; 32]));
    let new = change(
        1,
        1,
        Vec::new(),
        vec![put("_id", Value::Bytes(vec![5; 16])), put("sex", Value::str("female"))],
    );
    let entry = Entry { record: RecordId([5; 16]), change: &new, hash: new.encode().1 };
    let mut draft = FrameDraft::pack(origin(), &[entry], &nothing, Packing::default()).expect("packs");
    let signature = person.sign(&draft.cosigning_bytes(3)).to_bytes();
    draft.cosign(bundle::Cosignature { person: 3, signature }).expect("there is room");
    let signature = device.sign(&draft.signing_bytes()).to_bytes();
    let wire_len = draft.wire_len();
    let bytes = draft.finish(signature);
    assert_eq!(bytes.len(), wire_len);

    let frame = Frame::parse(&bytes).expect("a frame");
    assert_eq!((frame.header.origin, frame.header.count), (origin(), 1));
    assert_eq!(frame.header.changes_digest, bundle::changes_digest([entry.hash]));
    assert_eq!(frame.verify(&device.verifying_key()), Ok(()));
    assert_eq!(frame.verify(&person.verifying_key()), Err(BundleError::BadSignature));
    let cosignature = frame.cosignatures[0];
    assert_eq!(frame.verify_cosignature(&cosignature, &person.verifying_key()), Ok(()));
    let other = bundle::Cosignature { person: 4, ..cosignature };
    assert_eq!(frame.verify_cosignature(&other, &person.verifying_key()), Err(BundleError::BadSignature));
    let body = frame.inflate(&[], 1 << 20).expect("inflates");
    assert_eq!(bundle::decode_body(&body).map(|packed| packed[0].record), Ok(RecordId([5; 16])));
    assert_eq!(frame.inflate(&[], 10), Err(BundleError::TooLarge("body")));

    let proof = bundle::Proof::from_bytes(&frame.proof().to_bytes()).expect("a proof");
    assert_eq!(proof, frame.proof());
    assert_eq!(proof.verify(&device.verifying_key()), Ok(()));
    assert_eq!(proof.header(), Ok(frame.header));
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        // A flipped person number is another person's signature; everything else is signed.
        let cosigned = Frame::parse(&changed).map(|frame| {
            frame
                .cosignatures
                .iter()
                .all(|one| frame.verify_cosignature(one, &person.verifying_key()).is_ok())
        });
        let verified = Frame::parse(&changed).and_then(|frame| frame.verify(&device.verifying_key()));
        assert!(verified.is_err() || cosigned != Ok(true), "{at}");
    }
}

#[test]
fn later_versions_are_told_apart_from_damage() {
    let version = |what, version| BundleError::UnknownVersion { what, version };
    assert_eq!(bundle::decode_body(&[2, 0]), Err(version("body", 2)));
    assert_eq!(bundle::decode_body(&[1, 9]), Err(version("body mode", 9)));
    assert_eq!(bundle::FrameHeader::from_bytes(&[2]), Err(version("frame", 2)));
    assert_eq!(bundle::Proof::from_bytes(&[2]), Err(version("proof", 2)));
    assert_eq!(bundle::Compression::from_number(7), Err(BundleError::UnknownCompression(7)));
    assert_eq!(bundle::decode_body(&[]), Err(BundleError::Truncated));
}

/// A new record, an edit of it by another, and two sheets of a log.
fn story() -> Vec<(RecordId, Change)> {
    let worker = RecordId(*b"\x01\x95\x4a\x00\x10\x00\x7a\xbc\x9d\xef\x01\x23\x45\x67\x89\xab");
    let log = RecordId([0x22; 16]);
    let values = [
        ("_id", Value::Bytes(worker.0.to_vec())),
        ("family_name", Value::str("Rasoanirina")),
        ("phone", Value::str("+261340000101")),
        ("birth_date", Value::str("1991-02-28")),
        ("household/size", Value::Int(5)),
        ("languages/mlg", Value::Bool(true)),
    ];
    let ops = values.into_iter().map(|(name, value)| put(name, value)).collect();
    let new = Change { time: 1_741_000_000_000, ..change(1, 1, Vec::new(), ops) };
    let pred = vec![fieldmerge_protocol::OpId { counter: 3, actor: new.actor }];
    let ops = vec![Op { pred, ..put("phone", Value::str("+261340000999")) }];
    let edit = Change { start_op: 7, time: 1_741_000_090_000, ..change(2, 1, vec![new.encode().1], ops) };
    let sheet = |first: u8| -> Vec<Op> {
        (first..first + 3).map(|n| put(&format!("e/{n}"), Value::Bytes(vec![0x83, n, 0xf5, 0x20]))).collect()
    };
    let ops = [vec![put("p/0", Value::Bytes(worker.0.to_vec()))], sheet(0)].concat();
    let first = change(1, 1, Vec::new(), ops);
    let second = Change { start_op: 5, ..change(1, 2, vec![first.encode().1], sheet(3)) };
    vec![(worker, new), (worker, edit), (log, first), (log, second)]
}

const STORY: &str = "\
    01005e19440402000006000034060935043307040002010100003200310001000200000110310000020000010500ffc7fd9a\
    02010b05020001010c20cabd9f919b0f840e0300e078000a0002000800042000020002000200040001040080c080a0a96500\
    0c0e100a0002008088febaab65a08689bbab6500000004045f696466616d696c795f6e616d6570686f6e6562697274685f64\
    617465686f757365686f6c642f73697a656c616e6775616765732f6d6c675261736f616e6972696e612b0101010101010101\
    0101010101010101020202020202020202020202020202028072ab8510120045072449029802222222222222222222222222\
    222222220aab8967452301ef1daf02ab8967452301ef1daf02";

#[test]
fn the_bytes_of_a_body_stay_what_they_are() {
    let story = story();
    let hashes: Vec<ChangeHash> = story.iter().map(|(_, change)| change.encode().1).collect();
    let entries: Vec<Entry<'_>> = story
        .iter()
        .zip(&hashes)
        .map(|((record, change), hash)| Entry { record: *record, change, hash: *hash })
        .collect();
    let body = bundle::encode_body(&entries, &nothing).expect("within the limits");
    let known: Result<Vec<u8>, _> =
        (0..STORY.len()).step_by(2).map(|at| u8::from_str_radix(&STORY[at..at + 2], 16)).collect();
    assert_eq!(Ok(&body), known.as_ref(), "{body:02x?}");
    let resolved = bundle::resolve(bundle::decode_body(&body).expect("decodes"), &mut |_, _, _| None);
    let back: Vec<(RecordId, Change)> = resolved.iter().map(|one| (one.record, one.change.clone())).collect();
    assert_eq!(back, story);
}
