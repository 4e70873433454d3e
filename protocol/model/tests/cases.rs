//! Cases: the same whatever the order of arrival, and the same as a plain reading of the definition.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use fieldmerge_model::cases::{Act, CaseState, Person, Rules, case, cases, decide, propose};
use fieldmerge_model::record::{Provenance, RecordState, Save, StoredChange, Verdict};
use fieldmerge_protocol::{Action, Actor, Change, ChangeHash, OpId, Path, Value};
use proptest::prelude::*;
use support::{RECORD, actor, deliver, ours, path, root, theirs};

#[derive(Debug, Clone)]
enum Step {
    Edit {
        actor: u8,
        wage: bool,
        value: u8,
        member: bool,
    },
    Merge {
        into: u8,
        from: u8,
    },
    Decide {
        actor: u8,
        wage: bool,
        value: u8,
    },
    Propose {
        actor: u8,
        wage: bool,
        value: u8,
    },
    /// A decision made on one phone's view, saved on another's.
    Stray {
        actor: u8,
        from: u8,
        value: u8,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let who = 0..4u8;
    let value = 0..4u8;
    prop_oneof![
        4 => (who.clone(), any::<bool>(), value.clone(), any::<bool>())
            .prop_map(|(actor, wage, value, member)| Step::Edit { actor, wage, value, member }),
        4 => (who.clone(), who.clone()).prop_map(|(into, from)| Step::Merge { into, from }),
        2 => (who.clone(), any::<bool>(), value.clone())
            .prop_map(|(actor, wage, value)| Step::Decide { actor, wage, value }),
        1 => (who.clone(), any::<bool>(), value.clone())
            .prop_map(|(actor, wage, value)| Step::Propose { actor, wage, value }),
        1 => (who.clone(), who, value).prop_map(|(actor, from, value)| Step::Stray { actor, from, value }),
    ]
}

struct Demo;

impl Rules for Demo {
    fn approvals(&self, path: &Path) -> Option<u8> {
        match path.as_str() {
            "birth_year" => Some(1),
            "wage_rate" => Some(2),
            _ => None,
        }
    }

    fn judge(&self, _: &Path, who: Actor) -> Option<Person> {
        (who != actor(3)).then(|| Person::on_device(who))
    }
}

fn field(wage: bool) -> Path {
    path(if wage { "wage_rate" } else { "birth_year" })
}

fn save(state: &mut RecordState, save: &Save) {
    let Ok(change) = state.build(save) else { return };
    let hash = change.encode().1;
    assert_eq!(state.accept(&change, hash, Provenance::default()), Verdict::Applied);
}

fn play(steps: &[Step]) -> RecordState {
    let (first, hash) = ours(&theirs(&root()));
    let mut state = RecordState::new(RECORD);
    state.accept(&first, hash, Provenance::default());
    let mut phones = vec![state; 4];
    for (time, step) in (0..).zip(steps) {
        let act = |number: u8, value: u8| Act {
            actor: actor(number),
            time,
            value: Value::Int(i64::from(value)),
            reason: "seen".to_owned(),
        };
        match *step {
            Step::Edit { actor: number, wage, value, member } => {
                let mut puts = vec![(field(wage), Value::Int(i64::from(value)))];
                if member {
                    puts.push((path("languages/mlg"), Value::Bool(true)));
                }
                let edit = Save { actor: actor(number), time, puts, deletes: Vec::new() };
                save(&mut phones[usize::from(number)], &edit);
            }
            Step::Merge { into, from } => merge(&mut phones, usize::from(into), usize::from(from)),
            Step::Decide { actor, wage, value } => {
                let phone = &mut phones[usize::from(actor)];
                if let Ok(decision) = decide(phone, &Demo, &field(wage), act(actor, value)) {
                    save(phone, &decision);
                    assert!(
                        !case(phone, &Demo, &field(wage)).expect("a case").is_open(),
                        "a decision closes"
                    );
                }
            }
            Step::Propose { actor, wage, value } => {
                let phone = &mut phones[usize::from(actor)];
                if let Ok(proposal) = propose(phone, &Demo, &field(wage), act(actor, value)) {
                    save(phone, &proposal);
                }
            }
            Step::Stray { actor: number, from, value } => {
                let decision = decide(&phones[usize::from(from)], &Demo, &field(false), act(from, value));
                if let Ok(decision) = decision {
                    save(&mut phones[usize::from(number)], &Save { actor: actor(number), ..decision });
                }
            }
        }
    }
    (1..4).for_each(|from| merge(&mut phones, 0, from));
    phones.swap_remove(0)
}

fn merge(phones: &mut [RecordState], into: usize, from: usize) {
    for stored in phones[from].clone().changes() {
        let verdict = phones[into].accept(&stored.change, stored.hash, stored.provenance);
        assert!(matches!(verdict, Verdict::Applied | Verdict::Duplicate), "{verdict:?}");
    }
}

proptest! {
    #![proptest_config(support::config(300))]

    #[test]
    fn cases_are_the_same_in_any_order_of_arrival(
        steps in prop::collection::vec(step(), 0..30),
        keys in prop::collection::vec(any::<u16>(), 1..60),
    ) {
        let state = play(&steps);
        let changes: Vec<(Change, ChangeHash)> =
            state.changes().map(|stored| (stored.change, stored.hash)).collect();
        let found = cases(&state, &Demo);
        prop_assert_eq!(&cases(&deliver(&changes, &keys), &Demo), &found);
        let stored = RecordState::from_bytes(&state.to_bytes()).expect("what we wrote");
        prop_assert_eq!(&cases(&stored, &Demo), &found);
        for case in &found {
            let differ = case.candidates.windows(2).any(|pair| pair[0].value != pair[1].value);
            prop_assert!(!case.is_open() || differ, "an open case has two values to choose from");
        }
        for path in ["birth_year", "wage_rate"] {
            let live: Vec<&Value> = state.get_all(path).map(|(_, value)| value).collect();
            let open = found.iter().any(|case| case.path.as_str() == path && case.is_open());
            prop_assert!(open || live.windows(2).all(|pair| pair[0] == pair[1]), "differing live values are a case");
        }
    }

    #[test]
    fn cases_follow_the_definition(steps in prop::collection::vec(step(), 0..30)) {
        let state = play(&steps);
        let reading = Reading::of(&state);
        let found = case(&state, &Demo, &field(false)).filter(fieldmerge_model::cases::Case::is_open);
        let live: BTreeSet<OpId> = state.get_all("birth_year").map(|(id, _)| id).collect();
        let candidates = reading.roots_of(&live);
        prop_assert_eq!(found.is_some(), reading.differ(&candidates));
        if let Some(case) = found {
            prop_assert_eq!(case.candidates.iter().map(|candidate| candidate.op).collect::<BTreeSet<_>>(), candidates);
            prop_assert_eq!(case.agreed, reading.agreed(&live));
        }
    }
}

/// The definition in sets, without regard to cost: what `sync.md` says, word for word.
struct Reading {
    puts: BTreeMap<OpId, Put>,
    /// The changes in the past of each change, by hash.
    pasts: BTreeMap<ChangeHash, BTreeSet<ChangeHash>>,
}

struct Put {
    value: Value,
    pred: BTreeSet<OpId>,
    change: ChangeHash,
    decision: Option<(Actor, Vec<u8>)>,
}

impl Reading {
    fn of(state: &RecordState) -> Self {
        let mut reading = Self { puts: BTreeMap::new(), pasts: BTreeMap::new() };
        for StoredChange { change, hash, .. } in state.changes() {
            let mut past = BTreeSet::new();
            for dep in &change.deps {
                past.insert(*dep);
                past.extend(&reading.pasts[dep]);
            }
            reading.pasts.insert(hash, past);
            let decision = change.ops.iter().find(|op| op.path.decided() == Some("birth_year"));
            let decision = decision.and_then(|op| match &op.action {
                Action::Put(Value::Bytes(bytes)) => Some((change.actor, bytes.clone())),
                _ => None,
            });
            for (index, op) in
                change.ops.iter().enumerate().filter(|(_, op)| op.path.as_str() == "birth_year")
            {
                let Action::Put(value) = op.action.clone() else { panic!("only puts here") };
                let pred = op.pred.iter().copied().collect();
                let put = Put { value, pred, change: hash, decision: decision.clone() };
                reading.puts.insert(change.op_id(index), put);
            }
        }
        reading
    }

