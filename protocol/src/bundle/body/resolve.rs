//! From dependency forms to hashes: rebuilding each change byte for byte.

use std::collections::HashSet;

use super::{DepRef, PackedChange};
use crate::change::Encoder;
use crate::{Actor, Change, ChangeHash, RecordId};

/// A change with its dependencies as hashes.
#[derive(Debug, Clone, PartialEq)]
pub struct Resolved {
    /// The record it belongs to.
    pub record: RecordId,
    /// The change. Where something is missing its `deps` hold only what was found.
    pub change: Change,
    /// Its hash, recomputed; `None` if a dependency is missing.
    pub hash: Option<ChangeHash>,
    /// The dependencies that could not be found, or whose check does not agree.
    pub missing: Vec<DepRef>,
}

/// Finds the dependencies and recomputes every hash. The order stays that of the frame.
///
/// `known` gives the hash of a change that the receiver holds, by record, actor and number. A change whose
/// dependency is missing misses its hash, and so do those that depend on it inside the frame; the sender answers by
/// sending it again with whole hashes.
pub fn resolve(
    packed: Vec<PackedChange>,
    known: &mut dyn FnMut(RecordId, Actor, u64) -> Option<ChangeHash>,
) -> Vec<Resolved> {
    let order = causal_order(&packed);
    let mut hashes: Vec<Option<ChangeHash>> = vec![None; packed.len()];
    let mut missing: Vec<Vec<DepRef>> = vec![Vec::new(); packed.len()];
    let mut packed = packed;
    let mut encoder = Encoder::new();
    for index in order {
        let index = index as usize;
        let PackedChange { record, change, deps } = &mut packed[index];
        for dep in deps.iter() {
            let found = match *dep {
                DepRef::InFrame(other) => hashes.get(other as usize).copied().flatten(),
                DepRef::OwnPrevious => known(*record, change.actor, change.seq.wrapping_sub(1)),
                DepRef::Known { actor, seq, check } => {
                    known(*record, actor, seq).filter(|hash| hash.0[..4] == check)
                }
                DepRef::Hash(hash) => Some(hash),
            };
            match found {
                Some(hash) => change.deps.push(hash),
                None => missing[index].push(*dep),
            }
        }
        change.deps.sort_unstable();
        change.deps.dedup();
        if missing[index].is_empty() {
            hashes[index] = Some(encoder.encode(change).1);
        }
    }
    packed
        .into_iter()
        .zip(hashes)
        .zip(missing)
        .map(|((PackedChange { record, change, .. }, hash), missing)| Resolved {
            record,
            change,
            hash,
            missing,
        })
        .collect()
}

/// The indexes of the changes, each after those of its dependencies that stand in the same frame. Changes in a ring,
/// which no encoder writes, come last.
pub fn causal_order(packed: &[PackedChange]) -> Vec<u32> {
    let backward = |(index, change): (usize, &PackedChange)| {
        change.deps.iter().all(|dep| !matches!(dep, DepRef::InFrame(other) if *other as usize >= index))
    };
    let all = 0..packed.len() as u32;
    if packed.iter().enumerate().all(backward) {
        return all.collect();
    }
    let mut waiting = vec![0_usize; packed.len()];
    let mut dependents: Vec<Vec<u32>> = vec![Vec::new(); packed.len()];
    for (index, change) in packed.iter().enumerate() {
        for dep in &change.deps {
            if let DepRef::InFrame(other) = *dep
                && let Some(dependents) = dependents.get_mut(other as usize)
            {
                dependents.push(index as u32);
                waiting[index] += 1;
            }
        }
    }
    let mut order: Vec<u32> = all.clone().filter(|&index| waiting[index as usize] == 0).collect();
    let mut next = 0;
    while let Some(&index) = order.get(next) {
        next += 1;
        for &dependent in &dependents[index as usize] {
            waiting[dependent as usize] -= 1;
            if waiting[dependent as usize] == 0 {
                order.push(dependent);
            }
        }
    }
    let placed: HashSet<u32> = order.iter().copied().collect();
    order.extend(all.filter(|index| !placed.contains(index)));
    order
}
