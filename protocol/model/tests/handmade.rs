//! Hand-made changes: accepted exactly when automerge would have made them, and whatever is accepted automerge loads,
//! saves and reloads.

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};

use automerge::{Automerge, ROOT, ReadDoc};
use fieldmerge_model::record::{Provenance, RecordState, Refusal, Verdict};
use fieldmerge_protocol::{Action, Change, ChangeHash, Op, OpId, Value};
use proptest::prelude::*;
use proptest::sample::Index;
use support::{
    actor, actor_id, changes_of, deliver, name, path, play, registers, registers_of, steps, theirs, write,
};

/// A change made well, and what is then done to it.
#[derive(Debug, Clone)]
struct Attempt {
    actor: u8,
    /// The view that it is made on.
    view: Vec<Index>,
    /// Whether the view holds all of the actor's own changes, so that the seq is new.
    own: bool,
    writes: Vec<(u8, Option<u8>)>,
    tricks: Vec<Trick>,
}

#[derive(Debug, Clone)]
enum Trick {
    AddDep(Index),
    DropDep(Index),
    Seq(i8),
    StartOp(i8),
    AddPred(Index, Index),
    DropPred(Index, Index),
    Repeat(Index),
    Swap(Index, Index),
    Turn(Index),
    Rename(Index, u8),
    OtherActor(u8),
}

fn trick() -> impl Strategy<Value = Trick> {
    let index = any::<Index>;
    prop_oneof![
        index().prop_map(Trick::AddDep),
        index().prop_map(Trick::DropDep),
        (-2..3i8).prop_map(Trick::Seq),
        (-2..3i8).prop_map(Trick::StartOp),
        (index(), index()).prop_map(|(op, pred)| Trick::AddPred(op, pred)),
        (index(), index()).prop_map(|(op, pred)| Trick::DropPred(op, pred)),
        index().prop_map(Trick::Repeat),
        (index(), index()).prop_map(|(one, other)| Trick::Swap(one, other)),
        index().prop_map(Trick::Turn),
        (index(), 0..4u8).prop_map(|(op, name)| Trick::Rename(op, name)),
        (0..6u8).prop_map(Trick::OtherActor),
    ]
}

fn attempt() -> impl Strategy<Value = Attempt> {
    let write = (0..4u8, prop_oneof![4 => (0..8u8).prop_map(Some), 1 => Just(None)]);
    let tricks =
        prop_oneof![2 => prop::collection::vec(trick(), 0..1), 3 => prop::collection::vec(trick(), 1..3)];
    let view = prop::collection::vec(any::<Index>(), 1..4);
    (0..6u8, view, prop::bool::weighted(0.9), prop::collection::vec(write, 1..5), tricks)
        .prop_map(|(actor, view, own, writes, tricks)| Attempt { actor, view, own, writes, tricks })
}

proptest! {
    #![proptest_config(support::config(300))]

    #[test]
    fn a_change_is_accepted_exactly_when_automerge_would_have_made_it(
        steps in steps(14),
        attempts in prop::collection::vec(attempt(), 1..12),
    ) {
        let mut doc = play(&steps);
        let mut state = deliver(&changes_of(&doc), &[0]);
        for attempt in &attempts {
            let Some(change) = make(&doc, attempt) else { continue };
            let encoded = theirs(&change);
            let hash = ChangeHash(encoded.hash().0);
            let before = format!("{state:?}");
            match state.accept(&change, hash, Provenance::default()) {
                Verdict::Applied => {
                    prop_assert!(is_automerges(&doc, &change), "accepted, yet automerge makes another change");
                    doc.apply_changes([encoded]).expect("automerge applies it");
                    check_document(&doc, &state)?;
                }
                Verdict::Refused(refusal) => {
                    prop_assert!(!is_automerges(&doc, &change), "refused ({refusal}), yet automerge makes it");
                    prop_assert_eq!(format!("{state:?}"), before, "a refused change left a trace");
                }
                Verdict::Duplicate => prop_assert_eq!(state.find(change.actor, change.seq), Some(hash)),
                Verdict::Forked => prop_assert!(state.find(change.actor, change.seq).is_some_and(|known| known != hash)),
                Verdict::Held { missing } => prop_assert!(false, "everything is known, yet {missing:?} is missing"),
            }
        }
        let stored: Vec<_> = state.changes().collect();
        let again = deliver(&stored.iter().rev().map(|stored| (stored.change.clone(), stored.hash)).collect::<Vec<_>>(), &[7, 1, 5]);
        prop_assert_eq!(again.to_bytes(), state.to_bytes());
    }
}

