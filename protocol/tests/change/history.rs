//! Histories made through automerge's own API: every change of them is ours, byte for byte.

use automerge::transaction::{CommitOptions, Transactable};
use automerge::{ActorId, AutoCommit, ROOT};
use fieldmerge_protocol::{Actor, Change, ChangeHash, Path, Value};
use proptest::collection::vec;
use proptest::prelude::*;

use super::strategies::{change, path, time, value};
use super::{expanded, scalar};

#[derive(Debug, Clone)]
enum Step {
    Put(usize, Path, Value),
    Delete(usize, Path),
    Commit(usize, i64),
    Merge(usize, usize),
    Reload(usize),
    Empty(usize, i64),
}

const REPLICAS: usize = 4;

fn step() -> impl Strategy<Value = Step> {
    let replica = 0..REPLICAS;
    prop_oneof![
        12 => (replica.clone(), path(), value()).prop_map(|(replica, path, value)| Step::Put(replica, path, value)),
        3 => (replica.clone(), path()).prop_map(|(replica, path)| Step::Delete(replica, path)),
        4 => (replica.clone(), time()).prop_map(|(replica, time)| Step::Commit(replica, time)),
        4 => (replica.clone(), replica.clone()).prop_map(|(from, into)| Step::Merge(from, into)),
        1 => replica.clone().prop_map(Step::Reload),
        1 => (replica, time()).prop_map(|(replica, time)| Step::Empty(replica, time)),
    ]
}

/// Plays the steps and gives every change that any replica then knows.
fn play(actors: &[[u8; 16]], steps: Vec<Step>) -> Vec<automerge::Change> {
    let actor = |replica: usize| {
        let mut bytes = actors[replica];
        bytes[15] = u8::try_from(replica).expect("few replicas");
        ActorId::from(bytes)
    };
    let mut docs: Vec<_> =
        (0..REPLICAS).map(|replica| AutoCommit::new().with_actor(actor(replica))).collect();
    for step in steps {
        match step {
            Step::Put(replica, path, value) => {
                docs[replica].put(ROOT, path.as_str(), scalar(&value)).expect("the root takes any scalar");
            }
            Step::Delete(replica, path) => {
                // A path that is not there cannot be deleted, and nothing is written then.
                let _ = docs[replica].delete(ROOT, path.as_str());
            }
            Step::Commit(replica, time) => {
                docs[replica].commit_with(CommitOptions::default().with_time(time));
            }
            Step::Merge(from, into) => {
                let mut other = docs[from].fork();
                docs[into].merge(&mut other).expect("the histories are one document");
            }
            Step::Reload(replica) => {
                let saved = docs[replica].save();
                docs[replica] =
                    AutoCommit::load(&saved).expect("what was saved loads").with_actor(actor(replica));
            }
            Step::Empty(replica, time) => {
                docs[replica].empty_change(CommitOptions::default().with_time(time));
            }
        }
    }
    docs.iter_mut().flat_map(|doc| doc.get_changes(&[])).collect()
}

fn assert_same(theirs: &automerge::Change) {
    let (ours, hash) = Change::decode(theirs.raw_bytes()).expect("automerge writes canonical bytes");
    assert_eq!(hash, ChangeHash(theirs.hash().0));
    assert_eq!(ours.encode(), (theirs.raw_bytes().to_vec(), hash));
    assert_eq!(ActorId::from(ours.actor.0), *theirs.actor_id());
    assert_eq!(
        (ours.seq, ours.start_op, ours.time),
        (theirs.seq(), theirs.start_op().get(), theirs.timestamp())
    );
    assert_eq!((ours.max_op(), ours.ops.len()), (theirs.max_op(), theirs.len()));
    assert!(ours.deps.iter().map(|dep| dep.0).eq(theirs.deps().iter().map(|dep| dep.0)));
    assert_eq!(expanded(&ours).operations, theirs.decode().operations);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_change_of_a_history_is_ours_byte_for_byte(
        actors in vec(any::<[u8; 16]>(), REPLICAS),
        steps in vec(step(), 1..120),
    ) {
        play(&actors, steps).iter().for_each(assert_same);
    }

    #[test]
    fn automerge_writes_and_reads_any_change_as_we_do(change in change()) {
        let (bytes, hash) = change.encode();
        let theirs = automerge::Change::from(expanded(&change));
        prop_assert_eq!(theirs.raw_bytes(), &bytes);
        prop_assert_eq!(theirs.hash().0, hash.0);
        prop_assert_eq!(Change::decode(&bytes), Ok((change, hash)));
        let read = automerge::Change::from_bytes(bytes.clone()).expect("automerge reads our bytes");
        prop_assert_eq!(read.raw_bytes(), bytes);
    }
}

#[test]
fn a_large_save_is_ours_byte_for_byte() {
    let mut doc = AutoCommit::new().with_actor(ActorId::from([9; 16]));
    for index in 0..4_000 {
        doc.put(ROOT, format!("e/{index}"), index).expect("the root takes any scalar");
    }
    doc.commit_with(CommitOptions::default().with_time(-1));
    doc.get_changes(&[]).iter().for_each(assert_same);
}

#[test]
fn an_operation_knows_its_id() {
    let actor = Actor([3; 16]);
    let change = Change { actor, seq: 2, start_op: 10, time: 0, deps: vec![], ops: vec![] };
    assert_eq!((change.op_id(2).counter, change.op_id(2).actor), (12, actor));
    assert_eq!(change.max_op(), 9);
    assert_eq!(Change { start_op: u64::MAX, ..change.clone() }.op_id(5).counter, u64::MAX);
    assert_eq!(Change { start_op: 0, ..change }.max_op(), 0);
}
