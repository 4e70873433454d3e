//! What a change in a body must be: just what its canonical chunk may be, and in order.

use std::collections::BTreeSet;

use super::super::{BundleError, MAX_CHANGES, MAX_FRAME_OPS, MAX_FRAME_PREDS, MAX_VALUE_BYTES};
use super::Entry;
use crate::change::{
    MAX_ACTORS, MAX_CHANGE_BYTES, MAX_COUNTER, MAX_DEPS, MAX_OPS, MAX_PREDS, MAX_PREDS_PER_OP, MAX_TIME,
};
use crate::{Action, Change, Op, Value};

type Result<T> = std::result::Result<T, BundleError>;

const ORDER: BundleError = BundleError::Malformed("order");

fn within(count: u64, max: u64, what: &'static str) -> Result<()> {
    if count > max { Err(BundleError::TooLarge(what)) } else { Ok(()) }
}

/// Whether a decoder will take these changes.
pub(super) fn check_entries(entries: &[Entry<'_>]) -> Result<()> {
    within(entries.len() as u64, MAX_CHANGES as u64, "changes")?;
    let (mut ops, mut preds, mut bytes) = (0, 0, 0);
    for Entry { change, .. } in entries {
        if !change.deps.is_sorted_by(|a, b| a < b) {
            return Err(ORDER);
        }
        let size = check(change, change.deps.len())?;
        ops += change.ops.len();
        preds += size.preds;
        bytes += size.bytes;
    }
    within(ops as u64, MAX_FRAME_OPS as u64, "operations")?;
    within(preds as u64, MAX_FRAME_PREDS as u64, "replaced operations")?;
    within(bytes as u64, MAX_VALUE_BYTES as u64, "values")
}

/// What a change holds.
#[derive(Debug, Default)]
pub(super) struct Size {
    preds: usize,
    /// Of paths and values.
    bytes: usize,
}

/// Whether [`Change::encode`] gives a canonical chunk, once the change has so many dependencies.
pub(super) fn check(change: &Change, deps: usize) -> Result<Size> {
    within(change.ops.len() as u64, MAX_OPS as u64, "operations of a change")?;
    within(deps as u64, MAX_DEPS as u64, "dependencies")?;
    within(change.time.unsigned_abs(), MAX_TIME.unsigned_abs(), "time")?;
    within(change.max_op(), MAX_COUNTER, "counter")?;
    within(change.seq, MAX_COUNTER, "seq")?;
    if change.seq == 0 || change.start_op == 0 {
        return Err(BundleError::Malformed("counter"));
    }
    let mut size = Size::default();
    let mut others = BTreeSet::new();
    for op in &change.ops {
        size.preds += op.pred.len();
        size.bytes += op.path.as_str().len() + value_bytes(op)?;
        if op.pred.is_empty() {
            continue;
        }
        within(op.pred.len() as u64, MAX_PREDS_PER_OP as u64, "replaced operations")?;
        if !op.pred.is_sorted_by(|a, b| a < b) || op.pred[0].counter == 0 {
            return Err(ORDER);
        }
        within(op.pred[op.pred.len() - 1].counter, MAX_COUNTER, "counter")?;
        others.extend(op.pred.iter().map(|id| id.actor).filter(|&actor| actor != change.actor));
    }
    within(size.preds as u64, MAX_PREDS as u64, "replaced operations")?;
    within(others.len() as u64, MAX_ACTORS as u64, "actors of a change")?;
    check_chunk(change, &size, deps, others.len())?;
    Ok(size)
}

fn value_bytes(op: &Op) -> Result<usize> {
    Ok(match &op.action {
        Action::Put(Value::Str(text)) => text.len(),
        Action::Put(Value::Bytes(bytes)) => bytes.len(),
        Action::Put(Value::F64(value)) if !value.is_finite() => {
            return Err(BundleError::Malformed("decimal"));
        }
        _ => 0,
    })
}

/// The chunk may have so many bytes. An upper bound is enough for all but a few changes.
fn check_chunk(change: &Change, size: &Size, deps: usize, others: usize) -> Result<()> {
    let bound = 128 + size.bytes + 32 * deps + 17 * others + 32 * change.ops.len() + 16 * size.preds;
    if bound <= MAX_CHANGE_BYTES {
        return Ok(());
    }
    let (chunk, _) = change.encode();
    within((chunk.len() + 33 * deps) as u64, MAX_CHANGE_BYTES as u64, "bytes of a change")
}
