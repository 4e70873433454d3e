//! What is known about persons beside their own record.

use fieldmerge_protocol::{ProjectId, RecordId};

use crate::records::sorted;
use crate::row::{FromRow, Row};
use crate::{Result, Tx};

crate::sql::declare! {
    table "records";
    OBSERVED = rows {
        sqlite: "SELECT DISTINCT subject FROM records
            WHERE project = ? AND subject IN (", "?", ") AND record_type = 'observation'";
        postgres: "SELECT DISTINCT subject FROM records
            WHERE project = $1 AND subject = ANY($2) AND record_type = 'observation'"
    };
}

struct Subject(RecordId);

impl FromRow for Subject {
    fn from_row(row: &Row) -> Result<Self> {
        row.get("subject").map(Self)
    }
}

/// Those of these persons about whom at least one observation was received, by id.
pub async fn observed(tx: &mut Tx, project: ProjectId, persons: &[RecordId]) -> Result<Vec<RecordId>> {
    let mut found: Vec<RecordId> = tx
        .fetch_rows::<Subject>(&OBSERVED, project, &sorted(persons))
        .await?
        .into_iter()
        .map(|subject| subject.0)
        .collect();
    found.sort_unstable();
    Ok(found)
}
