//! Changes that wait for what they were made on.

use fieldmerge_protocol::{Actor, DeviceId, ProjectId, RecordId};

use crate::records::sorted;
use crate::row::{FromRow, Row};
use crate::segments::{Source, source};
use crate::{Result, Tx, gate};

crate::sql::declare! {
    table "held";
    INSERT = "INSERT INTO held (project, record, actor, seq, device, incarnation, frame, frame_index, received_ms, needs, body)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        ON CONFLICT (project, record, actor, seq) DO NOTHING";
    OF_RECORDS = rows {
        sqlite: "SELECT * FROM held WHERE project = ? AND record IN (", "?", ") ORDER BY record, actor, seq";
        postgres: "SELECT * FROM held WHERE project = $1 AND record = ANY($2) ORDER BY record, actor, seq"
    };
    OF_FRAME = "SELECT * FROM held WHERE project = $1 AND device = $2 AND incarnation = $3 AND frame = $4
        ORDER BY frame_index";
    COUNT_OF_DEVICE = "SELECT COUNT(*) AS count FROM held WHERE project = $1 AND device = $2";
    OLDER_THAN = "SELECT * FROM held WHERE project = $1 AND received_ms < $2 ORDER BY received_ms LIMIT $3";
    REMOVE = "DELETE FROM held WHERE project = $1 AND record = $2 AND actor = $3 AND seq = $4";
}

/// A change that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldChange {
    /// The record.
    pub record: RecordId,
    /// Who wrote it.
    pub actor: Actor,
    /// Its number in the actor's count.
    pub seq: u64,
    /// The frame that it came in.
    pub source: Source,
    /// Its index in that frame.
    pub frame_index: u32,
    /// When it was received.
    pub received_ms: i64,
    /// What it waits for, as the server encodes it.
    pub needs: Vec<u8>,
    /// The change, as the server packs it.
    pub body: Vec<u8>,
}

impl FromRow for HeldChange {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            record: row.get("record")?,
            actor: row.get("actor")?,
            seq: row.get("seq")?,
            source: source(row)?,
            frame_index: row.get("frame_index")?,
            received_ms: row.get("received_ms")?,
            needs: row.get("needs")?,
            body: row.get("body")?,
        })
    }
}

struct Count(u64);

impl FromRow for Count {
    fn from_row(row: &Row) -> Result<Self> {
        row.get("count").map(Self)
    }
}

/// Holds a change; false if one with its record, actor and number is held already. A transaction that holds must be
/// run by [`Store::write`](crate::Store::write), which on PostgreSQL runs it a second time, alone in its project, so
/// that the missing change cannot slip in beside it.
pub async fn insert(tx: &mut Tx, project: ProjectId, change: &HeldChange) -> Result<bool> {
    gate::require_alone(tx, project).await?;
    let inserted = tx
        .query(&INSERT)
        .bind(project)
        .bind(change.record)
        .bind(change.actor)
        .bind(change.seq)
        .bind(change.source.device)
        .bind(change.source.incarnation)
        .bind(change.source.frame)
        .bind(change.frame_index)
        .bind(change.received_ms)
        .bind(change.needs.as_slice())
        .bind(change.body.as_slice())
        .execute()
        .await?;
    Ok(inserted > 0)
}

/// The changes held for these records, by record, actor and number. Call it after
/// [`load_for_update`](crate::records::load_for_update) of the same records.
pub async fn of_records(tx: &mut Tx, project: ProjectId, records: &[RecordId]) -> Result<Vec<HeldChange>> {
    tx.fetch_rows(&OF_RECORDS, project, &sorted(records)).await
}

/// The changes of one frame that are still held, by their index.
pub async fn of_frame(tx: &mut Tx, project: ProjectId, frame: Source) -> Result<Vec<HeldChange>> {
    let query =
        tx.query(&OF_FRAME).bind(project).bind(frame.device).bind(frame.incarnation).bind(frame.frame);
    query.fetch_all().await
}

/// How many changes of a device are held.
pub async fn count_of_device(tx: &mut Tx, project: ProjectId, device: DeviceId) -> Result<u64> {
    Ok(tx.query(&COUNT_OF_DEVICE).bind(project).bind(device).fetch_one::<Count>().await?.0)
}

/// Until the transaction ends nobody holds or releases a change of the project. Like one that holds, such a transaction
/// must be run by [`Store::write`](crate::Store::write).
pub async fn lock(tx: &mut Tx, project: ProjectId) -> Result<()> {
    gate::require_alone(tx, project).await
}

/// The oldest `limit` changes that were received before a time.
pub async fn older_than(
    tx: &mut Tx,
    project: ProjectId,
    before_ms: i64,
    limit: u32,
) -> Result<Vec<HeldChange>> {
    tx.query(&OLDER_THAN).bind(project).bind(before_ms).bind(limit).fetch_all().await
}

/// Stops holding a change, because it is released or expired; false if it is not held.
pub async fn remove(
    tx: &mut Tx,
    project: ProjectId,
    record: RecordId,
    actor: Actor,
    seq: u64,
) -> Result<bool> {
    Ok(tx.query(&REMOVE).bind(project).bind(record).bind(actor).bind(seq).execute().await? > 0)
}