/// Makes the change that automerge makes on a view, then plays the tricks on it.
fn make(doc: &Automerge, attempt: &Attempt) -> Option<Change> {
    let all = doc.get_changes(&[]);
    let mut view: Vec<_> = attempt.view.iter().map(|index| index.get(&all).hash()).collect();
    if attempt.own {
        let own = all.iter().filter(|change| *change.actor_id() == actor_id(actor(attempt.actor)));
        view.extend(own.map(automerge::Change::hash));
    }
    let mut fork = doc.fork_at(&view).expect("a view");
    fork.set_actor(actor_id(actor(attempt.actor)));
    let writes: Vec<_> = attempt
        .writes
        .iter()
        .zip(0..)
        .map(|((name_, value), place)| {
            (path(name(*name_)), value.map(|number| Value::Int(i64::from(number) + place)))
        })
        .collect();
    let (mut change, _) = support::ours(&write(&mut fork, 5, &writes)?);
    let ids: Vec<OpId> = all
        .iter()
        .map(|change| support::ours(change).0)
        .chain([change.clone()])
        .flat_map(|change| (0..change.ops.len()).map(move |index| change.op_id(index)).collect::<Vec<_>>())
        .collect();
    for trick in &attempt.tricks {
        play_trick(&mut change, trick, &all, &ids);
    }
    (change.start_op > 0 && change.seq > 0 && !change.ops.is_empty()).then_some(change)
}

fn play_trick(change: &mut Change, trick: &Trick, all: &[automerge::Change], ids: &[OpId]) {
    if change.ops.is_empty() {
        return;
    }
    let count = change.ops.len();
    match trick {
        Trick::AddDep(index) => {
            change.deps.push(ChangeHash(index.get(all).hash().0));
            change.deps.sort_unstable();
            change.deps.dedup();
        }
        Trick::DropDep(index) if !change.deps.is_empty() => {
            change.deps.remove(index.index(change.deps.len()));
        }
        Trick::DropDep(_) => {}
        Trick::Seq(by) => change.seq = change.seq.saturating_add_signed(i64::from(*by)),
        Trick::StartOp(by) => change.start_op = change.start_op.saturating_add_signed(i64::from(*by)),
        Trick::AddPred(op, pred) => {
            let op = &mut change.ops[op.index(count)];
            op.pred.push(*pred.get(ids));
            op.pred.sort_unstable();
            op.pred.dedup();
        }
        Trick::DropPred(op, pred) => {
            let op = &mut change.ops[op.index(count)];
            if !op.pred.is_empty() {
                op.pred.remove(pred.index(op.pred.len()));
            }
        }
        Trick::Repeat(op) => {
            let op = change.ops[op.index(count)].clone();
            change.ops.push(op);
        }
        Trick::Swap(one, other) => change.ops.swap(one.index(count), other.index(count)),
        Trick::Turn(op) => {
            let op: &mut Op = &mut change.ops[op.index(count)];
            op.action =
                if op.action == Action::Delete { Action::Put(Value::Int(77)) } else { Action::Delete };
        }
        Trick::Rename(op, number) => change.ops[op.index(count)].path = path(name(*number)),
        Trick::OtherActor(number) => change.actor = actor(*number),
    }
}

/// Whether automerge makes exactly this change at its dependencies. Values do not bear on validity, but automerge
/// writes nothing, or less, for a put of the value that stands or wins; so every put gets a value of its own here.
fn is_automerges(doc: &Automerge, change: &Change) -> bool {
    let mut change = change.clone();
    for (place, op) in (1_000..).zip(&mut change.ops) {
        if let Action::Put(value) = &mut op.action {
            *value = Value::Int(place);
        }
    }
    let deps: Vec<_> = change.deps.iter().map(|hash| automerge::ChangeHash(hash.0)).collect();
    let Ok(mut fork) = doc.fork_at(&deps) else { return false };
    fork.set_actor(actor_id(change.actor));
    let mut made = None;
    // One transaction per prefix: the writes are found one by one, as each depends on what the ones before left.
    let mut writes: Vec<(fieldmerge_protocol::Path, Option<Value>)> = Vec::new();
    for (place, op) in change.ops.iter().enumerate() {
        let mut sight = fork.clone();
        write(&mut sight, change.time, &writes);
        let live = sight.get_all(ROOT, op.path.as_str()).expect("a readable key");
        let written = match &op.action {
            Action::Put(value) => Some(value.clone()),
            // The delete by which automerge writes a put of the winning value.
            Action::Delete if live.len() > 1 && op.pred.len() + 1 == live.len() => {
                Some(registers_of(&sight)[op.path.as_str()].last().expect("a winner").1.clone())
            }
            Action::Delete => None,
        };
        writes.push((op.path.clone(), written));
        let mut last = fork.clone();
        made = write(&mut last, change.time, &writes);
        if made.as_ref().is_none_or(|made| made.len() != place + 1) {
            return false;
        }
    }
    made.is_some_and(|made| made.raw_bytes() == theirs(&change).raw_bytes())
}

