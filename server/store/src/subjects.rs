//! What is known about persons beside their own record.

use std::collections::BTreeSet;

use fieldmerge_protocol::{ProjectId, RecordId};

use crate::records::{ValuedRecord, sorted};
use crate::row::{FromRow, Row};
use crate::{Result, Tx};

crate::sql::declare! {
    table "records";
    OBSERVED = rows {
        sqlite: "SELECT DISTINCT subject, record_type FROM records
            WHERE project = ? AND subject IN (", "?", ") AND class = 2";
        postgres: "SELECT DISTINCT subject, record_type FROM records
            WHERE project = $1 AND subject = ANY($2) AND class = 2"
    };
    ABOUT = rows {
        sqlite: "SELECT * FROM records WHERE project = ? AND subject IN (", "?", ") ORDER BY id";
        postgres: "SELECT * FROM records WHERE project = $1 AND subject = ANY($2) ORDER BY id"
    };
}

struct Observed((RecordId, String));

impl FromRow for Observed {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self((row.get("subject")?, row.get("record_type")?)))
    }
}

/// Those of these persons about whom at least one record of the class `observation` (2) was received, each with the types of
/// these records.
pub async fn observed(
    tx: &mut Tx,
    project: ProjectId,
    persons: &[RecordId],
) -> Result<BTreeSet<(RecordId, String)>> {
    let found = tx.fetch_rows::<Observed>(&OBSERVED, project, &sorted(persons)).await?;
    Ok(found.into_iter().map(|observed| observed.0).collect())
}

/// The records about these persons, by id.
pub async fn about(tx: &mut Tx, project: ProjectId, persons: &[RecordId]) -> Result<Vec<ValuedRecord>> {
    tx.fetch_rows(&ABOUT, project, &sorted(persons)).await
}
