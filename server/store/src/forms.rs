//! The versions of forms that projects have published. A row is never changed nor deleted.

use fieldmerge_protocol::ProjectId;

use crate::row::{FromRow, Row};
use crate::{Result, Tx};

crate::sql::declare! {
    table "forms";
    LOCK = "UPDATE projects SET last_form = last_form WHERE id = $1 RETURNING last_form AS number";
    SET_LAST = "UPDATE projects SET last_form = $2 WHERE id = $1";
    INSERT = "INSERT INTO forms (project, number, form_id, version, title, byte_count, base, packed, chain, workbook,
            file_name, published_ms)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    LIST = "SELECT number, form_id, version, title, byte_count, base, packed, chain, file_name, published_ms
        FROM forms WHERE project = $1 ORDER BY number";
    WORKBOOK = "SELECT workbook FROM forms WHERE project = $1 AND number = $2";
}

/// A version of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormRow {
    /// Counts the versions of all forms of the project, from 1.
    pub number: u64,
    /// The form's id in its workbook.
    pub form_id: String,
    /// Its version in its workbook.
    pub version: String,
    /// What the form is called.
    pub title: String,
    /// How many bytes the version has.
    pub byte_count: u64,
    /// The number of the version that it is compressed against, if of one.
    pub base: Option<u64>,
    /// The compressed bytes.
    pub packed: Vec<u8>,
    /// What stands for all versions up to this one.
    pub chain: [u8; 32],
    /// The name of the file that was uploaded.
    pub file_name: String,
    /// When it was published, milliseconds since the epoch.
    pub published_ms: i64,
}

impl FromRow for FormRow {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self {
            number: row.get("number")?,
            form_id: row.get("form_id")?,
            version: row.get("version")?,
            title: row.get("title")?,
            byte_count: row.get("byte_count")?,
            base: row.get("base")?,
            packed: row.get("packed")?,
            chain: row.get("chain")?,
            file_name: row.get("file_name")?,
            published_ms: row.get("published_ms")?,
        })
    }
}

struct Number(u64);

impl FromRow for Number {
    fn from_row(row: &Row) -> Result<Self> {
        row.get("number").map(Self)
    }
}

struct Workbook(Option<Vec<u8>>);

impl FromRow for Workbook {
    fn from_row(row: &Row) -> Result<Self> {
        row.get("workbook").map(Self)
    }
}

/// The number of the version that was published last, 0 before the first; `None` if there is no such project. Until the
/// transaction ends nobody else publishes.
pub async fn lock_last(tx: &mut Tx, project: ProjectId) -> Result<Option<u64>> {
    Ok(tx.query(&LOCK).bind(project).fetch_optional::<Number>().await?.map(|number| number.0))
}

/// Adds the version behind the one that [`lock_last`] gave, with the workbook as it was uploaded.
pub async fn insert(tx: &mut Tx, project: ProjectId, row: &FormRow, workbook: Option<&[u8]>) -> Result<()> {
    tx.query(&INSERT)
        .bind(project)
        .bind(row.number)
        .bind(row.form_id.as_str())
        .bind(row.version.as_str())
        .bind(row.title.as_str())
        .bind(row.byte_count)
        .bind(row.base)
        .bind(row.packed.as_slice())
        .bind(row.chain.as_slice())
        .bind(workbook)
        .bind(row.file_name.as_str())
        .bind(row.published_ms)
        .execute()
        .await?;
    tx.query(&SET_LAST).bind(project).bind(row.number).execute().await?;
    Ok(())
}

/// Every version of a project, in the order of their numbers.
pub async fn list(tx: &mut Tx, project: ProjectId) -> Result<Vec<FormRow>> {
    tx.query(&LIST).bind(project).fetch_all().await
}

/// The workbook of a version as it was uploaded; `None` if there is no such version, or none was kept.
pub async fn workbook(tx: &mut Tx, project: ProjectId, number: u64) -> Result<Option<Vec<u8>>> {
    let found: Option<Workbook> = tx.query(&WORKBOOK).bind(project).bind(number).fetch_optional().await?;
    Ok(found.and_then(|workbook| workbook.0))
}
