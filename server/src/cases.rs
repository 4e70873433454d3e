//! Pages of cases, as far as a reader may see them.

use fieldmerge_model::types::RecordTypes;
use fieldmerge_protocol::api::{CandidateView, CasePage, CaseView, DecisionView};
use fieldmerge_protocol::problem::ProblemCode;
use fieldmerge_protocol::{RecordClass, RecordId};
use fieldmerge_store::StoreError;
use fieldmerge_store::cases::{CaseCursor, CaseRow, page as rows_after};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::auth::Reader;
use crate::hex;
use crate::http::ApiError;
use crate::keys::Pseudonyms;
use crate::listing::{self, Page};
use crate::state::App;

/// Where a page ended: when the last case was opened, the pseudonym of its record, its kind and its field.
pub type Cursor = listing::Cursor<(i64, RecordId, String, String)>;

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
    let at = after.map(|listing::Cursor((opened_ms, record, kind, path))| CaseCursor {
        opened_ms,
        record: pseudonyms.id(record.uuid()).into(),
        kind,
        path,
    });
    let mut page = Page::new(limit, at);
    while !page.is_done() {
        let rows = rows_after(&mut tx, project, open_only, page.at(), limit).await?;
        page.take(rows, cursor_of, |row| {
            let may = reader.may_list(row.feed.area, row.feed.class);
            may.then(|| view(reader, (&pseudonyms, &directory.forms.types), row)).transpose()
        })?;
    }
    let (cases, end) = page.end();
    tx.rollback().await?;
    let next = end.map(|CaseCursor { opened_ms, record, kind, path }| {
        listing::Cursor((opened_ms, RecordId::from(pseudonyms.of(record.uuid())), kind, path)).to_string()
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
    use super::*;

    #[test]
    fn a_cursor_reads_back_and_nothing_else_is_one() {
        let cursor =
            listing::Cursor((5, RecordId([7; 16]), "field_conflict".to_owned(), "birth_year".to_owned()));
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for wrong in ["", "x", "bm90IGpzb24"] {
            assert_eq!(wrong.parse::<Cursor>(), Err(listing::CursorError), "{wrong}");
        }
    }
}
