//! Devices and the people who use them.

use fieldmerge_protocol::{DeviceId, PersonNumber, ProjectId};
use uuid::Uuid;

use crate::row::{FromRow, JsonText, Row};
use crate::tx::Inner;
use crate::{Result, StoreError, Tx};

crate::sql::declare! {
    table "devices";
    INSERT = "INSERT INTO devices (project, id, number, label, public_key, created_ms)
        VALUES ($1, $2, $3, $4, $5, $6)";
    FIND = "SELECT * FROM devices WHERE project = $1 AND id = $2";
    LOCK = {
        sqlite: "SELECT 1 FROM devices WHERE project = $1 AND id = $2",
        postgres: "SELECT 1 FROM devices WHERE project = $1 AND id = ANY($2) ORDER BY id FOR NO KEY UPDATE",
    };
    LIST = "SELECT * FROM devices WHERE project = $1 ORDER BY number";
    NOTE_SEEN = "UPDATE devices SET last_seen_ms = $3, telemetry = COALESCE($4, telemetry) WHERE project = $1 AND id = $2";
    REVOKE = "UPDATE devices SET revoked_ms = $3 WHERE project = $1 AND id = $2 AND revoked_ms IS NULL";
    ADD_PERSON = "INSERT INTO device_people (project, device, number, person, since_ms) VALUES ($1, $2, $3, $4, $5)";
    PEOPLE_OF = "SELECT * FROM device_people WHERE project = $1 AND device = $2 ORDER BY number";
    LIST_PEOPLE = "SELECT * FROM device_people WHERE project = $1 ORDER BY device, number";
}

/// A device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Its id.
    pub id: DeviceId,
    /// Its number, unique in the project.
    pub number: u64,
    /// What people call it.
    pub label: String,
    /// Its Ed25519 key.
    pub public_key: [u8; 32],
    /// When it last synced.
    pub last_seen_ms: Option<i64>,
    /// What it last said of itself, as JSON.
    pub telemetry: Option<String>,
    /// When it enrolled.
    pub created_ms: i64,
    /// When it was revoked.
    pub revoked_ms: Option<i64>,
}

impl FromRow for Device {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            number: row.get("number")?,
            label: row.get("label")?,
            public_key: row.get("public_key")?,
            last_seen_ms: row.get("last_seen_ms")?,
            telemetry: row.get::<Option<JsonText<_>>>("telemetry")?.map(|json| json.0),
            created_ms: row.get("created_ms")?,
            revoked_ms: row.get("revoked_ms")?,
        })
    }
}

/// A device that enrols.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDevice {
    /// Its id.
    pub id: DeviceId,
    /// What people call it.
    pub label: String,
    /// Its Ed25519 key.
    pub public_key: [u8; 32],
    /// Now.
    pub created_ms: i64,
}

/// A person on a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DevicePerson {
    /// The device.
    pub device: DeviceId,
    /// The number by which the device's actors name the person.
    pub number: PersonNumber,
    /// The person.
    pub person: Uuid,
    /// Since when.
    pub since_ms: i64,
}

impl FromRow for DevicePerson {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            device: row.get("device")?,
            number: row.get("number")?,
            person: row.get("person")?,
            since_ms: row.get("since_ms")?,
        })
    }
}

/// Adds a device and gives it the project's next device number.
pub async fn insert(tx: &mut Tx, project: ProjectId, device: &NewDevice) -> Result<u64> {
    let number = crate::projects::next_device_number(tx, project).await?.ok_or(StoreError::ForeignKey)?;
    tx.query(&INSERT)
        .bind(project)
        .bind(device.id)
        .bind(number)
        .bind(device.label.as_str())
        .bind(device.public_key)
        .bind(device.created_ms)
        .execute()
        .await?;
    Ok(number)
}

/// The device with this id.
pub async fn find(tx: &mut Tx, project: ProjectId, device: DeviceId) -> Result<Option<Device>> {
    tx.query(&FIND).bind(project).bind(device).fetch_optional().await
}

/// Locks these devices, as far as they exist: until the transaction ends nobody else takes a frame of theirs. The first
/// lock of a push. SQLite has one writer, and no need of this.
pub async fn lock(tx: &mut Tx, project: ProjectId, devices: &[DeviceId]) -> Result<()> {
    if let Inner::Postgres(_) = tx.inner {
        let ids: Vec<Vec<u8>> = devices.iter().map(|device| device.0.to_vec()).collect();
        tx.query(&LOCK).bind(project).bind_postgres(ids).execute().await?;
    }
    Ok(())
}

/// The devices of a project, by number.
pub async fn list(tx: &mut Tx, project: ProjectId) -> Result<Vec<Device>> {
    tx.query(&LIST).bind(project).fetch_all().await
}

/// Notes a sync, and what the device said of itself if it said anything.
pub async fn note_seen(
    tx: &mut Tx,
    project: ProjectId,
    device: DeviceId,
    now_ms: i64,
    telemetry: Option<&str>,
) -> Result<()> {
    let query = tx.query(&NOTE_SEEN).bind(project).bind(device).bind(now_ms).bind(telemetry.map(JsonText));
    query.execute().await?;
    Ok(())
}

/// Revokes a device; false if there is none or it was revoked before.
pub async fn revoke(tx: &mut Tx, project: ProjectId, device: DeviceId, now_ms: i64) -> Result<bool> {
    Ok(tx.query(&REVOKE).bind(project).bind(device).bind(now_ms).execute().await? > 0)
}

/// Puts a person on a device.
pub async fn add_person(tx: &mut Tx, project: ProjectId, person: &DevicePerson) -> Result<()> {
    tx.query(&ADD_PERSON)
        .bind(project)
        .bind(person.device)
        .bind(person.number)
        .bind(person.person)
        .bind(person.since_ms)
        .execute()
        .await?;
    Ok(())
}

/// The people on a device, by number.
pub async fn people_of(tx: &mut Tx, project: ProjectId, device: DeviceId) -> Result<Vec<DevicePerson>> {
    tx.query(&PEOPLE_OF).bind(project).bind(device).fetch_all().await
}

/// The people on all devices of a project.
pub async fn list_people(tx: &mut Tx, project: ProjectId) -> Result<Vec<DevicePerson>> {
    tx.query(&LIST_PEOPLE).bind(project).fetch_all().await
}
