//! Which records refer to which attachments: rows that follow from the records.

use fieldmerge_model::attachments::references;
use fieldmerge_model::record::RecordState;
use fieldmerge_model::types::RecordType;
use fieldmerge_protocol::RecordId;
use fieldmerge_store::attachments::ReferenceRow;

/// The references of a record of this type, as they are stored.
pub fn of_record(id: RecordId, kind: &RecordType, state: &RecordState) -> Vec<ReferenceRow> {
    let rows = references(kind, state).into_iter().map(|reference| ReferenceRow {
        record: id,
        path: reference.path.as_str().to_owned(),
        hash: reference.hash,
        device: reference.actor.device(),
    });
    rows.collect()
}
