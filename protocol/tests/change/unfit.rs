//! Changes that automerge writes, or almost writes, and that are no change of a flat record.

use automerge::transaction::{CommitOptions, Transactable};
use automerge::{ActorId, Author, AutoCommit, ObjType, ROOT, ScalarValue};
use fieldmerge_protocol::change::{MAX_COUNTER, MAX_OPS, MAX_TIME};
use fieldmerge_protocol::{Action, Actor, Change, ChangeError, ChangeHash, Op, OpId, Path, Value};

fn document() -> AutoCommit {
    AutoCommit::new().with_actor(ActorId::from([1; 16]))
}

/// How the last change of the document is judged.
fn judged(mut doc: AutoCommit) -> Result<(), ChangeError> {
    let changes = doc.get_changes(&[]);
    let last = changes.last().expect("something was written");
    Change::decode(last.raw_bytes()).map(|_| ())
}

fn after(write: impl FnOnce(&mut AutoCommit)) -> Result<(), ChangeError> {
    let mut doc = document();
    write(&mut doc);
    judged(doc)
}

fn put(path: &str, value: impl Into<ScalarValue>) -> Result<(), ChangeError> {
    after(|doc| doc.put(ROOT, path, value).expect("the root takes any scalar"))
}

#[test]
fn what_a_flat_record_cannot_hold_is_not_flat() {
    assert_eq!(put("sex", "f"), Ok(()));
    assert_eq!(put("a", ScalarValue::counter(1)), Err(ChangeError::NotFlat));
    assert_eq!(put("a", f64::NAN), Err(ChangeError::NotFlat));
    assert_eq!(put("a", f64::INFINITY), Err(ChangeError::NotFlat));
    assert_eq!(put("a", ScalarValue::Unknown { type_code: 12, bytes: vec![1] }), Err(ChangeError::NotFlat));
    for kind in [ObjType::Map, ObjType::List, ObjType::Text, ObjType::Table] {
        let made = after(|doc| {
            doc.put_object(ROOT, "a", kind).expect("the root takes any object");
        });
        assert_eq!(made, Err(ChangeError::NotFlat), "{kind:?}");
    }
    let inserted = after(|doc| {
        let list = doc.put_object(ROOT, "a", ObjType::List).expect("the root takes any object");
        doc.commit();
        doc.insert(&list, 0, 1).expect("the list takes any scalar");
    });
    assert_eq!(inserted, Err(ChangeError::NotFlat));
    let incremented = after(|doc| {
        doc.put(ROOT, "a", ScalarValue::counter(1)).expect("the root takes any scalar");
        doc.commit();
        doc.increment(ROOT, "a", 2).expect("it is a counter");
    });
    assert_eq!(incremented, Err(ChangeError::NotFlat));
    let nested = after(|doc| {
        let map = doc.put_object(ROOT, "a", ObjType::Map).expect("the root takes any object");
        doc.commit();
        doc.put(&map, "b", 2).expect("the map takes any scalar");
    });
    assert_eq!(nested, Err(ChangeError::NotFlat));
}

#[test]
fn messages_authors_and_foreign_actors_are_not_flat() {
    let told = after(|doc| {
        doc.put(ROOT, "a", 1).expect("the root takes any scalar");
        doc.commit_with(CommitOptions::default().with_message("why"));
    });
    assert_eq!(told, Err(ChangeError::NotFlat));
    let signed = after(|doc| {
        doc.set_author(Some(Author::from(b"someone".to_vec())));
        doc.put(ROOT, "a", 1).expect("the root takes any scalar");
    });
    assert_eq!(signed, Err(ChangeError::NotFlat));
    let short = after(|doc| {
        doc.set_actor(ActorId::from([1_u8; 15].as_slice()));
        doc.put(ROOT, "a", 1).expect("the root takes any scalar");
    });
    assert_eq!(short, Err(ChangeError::NotFlat));
}

#[test]
fn a_name_outside_the_grammar_is_a_bad_path() {
    for path in ["Sex", "", "a b", "âge", "a/b/c/d/e/f"] {
        let judged = after(|doc| {
            // Automerge itself takes no empty name.
            let name = if path.is_empty() { "/" } else { path };
            doc.put(ROOT, name, 1).expect("the root takes any scalar");
        });
        assert_eq!(judged, Err(ChangeError::BadPath), "{path}");
    }
}

#[test]
fn other_chunks_are_refused() {
    let mut doc = document();
    doc.put(ROOT, "a", "long enough to be worth deflating ".repeat(20)).expect("the root takes any scalar");
    assert_eq!(Change::decode(&doc.save()), Err(ChangeError::Malformed));
    let mut change = doc.get_changes(&[]).pop().expect("something was written");
    assert_eq!(Change::decode(&change.bytes()), Err(ChangeError::NotCanonical));
    assert!(Change::decode(change.raw_bytes()).is_ok());
}

