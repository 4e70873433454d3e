//! Many rows in few statements.

use std::ops::Range;

use fieldmerge_protocol::ProjectId;
use sqlx::Arguments as _;
use sqlx::error::BoxDynError;
use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use tracing::Instrument;
use uuid::Uuid;

use crate::row::{FromRow, JsonText};
use crate::sql::RowsSql;
use crate::tx::Inner;
use crate::{Result, Sql, StoreError, Tx};

/// One column of a batch. PostgreSQL takes it as one array, SQLite value by value.
pub(crate) enum Values<'a> {
    /// The same id in every row.
    Same(Uuid),
    /// Ids.
    Uuid(Vec<Uuid>),
    /// Ids that may be absent.
    MaybeUuid(Vec<Option<Uuid>>),
    /// Integers.
    Int(Vec<i64>),
    /// Short or long bytes.
    Bytes(Vec<&'a [u8]>),
    /// Text.
    Text(Vec<&'a str>),
    /// JSON as text.
    Json(Vec<JsonText<&'a str>>),
}

impl Tx {
    /// Writes `rows` rows, given as columns in the statement's order, and tells how many were written.
    pub(crate) async fn write_rows(
        &mut self,
        sql: &RowsSql,
        rows: usize,
        columns: &[Values<'_>],
    ) -> Result<u64> {
        if rows == 0 {
            return Ok(0);
        }
        let span = tracing::debug_span!(
            "db.query",
            statement = sql.sqlite[3].name,
            table = sql.sqlite[3].table,
            rows
        );
        let (inner, fate) = self.fate();
        let written = match inner {
            Inner::Postgres(tx) => {
                async {
                    let arguments = arrays(columns).map_err(unbound)?;
                    let text = sql.sqlite[0].postgres;
                    Ok(sqlx::query_with(text, arguments).execute(&mut **tx).await?.rows_affected())
                }
                .instrument(span)
                .await
            }
            Inner::Sqlite(tx) => {
                async {
                    let mut written = 0;
                    for (text, chunk) in chunks(sql, rows) {
                        let arguments = flat(columns, chunk).map_err(unbound)?;
                        written += sqlx::query_with(text.sqlite, arguments)
                            .execute(&mut **tx)
                            .await?
                            .rows_affected();
                    }
                    Ok(written)
                }
                .instrument(span)
                .await
            }
        };
        fate.note(written)
    }
}

impl Tx {
    /// Reads the rows of these ids in the statement's order, which is that of the ids: they must be sorted. The statement
    /// takes the project, then the ids: an array on PostgreSQL, so many placeholders on SQLite.
    pub(crate) async fn fetch_rows<T: FromRow>(
        &mut self,
        sql: &RowsSql,
        project: ProjectId,
        ids: &[Uuid],
    ) -> Result<Vec<T>> {
        let project = project.uuid();
        if let Inner::Postgres(_) = self.inner {
            if ids.is_empty() {
                return Ok(Vec::new());
            }
            let text = &sql.sqlite[0];
            return self.query(text).bind_raw(project).bind_postgres(ids.to_vec()).fetch_all().await;
        }
        let mut found = Vec::new();
        let mut left = ids;
        while let Some(last) = left.last() {
            let (size, text) = fitting(sql, left.len());
            let (these, rest) = left.split_at(size.min(left.len()));
            let mut query = self.query(text).bind_raw(project);
            // The last id again in the places that are left over: it is found once all the same, and one statement
            // that is too long costs less than several that fit.
            for id in these.iter().chain(std::iter::repeat_n(last, size - these.len())) {
                query = query.bind_raw(*id);
            }
            found.extend(query.fetch_all::<T>().await?);
            left = rest;
        }
        Ok(found)
    }
}

fn unbound(error: BoxDynError) -> StoreError {
    StoreError::Driver(sqlx::Error::Encode(error))
}

/// Cuts a batch into chunks for which there is a text.
fn chunks(sql: &RowsSql, rows: usize) -> impl Iterator<Item = (&Sql, Range<usize>)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let left = rows - done;
        let (size, text) = RowsSql::SIZES.into_iter().zip(&sql.sqlite).find(|(size, _)| *size <= left)?;
        done += size;
        Some((text, done - size..done))
    })
}

/// The smallest text that takes so many rows, or the largest there is.
fn fitting(sql: &RowsSql, rows: usize) -> (usize, &Sql) {
    let sizes = || RowsSql::SIZES.into_iter().zip(&sql.sqlite);
    let fits = sizes().rev().find(|(size, _)| *size >= rows);
    fits.unwrap_or((RowsSql::SIZES[0], &sql.sqlite[0]))
}

/// SQLite's arguments for a chunk: row after row.
fn flat(columns: &[Values<'_>], chunk: Range<usize>) -> Result<SqliteArguments, BoxDynError> {
    let mut arguments = SqliteArguments::default();
    arguments.reserve(columns.len() * chunk.len(), 0);
    for row in chunk {
        for column in columns {
            match column {
                Values::Same(value) => arguments.add(*value),
                Values::Uuid(values) => arguments.add(values[row]),
                Values::MaybeUuid(values) => arguments.add(values[row]),
                Values::Int(values) => arguments.add(values[row]),
                Values::Bytes(values) => arguments.add(values[row]),
                Values::Text(values) => arguments.add(values[row]),
                Values::Json(values) => arguments.add(values[row]),
            }?;
        }
    }
    Ok(arguments)
}

/// PostgreSQL's arguments: an array for each column.
fn arrays(columns: &[Values<'_>]) -> Result<PgArguments, BoxDynError> {
    let mut arguments = PgArguments::default();
    arguments.reserve(columns.len(), 0);
    for column in columns {
        match column {
            Values::Same(value) => arguments.add(*value),
            Values::Uuid(values) => arguments.add(values),
            Values::MaybeUuid(values) => arguments.add(values),
            Values::Int(values) => arguments.add(values),
            Values::Bytes(values) => arguments.add(values),
            Values::Text(values) => arguments.add(values),
            Values::Json(values) => arguments.add(values),
        }?;
    }
    Ok(arguments)
}
