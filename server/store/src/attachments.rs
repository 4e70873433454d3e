//! Attachments: what is stored whole, what is arriving in chunks, and which records refer to which.

use fieldmerge_protocol::sync::Feed;
use fieldmerge_protocol::{AttachmentHash, DeviceId, ProjectId, RecordId};
use uuid::Uuid;

use crate::feeds::feed;
use crate::row::{FromRow, Row};
use crate::{Result, Tx};

crate::sql::declare! {
    table "attachments";
    FIND = "SELECT * FROM attachments WHERE project = $1 AND sha256 = $2";
    PAGE = "SELECT * FROM attachments WHERE project = $1 AND sha256 > $2 ORDER BY sha256 LIMIT $3";
    INSERT = "INSERT INTO attachments (project, sha256, byte_count, stored_ms) VALUES ($1, $2, $3, $4)
        ON CONFLICT (project, sha256) DO NOTHING";
    REMOVE = "DELETE FROM attachments WHERE project = $1 AND sha256 = $2";
    UPLOAD = "SELECT * FROM attachment_uploads WHERE project = $1 AND device = $2 AND sha256 = $3";
    BEGIN = "INSERT INTO attachment_uploads (project, device, sha256, byte_count, received, updated_ms)
        VALUES ($1, $2, $3, $4, 0, $5) ON CONFLICT (project, device, sha256) DO NOTHING";
    ADVANCE = "UPDATE attachment_uploads SET received = received + $5, updated_ms = $6
        WHERE project = $1 AND device = $2 AND sha256 = $3 AND received = $4 AND finished_ms IS NULL";
    PUT_CHUNK = "INSERT INTO attachment_chunks (project, device, sha256, first_byte, body) VALUES ($1, $2, $3, $4, $5)";
    CHUNK = "SELECT body FROM attachment_chunks WHERE project = $1 AND device = $2 AND sha256 = $3 AND first_byte = $4";
    FINISH = "UPDATE attachment_uploads SET finished_ms = $4 WHERE project = $1 AND device = $2 AND sha256 = $3";
    REMOVE_CHUNKS = "DELETE FROM attachment_chunks WHERE project = $1 AND device = $2 AND sha256 = $3";
    REMOVE_UPLOAD = "DELETE FROM attachment_uploads WHERE project = $1 AND device = $2 AND sha256 = $3";
    EXPIRED = "SELECT * FROM attachment_uploads WHERE project = $1 AND device = $2 AND updated_ms < $3
            AND finished_ms IS NULL
        ORDER BY updated_ms LIMIT $4";
    USAGE = "SELECT COUNT(CASE WHEN finished_ms IS NULL THEN 1 END) AS unfinished,
            CAST(COALESCE(SUM(CASE WHEN finished_ms IS NULL THEN byte_count ELSE 0 END), 0) AS BIGINT) AS unfinished_bytes,
            CAST(COALESCE(SUM(CASE WHEN updated_ms > $4 THEN received ELSE 0 END), 0) AS BIGINT) AS recent_bytes,
            CAST(COALESCE((SELECT byte_count FROM attachment_waste
                WHERE project = $1 AND device = $2 AND since_ms > $4), 0) AS BIGINT) AS wasted_bytes
        FROM attachment_uploads WHERE project = $1 AND device = $2 AND updated_ms > $3";
    WASTE = "INSERT INTO attachment_waste (project, device, since_ms, byte_count) VALUES ($1, $2, $3, $4)
        ON CONFLICT (project, device) DO UPDATE SET
            byte_count = CASE WHEN attachment_waste.since_ms > $5 THEN attachment_waste.byte_count ELSE 0 END
                + excluded.byte_count,
            since_ms = CASE WHEN attachment_waste.since_ms > $5 THEN attachment_waste.since_ms ELSE excluded.since_ms END";
    FORGET_REFERENCES = "DELETE FROM attachment_references WHERE project = $1 AND record = $2";
    REFER = "INSERT INTO attachment_references (project, record, path, sha256, device) VALUES ($1, $2, $3, $4, $5)";
    REFERENCES_OF = "SELECT * FROM attachment_references WHERE project = $1 AND record = $2 ORDER BY path, sha256";
    FEEDS = "SELECT DISTINCT r.area AS area, r.class AS class
        FROM attachment_references a JOIN records r ON r.project = a.project AND r.id = a.record
        WHERE a.project = $1 AND a.sha256 = $2";
    REFERENCE_COUNTS = "SELECT COUNT(*) AS refers, COUNT(s.sha256) AS stored
        FROM attachment_references a
            LEFT JOIN attachments s ON s.project = a.project AND s.sha256 = a.sha256
        WHERE a.project = $1";
    REFERENCE_PAGE = "SELECT a.record AS record, a.path AS path, a.sha256 AS sha256, a.device AS device, s.byte_count AS stored,
            u.byte_count AS byte_count, u.received AS received
        FROM attachment_references a
            LEFT JOIN attachments s ON s.project = a.project AND s.sha256 = a.sha256
            LEFT JOIN attachment_uploads u ON u.project = a.project AND u.device = a.device AND u.sha256 = a.sha256
        WHERE a.project = $1 AND (a.record, a.path, a.sha256) > ($2, $3, $4)
        ORDER BY a.record, a.path, a.sha256 LIMIT $5";
}

