use fieldmerge_protocol::{Action, Actor, AreaId, Change, DeviceId, Incarnation, Op, Path, RecordId, Value};

use super::*;
use crate::record::{NewRecord, Provenance, RecordState, Save, Verdict};

const HERY: u8 = 1;
const LALAO: u8 = 2;
const SUPERVISOR: u8 = 3;
const FINANCE: u8 = 4;
const STRANGER: u8 = 9;

struct Demo;

impl Rules for Demo {
    fn approvals(&self, path: &Path) -> Option<u8> {
        match path.as_str() {
            "birth_year" | "sex" => Some(1),
            "wage_rate" => Some(2),
            _ => None,
        }
    }

    fn judge(&self, _: &Path, actor: Actor) -> Option<Person> {
        let device = actor.device().0[0];
        // The supervisor has two phones; each phone's second person is somebody else.
        let person = if device == SUPERVISOR + 10 { SUPERVISOR } else { device };
        [SUPERVISOR, FINANCE].contains(&person).then_some(Person([person * 2 + actor.0[11]; 16]))
    }
}

fn actor(device: u8, person: u16) -> Actor {
    Actor::new(DeviceId([device; 10]), person, Incarnation([1; 4]))
}

fn path(text: &str) -> Path {
    Path::new(text).expect("a valid path")
}

fn year() -> Path {
    path("birth_year")
}

/// One phone's copy of the record.
#[derive(Clone)]
struct Phone(RecordState);

impl Phone {
    fn registered() -> Self {
        let record = NewRecord {
            actor: actor(HERY, 0),
            time: 0,
            id: RecordId([1; 16]),
            record_type: "worker".into(),
            area: AreaId([2; 16]),
            subject: None,
            puts: vec![(year(), Value::Int(2003)), (path("wage_rate"), Value::Int(6_000))],
        };
        let mut phone = Self(RecordState::new(RecordId([1; 16])));
        phone.join(&record.build().expect("a first change"));
        phone
    }

    fn join(&mut self, change: &Change) {
        let hash = change.encode().1;
        assert_eq!(self.0.accept(change, hash, Provenance::default()), Verdict::Applied);
    }

    fn save(&mut self, device: u8, path: &Path, value: impl Into<i64>) {
        let puts = vec![(path.clone(), Value::Int(value.into()))];
        let save = Save { actor: actor(device, 0), time: 0, puts, deletes: Vec::new() };
        let change = self.0.build(&save).expect("something to write");
        self.join(&change);
    }

    fn pull(&mut self, other: &Self) {
        for stored in other.0.changes() {
            let verdict = self.0.accept(&stored.change, stored.hash, stored.provenance);
            assert!(matches!(verdict, Verdict::Applied | Verdict::Duplicate), "{verdict:?}");
        }
    }

    fn act(&mut self, actor: Actor, path: &Path, value: i64, proposes: bool) -> Result<(), JudgeError> {
        let act = Act { actor, time: 0, value: Value::Int(value), reason: "seen her papers".to_owned() };
        let save =
            if proposes { propose(&self.0, &Demo, path, act)? } else { decide(&self.0, &Demo, path, act)? };
        let change = self.0.build(&save).expect("something to write");
        self.join(&change);
        Ok(())
    }

    fn decide(&mut self, device: u8, path: &Path, value: i64) -> Result<(), JudgeError> {
        self.act(actor(device, 0), path, value, false)
    }

    fn case(&self, path: &Path) -> Option<Case> {
        let case = case(&self.0, &Demo, path);
        assert_eq!(cases(&self.0, &Demo).into_iter().find(|other| other.path == *path), case);
        case
    }

    fn open(&self, path: &Path) -> Case {
        self.case(path).filter(Case::is_open).expect("an open case")
    }

    fn is_decided(&self, path: &Path) -> bool {
        self.case(path).is_some_and(|case| !case.is_open())
    }
}

fn values(case: &Case) -> Vec<i64> {
    let number = |candidate: &Candidate| match candidate.value {
        Value::Int(number) => number,
        _ => panic!("a number"),
    };
    let mut values: Vec<i64> = case.candidates.iter().map(number).collect();
    values.sort_unstable();
    values
}

/// Demo step 6: 2003 becomes 2002 on one phone and 2004 on the other.
fn in_conflict(path: &Path, one: i64, other: i64) -> (Phone, Phone) {
    let (mut a, mut b) = (Phone::registered(), Phone::registered());
    a.save(HERY, path, one);
    b.save(LALAO, path, other);
    a.pull(&b);
    b.pull(&a);
    (a, b)
}

