//! Whose decisions count follows from the roles that people hold. Where these change, cases are judged again.

use std::collections::{BTreeMap, BTreeSet};

use fieldmerge_model::RecordState;
use fieldmerge_protocol::{ProjectId, RecordId};
use fieldmerge_store::cases::{CaseCursor, CaseRow};
use fieldmerge_store::{StoreError, Tx, cases, records};

use super::judgement::{self, Law};
use crate::directory::grants_by_device;
use crate::forms;

/// Records and cases read at a time.
const PAGE: u32 = 200;

/// Judges every record that has or had a case by the standing grants, which the caller has changed in this transaction.
/// The version of the roster must have changed before it, so that no push judges by the former ones behind it.
pub async fn rejudge(tx: &mut Tx, project: ProjectId, now_ms: i64) -> Result<(), StoreError> {
    let grants = grants_by_device(tx, project).await?;
    let types = forms::record_types(tx, project).await?;
    let law = Law { types: &types, grants: &grants };
    let ids: Vec<RecordId> = with_cases(tx, project).await?.into_iter().collect();
    for ids in ids.chunks(PAGE as usize) {
        records::load_for_update(tx, project, ids).await?;
        let mut cases_of: BTreeMap<RecordId, Vec<CaseRow>> = BTreeMap::new();
        for case in cases::of_records(tx, project, ids).await? {
            cases_of.entry(case.record).or_default().push(case);
        }
        let mut changed = Vec::new();
        for mut record in records::load(tx, project, ids).await? {
            let row = &mut record.row;
            let state = RecordState::from_bytes(&row.state).map_err(|_| StoreError::Corrupt {
                table: "records",
                column: "state",
                key: row.id.to_string(),
            })?;
            let before = cases_of.remove(&row.id).unwrap_or_default();
            let judged = judgement::of_record(now_ms, row.feed, &state, before, law);
            cases::upsert(tx, project, &judged.rows).await?;
            if row.open_case_count != judged.open {
                row.open_case_count = judged.open;
                changed.push(record);
            }
        }
        records::upsert(tx, project, &changed).await?;
    }
    Ok(())
}

/// The records that have or had a case, in the order in which every writer locks.
async fn with_cases(tx: &mut Tx, project: ProjectId) -> Result<BTreeSet<RecordId>, StoreError> {
    let mut ids = BTreeSet::new();
    let mut after = None;
    loop {
        let page = cases::page(tx, project, false, after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { return Ok(ids) };
        let CaseRow { opened_ms, record, kind, path, .. } = last.clone();
        after = Some(CaseCursor { opened_ms, record, kind, path });
        ids.extend(page.into_iter().map(|case| case.record));
    }
}
