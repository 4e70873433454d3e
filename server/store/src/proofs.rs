//! Proofs: who signed which frame, and what the server answered.

use fieldmerge_protocol::sync::FrameRange;
use fieldmerge_protocol::{DeviceId, Incarnation, ProjectId};

use crate::row::{FromRow, Row};
use crate::segments::{Source, source};
use crate::{Result, Tx};

crate::sql::declare! {
    table "proofs";
    INSERT = "INSERT INTO proofs (project, device, incarnation, frame, digest, header, signature, receipt, carrier, received_ms, life)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        ON CONFLICT (project, device, incarnation, frame) DO NOTHING";
    FIND = "SELECT * FROM proofs WHERE project = $1 AND device = $2 AND incarnation = $3 AND frame = $4";
    FIND_FOR_UPDATE = {
        sqlite: "SELECT * FROM proofs WHERE project = $1 AND device = $2 AND incarnation = $3 AND frame = $4",
        postgres: "SELECT * FROM proofs WHERE project = $1 AND device = $2 AND incarnation = $3 AND frame = $4
            FOR NO KEY UPDATE",
    };
    BETWEEN = "SELECT * FROM proofs WHERE project = $1 AND device = $2 AND incarnation = $3 AND frame >= $4 AND frame <= $5
        ORDER BY frame";
    AFTER = "SELECT * FROM proofs WHERE project = $1 AND device = $2 AND (incarnation, frame) > ($3, $4)
        ORDER BY incarnation, frame LIMIT $5";
    HIGHEST = "SELECT CAST(COALESCE(MAX(frame), 0) AS BIGINT) AS frame FROM proofs
        WHERE project = $1 AND device = $2 AND incarnation = $3";
    TAKEN = "SELECT incarnation, MIN(frame) AS first_frame, MAX(frame) AS last_frame
        FROM (
            SELECT incarnation, frame, frame - ROW_NUMBER() OVER (PARTITION BY incarnation ORDER BY frame) AS place
            FROM proofs WHERE project = $1 AND device = $2 AND life <= $3
        ) AS taken
        GROUP BY incarnation, place ORDER BY incarnation, first_frame";
    BEGUN = "SELECT device, COUNT(*) AS incarnations, MAX(begun_ms) AS last_ms
        FROM (
            SELECT device, incarnation, MIN(received_ms) AS begun_ms FROM proofs
            WHERE project = $1 GROUP BY device, incarnation
        ) AS begun
        GROUP BY device";
    REMOVE = "DELETE FROM proofs WHERE project = $1 AND device = $2 AND incarnation = $3 AND frame = $4";
    SET_RECEIPT = "UPDATE proofs SET receipt = $5 WHERE project = $1 AND device = $2 AND incarnation = $3 AND frame = $4";
}

/// A frame that was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// Which frame.
    pub source: Source,
    /// What tells it from another frame with its number.
    pub digest: [u8; 32],
    /// The header, as it was signed.
    pub header: Vec<u8>,
    /// The author's signature, and those of co-signers after it.
    pub signature: Vec<u8>,
    /// The receipt as the server encodes it: the same again when the device asks again.
    pub receipt: Vec<u8>,
    /// The device that brought it, if another than its author.
    pub carrier: Option<DeviceId>,
    /// When it was taken.
    pub received_ms: i64,
    /// The number of the life in which it was taken, see [`crate::lives`]; 0 if before any.
    pub life: u64,
}

impl FromRow for Proof {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            source: source(row)?,
            digest: row.get("digest")?,
            header: row.get("header")?,
            signature: row.get("signature")?,
            receipt: row.get("receipt")?,
            carrier: row.get("carrier")?,
            received_ms: row.get("received_ms")?,
            life: row.get("life")?,
        })
    }
}

impl FromRow for FrameRange {
    fn from_row(row: &Row) -> Result<Self> {
        let (first, last) = (row.get("first_frame")?, row.get("last_frame")?);
        Ok(Self { incarnation: row.get("incarnation")?, first, last })
    }
}

struct Frame(u64);

impl FromRow for Frame {
    fn from_row(row: &Row) -> Result<Self> {
        row.get("frame").map(Self)
    }
}

