//! Workbooks on this machine, with the files that they name.

use std::collections::BTreeMap;
use std::path::Path;

use fieldmerge_model::form::compiled::Table;
use fieldmerge_model::form::import::import;

use super::{Language, bytes_of, unreadable, workbook_of};
use crate::cli::Failure;
use crate::forms::publish::Draft;
use crate::forms::{MAX_FILE_BYTES, read_table};

/// The workbook of a file with the files that it names, as far as they are there.
pub(super) fn draft_of(path: &Path, language: Language) -> Result<Draft, Failure> {
    let source = bytes_of(path, MAX_FILE_BYTES)?;
    let workbook = workbook_of(path, &source, language)?;
    let form = import(&workbook, "form", None).form;
    let names = form.map(|form| form.files).unwrap_or_default();
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut tables = BTreeMap::new();
    for name in names {
        if let Some(table) = table(folder, &name, language)? {
            tables.insert(name, table);
        }
    }
    let file_name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Draft { workbook, file_name, source, tables })
}

/// A file that a form names; nothing if it is not there. A name leads nowhere else than into these two folders.
fn table(folder: &Path, name: &str, language: Language) -> Result<Option<Table>, Failure> {
    if name.contains(['/', '\\']) || name.starts_with('.') {
        return Ok(None);
    }
    let places = [folder.join(name), folder.join("files").join(name)];
    let Some(path) = places.iter().find(|path| path.is_file()) else { return Ok(None) };
    let table = read_table(&bytes_of(path, MAX_FILE_BYTES)?);
    table.map(Some).map_err(|error| unreadable(path, &error, language))
}
