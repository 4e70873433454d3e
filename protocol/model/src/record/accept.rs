//! Exact validity: a change joins a record only if it is what automerge would have produced at its dependencies.
//!
//! Automerge trusts its peers; a server may not. Changes that obey looser rules panic inside automerge, or make the
//! merged state depend on the order of arrival (sync.md section 1). The rules, in the order in which they are
//! checked: known or forked, limits, unknown dependencies, identity of a first change, seq, own previous change
//! among the dependencies, dependencies an antichain apart from it, number of the first operation, preds.
//!
//! Automerge's `put` of a value that equals the only live one writes nothing. A put that says the same value again
//! is accepted here nevertheless: it is harmless, and a decision for the value that stands needs it.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use fieldmerge_protocol::{Action, Change, ChangeHash, Op, OpId, Path, Value};

use super::{
    ChangeRow, Few, Identity, NO_OP, OpRow, Past, Provenance, RecordState, Refusal, Register, Verdict, limits,
};

/// The live puts as the author of a change saw them.
enum View<'a> {
    /// The author saw everything that is known here: the registers themselves.
    Heads,
    /// The author saw less.
    Past { past: Past, live: BTreeMap<&'a Path, Vec<u32>> },
}

/// A change whose envelope is in order: only its preds are left to check.
struct Admission<'a> {
    deps: Vec<u32>,
    view: View<'a>,
    links: usize,
    weight: usize,
}

impl RecordState {
    /// Offers a change. `hash` must be the hash of its canonical bytes, as the codec gives it. Whatever the answer
    /// but [`Verdict::Applied`], the state stays as it was.
    pub fn accept(&mut self, change: &Change, hash: ChangeHash, provenance: Provenance) -> Verdict {
        let admission = match self.admit(change, hash) {
            Ok(admission) => admission,
            Err(verdict) => return verdict,
        };
        match self.apply(change, hash, provenance, admission) {
            Ok(()) => Verdict::Applied,
            Err(refusal) => Verdict::Refused(refusal),
        }
    }

