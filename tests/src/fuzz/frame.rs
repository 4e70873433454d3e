//! Frames and their bodies.

use ed25519_dalek::SigningKey;
use fieldmerge_protocol::bundle::{
    Entry, Frame, FrameHeader, MAX_FRAME_OPS, PackedChange, PassedFrame, Proof, causal_order, decode_body,
    encode_body, resolve,
};
use fieldmerge_protocol::limits::MAX_FRAME_RAW_BYTES;
use fieldmerge_protocol::{Change, ChangeHash};

use super::seeds;

/// Any bytes as the payload of a frame part.
pub fn frame(bytes: &[u8]) {
    _ = Proof::from_bytes(bytes);
    let Ok(frame) = Frame::parse(bytes) else { return };
    assert_eq!(FrameHeader::from_bytes(&frame.header.to_bytes()).as_ref(), Ok(&frame.header));
    assert_eq!(Proof::from_bytes(&frame.proof().to_bytes()), Ok(frame.proof()));
    let stranger = SigningKey::from_bytes(&[0x5a; 32]).verifying_key();
    assert!(frame.verify(&stranger).is_err(), "nobody has signed with this key");
    if let Ok(raw) = frame.inflate(&[], MAX_FRAME_RAW_BYTES) {
        body(&raw);
    }
}

/// Any bytes as the payload of a frame that somebody passes on, sealed or not.
pub fn passed(bytes: &[u8]) {
    let Ok(passed) = PassedFrame::parse(bytes) else { return };
    let stranger = SigningKey::from_bytes(&[0x5a; 32]).verifying_key();
    assert!(passed.verify(&stranger).is_err(), "nobody has signed with this key");
    _ = passed.header();
    match passed {
        PassedFrame::Clear(_) => frame(bytes),
        PassedFrame::Sealed(sealed) => {
            if let Ok(opened) = sealed.open(&seeds::sealing_pair().secret) {
                frame(&opened);
            }
        }
    }
}

/// Any bytes as the body of a frame: what decodes is within the limits, canonical, and encodes to the same changes.
pub fn body(bytes: &[u8]) {
    let Ok(packed) = decode_body(bytes) else { return };
    let ops: usize = packed.iter().map(|packed| packed.change.ops.len()).sum();
    assert!(ops <= MAX_FRAME_OPS);
    assert_eq!(causal_order(&packed).len(), packed.len());
    check(packed.clone());
    // The same where the receiver knows every dependency, by a hash of its own.
    _ = resolve(packed, &mut |_, _, seq| Some(ChangeHash([seq.to_le_bytes()[0]; 32])));
}

fn check(packed: Vec<PackedChange>) {
    let resolved = resolve(packed, &mut |_, _, _| None);
    let whole: Vec<_> = resolved.into_iter().filter(|one| one.hash.is_some()).collect();
    let mut entries = Vec::with_capacity(whole.len());
    for one in &whole {
        let (chunk, hash) = one.change.encode();
        assert_eq!(Change::decode(&chunk).as_ref(), Ok(&(one.change.clone(), hash)));
        entries.push(Entry { record: one.record, change: &one.change, hash });
    }
    let again = encode_body(&entries, &|_, _| None).expect("what decodes encodes");
    let again = decode_body(&again).expect("what encodes decodes");
    assert_eq!(resolve(again, &mut |_, _, _| None), whole);
}
