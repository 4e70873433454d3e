//! Dictionaries that stored bodies were compressed with. A row is never changed nor deleted.

use fieldmerge_protocol::ProjectId;

use crate::row::{FromRow, Row};
use crate::{Result, Tx};

crate::sql::declare! {
    table "dictionaries";
    KEEP = "INSERT INTO dictionaries (project, number, body) VALUES ($1, $2, $3) ON CONFLICT (project, number) DO NOTHING";
    FIND = "SELECT body FROM dictionaries WHERE project = $1 AND number = $2";
}

struct Body(Vec<u8>);

impl FromRow for Body {
    fn from_row(row: &Row) -> Result<Self> {
        row.get("body").map(Self)
    }
}

/// Keeps a dictionary under its number, which its content gives.
pub async fn keep(tx: &mut Tx, project: ProjectId, number: u32, body: &[u8]) -> Result<()> {
    tx.query(&KEEP).bind(project).bind(number).bind(body).execute().await?;
    Ok(())
}

/// The dictionary of this number.
pub async fn find(tx: &mut Tx, project: ProjectId, number: u32) -> Result<Option<Vec<u8>>> {
    let found: Option<Body> = tx.query(&FIND).bind(project).bind(number).fetch_optional().await?;
    Ok(found.map(|body| body.0))
}