    fn admit<'a>(&self, change: &'a Change, hash: ChangeHash) -> Result<Admission<'a>, Verdict> {
        if let Some(known) = self.find(change.actor, change.seq) {
            return Err(if known == hash { Verdict::Duplicate } else { Verdict::Forked });
        }
        let (links, weight) = self.measure(change).map_err(Verdict::Refused)?;
        let deps = self.find_deps(change)?;
        let view = self.check_envelope(change, &deps).map_err(Verdict::Refused)?;
        Ok(Admission { deps, view, links, weight })
    }

    /// The links and bytes that a change adds, if the limits allow them.
    fn measure(&self, change: &Change) -> Result<(usize, usize), Refusal> {
        let links = change.deps.len() + change.ops.iter().map(|op| op.pred.len()).sum::<usize>();
        let weight = change.ops.iter().map(weight).sum::<usize>();
        let fits = change.deps.len() <= limits::MAX_DEPS
            && change.ops.len() <= limits::MAX_CHANGE_OPS
            && self.changes.len() < limits::MAX_CHANGES
            && self.ops.len() + change.ops.len() <= limits::MAX_OPS
            && self.links + links <= limits::MAX_LINKS
            && self.weight + weight <= limits::MAX_WEIGHT;
        if !fits {
            return Err(Refusal::TooLarge);
        }
        if change.ops.is_empty() { Err(Refusal::Empty) } else { Ok((links, weight)) }
    }

    /// The dependencies as indexes, or which of them are unknown.
    fn find_deps(&self, change: &Change) -> Result<Vec<u32>, Verdict> {
        let mut deps = Vec::with_capacity(change.deps.len());
        let mut missing = Vec::new();
        for hash in &change.deps {
            match self.index_of_hash(*hash) {
                Some(index) => deps.push(index),
                None => missing.push(*hash),
            }
        }
        if missing.is_empty() {
            return Ok(deps);
        }
        missing.sort_unstable();
        missing.dedup();
        Err(Verdict::Held { missing })
    }

    fn check_envelope<'a>(&self, change: &'a Change, deps: &[u32]) -> Result<View<'a>, Refusal> {
        if deps.is_empty() {
            Identity::of_root(change, self.id())?;
            if !self.is_empty() {
                return Err(Refusal::SecondRoot);
            }
        }
        let previous = self.last_of(change.actor);
        if change.seq != previous.map_or(0, |row| self.change_row(row).seq) + 1 {
            return Err(Refusal::BadSeq);
        }
        let ascending = change.deps.windows(2).all(|pair| pair[0] < pair[1]);
        if !ascending || previous.is_some_and(|previous| !deps.contains(&previous)) {
            return Err(Refusal::BadDeps);
        }
        let view = self.view(deps, previous)?;
        let past = deps.iter().map(|dep| self.change_row(*dep).max_op()).max().unwrap_or(0);
        if change.start_op == past + 1 { Ok(view) } else { Err(Refusal::BadStartOp) }
    }

    /// What the author saw, if the dependencies are the heads of a view plus the author's own previous change.
    fn view<'a>(&self, deps: &[u32], previous: Option<u32>) -> Result<View<'a>, Refusal> {
        let is_head = |index: &u32| self.heads.contains(index);
        // Where the previous change is no head, one of the heads implies it: automerge names it nevertheless.
        let others = deps.iter().filter(|dep| Some(**dep) != previous || is_head(dep));
        if others.eq(&self.heads) {
            return Ok(View::Heads);
        }
        let mut past = self.strict_past(deps);
        if deps.iter().any(|dep| Some(*dep) != previous && past.has(*dep)) {
            return Err(Refusal::BadDeps);
        }
        for dep in deps {
            past.add(*dep);
        }
        Ok(View::Past { past, live: BTreeMap::new() })
    }

    fn apply<'a>(
        &mut self,
        change: &'a Change,
        hash: ChangeHash,
        provenance: Provenance,
        mut admission: Admission<'a>,
    ) -> Result<(), Refusal> {
        let index = number(self.changes.len());
        let first_op = number(self.ops.len());
        self.changes.push(ChangeRow {
            actor: change.actor,
            seq: change.seq,
            start_op: change.start_op,
            time: change.time,
            first_op,
            op_count: number(change.ops.len()),
            deps: Few::from(std::mem::take(&mut admission.deps)),
            hash,
            provenance,
        });
        self.ops.reserve(change.ops.len());
        let mut replaced = Vec::new();
        for op in &change.ops {
            let joined = match &mut admission.view {
                View::Heads => self.apply_to_heads(op, index, &mut replaced),
                View::Past { past, live } => self.apply_to_past(op, index, past, live, &mut replaced),
            };
            if joined.is_none() {
                self.undo(first_op, &mut replaced);
                return Err(Refusal::BadPred);
            }
        }
        self.links += admission.links;
        self.weight += admission.weight;
        self.max_op = self.max_op.max(self.change_row(index).max_op());
        self.enlist(index);
        Ok(())
    }

    /// Joins one operation of an author who saw all. Its id is the greatest, so it goes to the end of the live puts.
    fn apply_to_heads(&mut self, op: &Op, change: u32, replaced: &mut Vec<(u32, u32)>) -> Option<()> {
        let Self { registers, ops, changes, .. } = self;
        let index = number(ops.len());
        let value = value_of(op);
        let register = match registers.entry(op.path.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                if !op.pred.is_empty() || value.is_none() {
                    return None;
                }
                place.insert(Register { latest: index, live: Few::one(index) });
                ops.push(row(op, value, change, NO_OP));
                return Some(());
            }
        };
        let kept = kept(op, register.live.as_slice(), |live| op_id(changes, ops, live))?;
        let live = register.live.as_slice();
        for pred in &live[..live.len() - kept] {
            ops[*pred as usize].successors.push(index);
            replaced.push((index, *pred));
        }
        if kept == 0 {
            register.live = if value.is_some() { Few::one(index) } else { Few::None };
        } else {
            register.live = Few::one(live[live.len() - 1]);
        }
        ops.push(row(op, value, change, register.latest));
        register.latest = index;
        Some(())
    }

    /// Joins one operation of an author who saw less than is known here.
    fn apply_to_past<'a>(
        &mut self,
        op: &'a Op,
        change: u32,
        past: &Past,
        views: &mut BTreeMap<&'a Path, Vec<u32>>,
        replaced: &mut Vec<(u32, u32)>,
    ) -> Option<()> {
        let index = number(self.ops.len());
        let value = value_of(op);
        let seen = views.entry(&op.path).or_insert_with(|| self.live_at(&op.path, past));
        let kept = kept(op, seen, |live| self.op_id(live))?;
        let preds: Vec<u32> = seen.drain(..seen.len() - kept).collect();
        let is_put = value.is_some();
        if is_put {
            seen.push(index);
        }
        let earlier = self.registers.get(&op.path).map_or(NO_OP, |register| register.latest);
        self.ops.push(row(op, value, change, earlier));
        let Self { registers, ops, changes, .. } = self;
        let register =
            registers.entry(op.path.clone()).or_insert(Register { latest: index, live: Few::None });
        register.latest = index;
        for pred in preds {
            ops[pred as usize].successors.push(index);
            register.live.remove_sorted(pred, |live| op_id(changes, ops, live));
            replaced.push((index, pred));
        }
        if is_put {
            register.live.insert_sorted(index, |live| op_id(changes, ops, live));
        }
        Some(())
    }

    /// The live puts of a path at a causal past, ascending by operation id.
    pub(crate) fn live_at(&self, path: &Path, past: &Past) -> Vec<u32> {
        let in_past = |op: u32| past.has(self.op_row(op).change);
        let mut live: Vec<u32> = self
            .ops_of(path)
            .filter(|op| {
                let row = self.op_row(*op);
                in_past(*op)
                    && row.value.is_some()
                    && !row.successors.as_slice().iter().any(|next| in_past(*next))
            })
            .collect();
        live.sort_unstable_by_key(|op| self.op_id(*op));
        live
    }

    /// Enters the last change into the indexes and makes it a head.
    fn enlist(&mut self, index: u32) {
        let Self { changes, by_author, by_hash, heads, .. } = self;
        let row = &changes[index as usize];
        let at = |index: &u32| &changes[*index as usize];
        let place =
            by_author.partition_point(|other| (at(other).actor, at(other).seq) < (row.actor, row.seq));
        by_author.insert(place, index);
        let place = by_hash.partition_point(|other| at(other).hash < row.hash);
        by_hash.insert(place, index);
        heads.retain(|head| !row.deps.as_slice().contains(head));
        let place = heads.partition_point(|other| at(other).hash < row.hash);
        heads.insert(place, index);
    }
}

