//! Records, a row each.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fieldmerge_model::RecordState;
use fieldmerge_model::dataset::{Cell, Column, Conflict, Facts, row};
use fieldmerge_model::types::{RecordType, RecordTypes};
use fieldmerge_protocol::api::CandidateView;
use fieldmerge_protocol::{ProjectId, RecordClass, RecordId, Value};
use fieldmerge_store::cases::{self, CaseRow};
use fieldmerge_store::projects::Project;
use fieldmerge_store::records::{self, RecordRow};
use fieldmerge_store::{StoreError, Tx, subjects};

/// Records read at a time.
const PAGE: u32 = 500;

/// Reads the records of a type, page by page.
pub struct RecordPages {
    of: Arc<RecordType>,
    /// The record types that every person is expected to have.
    expected: Vec<String>,
    after: Option<RecordId>,
    is_done: bool,
}

impl RecordPages {
    pub fn new(of: Arc<RecordType>, types: &RecordTypes) -> Self {
        let expected = types.iter().filter(|kind| kind.class == RecordClass::Observation);
        let expected = expected.map(|kind| kind.name.to_string()).collect();
        Self { of, expected, after: None, is_done: false }
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
        let page = records::page(tx, project.id, Some(self.of.name.as_str()), self.after, PAGE).await?;
        self.is_done = page.len() < PAGE as usize;
        self.after = page.last().map(|record| record.row.id).or(self.after);
        let rows: Vec<RecordRow> = page.into_iter().map(|record| record.row).collect();
        let disputes = open_disputes(tx, project.id, &rows).await?;
        let observed = self.observed(tx, project.id, &rows).await?;
        let cells = rows.iter().map(|row| {
            let pending = observed.as_ref().map_or_else(Vec::new, |known| {
                let has = |name: &&String| known.contains(&(row.id, (*name).clone()));
                self.expected.iter().filter(|name| !has(name)).map(String::as_str).collect()
            });
            self.cells(row, columns, disputes.get(&row.id).map(Vec::as_slice).unwrap_or_default(), &pending)
        });
        Ok(Some(cells.collect::<Result<_, _>>()?))
    }

    /// The persons of the page with the types of the observations that have come; nothing where none is expected.
    async fn observed(
        &self,
        tx: &mut Tx,
        project: ProjectId,
        rows: &[RecordRow],
    ) -> Result<Option<BTreeSet<(RecordId, String)>>, StoreError> {
        if !self.of.is_person {
            return Ok(None);
        }
        let ids: Vec<RecordId> = rows.iter().map(|row| row.id).collect();
        Ok(Some(subjects::observed(tx, project, &ids).await?))
    }

    fn cells(
        &self,
        stored: &RecordRow,
        columns: &[Column],
        disputes: &[Dispute],
        pending: &[&str],
    ) -> Result<Vec<Cell>, StoreError> {
        let state =
            RecordState::from_bytes(&stored.state).map_err(|_| corrupt("records", "state", stored.id))?;
        let conflicts: Vec<Conflict<'_>> = disputes.iter().map(Dispute::as_conflict).collect();
        let facts = Facts {
            id: stored.id,
            area: stored.feed.area,
            subject: stored.subject,
            device: stored.author.device(),
            created_ms: stored.created_ms,
            received_ms: stored.updated_ms,
            conflicts: &conflicts,
            pending,
        };
        Ok(row(&self.of, columns, &facts, &state))
    }
}

/// An open conflict about one field, with its values as the model knows them.
struct Dispute {
    path: String,
    agreed: Option<Value>,
    candidates: Vec<Value>,
}

impl Dispute {
    fn of(case: &CaseRow) -> Result<Self, StoreError> {
        let wrong = |column| corrupt("cases", column, case.record);
        let candidates: Vec<CandidateView> =
            serde_json::from_str(&case.candidates).map_err(|_| wrong("candidates"))?;
        let agreed = case.agreed.as_deref().map(serde_json::from_str::<serde_json::Value>).transpose();
        Ok(Self {
            path: case.path.clone(),
            agreed: agreed.map_err(|_| wrong("agreed"))?.as_ref().map(value),
            candidates: candidates.iter().map(|candidate| value(&candidate.value)).collect(),
        })
    }

    fn as_conflict(&self) -> Conflict<'_> {
        Conflict {
            path: &self.path,
            agreed: self.agreed.as_ref(),
            candidates: self.candidates.iter().collect(),
        }
    }
}

/// The open conflicts of those records of a page that have any.
async fn open_disputes(
    tx: &mut Tx,
    project: ProjectId,
    rows: &[RecordRow],
) -> Result<BTreeMap<RecordId, Vec<Dispute>>, StoreError> {
    let ids: Vec<RecordId> = rows.iter().filter(|row| row.open_case_count > 0).map(|row| row.id).collect();
    let mut by_record: BTreeMap<RecordId, Vec<Dispute>> = BTreeMap::new();
    if ids.is_empty() {
        return Ok(by_record);
    }
    for case in cases::of_records(tx, project, &ids).await? {
        if case.closed_ms.is_none() && case.kind == "field_conflict" {
            by_record.entry(case.record).or_default().push(Dispute::of(&case)?);
        }
    }
    Ok(by_record)
}

/// A value as cases store it, as the model knows it. Ids are text in JSON, and the model reads them as such too.
fn value(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Bool(answer) => Value::Bool(*answer),
        serde_json::Value::String(text) => Value::str(text),
        serde_json::Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => Value::Int(number),
            (None, Some(number)) => Value::F64(number),
            (None, None) => Value::Null,
        },
        _ => Value::Null,
    }
}

pub fn corrupt(table: &'static str, column: &'static str, id: RecordId) -> StoreError {
    StoreError::Corrupt { table, column, key: id.to_string() }
}
