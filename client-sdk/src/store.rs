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
    /// Whether a batch was begun and perhaps not ended.
    unended: bool,
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
        let connection = options.connect().await.map_err(|error| unopened(&error, file))?;
        let mut store = Self { connection, unended: false };
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
    ///
    /// The transaction is not one of the driver: where the disk is full SQLite undoes it by itself, the driver's rollback finds
    /// none, and it would never begin another one.
    pub(crate) async fn write(&mut self, batch: &Batch) -> Result<(), Error> {
        if self.unended {
            // Fails where SQLite has undone it already.
            _ = self.run("ROLLBACK").await;
        }
        self.unended = true;
        self.run("BEGIN IMMEDIATE").await?;
        for write in &batch.writes {
            let statements = statements(write.table);
            let query = match &write.value {
                Some(value) => sqlx::query(statements.put).bind(&write.key).bind(&value[..]),
                None => sqlx::query(statements.delete).bind(&write.key),
            };
            query.execute(&mut self.connection).await?;
        }
        self.run("COMMIT").await?;
        self.unended = false;
        Ok(())
    }

    async fn run(&mut self, sql: &'static str) -> Result<(), Error> {
        sqlx::query(sql).execute(&mut self.connection).await?;
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

#[cfg(test)]
mod tests {
    use fieldmerge_engine::Write;

    use super::*;

    async fn limit(store: &mut Store, pages: u32) {
        let sql = sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {pages}"));
        sqlx::query(sql).execute(&mut store.connection).await.expect("a limit can be set");
    }

    fn batch(number: u8) -> Batch {
        let rows = (0..50).map(|row| Write {
            table: Table::Records,
            key: vec![number, row],
            value: Some(Arc::from(vec![7; 3_000])),
        });
        Batch { id: 0, writes: rows.collect() }
    }

    /// People free space and go on; nobody tells them to start the app anew.
    #[tokio::test]
    async fn a_store_goes_on_when_a_full_disk_has_room_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("device.db");
        let mut store = Store::open(&file).await.expect("it opens");
        store.write(&batch(0)).await.expect("it is written");
        limit(&mut store, 1).await;
        for number in 1..4 {
            store.write(&batch(number)).await.expect_err("the disk is full");
        }
        limit(&mut store, u32::MAX).await;
        store.write(&batch(4)).await.expect("the disk has room");
        drop(store);
        let rows = Store::open(&file).await.expect("it opens").load().await.expect("it reads").rows;
        let kept: Vec<u8> = rows.iter().map(|(_, key, _)| key[0]).collect();
        assert_eq!(kept, [vec![0; 50], vec![4; 50]].concat(), "what was not written left nothing");
    }
}
