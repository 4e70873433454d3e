//! The entities sheet: the records that a form writes, as ODK calls them.

use super::Importer;
use super::finding::{Mistake, Place, Said};
use super::names::path_name;

/// What the sheet says of the records of the form.
#[derive(Debug)]
pub(super) struct Entity {
    /// `list_name`.
    pub(super) list: String,
    /// `label`: the text that names a record.
    pub(super) label: Option<String>,
}

/// Columns that say when a record is made or changed; here a form does so by how it is opened.
const CONDITIONS: [&str; 4] = ["create_if", "update_if", "entity_id", "repeat"];

impl Importer<'_> {
    /// Reads the entities sheet, if there is one.
    pub(super) fn entity(&mut self) -> Option<Entity> {
        let workbook = self.workbook;
        let [headings, rows @ ..] = workbook.sheet("entities")?.rows.as_slice() else { return None };
        let first = rows.first()?;
        let place = |column: &str, row: u32| Place {
            sheet: "entities".to_owned(),
            row: Some(row),
            column: column.to_owned(),
        };
        if let Some(second) = rows.get(1) {
            let instead = Said::Told(
                "Write fm::record at the groups that go to other records.",
                "Écrivez fm::record aux groupes qui vont à d'autres enregistrements.",
            );
            let values = [Said::from("entities"), instead];
            self.find(Mistake::SheetUnsupported, place("", second.number), values);
        }
        let mut entity = Entity { list: String::new(), label: None };
        for at in 0..headings.cells.len() {
            let (heading, value) = (headings.cell(at).to_lowercase(), first.cell(at).into_owned());
            if value.is_empty() {
                continue;
            }
            self.report_error(&value, || place(&heading, first.number));
            match heading.as_str() {
                "list_name" | "dataset" => entity.list = value,
                "label" => entity.label = Some(first.text(at).to_owned()),
                condition if CONDITIONS.contains(&condition) => {
                    let why = Said::Told(
                        "A form makes a record where it is opened empty, and changes the one that it is opened on.",
                        "Un formulaire crée un enregistrement s'il est ouvert vide, et modifie celui sur lequel il est ouvert.",
                    );
                    let values = [Said::from(condition), why];
                    self.find(Mistake::ColumnUnsupported, place(condition, first.number), values);
                }
                other => self.find(Mistake::ColumnUnknown, place(other, first.number), [other]),
            }
        }
        if entity.list.is_empty() || path_name(&entity.list).len() > super::limits::MAX_NAME {
            self.find(Mistake::NameMissing, place("list_name", first.number), ["worker"]);
        }
        Some(entity)
    }
}
