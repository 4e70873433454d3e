//! The register merge against automerge itself, and the stored form of states.

mod support;

use automerge::Automerge;
use fieldmerge_model::cases::{self, Person, Rules};
use fieldmerge_model::record::{BuildError, Provenance, RecordState, Save, Verdict};
use fieldmerge_protocol::{Actor, Change, ChangeHash, Incarnation, Path, Value};
use proptest::prelude::*;
use support::{RECORD, actor, theirs, value, write};
use support::{
    Step, begin, changes_of, deliver, name, ours, path, play, registers, registers_of, root, steps,
};

proptest! {
    #![proptest_config(support::config(300))]

    #[test]
    fn any_order_of_arrival_gives_what_automerge_sees(
        steps in steps(24),
        keys in prop::collection::vec(any::<u16>(), 1..80),
        more_keys in prop::collection::vec(any::<u16>(), 1..80),
    ) {
        let doc = play(&steps);
        let changes = changes_of(&doc);
        let state = deliver(&changes, &keys);
        prop_assert_eq!(registers(&state), registers_of(&doc));
        let loaded = Automerge::load(&doc.save()).expect("what automerge saved");
        prop_assert_eq!(registers(&state), registers_of(&loaded));
        let mut heads: Vec<ChangeHash> = doc.get_heads().iter().map(|hash| ChangeHash(hash.0)).collect();
        heads.sort_unstable();
        prop_assert_eq!(state.heads(), heads);

        let other = deliver(&changes, &more_keys);
        prop_assert_eq!(other.to_bytes(), state.to_bytes());
        prop_assert_eq!(other.digest(), state.digest());
    }

    #[test]
    fn a_state_gives_back_every_change_and_survives_storage(
        steps in steps(24),
        keys in prop::collection::vec(any::<u16>(), 1..80),
    ) {
        let changes = changes_of(&play(&steps));
        let mut state = deliver(&changes, &keys);
        for (number, (change, _)) in (0u8..).zip(&changes) {
            let incarnation = if number % 2 == 0 { change.actor.incarnation() } else { Incarnation([number; 4]) };
            let received_ms = 1_700_000_000_000 - (i64::from(number) * 7) % 5;
            let (frame, position) = (u64::from(number), u64::from(number) * 300);
            let provenance = Provenance { incarnation, frame, position, received_ms };
            prop_assert!(state.set_provenance(change.actor, change.seq, provenance));
            prop_assert_eq!(state.provenance(change.actor, change.seq), Some(provenance));
        }
        let mut known = std::collections::BTreeSet::new();
        for stored in state.changes() {
            prop_assert!(stored.change.deps.iter().all(|dep| known.contains(dep)), "after its dependencies");
            prop_assert!(changes.contains(&(stored.change.clone(), stored.hash)));
            prop_assert_eq!(theirs(&stored.change).hash().0, stored.hash.0);
            prop_assert_eq!(state.change(stored.change.actor, stored.change.seq), Some(stored.clone()));
            known.insert(stored.hash);
        }
        prop_assert_eq!(known.len(), changes.len());
        let first = state.changes().next().map(|first| (first.change.actor, first.change.time));
        prop_assert_eq!(state.begun(), first);

        let read = RecordState::from_bytes(&state.to_bytes()).expect("what we wrote");
        prop_assert_eq!(read.to_bytes(), state.to_bytes());
        prop_assert_eq!(registers(&read), registers(&state));
        prop_assert_eq!(read.heads(), state.heads());
        prop_assert_eq!(read.max_op(), state.max_op());
        prop_assert_eq!(read.changes().collect::<Vec<_>>(), state.changes().collect::<Vec<_>>());
        prop_assert_eq!(read.identity(), state.identity());
        prop_assert_eq!(read.begun(), state.begun());
        for path in state.known_paths() {
            prop_assert_eq!(read.history(path), state.history(path));
        }
    }

    #[test]
    fn our_builder_makes_what_automerge_makes(steps in steps(24)) {
        let mut phones: Vec<(RecordState, Automerge)> = (0..4).map(|number| (fresh(), begin(number))).collect();
        for (time, step) in (0..).zip(&steps) {
            match step {
                Step::Edit { actor: number, writes } => save(&mut phones[usize::from(*number)], *number, time, writes)?,
                Step::Merge { into, from } if into != from => {
                    let (from_state, from_doc) = phones[usize::from(*from)].clone();
                    let (state, doc) = &mut phones[usize::from(*into)];
                    doc.merge(&mut from_doc.fork()).expect("a merge");
                    for stored in from_state.changes() {
                        let verdict = state.accept(&stored.change, stored.hash, stored.provenance);
                        prop_assert!(matches!(verdict, Verdict::Applied | Verdict::Duplicate));
                    }
                }
                Step::Merge { .. } => {}
            }
        }
        for (state, doc) in &phones {
            prop_assert_eq!(registers(state), registers_of(doc));
        }
    }

    #[test]
    fn hostile_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        exercise(&bytes);
        let mut marked = vec![1];
        marked.extend(bytes);
        exercise(&marked);
    }

    #[test]
    fn damaged_states_never_panic(
        steps in steps(12),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cut in any::<prop::sample::Index>(),
    ) {
        let changes = changes_of(&play(&steps));
        let whole = deliver(&changes, &[1]).to_bytes();
        let mut bytes = whole.clone();
        for (place, byte) in damage {
            bytes[place.index(whole.len())] = byte;
        }
        exercise(&bytes);
        exercise(&whole[..cut.index(whole.len())]);
    }
}