/// An attachment that is stored whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    /// Which.
    pub hash: AttachmentHash,
    /// How many bytes it has.
    pub byte_count: u64,
    /// Since when.
    pub stored_ms: i64,
}

impl FromRow for Stored {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            hash: row.get("sha256")?,
            byte_count: row.get("byte_count")?,
            stored_ms: row.get("stored_ms")?,
        })
    }
}

/// An attachment that a device brings, or has brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Upload {
    /// Which.
    pub hash: AttachmentHash,
    /// How many bytes the device says that it has.
    pub byte_count: u64,
    /// How many of them are here.
    pub received: u64,
    /// When it was whole; absent before.
    pub finished_ms: Option<i64>,
}

impl FromRow for Upload {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            hash: row.get("sha256")?,
            byte_count: row.get("byte_count")?,
            received: row.get("received")?,
            finished_ms: row.get("finished_ms")?,
        })
    }
}

/// What a device has brought lately.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Attachments that are not whole yet.
    pub unfinished: u64,
    /// Their bytes, as stated.
    pub unfinished_bytes: u64,
    /// Bytes that it has brought since a time, of attachments that are whole, or not yet, or that turned out wrong.
    pub recent_bytes: u64,
}

impl FromRow for Usage {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            unfinished: row.get("unfinished")?,
            unfinished_bytes: row.get("unfinished_bytes")?,
            recent_bytes: row.get::<u64>("recent_bytes")? + row.get::<u64>("wasted_bytes")?,
        })
    }
}

/// A record that names an attachment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferenceRow {
    /// The record.
    pub record: RecordId,
    /// Where in it.
    pub path: String,
    /// Which attachment.
    pub hash: AttachmentHash,
    /// The device that wrote so.
    pub device: DeviceId,
}

impl FromRow for ReferenceRow {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            record: row.get("record")?,
            path: row.get("path")?,
            hash: row.get("sha256")?,
            device: row.get("device")?,
        })
    }
}

/// A reference with how far its attachment has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Referred {
    /// The reference.
    pub reference: ReferenceRow,
    /// Its bytes, where it is stored whole.
    pub stored: Option<u64>,
    /// What its author's device has brought of it, and of how many bytes.
    pub arriving: Option<(u64, u64)>,
}

impl FromRow for Referred {
    fn from_row(row: &Row) -> Result<Self> {
        let (received, of): (Option<u64>, Option<u64>) = (row.get("received")?, row.get("byte_count")?);
        Ok(Self {
            reference: ReferenceRow::from_row(row)?,
            stored: row.get("stored")?,
            arriving: received.zip(of),
        })
    }
}

