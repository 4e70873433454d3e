//! What is sealed comes back byte for byte, to the holder of the key alone, and only as it was sealed.

use ed25519_dalek::{Signer, SigningKey};
use fieldmerge_protocol::bundle::{
    BundleError, FrameDraft, Origin, Packing, PassedFrame, SealedDraft, SealedFrame,
};
use fieldmerge_protocol::seal::SealingPair;
use fieldmerge_protocol::sync::{self, tag};
use fieldmerge_protocol::{AreaId, DeviceId, Incarnation, ProjectId, RecordClass};
use proptest::prelude::*;

use crate::histories::{History, history};

fn frame(history: &History, key: &SigningKey, number: u64) -> Vec<u8> {
    let origin = Origin {
        project: ProjectId([1; 16]),
        device: DeviceId([2; 10]),
        incarnation: Incarnation([3; 4]),
        number,
        class: RecordClass::Core,
        area: AreaId([4; 16]),
    };
    let draft = FrameDraft::pack(origin, &history.entries(), &|_, _| None, Packing::default());
    let draft = draft.expect("within the limits");
    let signature = key.sign(&draft.signing_bytes()).to_bytes();
    draft.finish(signature)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_sealed_comes_back(
        history in history(), number in 1_u64..i64::MAX as u64, random: [u8; 32], at: prop::sample::Index, bit in 0_u8..8,
    ) {
        let (key, pair) = (SigningKey::from_bytes(&[5; 32]), SealingPair::derive(&[6; 32]));
        let frame = frame(&history, &key, number);
        let draft = SealedDraft::seal(&frame, &pair.public, random).expect("it is a frame");
        let kept: SealedDraft = sync::decode(&sync::encode(&draft)).expect("a draft can be kept");
        prop_assert_eq!(&kept, &draft);
        let mut sealed = draft.finish(key.sign(&draft.signing_bytes()).to_bytes());
        prop_assert_eq!(sealed.len(), draft.wire_len());

        let read = PassedFrame::parse(&sealed).expect("it reads");
        prop_assert_eq!((read.tag(), read.header()), (tag::SEALED_FRAME, draft.header().expect("a header")));
        let clear = PassedFrame::parse(&frame).expect("it reads");
        prop_assert_eq!(clear.tag(), tag::FRAME);
        let (inside, outside) = (clear.header(), read.header());
        prop_assert_eq!((inside.device, inside.frame, inside.digest), (outside.device, outside.frame, outside.digest));
        prop_assert!(read.verify(&key.verifying_key()).is_ok());
        let PassedFrame::Sealed(read) = read else { return Err(TestCaseError::fail("it is sealed")) };
        prop_assert_eq!(read.open(&pair.secret), Ok(frame));
        prop_assert_eq!(read.open(&SealingPair::derive(&[7; 32]).secret), Err(BundleError::DoesNotOpen));

        let at = at.index(sealed.len());
        sealed[at] ^= 1 << bit;
        if let Ok(touched) = SealedFrame::parse(&sealed) {
            prop_assert!(touched.verify(&key.verifying_key()).is_err());
            let head = 43 + (64 - number.leading_zeros() as usize).div_ceil(7);
            prop_assert_eq!(touched.open(&pair.secret).is_err(), !(head..head + 64).contains(&at));
        }
    }

    #[test]
    fn any_bytes_are_read_without_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..300), pair: [u8; 32]) {
        if let Some(first) = bytes.first_mut() {
            *first = 1;
        }
        if let Ok(read) = SealedFrame::parse(&bytes) {
            prop_assert!(read.open(&pair).is_err());
        }
    }
}
