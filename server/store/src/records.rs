//! Records: one row for each, its whole merged state in it.

use fieldmerge_protocol::sync::Feed;
use fieldmerge_protocol::{Actor, ProjectId, RecordId};
use uuid::Uuid;

use crate::batch::Values;
use crate::feeds::feed;
use crate::row::{FromRow, JsonText, Row};
use crate::{Result, Tx, gate};

crate::sql::declare! {
    table "records";
    LOAD_FOR_UPDATE = rows {
        sqlite: "SELECT id, version, class, area, record_type, subject, author, created_ms, updated_ms, position,
                change_count, open_case_count, state
            FROM records WHERE project = ? AND id IN (", "?", ") ORDER BY id";
        postgres: "SELECT id, version, class, area, record_type, subject, author, created_ms, updated_ms, position,
                change_count, open_case_count, state
            FROM records WHERE project = $1 AND id = ANY($2) ORDER BY id FOR NO KEY UPDATE"
    };
    LOAD = rows {
        sqlite: "SELECT * FROM records WHERE project = ? AND id IN (", "?", ") ORDER BY id";
        postgres: "SELECT * FROM records WHERE project = $1 AND id = ANY($2) ORDER BY id"
    };
    UPSERT = rows {
        sqlite: "INSERT INTO records (project, id, version, class, area, record_type, subject, author, created_ms,
                updated_ms, position, change_count, open_case_count, current_values, state)
            VALUES ", "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", " ON CONFLICT (project, id) DO UPDATE SET
                version = excluded.version, area = excluded.area, subject = excluded.subject,
                updated_ms = excluded.updated_ms, position = excluded.position, change_count = excluded.change_count,
                open_case_count = excluded.open_case_count, current_values = excluded.current_values,
                state = excluded.state
            WHERE records.version = excluded.version - 1";
        postgres: "INSERT INTO records (project, id, version, class, area, record_type, subject, author, created_ms,
                updated_ms, position, change_count, open_case_count, current_values, state)
            SELECT $1, new.* FROM UNNEST($2::UUID[], $3::BIGINT[], $4::BIGINT[], $5::UUID[], $6::TEXT[], $7::UUID[],
                $8::BYTEA[], $9::BIGINT[], $10::BIGINT[], $11::BIGINT[], $12::BIGINT[], $13::BIGINT[], $14::JSON[],
                $15::BYTEA[]) AS new
            ON CONFLICT (project, id) DO UPDATE SET
                version = excluded.version, area = excluded.area, subject = excluded.subject,
                updated_ms = excluded.updated_ms, position = excluded.position, change_count = excluded.change_count,
                open_case_count = excluded.open_case_count, current_values = excluded.current_values,
                state = excluded.state
            WHERE records.version = excluded.version - 1"
    };
    PAGE = "SELECT * FROM records WHERE project = $1 AND id > $2 ORDER BY id LIMIT $3";
    PAGE_OF_TYPE = "SELECT * FROM records WHERE project = $1 AND id > $2 AND record_type = $3 ORDER BY id LIMIT $4";
    COUNT = "SELECT COUNT(*) AS count FROM records WHERE project = $1";
}

/// A record, without its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordRow {
    /// The record.
    pub id: RecordId,
    /// How often the row was written; 0 for a record that is not stored yet. [`upsert`] writes it only if the stored
    /// row still has this version.
    pub version: u64,
    /// The feed that it belongs to. The class never changes, the area may.
    pub feed: Feed,
    /// Its type.
    pub record_type: String,
    /// The record of the person that it is about.
    pub subject: Option<RecordId>,
    /// Who made its first change.
    pub author: Actor,
    /// The device's clock at its first change.
    pub created_ms: i64,
    /// When the server took its last change.
    pub updated_ms: i64,
    /// The position of its last change in its feed.
    pub position: u64,
    /// How many changes it has.
    pub change_count: u64,
    /// How many cases of it are open.
    pub open_case_count: u32,
    /// The merged state, as the model encodes it.
    pub state: Vec<u8>,
}

impl FromRow for RecordRow {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            version: row.get("version")?,
            feed: feed(row)?,
            record_type: row.get("record_type")?,
            subject: row.get("subject")?,
            author: row.get("author")?,
            created_ms: row.get("created_ms")?,
            updated_ms: row.get("updated_ms")?,
            position: row.get("position")?,
            change_count: row.get("change_count")?,
            open_case_count: row.get("open_case_count")?,
            state: row.get("state")?,
        })
    }
}

