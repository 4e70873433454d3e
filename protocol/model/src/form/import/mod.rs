//! A form of a workbook: everything that is wrong is found, and said at once.
//!
//! What XLSForm means is decided by its documentation, and by pyxform where that is silent.

mod appearances;
mod cells;
mod choices;
mod columns;
mod cycles;
mod entities;
mod features;
mod finding;
mod initial;
mod kinds;
mod limits;
mod logic;
mod names;
mod ours;
mod parameters;
mod question;
mod settings;
mod survey;
mod types;

pub use features::{Feature, appearances, columns, parameters, question_types, settings};
pub use finding::{Finding, Mistake, Place, Said, Severity};
pub use limits::{MAX_CELL_CHARACTERS, MAX_DEPTH, MAX_ROWS};

use super::{Form, Language, Workbook};
use crate::nearest::nearest;

/// The sheets that are read.
const SHEETS: [&str; 4] = ["survey", "choices", "settings", "entities"];

/// Whether a sheet of this name is read, in any case and with any spaces around it.
pub fn is_read(name: &str) -> bool {
    SHEETS.iter().any(|known| known.eq_ignore_ascii_case(name.trim()))
}

/// What came of a workbook.
#[derive(Debug, Clone, PartialEq)]
pub struct Import {
    /// The form, if nothing is wrong.
    pub form: Option<Form>,
    /// What was found, in the order of the workbook.
    pub findings: Vec<Finding>,
}

/// Reads a workbook as a form. `file_stem` is its `form_id` where the settings name none: the name of the file without
/// its ending; `earlier` the version of the form before this one, whose questions keep the paths that they have.
pub fn import(workbook: &Workbook, file_stem: &str, earlier: Option<&Form>) -> Import {
    let mut importer =
        Importer { workbook, findings: Vec::new(), languages: Vec::new(), unnamed: String::new() };
    let form = importer.form(file_stem, earlier);
    let mut findings = importer.findings;
    let sheets = ["", "settings", "survey", "choices", "entities"];
    let order = |sheet: &str| sheets.iter().position(|known| *known == sheet).unwrap_or(sheets.len());
    findings.sort_by_key(|finding| (order(&finding.place.sheet), finding.place.row));
    let is_usable = findings.iter().all(|finding| finding.mistake.severity() != Severity::Error);
    Import { form: form.filter(|_| is_usable), findings }
}

/// What an import has learned so far.
struct Importer<'a> {
    workbook: &'a Workbook,
    findings: Vec<Finding>,
    /// The languages in the order in which columns name them.
    languages: Vec<String>,
    /// The language of columns that name none.
    unnamed: String,
}

impl Importer<'_> {
    fn find<V: Into<Said>>(&mut self, mistake: Mistake, place: Place, values: impl IntoIterator<Item = V>) {
        self.find_near(mistake, place, values, None);
    }

    fn find_near<V: Into<Said>>(
        &mut self,
        mistake: Mistake,
        place: Place,
        values: impl IntoIterator<Item = V>,
        nearest: Option<&str>,
    ) {
        let values = values.into_iter().map(Into::into).collect();
        self.findings.push(Finding { mistake, place, values, nearest: nearest.map(str::to_owned) });
    }

    /// The place of a language in the texts of the form.
    fn language(&mut self, name: Option<&str>) -> usize {
        let name = name.unwrap_or(&self.unnamed);
        if let Some(at) = self.languages.iter().position(|known| known == name) {
            return at;
        }
        self.languages.push(name.to_owned());
        self.languages.len() - 1
    }

    fn form(&mut self, file_stem: &str, earlier: Option<&Form>) -> Option<Form> {
        if !self.fits() {
            return None;
        }
        self.report_sheets();
        let settings = self.settings(file_stem);
        self.unnamed.clone_from(&settings.default_language);
        let entity = self.entity();
        let lists = self.choice_lists(settings.allow_choice_duplicates);
        let survey = self.survey(&lists)?;
        let default_language = self.default_language(&settings);
        let record = self.record_target(&settings, entity.as_ref());
        let mut form = Form {
            id: settings.id,
            version: settings.version,
            title: settings.title,
            languages: self.languages.iter().map(|name| language(name)).collect(),
            default_language,
            instance_name: settings.instance_name,
            record_label: entity.and_then(|entity| entity.label),
            elements: survey.elements,
            lists,
            files: survey.files,
            record,
        };
        self.give_paths(&mut form, &survey.save_to, earlier);
        form.files.extend(logic::files_of_expressions(&form));
        self.check_kinds(&form);
        self.check_expressions(&form);
        self.check_cycles(&form);
        self.check_translations(&form);
        self.check_media(&form);
        Some(form)
    }

    /// Whether the workbook is within the limits; beyond them it is not read at all.
    fn fits(&mut self) -> bool {
        for sheet in &self.workbook.sheets {
            let place = Place { sheet: sheet.name.clone(), ..Place::default() };
            if sheet.rows.len() > MAX_ROWS {
                self.find(Mistake::TooLarge, place.clone(), [MAX_ROWS.to_string()]);
            }
            for row in &sheet.rows {
                if row.cells.iter().any(|cell| cell.chars().count() > MAX_CELL_CHARACTERS) {
                    let place = Place { row: Some(row.number), ..place.clone() };
                    self.find(Mistake::CellTooLong, place, [MAX_CELL_CHARACTERS.to_string()]);
                }
            }
        }
        self.findings.is_empty()
    }

    /// Says which sheets seem to be misspelt, and which are of a kind that is not read.
    fn report_sheets(&mut self) {
        let missing: Vec<&str> =
            SHEETS.into_iter().filter(|name| self.workbook.sheet(name).is_none()).collect();
        let names: Vec<&str> = self.workbook.sheets.iter().map(|sheet| sheet.name.trim()).collect();
        for name in names {
            let place = Place { sheet: name.to_owned(), ..Place::default() };
            if name.eq_ignore_ascii_case("external_choices") || name.eq_ignore_ascii_case("osm") {
                let instead = Said::Told(
                    "Write the choices on the sheet choices; a filter works there too.",
                    "Écrivez les choix dans la feuille choices ; un filtre y fonctionne aussi.",
                );
                self.find(Mistake::SheetUnsupported, place, [Said::from(name), instead]);
            } else if !is_read(name)
                && !name.starts_with('_')
                && let Some(meant) = nearest(name, missing.iter().copied())
            {
                self.find(Mistake::SheetMisspelt, place, [name, meant]);
            }
        }
    }

    /// The language that is shown first: that of the settings, else the one without a name, else the first.
    fn default_language(&mut self, settings: &settings::Settings) -> usize {
        if self.languages.is_empty() {
            self.languages.push(self.unnamed.clone());
        }
        let found = self.languages.iter().position(|name| *name == settings.default_language);
        if found.is_none() && !settings.default_language.is_empty() {
            let name = settings.default_language.clone();
            let place = Place { column: "default_language".to_owned(), ..settings.place.clone() };
            self.find(Mistake::LanguageUnknown, place, [name.clone(), name]);
        }
        found.unwrap_or_default()
    }
}

/// A language of its name in the workbook: `Français (fr)`.
fn language(name: &str) -> Language {
    let code = name.trim().strip_suffix(')').and_then(|rest| rest.rsplit_once('('));
    Language {
        name: name.to_owned(),
        code: code.map_or_else(String::new, |(_, code)| code.trim().to_owned()),
    }
}