#[test]
fn two_values_over_one_base_are_a_case_whose_agreed_value_is_the_base() {
    let (a, b) = in_conflict(&year(), 2002, 2004);
    let case = a.open(&year());
    assert_eq!(values(&case), [2002, 2004]);
    assert_eq!(case.agreed, Some(Value::Int(2003)));
    assert_eq!(case.candidates[0].op.actor.device(), DeviceId([HERY; 10]));
    assert!(case.candidates.iter().all(|candidate| candidate.live));
    assert_eq!(b.open(&year()), case);
}

#[test]
fn the_agreed_value_is_the_base_also_where_one_side_wrote_twice() {
    let (mut a, mut b) = (Phone::registered(), Phone::registered());
    a.save(HERY, &year(), 2001);
    a.save(HERY, &year(), 2002);
    b.save(LALAO, &year(), 2004);
    a.pull(&b);
    let case = a.open(&year());
    assert_eq!(values(&case), [2002, 2004]);
    assert_eq!(case.agreed, Some(Value::Int(2003)));
}

#[test]
fn equal_values_are_no_case() {
    let (a, _) = in_conflict(&year(), 2002, 2002);
    assert_eq!(a.case(&year()), None);
    let composed = Value::str("Andr\u{e9}");
    assert!(same_value(&composed, &Value::str("Andre\u{301}")));
    assert!(!same_value(&composed, &Value::str("Andre")));
    assert!(same_value(&Value::Int(1), &Value::F64(1.0)) && same_value(&Value::F64(1.0), &Value::Uint(1)));
    assert!(!same_value(&Value::Int(1), &Value::F64(1.5)) && !same_value(&Value::Int(1), &Value::str("1")));
    assert!(!same_value(&Value::Int(1), &Value::Bool(true)) && !same_value(&Value::Null, &Value::Int(0)));
    assert!(!same_value(&Value::Uint(u64::MAX), &Value::Int(-1)));
    assert!(!same_value(&Value::Int(i64::MAX), &Value::F64(9_223_372_036_854_775_808.0)));
}

#[test]
fn an_ordinary_edit_is_one_more_candidate() {
    let (mut a, _) = in_conflict(&year(), 2002, 2004);
    a.save(HERY, &year(), 2005);
    let case = a.open(&year());
    assert_eq!(values(&case), [2002, 2004, 2005]);
    assert_eq!(case.candidates.iter().filter(|candidate| candidate.live).count(), 1);
    assert_eq!(case.agreed, Some(Value::Int(2003)));
    // Repeating one of the values settles nothing either.
    a.save(HERY, &year(), 2004);
    assert_eq!(values(&a.open(&year())), [2002, 2004, 2004, 2005]);
}

#[test]
fn the_agreed_value_of_a_conflict_over_a_conflict_is_that_of_the_first() {
    let (mut a, mut b) = in_conflict(&year(), 2002, 2004);
    a.save(HERY, &year(), 2005);
    b.save(LALAO, &year(), 2006);
    a.pull(&b);
    assert_eq!(a.open(&year()).agreed, Some(Value::Int(2003)));
    // Also where the second conflict was about one live value that nobody had decided.
    let mut c = a.clone();
    a.save(HERY, &year(), 2007);
    c.pull(&a);
    a.save(HERY, &year(), 2008);
    c.save(LALAO, &year(), 2009);
    a.pull(&c);
    assert_eq!(a.open(&year()).agreed, Some(Value::Int(2003)));
}

#[test]
fn a_decision_closes_for_everyone_and_a_concurrent_edit_opens_again() {
    let (mut a, mut b) = in_conflict(&year(), 2002, 2004);
    let mut late = a.clone();
    b.decide(SUPERVISOR, &year(), 2003).expect("a decision");
    a.pull(&b);
    let case = a.case(&year()).expect("a decided case");
    let Status::Decided(decision) = &case.status else { panic!("decided") };
    assert_eq!((&decision.value, decision.reason.as_str()), (&Value::Int(2003), "seen her papers"));
    assert_eq!(values(&case), [2002, 2004]);

    late.save(HERY, &year(), 2005);
    a.pull(&late);
    let open = a.open(&year());
    // The edit stands in the conflict that its author saw, so those values are candidates again.
    assert_eq!(values(&open), [2002, 2003, 2004, 2005]);
    assert_eq!(open.agreed, Some(Value::Int(2003)));
    a.decide(SUPERVISOR, &year(), 2005).expect("another decision");
    assert!(a.is_decided(&year()));
    a.save(HERY, &year(), 2000);
    assert!(a.is_decided(&year()), "an edit on a decided value disputes nothing");
}