/// A record with its current values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValuedRecord {
    /// The record.
    pub row: RecordRow,
    /// Its current values, a JSON object from path to value.
    pub current_values: String,
}

impl FromRow for ValuedRecord {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            row: RecordRow::from_row(row)?,
            current_values: row.get::<JsonText<_>>("current_values")?.0,
        })
    }
}

struct Count(u64);

impl FromRow for Count {
    fn from_row(row: &Row) -> Result<Self> {
        row.get("count").map(Self)
    }
}

/// The records of these ids, as far as they exist, by id. Until the transaction ends nobody else changes them. Their
/// values are not read: whoever changes a record computes them anew.
pub async fn load_for_update(tx: &mut Tx, project: ProjectId, ids: &[RecordId]) -> Result<Vec<RecordRow>> {
    gate::pass(tx, project).await?;
    tx.fetch_rows(&LOAD_FOR_UPDATE, project, &sorted(ids)).await
}

/// The records of these ids, as far as they exist, by id.
pub async fn load(tx: &mut Tx, project: ProjectId, ids: &[RecordId]) -> Result<Vec<ValuedRecord>> {
    tx.fetch_rows(&LOAD, project, &sorted(ids)).await
}

/// The record with this id.
pub async fn find(tx: &mut Tx, project: ProjectId, id: RecordId) -> Result<Option<ValuedRecord>> {
    Ok(load(tx, project, &[id]).await?.pop())
}

/// Writes records, new ones and changed ones alike, no id twice. Each is stored with the next version. If another
/// transaction wrote one of them meanwhile (two that make the same record cannot lock it), this one is lost and runs
/// again.
pub async fn upsert(tx: &mut Tx, project: ProjectId, records: &[ValuedRecord]) -> Result<()> {
    let mut order: Vec<&ValuedRecord> = records.iter().collect();
    order.sort_unstable_by_key(|record| record.row.id);
    debug_assert!(
        order.windows(2).all(|pair| pair[0].row.id < pair[1].row.id),
        "a record is written once in a batch"
    );
    let rows = || order.iter().map(|record| &record.row);
    let columns = [
        Values::Same(project.uuid()),
        Values::Uuid(rows().map(|row| row.id.uuid()).collect()),
        integers(rows().map(|row| row.version + 1)),
        integers(rows().map(|row| u64::from(row.feed.class.number()))),
        Values::Uuid(rows().map(|row| row.feed.area.uuid()).collect()),
        Values::Text(rows().map(|row| row.record_type.as_str()).collect()),
        Values::MaybeUuid(rows().map(|row| row.subject.map(RecordId::uuid)).collect()),
        Values::Bytes(rows().map(|row| row.author.0.as_slice()).collect()),
        Values::Int(rows().map(|row| row.created_ms).collect()),
        Values::Int(rows().map(|row| row.updated_ms).collect()),
        integers(rows().map(|row| row.position)),
        integers(rows().map(|row| row.change_count)),
        integers(rows().map(|row| row.open_case_count.into())),
        Values::Json(order.iter().map(|record| JsonText(record.current_values.as_str())).collect()),
        Values::Bytes(rows().map(|row| row.state.as_slice()).collect()),
    ];
    let written = tx.write_rows(&UPSERT, order.len(), &columns).await?;
    if written == order.len() as u64 { Ok(()) } else { Err(tx.lost()) }
}

/// The next `limit` records of a project after an id, by id: of one type, or of all.
pub async fn page(
    tx: &mut Tx,
    project: ProjectId,
    record_type: Option<&str>,
    after: Option<RecordId>,
    limit: u32,
) -> Result<Vec<ValuedRecord>> {
    let after = after.map_or(Uuid::nil(), RecordId::uuid);
    match record_type {
        Some(record_type) => {
            let query = tx.query(&PAGE_OF_TYPE).bind(project).bind(after).bind(record_type);
            query.bind(limit).fetch_all().await
        }
        None => tx.query(&PAGE).bind(project).bind(after).bind(limit).fetch_all().await,
    }
}

/// How many records a project has.
pub async fn count(tx: &mut Tx, project: ProjectId) -> Result<u64> {
    Ok(tx.query(&COUNT).bind(project).fetch_one::<Count>().await?.0)
}

/// Sorted and without doubles: the order in which every writer locks.
pub(crate) fn sorted(ids: &[RecordId]) -> Vec<Uuid> {
    let mut ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// Counters of our own never come near the limit of the database's integers.
pub(crate) fn integers(values: impl Iterator<Item = u64>) -> Values<'static> {
    Values::Int(values.map(|value| i64::try_from(value).unwrap_or(i64::MAX)).collect())
}