/// Adds proofs, each in a place that [`find`] saw empty. If another transaction took it meanwhile, this one is lost
/// and runs again.
pub async fn insert(tx: &mut Tx, project: ProjectId, proofs: &[Proof]) -> Result<()> {
    for proof in proofs {
        let inserted = tx
            .query(&INSERT)
            .bind(project)
            .bind(proof.source.device)
            .bind(proof.source.incarnation)
            .bind(proof.source.frame)
            .bind(proof.digest)
            .bind(proof.header.as_slice())
            .bind(proof.signature.as_slice())
            .bind(proof.receipt.as_slice())
            .bind(proof.carrier)
            .bind(proof.received_ms)
            .bind(proof.life)
            .execute()
            .await?;
        if inserted == 0 {
            return Err(tx.lost());
        }
    }
    Ok(())
}

/// The proof of a frame.
pub async fn find(tx: &mut Tx, project: ProjectId, source: Source) -> Result<Option<Proof>> {
    let query = tx.query(&FIND).bind(project).bind(source.device).bind(source.incarnation).bind(source.frame);
    query.fetch_optional().await
}

/// The same, and nobody else changes its receipt until the transaction ends. Where several are taken, take them by
/// device, incarnation and number.
pub async fn find_for_update(tx: &mut Tx, project: ProjectId, source: Source) -> Result<Option<Proof>> {
    let query = tx.query(&FIND_FOR_UPDATE).bind(project).bind(source.device).bind(source.incarnation);
    query.bind(source.frame).fetch_optional().await
}

/// The proofs of an incarnation's frames `first` to `last`, as far as they were taken, by number.
pub async fn between(
    tx: &mut Tx,
    project: ProjectId,
    device: DeviceId,
    incarnation: Incarnation,
    first: u64,
    last: u64,
) -> Result<Vec<Proof>> {
    let query = tx.query(&BETWEEN).bind(project).bind(device).bind(incarnation).bind(first).bind(last);
    query.fetch_all().await
}

/// The proofs of a device's frames behind one of them, by incarnation and number, `limit` at most.
pub async fn after(tx: &mut Tx, project: ProjectId, source: Source, limit: u32) -> Result<Vec<Proof>> {
    let query = tx.query(&AFTER).bind(project).bind(source.device).bind(source.incarnation);
    query.bind(source.frame).bind(limit).fetch_all().await
}

/// The highest frame number of an incarnation that was taken; 0 if none.
pub async fn highest(
    tx: &mut Tx,
    project: ProjectId,
    device: DeviceId,
    incarnation: Incarnation,
) -> Result<u64> {
    let query = tx.query(&HIGHEST).bind(project).bind(device).bind(incarnation);
    Ok(query.fetch_one::<Frame>().await?.0)
}

/// The frames of a device that were taken in a life of the log or before it, by incarnation and number. All lives have
/// numbers below [`i64::MAX`].
pub async fn taken_until(
    tx: &mut Tx,
    project: ProjectId,
    device: DeviceId,
    life: i64,
) -> Result<Vec<FrameRange>> {
    tx.query(&TAKEN).bind(project).bind(device).bind(life).fetch_all().await
}

/// How often a device began to write anew, because it was restored or cloned or had to repair something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begun {
    /// The device.
    pub device: DeviceId,
    /// Its incarnations of which frames were taken.
    pub incarnations: u64,
    /// When the first frame of the last one was taken.
    pub last_ms: i64,
}

impl FromRow for Begun {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            device: row.get("device")?,
            incarnations: row.get("incarnations")?,
            last_ms: row.get("last_ms")?,
        })
    }
}

/// The incarnations of every device of which frames were taken. It reads the proofs of the whole project.
pub async fn begun(tx: &mut Tx, project: ProjectId) -> Result<Vec<Begun>> {
    tx.query(&BEGUN).bind(project).fetch_all().await
}

/// Forgets that a frame was taken, because it is offered again; false if there is no such frame. Only for one of which
/// nothing was merged.
pub async fn remove(tx: &mut Tx, project: ProjectId, source: Source) -> Result<bool> {
    let query = tx.query(&REMOVE).bind(project).bind(source.device).bind(source.incarnation);
    Ok(query.bind(source.frame).execute().await? > 0)
}

/// Replaces a receipt, when a change of the frame that was held is released or expires; false if there is no such
/// frame.
pub async fn set_receipt(tx: &mut Tx, project: ProjectId, source: Source, receipt: &[u8]) -> Result<bool> {
    let query = tx.query(&SET_RECEIPT).bind(project).bind(source.device).bind(source.incarnation);
    Ok(query.bind(source.frame).bind(receipt).execute().await? > 0)
}
