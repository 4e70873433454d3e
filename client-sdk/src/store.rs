//! The store of a device: one SQLite file, a table for each table of the engine.
//!
//! WAL with `synchronous=FULL`: when a batch is confirmed it survives a loss of power. What is deleted is overwritten, in
//! the file at once and in the log after a sync. The file is locked for this one
//! process, because two engines over one store would write the same change numbers with different content.

use std::path::Path;
use std::sync::Arc;

use fieldmerge_engine::{Batch, Snapshot, Table};
use sqlx::error::DatabaseError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteLockingMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use crate::error::Error;

/// The layout of the file; a later one is not opened.
const LAYOUT: i64 = 1;

/// An open store.
#[derive(Debug)]
pub(crate) struct Store {
    connection: SqliteConnection,
}

/// The statements of one table.
struct Statements {
    create: &'static str,
    load: &'static str,
    put: &'static str,
    delete: &'static str,
}

macro_rules! statements {
    ($name:literal) => {
        Statements {
            create: concat!(
                "CREATE TABLE IF NOT EXISTS ",
                $name,
                " (key BLOB NOT NULL PRIMARY KEY, value BLOB NOT NULL) STRICT"
            ),
            load: concat!("SELECT key, value FROM ", $name),
            put: concat!(
                "INSERT INTO ",
                $name,
                " (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value"
            ),
            delete: concat!("DELETE FROM ", $name, " WHERE key = $1"),
        }
    };
}

fn statements(table: Table) -> Statements {
    match table {
        Table::Meta => statements!("meta"),
        Table::Records => statements!("records"),
        Table::LogEntries => statements!("log_entries"),
        Table::Outbox => statements!("outbox"),
        Table::Frames => statements!("frames"),
        Table::Cursors => statements!("cursors"),
        Table::Carried => statements!("carried"),
        Table::Receipts => statements!("receipts"),
        Table::Notices => statements!("notices"),
        Table::Dictionaries => statements!("dictionaries"),
        Table::Attachments => statements!("attachments"),
        Table::References => statements!("attachment_references"),
        Table::Kept => statements!("kept"),
        Table::Passed => statements!("passed"),
        Table::Provisional => statements!("provisional"),
        Table::Forms => statements!("forms"),
    }
}

impl Store {
    /// Opens the file, or makes it.
    pub(crate) async fn open(file: &Path) -> Result<Self, Error> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .locking_mode(SqliteLockingMode::Exclusive)
            // What is deleted may be what nobody shall read back from this device: it is overwritten.
            .pragma("secure_delete", "ON")
            .busy_timeout(std::time::Duration::from_secs(2))
            .disable_statement_logging();
        let mut store = Self { connection: options.connect().await.map_err(|error| unopened(&error, file))? };
        store.lay_out(file).await?;
        Ok(store)
    }

    async fn lay_out(&mut self, file: &Path) -> Result<(), Error> {
        let found: i64 = sqlx::query_scalar("PRAGMA user_version")
            .fetch_one(&mut self.connection)
            .await
            .map_err(|error| unopened(&error, file))?;
        if found > LAYOUT {
            return Err(Error::Open(fieldmerge_engine::OpenError::LaterVersion));
        }
        let mut transaction =
            self.connection.begin_with("BEGIN IMMEDIATE").await.map_err(|error| unopened(&error, file))?;
        for table in Table::ALL {
            sqlx::query(statements(table).create).execute(&mut *transaction).await?;
        }
        sqlx::query("PRAGMA user_version = 1").execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Everything that the store holds.
    pub(crate) async fn load(&mut self) -> Result<Snapshot, Error> {
        let mut snapshot = Snapshot::default();
        for table in Table::ALL {
            let rows: Vec<(Vec<u8>, Vec<u8>)> =
                sqlx::query_as(statements(table).load).fetch_all(&mut self.connection).await?;
            snapshot.rows.extend(rows.into_iter().map(|(key, value)| (table, key, Arc::from(value))));
        }
        Ok(snapshot)
    }

    /// Empties the write-ahead log: it may hold rows that were deleted since. Costs a flush or two of the disk, so it is
    /// done after a sync, not after each batch; one that fails is made up for by the next.
    pub(crate) async fn forget_log(&mut self) {
        _ = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut self.connection).await;
    }

    /// Writes a batch: all of it, durably, or nothing.
    pub(crate) async fn write(&mut self, batch: &Batch) -> Result<(), Error> {
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await?;
        for write in &batch.writes {
            let statements = statements(write.table);
            match &write.value {
                Some(value) => {
                    sqlx::query(statements.put)
                        .bind(&write.key)
                        .bind(&value[..])
                        .execute(&mut *transaction)
                        .await?;
                }
                None => {
                    sqlx::query(statements.delete).bind(&write.key).execute(&mut *transaction).await?;
                }
            }
        }
        transaction.commit().await?;
        Ok(())
    }
}

/// Says in words why the file cannot be opened; most often another process holds its lock.
fn unopened(error: &sqlx::Error, file: &Path) -> Error {
    let code = error.as_database_error().and_then(DatabaseError::code);
    let primary = code.and_then(|code| code.parse::<u32>().ok()).map(|code| code & 0xff);
    let why = match primary {
        Some(5) => return Error::InUse { folder: file.parent().unwrap_or(file).to_owned() },
        Some(8 | 14) => "it may not be read and written here".to_owned(),
        Some(10) => "the disk reports an error".to_owned(),
        Some(11 | 26) => "it is damaged, or no store of a device".to_owned(),
        Some(13) => "the disk is full".to_owned(),
        _ => error.to_string(),
    };
    Error::Unopened { file: file.to_owned(), why }
}
