//! Records at their limits: more phones at once than one change may depend on, and counts beyond which is refused.

mod support;

use automerge::Automerge;
use fieldmerge_model::record::{BuildError, Provenance, RecordState, Refusal, Save, Verdict, limits};
use fieldmerge_protocol::{Actor, Change, ChangeHash, Value};
use support::{changes_of, deliver, path, registers, registers_of, theirs};

fn phone(number: u16) -> Actor {
    let mut bytes = [1; 16];
    bytes[..2].copy_from_slice(&number.to_be_bytes());
    Actor(bytes)
}

fn save(number: u16, value: i64) -> Save {
    Save {
        actor: phone(number),
        time: 0,
        puts: vec![(path("birth_year"), Value::Int(value))],
        deletes: vec![],
    }
}

fn begun() -> RecordState {
    deliver(&changes_of(&support::begin(0)), &[0])
}

fn join(state: &mut RecordState, change: &Change) -> ChangeHash {
    let hash = ChangeHash(theirs(change).hash().0);
    assert_eq!(state.accept(change, hash, Provenance::default()), Verdict::Applied);
    hash
}

/// A record that many phones edited without each other.
fn broad(phones: u16) -> RecordState {
    let base = begun();
    let mut state = base.clone();
    for number in 0..phones {
        join(&mut state, &base.build(&save(number, i64::from(number))).expect("something to write"));
    }
    state
}

#[test]
fn a_record_with_more_heads_than_a_change_may_name_can_be_edited_and_comes_together() {
    let mut state = broad(200);
    let mut saves = 0;
    while state.heads().len() > 1 {
        let change = state.build(&save(3, 1_000 + saves)).expect("something to write");
        assert!(change.deps.len() <= limits::MAX_DEPS);
        assert!(change.ops.iter().all(|op| op.pred.len() <= limits::MAX_PREDS_PER_OP));
        join(&mut state, &change);
        saves += 1;
        assert!(saves < 10);
    }
    // A phone whose own change is no head, as another one joined it.
    let mut other = broad(200);
    let joining = other.build(&save(900, 7)).expect("something to write");
    join(&mut other, &joining);
    for number in 0..200 {
        let change = other.build(&save(number, -1)).expect("something to write");
        assert!(change.deps.len() <= limits::MAX_DEPS);
        join(&mut other.clone(), &change);
    }
    let mut doc = Automerge::new();
    let changes: Vec<_> = state.changes().map(|stored| theirs(&stored.change)).collect();
    doc.apply_changes(changes).expect("automerge takes them");
    assert_eq!(registers(&state), registers_of(&Automerge::load(&doc.save()).expect("what automerge saved")));
    assert_eq!(state.get("birth_year"), Some(&Value::Int(999 + saves)));
}

#[test]
fn a_record_does_not_grow_beyond_its_limits() {
    let mut state = begun();
    let mut hash = [0; 32];
    for (number, value) in (1..limits::MAX_CHANGES).zip(1..) {
        let change = state.build(&save(1, value)).expect("something to write");
        hash[..8].copy_from_slice(&(number as u64).to_be_bytes());
        assert_eq!(state.accept(&change, ChangeHash(hash), Provenance::default()), Verdict::Applied);
    }
    assert_eq!(state.build(&save(1, 0)), Err(BuildError::TooLarge));
    let last = state.change(phone(1), state.last_seq(phone(1))).expect("the last change");
    let next = Change {
        seq: last.change.seq + 1,
        start_op: last.change.start_op + 1,
        deps: vec![last.hash],
        ..last.change
    };
    let verdict = state.accept(&next, ChangeHash([9; 32]), Provenance::default());
    assert_eq!(verdict, Verdict::Refused(Refusal::TooLarge));
    let read = RecordState::from_bytes(&state.to_bytes()).expect("what we wrote");
    assert_eq!(read.to_bytes(), state.to_bytes());

    let text = Value::str("x".repeat(1 << 20));
    let mut state = begun();
    let mut refused = false;
    for number in 0..9 {
        let puts = vec![(path(&format!("long/{number}")), text.clone())];
        let change =
            state.build(&Save { actor: phone(1), time: 0, puts, deletes: vec![] }).expect("a change");
        let verdict = state.accept(&change, ChangeHash([number + 1; 32]), Provenance::default());
        refused |= verdict == Verdict::Refused(Refusal::TooLarge);
    }
    assert!(refused, "8 MiB of values are enough for one record");
}
