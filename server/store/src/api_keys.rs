//! Keys of headquarters and its programs.

use fieldmerge_protocol::ProjectId;
use uuid::Uuid;

use crate::row::{FromRow, Row};
use crate::{Result, Tx};

crate::sql::declare! {
    table "api_keys";
    INSERT = "INSERT INTO api_keys (project, id, label, role, key_hash, created_ms, expires_ms)
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    FIND = "SELECT * FROM api_keys WHERE key_hash = $1";
    LIST = "SELECT * FROM api_keys WHERE project = $1 ORDER BY created_ms, id";
    REVOKE = "UPDATE api_keys SET revoked_ms = $3 WHERE project = $1 AND id = $2 AND revoked_ms IS NULL";
}

/// A key, known by its hash only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// The project.
    pub project: ProjectId,
    /// Its id.
    pub id: Uuid,
    /// Who or what uses it.
    pub label: String,
    /// The name of its role.
    pub role: String,
    /// SHA-256 of the key.
    pub key_hash: [u8; 32],
    /// When it was made.
    pub created_ms: i64,
    /// When it stops to work.
    pub expires_ms: i64,
    /// When it was revoked.
    pub revoked_ms: Option<i64>,
}

impl FromRow for ApiKey {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            project: row.get("project")?,
            id: row.get("id")?,
            label: row.get("label")?,
            role: row.get("role")?,
            key_hash: row.get("key_hash")?,
            created_ms: row.get("created_ms")?,
            expires_ms: row.get("expires_ms")?,
            revoked_ms: row.get("revoked_ms")?,
        })
    }
}

/// Adds a key.
pub async fn insert(tx: &mut Tx, key: &ApiKey) -> Result<()> {
    tx.query(&INSERT)
        .bind(key.project)
        .bind(key.id)
        .bind(key.label.as_str())
        .bind(key.role.as_str())
        .bind(key.key_hash)
        .bind(key.created_ms)
        .bind(key.expires_ms)
        .execute()
        .await?;
    Ok(())
}

/// The key with this hash, in whichever project, expired and revoked ones included.
pub async fn find(tx: &mut Tx, key_hash: [u8; 32]) -> Result<Option<ApiKey>> {
    tx.query(&FIND).bind(key_hash).fetch_optional().await
}

/// The keys of a project, oldest first.
pub async fn list(tx: &mut Tx, project: ProjectId) -> Result<Vec<ApiKey>> {
    tx.query(&LIST).bind(project).fetch_all().await
}

/// Revokes a key; false if there is none or it was revoked before.
pub async fn revoke(tx: &mut Tx, project: ProjectId, id: Uuid, now_ms: i64) -> Result<bool> {
    Ok(tx.query(&REVOKE).bind(project).bind(id).bind(now_ms).execute().await? > 0)
}
