//! Replaying a record through automerge itself, which is what keeps the register merge honest.
//!
//! Automerge trusts its peers and may panic on what it did not expect, so every call into it runs under
//! `catch_unwind`. A panic is still reported by the process's panic hook; whoever replays foreign data should install
//! one that prints no payloads.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use automerge::{Automerge, ObjId, ROOT, ReadDoc, ScalarValue};
use fieldmerge_protocol::{Actor, OpId, Value};

use crate::record::{RecordState, StoredChange};

/// The live puts of every path, each list ascending by operation id: what automerge's `keys` and `get_all` say.
pub type Registers = BTreeMap<String, Vec<(OpId, Value)>>;

/// How automerge's view of a record differs from ours. Values are never part of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Difference {
    /// A change does not encode to the hash that is stored with it.
    #[error("change {seq} of actor {actor} does not encode to its hash")]
    Hash {
        /// Who made it.
        actor: Actor,
        /// Its number.
        seq: u64,
    },
    /// Automerge refused a change, or holds it back for a missing dependency.
    #[error("automerge did not apply the changes")]
    NotApplied,
    /// Automerge panicked.
    #[error("automerge panicked")]
    Panicked,
    /// What automerge saved, it could not load.
    #[error("automerge could not load what it saved")]
    NotLoaded,
    /// After saving and loading, automerge sees something else than before.
    #[error("automerge sees something else after saving and loading")]
    Unstable,
    /// The values of a path differ, or only one side has it.
    #[error("the path {path} differs")]
    Path {
        /// The path.
        path: String,
    },
    /// Another value wins.
    #[error("another value of the path {path} wins")]
    Winner {
        /// The path.
        path: String,
    },
}

/// Replays all changes of a record and compares every path: as applied, and after saving and loading twice.
pub fn verify(state: &RecordState) -> Result<(), Difference> {
    let changes: Vec<StoredChange> = state.changes().collect();
    let theirs = registers(&changes)?;
    let ours: Registers = state
        .paths()
        .map(|path| {
            let live = state.get_all(path.as_str()).map(|(op, value)| (op, value.clone()));
            (path.as_str().to_owned(), live.collect())
        })
        .collect();
    if ours == theirs {
        return Ok(());
    }
    let differs = |path: &&String| ours.get(*path) != theirs.get(*path);
    let path = ours.keys().chain(theirs.keys()).find(differs).cloned().unwrap_or_default();
    Err(Difference::Path { path })
}

/// The registers that automerge makes of changes, which must stand after their dependencies.
pub fn registers(changes: &[StoredChange]) -> Result<Registers, Difference> {
    let mut theirs = Vec::with_capacity(changes.len());
    for stored in changes {
        let (bytes, hash) = stored.change.encode();
        if hash != stored.hash {
            return Err(Difference::Hash { actor: stored.change.actor, seq: stored.change.seq });
        }
        theirs.push(bytes);
    }
    catch_unwind(AssertUnwindSafe(|| replay(theirs))).unwrap_or(Err(Difference::Panicked))
}

fn replay(changes: Vec<Vec<u8>>) -> Result<Registers, Difference> {
    let count = changes.len();
    let changes: Result<Vec<_>, _> = changes.into_iter().map(automerge::Change::from_bytes).collect();
    let mut doc = Automerge::new();
    doc.apply_changes(changes.map_err(|_| Difference::NotApplied)?).map_err(|_| Difference::NotApplied)?;
    if doc.get_changes(&[]).len() != count {
        return Err(Difference::NotApplied);
    }
    let registers = read(&doc)?;
    for _ in 0..2 {
        doc = Automerge::load(&doc.save()).map_err(|_| Difference::NotLoaded)?;
        if read(&doc)? != registers {
            return Err(Difference::Unstable);
        }
    }
    Ok(registers)
}

fn read(doc: &Automerge) -> Result<Registers, Difference> {
    let mut registers = Registers::new();
    for path in doc.keys(ROOT) {
        let differs = |path: &str| Difference::Path { path: path.to_owned() };
        let all = doc.get_all(ROOT, path.as_str()).map_err(|_| differs(&path))?;
        let mut live = Vec::with_capacity(all.len());
        for (value, op) in &all {
            live.push(op_id(op).zip(scalar(value)).ok_or_else(|| differs(&path))?);
        }
        live.sort_unstable_by_key(|(op, _)| *op);
        let winner = doc.get(ROOT, path.as_str()).map_err(|_| differs(&path))?;
        if winner.and_then(|(_, op)| op_id(&op)) != live.last().map(|(op, _)| *op) {
            return Err(Difference::Winner { path });
        }
        registers.insert(path, live);
    }
    Ok(registers)
}

fn op_id(id: &ObjId) -> Option<OpId> {
    let ObjId::Id(counter, actor, _) = id else { return None };
    Some(OpId { counter: *counter, actor: actor.to_bytes().try_into().ok()? })
}

fn scalar(value: &automerge::Value<'_>) -> Option<Value> {
    Some(match value.as_scalar()? {
        ScalarValue::Null => Value::Null,
        ScalarValue::Boolean(yes) => Value::Bool(*yes),
        ScalarValue::Int(number) => Value::Int(*number),
        ScalarValue::Uint(number) => Value::Uint(*number),
        ScalarValue::F64(number) => Value::F64(*number),
        ScalarValue::Str(text) => Value::str(text),
        ScalarValue::Bytes(bytes) => Value::Bytes(bytes.clone()),
        ScalarValue::Timestamp(number) => Value::Timestamp(*number),
        ScalarValue::Counter(_) | ScalarValue::Unknown { .. } => return None,
    })
}
