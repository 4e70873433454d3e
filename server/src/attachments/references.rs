//! Which records refer to which attachments: rows that follow from the records.

use fieldmerge_model::attachments::references;
use fieldmerge_model::record::RecordState;
use fieldmerge_model::types;
use fieldmerge_protocol::RecordId;
use fieldmerge_store::attachments::ReferenceRow;

/// Whether records of this type may refer to attachments.
pub fn may_refer(record_type: &str) -> bool {
    types::record_type(record_type).is_some_and(|kind| !kind.attachment_fields.is_empty())
}

/// The references of a record, as they are stored.
pub fn of_record(id: RecordId, record_type: &str, state: &RecordState) -> Vec<ReferenceRow> {
    let rows = references(record_type, state).into_iter().map(|reference| ReferenceRow {
        record: id,
        path: reference.path.as_str().to_owned(),
        hash: reference.hash,
        device: reference.actor.device(),
    });
    rows.collect()
}
