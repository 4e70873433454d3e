//! Publishing a pack that the program carries.

use fieldmerge_model::form::Workbook;
use fieldmerge_model::pack::Pack;

use super::publish::{Draft, Publication, PublishError, publish};
use super::read_table;
use crate::state::App;

/// Publishes the forms of a pack in a project. Once more it publishes what is missing, and nothing twice.
pub async fn publish_pack(app: &App, project: &str, pack: &Pack) -> Result<Vec<Publication>, PublishError> {
    // A table that does not read is missing, and the form that needs it says so.
    let table = |(name, text): &(&str, &str)| Some(((*name).to_owned(), read_table(text.as_bytes()).ok()?));
    let tables = pack.files.iter().filter_map(table).collect();
    let mut draft =
        Draft { workbook: Workbook::default(), file_name: String::new(), source: Vec::new(), tables };
    let mut publications = Vec::with_capacity(pack.workbooks.len());
    for (file_name, text) in pack.workbooks {
        draft.workbook = Workbook::from_markdown(text);
        (*file_name).clone_into(&mut draft.file_name);
        draft.source = text.as_bytes().to_vec();
        publications.push(publish(app, project, &draft).await?);
    }
    Ok(publications)
}