fn check_document(doc: &Automerge, state: &RecordState) -> Result<(), TestCaseError> {
    prop_assert_eq!(registers(state), registers_of(doc));
    let reloaded = catch_unwind(AssertUnwindSafe(|| {
        let loaded = Automerge::load(&doc.save()).expect("what automerge saved");
        Automerge::load(&loaded.save()).expect("what automerge saved again")
    }));
    let Ok(reloaded) = reloaded else { return Err(TestCaseError::fail("automerge panicked")) };
    prop_assert_eq!(registers(state), registers_of(&reloaded));
    prop_assert_eq!(reloaded.get_changes(&[]).len(), state.change_count());
    Ok(())
}

/// A put that repeats the only live value: automerge's API writes nothing, a decision needs it, automerge takes it.
#[test]
fn a_put_of_the_value_that_stands_is_accepted_and_automerge_loads_it() {
    let mut doc = support::begin(0);
    let mut state = deliver(&changes_of(&doc), &[0]);
    let (id, value) = state.winner("sex").map(|(id, value)| (id, value.clone())).expect("a value");
    let op = Op { path: path("sex"), action: Action::Put(value), pred: vec![id] };
    let change = Change {
        actor: actor(1),
        seq: 1,
        start_op: state.max_op() + 1,
        time: 0,
        deps: state.heads(),
        ops: vec![op],
    };
    let encoded = theirs(&change);
    let verdict = state.accept(&change, ChangeHash(encoded.hash().0), Provenance::default());
    assert_eq!(verdict, Verdict::Applied);
    doc.apply_changes([encoded]).expect("automerge applies it");
    check_document(&doc, &state).expect("the same on both sides");
}

#[test]
fn each_refusal_has_its_reason() {
    let doc = support::begin(0);
    let mut state = deliver(&changes_of(&doc), &[0]);
    let id = state.winner("sex").expect("a value").0;
    let op = |pred: Vec<OpId>| Op { path: path("sex"), action: Action::Put(Value::str("m")), pred };
    let good = Change {
        actor: actor(0),
        seq: 2,
        start_op: 6,
        time: 0,
        deps: state.heads(),
        ops: vec![op(vec![id])],
    };
    let mut offer = |change: Change| state.accept(&change, ChangeHash([3; 32]), Provenance::default());
    let refused = |refusal| Verdict::Refused(refusal);
    assert_eq!(offer(Change { seq: 1, ..good.clone() }), Verdict::Forked);
    assert_eq!(offer(Change { seq: 3, ..good.clone() }), refused(Refusal::BadSeq));
    assert_eq!(offer(Change { actor: actor(1), ..good.clone() }), refused(Refusal::BadSeq));
    assert_eq!(offer(Change { start_op: 7, ..good.clone() }), refused(Refusal::BadStartOp));
    assert_eq!(offer(Change { ops: vec![op(vec![])], ..good.clone() }), refused(Refusal::BadPred));
    assert_eq!(
        offer(Change { ops: vec![op(vec![id]), op(vec![id])], ..good.clone() }),
        refused(Refusal::BadPred)
    );
    assert_eq!(offer(Change { ops: vec![], ..good.clone() }), refused(Refusal::Empty));
    assert_eq!(offer(Change { ops: vec![op(vec![id]); 5_000], ..good.clone() }), refused(Refusal::TooLarge));
    assert_eq!(offer(Change { deps: vec![], ..good.clone() }), refused(Refusal::NoIdentity));
    let missing = vec![ChangeHash([8; 32])];
    assert_eq!(offer(Change { deps: missing.clone(), ..good.clone() }), Verdict::Held { missing });
    let root = support::root();
    assert_eq!(offer(Change { actor: actor(2), ..root.clone() }), refused(Refusal::SecondRoot));
    let mut stray = Change { actor: actor(2), ..root };
    stray.ops[0].action = Action::Put(Value::Bytes(vec![1; 16]));
    assert_eq!(offer(stray), refused(Refusal::WrongRecord));
    assert_eq!(offer(good.clone()), Verdict::Applied);
    assert_eq!(offer(good), Verdict::Duplicate);
}

#[test]
fn codes_are_stable_and_lead_back() {
    let codes: Vec<&str> = Refusal::ALL.iter().map(|refusal| refusal.code()).collect();
    assert_eq!(
        codes.join(" "),
        "wrong-record second-root no-identity bad-seq bad-deps bad-start-op bad-pred \
        empty-change too-large foreign-actor bad-entry"
    );
    assert!(Refusal::ALL.iter().all(|refusal| Refusal::from_code(refusal.code()) == Some(*refusal)));
}
