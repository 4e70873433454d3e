//! Findings: what is wrong with records by the rules of their forms, and how far each feed was judged.

use fieldmerge_protocol::sync::Feed;
use fieldmerge_protocol::{DeviceId, ProjectId, RecordId};
use uuid::Uuid;

use crate::feeds::feed;
use crate::records::sorted;
use crate::row::{FromRow, Row};
use crate::{Result, Tx};

crate::sql::declare! {
    table "findings";
    UNJUDGED = "SELECT feeds.project, feeds.area, feeds.class, feeds.head, COALESCE(judged.position, 0) AS position
        FROM feeds LEFT JOIN judged ON judged.project = feeds.project AND judged.area = feeds.area
            AND judged.class = feeds.class
        WHERE feeds.head > COALESCE(judged.position, 0) ORDER BY feeds.project, feeds.area, feeds.class";
    ADVANCE = "INSERT INTO judged (project, area, class, position) VALUES ($1, $2, $3, $4)
        ON CONFLICT (project, area, class) DO UPDATE SET position = excluded.position WHERE judged.position = $5";
    OF_RECORDS = rows {
        sqlite: "SELECT * FROM findings WHERE project = ? AND record IN (", "?", ") ORDER BY record, path, code";
        postgres: "SELECT * FROM findings WHERE project = $1 AND record = ANY($2) ORDER BY record, path, code"
    };
    OF_DEVICE = "SELECT findings.*, records.area, records.class, records.record_type FROM findings
            JOIN records ON records.project = findings.project AND records.id = findings.record
        WHERE findings.project = $1 AND device = $2 AND mended_ms IS NULL AND records.class <> 2
        ORDER BY raised_ms DESC, record, path, code LIMIT $3";
    OF_FORM = "SELECT DISTINCT record FROM findings
        WHERE project = $1 AND form = $2 AND mended_ms IS NULL AND record > $3 ORDER BY record LIMIT $4";
    UPSERT = "INSERT INTO findings (project, record, path, code, form, device, raised_ms, mended_ms)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (project, record, path, code) DO UPDATE SET form = excluded.form, device = excluded.device,
            raised_ms = excluded.raised_ms, mended_ms = excluded.mended_ms";
    PAGE = "SELECT findings.*, records.area, records.class, records.record_type FROM findings
            JOIN records ON records.project = findings.project AND records.id = findings.record
        WHERE findings.project = $1 AND (raised_ms, record, path, code) > ($2, $3, $4, $5)
        ORDER BY raised_ms, record, path, code LIMIT $6";
    PAGE_OPEN = "SELECT findings.*, records.area, records.class, records.record_type FROM findings
            JOIN records ON records.project = findings.project AND records.id = findings.record
        WHERE findings.project = $1 AND (raised_ms, record, path, code) > ($2, $3, $4, $5) AND mended_ms IS NULL
        ORDER BY raised_ms, record, path, code LIMIT $6";
}

/// Positions of a feed that were not judged yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unjudged {
    /// The project.
    pub project: ProjectId,
    /// The feed.
    pub feed: Feed,
    /// The last position that was judged; 0 if none was.
    pub from: u64,
    /// The last position.
    pub to: u64,
}

impl FromRow for Unjudged {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            project: row.get("project")?,
            feed: feed(row)?,
            from: row.get("position")?,
            to: row.get("head")?,
        })
    }
}

/// What is wrong with an answer, or the lack of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingRow {
    /// The record.
    pub record: RecordId,
    /// Where in it.
    pub path: String,
    /// The stable code of what is wrong.
    pub code: String,
    /// The number of the version of the form.
    pub form: u64,
    /// The device that wrote what stands there; where nothing does, what the record says last.
    pub device: DeviceId,
    /// When the server saw it.
    pub raised_ms: i64,
    /// When it was there no more; it stands if absent.
    pub mended_ms: Option<i64>,
}

