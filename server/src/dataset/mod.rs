//! The merged records as rows of a file, all from one snapshot of the database.

mod entries;
mod format;
mod records;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use fieldmerge_model::access::{Role, access};
use fieldmerge_model::dataset::{Cell, Column, columns, entry_columns};
use fieldmerge_model::types::{RecordType, RecordTypes};
use fieldmerge_protocol::api::AsOf;
use fieldmerge_store::projects::Project;
use fieldmerge_store::{Store, StoreError, Tx, feeds};

pub use format::Format;

use crate::auth::reader::meets_persons;
use crate::forms;
use crate::keys::{KeyError, Pseudonyms};
use entries::EntryPages;
use format::Writer;
use records::RecordPages;

/// The longest list of positions that an [`AsOf`] states: it travels in a header, and proxies limit those.
const MAX_POSITIONS: usize = 64;

/// What to read.
#[derive(Debug, Clone)]
pub struct DatasetRequest {
    /// The project.
    pub project: Project,
    /// The record type, as `worker`.
    pub record_type: String,
    /// How the rows are written.
    pub format: Format,
    /// Who reads: decides the columns.
    pub role: Role,
}

/// Why there is no dataset.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// No record type has this name; those that the role lists are named.
    #[error("no record type has this name; there are {}", .0.join(", "))]
    UnknownType(Vec<String>),
    /// The role lists no rows of this type, but of these.
    #[error("the role lists no such rows, but {}", .0.join(", "))]
    Forbidden(Vec<String>),
    /// The reader stood still for too long.
    #[error("the reader took too long")]
    Abandoned,
    /// The store failed.
    #[error("the database failed")]
    Store(#[from] StoreError),
    /// The key for pseudonyms cannot be used.
    #[error("a key of the server cannot be used")]
    Key(#[from] KeyError),
}

/// A dataset being read.
pub struct Dataset {
    /// What it stands for.
    pub as_of: AsOf,
    tx: Tx,
    project: Project,
    columns: Vec<Column>,
    pseudonyms: Option<Pseudonyms>,
    pages: Pages,
    writer: Writer,
    is_begun: bool,
}

enum Pages {
    Records(RecordPages),
    Entries(EntryPages),
}

/// The names of those record types that a role may list, for help texts.
fn types_for(types: &RecordTypes, role: Role) -> Vec<String> {
    types.iter().filter(|of| access(role, of.class).lists()).map(|of| of.name.to_string()).collect()
}

/// The columns that a role sees.
fn columns_for(of: &RecordType, role: Role) -> Vec<Column> {
    let all = if of.class.is_log() { entry_columns(of) } else { columns(of) };
    all.into_iter().filter(|column| column.seen_by(role)).collect()
}

impl Dataset {
    /// Begins to read: from here on the rows are those of one moment, however long the reading takes.
    pub async fn open(store: &Store, request: DatasetRequest, now_ms: i64) -> Result<Self, DatasetError> {
        let DatasetRequest { project, record_type, format, role } = request;
        let mut tx = store.read().await?;
        let types = forms::record_types(&mut tx, project.id).await?;
        let of =
            types.find(&record_type).ok_or_else(|| DatasetError::UnknownType(types_for(&types, role)))?;
        if !access(role, of.class).lists() {
            return Err(DatasetError::Forbidden(types_for(&types, role)));
        }
        let as_of = as_of(&mut tx, &project, of, now_ms).await?;
        let pseudonyms =
            if meets_persons(role) { None } else { Some(Pseudonyms::load(&mut tx, project.id).await?) };
        let columns = columns_for(of, role);
        let pages = if of.class.is_log() {
            Pages::Entries(EntryPages::new(Arc::clone(of)))
        } else {
            Pages::Records(RecordPages::new(Arc::clone(of), &types))
        };
        let writer = Writer::new(format, columns.iter().map(|column| column.name.clone()).collect());
        Ok(Self { as_of, tx, project, columns, pseudonyms, pages, writer, is_begun: false })
    }

    /// The next piece of the file; nothing at its end.
    pub async fn next_chunk(&mut self) -> Result<Option<Bytes>, DatasetError> {
        if !self.is_begun {
            self.is_begun = true;
            self.writer.begin();
            if self.writer.has_bytes() {
                return Ok(Some(self.writer.take()));
            }
        }
        loop {
            let page = match &mut self.pages {
                Pages::Records(pages) => pages.next_page(&mut self.tx, &self.project, &self.columns).await?,
                Pages::Entries(pages) => pages.next_page(&mut self.tx, &self.project, &self.columns).await?,
            };
            let Some(rows) = page else { return Ok(None) };
            for mut row in rows {
                self.hide_persons(&mut row);
                self.writer.row(&row);
            }
            if self.writer.has_bytes() {
                return Ok(Some(self.writer.take()));
            }
        }
    }

    /// Puts pseudonyms in the place of persons, for who may not know them.
    fn hide_persons(&self, row: &mut [Cell]) {
        let Some(pseudonyms) = &self.pseudonyms else { return };
        for (column, cell) in self.columns.iter().zip(row) {
            if column.names_person {
                hide(pseudonyms, cell);
            }
        }
    }
}

fn hide(pseudonyms: &Pseudonyms, cell: &mut Cell) {
    match cell {
        Cell::List(cells) => cells.iter_mut().for_each(|cell| hide(pseudonyms, cell)),
        Cell::Token(id) => {
            // What is no id names nobody in particular, but nothing of it is needed either.
            *cell = id.parse().map_or(Cell::Null, |id| Cell::id(pseudonyms.of(id)));
        }
        _ => *cell = Cell::Null,
    }
}

async fn as_of(tx: &mut Tx, project: &Project, of: &RecordType, now_ms: i64) -> Result<AsOf, StoreError> {
    let heads = feeds::list(tx, project.id).await?;
    let of_class = heads.iter().filter(|head| head.feed.class == of.class);
    let positions: BTreeMap<_, _> = of_class.map(|head| (head.feed.area, head.head)).collect();
    Ok(AsOf {
        log: project.log_id,
        now_ms,
        class: of.class,
        changes: positions.values().sum(),
        positions: Some(positions).filter(|positions| positions.len() <= MAX_POSITIONS),
    })
}

#[cfg(test)]
mod tests {
    use fieldmerge_model::pack::himo_types;

    use super::*;

    #[test]
    fn headquarters_sees_neither_names_nor_places_nor_exact_births() {
        let of = himo_types().find("worker").expect("a type of the pack");
        let seen: Vec<String> =
            columns_for(of, Role::Analyst).into_iter().map(|column| column.name).collect();
        for hidden in [
            "family_name",
            "given_names",
            "known_as",
            "birth_date",
            "birth_year",
            "phone",
            "residence_village",
        ] {
            assert!(!seen.iter().any(|name| name.starts_with(hidden)), "{hidden} is hidden from the analyst");
        }
        assert!(seen.contains(&"sex".to_owned()));
        assert!(seen.contains(&"_conflicts".to_owned()));
    }

    #[test]
    fn an_analyst_gets_pseudonyms() {
        assert!(!meets_persons(Role::Analyst));
        let types = himo_types();
        assert!(types_for(types, Role::Analyst).contains(&"worker".to_owned()));
        assert!(!types_for(types, Role::Administrator).contains(&"worker".to_owned()));
    }
}
