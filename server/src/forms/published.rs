//! The forms that a project has published.

use fieldmerge_model::types::RecordTypes;
use fieldmerge_protocol::ProjectId;
use fieldmerge_store::{StoreError, Tx};

/// What the records of a project hold, by its forms.
pub async fn record_types(_tx: &mut Tx, _project: ProjectId) -> Result<RecordTypes, StoreError> {
    Ok(RecordTypes::built_in().clone())
}
