//! What was refused, with its reason and its bytes.

use fieldmerge_protocol::{Actor, DeviceId, ProjectId, RecordId};
use uuid::Uuid;

use crate::row::{FromRow, Row};
use crate::segments::{Source, maybe_source};
use crate::{Result, Tx};

crate::sql::declare! {
    table "quarantine";
    INSERT = "INSERT INTO quarantine (project, id, code, reason, device, incarnation, frame, frame_index, record, actor, seq,
            received_ms, body)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    FIND = "SELECT * FROM quarantine WHERE project = $1 AND id = $2";
    PAGE = "SELECT * FROM quarantine WHERE project = $1 AND id > $2 AND resolved_ms IS NULL ORDER BY id LIMIT $3";
    COUNT = "SELECT COUNT(*) AS item_count FROM quarantine WHERE project = $1 AND resolved_ms IS NULL";
    OF_DEVICE = "SELECT * FROM quarantine WHERE project = $1 AND device = $2 ORDER BY received_ms, id LIMIT $3";
    OF_PLACE = "SELECT * FROM quarantine
        WHERE project = $1 AND device = $2 AND incarnation = $3 AND frame = $4 AND frame_index = $5
            AND (resolved_ms IS NULL OR resolution = 'dismissed')
        ORDER BY id LIMIT 1";
    RESOLVE = "UPDATE quarantine SET resolved_ms = $3, resolution = $4
        WHERE project = $1 AND id = $2 AND resolved_ms IS NULL";
}

/// Something that was refused: a change, a frame, or bytes of no known shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quarantined {
    /// Its own id, growing with time.
    pub id: Uuid,
    /// Why: a stable code.
    pub code: String,
    /// What to do about it, for people; never a value that somebody typed.
    pub reason: String,
    /// The frame that it came in, if it came in one.
    pub source: Option<Source>,
    /// The index of the change in that frame.
    pub frame_index: Option<u32>,
    /// The record, if it is known.
    pub record: Option<RecordId>,
    /// Who wrote it, if it is known.
    pub actor: Option<Actor>,
    /// Its number in the actor's count.
    pub seq: Option<u64>,
    /// When it was received.
    pub received_ms: i64,
    /// When it was resolved.
    pub resolved_ms: Option<i64>,
    /// How it was resolved.
    pub resolution: Option<String>,
    /// The bytes, as they came.
    pub body: Vec<u8>,
}

impl FromRow for Quarantined {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            code: row.get("code")?,
            reason: row.get("reason")?,
            source: maybe_source(row)?,
            frame_index: row.get("frame_index")?,
            record: row.get("record")?,
            actor: row.get("actor")?,
            seq: row.get("seq")?,
            received_ms: row.get("received_ms")?,
            resolved_ms: row.get("resolved_ms")?,
            resolution: row.get("resolution")?,
            body: row.get("body")?,
        })
    }
}

struct Count(u64);

impl FromRow for Count {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self(row.get("item_count")?))
    }
}

/// Puts something into quarantine, unresolved.
pub async fn insert(tx: &mut Tx, project: ProjectId, item: &Quarantined) -> Result<()> {
    tx.query(&INSERT)
        .bind(project)
        .bind(item.id)
        .bind(item.code.as_str())
        .bind(item.reason.as_str())
        .bind(item.source.map(|source| source.device))
        .bind(item.source.map(|source| source.incarnation))
        .bind(item.source.map(|source| source.frame))
        .bind(item.frame_index)
        .bind(item.record)
        .bind(item.actor)
        .bind(item.seq)
        .bind(item.received_ms)
        .bind(item.body.as_slice())
        .execute()
        .await?;
    Ok(())
}

/// The item with this id.
pub async fn find(tx: &mut Tx, project: ProjectId, id: Uuid) -> Result<Option<Quarantined>> {
    tx.query(&FIND).bind(project).bind(id).fetch_optional().await
}

/// The next `limit` unresolved items after an id, by id.
pub async fn page(
    tx: &mut Tx,
    project: ProjectId,
    after: Option<Uuid>,
    limit: u32,
) -> Result<Vec<Quarantined>> {
    tx.query(&PAGE).bind(project).bind(after.unwrap_or_default()).bind(limit).fetch_all().await
}

/// How many items nobody has resolved.
pub async fn count(tx: &mut Tx, project: ProjectId) -> Result<u64> {
    Ok(tx.query(&COUNT).bind(project).fetch_one::<Count>().await?.0)
}

/// The first `limit` items of a device, oldest first, resolved ones included.
pub async fn of_device(
    tx: &mut Tx,
    project: ProjectId,
    device: DeviceId,
    limit: u32,
) -> Result<Vec<Quarantined>> {
    tx.query(&OF_DEVICE).bind(project).bind(device).bind(limit).fetch_all().await
}

/// The item for a change of a frame, unless it was taken since.
pub async fn of_place(
    tx: &mut Tx,
    project: ProjectId,
    frame: Source,
    index: u32,
) -> Result<Option<Quarantined>> {
    let query = tx.query(&OF_PLACE).bind(project).bind(frame.device).bind(frame.incarnation);
    query.bind(frame.frame).bind(index).fetch_optional().await
}

/// Marks an item as resolved; false if there is none or it was resolved before.
pub async fn resolve(
    tx: &mut Tx,
    project: ProjectId,
    id: Uuid,
    now_ms: i64,
    resolution: &str,
) -> Result<bool> {
    Ok(tx.query(&RESOLVE).bind(project).bind(id).bind(now_ms).bind(resolution).execute().await? > 0)
}
