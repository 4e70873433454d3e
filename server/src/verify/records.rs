//! Records and logs: their changes, their rows, their cases and entries.

use std::collections::BTreeMap;

use fieldmerge_model::record::StoredChange;
use fieldmerge_model::replay::{self, registers};
use fieldmerge_model::{LogState, RecordState};
use fieldmerge_protocol::RecordId;
use fieldmerge_store::cases::CaseRow;
use fieldmerge_store::projects::Project;
use fieldmerge_store::records::{RecordRow, ValuedRecord};
use fieldmerge_store::{StoreError, Tx, cases, entries, records};
use serde_json::Value;

use super::{BySource, ProjectReport, record_name};
use crate::directory::grants_by_device;
use crate::entries::unpack;
use crate::forms;
use crate::sync::judgement::{Law, of_record};
use crate::sync::push::json;

/// Records read at a time.
const PAGE: u32 = 200;

/// Verifies every record of a project.
pub async fn verify(
    tx: &mut Tx,
    project: &Project,
    report: &mut ProjectReport,
) -> Result<BySource, StoreError> {
    let grants = grants_by_device(tx, project.id).await?;
    let types = forms::record_types(tx, project.id).await?;
    let law = Law { types: &types, grants: &grants };
    let mut by_source = BySource::new();
    let mut after = None;
    loop {
        let page = records::page(tx, project.id, None, after, PAGE).await?;
        let ids: Vec<RecordId> = page.iter().map(|record| record.row.id).collect();
        let mut cases_of: BTreeMap<RecordId, Vec<CaseRow>> = BTreeMap::new();
        for case in cases::of_records(tx, project.id, &ids).await? {
            cases_of.entry(case.record).or_default().push(case);
        }
        for record in &page {
            let (row, before) = (&record.row, cases_of.remove(&record.row.id).unwrap_or_default());
            report.records += 1;
            report.cases += before.len() as u64;
            let changes = if row.feed.class.is_log() {
                verify_log(tx, project, row, report).await?
            } else {
                verify_record(project, record, before, law, report)
            };
            note(row, changes, &mut by_source, report, project);
        }
        let Some(last) = ids.last() else { return Ok(by_source) };
        after = Some(*last);
    }
}

/// Counts the changes of a record and notes in which frames they came.
fn note(
    row: &RecordRow,
    changes: Vec<StoredChange>,
    by_source: &mut BySource,
    report: &mut ProjectReport,
    project: &Project,
) {
    let name = || record_name(project.id, row.id);
    report.changes += changes.len() as u64;
    if changes.len() as u64 != row.change_count {
        report.differs(|| format!("{}: the row counts {} changes", name(), row.change_count));
    }
    let highest = changes.iter().map(|stored| stored.provenance.position).max().unwrap_or_default();
    if highest != row.position {
        report
            .differs(|| format!("{}: the row says position {}, the changes {highest}", name(), row.position));
    }
    for StoredChange { change, hash, provenance } in changes {
        let source = (change.actor.device(), provenance.incarnation, provenance.frame);
        by_source.entry(source).or_default().push(hash);
    }
}

fn verify_record(
    project: &Project,
    record: &ValuedRecord,
    before: Vec<CaseRow>,
    law: Law<'_>,
    report: &mut ProjectReport,
) -> Vec<StoredChange> {
    let row = &record.row;
    let name = || record_name(project.id, row.id);
    let Ok(state) = RecordState::from_bytes(&row.state) else {
        report.differs(|| format!("{}: its state does not parse", name()));
        return Vec::new();
    };
    if let Err(difference) = replay::verify(&state) {
        report.differs(|| format!("{}: {difference}", name()));
    }
    let changes: Vec<StoredChange> = state.changes().collect();
    if !describes(row, &state, changes.first()) {
        report.differs(|| format!("{}: the row does not describe the record", name()));
    }
    let values: Value = serde_json::from_str(&record.current_values).unwrap_or_default();
    if values != rebuilt_values(&state) {
        report.differs(|| format!("{}: the row does not hold its current values", name()));
    }
    verify_cases(project, row, &state, before, law, report);
    changes
}

