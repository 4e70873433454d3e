//! Segments: the frames at rest, in the order of their positions.

use std::collections::HashMap;

use fieldmerge_protocol::sync::Feed;
use fieldmerge_protocol::{DeviceId, Incarnation, ProjectId};

use crate::feeds::feed;
use crate::row::{FromRow, Row};
use crate::{Result, Tx};

crate::sql::declare! {
    table "segments";
    APPEND = "INSERT INTO segments (project, area, class, to_position, from_position, change_count, device, incarnation,
            frame, received_ms, compression, dictionary, raw_bytes, body_bytes, body)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
    HEADS_AFTER = "SELECT area, class, to_position, from_position, change_count, device, incarnation, frame, received_ms,
            compression, dictionary, raw_bytes, body_bytes
        FROM segments WHERE project = $1 AND area = $2 AND class = $3 AND to_position > $4
        ORDER BY to_position LIMIT $5";
    BODIES = "SELECT area, to_position, body FROM segments
        WHERE project = $1 AND area = $2 AND class = $3 AND to_position > $4 AND to_position <= $5
            AND (device IS NULL OR device <> $6 OR incarnation <> $7)
        ORDER BY to_position";
    HEADS_BETWEEN = {
        sqlite: "SELECT area, class, to_position, from_position, change_count, device, incarnation, frame, received_ms,
                compression, dictionary, raw_bytes, body_bytes
            FROM segments WHERE project = $1 AND area = $2 AND class = $3 AND to_position > $4 AND to_position <= $5
            ORDER BY to_position",
        postgres: "SELECT area, class, to_position, from_position, change_count, device, incarnation, frame,
                received_ms, compression, dictionary, raw_bytes, body_bytes
            FROM segments WHERE project = $1 AND area = $2 AND class = $3 AND to_position > $4 AND to_position <= $5
            ORDER BY to_position FOR UPDATE"
    };
    BETWEEN = "SELECT * FROM segments
        WHERE project = $1 AND area = $2 AND class = $3 AND to_position > $4 AND to_position <= $5
        ORDER BY to_position";
    REMOVE = "DELETE FROM segments
        WHERE project = $1 AND area = $2 AND class = $3 AND to_position > $4 AND to_position <= $5";
    TOTALS = "SELECT COUNT(*) AS segments, CAST(COALESCE(SUM(body_bytes), 0) AS BIGINT) AS bytes
        FROM segments WHERE project = $1";
    OF_FRAME = "SELECT area, class, to_position, from_position, change_count, device, incarnation, frame, received_ms,
            compression, dictionary, raw_bytes, body_bytes
        FROM segments WHERE project = $1 AND area = $2 AND class = $3 AND to_position >= $4
        ORDER BY to_position LIMIT 1";
}

/// How many segments a page holds at most, whatever their size.
const PAGE_SEGMENTS: u32 = 256;

/// What a device wrote itself, under its present incarnation. Until a copy of it is found out both write under one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Own {
    /// The device.
    pub device: DeviceId,
    /// Its present incarnation.
    pub incarnation: Incarnation,
    /// Numbers of frames of this incarnation that are not its own: first and last of each stretch.
    pub unused: Vec<(u64, u64)>,
}

impl Own {
    /// Whether it wrote what comes from this frame.
    fn wrote(&self, source: Source) -> bool {
        let is_unused = |(first, last): &(u64, u64)| (*first..=*last).contains(&source.frame);
        (source.device, source.incarnation) == (self.device, self.incarnation)
            && !self.unused.iter().any(is_unused)
    }
}

/// The frame of one device that a segment came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Source {
    /// The author device.
    pub device: DeviceId,
    /// Its incarnation.
    pub incarnation: Incarnation,
    /// The number of the frame in that incarnation.
    pub frame: u64,
}