#[test]
fn a_decision_that_saw_another_state_does_not_count() {
    let (mut a, mut b) = in_conflict(&year(), 2002, 2004);
    let mut third = Phone::registered();
    third.save(FINANCE, &year(), 1999);
    b.decide(SUPERVISOR, &year(), 2002).expect("a decision");
    a.pull(&b);
    assert!(a.is_decided(&year()));
    a.pull(&third);
    assert_eq!(values(&a.open(&year())), [1999, 2002]);

    // The same words on other dependencies are an ordinary edit.
    let (mut c, _) = in_conflict(&year(), 2002, 2004);
    let act = Act { actor: actor(SUPERVISOR, 0), time: 0, value: Value::Int(2002), reason: String::new() };
    let save = decide(&c.0, &Demo, &year(), act).expect("a decision");
    c.pull(&third);
    let change = c.0.build(&save).expect("something to write");
    c.join(&change);
    assert_eq!(values(&c.open(&year())), [1999, 2002, 2002, 2004]);
}

#[test]
fn only_those_who_may_judge_close_a_case() {
    let (mut a, _) = in_conflict(&year(), 2002, 2004);
    assert_eq!(a.decide(STRANGER, &year(), 2002), Err(JudgeError::NotPermitted));
    let act = Act { actor: actor(SUPERVISOR, 0), time: 0, value: Value::Int(2002), reason: "x".to_owned() };
    let mut save = decide(&a.0, &Demo, &year(), act.clone()).expect("a decision");
    save.actor = actor(STRANGER, 0);
    let change = a.0.build(&save).expect("something to write");
    a.join(&change);
    assert!(a.case(&year()).is_some_and(|case| case.is_open()));
    assert_eq!(decide(&a.0, &Demo, &path("sex"), act.clone()), Err(JudgeError::NoCase));
    let long = Act { reason: "x".repeat(501), ..act };
    assert_eq!(decide(&a.0, &Demo, &year(), long), Err(JudgeError::ReasonTooLong));
}

#[test]
fn a_decision_for_the_value_that_stands_is_a_change_too() {
    let (mut a, _) = in_conflict(&year(), 2002, 2004);
    a.save(HERY, &year(), 2004);
    a.decide(SUPERVISOR, &year(), 2004).expect("a decision");
    assert!(a.is_decided(&year()));
}

#[test]
fn a_wage_takes_two_persons_on_two_devices() {
    let wage = path("wage_rate");
    let (mut a, _) = in_conflict(&wage, 6_500, 7_000);
    assert_eq!(a.open(&wage).agreed, Some(Value::Int(6_000)));
    assert_eq!(a.decide(FINANCE, &wage, 6_500), Err(JudgeError::NeedsProposal));
    a.act(actor(SUPERVISOR, 0), &wage, 6_500, true).expect("a proposal");
    let proposals = a.open(&wage).proposals;
    assert_eq!(proposals.iter().map(|proposal| &proposal.value).collect::<Vec<_>>(), [&Value::Int(6_500)]);
    // Not the same person, not on another phone of hers, not another person on the same phone, not another value.
    assert_eq!(a.decide(SUPERVISOR, &wage, 6_500), Err(JudgeError::NeedsProposal));
    assert_eq!(a.decide(SUPERVISOR + 10, &wage, 6_500), Err(JudgeError::NeedsProposal));
    assert_eq!(a.act(actor(SUPERVISOR, 1), &wage, 6_500, false), Err(JudgeError::NeedsProposal));
    assert_eq!(a.decide(FINANCE, &wage, 7_000), Err(JudgeError::NeedsProposal));
    let mut unaware = a.clone();
    a.decide(FINANCE, &wage, 6_500).expect("a decision");
    assert!(a.is_decided(&wage));

    // A proposal that was taken back counts no longer.
    unaware.act(actor(SUPERVISOR, 0), &wage, 7_000, true).expect("another proposal");
    assert_eq!(unaware.decide(FINANCE, &wage, 6_500), Err(JudgeError::NeedsProposal));
}

