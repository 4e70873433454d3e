//! Opening a database, and running transactions on it.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use sqlx::pool::PoolOptions;
use sqlx::postgres::PgConnectOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Database, Executor, PgPool, Sqlite, SqliteConnection, SqlitePool};

use crate::file_error::{FileError, unopened};
use crate::tx::{Inner, Lent, Tx};
use crate::{Result, StoreError, migrations};

/// Statements that each connection keeps prepared: more than this crate has.
const PREPARED_STATEMENTS: usize = 256;

/// An open database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    pools: Pools,
    attempts: u32,
}

/// Which of the two databases a store speaks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// The embedded default.
    Sqlite,
    /// The one for scale.
    Postgres,
}

#[derive(Debug, Clone)]
enum Pools {
    /// SQLite has one writer at a time, so the waiting happens in the pool, where it is fair, and not in the file lock.
    Sqlite { writer: SqlitePool, readers: SqlitePool },
    /// Long reads have connections of their own, so that an export never keeps a push waiting.
    Postgres { writers: PgPool, readers: PgPool },
}

/// How a store is opened.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// The most connections that read at a time.
    pub readers: u32,
    /// The most connections that write at a time; PostgreSQL only, SQLite has one.
    pub writers: u32,
    /// How long a transaction waits for a lock or a connection before it is busy.
    pub busy_timeout: Duration,
    /// How often a busy transaction is run before its caller learns of it.
    pub attempts: u32,
    /// SQLite's page cache for the writer; a reader has an eighth.
    pub cache_bytes: u32,
    /// SQLite's write-ahead log is copied into the database when it has grown by so many bytes: larger means that a
    /// page which many transactions touch is copied once for all of them.
    pub checkpoint_bytes: u32,
}

impl Default for StoreOptions {
    fn default() -> Self {
        Self {
            readers: 4,
            writers: 8,
            busy_timeout: Duration::from_secs(5),
            attempts: 6,
            cache_bytes: 64 << 20,
            checkpoint_bytes: 64 << 20,
        }
    }
}

impl Store {
    /// The file of a SQLite database; `None` for any other database.
    pub fn file(url: &str) -> Option<PathBuf> {
        if !url.starts_with("sqlite:") {
            return None;
        }
        let file = SqliteConnectOptions::from_str(url).ok()?.get_filename().to_owned();
        // A database in memory has such a name instead of a file.
        (!file.to_string_lossy().starts_with("file:")).then_some(file)
    }

    /// Opens the database at `sqlite:path` (made if it does not exist) or `postgres://…`, with the default options.
    pub async fn open(url: &str) -> Result<Self> {
        Self::open_with(url, &StoreOptions::default()).await
    }

