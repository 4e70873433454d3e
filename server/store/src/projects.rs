//! Projects and their areas.

use fieldmerge_protocol::{AreaId, LifeId, LogId, ProjectId};

use crate::row::{FromRow, JsonText, Row};
use crate::{Result, Tx};

crate::sql::declare! {
    table "projects";
    INSERT = "INSERT INTO projects (id, code, name, root_area, log_id, roster_version, last_device_number, settings, created_ms)
        VALUES ($1, $2, $3, $4, $5, 1, 0, $6, $7)";
    FIND = "SELECT * FROM projects WHERE id = $1";
    FIND_BY_CODE = "SELECT * FROM projects WHERE code = $1";
    LIST = "SELECT * FROM projects ORDER BY code";
    SET_LOG = "UPDATE projects SET log_id = $2, life = NULL WHERE id = $1";
    SET_BACKED_UP = "UPDATE projects SET backed_up_ms = $2 WHERE id = $1 AND (backed_up_ms IS NULL OR backed_up_ms < $2)";
    TOUCH_ROSTER = "UPDATE projects SET roster_version = roster_version + 1 WHERE id = $1 RETURNING roster_version AS number";
    NEXT_DEVICE = "UPDATE projects SET last_device_number = last_device_number + 1 WHERE id = $1
        RETURNING last_device_number AS number";
    INSERT_AREA = "INSERT INTO areas (project, id, code, name, parent, created_ms) VALUES ($1, $2, $3, $4, $5, $6)";
    FIND_AREA = "SELECT * FROM areas WHERE project = $1 AND id = $2";
    FIND_AREA_BY_CODE = "SELECT * FROM areas WHERE project = $1 AND code = $2";
    LIST_AREAS = "SELECT * FROM areas WHERE project = $1 ORDER BY code";
}

/// A project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// Its id.
    pub id: ProjectId,
    /// Its short code, unique on this server.
    pub code: String,
    /// Its name for people.
    pub name: String,
    /// The area that its reference records use.
    pub root_area: AreaId,
    /// The log that its positions count in; new at each restore.
    pub log_id: LogId,
    /// Grows when an area, a device or a grant changes.
    pub roster_version: u64,
    /// Settings as JSON.
    pub settings: String,
    /// When it was made.
    pub created_ms: i64,
    /// A backup that was verified holds all that was received until then.
    pub backed_up_ms: Option<i64>,
    /// The latest life of its log; see [`crate::lives`].
    pub life: Option<LifeId>,
    /// The number of the version of a form that was published last; 0 if none; see [`crate::forms`].
    pub last_form: u64,
}

impl FromRow for Project {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            code: row.get("code")?,
            name: row.get("name")?,
            root_area: row.get("root_area")?,
            log_id: row.get("log_id")?,
            roster_version: row.get("roster_version")?,
            settings: row.get::<JsonText<_>>("settings")?.0,
            created_ms: row.get("created_ms")?,
            backed_up_ms: row.get("backed_up_ms")?,
            life: row.get("life")?,
            last_form: row.get("last_form")?,
        })
    }
}

/// An area of a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Area {
    /// Its id.
    pub id: AreaId,
    /// Its short code, unique in the project.
    pub code: String,
    /// Its name for people.
    pub name: String,
    /// The area that it lies in.
    pub parent: Option<AreaId>,
    /// When it was made.
    pub created_ms: i64,
}

impl FromRow for Area {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.get("id")?,
            code: row.get("code")?,
            name: row.get("name")?,
            parent: row.get("parent")?,
            created_ms: row.get("created_ms")?,
        })
    }
}

/// A counter that a statement returns.
struct Number(u64);

impl FromRow for Number {
    fn from_row(row: &Row) -> Result<Self> {
        row.get("number").map(Self)
    }
}

/// Adds a project. Its roster version begins at 1, and it has neither a backup nor a life nor a form, whatever the value says.
pub async fn insert(tx: &mut Tx, project: &Project) -> Result<()> {
    tx.query(&INSERT)
        .bind(project.id)
        .bind(project.code.as_str())
        .bind(project.name.as_str())
        .bind(project.root_area)
        .bind(project.log_id)
        .bind(JsonText(&project.settings))
        .bind(project.created_ms)
        .execute()
        .await?;
    Ok(())
}

/// The project with this id.
pub async fn find(tx: &mut Tx, project: ProjectId) -> Result<Option<Project>> {
    tx.query(&FIND).bind(project).fetch_optional().await
}

/// The project with this code.
pub async fn find_by_code(tx: &mut Tx, code: &str) -> Result<Option<Project>> {
    tx.query(&FIND_BY_CODE).bind(code).fetch_optional().await
}

/// All projects, by code.
pub async fn list(tx: &mut Tx) -> Result<Vec<Project>> {
    tx.query(&LIST).fetch_all().await
}

/// Begins a new log, which has no lives yet: after a restore every device must notice.
pub async fn set_log(tx: &mut Tx, project: ProjectId, log: LogId) -> Result<()> {
    tx.query(&SET_LOG).bind(project).bind(log).execute().await?;
    Ok(())
}

/// Notes that a backup which was verified holds all that was received until a time; an earlier time changes nothing.
pub async fn set_backed_up(tx: &mut Tx, project: ProjectId, up_to_ms: i64) -> Result<()> {
    tx.query(&SET_BACKED_UP).bind(project).bind(up_to_ms).execute().await?;
    Ok(())
}

/// Notes that an area, a device, a grant or the sealing key changed, so that devices fetch the roster; gives the new version, or `None`
/// if there is no such project.
pub async fn touch_roster(tx: &mut Tx, project: ProjectId) -> Result<Option<u64>> {
    Ok(tx.query(&TOUCH_ROSTER).bind(project).fetch_optional::<Number>().await?.map(|number| number.0))
}

/// The next device number of a project, or `None` if there is no such project.
pub(crate) async fn next_device_number(tx: &mut Tx, project: ProjectId) -> Result<Option<u64>> {
    Ok(tx.query(&NEXT_DEVICE).bind(project).fetch_optional::<Number>().await?.map(|number| number.0))
}

/// Adds an area.
pub async fn insert_area(tx: &mut Tx, project: ProjectId, area: &Area) -> Result<()> {
    tx.query(&INSERT_AREA)
        .bind(project)
        .bind(area.id)
        .bind(area.code.as_str())
        .bind(area.name.as_str())
        .bind(area.parent)
        .bind(area.created_ms)
        .execute()
        .await?;
    Ok(())
}

/// The area with this id.
pub async fn find_area(tx: &mut Tx, project: ProjectId, area: AreaId) -> Result<Option<Area>> {
    tx.query(&FIND_AREA).bind(project).bind(area).fetch_optional().await
}

/// The area with this code.
pub async fn find_area_by_code(tx: &mut Tx, project: ProjectId, code: &str) -> Result<Option<Area>> {
    tx.query(&FIND_AREA_BY_CODE).bind(project).bind(code).fetch_optional().await
}

/// The areas of a project, by code.
pub async fn list_areas(tx: &mut Tx, project: ProjectId) -> Result<Vec<Area>> {
    tx.query(&LIST_AREAS).bind(project).fetch_all().await
}