fn fresh() -> RecordState {
    let mut state = RecordState::new(RECORD);
    let (change, hash) = ours(&theirs(&root()));
    assert_eq!(state.accept(&change, hash, Provenance::default()), Verdict::Applied);
    state
}

/// Saves the same on our state and on automerge's document, and compares the changes.
fn save(
    (state, doc): &mut (RecordState, Automerge),
    number: u8,
    time: i64,
    writes: &[(u8, Option<u8>)],
) -> Result<(), TestCaseError> {
    let mut save = Save { actor: actor(number), time, puts: Vec::new(), deletes: Vec::new() };
    let mut writes_of_save: Vec<(Path, Option<Value>)> = Vec::new();
    // Puts before deletes, one of a path: that is what a save is.
    for (name_, value_) in writes
        .iter()
        .filter(|(_, value)| value.is_some())
        .chain(writes.iter().filter(|(_, value)| value.is_none()))
    {
        let path = path(name(*name_));
        if writes_of_save.iter().any(|(other, _)| *other == path) {
            continue;
        }
        match value_ {
            Some(number) => save.puts.push((path.clone(), value(*number))),
            None => save.deletes.push(path.clone()),
        }
        writes_of_save.push((path, value_.map(value)));
    }
    let repeats_winner = save.puts.iter().any(|(path, value)| {
        state.get_all(path.as_str()).len() > 1 && state.get(path.as_str()) == Some(value)
    });
    let built = state.build(&save);
    if repeats_winner {
        let change = built.expect("something to write");
        doc.apply_changes([theirs(&change)]).expect("automerge takes it");
        return accept(state, &change);
    }
    match write(doc, time, &writes_of_save) {
        None => prop_assert_eq!(built, Err(BuildError::NothingToWrite)),
        Some(expected) => {
            let change = built.expect("something to write");
            let made = theirs(&change);
            prop_assert_eq!(made.raw_bytes(), expected.raw_bytes());
            let (bytes, hash) = change.encode();
            prop_assert_eq!(&bytes[..], expected.raw_bytes());
            prop_assert_eq!(hash.0, expected.hash().0);
            accept(state, &change)?;
        }
    }
    Ok(())
}

fn accept(state: &mut RecordState, change: &Change) -> Result<(), TestCaseError> {
    let hash = ChangeHash(theirs(change).hash().0);
    prop_assert_eq!(state.accept(change, hash, Provenance::default()), Verdict::Applied);
    Ok(())
}

struct AllHuman;

impl Rules for AllHuman {
    fn approvals(&self, _: &Path) -> Option<u8> {
        Some(2)
    }

    fn judge(&self, _: &Path, actor: Actor) -> Option<Person> {
        Some(Person::on_device(actor))
    }
}

/// Asks a state of unknown origin everything.
fn exercise(bytes: &[u8]) {
    let Ok(mut state) = RecordState::from_bytes(bytes) else { return };
    let _ = (state.identity(), state.heads(), state.digest(), registers(&state), state.actors().count());
    let _ = cases::cases(&state, &AllHuman);
    for path in state.known_paths() {
        let _ = state.history(path);
    }
    for stored in state.changes().collect::<Vec<_>>() {
        let _ = state.accept(&stored.change, stored.hash, stored.provenance);
        let _ = state.accept(
            &Change { seq: stored.change.seq + 1, ..stored.change },
            ChangeHash([0; 32]),
            stored.provenance,
        );
    }
    let puts = vec![(path("sex"), Value::str("m")), (path("birth_year"), Value::Null)];
    if let Ok(change) =
        state.build(&Save { actor: actor(1), time: 0, puts, deletes: vec![path("wage_rate")] })
    {
        let _ = state.accept(&change, ChangeHash([1; 32]), Provenance::default());
    }
    let _ = RecordState::from_bytes(&state.to_bytes());
}
