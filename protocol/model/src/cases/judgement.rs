//! What decisions and proposals say, and how they are made.

use std::fmt;

use fieldmerge_protocol::{Actor, OpId, Path, Value};
use sha2::{Digest, Sha256};

use super::graph::{Graph, Survey};
use super::rules::Rules;
use crate::log::{Item, Tuple};
use crate::record::{RecordState, Save};

/// The most bytes of a reason.
pub const MAX_REASON_BYTES: usize = 500;

/// What a judge saw: the SHA-256 of the operation ids of the candidates.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CaseState(pub [u8; 32]);

impl CaseState {
    /// Hashes operation ids, which must be ascending: each as its counter, eight bytes big-endian, and its actor.
    pub(super) fn of(candidates: &[OpId]) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(b"fieldmerge-case-v1\0");
        for op in candidates {
            hasher.update(op.counter.to_be_bytes());
            hasher.update(op.actor.0);
        }
        Self(hasher.finalize().into())
    }
}

impl fmt::Display for CaseState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for CaseState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CaseState({self})")
    }
}

/// What somebody does about a case.
#[derive(Debug, Clone, PartialEq)]
pub struct Act {
    /// Who.
    pub actor: Actor,
    /// The device's clock in milliseconds since the epoch. For showing only.
    pub time: i64,
    /// The value that is decided or proposed.
    pub value: Value,
    /// Why, in the judge's words; at most [`MAX_REASON_BYTES`].
    pub reason: String,
}

/// Why a decision or proposal cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum JudgeError {
    /// No open case is on this path.
    #[error("there is no open case")]
    NoCase,
    /// The person may not judge this path.
    #[error("this person may not judge the case")]
    NotPermitted,
    /// Two persons are needed, and no other one on another device has proposed this value for this state.
    #[error("a second person must propose the value first")]
    NeedsProposal,
    /// The reason is too long.
    #[error("the reason is too long")]
    ReasonTooLong,
    /// The path is so long that no decision about it can be named.
    #[error("the path is too long")]
    PathTooLong,
}

/// The save that decides a case: one change that puts the value and says why.
pub fn decide(state: &RecordState, rules: &dyn Rules, path: &Path, act: Act) -> Result<Save, JudgeError> {
    let survey = Survey::new(state, rules);
    let graph = open_case(&survey, path, &act)?;
    let seen = graph.state();
    if graph.needs_second() && !graph.has_proposal(act.actor, seen, &act.value, None) {
        return Err(JudgeError::NeedsProposal);
    }
    let content = Tuple(vec![Item::Bytes(seen.0.to_vec()), Item::Str(act.reason.into())]);
    let decision = judged("_decision", path)?;
    let puts = vec![(path.clone(), act.value), (decision, Value::Bytes(content.encode()))];
    Ok(Save { actor: act.actor, time: act.time, puts, deletes: Vec::new() })
}

/// The save that proposes a decision to a second person.
pub fn propose(state: &RecordState, rules: &dyn Rules, path: &Path, act: Act) -> Result<Save, JudgeError> {
    let survey = Survey::new(state, rules);
    let seen = open_case(&survey, path, &act)?.state();
    let content = Tuple(vec![Item::Bytes(seen.0.to_vec()), Item::Str(act.reason.into()), item_of(act.value)]);
    let puts = vec![(judged("_proposal", path)?, Value::Bytes(content.encode()))];
    Ok(Save { actor: act.actor, time: act.time, puts, deletes: Vec::new() })
}

fn open_case<'a>(survey: &'a Survey<'a>, path: &'a Path, act: &Act) -> Result<Graph<'a>, JudgeError> {
    if act.reason.len() > MAX_REASON_BYTES {
        return Err(JudgeError::ReasonTooLong);
    }
    let graph = Graph::new(survey, path).filter(Graph::is_open).ok_or(JudgeError::NoCase)?;
    survey.rules.judge(path, act.actor).ok_or(JudgeError::NotPermitted)?;
    Ok(graph)
}

/// The path of the decision or proposal about a path.
pub(super) fn judged(what: &str, path: &Path) -> Result<Path, JudgeError> {
    Path::new(&format!("{what}/{path}")).map_err(|_| JudgeError::PathTooLong)
}

/// A decision as it is written: the state that its author saw, and the reason.
pub(super) fn read_decision(value: &Value) -> Option<(CaseState, String)> {
    let [state, reason] = &Tuple::decode(value.as_bytes()?).ok()?.0[..] else { return None };
    Some((read_state(state)?, read_reason(reason)?))
}

/// A proposal as it is written: as a decision, with the value.
pub(super) fn read_proposal(value: &Value) -> Option<(CaseState, String, Value)> {
    let [state, reason, value] = &Tuple::decode(value.as_bytes()?).ok()?.0[..] else { return None };
    Some((read_state(state)?, read_reason(reason)?, value_of(value)))
}

fn read_state(item: &Item) -> Option<CaseState> {
    if let Item::Bytes(bytes) = item { bytes.as_slice().try_into().ok().map(CaseState) } else { None }
}

fn read_reason(item: &Item) -> Option<String> {
    match item {
        Item::Str(reason) if reason.len() <= MAX_REASON_BYTES => Some(reason.to_string()),
        _ => None,
    }
}

fn item_of(value: Value) -> Item {
    match value {
        Value::Null => Item::Null,
        Value::Bool(yes) => Item::Bool(yes),
        Value::Int(number) | Value::Timestamp(number) => Item::Int(number),
        Value::Uint(number) => i64::try_from(number).map_or(Item::Large(number), Item::Int),
        Value::F64(number) => Item::F64(number),
        Value::Str(text) => Item::Str(text),
        Value::Bytes(bytes) => Item::Bytes(bytes),
    }
}

fn value_of(item: &Item) -> Value {
    match item.clone() {
        Item::Null => Value::Null,
        Item::Bool(yes) => Value::Bool(yes),
        Item::Int(number) => Value::Int(number),
        Item::Large(number) => Value::Uint(number),
        Item::F64(number) => Value::F64(number),
        Item::Str(text) => Value::Str(text),
        Item::Bytes(bytes) => Value::Bytes(bytes),
    }
}
