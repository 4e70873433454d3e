//! The people of a project who write: enumerators, supervisors, people at headquarters.

use fieldmerge_protocol::ProjectId;
use uuid::Uuid;

use crate::row::{FromRow, Row};
use crate::{Result, Tx};

crate::sql::declare! {
    table "people";
    INSERT = "INSERT INTO people (project, id, name, created_ms) VALUES ($1, $2, $3, $4)";
    FIND = "SELECT * FROM people WHERE project = $1 AND id = $2";
    LIST = "SELECT * FROM people WHERE project = $1 ORDER BY name, id";
}

/// A person who writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The person's id.
    pub id: Uuid,
    /// The name that colleagues see.
    pub name: String,
    /// When the person was added.
    pub created_ms: i64,
}

impl FromRow for Person {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self { id: row.get("id")?, name: row.get("name")?, created_ms: row.get("created_ms")? })
    }
}

/// Adds a person.
pub async fn insert(tx: &mut Tx, project: ProjectId, person: &Person) -> Result<()> {
    tx.query(&INSERT)
        .bind(project)
        .bind(person.id)
        .bind(person.name.as_str())
        .bind(person.created_ms)
        .execute()
        .await?;
    Ok(())
}

/// The person with this id.
pub async fn find(tx: &mut Tx, project: ProjectId, person: Uuid) -> Result<Option<Person>> {
    tx.query(&FIND).bind(project).bind(person).fetch_optional().await
}

/// The people of a project, by name.
pub async fn list(tx: &mut Tx, project: ProjectId) -> Result<Vec<Person>> {
    tx.query(&LIST).bind(project).fetch_all().await
}
