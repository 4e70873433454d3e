//! Publishing a version of a form.

use std::collections::BTreeMap;

use fieldmerge_model::form::compiled::{Table, stem};
use fieldmerge_model::form::import::{Finding, Import, import};
use fieldmerge_model::form::types::{self, Clash};
use fieldmerge_model::form::version::{self, FormVersion};
use fieldmerge_model::form::{Form, Workbook};
use fieldmerge_protocol::limits::MAX_FORM_BYTES;
use fieldmerge_store::forms::{self, FormRow};
use fieldmerge_store::{Lent, StoreError};

use super::published::{Forms, pack};
use crate::admin::{self, AdminError};
use crate::failpoint::failpoint;
use crate::state::App;

/// A workbook that is to be published, with the files that it names.
#[derive(Debug, Clone)]
pub struct Draft {
    /// The workbook.
    pub workbook: Workbook,
    /// The name of its file.
    pub file_name: String,
    /// The bytes of its file.
    pub source: Vec<u8>,
    /// The tables that come with it, by the names of their files.
    pub tables: BTreeMap<String, Table>,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Publication {
    /// The version as it stands in the store.
    pub row: FormRow,
    /// Whether it is new; else the same had been published before.
    pub is_new: bool,
    /// What its author should know although nothing is wrong.
    pub warnings: Vec<Finding>,
}

/// Why a version is not published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The workbook has mistakes; warnings stand among them.
    #[error("the workbook has mistakes")]
    Mistakes(Vec<Finding>),
    /// It names files that did not come with it.
    #[error("the form needs the files {}: put them beside the workbook", .0.join(", "))]
    Missing(Vec<String>),
    /// What is published means something else by a path.
    #[error("{}", clashes(.0))]
    Clashes(Vec<Clash>),
    /// Another version of this name is published.
    #[error(
        "version {0} of this form is published already with another content; write another version on the sheet settings"
    )]
    VersionExists(String),
    /// It is larger than a phone takes.
    #[error("the form and its tables are larger than {} MiB", MAX_FORM_BYTES >> 20)]
    TooLarge,
    /// There is no such project, or the database failed.
    #[error(transparent)]
    Admin(#[from] AdminError),
}

impl From<StoreError> for PublishError {
    fn from(error: StoreError) -> Self {
        Self::Admin(error.into())
    }
}

fn clashes(clashes: &[Clash]) -> String {
    let lines = clashes.iter().map(|Clash { record_type, path, one, other }| {
        format!("{record_type}/{path} is {one} in what is published and {other} here; give the question another name")
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Reads a draft as the next version of its form: the questions that an earlier version has keep their paths.
pub fn read(draft: &Draft, forms: &Forms) -> Result<(Form, Vec<Finding>), PublishError> {
    let stem = stem(&draft.file_name);
    let first = import(&draft.workbook, stem, None);
    let earlier = first.form.as_ref().and_then(|form| forms.latest(&form.id));
    let Import { form, findings } = match earlier {
        Some(earlier) => import(&draft.workbook, stem, Some(&earlier.version.form)),
        None => first,
    };
    match form {
        Some(form) => Ok((form, findings)),
        None => Err(PublishError::Mistakes(findings)),
    }
}

/// Publishes a draft as the next version of its form. The same draft once more publishes nothing.
///
/// It is read and compressed before the transaction that writes it, so that no phone waits meanwhile; where somebody
/// else has published by then, it is done again.
pub async fn publish(app: &App, project: &str, draft: &Draft) -> Result<Publication, PublishError> {
    loop {
        let mut tx = app.store().read().await?;
        let project = admin::project(&mut tx, project).await?.id;
        let known = Forms::load(&mut tx, project).await?;
        tx.rollback().await?;
        let next = next(draft, &known)?;
        if let Some(row) = same(&next, &known)? {
            return Ok(Publication { row, is_new: false, warnings: next.warnings });
        }
        let row = row(&next.version, &draft.file_name, app.now_ms(), &known)?;
        let insert = async |mut lent: Lent| {
            let tx = &mut *lent;
            let follows = forms::lock_last(tx, project).await? == Some(row.number - 1);
            if follows {
                forms::insert(tx, project, &row, Some(&draft.source)).await?;
                failpoint("form-written");
            }
            Ok::<_, StoreError>(follows)
        };
        if app.store().write(insert).await? {
            failpoint("form-published");
            return Ok(Publication { row, is_new: true, warnings: next.warnings });
        }
    }
}

/// What a draft would be published as.
struct Next {
    version: FormVersion,
    /// Its workbook names no version, so that it got a number.
    is_counted: bool,
    warnings: Vec<Finding>,
}

/// What a draft would be published as, if it may stand beside what is published.
fn next(draft: &Draft, known: &Forms) -> Result<Next, PublishError> {
    let (mut form, warnings) = read(draft, known)?;
    let is_counted = form.version.is_empty();
    if is_counted {
        let count = known.all.iter().filter(|published| published.row.form_id == form.id).count();
        form.version = (count + 1).to_string();
    }
    let mut all: Vec<&Form> = known.all.iter().map(|published| &published.version.form).collect();
    all.push(&form);
    let (types, clashes) = types::known_types(&all);
    if !clashes.is_empty() {
        return Err(PublishError::Clashes(clashes));
    }
    // A file that is named like a record type is made of the records on each phone.
    let is_there =
        |file: &String| draft.tables.contains_key(file) || types.iter().any(|kind| kind.name == stem(file));
    let missing: Vec<String> = form.files.iter().filter(|file| !is_there(file)).cloned().collect();
    if !missing.is_empty() {
        return Err(PublishError::Missing(missing));
    }
    let tables = draft.tables.iter().filter(|(name, _)| form.files.contains(name));
    let tables = tables.map(|(name, table)| (name.clone(), table.clone())).collect();
    Ok(Next { version: FormVersion { form, tables }, is_counted, warnings })
}

/// The version that is published already with the same content.
fn same(next: &Next, known: &Forms) -> Result<Option<FormRow>, PublishError> {
    let version = &next.version;
    let mut of_form = known.all.iter().filter(|published| published.row.form_id == version.form.id);
    if let Some(named) = of_form.clone().find(|published| published.row.version == version.form.version) {
        if named.version != *version {
            return Err(PublishError::VersionExists(version.form.version.clone()));
        }
        return Ok(Some(named.row.clone()));
    }
    if !next.is_counted {
        return Ok(None);
    }
    let unnamed = |version: &FormVersion| FormVersion {
        form: Form { version: String::new(), ..version.form.clone() },
        tables: version.tables.clone(),
    };
    let content = unnamed(version);
    Ok(of_form.next_back().filter(|last| unnamed(&last.version) == content).map(|last| last.row.clone()))
}

fn row(version: &FormVersion, file_name: &str, now_ms: i64, known: &Forms) -> Result<FormRow, PublishError> {
    let bytes = version.to_bytes();
    if bytes.len() > MAX_FORM_BYTES {
        return Err(PublishError::TooLarge);
    }
    let base = known.latest(&version.form.id).or(known.all.last());
    Ok(FormRow {
        number: known.all.last().map_or(0, |last| last.row.number) + 1,
        form_id: version.form.id.clone(),
        version: version.form.version.clone(),
        title: version.form.title.clone(),
        byte_count: bytes.len() as u64,
        base: base.map(|base| base.row.number),
        packed: pack(&bytes, base.map_or(&[], |base| &base.bytes)).into_owned(),
        chain: version::chain(&known.chain(), &bytes),
        file_name: file_name.to_owned(),
        published_ms: now_ms,
    })
}
