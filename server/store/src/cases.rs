//! Cases: what waits for a person's judgement, and what was judged.

use fieldmerge_protocol::sync::Feed;
use fieldmerge_protocol::{ProjectId, RecordId};
use uuid::Uuid;

use crate::feeds::feed;
use crate::records::sorted;
use crate::row::{FromRow, JsonText, Row};
use crate::{Result, Tx};

crate::sql::declare! {
    table "cases";
    UPSERT = "INSERT INTO cases (project, record, kind, path, area, class, record_type, state, candidates, agreed, decision,
            opened_ms, closed_ms)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
        ON CONFLICT (project, record, kind, path) DO UPDATE SET area = excluded.area, state = excluded.state,
            candidates = excluded.candidates, agreed = excluded.agreed, decision = excluded.decision,
            opened_ms = excluded.opened_ms, closed_ms = excluded.closed_ms";
    OF_RECORDS = rows {
        sqlite: "SELECT * FROM cases WHERE project = ? AND record IN (", "?", ") ORDER BY record, kind, path";
        postgres: "SELECT * FROM cases WHERE project = $1 AND record = ANY($2) ORDER BY record, kind, path"
    };
    PAGE = "SELECT * FROM cases WHERE project = $1 AND (opened_ms, record, kind, path) > ($2, $3, $4, $5)
        ORDER BY opened_ms, record, kind, path LIMIT $6";
    PAGE_OPEN = "SELECT * FROM cases WHERE project = $1 AND (opened_ms, record, kind, path) > ($2, $3, $4, $5)
            AND closed_ms IS NULL
        ORDER BY opened_ms, record, kind, path LIMIT $6";
    REMOVE = "DELETE FROM cases WHERE project = $1 AND record = $2 AND kind = $3 AND path = $4";
}

/// A case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseRow {
    /// The record.
    pub record: RecordId,
    /// What kind of case, such as `field_conflict`.
    pub kind: String,
    /// The field; for a pair of records the id of the other.
    pub path: String,
    /// The feed of the record.
    pub feed: Feed,
    /// The type of the record.
    pub record_type: String,
    /// What a decision must have seen.
    pub state: [u8; 32],
    /// The values that stand against each other, as JSON.
    pub candidates: String,
    /// The last agreed value, if there is one, as JSON.
    pub agreed: Option<String>,
    /// The decision, if there is one, as JSON.
    pub decision: Option<String>,
    /// When the server first saw it.
    pub opened_ms: i64,
    /// When it was closed; open if absent.
    pub closed_ms: Option<i64>,
}

impl FromRow for CaseRow {
    fn from_row(row: &Row) -> Result<Self> {
        let maybe_json = |column| -> Result<Option<String>> {
            Ok(row.get::<Option<JsonText<String>>>(column)?.map(|json| json.0))
        };
        Ok(Self {
            record: row.get("record")?,
            kind: row.get("kind")?,
            path: row.get("path")?,
            feed: feed(row)?,
            record_type: row.get("record_type")?,
            state: row.get("state")?,
            candidates: row.get::<JsonText<_>>("candidates")?.0,
            agreed: maybe_json("agreed")?,
            decision: maybe_json("decision")?,
            opened_ms: row.get("opened_ms")?,
            closed_ms: row.get("closed_ms")?,
        })
    }
}

/// Where a page of cases ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseCursor {
    /// When the last case was opened.
    pub opened_ms: i64,
    /// Its record.
    pub record: RecordId,
    /// Its kind.
    pub kind: String,
    /// Its field.
    pub path: String,
}

/// Writes cases, new ones and changed ones alike. The caller has locked their records.
pub async fn upsert(tx: &mut Tx, project: ProjectId, cases: &[CaseRow]) -> Result<()> {
    for case in cases {
        tx.query(&UPSERT)
            .bind(project)
            .bind(case.record)
            .bind(case.kind.as_str())
            .bind(case.path.as_str())
            .bind(case.feed.area)
            .bind(case.feed.class)
            .bind(case.record_type.as_str())
            .bind(case.state)
            .bind(JsonText(&case.candidates))
            .bind(case.agreed.as_ref().map(JsonText))
            .bind(case.decision.as_ref().map(JsonText))
            .bind(case.opened_ms)
            .bind(case.closed_ms)
            .execute()
            .await?;
    }
    Ok(())
}

/// The cases of these records, open and closed, by record, kind and field.
pub async fn of_records(tx: &mut Tx, project: ProjectId, records: &[RecordId]) -> Result<Vec<CaseRow>> {
    tx.fetch_rows(&OF_RECORDS, project, &sorted(records)).await
}

/// The next `limit` cases after a cursor, oldest first: open ones, or all.
pub async fn page(
    tx: &mut Tx,
    project: ProjectId,
    open_only: bool,
    after: Option<&CaseCursor>,
    limit: u32,
) -> Result<Vec<CaseRow>> {
    let sql = if open_only { &PAGE_OPEN } else { &PAGE };
    let query = tx.query(sql).bind(project);
    let query = match after {
        Some(cursor) => {
            let query = query.bind(cursor.opened_ms).bind(cursor.record);
            query.bind(cursor.kind.as_str()).bind(cursor.path.as_str())
        }
        None => query.bind(i64::MIN).bind(Uuid::nil()).bind("").bind(""),
    };
    query.bind(limit).fetch_all().await
}

/// Removes a case that turned out to be none; false if there is none.
pub async fn remove(
    tx: &mut Tx,
    project: ProjectId,
    record: RecordId,
    kind: &str,
    path: &str,
) -> Result<bool> {
    Ok(tx.query(&REMOVE).bind(project).bind(record).bind(kind).bind(path).execute().await? > 0)
}
