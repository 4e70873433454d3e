//! `fieldmerge form preview`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use fieldmerge_model::form::filling::{Filling, NotGiven, Walk, World};
use fieldmerge_model::form::version::FormVersion;
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
    /// `NAME[2]` is the second question of that name in repeats, and `REPEAT=+` adds an instance.
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

#[derive(Debug, Serialize)]
struct Previewed {
    form: String,
    version: String,
    title: String,
    language: String,
    #[serde(flatten)]
    walk: Walk,
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
        let compiled =
            version.compile(BTreeMap::new()).map_err(|error| Failure::failed(error.to_string()))?;
        let mut world = Machine { clock: Clock::System, ids: Ids::from_system()? };
        let mut filling = Filling::begin(Arc::new(compiled), language, BTreeMap::new(), &mut world);
        for answer in &self.answers {
            filling.give(answer, &mut world).map_err(|error| not_given(&error))?;
        }
        let walk = filling.walk(&mut world);
        let shown = Previewed { form: id, version: number, title, language: named, walk };
        output.show(&shown, Previewed::text)?;
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

fn not_given(error: &NotGiven) -> Failure {
    let said = plain(&error.to_string());
    match error {
        NotGiven::Form => Failure::usage(said),
        NotGiven::Unknown(_) => Failure::not_found(said),
        NotGiven::Refused { .. } => Failure::failed(said),
    }
}

impl Previewed {
    fn text(&self) -> String {
        let form = format!("{} {}", self.form, self.version);
        let title = format!("{} ({}), {}", self.title, form.trim(), self.language);
        let lines = [vec![title], self.walk.lines()].concat();
        lines
            .iter()
            .map(|line| line.split('\n').map(plain).collect::<Vec<_>>().join("\n"))
            .collect::<Vec<_>>()
            .join("\n")
    }
}
