//! `fieldmerge form preview`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use fieldmerge_model::form::filling::{Filling, Offered, Place, World};
use fieldmerge_model::form::version::FormVersion;
use fieldmerge_model::form::{Element, Kind, Question};
use serde::Serialize;

use super::{Language, draft_of, plain};
use crate::cli::{Failure, Output};
use crate::clock::Clock;
use crate::ids::Ids;

/// Walk through a form as a phone shows it: what is asked after these answers, what not, and what is wrong with them.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldmerge form preview workers.xlsx
  fieldmerge form preview workers.xlsx --in fr --answer sex=female --answer age=17

No database is needed. A question marked * must be answered. Exit codes: 0 shown; 1 mistakes in the workbook, or an answer
that is none; 2 the file cannot be read, or wrong usage; 3 there is no such file or question.")]
pub struct Preview {
    /// The workbook: .xlsx, .xlsm, .csv, .tsv or .md.
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// An answer by the name of its question; of a choice its name, of several with spaces between. Given in this order.
    #[arg(long = "answer", value_name = "QUESTION=ANSWER")]
    answers: Vec<String>,

    /// The language of the form, by its code or its name; its own default language where this is not given.
    #[arg(long = "in", value_name = "LANGUAGE")]
    shown: Option<String>,
}

/// What filling asks for, from this machine.
struct Machine {
    clock: Clock,
    ids: Ids,
}

impl World for Machine {
    fn now(&mut self) -> i64 {
        self.clock.now_ms()
    }

    fn offset_minutes(&mut self) -> i32 {
        0
    }

    fn random(&mut self) -> f64 {
        f64::from(u32::from_be_bytes(self.ids.bytes())) / (f64::from(u32::MAX) + 1.0)
    }

    fn uuid(&mut self) -> String {
        uuid::Builder::from_random_bytes(self.ids.bytes()).into_uuid().to_string()
    }

    fn key(&mut self) -> String {
        self.ids.uuid(self.clock.now_ms()).to_string()
    }

    fn property(&mut self, _name: &str) -> Option<String> {
        None
    }
}

/// A place of the form, as it is shown.
#[derive(Debug, Serialize)]
struct Shown {
    depth: usize,
    name: String,
    kind: &'static str,
    label: String,
    hint: String,
    required: bool,
    read_only: bool,
    value: String,
    choices: Vec<(String, String)>,
    /// What is wrong with the answer.
    complaint: Option<String>,
}

#[derive(Debug, Serialize)]
struct Walk {
    form: String,
    version: String,
    title: String,
    language: String,
    shown: Vec<Shown>,
    /// The names of the questions that do not apply.
    hidden: Vec<String>,
}

