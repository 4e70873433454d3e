//! The operations of one path as a causal graph.

use std::cell::OnceCell;
use std::collections::BTreeMap;

use fieldmerge_protocol::{Path, Value};

use super::judge::Proposal;
use super::rules::Rules;
use crate::record::{Ancestry, Past, RecordState};

/// One reading of a record's cases.
pub(super) struct Survey<'a> {
    pub(super) state: &'a RecordState,
    pub(super) rules: &'a dyn Rules,
    ancestry: OnceCell<Ancestry>,
}

impl<'a> Survey<'a> {
    pub(super) fn new(state: &'a RecordState, rules: &'a dyn Rules) -> Self {
        Self { state, rules, ancestry: OnceCell::new() }
    }

    /// The causal past of a change; worked out when a path needs it, which is rare.
    pub(super) fn past(&self, change: u32) -> &Past {
        self.ancestry.get_or_init(|| Ancestry::of(self.state)).past(change)
    }
}

/// What one change did to the path: its last operation there. What the same change wrote before was never seen by
/// anybody.
pub(super) struct Node<'a> {
    /// The operation.
    pub(super) op: u32,
    /// Its change.
    pub(super) change: u32,
    /// Its value; none for a delete.
    pub(super) value: Option<&'a Value>,
    /// The nodes that its author saw in force: the live puts and latest deletes at its dependencies.
    pub(super) before: Vec<usize>,
    /// Whether it stands in an open conflict: no valid decision, and what it replaced differs or is open.
    pub(super) open: bool,
    /// The reason, if it is a valid decision.
    pub(super) decided: Option<String>,
}

/// The operations of one path where a person judges.
pub(super) struct Graph<'a> {
    pub(super) survey: &'a Survey<'a>,
    pub(super) path: &'a Path,
    pub(super) approvals: u8,
    /// Ascending by operation id, which respects causality.
    pub(super) nodes: Vec<Node<'a>>,
    /// The nodes in force now: live puts and latest deletes.
    pub(super) tips: Vec<usize>,
    pub(super) proposals: Vec<Proposal>,
}

/// With more deletes than this on one path, which no form makes, every operation counts as made on the one before it
/// by id. That can only keep a case open that could be closed, and bounds the work.
const MAX_DELETES: usize = 64;

impl<'a> Graph<'a> {
    /// The graph of a path; `None` where no person judges or nothing could conflict.
    pub(super) fn new(survey: &'a Survey<'a>, path: &'a Path) -> Option<Self> {
        let state = survey.state;
        let approvals = survey.rules.approvals(path)?;
        let mut ops: Vec<u32> = state.ops_of(path).collect();
        if ops.len() < 2 {
            return None;
        }
        ops.sort_unstable_by_key(|op| state.op_id(*op));
        let mut nodes: Vec<Node<'a>> = Vec::with_capacity(ops.len());
        for op in &ops {
            let row = state.op_row(*op);
            nodes.pop_if(|last| last.change == row.change);
            let value = row.value.as_ref();
            nodes.push(Node {
                op: *op,
                change: row.change,
                value,
                before: Vec::new(),
                open: false,
                decided: None,
            });
        }
        let mut graph = Self { survey, path, approvals, nodes, tips: Vec::new(), proposals: Vec::new() };
        graph.link(&ops);
        graph.link_deletes();
        graph.read_proposals();
        graph.judge();
        Some(graph)
    }

    /// Links what the preds tell.
    fn link(&mut self, ops: &[u32]) {
        let state = self.survey.state;
        let places: BTreeMap<u32, usize> = self.nodes.iter().map(|node| node.change).zip(0..).collect();
        for op in ops {
            let change = state.op_row(*op).change;
            for successor in state.op_row(*op).successors.as_slice() {
                let next = state.op_row(*successor).change;
                if next != change {
                    self.nodes[places[&next]].before.push(places[&change]);
                }
            }
        }
        for node in &mut self.nodes {
            node.before.sort_unstable();
            node.before.dedup();
        }
        let live = |place: &usize| self.is_live(*place, |_| true);
        self.tips = (0..self.nodes.len()).filter(live).collect();
    }

    /// Links what only the causal past tells: a delete has no successors, and may leave the winner alone, so preds
    /// tell neither who came after it nor all that its author saw.
    fn link_deletes(&mut self) {
        let all = 0..self.nodes.len();
        let deletes: Vec<usize> = all.clone().filter(|place| self.nodes[*place].value.is_none()).collect();
        if deletes.len() > MAX_DELETES {
            for place in all.skip(1) {
                self.nodes[place].before = vec![place - 1];
            }
            self.tips = vec![self.nodes.len() - 1];
            return;
        }
        if deletes.is_empty() {
            return;
        }
        for place in all {
            let past = self.survey.past(self.nodes[place].change);
            let before = match self.nodes[place].value {
                Some(_) => std::mem::take(&mut self.nodes[place].before),
                None => self.live_at(past),
            };
            self.nodes[place].before = self.with_latest(before, &deletes, past);
        }
        let tips = std::mem::take(&mut self.tips);
        self.tips = self.with_latest(tips, &deletes, None);
    }

    /// Whether the node is a put that no operation inside replaced.
    fn is_live(&self, place: usize, inside: impl Fn(u32) -> bool) -> bool {
        let row = self.survey.state.op_row(self.nodes[place].op);
        let replaced = |next: &u32| inside(self.survey.state.op_row(*next).change);
        row.value.is_some() && !row.successors.as_slice().iter().any(replaced)
    }

    /// The live puts at a causal past.
    fn live_at(&self, past: &Past) -> Vec<usize> {
        let live = |place: &usize| {
            past.has(self.nodes[*place].change) && self.is_live(*place, |change| past.has(change))
        };
        (0..self.nodes.len()).filter(live).collect()
    }

    /// Live puts and those deletes of a past that nothing in force came after.
    fn with_latest<'p>(
        &self,
        mut tips: Vec<usize>,
        deletes: &[usize],
        past: impl Into<Option<&'p Past>>,
    ) -> Vec<usize> {
        let past = past.into();
        for delete in deletes.iter().rev() {
            let change = self.nodes[*delete].change;
            let inside = past.is_none_or(|past| past.has(change));
            if inside && !tips.iter().any(|tip| self.survey.past(self.nodes[*tip].change).has(change)) {
                tips.push(*delete);
            }
        }
        tips.sort_unstable();
        tips
    }

    /// The nodes in force at a causal past.
    pub(super) fn tips_at(&self, past: &Past) -> Vec<usize> {
        let deletes: Vec<usize> =
            (0..self.nodes.len()).filter(|place| self.nodes[*place].value.is_none()).collect();
        let deletes = if deletes.len() > MAX_DELETES { &[] } else { &deletes[..] };
        self.with_latest(self.live_at(past), deletes, past)
    }

    /// What the changes of these nodes all depend on.
    pub(super) fn common_past(&self, places: &[usize]) -> Option<Past> {
        let mut pasts = places.iter().map(|place| self.survey.past(self.nodes[*place].change));
        let mut common = pasts.next()?.clone();
        pasts.for_each(|past| common.intersect(past));
        Some(common)
    }
}
