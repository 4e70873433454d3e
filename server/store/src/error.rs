//! What can go wrong between the server and its database.

use sqlx::error::ErrorKind;

/// A failure of the store. The texts hold names of tables and keys, never a value that a person typed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A row with this key exists already.
    #[error("a row with this key exists already")]
    Duplicate,
    /// The row names another that does not exist.
    #[error("the row refers to one that does not exist")]
    ForeignKey,
    /// Another writer was in the way. The transaction is lost; the same work may succeed when done again.
    #[error("the database is busy")]
    Busy,
    /// A statement of the transaction failed, so that nothing of it was written.
    #[error("the transaction was undone because a statement of it failed")]
    Undone,
    /// The database cannot be reached.
    #[error("the database cannot be reached")]
    Unavailable(#[source] sqlx::Error),
    /// A stored row is not what this version writes.
    #[error("a corrupt row in {table} ({key}), column {column}")]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column that does not decode.
        column: &'static str,
        /// The id of the row, as far as it is known.
        key: String,
    },
    /// The address is not one of a database that we know.
    #[error("not a database address: it begins neither with sqlite: nor with postgres:")]
    UnknownUrl,
    /// The schema cannot be brought up to date.
    #[error("the database schema cannot be brought up to date")]
    Migrate(#[source] sqlx::migrate::MigrateError),
    /// Anything else that the driver reports.
    #[error("the database reports an error")]
    Driver(#[source] sqlx::Error),
}

impl StoreError {
    /// Whether the same transaction may succeed when it is run again.
    pub fn is_busy(&self) -> bool {
        matches!(self, Self::Busy)
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::PoolTimedOut => Self::Busy,
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => Self::Unavailable(error),
            sqlx::Error::Database(database) => match database.kind() {
                ErrorKind::UniqueViolation => Self::Duplicate,
                ErrorKind::ForeignKeyViolation => Self::ForeignKey,
                _ => {
                    let code = database.code().unwrap_or_default().into_owned();
                    by_code(&code, error)
                }
            },
            _ => Self::Driver(error),
        }
    }
}

/// Decides by the database's own code: SQLite's are decimal numbers whose low byte is the primary code, PostgreSQL's
/// are five characters whose first two are the class.
fn by_code(code: &str, error: sqlx::Error) -> StoreError {
    const SQLITE_BUSY: u32 = 5;
    const SQLITE_LOCKED: u32 = 6;
    const SQLITE_IOERR: u32 = 10;
    const SQLITE_FULL: u32 = 13;
    const SQLITE_CANTOPEN: u32 = 14;
    match code {
        // Serialization failure, deadlock, lock not available, and too many connections.
        "40001" | "40P01" | "55P03" | "53300" => StoreError::Busy,
        // The server shuts down or starts up, the connection failed, the disk or the memory is full.
        "57P01" | "57P02" | "57P03" | "08000" | "08003" | "08006" | "53100" | "53200" => {
            StoreError::Unavailable(error)
        }
        _ => match (code.len() < 5).then(|| code.parse::<u32>().ok()).flatten().map(|number| number & 0xff) {
            Some(SQLITE_BUSY | SQLITE_LOCKED) => StoreError::Busy,
            Some(SQLITE_IOERR | SQLITE_FULL | SQLITE_CANTOPEN) => StoreError::Unavailable(error),
            _ => StoreError::Driver(error),
        },
    }
}
