//! Which operations are candidates, which decisions count, and what was agreed before.

use std::collections::BTreeMap;

use fieldmerge_protocol::{Actor, OpId, Value};

use super::graph::Graph;
use super::judgement::{CaseState, judged, read_decision, read_proposal};
use super::{Candidate, Case, Judgement, Status};

/// A proposal, or what took its place.
pub(super) struct Proposal {
    op: u32,
    change: u32,
    actor: Actor,
    content: Option<(CaseState, String, Value)>,
}

impl<'a> Graph<'a> {
    pub(super) fn read_proposals(&mut self) {
        let state = self.survey.state;
        let Ok(path) = judged("_proposal", self.path) else { return };
        let mut ops: Vec<u32> = state.ops_of(&path).collect();
        ops.sort_unstable_by_key(|op| state.op_id(*op));
        self.proposals = ops
            .into_iter()
            .map(|op| {
                let row = state.op_row(op);
                let actor = state.change_row(row.change).actor;
                Proposal {
                    op,
                    change: row.change,
                    actor,
                    content: row.value.as_ref().and_then(read_proposal),
                }
            })
            .collect();
    }

    /// Finds the valid decisions and the open operations, in causal order.
    pub(super) fn judge(&mut self) {
        let state = self.survey.state;
        let mut decisions = BTreeMap::new();
        if let Ok(path) = judged("_decision", self.path) {
            // The last one of a change counts; operations of a path come latest first.
            for op in state.ops_of(&path) {
                let row = state.op_row(op);
                decisions.entry(row.change).or_insert(row.value.as_ref());
            }
        }
        for place in 0..self.nodes.len() {
            let change = self.nodes[place].change;
            let written =
                decisions.get(&change).copied().flatten().filter(|_| self.nodes[place].value.is_some());
            let reason = written
                .and_then(read_decision)
                .and_then(|(seen, reason)| self.is_valid_decision(place, seen).then_some(reason));
            let before = &self.nodes[place].before;
            let open = reason.is_none()
                && (before.iter().any(|early| self.nodes[*early].open) || self.differ(before));
            self.nodes[place].open = open;
            self.nodes[place].decided = reason;
        }
    }

    fn is_valid_decision(&self, place: usize, seen: CaseState) -> bool {
        let node = &self.nodes[place];
        let actor = self.survey.state.change_row(node.change).actor;
        if self.survey.rules.judge(self.path, actor).is_none() {
            return false;
        }
        let value = node.value.expect("only puts are read as decisions");
        self.state_of(&node.before) == seen
            && (!self.needs_second() || self.has_proposal(actor, seen, value, Some(node.change)))
    }

    /// Whether two persons must agree.
    pub(super) fn needs_second(&self) -> bool {
        self.approvals > 1
    }

    /// Whether somebody else on another device stands behind the same value for the same state. What counts of each
    /// person is the last proposal that the judge could see: in the past of the change, or all that is known.
    pub(super) fn has_proposal(
        &self,
        judge: Actor,
        seen: CaseState,
        value: &Value,
        change: Option<u32>,
    ) -> bool {
        let rules = self.survey.rules;
        let Some(person) = rules.judge(self.path, judge) else { return false };
        let mut last = BTreeMap::new();
        for proposal in &self.proposals {
            let visible = change.is_none_or(|change| self.survey.past(change).has(proposal.change));
            if let Some(other) = rules.judge(self.path, proposal.actor).filter(|_| visible) {
                last.insert(other, proposal);
            }
        }
        last.iter().any(|(other, proposal)| {
            let backs = |content: &(CaseState, String, Value)| {
                content.0 == seen && rules.same(self.path, &content.2, value)
            };
            *other != person
                && proposal.actor.device() != judge.device()
                && proposal.content.as_ref().is_some_and(backs)
        })
    }