impl FromRow for FindingRow {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            record: row.get("record")?,
            path: row.get("path")?,
            code: row.get("code")?,
            form: row.get("form")?,
            device: row.get("device")?,
            raised_ms: row.get("raised_ms")?,
            mended_ms: row.get("mended_ms")?,
        })
    }
}

/// A finding with what is known of its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedFinding {
    /// The finding.
    pub row: FindingRow,
    /// The feed of the record.
    pub feed: Feed,
    /// Its type.
    pub record_type: String,
}

impl FromRow for ListedFinding {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self { row: FindingRow::from_row(row)?, feed: feed(row)?, record_type: row.get("record_type")? })
    }
}

struct Found(RecordId);

impl FromRow for Found {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self(row.get("record")?))
    }
}

/// Where a page of findings ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingCursor {
    /// When the last one was raised.
    pub raised_ms: i64,
    /// Its record.
    pub record: RecordId,
    /// Where in it.
    pub path: String,
    /// Its code.
    pub code: String,
}

/// What of every project was not judged yet.
pub async fn unjudged(tx: &mut Tx) -> Result<Vec<Unjudged>> {
    tx.query(&UNJUDGED).fetch_all().await
}

/// Notes that a feed was judged up to a position. False if it was not judged up to `from` only: then somebody else was faster.
pub async fn advance(tx: &mut Tx, project: ProjectId, feed: Feed, (from, to): (u64, u64)) -> Result<bool> {
    let query = tx.query(&ADVANCE).bind(project).bind(feed.area).bind(feed.class);
    Ok(query.bind(to).bind(from).execute().await? > 0)
}

/// The findings of these records, those that were mended too, by record, path and code.
pub async fn of_records(tx: &mut Tx, project: ProjectId, records: &[RecordId]) -> Result<Vec<FindingRow>> {
    tx.fetch_rows(&OF_RECORDS, project, &sorted(records)).await
}

/// What stands against what a device wrote, the latest first; nothing of the class `observation` (2).
pub async fn of_device(
    tx: &mut Tx,
    project: ProjectId,
    device: DeviceId,
    limit: u32,
) -> Result<Vec<ListedFinding>> {
    tx.query(&OF_DEVICE).bind(project).bind(device).bind(limit).fetch_all().await
}

/// The next `limit` records behind one of which a version of a form found something that stands.
pub async fn of_form(
    tx: &mut Tx,
    project: ProjectId,
    form: u64,
    after: Option<RecordId>,
    limit: u32,
) -> Result<Vec<RecordId>> {
    let after = after.map_or_else(Uuid::nil, RecordId::uuid);
    let found: Vec<Found> =
        tx.query(&OF_FORM).bind(project).bind(form).bind(after).bind(limit).fetch_all().await?;
    Ok(found.into_iter().map(|found| found.0).collect())
}

/// Writes findings, new ones and changed ones alike.
pub async fn upsert(tx: &mut Tx, project: ProjectId, findings: &[FindingRow]) -> Result<()> {
    for finding in findings {
        let query = tx.query(&UPSERT).bind(project).bind(finding.record);
        let query = query.bind(finding.path.as_str()).bind(finding.code.as_str()).bind(finding.form);
        query.bind(finding.device).bind(finding.raised_ms).bind(finding.mended_ms).execute().await?;
    }
    Ok(())
}

/// The next `limit` findings after a cursor, oldest first: those that stand, or all.
pub async fn page(
    tx: &mut Tx,
    project: ProjectId,
    open_only: bool,
    after: Option<&FindingCursor>,
    limit: u32,
) -> Result<Vec<ListedFinding>> {
    let sql = if open_only { &PAGE_OPEN } else { &PAGE };
    let query = tx.query(sql).bind(project);
    let query = match after {
        Some(cursor) => {
            let query = query.bind(cursor.raised_ms).bind(cursor.record);
            query.bind(cursor.path.as_str()).bind(cursor.code.as_str())
        }
        None => query.bind(i64::MIN).bind(Uuid::nil()).bind("").bind(""),
    };
    query.bind(limit).fetch_all().await
}