/// How many references there are, and of how many the attachment is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReferenceCounts {
    /// All.
    pub references: u64,
    /// Those whose attachment is stored.
    pub stored: u64,
}

impl FromRow for ReferenceCounts {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self { references: row.get("refers")?, stored: row.get("stored")? })
    }
}

struct Body(Vec<u8>);

impl FromRow for Body {
    fn from_row(row: &Row) -> Result<Self> {
        row.get("body").map(Self)
    }
}

struct FeedOf(Feed);

impl FromRow for FeedOf {
    fn from_row(row: &Row) -> Result<Self> {
        feed(row).map(Self)
    }
}

/// The attachment with this hash, if it is stored whole.
pub async fn find(tx: &mut Tx, project: ProjectId, hash: AttachmentHash) -> Result<Option<Stored>> {
    tx.query(&FIND).bind(project).bind(hash).fetch_optional().await
}

/// The next `limit` whole attachments after a hash.
pub async fn page(
    tx: &mut Tx,
    project: ProjectId,
    after: Option<AttachmentHash>,
    limit: u32,
) -> Result<Vec<Stored>> {
    let after = after.map_or_else(Vec::new, |hash| hash.0.to_vec());
    tx.query(&PAGE).bind(project).bind(after.as_slice()).bind(limit).fetch_all().await
}

/// What a device has brought of an attachment.
pub async fn upload(
    tx: &mut Tx,
    project: ProjectId,
    device: DeviceId,
    hash: AttachmentHash,
) -> Result<Option<Upload>> {
    tx.query(&UPLOAD).bind(project).bind(device).bind(hash).fetch_optional().await
}

/// Notes that a device begins to bring an attachment; nothing if it has begun before.
pub async fn begin(
    tx: &mut Tx,
    project: ProjectId,
    device: DeviceId,
    hash: AttachmentHash,
    byte_count: u64,
    now_ms: i64,
) -> Result<()> {
    let query = tx.query(&BEGIN).bind(project).bind(device).bind(hash).bind(byte_count);
    query.bind(now_ms).execute().await?;
    Ok(())
}

/// Adds a chunk at an offset; false, and nothing is written, if the upload does not stand there.
pub async fn append(
    tx: &mut Tx,
    project: ProjectId,
    device: DeviceId,
    hash: AttachmentHash,
    offset: u64,
    body: &[u8],
    now_ms: i64,
) -> Result<bool> {
    let query = tx.query(&ADVANCE).bind(project).bind(device).bind(hash).bind(offset);
    if query.bind(body.len() as u64).bind(now_ms).execute().await? == 0 {
        return Ok(false);
    }
    let query = tx.query(&PUT_CHUNK).bind(project).bind(device).bind(hash);
    query.bind(offset).bind(body).execute().await?;
    Ok(true)
}

/// The chunk that begins at an offset.
pub async fn chunk(
    tx: &mut Tx,
    project: ProjectId,
    device: DeviceId,
    hash: AttachmentHash,
    offset: u64,
) -> Result<Option<Vec<u8>>> {
    let query = tx.query(&CHUNK).bind(project).bind(device).bind(hash).bind(offset);
    Ok(query.fetch_optional::<Body>().await?.map(|body| body.0))
}

/// Notes that the attachment is stored whole, and drops the chunks.
pub async fn finish(
    tx: &mut Tx,
    project: ProjectId,
    device: DeviceId,
    hash: AttachmentHash,
    byte_count: u64,
    now_ms: i64,
) -> Result<()> {
    tx.query(&INSERT).bind(project).bind(hash).bind(byte_count).bind(now_ms).execute().await?;
    tx.query(&FINISH).bind(project).bind(device).bind(hash).bind(now_ms).execute().await?;
    tx.query(&REMOVE_CHUNKS).bind(project).bind(device).bind(hash).execute().await?;
    Ok(())
}