/// A segment without its body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentHead {
    /// The feed.
    pub feed: Feed,
    /// The position before the first change.
    pub from: u64,
    /// The position of the last change.
    pub to: u64,
    /// How many changes it holds.
    pub count: u32,
    /// Where it came from; of several frames of one writer the one with the highest number; `None` where it holds changes of several writers.
    pub source: Option<Source>,
    /// When the server received it; of several frames the last time.
    pub received_ms: i64,
    /// 0 stored, 1 zstd.
    pub compression: u8,
    /// The dictionary that the body was compressed with; 0 if none.
    pub dictionary: u32,
    /// The length of the body before compression.
    pub raw_bytes: u32,
    /// The length of the body as stored.
    pub body_bytes: u32,
}

impl FromRow for SegmentHead {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            feed: feed(row)?,
            from: row.get("from_position")?,
            to: row.get("to_position")?,
            count: row.get("change_count")?,
            source: maybe_source(row)?,
            received_ms: row.get("received_ms")?,
            compression: row.get("compression")?,
            dictionary: row.get("dictionary")?,
            raw_bytes: row.get("raw_bytes")?,
            body_bytes: row.get("body_bytes")?,
        })
    }
}

/// Reads the three columns that name a frame, where they may be absent.
pub(crate) fn maybe_source(row: &Row) -> Result<Option<Source>> {
    let Some(device) = row.get("device")? else { return Ok(None) };
    Ok(Some(Source { device, incarnation: row.get("incarnation")?, frame: row.get("frame")? }))
}

/// Reads the three columns that name a frame.
pub(crate) fn source(row: &Row) -> Result<Source> {
    Ok(Source { device: row.get("device")?, incarnation: row.get("incarnation")?, frame: row.get("frame")? })
}

/// A stretch of a feed, in the order of positions, without gaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentPage {
    /// The segments; the body is absent where the asking writer wrote the whole segment itself. The first may begin
    /// before the position that was asked for.
    pub segments: Vec<(SegmentHead, Option<Vec<u8>>)>,
    /// Whether the feed goes on after the last of them.
    pub more: bool,
}

struct Body {
    to: u64,
    body: Vec<u8>,
}

impl FromRow for Body {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self { to: row.get("to_position")?, body: row.get("body")? })
    }
}

/// A segment with its body.
pub type Whole = (SegmentHead, Vec<u8>);

impl FromRow for Whole {
    fn from_row(row: &Row) -> Result<Self> {
        Ok((SegmentHead::from_row(row)?, row.get("body")?))
    }
}

/// Appends a segment; its positions must be those that the feed gave in this transaction. `body_bytes` of the head is
/// taken from the body.
pub async fn append(tx: &mut Tx, project: ProjectId, head: &SegmentHead, body: &[u8]) -> Result<()> {
    tx.query(&APPEND)
        .bind(project)
        .bind(head.feed.area)
        .bind(head.feed.class)
        .bind(head.to)
        .bind(head.from)
        .bind(head.count)
        .bind(head.source.map(|source| source.device))
        .bind(head.source.map(|source| source.incarnation))
        .bind(head.source.map(|source| source.frame))
        .bind(head.received_ms)
        .bind(head.compression)
        .bind(head.dictionary)
        .bind(head.raw_bytes)
        .bind(body.len() as u64)
        .bind(body)
        .execute()
        .await?;
    Ok(())
}

/// The segments of a feed that hold positions above `position`, about `limit_bytes` of bodies at most but at least one
/// segment. What `own` wrote is not read.
pub async fn after(
    tx: &mut Tx,
    project: ProjectId,
    feed: Feed,
    position: u64,
    limit_bytes: u64,
    own: Option<&Own>,
) -> Result<SegmentPage> {
    let mut heads = heads_after(tx, project, feed, position, PAGE_SEGMENTS).await?;
    let full = heads.len() == PAGE_SEGMENTS as usize;
    let is_own =
        |head: &SegmentHead| own.is_some_and(|own| head.source.is_some_and(|source| own.wrote(source)));
    let mut bytes = 0;
    let fitting = heads.iter().take_while(|head| {
        let cost = if is_own(head) { 0 } else { u64::from(head.body_bytes) };
        let fits = cost == 0 || bytes == 0 || bytes + cost <= limit_bytes;
        bytes += cost;
        fits
    });
    let fitting = fitting.count();
    let more = full || fitting < heads.len();
    heads.truncate(fitting);
    let mut bodies = match (heads.iter().any(|head| !is_own(head)), heads.last()) {
        (true, Some(last)) => bodies(tx, project, feed, position, last.to, own).await?,
        _ => HashMap::new(),
    };
    let segments = heads
        .into_iter()
        .map(|head| {
            let body = bodies.remove(&head.to).filter(|_| !is_own(&head));
            (head, body)
        })
        .collect();
    Ok(SegmentPage { segments, more })
}

