//! Field conflicts that a person must judge, and the decisions that close them.
//!
//! Everything here follows from the causal graph of the record alone, so it is the same on every phone and on the
//! server, whatever the order of arrival. Clocks never choose (sync.md section 1, Conflicts).
//!
//! **Candidates.** A valid decision stands for itself. Any other put that replaces values in conflict joins them as
//! one more candidate; a put that replaces values that agree stands for itself. The candidates of a path are those of
//! its live puts, and the case is open while two of them differ. A delete adds no candidate and removes none that
//! are in conflict.
//!
//! **State.** A hash of the operation ids of the candidates. A decision names the state that it saw, and counts only if
//! that is the state of the case at its dependencies: what arrives later opens the case again.
//!
//! **Agreed value.** The value that stood before the conflict began: that of the path at the intersection of the causal
//! pasts of the live puts; where the path was in conflict there too, the agreed value of that conflict.

mod graph;
mod judge;
mod judgement;
mod rules;
#[cfg(test)]
mod tests;

use fieldmerge_protocol::{OpId, Path, Value};

use crate::record::RecordState;
use graph::{Graph, Survey};
pub use judgement::{Act, CaseState, JudgeError, MAX_REASON_BYTES, decide, propose};
pub use rules::{Person, Rules, same_value};

/// A conflict of one path of a record, open or decided.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// The path.
    pub path: Path,
    /// The state: of an open case the one that a decision must name, of a decided one the one that it named.
    pub state: CaseState,
    /// Whether a person must still decide, or what was decided.
    pub status: Status,
    /// What the values are, or were, to choose from, ascending by operation id.
    pub candidates: Vec<Candidate>,
    /// The last value that nobody disputed, while the case is open.
    pub agreed: Option<Value>,
    /// Proposals for this state that wait for a second person.
    pub proposals: Vec<Judgement>,
}

/// Whether a case is open.
#[derive(Debug, Clone, PartialEq)]
pub enum Status {
    /// Two candidates differ.
    Open,
    /// Decided, and nothing has disputed it since.
    Decided(Judgement),
}

/// A value with its attribution: the actor in the operation id tells device and person.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// The put.
    pub op: OpId,
    /// The number of its change among those of its actor.
    pub seq: u64,
    /// Its value.
    pub value: Value,
    /// The device's clock. For showing only.
    pub time: i64,
    /// When the server received it; a phone does not know and has 0.
    pub received_ms: i64,
    /// Whether the put is live in the register.
    pub live: bool,
}

/// A decision, or a proposal for one.
#[derive(Debug, Clone, PartialEq)]
pub struct Judgement {
    /// The put of the decided value, or the put of the proposal.
    pub op: OpId,
    /// The number of its change among those of its actor.
    pub seq: u64,
    /// The value decided or proposed.
    pub value: Value,
    /// Why, in the judge's words.
    pub reason: String,
    /// The device's clock. For showing only.
    pub time: i64,
    /// When the server received it.
    pub received_ms: i64,
}

impl Case {
    /// Whether a person must still decide.
    pub fn is_open(&self) -> bool {
        self.status == Status::Open
    }
}

/// Every case of a record, ascending by path.
pub fn cases(state: &RecordState, rules: &dyn Rules) -> Vec<Case> {
    let survey = Survey::new(state, rules);
    state.contested_paths().filter_map(|path| Graph::new(&survey, path)?.case()).collect()
}

/// The case of one path, if there is one.
pub fn case(state: &RecordState, rules: &dyn Rules, path: &Path) -> Option<Case> {
    Graph::new(&Survey::new(state, rules), path)?.case()
}

/// The live values of a path that differ from the winner, for fields where no person judges: the winner counts, these
/// stay visible with who wrote them. Ascending by operation id.
pub fn concurrent_values(state: &RecordState, rules: &dyn Rules, path: &Path) -> Vec<Candidate> {
    let Some((_, winner)) = state.winner(path.as_str()) else { return Vec::new() };
    let live = state.live_ops(path.as_str()).iter().map(|op| Candidate::of(state, *op));
    live.flatten().filter(|candidate| !rules.same(path, &candidate.value, winner)).collect()
}

impl Candidate {
    /// The put with this index; none for a delete.
    fn of(state: &RecordState, op: u32) -> Option<Self> {
        let row = state.op_row(op);
        let change = state.change_row(row.change);
        Some(Self {
            op: state.op_id(op),
            seq: change.seq,
            value: row.value.clone()?,
            time: change.time,
            received_ms: change.provenance.received_ms,
            live: row.successors.is_empty(),
        })
    }
}

impl Judgement {
    fn of(state: &RecordState, op: u32, value: Value, reason: &str) -> Self {
        let change = state.change_row(state.op_row(op).change);
        Self {
            op: state.op_id(op),
            seq: change.seq,
            value,
            reason: reason.to_owned(),
            time: change.time,
            received_ms: change.provenance.received_ms,
        }
    }
}
