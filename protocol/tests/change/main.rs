//! Our codec of changes against automerge itself.

mod history;
mod hostile;
mod strategies;
mod unfit;

use automerge::legacy::{Key, ObjectId, Op as LegacyOp, OpId as LegacyOpId, OpType};
use automerge::{ActorId, ExpandedChange, ScalarValue};
use fieldmerge_protocol::{Action, Change, Value};

/// The value as automerge names it.
fn scalar(value: &Value) -> ScalarValue {
    match value {
        Value::Null => ScalarValue::Null,
        Value::Bool(flag) => ScalarValue::Boolean(*flag),
        Value::Int(number) => ScalarValue::Int(*number),
        Value::Uint(number) => ScalarValue::Uint(*number),
        Value::F64(number) => ScalarValue::F64(*number),
        Value::Str(text) => ScalarValue::Str(text.as_str().into()),
        Value::Bytes(bytes) => ScalarValue::Bytes(bytes.clone()),
        Value::Timestamp(time) => ScalarValue::Timestamp(*time),
    }
}

/// The change as automerge names it, from which automerge can make bytes without knowing ours.
fn expanded(change: &Change) -> ExpandedChange {
    let operations = change.ops.iter().map(|op| LegacyOp {
        action: match &op.action {
            Action::Put(value) => OpType::Put(scalar(value)),
            Action::Delete => OpType::Delete,
        },
        obj: ObjectId::Root,
        key: Key::Map(op.path.as_str().into()),
        pred: op.pred.iter().map(|id| LegacyOpId::new(id.counter, &ActorId::from(id.actor.0))).collect(),
        insert: false,
    });
    ExpandedChange {
        operations: operations.collect(),
        actor_id: ActorId::from(change.actor.0),
        hash: None,
        seq: change.seq,
        start_op: change.start_op.try_into().expect("counters start at 1"),
        time: change.time,
        message: None,
        deps: change.deps.iter().map(|dep| automerge::ChangeHash(dep.0)).collect(),
        extra_bytes: Vec::new(),
        author: None,
    }
}
