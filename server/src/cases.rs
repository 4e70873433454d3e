//! Pages of cases, as far as a reader may see them.

use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fieldmerge_model::types::RecordTypes;
use fieldmerge_protocol::RecordClass;
use fieldmerge_protocol::api::{CandidateView, CasePage, CaseView, DecisionView};
use fieldmerge_protocol::problem::ProblemCode;
use fieldmerge_store::StoreError;
use fieldmerge_store::cases::{CaseCursor, CaseRow, page as rows_after};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::auth::Reader;
use crate::hex;
use crate::http::ApiError;
use crate::keys::Pseudonyms;
use crate::state::App;

/// Rows read for one page, at most: a reader who may see few of many cases gets short pages, not slow ones.
const MAX_ROWS_READ: u32 = 5_000;

/// Where a page ended, as a text that means nothing to its reader. The record stands in it under its pseudonym.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor(CaseCursor);

/// A text that is no cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor")]
pub struct CursorError;

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| CursorError)?;
        let (opened_ms, record, kind, path) = serde_json::from_slice(&bytes).map_err(|_| CursorError)?;
        Ok(Self(CaseCursor { opened_ms, record, kind, path }))
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let CaseCursor { opened_ms, record, kind, path } = &self.0;
        let bytes = serde_json::to_vec(&(opened_ms, record, kind, path)).expect("texts and numbers are JSON");
        f.write_str(&URL_SAFE_NO_PAD.encode(bytes))
    }
}

/// The next cases after a cursor that the reader may know of.
pub async fn page(
    app: &App,
    reader: &Reader,
    open_only: bool,
    after: Option<Cursor>,
    limit: u32,
) -> Result<CasePage, ApiError> {
    let project = reader.project.id;
    let mut tx = app.store().read().await?;
    let pseudonyms = Pseudonyms::load(&mut tx, project).await?;
    let directory = app.directories().get(&mut tx, project).await?;
    let directory = directory.ok_or(ApiError::new(ProblemCode::NotFound))?;
    let mut at = after
        .map(|Cursor(cursor)| CaseCursor { record: pseudonyms.id(cursor.record.uuid()).into(), ..cursor });
    let (mut cases, mut rows_read) = (Vec::new(), 0);
    let more = loop {
        let rows = rows_after(&mut tx, project, open_only, at.as_ref(), limit).await?;
        rows_read += limit;
        let last_page = rows.len() < limit as usize;
        for row in rows {
            at = Some(cursor_of(&row));
            if reader.may_list(row.feed.area, row.feed.class) {
                cases.push(view(reader, (&pseudonyms, &directory.forms.types), row)?);
            }
            if cases.len() == limit as usize {
                break;
            }
        }
        if cases.len() == limit as usize || rows_read >= MAX_ROWS_READ {
            break true;
        }
        if last_page {
            break false;
        }
    };
    tx.rollback().await?;
    let next = at.filter(|_| more).map(|cursor| {
        let record = pseudonyms.of(cursor.record.uuid()).into();
        Cursor(CaseCursor { record, ..cursor }).to_string()
    });
    Ok(CasePage { cases, next })
}

fn cursor_of(row: &CaseRow) -> CaseCursor {
    CaseCursor {
        opened_ms: row.opened_ms,
        record: row.record,
        kind: row.kind.clone(),
        path: row.path.clone(),
    }
}

/// A case as the reader may see it.
fn view(
    reader: &Reader,
    (pseudonyms, types): (&Pseudonyms, &RecordTypes),
    row: CaseRow,
) -> Result<CaseView, ApiError> {
    let field = types.find(&row.record_type).and_then(|of| of.field_at(&row.path));
    let seen = field.is_some_and(|field| reader.sees(row.feed.area, row.feed.class, field));
    let names_person = row.feed.class == RecordClass::Core && reader.knows_pseudonyms_only();
    let record = if names_person { pseudonyms.of(row.record.uuid()).into() } else { row.record };
    let mut view = CaseView {
        record,
        candidates: stored::<Vec<CandidateView>>(&row, "candidates", &row.candidates)?,
        agreed: row.agreed.as_ref().map(|text| stored::<Value>(&row, "agreed", text)).transpose()?,
        decision: row
            .decision
            .as_ref()
            .map(|text| stored::<DecisionView>(&row, "decision", text))
            .transpose()?,
        open: row.closed_ms.is_none(),
        state: hex(&row.state),
        record_type: row.record_type,
        path: row.path,
        kind: row.kind,
        opened_ms: row.opened_ms,
        closed_ms: row.closed_ms,
        withheld: !seen,
    };
    if view.withheld {
        withhold(&mut view);
    }
    Ok(view)
}

/// Leaves of a case only that it exists, who wrote and when.
fn withhold(view: &mut CaseView) {
    for candidate in &mut view.candidates {
        candidate.value = Value::Null;
    }
    view.agreed = None;
    if let Some(decision) = &mut view.decision {
        decision.value = Value::Null;
        decision.reason.clear();
    }
}

fn stored<T: DeserializeOwned>(row: &CaseRow, column: &'static str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|_| StoreError::Corrupt {
        table: "cases",
        column,
        key: row.record.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use fieldmerge_protocol::RecordId;

    use super::*;

    #[test]
    fn a_cursor_reads_back_and_nothing_else_is_one() {
        let cursor = Cursor(CaseCursor {
            opened_ms: 5,
            record: RecordId([7; 16]),
            kind: "field_conflict".to_owned(),
            path: "birth_year".to_owned(),
        });
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for wrong in ["", "x", "bm90IGpzb24"] {
            assert_eq!(wrong.parse::<Cursor>(), Err(CursorError), "{wrong}");
        }
    }
}
