//! The settings sheet.

use super::features::Feature;
use super::finding::{Mistake, Place, Said};
use super::limits::MAX_NAME;
use super::names::is_name;
use super::{Importer, entities::Entity, ours};
use crate::form::{RecordTarget, Row};
use crate::nearest::nearest;

/// What the settings say.
#[derive(Debug, Default)]
pub(super) struct Settings {
    pub(super) id: String,
    pub(super) version: String,
    pub(super) title: String,
    pub(super) default_language: String,
    pub(super) instance_name: Option<String>,
    pub(super) allow_choice_duplicates: bool,
    /// `fm::record`, as it is written.
    pub(super) record: String,
    /// Where they stand.
    pub(super) place: Place,
}

/// Settings that are read, with their other spellings.
const KNOWN: [&[&str]; 7] = [
    &["form_id", "id_string", "set_form_id"],
    &["version"],
    &["form_title", "title", "set_form_title"],
    &["default_language"],
    &["instance_name"],
    &["allow_choice_duplicates"],
    &["fm::record", "fm:record"],
];

/// Settings that hold here whatever they say.
const WITHOUT_LOSS: [&str; 5] = ["clean_text_values", "namespaces", "name", "omit_instanceid", "instance_id"];

const UNSUPPORTED: [(&str, Said); 5] = [
    (
        "style",
        Said::Told(
            "A form looks the same wherever it is filled.",
            "Un formulaire a le même aspect partout où il est rempli.",
        ),
    ),
    (
        "public_key",
        Said::Told(
            "Records are sealed by their class.",
            "Les enregistrements sont scellés selon leur classe.",
        ),
    ),
    (
        "submission_url",
        Said::Told(
            "Records go to the server of the project.",
            "Les enregistrements vont au serveur du projet.",
        ),
    ),
    ("auto_", Said::Told("Records go by sync.", "Les enregistrements partent par synchronisation.")),
    ("sms_", Said::Told("Records go by sync.", "Les enregistrements partent par synchronisation.")),
];

/// Those that are read, then those that are not.
pub(super) fn features() -> Vec<Feature> {
    let read = KNOWN.iter().map(|names| Feature { name: names[0], also: names[1..].to_vec(), instead: None });
    let mut all: Vec<Feature> = read.collect();
    for (name, why) in &UNSUPPORTED {
        match all.iter_mut().find(|known| known.instead.as_ref() == Some(why)) {
            Some(feature) => feature.also.push(name),
            None => all.push(Feature { name, also: Vec::new(), instead: Some(why.clone()) }),
        }
    }
    all
}

impl Importer<'_> {
    /// Reads the settings; without any the name of the file stands for the form.
    pub(super) fn settings(&mut self, file_stem: &str) -> Settings {
        let place = Place { sheet: "settings".to_owned(), ..Place::default() };
        let mut settings = Settings { place, ..Settings::default() };
        let workbook = self.workbook;
        if let Some([headings, rows @ ..]) = workbook.sheet("settings").map(|sheet| sheet.rows.as_slice())
            && let Some(row) = rows.first()
        {
            settings.place.row = Some(row.number);
            for at in 0..headings.cells.len() {
                self.setting(&mut settings, headings, row, at);
            }
        }
        self.check_id(&mut settings, file_stem);
        if settings.title.is_empty() {
            settings.title.clone_from(&settings.id);
        }
        if settings.version.chars().count() > MAX_NAME {
            let place = Place { column: "version".to_owned(), ..settings.place.clone() };
            self.find::<Said>(Mistake::VersionInvalid, place, []);
        }
        settings
    }

    fn setting(&mut self, settings: &mut Settings, headings: &Row, row: &Row, at: usize) {
        let (heading, value) = (headings.cell(at), row.cell(at).into_owned());
        let plain = heading.to_lowercase().replace(' ', "_");
        if value.is_empty() || WITHOUT_LOSS.contains(&plain.as_str()) {
            return;
        }
        let known = KNOWN.iter().find(|names| names.contains(&plain.as_str())).map(|names| names[0]);
        let place = Place { column: heading.to_string(), ..settings.place.clone() };
        self.report_error(&value, || place.clone());
        match known {
            Some("form_id") => settings.id = value,
            Some("version") => settings.version = value,
            Some("form_title") => row.text(at).clone_into(&mut settings.title),
            Some("default_language") => settings.default_language = value,
            Some("instance_name") => settings.instance_name = Some(value),
            Some("allow_choice_duplicates") => {
                settings.allow_choice_duplicates = ours::is_yes(&value).unwrap_or_default();
            }
            Some("fm::record") => settings.record = value,
            _ => {
                let heading = heading.into_owned();
                if let Some((_, why)) = UNSUPPORTED.iter().find(|(name, _)| plain.starts_with(name)) {
                    self.find(Mistake::SettingUnsupported, place, [Said::from(heading), why.clone()]);
                } else {
                    let meant = nearest(&plain, KNOWN.iter().map(|names| names[0]));
                    self.find_near(Mistake::SettingUnknown, place, [heading], meant);
                }
            }
        }
    }

    fn check_id(&mut self, settings: &mut Settings, file_stem: &str) {
        if settings.id.is_empty() {
            file_stem.clone_into(&mut settings.id);
        }
        let place = Place { column: "form_id".to_owned(), ..settings.place.clone() };
        if settings.id.is_empty() {
            self.find::<Said>(Mistake::FormIdMissing, place, []);
        } else if !is_name(&settings.id) || settings.id.chars().count() > MAX_NAME {
            self.find(Mistake::FormIdInvalid, place, [settings.id.clone()]);
        }
    }

    /// The records that the form is written to: what the settings say, else the entity list, else records of a type that
    /// is named like the form.
    pub(super) fn record_target(&mut self, settings: &Settings, entity: Option<&Entity>) -> RecordTarget {
        let place = Place { column: "fm::record".to_owned(), ..settings.place.clone() };
        if !settings.record.is_empty() {
            return self.record(&settings.record, place).unwrap_or_default();
        }
        let name = entity.map_or(&settings.id, |entity| &entity.list);
        RecordTarget { record_type: super::names::path_name(name), ..RecordTarget::default() }
    }
}
