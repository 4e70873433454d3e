//! One transaction, and the one place that runs statements: spans, error mapping and the binding of values.

use std::ops::{Deref, DerefMut};

use fieldmerge_protocol::ProjectId;
use futures_util::TryStreamExt;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArguments, PgConnection};
use sqlx::sqlite::{SqliteArguments, SqliteConnection};
use sqlx::{Arguments, Encode, Postgres, Sqlite, Transaction, Type};
use tokio::sync::oneshot;
use tracing::Instrument;

use crate::row::{FromRow, Param, Row};
use crate::{Result, Sql, StoreError};

/// An open transaction. Dropped without [`Tx::commit`], it is rolled back.
#[derive(Debug)]
pub struct Tx {
    pub(crate) inner: Inner,
    /// Whether a statement has failed because another writer was in the way: [`Store::write`](crate::Store::write)
    /// then runs the whole transaction again, whatever its caller made of the error.
    pub(crate) busy: bool,
    /// Whether any statement has failed.
    pub(crate) failed: bool,
    /// Whether this transaction holds or will take the project's gate alone; see [`crate::gate`].
    pub(crate) alone: bool,
    /// The project whose gate the transaction has passed.
    pub(crate) passed: Option<ProjectId>,
}

#[derive(Debug)]
pub(crate) enum Inner {
    Sqlite(Transaction<'static, Sqlite>),
    Postgres(Transaction<'static, Postgres>),
}

impl Tx {
    pub(crate) fn new(inner: Inner) -> Self {
        Self { inner, busy: false, failed: false, alone: false, passed: None }
    }

    /// Makes everything that was written durable and visible to others. A transaction in which a statement failed is
    /// undone instead, and says so: PostgreSQL would undo it in silence, SQLite would commit the rest.
    pub async fn commit(self) -> Result<()> {
        if self.failed {
            self.rollback().await?;
            return Err(StoreError::Undone);
        }
        let span = tracing::debug_span!("db.commit");
        match self.inner {
            Inner::Sqlite(tx) => tx.commit().instrument(span).await?,
            Inner::Postgres(tx) => tx.commit().instrument(span).await?,
        }
        Ok(())
    }

    /// Undoes everything that was written.
    pub async fn rollback(self) -> Result<()> {
        match self.inner {
            // The connection undoes it before all that it is told next, and nobody has to wait: every request reads.
            Inner::Sqlite(tx) => drop(tx),
            Inner::Postgres(tx) => tx.rollback().await?,
        }
        Ok(())
    }

    /// Begins a statement.
    pub(crate) fn query(&mut self, sql: &Sql) -> Query<'_> {
        let driver = match &mut self.inner {
            Inner::Sqlite(tx) => Driver::Sqlite(tx, SqliteArguments::default()),
            Inner::Postgres(tx) => Driver::Postgres(tx, PgArguments::default()),
        };
        let fate = Fate { busy: &mut self.busy, failed: &mut self.failed };
        Query { sql: *sql, driver, fate, unbound: None }
    }

    /// Notes that this transaction lost against another, and says so.
    pub(crate) fn lost(&mut self) -> StoreError {
        self.busy = true;
        self.failed = true;
        StoreError::Busy
    }

    /// Where the outcome of a statement is noted.
    pub(crate) fn fate(&mut self) -> (&mut Inner, Fate<'_>) {
        (&mut self.inner, Fate { busy: &mut self.busy, failed: &mut self.failed })
    }
}

/// A transaction that [`Store::write`](crate::Store::write) lends to one run of its work, and commits afterwards.
#[derive(Debug)]
pub struct Lent {
    tx: Option<Tx>,
    back: Option<oneshot::Sender<Tx>>,
}

impl Lent {
    /// Lends a transaction; it comes back when the value is dropped.
    pub(crate) fn new(tx: Tx) -> (Self, oneshot::Receiver<Tx>) {
        let (back, receiver) = oneshot::channel();
        (Self { tx: Some(tx), back: Some(back) }, receiver)
    }
}

impl Deref for Lent {
    type Target = Tx;
    fn deref(&self) -> &Tx {
        self.tx.as_ref().expect("it is there until the value is dropped")
    }
}

impl DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut Tx {
        self.tx.as_mut().expect("it is there until the value is dropped")
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let (Some(back), Some(tx)) = (self.back.take(), self.tx.take()) {
            // Nobody waits for it when the whole write was dropped: then it is undone.
            drop(back.send(tx));
        }
    }
}

/// What the statements of a transaction came to.
pub(crate) struct Fate<'t> {
    busy: &'t mut bool,
    failed: &'t mut bool,
}

impl Fate<'_> {
    /// Notes the outcome of a statement. A row that does not decode harms nothing but its reader.
    pub(crate) fn note<T>(self, result: Result<T>) -> Result<T> {
        if let Err(error) = &result {
            *self.busy |= error.is_busy();
            *self.failed |= !matches!(error, StoreError::Corrupt { .. });
        }
        result
    }
}

