//! A database of its own for one test: SQLite in memory-backed files, or a database of the shared PostgreSQL.

use std::path::PathBuf;

use fieldmerge_store::{Store, StoreOptions};
use sqlx::{Connection, PgConnection, SqliteConnection};
use tempfile::TempDir;

use crate::postgres;

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    Sqlite,
    /// A server.
    Postgres,
}

/// A database that is gone when dropped.
#[derive(Debug)]
pub enum Database {
    /// The folder that the file stands in.
    Sqlite(TempDir),
    /// A database of the shared server.
    Postgres(postgres::Database),
}

impl Database {
    /// A new one without anything in it.
    pub async fn new(kind: Kind) -> Self {
        match kind {
            Kind::Sqlite => Self::Sqlite(folder()),
            Kind::Postgres => Self::Postgres(postgres::migrated().await),
        }
    }

    /// Another one with the same content. Nobody may be connected to this one.
    pub async fn copy(&self) -> Self {
        match self {
            Self::Sqlite(from) => {
                let to = folder();
                for entry in std::fs::read_dir(from.path()).expect("our own folder can be read") {
                    let path = entry.expect("our own folder can be read").path();
                    let name = path.file_name().expect("a file has a name");
                    std::fs::copy(&path, to.path().join(name)).expect("the file can be copied");
                }
                Self::Sqlite(to)
            }
            Self::Postgres(from) => Self::Postgres(from.copy().await),
        }
    }

    /// Which database this is.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Sqlite(_) => Kind::Sqlite,
            Self::Postgres(_) => Kind::Postgres,
        }
    }

    /// For `Store::open` and for a spawned server.
    pub fn url(&self) -> String {
        match self {
            Self::Sqlite(folder) => format!("sqlite:{}", folder.path().join("fieldmerge.db").display()),
            Self::Postgres(database) => database.url.clone(),
        }
    }

    /// Runs statements behind the server's back.
    pub async fn tamper(&self, sql: &'static str) {
        match self {
            Self::Sqlite(_) => {
                let mut connection = SqliteConnection::connect(&self.url()).await.expect("the file opens");
                sqlx::raw_sql(sql).execute(&mut connection).await.expect("the statements run");
                connection.close().await.expect("the file closes");
            }
            Self::Postgres(_) => {
                let mut connection = PgConnection::connect(&self.url()).await.expect("PostgreSQL answers");
                sqlx::raw_sql(sql).execute(&mut connection).await.expect("the statements run");
            }
        }
    }

    /// Returns when so many transactions of a PostgreSQL database wait for a lock.
    pub async fn until_waiting(&self, transactions: i64) {
        let sql = "SELECT COUNT(*) FROM pg_stat_activity
            WHERE datname = current_database() AND wait_event_type = 'Lock'";
        let mut connection = PgConnection::connect(&self.url()).await.expect("PostgreSQL answers");
        loop {
            let waiting: i64 =
                sqlx::query_scalar(sql).fetch_one(&mut connection).await.expect("PostgreSQL counts");
            if waiting >= transactions {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    /// Opens it with the schema in place, with few connections: many tests run side by side.
    pub async fn store(&self) -> Store {
        let options =
            StoreOptions { readers: 2, writers: 3, cache_bytes: 4 << 20, ..StoreOptions::default() };
        let store = Store::open_with(&self.url(), &options).await.expect("the database opens");
        if self.kind() == Kind::Sqlite {
            store.migrate().await.expect("the schema is brought up to date");
        }
        store
    }
}

/// A folder in memory where the system has one. What these tests kill are processes, and those lose nothing that the
/// system has taken; a disk that waits for its platters would only make them slow.
pub fn folder() -> TempDir {
    let memory = PathBuf::from("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.expect("a temporary folder can be made")
}
