//! Entries of logs, one row for each run of entries that one change added.

use fieldmerge_protocol::sync::Feed;
use fieldmerge_protocol::{ProjectId, RecordClass, RecordId};
use uuid::Uuid;

use crate::batch::Values;
use crate::feeds::feed;
use crate::records::integers;
use crate::row::{FromRow, Row};
use crate::{Result, Tx};

crate::sql::declare! {
    table "entries";
    INSERT = rows {
        sqlite: "INSERT INTO entries (project, record, first_entry, entry_count, class, area, seq, made_ms, received_ms,
                position, body)
            VALUES ", "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", "";
        postgres: "INSERT INTO entries (project, record, first_entry, entry_count, class, area, seq, made_ms, received_ms,
                position, body)
            SELECT $1, new.* FROM UNNEST($2::UUID[], $3::BIGINT[], $4::BIGINT[], $5::BIGINT[], $6::UUID[], $7::BIGINT[],
                $8::BIGINT[], $9::BIGINT[], $10::BIGINT[], $11::BYTEA[]) AS new"
    };
    OF_RECORD = "SELECT * FROM entries WHERE project = $1 AND record = $2 ORDER BY first_entry";
    PAGE = "SELECT * FROM entries WHERE project = $1 AND (record, first_entry) > ($2, $3) AND class = $4
        ORDER BY record, first_entry LIMIT $5";
}

/// A run of consecutive entries of a log, as one change added them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryRun {
    /// The log.
    pub record: RecordId,
    /// The number of the first entry.
    pub first_entry: u64,
    /// How many entries.
    pub entry_count: u32,
    /// The feed of the log.
    pub feed: Feed,
    /// The number of the change in its actor's count.
    pub seq: u64,
    /// The device's clock at the change.
    pub made_ms: i64,
    /// When the server took it.
    pub received_ms: i64,
    /// Its position in the feed.
    pub position: u64,
    /// The entries, as the model encodes them.
    pub body: Vec<u8>,
}

impl FromRow for EntryRun {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            record: row.get("record")?,
            first_entry: row.get("first_entry")?,
            entry_count: row.get("entry_count")?,
            feed: feed(row)?,
            seq: row.get("seq")?,
            made_ms: row.get("made_ms")?,
            received_ms: row.get("received_ms")?,
            position: row.get("position")?,
            body: row.get("body")?,
        })
    }
}

/// Adds runs of entries.
pub async fn insert(tx: &mut Tx, project: ProjectId, runs: &[EntryRun]) -> Result<()> {
    let columns = [
        Values::Same(project.uuid()),
        Values::Uuid(runs.iter().map(|run| run.record.uuid()).collect()),
        integers(runs.iter().map(|run| run.first_entry)),
        integers(runs.iter().map(|run| run.entry_count.into())),
        integers(runs.iter().map(|run| run.feed.class.number().into())),
        Values::Uuid(runs.iter().map(|run| run.feed.area.uuid()).collect()),
        integers(runs.iter().map(|run| run.seq)),
        Values::Int(runs.iter().map(|run| run.made_ms).collect()),
        Values::Int(runs.iter().map(|run| run.received_ms).collect()),
        integers(runs.iter().map(|run| run.position)),
        Values::Bytes(runs.iter().map(|run| run.body.as_slice()).collect()),
    ];
    tx.write_rows(&INSERT, runs.len(), &columns).await?;
    Ok(())
}

/// All entries of a log, in their order.
pub async fn of_record(tx: &mut Tx, project: ProjectId, record: RecordId) -> Result<Vec<EntryRun>> {
    tx.query(&OF_RECORD).bind(project).bind(record).fetch_all().await
}

/// The next `limit` runs of a class of logs after (log, first entry), in that order.
pub async fn page(
    tx: &mut Tx,
    project: ProjectId,
    class: RecordClass,
    after: Option<(RecordId, u64)>,
    limit: u32,
) -> Result<Vec<EntryRun>> {
    let (record, entry) = after.map_or((Uuid::nil(), 0), |(record, entry)| (record.uuid(), entry));
    let query = tx.query(&PAGE).bind(project).bind(record).bind(entry).bind(class).bind(limit);
    query.fetch_all().await
}