/// A value that both drivers can bind.
pub(crate) trait Bind:
    for<'q> Encode<'q, Sqlite> + Type<Sqlite> + for<'q> Encode<'q, Postgres> + Type<Postgres>
{
}

impl<T> Bind for T where
    T: for<'q> Encode<'q, Sqlite> + Type<Sqlite> + for<'q> Encode<'q, Postgres> + Type<Postgres>
{
}

/// A statement with the values bound so far.
pub(crate) struct Query<'t> {
    sql: Sql,
    driver: Driver<'t>,
    fate: Fate<'t>,
    /// Why a value could not be bound; reported when the statement is run.
    unbound: Option<BoxDynError>,
}

pub(crate) enum Driver<'t> {
    Sqlite(&'t mut SqliteConnection, SqliteArguments),
    Postgres(&'t mut PgConnection, PgArguments),
}

impl Query<'_> {
    /// Binds the next value.
    pub(crate) fn bind(self, value: impl Param) -> Self {
        match value.raw() {
            Ok(raw) => self.bind_raw(raw),
            Err(error) => Self { unbound: Some(error), ..self },
        }
    }

    pub(crate) fn bind_raw(mut self, value: impl Bind) -> Self {
        let bound = match &mut self.driver {
            Driver::Sqlite(_, arguments) => arguments.add(value),
            Driver::Postgres(_, arguments) => arguments.add(value),
        };
        if let Err(error) = bound {
            self.unbound = Some(error);
        }
        self
    }

    /// Binds a value, such as an array, that only PostgreSQL knows; nothing on SQLite.
    pub(crate) fn bind_postgres<T>(mut self, value: T) -> Self
    where
        T: for<'q> Encode<'q, Postgres> + Type<Postgres>,
    {
        if let Driver::Postgres(_, arguments) = &mut self.driver
            && let Err(error) = arguments.add(value)
        {
            self.unbound = Some(error);
        }
        self
    }

    /// Runs the statement and tells how many rows it touched.
    pub(crate) async fn execute(self) -> Result<u64> {
        let Self { sql, driver, fate, unbound } = self;
        bound(unbound)?;
        let span = tracing::debug_span!("db.query", statement = sql.name, table = sql.table);
        let touched = async {
            match driver {
                Driver::Sqlite(connection, arguments) => {
                    Ok(sqlx::query_with(sql.sqlite, arguments).execute(connection).await?.rows_affected())
                }
                Driver::Postgres(connection, arguments) => {
                    Ok(sqlx::query_with(sql.postgres, arguments).execute(connection).await?.rows_affected())
                }
            }
        };
        fate.note(touched.instrument(span).await)
    }

    /// Runs the statement and reads all its rows.
    pub(crate) async fn fetch_all<T: FromRow>(self) -> Result<Vec<T>> {
        let Self { sql, driver, fate, unbound } = self;
        bound(unbound)?;
        let span = tracing::debug_span!("db.query", statement = sql.name, table = sql.table);
        let rows = async {
            let mut found = Vec::new();
            match driver {
                Driver::Sqlite(connection, arguments) => {
                    let mut rows = sqlx::query_with(sql.sqlite, arguments).fetch(connection);
                    while let Some(row) = rows.try_next().await? {
                        found.push(T::from_row(&Row::sqlite(sql.table, row))?);
                    }
                }
                Driver::Postgres(connection, arguments) => {
                    let mut rows = sqlx::query_with(sql.postgres, arguments).fetch(connection);
                    while let Some(row) = rows.try_next().await? {
                        found.push(T::from_row(&Row::postgres(sql.table, row))?);
                    }
                }
            }
            Ok(found)
        };
        fate.note(rows.instrument(span).await)
    }

    /// Runs the statement and reads its first row, if there is one.
    pub(crate) async fn fetch_optional<T: FromRow>(self) -> Result<Option<T>> {
        let Self { sql, driver, fate, unbound } = self;
        bound(unbound)?;
        let span = tracing::debug_span!("db.query", statement = sql.name, table = sql.table);
        let row = async {
            let row = match driver {
                Driver::Sqlite(connection, arguments) => sqlx::query_with(sql.sqlite, arguments)
                    .fetch_optional(connection)
                    .await?
                    .map(|row| Row::sqlite(sql.table, row)),
                Driver::Postgres(connection, arguments) => sqlx::query_with(sql.postgres, arguments)
                    .fetch_optional(connection)
                    .await?
                    .map(|row| Row::postgres(sql.table, row)),
            };
            row.map(|row| T::from_row(&row)).transpose()
        };
        fate.note(row.instrument(span).await)
    }

    /// Runs a statement that always gives a row.
    pub(crate) async fn fetch_one<T: FromRow>(self) -> Result<T> {
        self.fetch_optional().await?.ok_or(StoreError::Driver(sqlx::Error::RowNotFound))
    }
}

fn bound(unbound: Option<BoxDynError>) -> Result<()> {
    match unbound {
        Some(error) => Err(StoreError::Driver(sqlx::Error::Encode(error))),
        None => Ok(()),
    }
}