    fn differ(&self, ops: &BTreeSet<OpId>) -> bool {
        ops.iter().map(|op| format!("{:?}", self.puts[op].value)).collect::<BTreeSet<_>>().len() > 1
    }

    fn roots_of(&self, ops: &BTreeSet<OpId>) -> BTreeSet<OpId> {
        ops.iter().flat_map(|op| self.roots(*op)).collect()
    }

    fn roots(&self, op: OpId) -> BTreeSet<OpId> {
        let put = &self.puts[&op];
        let before = self.roots_of(&put.pred);
        let ids: Vec<OpId> = before.iter().copied().collect();
        let decides = put.decision.as_ref().is_some_and(|(who, bytes)| {
            // [h'state', "seen"]: two bytes of array and head, 32 of state.
            Demo.judge(&field(false), *who).is_some() && bytes[3..35] == state_of(&ids).0
        });
        let mut roots = BTreeSet::from([op]);
        if !decides && self.differ(&before) {
            roots.extend(before);
        }
        roots
    }

    fn agreed(&self, live: &BTreeSet<OpId>) -> Option<Value> {
        if !self.differ(&self.roots_of(live)) {
            return live.last().map(|op| self.puts[op].value.clone());
        }
        let past = |op: &OpId| self.pasts[&self.puts[op].change].clone();
        let common = live.iter().map(past).reduce(|one, other| &one & &other)?;
        let inside = |op: &&OpId| common.contains(&self.puts[op].change);
        let mut then: BTreeSet<OpId> = self.puts.keys().filter(inside).copied().collect();
        let replaced: BTreeSet<OpId> = then.iter().flat_map(|op| self.puts[op].pred.clone()).collect();
        then.retain(|op| !replaced.contains(op));
        self.agreed(&then)
    }
}

fn state_of(ids: &[OpId]) -> CaseState {
    use sha2::{Digest, Sha256};
    let mut text = b"fieldmerge-case-v1\0".to_vec();
    for id in ids {
        text.extend(id.counter.to_be_bytes());
        text.extend(id.actor.0);
    }
    CaseState(Sha256::digest(text).into())
}
