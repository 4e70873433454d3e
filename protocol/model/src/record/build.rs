//! From a save of a form to a change.

use std::collections::BTreeSet;

use fieldmerge_protocol::{Action, Actor, AreaId, Change, Op, OpId, Path, RecordId, Value};
use smol_str::SmolStr;

use super::{Past, RecordState, limits};

/// One save of a form: one change.
#[derive(Debug, Clone, PartialEq)]
pub struct Save {
    /// Who saves.
    pub actor: Actor,
    /// The device's clock in milliseconds since the epoch. For showing only.
    pub time: i64,
    /// What is set. Where a path occurs twice the last value counts.
    pub puts: Vec<(Path, Value)>,
    /// What is removed: only members of sets. A delete loses silently to a concurrent put.
    pub deletes: Vec<Path>,
}

/// The first change of a record.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRecord {
    /// Who makes the record.
    pub actor: Actor,
    /// The device's clock in milliseconds since the epoch. For showing only.
    pub time: i64,
    /// The record's id, new.
    pub id: RecordId,
    /// The name of the record type.
    pub record_type: SmolStr,
    /// The area that the record is made in.
    pub area: AreaId,
    /// The person that the record is about, if it is about one.
    pub subject: Option<RecordId>,
    /// The values. Where a path occurs twice the last value counts; `_id`, `_type`, `_area` and `_subject` are
    /// left out.
    pub puts: Vec<(Path, Value)>,
}

/// Why no change was made of a save.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// Every value stands already.
    #[error("there is nothing to write")]
    NothingToWrite,
    /// The record has no first change yet.
    #[error("the record is not known")]
    UnknownRecord,
    /// The change or the record would pass a limit.
    #[error("the record would grow beyond its limits")]
    TooLarge,
}

impl NewRecord {
    /// The record's first change.
    pub fn build(self) -> Result<Change, BuildError> {
        let mut ops = identity_ops(self.id, self.record_type, self.area);
        ops.extend(self.subject.map(|subject| put(path("_subject"), Value::Bytes(subject.0.to_vec()))));
        let fixed = ["_id", "_type", "_area", "_subject"];
        let puts = last_of_each(&self.puts).into_iter().filter(|(path, _)| !fixed.contains(&path.as_str()));
        ops.extend(puts.map(|(path, value)| put(path.clone(), value.clone())));
        if ops.len() > limits::MAX_CHANGE_OPS {
            return Err(BuildError::TooLarge);
        }
        Ok(Change { actor: self.actor, seq: 1, start_op: 1, time: self.time, deps: Vec::new(), ops })
    }
}

/// What its author knows when a change is made.
struct Stand {
    /// Change indexes.
    heads: Vec<u32>,
    /// Where not all heads fit among the dependencies of one change: the past that is built on.
    past: Option<Past>,
}

impl RecordState {
    /// The change of a save on everything that is known here: what automerge would have made of the same writes.
    ///
    /// A value that stands alone and equal is not written again, except below a decision, which puts the value that
    /// it decides. Where several values are live a put names them all, also when it repeats the winning one (there
    /// automerge would write a delete of the others, which tells nobody who said what).
    pub fn build(&self, save: &Save) -> Result<Change, BuildError> {
        if self.is_empty() {
            return Err(BuildError::UnknownRecord);
        }
        let stand = self.stand(save.actor);
        let decided: BTreeSet<&str> = save.puts.iter().filter_map(|(path, _)| path.decided()).collect();
        let mut ops = Vec::with_capacity(save.puts.len() + save.deletes.len());
        let mut written = BTreeSet::new();
        for (path, value) in last_of_each(&save.puts) {
            written.insert(path);
            let live = self.live_for(&stand, path);
            let stands = live.len() == 1 && self.op_row(live[0]).value.as_ref() == Some(value);
            if !stands || decided.contains(path.as_str()) {
                ops.push(Op {
                    path: path.clone(),
                    action: Action::Put(value.clone()),
                    pred: self.ids(&live),
                });
            }
        }
        for path in save.deletes.iter().filter(|path| written.insert(path)) {
            let live = self.live_for(&stand, path);
            if !live.is_empty() {
                ops.push(Op { path: path.clone(), action: Action::Delete, pred: self.ids(&live) });
            }
        }
        self.finish(save, &stand, ops)
    }

