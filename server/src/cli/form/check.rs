//! `fieldmerge form check`.

use std::io::{Write, stderr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use fieldmerge_model::form::import::{Finding, Import, Severity, import};
use fieldmerge_model::form::{self, Kind};
use serde::Serialize;

use super::{Language, Words, bytes_of, plain, workbook_of};
use crate::cli::output::print;
use crate::cli::{Failure, Output};
use crate::forms::MAX_FILE_BYTES;

/// The most bytes of a form as JSON, which repeats for each question what a workbook says once.
const MAX_EARLIER_BYTES: u64 = 4 * MAX_FILE_BYTES;

/// Say everything that is wrong with an XLSForm workbook, where it stands, and what to write instead; of one without
/// mistakes what it asks.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldmerge form check workers.xlsx
  fieldmerge form check workers.xlsx --language fr
  fieldmerge form check workers.csv --json | jq '.findings[] | select(.severity == \"error\")'
  fieldmerge form check workers.xlsx --form > workers-3.json
  fieldmerge form check workers-next.xlsx --earlier workers-3.json

A CSV, TSV or Markdown file holds all sheets in one table: the first column has the name of a sheet where it begins.
No database is needed. Exit codes: 0 no mistakes, at most warnings; 1 mistakes; 2 the file cannot be read as a workbook,
or wrong usage; 3 there is no such file.")]
pub struct Check {
    /// The workbook: .xlsx, .xlsm, .csv, .tsv or .md.
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// The version of the form before this one, as `--form` printed it: its questions keep the names that their answers
    /// are stored under.
    #[arg(long, value_name = "FORM.json")]
    earlier: Option<PathBuf>,

    /// The language in which it is said.
    #[arg(long, value_enum, default_value_t)]
    language: Language,

    /// Print the form itself as JSON, as it would be published; what was found goes to standard error.
    #[arg(long)]
    form: bool,
}

impl Check {
    /// Reads the file, and prints what was found in it.
    pub fn run(self, output: Output) -> Result<ExitCode, Failure> {
        // What a damaged file brings about is reported; what it said may hold what a person typed.
        crate::telemetry::log_panics();
        let earlier = self.earlier.as_deref().map(earlier).transpose()?;
        let bytes = bytes_of(&self.file, MAX_FILE_BYTES)?;
        let workbook = workbook_of(&self.file, &bytes, self.language)?;
        let stem = self.file.file_stem().unwrap_or_default().to_string_lossy();
        let Import { form, findings } = import(&workbook, &stem, earlier.as_ref());
        let report = Report::new(form.as_ref(), &findings, self.language);
        let said =
            if output.is_json() { serde_json::to_string(&report)? } else { report.text(self.language) };
        if self.form {
            writeln!(stderr().lock(), "{said}")?;
            let json = |form: &form::Form| {
                if output.is_json() {
                    serde_json::to_string(form)
                } else {
                    serde_json::to_string_pretty(form)
                }
            };
            form.as_ref().map(json).transpose()?.map_or(Ok(()), |json| print(&json))?;
        } else {
            print(&said)?;
        }
        Ok(if form.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// A form that was printed before.
fn earlier(path: &Path) -> Result<form::Form, Failure> {
    let read = serde_json::from_slice(&bytes_of(path, MAX_EARLIER_BYTES)?).ok();
    read.filter(form::Form::is_ordered).ok_or_else(|| {
        Failure::usage(format!("{} is no form as `fieldmerge form check --form` prints it", path.display()))
    })
}

/// What came of a workbook, for programs.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    /// Absent where there are mistakes.
    form: Option<Contents>,
    mistakes: usize,
    warnings: usize,
    /// In the order of the workbook.
    findings: Vec<Found>,
}

/// What a form is, and how much it asks.
#[derive(Debug, Serialize)]
struct Contents {
    id: String,
    version: String,
    title: String,
    /// Those that a person sees, notes among them.
    questions: usize,
    groups: usize,
    repeats: usize,
    languages: usize,
    choices: usize,
}

#[derive(Debug, Serialize)]
struct Found {
    code: &'static str,
    severity: Severity,
    sheet: String,
    row: Option<u32>,
    column: String,
    message: String,
}

impl Report {
    pub(super) fn new(form: Option<&form::Form>, findings: &[Finding], language: Language) -> Self {
        let found = findings.iter().map(|finding| Found {
            code: finding.mistake.code(),
            severity: finding.mistake.severity(),
            sheet: finding.place.sheet.clone(),
            row: finding.place.row,
            column: finding.place.column.clone(),
            message: finding.message(language.code()),
        });
        let findings: Vec<Found> = found.collect();
        let mistakes = findings.iter().filter(|found| found.severity == Severity::Error).count();
        Self { form: form.map(Contents::of), mistakes, warnings: findings.len() - mistakes, findings }
    }

    /// For people: mistakes, then warnings, then what it comes to.
    pub(super) fn text(&self, language: Language) -> String {
        let mut lines = Vec::new();
        for (severity, [english, french]) in [
            (Severity::Error, ["Mistakes:", "Erreurs :"]),
            (Severity::Warning, ["Warnings:", "Avertissements :"]),
        ] {
            let of_it: Vec<&Found> =
                self.findings.iter().filter(|found| found.severity == severity).collect();
            if !of_it.is_empty() {
                lines.push(language.choose(english, french).to_owned());
                lines.extend(of_it.iter().map(|found| format!("  {}", found.line(language))));
                lines.push(String::new());
            }
        }
        if let Some(form) = &self.form {
            lines.push(form.line(language));
        }
        let [mistakes, warnings] = [(self.mistakes, MISTAKES), (self.warnings, WARNINGS)]
            .map(|(count, words)| language.count(count, words));
        lines.push(format!("{mistakes}, {warnings}"));
        lines.join("\n")
    }
}

impl Contents {
    fn of(form: &form::Form) -> Self {
        let count = |is: fn(&Kind) -> bool| form.elements.iter().filter(|element| is(&element.kind)).count();
        Self {
            id: form.id.clone(),
            version: form.version.clone(),
            title: form.title.clone(),
            questions: count(|kind| matches!(kind, Kind::Question(question) if question.is_shown())),
            groups: count(|kind| matches!(kind, Kind::Group)),
            repeats: count(|kind| matches!(kind, Kind::Repeat { .. })),
            languages: form.languages.len(),
            choices: form.lists.iter().map(|list| list.choices.len()).sum(),
        }
    }

    fn line(&self, language: Language) -> String {
        let counts = [
            (self.questions, QUESTIONS),
            (self.groups, GROUPS),
            (self.repeats, REPEATS),
            (self.languages, LANGUAGES),
            (self.choices, CHOICES),
        ];
        let counts = counts.map(|(count, words)| language.count(count, words)).join(", ");
        let version = match self.version.as_str() {
            "" => String::new(),
            version => format!(" version {version}"),
        };
        let colon = language.choose(":", " :");
        plain(&format!("{}{version}, {}{colon} {counts}", self.id, self.title))
    }
}

impl Found {
    fn line(&self, language: Language) -> String {
        let row =
            self.row.map(|row| format!("{} {row}", language.choose("row", "ligne"))).unwrap_or_default();
        let place = [self.sheet.as_str(), &row, &self.column];
        let place = place.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ");
        let colon = if place.is_empty() { "" } else { language.choose(": ", " : ") };
        plain(&format!("{place}{colon}{}", self.message))
    }
}

const MISTAKES: Words = [["mistake", "mistakes"], ["erreur", "erreurs"]];
const WARNINGS: Words = [["warning", "warnings"], ["avertissement", "avertissements"]];
const QUESTIONS: Words = [["question", "questions"], ["question", "questions"]];
const GROUPS: Words = [["group", "groups"], ["groupe", "groupes"]];
const REPEATS: Words = [["repeat", "repeats"], ["répétition", "répétitions"]];
const LANGUAGES: Words = [["language", "languages"], ["langue", "langues"]];
const CHOICES: Words = [["choice", "choices"], ["choix", "choix"]];