    /// Whether two of the values differ. Deletes have none.
    fn differ(&self, places: &[usize]) -> bool {
        let mut values = places.iter().filter_map(|place| self.nodes[*place].value);
        let Some(first) = values.next() else { return false };
        values.any(|other| !self.survey.rules.same(self.path, first, other))
    }

    fn are_open(&self, tips: &[usize]) -> bool {
        tips.iter().any(|tip| self.nodes[*tip].open) || self.differ(tips)
    }

    /// Whether a person must decide now.
    pub(super) fn is_open(&self) -> bool {
        self.are_open(&self.tips)
    }

    /// The state of the case now.
    pub(super) fn state(&self) -> CaseState {
        self.state_of(&self.tips)
    }

    fn state_of(&self, tips: &[usize]) -> CaseState {
        let ids: Vec<OpId> = self
            .candidates(tips)
            .into_iter()
            .map(|place| self.survey.state.op_id(self.nodes[place].op))
            .collect();
        CaseState::of(&ids)
    }

    /// The candidates of a path with these tips, ascending.
    fn candidates(&self, tips: &[usize]) -> Vec<usize> {
        let mut reached = vec![false; self.nodes.len()];
        let mut open = tips.to_vec();
        while let Some(place) = open.pop() {
            if !std::mem::replace(&mut reached[place], true) && self.nodes[place].open {
                open.extend(&self.nodes[place].before);
            }
        }
        let candidate = |place: &usize| reached[*place] && self.nodes[*place].value.is_some();
        (0..self.nodes.len()).filter(candidate).collect()
    }

    /// The last value that nobody disputed.
    fn agreed(&self) -> Option<&'a Value> {
        let mut tips = self.tips.clone();
        while self.are_open(&tips) {
            let puts = || tips.iter().copied().filter(|tip| self.nodes[*tip].value.is_some());
            let live: Vec<usize> = if puts().next().is_some() { puts().collect() } else { tips.clone() };
            tips = match live[..] {
                [tip] => self.nodes[tip].before.clone(),
                _ => self.tips_at(&self.common_past(&live)?),
            };
        }
        tips.iter().rev().find_map(|tip| self.nodes[*tip].value)
    }

    /// The case, if there is one.
    pub(super) fn case(&self) -> Option<Case> {
        let state = self.survey.state;
        let candidates = |tips: &[usize]| {
            self.candidates(tips)
                .into_iter()
                .filter_map(|place| Candidate::of(state, self.nodes[place].op))
                .collect()
        };
        if self.is_open() {
            let seen = self.state();
            return Some(Case {
                path: self.path.clone(),
                state: seen,
                status: Status::Open,
                candidates: candidates(&self.tips),
                agreed: self.agreed().cloned(),
                proposals: self.proposals_for(seen),
            });
        }
        let last = self.nodes.iter().rev().find(|node| node.decided.is_some())?;
        let value = last.value.cloned()?;
        let reason = last.decided.as_deref().unwrap_or_default();
        Some(Case {
            path: self.path.clone(),
            state: self.state_of(&last.before),
            status: Status::Decided(Judgement::of(state, last.op, value, reason)),
            candidates: candidates(&last.before),
            agreed: None,
            proposals: Vec::new(),
        })
    }

    /// The last proposal of each person who may judge, if it is for this state.
    fn proposals_for(&self, seen: CaseState) -> Vec<Judgement> {
        let mut last = BTreeMap::new();
        for proposal in &self.proposals {
            if let Some(person) = self.survey.rules.judge(self.path, proposal.actor) {
                last.insert(person, proposal);
            }
        }
        let mut waiting: Vec<Judgement> = last
            .into_values()
            .filter_map(|proposal| {
                let (state, reason, value) = proposal.content.as_ref()?;
                let judgement = Judgement::of(self.survey.state, proposal.op, value.clone(), reason);
                (*state == seen).then_some(judgement)
            })
            .collect();
        waiting.sort_unstable_by_key(|judgement| judgement.op);
        waiting
    }
}
