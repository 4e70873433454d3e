//! Entries of logs, a row each.

use std::collections::BTreeMap;
use std::sync::Arc;

use fieldmerge_model::LogState;
use fieldmerge_model::dataset::{Cell, Column, EntryFacts, entry_row};
use fieldmerge_model::types::RecordType;
use fieldmerge_model::types::entry::Entry;
use fieldmerge_protocol::{DeviceId, ProjectId, RecordId, Value};
use fieldmerge_store::entries::{self as runs, EntryRun};
use fieldmerge_store::projects::Project;
use fieldmerge_store::{StoreError, Tx, records};

use super::records::corrupt;
use crate::entries::unpack;

/// Runs of entries read at a time.
const PAGE: u32 = 500;

/// Reads the entries of a class of logs, page by page.
pub struct EntryPages {
    of: Arc<RecordType>,
    after: Option<(RecordId, u64)>,
    is_done: bool,
}

/// What the entries of a log need of it.
struct LogFacts {
    device: DeviceId,
    persons: Vec<RecordId>,
}

impl EntryPages {
    pub fn new(of: Arc<RecordType>) -> Self {
        Self { of, after: None, is_done: false }
    }

    /// The rows of the next page; nothing at the end.
    pub async fn next_page(
        &mut self,
        tx: &mut Tx,
        project: &Project,
        columns: &[Column],
    ) -> Result<Option<Vec<Vec<Cell>>>, StoreError> {
        if self.is_done {
            return Ok(None);
        }
        let page = runs::page(tx, project.id, self.of.class, self.after, PAGE).await?;
        self.is_done = page.len() < PAGE as usize;
        self.after = page.last().map(|run| (run.record, run.first_entry)).or(self.after);
        let logs = logs_of(tx, project.id, &page).await?;
        let mut rows = Vec::new();
        for run in &page {
            let log = logs.get(&run.record).ok_or_else(|| corrupt("entries", "record", run.record))?;
            self.rows_of(run, log, columns, &mut rows)?;
        }
        Ok(Some(rows))
    }

    fn rows_of(
        &self,
        run: &EntryRun,
        log: &LogFacts,
        columns: &[Column],
        rows: &mut Vec<Vec<Cell>>,
    ) -> Result<(), StoreError> {
        let entries = unpack(&run.body).ok_or_else(|| corrupt("entries", "body", run.record))?;
        for (n, bytes) in (run.first_entry..).zip(entries) {
            let entry = Entry::read(self.of.class, &Value::Bytes(bytes));
            let person = entry.as_ref().ok().and_then(|entry| usize::try_from(entry.person()).ok());
            let facts = EntryFacts {
                log: run.record,
                n,
                area: run.feed.area,
                person: person.and_then(|k| log.persons.get(k).copied()),
                device: log.device,
                written_ms: run.made_ms,
                received_ms: run.received_ms,
            };
            rows.push(entry_row(columns, &facts, entry.as_ref().map_err(|error| *error)));
        }
        Ok(())
    }
}

/// The logs that the runs of a page belong to.
async fn logs_of(
    tx: &mut Tx,
    project: ProjectId,
    page: &[EntryRun],
) -> Result<BTreeMap<RecordId, LogFacts>, StoreError> {
    let ids: Vec<RecordId> = page.iter().map(|run| run.record).collect();
    let mut logs = BTreeMap::new();
    for record in records::load(tx, project, &ids).await? {
        let row = record.row;
        let state = LogState::from_bytes(&row.state).map_err(|_| corrupt("records", "state", row.id))?;
        logs.insert(row.id, LogFacts { device: row.author.device(), persons: state.persons().to_vec() });
    }
    Ok(logs)
}