    /// Opens a database. The schema is not touched: call [`Store::migrate`]. A SQLite file of another program is refused
    /// before anything is written to it.
    pub async fn open_with(url: &str, options: &StoreOptions) -> Result<Self> {
        let pools = if url.starts_with("sqlite:") {
            open_sqlite(url, options).await?
        } else if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            open_postgres(url, options).await?
        } else {
            return Err(StoreError::UnknownUrl);
        };
        Ok(Self { pools, attempts: options.attempts.max(1) })
    }

    /// Which database this is.
    pub fn dialect(&self) -> Dialect {
        match &self.pools {
            Pools::Sqlite { .. } => Dialect::Sqlite,
            Pools::Postgres { .. } => Dialect::Postgres,
        }
    }

    /// Brings the schema up to date. On SQLite only one process may do so at a time, and a file with tables of another
    /// program is refused.
    pub async fn migrate(&self) -> Result<()> {
        let migrations = migrations::of(self.dialect());
        match &self.pools {
            Pools::Sqlite { writer, .. } => {
                refuse_foreign(&mut *writer.acquire().await?, writer.connect_options().get_filename())
                    .await?;
                migrations.run(writer).await
            }
            Pools::Postgres { writers, .. } => migrations.run(writers).await,
        }
        .map_err(StoreError::Migrate)
    }

    /// Begins a transaction that may write. SQLite takes the write lock now, because a transaction that reads first and
    /// writes later fails when another wrote in between; PostgreSQL locks row by row, as the functions say.
    pub async fn begin(&self) -> Result<Tx> {
        let inner = match &self.pools {
            Pools::Sqlite { writer, .. } => Inner::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?),
            Pools::Postgres { writers, .. } => Inner::Postgres(writers.begin_with("BEGIN").await?),
        };
        Ok(Tx::new(inner))
    }

    /// Begins a transaction that reads one snapshot, from its first statement on, and cannot write.
    pub async fn read(&self) -> Result<Tx> {
        let inner = match &self.pools {
            Pools::Sqlite { readers, .. } => Inner::Sqlite(readers.begin_with("BEGIN").await?),
            Pools::Postgres { readers, .. } => {
                Inner::Postgres(readers.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?)
            }
        };
        Ok(Tx::new(inner))
    }

    /// Runs `work` in a transaction and commits it. When another writer was in the way the whole of `work` is run again,
    /// a bounded number of times with growing pauses; then the caller gets [`StoreError::Busy`]. Whatever else `work`
    /// returns as an error undoes the transaction and is passed on.
    ///
    /// Each run is of a clone of `work`, so that it begins as the first one did: `work` borrows what it needs and
    /// changes nothing but the database. A closure does: `store.write(async |mut tx| insert(&mut tx, &row).await)`.
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        E: From<StoreError>,
        F: AsyncFnOnce(Lent) -> Result<T, E> + Clone,
    {
        let mut pause = Duration::from_millis(5);
        let mut alone = false;
        let mut attempt = 0;
        loop {
            attempt += 1;
            match self.once(work.clone(), alone).await {
                Done::Alone => alone = true,
                Done::Busy if attempt < self.attempts => {
                    tracing::debug!(attempt, "the database is busy, running the transaction again");
                    tokio::time::sleep(pause).await;
                    pause *= 2;
                }
                Done::Busy => return Err(StoreError::Busy.into()),
                Done::Finished(result) => return result,
            }
        }
    }

    async fn once<T, E, F>(&self, work: F, alone: bool) -> Done<Result<T, E>>
    where
        E: From<StoreError>,
        F: AsyncFnOnce(Lent) -> Result<T, E>,
    {
        let mut tx = match self.begin().await {
            Ok(tx) => tx,
            Err(error) => return Done::from_error(error),
        };
        tx.alone = alone;
        let (lent, mut back) = Lent::new(tx);
        let result = work(lent).await;
        // Gone only if the work kept it, in its result or elsewhere; then it was not meant to be committed.
        let Ok(tx) = back.try_recv() else {
            return Done::Finished(result.and(Err(StoreError::Undone.into())));
        };
        if tx.alone && !alone {
            return Done::Alone;
        }
        match result {
            _ if tx.busy => Done::Busy,
            Err(error) => Done::Finished(Err(error)),
            Ok(value) => match tx.commit().await {
                Ok(()) => Done::Finished(Ok(value)),
                Err(error) => Done::from_error(error),
            },
        }
    }

    /// Asks the database for an answer, for readiness checks.
    pub async fn ping(&self) -> Result<()> {
        match &self.pools {
            Pools::Sqlite { readers, .. } => readers.execute("SELECT 1").await.map(|_| ())?,
            Pools::Postgres { readers, .. } => readers.execute("SELECT 1").await.map(|_| ())?,
        }
        Ok(())
    }

    /// Waits for the running transactions and closes all connections; SQLite's write-ahead log is then empty.
    pub async fn close(&self) {
        match &self.pools {
            Pools::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Pools::Postgres { writers, readers } => {
                readers.close().await;
                writers.close().await;
            }
        }
    }
}

/// What became of one run of a transaction.
enum Done<R> {
    /// It must be the only writer of its project: run it again as such.
    Alone,
    /// Another writer was in the way: run it again.
    Busy,
    /// Committed, or failed for a reason of its own.
    Finished(R),
}

impl<T, E: From<StoreError>> Done<Result<T, E>> {
    fn from_error(error: StoreError) -> Self {
        if error.is_busy() { Self::Busy } else { Self::Finished(Err(error.into())) }
    }
}

/// Refuses a database that holds tables, but not ours.
async fn refuse_foreign(connection: &mut SqliteConnection, file: &Path) -> Result<()> {
    let tables: Vec<String> =
        sqlx::query_scalar("SELECT name FROM sqlite_master").fetch_all(connection).await?;
    let ours = |name: &str| tables.iter().any(|table| table == name);
    let begun = ours("_sqlx_migrations") && (tables.len() <= MIGRATION_OBJECTS || ours("projects"));
    if tables.is_empty() || begun {
        return Ok(());
    }
    Err(StoreError::of_file(FileError::Foreign(file.to_owned())))
}