#[test]
fn two_acts_of_one_device_are_not_two_approvals_even_if_forced() {
    let wage = path("wage_rate");
    let (mut a, _) = in_conflict(&wage, 6_500, 7_000);
    a.act(actor(SUPERVISOR, 0), &wage, 6_500, true).expect("a proposal");
    let act = Act { actor: actor(FINANCE, 0), time: 0, value: Value::Int(6_500), reason: "x".to_owned() };
    let good = decide(&a.0, &Demo, &wage, act).expect("a decision");
    for other in [actor(SUPERVISOR, 0), actor(SUPERVISOR, 1), actor(SUPERVISOR + 10, 0), actor(HERY, 0)] {
        let mut b = a.clone();
        let change = b.0.build(&Save { actor: other, ..good.clone() }).expect("something to write");
        b.join(&change);
        assert!(b.open(&wage).candidates.len() == 3, "{other:?}");
    }
    let change = a.0.build(&good).expect("something to write");
    a.join(&change);
    assert!(a.is_decided(&wage));
}

#[test]
fn a_proposal_must_be_in_the_past_of_the_decision() {
    let wage = path("wage_rate");
    let (mut a, b) = in_conflict(&wage, 6_500, 7_000);
    a.act(actor(SUPERVISOR, 0), &wage, 6_500, true).expect("a proposal");
    let act = Act { actor: actor(FINANCE, 0), time: 0, value: Value::Int(6_500), reason: "x".to_owned() };
    let save = decide(&a.0, &Demo, &wage, act).expect("a decision");
    let change = b.0.build(&save).expect("something to write");
    let mut b = b;
    b.join(&change);
    b.pull(&a);
    assert!(b.open(&wage).candidates.len() == 3);
}

#[test]
fn a_delete_closes_nothing() {
    let (mut a, _) = in_conflict(&year(), 2002, 2004);
    let save = Save { actor: actor(HERY, 0), time: 0, puts: Vec::new(), deletes: vec![year()] };
    let change = a.0.build(&save).expect("something to write");
    a.join(&change);
    let case = a.open(&year());
    assert_eq!(values(&case), [2002, 2004]);
    assert_eq!(case.agreed, Some(Value::Int(2003)));
    a.save(HERY, &year(), 2009);
    assert_eq!(values(&a.open(&year())), [2002, 2004, 2009]);
    a.decide(SUPERVISOR, &year(), 2009).expect("a decision");
    assert!(a.is_decided(&year()));
    a.save(HERY, &year(), 2010);
    assert!(a.is_decided(&year()));
}

#[test]
fn a_delete_of_the_losers_alone_closes_nothing() {
    let (mut a, _) = in_conflict(&year(), 2002, 2004);
    let loser = a.0.get_all("birth_year").next().expect("a loser").0;
    let op = Op { path: year(), action: Action::Delete, pred: vec![loser] };
    let (seq, start_op) = (a.0.last_seq(actor(HERY, 0)) + 1, a.0.max_op() + 1);
    let mut deps = a.0.heads();
    deps.sort_unstable();
    let change = Change { actor: actor(HERY, 0), seq, start_op, time: 0, deps, ops: vec![op] };
    a.join(&change);
    assert_eq!(a.0.get_all("birth_year").len(), 1);
    assert_eq!(values(&a.open(&year())), [2002, 2004]);
    a.save(HERY, &year(), 2004 + 7);
    assert_eq!(values(&a.open(&year())), [2002, 2004, 2011]);
}

#[test]
fn a_delete_beside_a_put_is_no_case() {
    let (mut a, mut b) = (Phone::registered(), Phone::registered());
    let save = Save { actor: actor(HERY, 0), time: 0, puts: Vec::new(), deletes: vec![year()] };
    let change = a.0.build(&save).expect("something to write");
    a.join(&change);
    b.save(LALAO, &year(), 2004);
    a.pull(&b);
    assert_eq!(a.case(&year()), None);
    assert_eq!(a.0.get("birth_year"), Some(&Value::Int(2004)));
}

#[test]
fn automatic_fields_show_the_other_values_with_their_authors() {
    let village = path("residence_village");
    let (a, _) = in_conflict(&village, 1, 2);
    assert_eq!(a.case(&village), None);
    let others = concurrent_values(&a.0, &Demo, &village);
    assert_eq!(others.len(), 1);
    assert_ne!(a.0.get("residence_village"), Some(&others[0].value));
    let (equal, _) = in_conflict(&village, 1, 1);
    assert_eq!(concurrent_values(&equal.0, &Demo, &village), []);
    assert_eq!(concurrent_values(&equal.0, &Demo, &path("phone")), []);
}

#[test]
fn the_state_of_a_case_is_a_fixed_hash() {
    let op = OpId { counter: 7, actor: Actor([3; 16]) };
    let text = CaseState::of(&[op]).to_string();
    assert_eq!(text, "55f47535aa679be298d717c3e2047688e63eae9fc8a6aca8dd9167081b2eb409");
    assert_ne!(CaseState::of(&[op]), CaseState::of(&[]));
}
