//! What a device may read and write.

use fieldmerge_protocol::{AreaId, DeviceId, ProjectId};

use crate::row::{FromRow, Row};
use crate::{Result, Tx};

crate::sql::declare! {
    table "grants";
    GIVE = "INSERT INTO grants (project, device, area, role, given_ms) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (project, device, area, role) DO UPDATE SET given_ms = excluded.given_ms, withdrawn_ms = NULL
        WHERE grants.withdrawn_ms IS NOT NULL";
    WITHDRAW = "UPDATE grants SET withdrawn_ms = $5
        WHERE project = $1 AND device = $2 AND area = $3 AND role = $4 AND withdrawn_ms IS NULL";
    OF_DEVICE = "SELECT * FROM grants WHERE project = $1 AND device = $2 ORDER BY area, role";
    LIST = "SELECT * FROM grants WHERE project = $1 ORDER BY device, area, role";
}

/// A role of a device in an area, current or withdrawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// The device.
    pub device: DeviceId,
    /// The area.
    pub area: AreaId,
    /// The name of the role.
    pub role: String,
    /// When it was given, the last time.
    pub given_ms: i64,
    /// When it was withdrawn. Such a grant still lets the device deliver late what it wrote before.
    pub withdrawn_ms: Option<i64>,
}

impl FromRow for Grant {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            device: row.get("device")?,
            area: row.get("area")?,
            role: row.get("role")?,
            given_ms: row.get("given_ms")?,
            withdrawn_ms: row.get("withdrawn_ms")?,
        })
    }
}

/// Gives a grant, or gives it back; false if the device has it.
pub async fn give(
    tx: &mut Tx,
    project: ProjectId,
    device: DeviceId,
    area: AreaId,
    role: &str,
    now_ms: i64,
) -> Result<bool> {
    let query = tx.query(&GIVE).bind(project).bind(device).bind(area).bind(role).bind(now_ms);
    Ok(query.execute().await? > 0)
}

/// Withdraws a grant; false if the device has no such grant.
pub async fn withdraw(
    tx: &mut Tx,
    project: ProjectId,
    device: DeviceId,
    area: AreaId,
    role: &str,
    now_ms: i64,
) -> Result<bool> {
    let query = tx.query(&WITHDRAW).bind(project).bind(device).bind(area).bind(role).bind(now_ms);
    Ok(query.execute().await? > 0)
}

/// The grants of one device, withdrawn ones included, by area and role.
pub async fn of_device(tx: &mut Tx, project: ProjectId, device: DeviceId) -> Result<Vec<Grant>> {
    tx.query(&OF_DEVICE).bind(project).bind(device).fetch_all().await
}

/// All grants of a project, withdrawn ones included.
pub async fn list(tx: &mut Tx, project: ProjectId) -> Result<Vec<Grant>> {
    tx.query(&LIST).bind(project).fetch_all().await
}