/// The table of migrations and its index: a database whose first migration was cut holds no more.
const MIGRATION_OBJECTS: usize = 2;

/// Looks into a file that exists without a lock, a log or any other trace beside it. What can only be seen with them,
/// [`Store::migrate`] sees.
async fn look_into(options: &SqliteConnectOptions) -> Result<()> {
    let file = options.get_filename();
    if !std::fs::metadata(file).is_ok_and(|known| known.len() > 0) {
        return Ok(());
    }
    let only_look = SqliteConnectOptions::new().filename(file).read_only(true).immutable(true);
    let mut connection =
        only_look.disable_statement_logging().connect().await.map_err(|error| unopened(error, file))?;
    let looked = refuse_foreign(&mut connection, file).await;
    connection.close().await?;
    match looked {
        // A file that is being written may not read well without a lock.
        Err(error) if error.about_file().is_some() => Err(error),
        _ => Ok(()),
    }
}

async fn open_sqlite(url: &str, options: &StoreOptions) -> Result<Pools> {
    let base = SqliteConnectOptions::from_str(url)?
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(options.busy_timeout)
        .statement_cache_capacity(PREPARED_STATEMENTS)
        .page_size(PAGE_BYTES)
        .disable_statement_logging();
    look_into(&base).await?;
    let file = base.get_filename().to_owned();
    // SQLite counts a negative cache size in KiB.
    let cache = |bytes: u32| format!("-{}", bytes / 1024);
    let writer = whole(pool(options, 1))
        .connect_with(
            base.clone()
                .pragma("cache_size", cache(options.cache_bytes))
                .pragma("wal_autocheckpoint", (options.checkpoint_bytes / PAGE_BYTES).to_string()),
        )
        .await
        .map_err(|error| unopened(error, &file))?;
    let readers = whole(pool(options, options.readers))
        .connect_with(base.read_only(true).pragma("cache_size", cache(options.cache_bytes / 8)))
        .await?;
    Ok(Pools::Sqlite { writer, readers })
}

/// Replaces a connection whose transaction never ends for its driver: where a disk fails SQLite undoes a transaction by
/// itself, the rollback after it finds none, and no other one can begin.
fn whole(options: PoolOptions<Sqlite>) -> PoolOptions<Sqlite> {
    options.before_acquire(|connection, _| {
        Box::pin(async move {
            if connection.is_in_transaction() {
                // Mostly the rollback is only on its way.
                connection.ping().await?;
            }
            Ok(!connection.is_in_transaction())
        })
    })
}

/// SQLite's page. Records of about two kilobytes fill larger pages better (1,780 bytes a record against 2,200 in pages of
/// 4,096); still larger ones cost more log for each random key.
const PAGE_BYTES: u32 = 8192;

async fn open_postgres(url: &str, options: &StoreOptions) -> Result<Pools> {
    let timeout = options.busy_timeout.as_millis().to_string();
    let connect = PgConnectOptions::from_str(url)?
        .application_name("fieldmerge")
        .statement_cache_capacity(PREPARED_STATEMENTS)
        .options([("synchronous_commit", "on"), ("lock_timeout", timeout.as_str())])
        .disable_statement_logging();
    // A pool goes on trying and at last says that it timed out; one connection says what is wrong.
    let first = tokio::time::timeout(options.busy_timeout, connect.connect()).await;
    first.map_err(|_| StoreError::Unavailable(sqlx::Error::PoolTimedOut))??.close().await?;
    let writers = pool(options, options.writers).connect_with(connect.clone()).await?;
    let readers = pool(options, options.readers).connect_with(connect).await?;
    Ok(Pools::Postgres { writers, readers })
}

fn pool<DB: Database>(options: &StoreOptions, connections: u32) -> PoolOptions<DB> {
    PoolOptions::new()
        .max_connections(connections.max(1))
        .acquire_timeout(options.busy_timeout)
        // A connection to a PostgreSQL that was restarted is replaced, and nobody notices.
        .test_before_acquire(DB::NAME == sqlx::Postgres::NAME)
        // Connections keep their prepared statements and their cache for as long as the server runs.
        .idle_timeout(None)
        .max_lifetime(None)
}