    fn finish(&self, save: &Save, stand: &Stand, ops: Vec<Op>) -> Result<Change, BuildError> {
        if ops.is_empty() {
            return Err(BuildError::NothingToWrite);
        }
        let full =
            self.change_count() >= limits::MAX_CHANGES || self.op_count() + ops.len() > limits::MAX_OPS;
        let wide = ops.iter().any(|op| op.pred.len() > limits::MAX_PREDS_PER_OP);
        if full || wide || ops.len() > limits::MAX_CHANGE_OPS {
            return Err(BuildError::TooLarge);
        }
        let mut deps: Vec<_> = stand.heads.iter().map(|index| self.change_row(*index).hash).collect();
        deps.sort_unstable();
        let seq = self.last_seq(save.actor);
        if let Some(previous) = self.find(save.actor, seq)
            && let Err(place) = deps.binary_search(&previous)
        {
            deps.insert(place, previous);
        }
        let past = stand.heads.iter().map(|index| self.change_row(*index).max_op());
        let start_op = past.max().unwrap_or(0) + 1;
        Ok(Change { actor: save.actor, seq: seq + 1, start_op, time: save.time, deps, ops })
    }

    /// All heads; or, where a record was edited by more phones at once than one change may depend on, as many as
    /// fit, the earliest first, so that each save joins many of them.
    fn stand(&self, actor: Actor) -> Stand {
        let most = limits::MAX_DEPS - 1;
        if self.heads.len() <= most {
            return Stand { heads: self.heads.clone(), past: None };
        }
        let previous = self.last_of(actor);
        let mut heads = self.heads.clone();
        let order = |index: &u32| (self.change_row(*index).start_op, self.change_row(*index).actor);
        heads.sort_unstable_by_key(|index| (Some(*index) != previous, order(index)));
        heads.truncate(most);
        let mut past = self.strict_past(&heads);
        for head in &heads {
            past.add(*head);
        }
        // The author's own previous change is a dependency in any case, a head of the view unless one implies it.
        if let Some(previous) = previous.filter(|previous| !past.has(*previous)) {
            let own = self.strict_past(&[previous]);
            past.join(&own);
            past.add(previous);
            heads.push(previous);
        }
        Stand { heads, past: Some(past) }
    }

    fn live_for(&self, stand: &Stand, path: &Path) -> Vec<u32> {
        match &stand.past {
            None => self.live_ops(path.as_str()).to_vec(),
            Some(past) => self.live_at(path, past),
        }
    }

    fn ids(&self, ops: &[u32]) -> Vec<OpId> {
        ops.iter().map(|op| self.op_id(*op)).collect()
    }
}

/// The puts without those that a later one of the same path replaces.
fn last_of_each(puts: &[(Path, Value)]) -> Vec<&(Path, Value)> {
    let mut seen = BTreeSet::new();
    let mut last: Vec<_> = puts.iter().rev().filter(|(path, _)| seen.insert(path)).collect();
    last.reverse();
    last
}

/// The operations that begin every record.
pub(crate) fn identity_ops(id: RecordId, record_type: SmolStr, area: AreaId) -> Vec<Op> {
    vec![
        put(path("_id"), Value::Bytes(id.0.to_vec())),
        put(path("_type"), Value::Str(record_type)),
        put(path("_area"), Value::Bytes(area.0.to_vec())),
    ]
}

/// A put that replaces nothing.
pub(crate) fn put(path: Path, value: Value) -> Op {
    Op { path, action: Action::Put(value), pred: Vec::new() }
}

/// One of our own names.
pub(crate) fn path(text: &str) -> Path {
    Path::new(text).expect("our own names follow the grammar")
}