impl Preview {
    /// Prints the walk.
    pub fn run(self, output: Output) -> Result<ExitCode, Failure> {
        crate::telemetry::log_panics();
        let version = version_of(&self.file)?;
        let form = &version.form;
        let language = match &self.shown {
            Some(name) => form
                .languages
                .iter()
                .position(|known| known.code == *name || known.name == *name)
                .ok_or_else(|| Failure::usage(format!("the form has no language {}", plain(name))))?,
            None => form.default_language,
        };
        let (id, number, title) = (form.id.clone(), form.version.clone(), form.title.clone());
        let named = form.languages[language].name.clone();
        let compiled = version.compile().map_err(|error| Failure::failed(error.to_string()))?;
        let mut world = Machine { clock: Clock::System, ids: Ids::from_system()? };
        let mut filling = Filling::begin(Arc::new(compiled), language, BTreeMap::new(), &mut world);
        for answer in &self.answers {
            give(&mut filling, answer, &mut world)?;
        }
        let mut walk =
            Walk { form: id, version: number, title, language: named, shown: Vec::new(), hidden: Vec::new() };
        walk.below(&filling, filling.root(), 0, &mut world);
        output.show(&walk, Walk::text)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// The form of a workbook with the files beside it.
fn version_of(path: &std::path::Path) -> Result<FormVersion, Failure> {
    let language = Language::default();
    let draft = draft_of(path, language)?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let form = fieldmerge_model::form::import::import(&draft.workbook, &stem, None).form;
    let form = form.ok_or_else(|| {
        Failure::failed(format!("{} has mistakes: `fieldmerge form check` says them", path.display()))
    })?;
    Ok(FormVersion { form, tables: draft.tables })
}

fn give(filling: &mut Filling, answer: &str, world: &mut Machine) -> Result<(), Failure> {
    let (name, text) = answer
        .split_once('=')
        .ok_or_else(|| Failure::usage("an answer is QUESTION=ANSWER, such as sex=female"))?;
    let place = filling.named(name).first().copied();
    let place =
        place.ok_or_else(|| Failure::not_found(format!("the form has no question {}", plain(name))))?;
    filling
        .answer(place, text, world)
        .map_err(|refusal| Failure::failed(format!("{}: {refusal}", plain(name))))
}

impl Walk {
    fn below(&mut self, filling: &Filling, place: Place, depth: usize, world: &mut Machine) {
        for child in filling.children(place) {
            let Some(element) = filling.element(child) else { continue };
            let kind = match &element.kind {
                Kind::Group => "group",
                Kind::Repeat { .. } => "repeat",
                Kind::Question(question) if question.is_shown() => word(question),
                Kind::Question(_) => continue,
            };
            if !filling.is_relevant(child) {
                self.hidden.push(element.name.clone());
                continue;
            }
            let offered = filling.choices(child, world).into_iter();
            self.shown.push(Shown {
                depth,
                name: element.name.clone(),
                kind,
                label: label(filling, child, element),
                hint: filling.hint(child),
                required: filling.is_required(child, world),
                read_only: filling.is_read_only(child, world),
                value: filling.value(child).to_owned(),
                choices: offered.map(|Offered { name, label }| (name, label)).collect(),
                complaint: filling
                    .complaint(child, world)
                    .filter(|_| !filling.value(child).is_empty())
                    .map(|complaint| complaint.message),
            });
            self.below(filling, child, depth + 1, world);
        }
    }

    fn text(&self) -> String {
        let form = format!("{} {}", self.form, self.version);
        let mut lines = vec![format!("{} ({}), {}", self.title, form.trim(), self.language)];
        lines.extend(self.shown.iter().flat_map(Shown::lines));
        if !self.hidden.is_empty() {
            lines.push(format!("\nNot asked after these answers: {}", self.hidden.join(", ")));
        }
        lines
            .iter()
            .map(|line| line.split('\n').map(plain).collect::<Vec<_>>().join("\n"))
            .collect::<Vec<_>>()
            .join("\n")
    }
}

fn label(filling: &Filling, place: Place, element: &Element) -> String {
    let label = filling.label(place);
    if label.is_empty() { element.name.clone() } else { label }
}

impl Shown {
    fn lines(&self) -> Vec<String> {
        let indent = "  ".repeat(self.depth);
        let mark = if self.required { " *" } else { "" };
        let value = if self.value.is_empty() { String::new() } else { format!(": {}", self.value) };
        let mut lines = vec![format!("\n{indent}{}{mark}  [{} {}]{value}", self.label, self.kind, self.name)];
        if !self.hint.is_empty() {
            lines.push(format!("{indent}  {}", self.hint));
        }
        let chosen: Vec<&str> = self.value.split_whitespace().collect();
        lines.extend(self.choices.iter().map(|(name, label)| {
            let mark = if chosen.contains(&name.as_str()) { "x" } else { " " };
            format!("{indent}  ({mark}) {label}  [{name}]")
        }));
        lines.extend(self.complaint.iter().map(|said| format!("{indent}  ! {said}")));
        lines
    }
}

/// What a type of questions is called in a workbook.
fn word(question: &Question) -> &'static str {
    match question {
        Question::Text => "text",
        Question::Integer => "integer",
        Question::Decimal => "decimal",
        Question::Range { .. } => "range",
        Question::SelectOne(_) => "select_one",
        Question::SelectMultiple(_) => "select_multiple",
        Question::Rank(_) => "rank",
        Question::Date => "date",
        Question::Time => "time",
        Question::DateTime => "dateTime",
        Question::Geopoint => "geopoint",
        Question::Geotrace => "geotrace",
        Question::Geoshape => "geoshape",
        Question::Barcode => "barcode",
        Question::Image { .. } => "image",
        Question::Audio => "audio",
        Question::Video => "video",
        Question::File => "file",
        Question::Note => "note",
        Question::Acknowledge => "acknowledge",
        Question::Hidden => "hidden",
        Question::Calculate => "calculate",
        Question::Metadata(_) => "metadata",
    }
}