/// The heads of the first `limit` segments of a feed that hold positions above `position`.
pub async fn heads_after(
    tx: &mut Tx,
    project: ProjectId,
    feed: Feed,
    position: u64,
    limit: u32,
) -> Result<Vec<SegmentHead>> {
    let query = tx.query(&HEADS_AFTER).bind(project).bind(feed.area).bind(feed.class);
    query.bind(position).bind(limit).fetch_all().await
}

/// The segment that holds a position of a feed.
pub async fn find_at(
    tx: &mut Tx,
    project: ProjectId,
    feed: Feed,
    position: u64,
) -> Result<Option<SegmentHead>> {
    let query = tx.query(&OF_FRAME).bind(project).bind(feed.area).bind(feed.class).bind(position);
    Ok(query.fetch_optional::<SegmentHead>().await?.filter(|head| head.from < position))
}

/// The segments of a feed that end after `from` and not after `to`, with their bodies.
pub async fn between(tx: &mut Tx, project: ProjectId, feed: Feed, from: u64, to: u64) -> Result<Vec<Whole>> {
    let query = tx.query(&BETWEEN).bind(project).bind(feed.area).bind(feed.class).bind(from).bind(to);
    query.fetch_all().await
}

/// Removes neighbouring segments of a feed, so that one segment with the same positions can be appended in their place.
/// Where they are not all there as they were read, nothing is removed and the answer is false.
pub async fn remove(tx: &mut Tx, project: ProjectId, segments: &[SegmentHead]) -> Result<bool> {
    let (Some(first), Some(last)) = (segments.first(), segments.last()) else { return Ok(false) };
    let (feed, from, to) = (first.feed, first.from, last.to);
    let query = tx.query(&HEADS_BETWEEN).bind(project).bind(feed.area).bind(feed.class).bind(from).bind(to);
    if query.fetch_all::<SegmentHead>().await? != segments {
        return Ok(false);
    }
    let query = tx.query(&REMOVE).bind(project).bind(feed.area).bind(feed.class).bind(from).bind(to);
    query.execute().await?;
    Ok(true)
}

/// How many segments a project has, and their size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Totals {
    /// Segments of all feeds.
    pub segments: u64,
    /// Bytes of their bodies.
    pub bytes: u64,
}

impl FromRow for Totals {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self { segments: row.get("segments")?, bytes: row.get("bytes")? })
    }
}

/// Counts the segments of a project. It looks at each of them.
pub async fn totals(tx: &mut Tx, project: ProjectId) -> Result<Totals> {
    tx.query(&TOTALS).bind(project).fetch_one().await
}

async fn bodies(
    tx: &mut Tx,
    project: ProjectId,
    feed: Feed,
    position: u64,
    to: u64,
    own: Option<&Own>,
) -> Result<HashMap<u64, Vec<u8>>> {
    // Where some of a device's frames are another copy's all are read, which is rare.
    let left_out = own.filter(|own| own.unused.is_empty());
    let (device, incarnation) =
        left_out.map_or((Vec::new(), Vec::new()), |own| (own.device.0.to_vec(), own.incarnation.0.to_vec()));
    let query = tx.query(&BODIES).bind(project).bind(feed.area).bind(feed.class);
    let found = query.bind(position).bind(to).bind(device).bind(incarnation).fetch_all::<Body>().await?;
    Ok(found.into_iter().map(|found| (found.to, found.body)).collect())
}
