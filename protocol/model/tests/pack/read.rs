//! The workbooks and files of the pack as they stand in the repository, and the records of a device as files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use fieldmerge_model::form::compiled::{CompiledForm, Table};
use fieldmerge_model::form::filling::{Filling, Place};
use fieldmerge_model::form::import::{Mistake, import};
use fieldmerge_model::form::{Form, Workbook};

use super::world::Fixed;

/// The folder of the pack.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("pack/himo")
}

/// The names of its files with this ending, in order.
pub fn names(folder: &Path, ending: &str) -> Vec<String> {
    let files =
        fs::read_dir(folder).expect("the folder is there").map(|file| file.expect("it can be read").path());
    let with_ending = files.filter(|path| path.extension().is_some_and(|own| own == ending));
    let mut names: Vec<String> = with_ending
        .filter_map(|path| path.file_stem().map(|name| name.to_string_lossy().into_owned()))
        .collect();
    names.sort();
    names
}

/// The workbook of this name.
pub fn workbook(name: &str) -> Workbook {
    let path = folder().join(format!("{name}.md"));
    Workbook::from_markdown(&fs::read_to_string(path).unwrap_or_else(|error| panic!("{name}: {error}")))
}

/// Its form: nothing is wrong with it, but that some languages have only what matters most.
pub fn form(name: &str) -> Form {
    let found = import(&workbook(name), name, None);
    let others = found.findings.iter().filter(|found| found.mistake != Mistake::TranslationMissing);
    let others: Vec<String> = others.map(ToString::to_string).collect();
    assert_eq!(others, [""; 0], "{name}");
    found.form.expect("nothing is wrong")
}

/// Every form of the pack.
pub fn forms() -> Vec<Form> {
    names(&folder(), "md").iter().map(|name| form(name)).collect()
}

/// The files of the pack, by name.
pub fn tables() -> BTreeMap<String, Table> {
    let folder = folder().join("files");
    let read = |name: &String| {
        let mut file = csv::Reader::from_path(folder.join(format!("{name}.csv"))).expect("it can be read");
        let cells = |row: &csv::StringRecord| row.iter().map(str::to_owned).collect::<Vec<_>>();
        let columns = cells(file.headers().expect("it has a first line"));
        let rows = file.records().map(|row| cells(&row.unwrap_or_else(|error| panic!("{name}: {error}"))));
        Table { columns, rows: rows.collect() }
    };
    names(&folder, "csv").iter().map(|name| (name.clone(), read(name))).collect()
}

/// A table as it is written in a test: one line a row, cells with a bar between.
pub fn table(text: &str) -> Table {
    let mut rows =
        text.trim().lines().map(|line| line.split('|').map(|cell| cell.trim().to_owned()).collect());
    Table { columns: rows.next().expect("a first line"), rows: rows.collect() }
}

/// A form with its files and these records of the device.
pub fn compiled(name: &str, records: &[(&str, &str)]) -> Arc<CompiledForm> {
    let mut all = tables();
    all.extend(records.iter().map(|(name, text)| ((*name).to_owned(), table(text))));
    let files = all.into_iter().map(|(name, table)| (name, table.into())).collect();
    Arc::new(CompiledForm::new(form(name), files).unwrap_or_else(|error| panic!("{name}: {error}")))
}

/// Begins a form in English.
pub fn begin(form: &Arc<CompiledForm>, world: &mut Fixed) -> Filling {
    let filling = Filling::begin(form.clone(), 0, BTreeMap::new(), world);
    assert_eq!(filling.failures(), []);
    filling
}

/// The first place of this name.
pub fn at(filling: &Filling, name: &str) -> Place {
    filling.named(name).first().copied().unwrap_or_else(|| panic!("{name} is there"))
}

/// Answers the first question of this name.
pub fn set(filling: &mut Filling, name: &str, text: &str, world: &mut Fixed) {
    let place = at(filling, name);
    filling.answer(place, text, world).unwrap_or_else(|refusal| panic!("{name} = {text}: {refusal}"));
    assert_eq!(filling.failures(), [], "{name} = {text}");
}