/// Forgets what a device has brought of an attachment; false if that was nothing.
pub async fn remove_upload(
    tx: &mut Tx,
    project: ProjectId,
    device: DeviceId,
    hash: AttachmentHash,
) -> Result<bool> {
    tx.query(&REMOVE_CHUNKS).bind(project).bind(device).bind(hash).execute().await?;
    Ok(tx.query(&REMOVE_UPLOAD).bind(project).bind(device).bind(hash).execute().await? > 0)
}

/// Charges a device for bytes that were of no use; what it was charged for before `recent_ms` counts no more.
pub async fn waste(
    tx: &mut Tx,
    project: ProjectId,
    device: DeviceId,
    bytes: u64,
    now_ms: i64,
    recent_ms: i64,
) -> Result<()> {
    let query = tx.query(&WASTE).bind(project).bind(device).bind(now_ms).bind(bytes);
    query.bind(recent_ms).execute().await?;
    Ok(())
}

/// Forgets that an attachment was stored: its bytes are gone.
pub async fn remove(tx: &mut Tx, project: ProjectId, hash: AttachmentHash) -> Result<()> {
    tx.query(&REMOVE).bind(project).bind(hash).execute().await?;
    Ok(())
}

/// A device's uploads that are not whole and have not moved since a time, oldest first.
pub async fn expired(
    tx: &mut Tx,
    project: ProjectId,
    device: DeviceId,
    before_ms: i64,
    limit: u32,
) -> Result<Vec<Upload>> {
    let query = tx.query(&EXPIRED).bind(project).bind(device).bind(before_ms);
    query.bind(limit).fetch_all().await
}

/// What a device has brought: unfinished ones since `since_ms`, before which they expire, and bytes since `recent_ms`.
pub async fn usage(
    tx: &mut Tx,
    project: ProjectId,
    device: DeviceId,
    since_ms: i64,
    recent_ms: i64,
) -> Result<Usage> {
    tx.query(&USAGE).bind(project).bind(device).bind(since_ms).bind(recent_ms).fetch_one().await
}

/// Writes what these records refer to, in the place of what they referred to before. The caller has locked them.
pub async fn set_references(
    tx: &mut Tx,
    project: ProjectId,
    records: &[RecordId],
    references: &[ReferenceRow],
) -> Result<()> {
    for record in records {
        tx.query(&FORGET_REFERENCES).bind(project).bind(*record).execute().await?;
    }
    for reference in references {
        let query = tx.query(&REFER).bind(project).bind(reference.record).bind(reference.path.as_str());
        query.bind(reference.hash).bind(reference.device).execute().await?;
    }
    Ok(())
}

/// What a record refers to, by path and hash.
pub async fn references_of(tx: &mut Tx, project: ProjectId, record: RecordId) -> Result<Vec<ReferenceRow>> {
    tx.query(&REFERENCES_OF).bind(project).bind(record).fetch_all().await
}

/// The feeds of the records that refer to an attachment.
pub async fn referring_feeds(tx: &mut Tx, project: ProjectId, hash: AttachmentHash) -> Result<Vec<Feed>> {
    let feeds: Vec<FeedOf> = tx.query(&FEEDS).bind(project).bind(hash).fetch_all().await?;
    Ok(feeds.into_iter().map(|feed| feed.0).collect())
}

/// How many references a project has.
pub async fn reference_counts(tx: &mut Tx, project: ProjectId) -> Result<ReferenceCounts> {
    tx.query(&REFERENCE_COUNTS).bind(project).fetch_one().await
}

/// The next `limit` references after one, with how far their attachments have come.
pub async fn reference_page(
    tx: &mut Tx,
    project: ProjectId,
    after: Option<&ReferenceRow>,
    limit: u32,
) -> Result<Vec<Referred>> {
    let query = tx.query(&REFERENCE_PAGE).bind(project);
    let query = match after {
        Some(last) => query.bind(last.record).bind(last.path.as_str()).bind(last.hash),
        None => query.bind(Uuid::nil()).bind("").bind(&[][..]),
    };
    query.bind(limit).fetch_all().await
}
