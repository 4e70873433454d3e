//! `fieldmerge verify` finds nothing in honest records, and finds what is wrong in others.
#![cfg(feature = "replay")]

mod support;

use fieldmerge_model::record::{Provenance, RecordState, Verdict};
use fieldmerge_model::replay::{Difference, registers, verify};
use fieldmerge_protocol::ChangeHash;
use proptest::prelude::*;
use support::{changes_of, deliver, play, steps};

proptest! {
    #![proptest_config(support::config(60))]

    #[test]
    fn honest_records_verify(steps in steps(20), keys in prop::collection::vec(any::<u16>(), 1..40)) {
        let state = deliver(&changes_of(&play(&steps)), &keys);
        prop_assert_eq!(verify(&state), Ok(()));
        prop_assert_eq!(verify(&RecordState::from_bytes(&state.to_bytes()).expect("what we wrote")), Ok(()));
    }
}

#[test]
fn a_wrong_hash_is_found() {
    let mut state = RecordState::new(support::RECORD);
    let root = support::root();
    assert_eq!(state.accept(&root, ChangeHash([5; 32]), Provenance::default()), Verdict::Applied);
    assert_eq!(verify(&state), Err(Difference::Hash { actor: root.actor, seq: 1 }));
}

#[test]
fn a_change_that_lacks_what_it_is_built_on_is_found() {
    let state =
        deliver(&changes_of(&play(&[support::Step::Edit { actor: 1, writes: vec![(1, Some(2))] }])), &[0]);
    let changes: Vec<_> = state.changes().skip(1).collect();
    assert_eq!(registers(&changes), Err(Difference::NotApplied));
}
