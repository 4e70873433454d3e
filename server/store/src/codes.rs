//! One-time codes by which devices enrol.

use fieldmerge_protocol::{DeviceId, ProjectId};

use crate::row::{FromRow, JsonText, Row};
use crate::{Result, Tx};

crate::sql::declare! {
    table "device_codes";
    INSERT = "INSERT INTO device_codes (project, code_hash, label, people, grants, created_ms, expires_ms)
        VALUES ($1, $2, $3, $4, $5, $6, $7)";
    FIND = "SELECT * FROM device_codes WHERE code_hash = $1";
    LIST = "SELECT * FROM device_codes WHERE project = $1 ORDER BY created_ms, code_hash";
    REDEEM = "UPDATE device_codes SET used_ms = $3, device = $4
        WHERE project = $1 AND code_hash = $2 AND used_ms IS NULL AND expires_ms > $3";
    REMOVE_EXPIRED = "DELETE FROM device_codes WHERE project = $1 AND used_ms IS NULL AND expires_ms <= $2";
}

/// A code, known by its hash only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceCode {
    /// The project.
    pub project: ProjectId,
    /// SHA-256 of the code.
    pub code_hash: [u8; 32],
    /// What the device will be called.
    pub label: String,
    /// The people who will use the device, as JSON.
    pub people: String,
    /// The grants that it will have, as JSON.
    pub grants: String,
    /// When the code was made.
    pub created_ms: i64,
    /// When it stops to work.
    pub expires_ms: i64,
    /// When it was used.
    pub used_ms: Option<i64>,
    /// The device that used it.
    pub device: Option<DeviceId>,
}

impl FromRow for DeviceCode {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            project: row.get("project")?,
            code_hash: row.get("code_hash")?,
            label: row.get("label")?,
            people: row.get::<JsonText<_>>("people")?.0,
            grants: row.get::<JsonText<_>>("grants")?.0,
            created_ms: row.get("created_ms")?,
            expires_ms: row.get("expires_ms")?,
            used_ms: row.get("used_ms")?,
            device: row.get("device")?,
        })
    }
}

/// Adds a code that was not used yet.
pub async fn insert(tx: &mut Tx, code: &DeviceCode) -> Result<()> {
    tx.query(&INSERT)
        .bind(code.project)
        .bind(code.code_hash)
        .bind(code.label.as_str())
        .bind(JsonText(&code.people))
        .bind(JsonText(&code.grants))
        .bind(code.created_ms)
        .bind(code.expires_ms)
        .execute()
        .await?;
    Ok(())
}

/// The code with this hash, in whichever project, used and expired ones included: a device that enrols knows only it.
pub async fn find(tx: &mut Tx, code_hash: [u8; 32]) -> Result<Option<DeviceCode>> {
    tx.query(&FIND).bind(code_hash).fetch_optional().await
}

/// The codes of a project, oldest first.
pub async fn list(tx: &mut Tx, project: ProjectId) -> Result<Vec<DeviceCode>> {
    tx.query(&LIST).bind(project).fetch_all().await
}

/// Uses a code up; false if it is unknown, expired or used already. Of two that try at once one wins.
pub async fn redeem(
    tx: &mut Tx,
    project: ProjectId,
    code_hash: [u8; 32],
    now_ms: i64,
    device: DeviceId,
) -> Result<bool> {
    Ok(tx.query(&REDEEM).bind(project).bind(code_hash).bind(now_ms).bind(device).execute().await? > 0)
}

/// Forgets the codes that expired unused, and tells how many.
pub async fn remove_expired(tx: &mut Tx, project: ProjectId, now_ms: i64) -> Result<u64> {
    tx.query(&REMOVE_EXPIRED).bind(project).bind(now_ms).execute().await
}