/// Whether the columns that never change say what the record's first change says.
fn describes(row: &RecordRow, state: &RecordState, first: Option<&StoredChange>) -> bool {
    let (Some(identity), Some(first)) = (state.identity(), first) else { return false };
    state.id() == row.id
        && identity.id == row.id
        && identity.record_type == row.record_type.as_str()
        && identity.subject == row.subject
        && first.change.actor == row.author
        && first.change.time == row.created_ms
}

fn rebuilt_values(state: &RecordState) -> Value {
    let shown = state.paths().filter(|path| !path.is_reserved());
    shown.filter_map(|path| Some((path.as_str().to_owned(), json(state.get(path.as_str())?)))).collect()
}

fn verify_cases(
    project: &Project,
    row: &RecordRow,
    state: &RecordState,
    before: Vec<CaseRow>,
    law: Law<'_>,
    report: &mut ProjectReport,
) {
    let stored: BTreeMap<String, CaseRow> =
        before.iter().map(|case| (case.path.clone(), case.clone())).collect();
    let judged = of_record(row.updated_ms, row.feed, state, before, law);
    if judged.open != row.open_case_count {
        report.differs(|| {
            let name = record_name(project.id, row.id);
            format!("{name}: the row counts {} open cases, a rebuild {}", row.open_case_count, judged.open)
        });
    }
    // The rebuild gives rows that are new or other than the stored ones, by their text: a database may write the same
    // JSON with other spaces.
    for rebuilt in judged.rows {
        if !stored.get(&rebuilt.path).is_some_and(|case| means_the_same(case, &rebuilt)) {
            let path = &rebuilt.path;
            report.differs(|| {
                format!(
                    "{}: the case about {path} is not what a rebuild gives",
                    record_name(project.id, row.id)
                )
            });
        }
    }
}

fn means_the_same(one: &CaseRow, other: &CaseRow) -> bool {
    let parsed =
        |text: &Option<String>| text.as_deref().map(serde_json::from_str::<Value>).and_then(Result::ok);
    let candidates = |case: &CaseRow| serde_json::from_str::<Value>(&case.candidates).ok();
    one.state == other.state
        && one.closed_ms.is_some() == other.closed_ms.is_some()
        && candidates(one) == candidates(other)
        && parsed(&one.agreed) == parsed(&other.agreed)
        && parsed(&one.decision) == parsed(&other.decision)
}

async fn verify_log(
    tx: &mut Tx,
    project: &Project,
    row: &RecordRow,
    report: &mut ProjectReport,
) -> Result<Vec<StoredChange>, StoreError> {
    let name = || record_name(project.id, row.id);
    let Ok(log) = LogState::from_bytes(&row.state) else {
        report.differs(|| format!("{}: its state does not parse", name()));
        return Ok(Vec::new());
    };
    let mut stored: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
    for run in entries::of_record(tx, project.id, row.id).await? {
        match unpack(&run.body) {
            Some(entries) if entries.len() == run.entry_count as usize => {
                stored.extend((run.first_entry..).zip(entries));
            }
            _ => report.differs(|| format!("{}: the entries from {} do not parse", name(), run.first_entry)),
        }
    }
    report.entries += stored.len() as u64;
    if stored.len() as u64 != log.next_entry() {
        report.differs(|| format!("{}: {} entries of {}", name(), stored.len(), log.next_entry()));
    }
    let rebuilt = (1..=log.last_seq()).map(|seq| log.change(seq, |n| stored.get(&n).cloned()));
    let Some(changes) = rebuilt.collect::<Option<Vec<StoredChange>>>() else {
        report.differs(|| format!("{}: a change cannot be rebuilt from its entries", name()));
        return Ok(Vec::new());
    };
    // This also checks that each change encodes to its hash.
    if let Err(difference) = registers(&changes) {
        report.differs(|| format!("{}: {difference}", name()));
    }
    Ok(changes)
}
