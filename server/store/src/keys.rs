//! The keys of the server: one signs receipts and answers and opens what devices seal for transport.

use std::fmt;

use fieldmerge_protocol::ProjectId;

use crate::row::{FromRow, Row};
use crate::{Result, Tx};

crate::sql::declare! {
    table "server_keys";
    INSERT = "INSERT INTO server_keys (project, number, purpose, public_key, secret_key, created_ms, retired_ms)
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    CURRENT = "SELECT * FROM server_keys WHERE project = $1 AND purpose = $2 AND retired_ms IS NULL
        ORDER BY number DESC LIMIT 1";
    LIST = "SELECT * FROM server_keys WHERE project = $1 ORDER BY number";
    RETIRE = "UPDATE server_keys SET retired_ms = $3 WHERE project = $1 AND number = $2 AND retired_ms IS NULL";
}

/// A key of the server.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerKey {
    /// Its number in the project, from 1.
    pub number: u64,
    /// What it is for, such as `transport`.
    pub purpose: String,
    /// The public half.
    pub public_key: [u8; 32],
    /// The secret half, as its user seals it.
    pub secret_key: Vec<u8>,
    /// When it was made.
    pub created_ms: i64,
    /// When it was replaced.
    pub retired_ms: Option<i64>,
}

impl fmt::Debug for ServerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerKey")
            .field("number", &self.number)
            .field("purpose", &self.purpose)
            .finish_non_exhaustive()
    }
}

impl FromRow for ServerKey {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            number: row.get("number")?,
            purpose: row.get("purpose")?,
            public_key: row.get("public_key")?,
            secret_key: row.get("secret_key")?,
            created_ms: row.get("created_ms")?,
            retired_ms: row.get("retired_ms")?,
        })
    }
}

/// Adds a key.
pub async fn insert(tx: &mut Tx, project: ProjectId, key: &ServerKey) -> Result<()> {
    tx.query(&INSERT)
        .bind(project)
        .bind(key.number)
        .bind(key.purpose.as_str())
        .bind(key.public_key)
        .bind(key.secret_key.as_slice())
        .bind(key.created_ms)
        .bind(key.retired_ms)
        .execute()
        .await?;
    Ok(())
}

/// The newest key for a purpose that is not retired.
pub async fn current(tx: &mut Tx, project: ProjectId, purpose: &str) -> Result<Option<ServerKey>> {
    tx.query(&CURRENT).bind(project).bind(purpose).fetch_optional().await
}

/// All keys of a project, retired ones included, by number.
pub async fn list(tx: &mut Tx, project: ProjectId) -> Result<Vec<ServerKey>> {
    tx.query(&LIST).bind(project).fetch_all().await
}

/// Retires a key; false if there is none or it was retired before.
pub async fn retire(tx: &mut Tx, project: ProjectId, number: u64, now_ms: i64) -> Result<bool> {
    Ok(tx.query(&RETIRE).bind(project).bind(number).bind(now_ms).execute().await? > 0)
}