/// How many of the live puts the operation leaves alive, if its preds are what automerge would have written: all
/// live puts; or, for the delete by which automerge writes a put of the winning value, all but the winner.
fn kept(op: &Op, live: &[u32], id: impl Fn(u32) -> OpId) -> Option<usize> {
    let left = live.len().checked_sub(op.pred.len())?;
    let exact = op.pred.iter().zip(live).all(|(pred, live)| *pred == id(*live));
    let allowed = match op.action {
        Action::Put(_) => left == 0,
        Action::Delete => !op.pred.is_empty() && left <= 1,
    };
    (exact && allowed).then_some(left)
}

pub(super) fn op_id(changes: &[ChangeRow], ops: &[OpRow], index: u32) -> OpId {
    let change = &changes[ops[index as usize].change as usize];
    OpId { counter: change.start_op + u64::from(index - change.first_op), actor: change.actor }
}

pub(super) fn number(count: usize) -> u32 {
    u32::try_from(count).expect("the limits keep every count far below 2^32")
}

pub(super) fn weight(op: &Op) -> usize {
    let value = if let Action::Put(value) = &op.action { value_weight(value) } else { 0 };
    op.path.as_str().len() + value
}

pub(super) fn value_weight(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 1,
        Value::Int(_) | Value::Uint(_) | Value::F64(_) | Value::Timestamp(_) => 8,
        Value::Str(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
    }
}

fn value_of(op: &Op) -> Option<Value> {
    match &op.action {
        Action::Put(value) => Some(value.clone()),
        Action::Delete => None,
    }
}

fn row(op: &Op, value: Option<Value>, change: u32, earlier: u32) -> OpRow {
    OpRow { path: op.path.clone(), value, change, earlier, successors: Few::None }
}
