//! What was written when, and the changes themselves, rebuilt from the state alone.

use fieldmerge_protocol::{Action, Actor, Change, ChangeHash, Op, OpId, Path, Value};

use super::{OpRow, Provenance, RecordState};

/// One change as it was accepted, with what is known of its coming.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredChange {
    /// The change, equal to the accepted one.
    pub change: Change,
    /// Its hash.
    pub hash: ChangeHash,
    /// How it came.
    pub provenance: Provenance,
}

/// One operation of a path's history. Attribution is through the change: the actor tells device and person.
#[derive(Debug, Clone, PartialEq)]
pub struct Write<'a> {
    /// The operation.
    pub op: OpId,
    /// The number of its change among those of its actor.
    pub seq: u64,
    /// The value; `None` for a delete.
    pub value: Option<&'a Value>,
    /// The device's clock; never used to choose.
    pub time: i64,
    /// When the server received it.
    pub received_ms: i64,
    /// Whether it stands.
    pub live: bool,
}

impl RecordState {
    /// Every change in canonical order: each after its dependencies, the same whatever the order of arrival.
    pub fn changes(&self) -> impl Iterator<Item = StoredChange> {
        let preds = self.preds();
        self.canonical_order().into_iter().map(move |index| self.rebuild(index, &preds))
    }

    /// One change, rebuilt.
    pub fn change(&self, actor: Actor, seq: u64) -> Option<StoredChange> {
        self.index_of(actor, seq).map(|index| self.rebuild(index, &self.preds()))
    }

    /// Everything that was ever written to a path, ascending by operation id, which respects causality.
    pub fn history(&self, path: &Path) -> Vec<Write<'_>> {
        let mut writes: Vec<Write<'_>> = self
            .ops_of(path)
            .map(|op| {
                let row = self.op_row(op);
                let change = self.change_row(row.change);
                Write {
                    op: self.op_id(op),
                    seq: change.seq,
                    value: row.value.as_ref(),
                    time: change.time,
                    received_ms: change.provenance.received_ms,
                    live: row.value.is_some() && row.successors.is_empty(),
                }
            })
            .collect();
        writes.sort_unstable_by_key(|write| write.op);
        writes
    }

    /// Change indexes by (`start_op`, actor). A change counts on from its past and an actor's own changes form a
    /// chain, so this order is total and puts every change after its dependencies.
    pub(crate) fn canonical_order(&self) -> Vec<u32> {
        let mut order: Vec<u32> = (0..super::accept::number(self.changes.len())).collect();
        order.sort_unstable_by_key(|index| (self.change_row(*index).start_op, self.change_row(*index).actor));
        order
    }

    /// (operation, pred) by index, ascending by operation and then by the id of the pred.
    pub(crate) fn preds(&self) -> Vec<(u32, u32)> {
        let mut preds = Vec::new();
        for (pred, row) in (0..).zip(&self.ops) {
            preds.extend(row.successors.as_slice().iter().map(|op| (*op, pred)));
        }
        preds.sort_unstable_by_key(|(op, pred)| (*op, self.op_id(*pred)));
        preds
    }

    fn rebuild(&self, index: u32, preds: &[(u32, u32)]) -> StoredChange {
        let row = self.change_row(index);
        let mut deps: Vec<ChangeHash> =
            row.deps.as_slice().iter().map(|dep| self.change_row(*dep).hash).collect();
        deps.sort_unstable();
        let ops = (row.first_op..row.first_op + row.op_count).map(|op| Op {
            path: self.op_row(op).path.clone(),
            action: action(self.op_row(op)),
            pred: preds_of(preds, op).iter().map(|(_, pred)| self.op_id(*pred)).collect(),
        });
        let change = Change {
            actor: row.actor,
            seq: row.seq,
            start_op: row.start_op,
            time: row.time,
            ops: ops.collect(),
            deps,
        };
        StoredChange { change, hash: row.hash, provenance: row.provenance }
    }
}

/// The part of a list of [`RecordState::preds`] that belongs to one operation.
pub(crate) fn preds_of(preds: &[(u32, u32)], op: u32) -> &[(u32, u32)] {
    let start = preds.partition_point(|(other, _)| *other < op);
    let count = preds[start..].partition_point(|(other, _)| *other == op);
    &preds[start..start + count]
}

fn action(row: &OpRow) -> Action {
    row.value.clone().map_or(Action::Delete, Action::Put)
}