fn delete(pred: Vec<OpId>) -> Op {
    Op { path: Path::new("a").expect("a valid path"), action: Action::Delete, pred }
}

fn change(ops: Vec<Op>) -> Change {
    Change { actor: Actor([2; 16]), seq: 1, start_op: 1, time: 0, deps: vec![], ops }
}

fn again(change: &Change) -> Result<(), ChangeError> {
    Change::decode(&change.encode().0).map(|(read, _)| assert_eq!(&read, change))
}

#[test]
fn what_automerge_would_have_sorted_is_not_canonical() {
    let id = |counter, actor| OpId { counter, actor: Actor([actor; 16]) };
    let deps = |hashes: &[u8]| Change {
        deps: hashes.iter().map(|byte| ChangeHash([*byte; 32])).collect(),
        ..change(vec![])
    };
    assert_eq!(again(&deps(&[1, 2])), Ok(()));
    assert_eq!(again(&deps(&[2, 1])), Err(ChangeError::NotCanonical));
    assert_eq!(again(&deps(&[1, 1])), Err(ChangeError::NotCanonical));
    let preds = |ids: &[OpId]| change(vec![delete(ids.to_vec())]);
    assert_eq!(again(&preds(&[id(1, 2), id(1, 3), id(2, 1)])), Ok(()));
    assert_eq!(again(&preds(&[id(1, 3), id(1, 2)])), Err(ChangeError::NotCanonical));
    assert_eq!(again(&preds(&[id(2, 1), id(1, 2)])), Err(ChangeError::NotCanonical));
    assert_eq!(again(&preds(&[id(1, 1), id(1, 1)])), Err(ChangeError::NotCanonical));
}

#[test]
fn numbers_beyond_the_limits_are_too_large() {
    let id = |counter| OpId { counter, actor: Actor([1; 16]) };
    let base = change(vec![delete(vec![])]);
    assert_eq!(again(&Change { start_op: MAX_COUNTER, ..base.clone() }), Ok(()));
    assert_eq!(again(&Change { seq: MAX_COUNTER, ..base.clone() }), Ok(()));
    assert_eq!(again(&Change { time: MAX_TIME, ..base.clone() }), Ok(()));
    assert_eq!(again(&Change { time: -MAX_TIME, ..base.clone() }), Ok(()));
    assert_eq!(again(&change(vec![delete(vec![id(MAX_COUNTER)])])), Ok(()));
    let two = vec![delete(vec![]), delete(vec![])];
    for beyond in [
        Change { start_op: MAX_COUNTER, ops: two, ..base.clone() },
        Change { start_op: MAX_COUNTER + 1, ..base.clone() },
        Change { start_op: u64::MAX, ..base.clone() },
        Change { seq: u64::MAX, ..base.clone() },
        Change { time: MAX_TIME + 1, ..base.clone() },
        Change { time: i64::MIN, ..base.clone() },
        change(vec![delete(vec![id(MAX_COUNTER + 1)])]),
        change(vec![delete(vec![]); MAX_OPS + 1]),
        Change { deps: (0..=64).map(|byte| ChangeHash([byte; 32])).collect(), ..base.clone() },
        change((0..257).map(foreign).collect()),
    ] {
        assert_eq!(again(&beyond), Err(ChangeError::TooLarge));
    }
    for zero in
        [Change { start_op: 0, ..base.clone() }, Change { seq: 0, ..base }, change(vec![delete(vec![id(0)])])]
    {
        assert_eq!(again(&zero), Err(ChangeError::Malformed));
    }
}

/// An operation whose predecessor has an actor of this number.
fn foreign(number: u16) -> Op {
    let actor =
        Actor::new(fieldmerge_protocol::DeviceId([3; 10]), number, fieldmerge_protocol::Incarnation([0; 4]));
    delete(vec![OpId { counter: 1, actor }])
}

#[test]
fn encoding_takes_any_change() {
    let id = OpId { counter: u64::MAX, actor: Actor([1; 16]) };
    let path = Path::new("a").expect("a valid path");
    let put =
        Op { path, action: Action::Put(Value::F64(f64::NAN)), pred: vec![id, OpId { counter: 0, ..id }] };
    let change = Change { seq: u64::MAX, start_op: u64::MAX, time: i64::MIN, ..change(vec![put]) };
    assert!(Change::decode(&change.encode().0).is_err());
}
