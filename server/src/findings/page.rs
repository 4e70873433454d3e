//! Pages of findings, as far as a reader may know of them.

use fieldmerge_model::form::filling::{Fault, SUBJECT, describe};
use fieldmerge_protocol::api::{FindingPage, FindingView};
use fieldmerge_protocol::problem::ProblemCode;
use fieldmerge_protocol::sync::Feed;
use fieldmerge_protocol::{RecordClass, RecordId};
use fieldmerge_store::findings::{FindingCursor, ListedFinding, page as rows_after};

use crate::auth::Reader;
use crate::directory::Directory;
use crate::http::ApiError;
use crate::keys::Pseudonyms;
use crate::listing::{self, Page};
use crate::state::App;

/// Where a page ended: when the last finding was raised, the pseudonym of its record, where in it, and its code.
pub type Cursor = listing::Cursor<(i64, RecordId, String, String)>;

/// What to list.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// What stands only.
    pub open_only: bool,
    /// Where the page before ended.
    pub after: Option<Cursor>,
    /// At most so many.
    pub limit: u32,
    /// The code of the language of the texts, where the form has it.
    pub language: Option<String>,
}

/// The next findings that the reader may know of.
pub async fn page(app: &App, reader: &Reader, wanted: Wanted) -> Result<FindingPage, ApiError> {
    let Wanted { open_only, after, limit, language } = wanted;
    let project = reader.project.id;
    let mut tx = app.store().read().await?;
    let pseudonyms = Pseudonyms::load(&mut tx, project).await?;
    let directory = app.directories().get(&mut tx, project).await?;
    let directory = directory.ok_or(ApiError::new(ProblemCode::NotFound))?;
    let at = after.map(|listing::Cursor((raised_ms, record, path, code))| FindingCursor {
        raised_ms,
        record: pseudonyms.id(record.uuid()).into(),
        path,
        code,
    });
    let mut page = Page::new(limit, at);
    while !page.is_done() {
        let rows = rows_after(&mut tx, project, open_only, page.at(), limit).await?;
        page.take(rows, cursor_of, |listed| {
            let may = may_know(reader, &directory, &listed);
            Ok(may.then(|| view((reader, &pseudonyms), &directory, language.as_deref(), listed)))
        })?;
    }
    let (findings, end) = page.end();
    tx.rollback().await?;
    let next = end.map(|FindingCursor { raised_ms, record, path, code }| {
        listing::Cursor((raised_ms, RecordId::from(pseudonyms.of(record.uuid())), path, code)).to_string()
    });
    Ok(FindingPage { findings, next })
}

fn cursor_of(ListedFinding { row, .. }: &ListedFinding) -> FindingCursor {
    let (path, code) = (row.path.clone(), row.code.clone());
    FindingCursor { raised_ms: row.raised_ms, record: row.record, path, code }
}

/// Whether a reader may know of a finding: that an answer is wrong, or is missing where another one asks for it, says something
/// of it, so it is for those who may see the answer.
fn may_know(reader: &Reader, directory: &Directory, listed: &ListedFinding) -> bool {
    let Feed { area, class } = listed.feed;
    let kind = directory.forms.types.find(&listed.record_type);
    let field = kind.and_then(|kind| kind.field_of(&listed.row.path));
    // Whom a record is about is no field: whoever may list it sees that.
    let sees = field.map_or(listed.row.path == SUBJECT, |field| reader.sees(area, class, field));
    reader.may_list(area, class) && sees
}

fn view(
    (reader, pseudonyms): (&Reader, &Pseudonyms),
    directory: &Directory,
    language: Option<&str>,
    ListedFinding { row, feed, record_type }: ListedFinding,
) -> FindingView {
    let names_person = feed.class == RecordClass::Core && reader.knows_pseudonyms_only();
    let record = if names_person { pseudonyms.of(row.record.uuid()).into() } else { row.record };
    let published = directory.forms.all.iter().find(|published| published.row.number == row.form);
    let described = published.and_then(|published| {
        let form = &published.version.form;
        let known = form.languages.iter().position(|known| Some(known.code.as_str()) == language);
        let language = known.unwrap_or(form.default_language);
        describe(form, language, (&record_type, &row.path), Fault::from_code(&row.code)?)
    });
    let (question, message) = described.unwrap_or_default();
    FindingView {
        record,
        record_type,
        path: row.path,
        code: row.code,
        question,
        message,
        form: published.map(|published| published.row.form_id.clone()).unwrap_or_default(),
        form_version: published.map(|published| published.row.version.clone()).unwrap_or_default(),
        device: row.device,
        open: row.mended_ms.is_none(),
        raised_ms: row.raised_ms,
        mended_ms: row.mended_ms,
    }
}
