//! What a record says about itself in its first change.

use fieldmerge_protocol::{Action, AreaId, Change, Op, RecordId, Value};
use smol_str::SmolStr;

use super::{RecordState, Refusal};

/// The fixed fields of a record, as its first change gave them. A second write to one of them is accepted and not
/// believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// `_id`.
    pub id: RecordId,
    /// `_type`: the name of the record type.
    pub record_type: SmolStr,
    /// `_area`: where the record was made. It may move later; routing reads the moves, this stays.
    pub area: AreaId,
    /// `_subject`: the person that the record is about.
    pub subject: Option<RecordId>,
}

impl Identity {
    /// Reads the identity from the beginning of a record's first change: `_id`, `_type`, `_area` and perhaps
    /// `_subject`, in this order, without preds.
    pub fn read(change: &Change) -> Option<Self> {
        let [id, record_type, area, rest @ ..] = &change.ops[..] else { return None };
        let Some(Value::Str(name)) = put(record_type, "_type") else { return None };
        Some(Self {
            id: RecordId(bytes16(put(id, "_id")?)?),
            record_type: name.clone(),
            area: AreaId(bytes16(put(area, "_area")?)?),
            subject: rest.first().and_then(|op| put(op, "_subject")).and_then(bytes16).map(RecordId),
        })
    }

    /// The identity in a change that has no dependencies, if it begins the record `id`.
    pub(crate) fn of_root(change: &Change, id: RecordId) -> Result<Self, Refusal> {
        let identity = Self::read(change).ok_or(Refusal::NoIdentity)?;
        if identity.id == id { Ok(identity) } else { Err(Refusal::WrongRecord) }
    }
}

impl RecordState {
    /// What the record's first change says of it; `None` while that change is unknown.
    pub fn identity(&self) -> Option<Identity> {
        let value = |index: usize, path: &str| {
            self.ops.get(index).filter(|op| op.path.as_str() == path && op.change == 0)?.value.as_ref()
        };
        let Some(Value::Str(name)) = value(1, "_type") else { return None };
        Some(Identity {
            id: RecordId(bytes16(value(0, "_id")?)?),
            record_type: name.clone(),
            area: AreaId(bytes16(value(2, "_area")?)?),
            subject: value(3, "_subject").and_then(bytes16).map(RecordId),
        })
    }
}

fn put<'a>(op: &'a Op, path: &str) -> Option<&'a Value> {
    match &op.action {
        Action::Put(value) if op.path.as_str() == path && op.pred.is_empty() => Some(value),
        _ => None,
    }
}

fn bytes16(value: &Value) -> Option<[u8; 16]> {
    value.as_bytes()?.try_into().ok()
}
