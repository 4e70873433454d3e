//! `fieldmerge form publish`.

use std::io::{Write, stderr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use fieldmerge_model::pack::HIMO;
use fieldmerge_store::forms::FormRow;
use serde::Serialize;

use super::check::Report;
use super::{Language, draft_of, plain};
use crate::cli::{Failure, Output};
use crate::forms::pack::publish_pack;
use crate::forms::publish::{Publication, PublishError, publish};
use crate::state::App;

/// Publish workbooks as the next versions of their forms.
///
/// A published version never changes and is never taken back: phones keep it, and records say which version last wrote
/// them. Phones get it when they sync next.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldmerge form publish --project ROADS workers.xlsx
  fieldmerge form publish --project ROADS forms/*.xlsx
  fieldmerge form publish --project WELLS --pack himo

Files that a form names (select_one_from_file villages.csv) are looked for beside the workbook, and there in the folder
`files`. A workbook whose settings name no version gets the next number. The same workbook once more publishes nothing.

A question that gets another name is another question: the answers under the former name stay in the records and in the
dataset. One that keeps its name must keep what it takes, but that decimals may follow whole numbers, and texts may follow
codes or telephone numbers, and how it merges (fm::merge).

Exit codes: 0 published, or published before; 1 mistakes in a workbook; 2 a file cannot be read, or wrong usage; 3 no such
project or file; 4 this version is published with another content.")]
pub struct Publish {
    /// The project, by its code.
    #[arg(long, value_name = "CODE")]
    project: String,

    /// The workbooks: .xlsx, .xlsm, .csv, .tsv or .md.
    #[arg(value_name = "FILE", required_unless_present = "pack", conflicts_with = "pack")]
    files: Vec<PathBuf>,

    /// The forms that the program brings, instead of files: what the project lacks of them.
    #[arg(long, value_enum)]
    pack: Option<PackName>,

    /// The language in which mistakes are said.
    #[arg(long, value_enum, default_value_t)]
    language: Language,
}

/// The forms that the program brings.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum PackName {
    /// Those for labour-intensive public works.
    Himo,
}

#[derive(Debug, Serialize)]
struct Row {
    number: u64,
    form_id: String,
    version: String,
    title: String,
    is_new: bool,
    warnings: usize,
    /// What it costs a phone.
    packed_bytes: usize,
}

impl Row {
    fn of(publication: Publication) -> Self {
        let Publication { row, is_new, warnings } = publication;
        let FormRow { number, form_id, version, title, packed, .. } = row;
        Self { number, form_id, version, title, is_new, warnings: warnings.len(), packed_bytes: packed.len() }
    }

    fn line(&self) -> String {
        let said = if self.is_new {
            format!(
                "Published {} version {}, {}: {} bytes for each phone",
                self.form_id, self.version, self.title, self.packed_bytes
            )
        } else {
            format!("{} version {} was published before", self.form_id, self.version)
        };
        let warnings = match self.warnings {
            0 => String::new(),
            1 => "; 1 warning, `form check` says it".to_owned(),
            more => format!("; {more} warnings, `form check` says them"),
        };
        plain(&format!("{said}{warnings}"))
    }
}

impl Publish {
    /// Publishes the files in their order; those before one with mistakes stay published.
    pub async fn run(self, app: &App, output: Output) -> Result<ExitCode, Failure> {
        let mut rows = Vec::new();
        if let Some(PackName::Himo) = self.pack {
            rows.extend(publish_pack(app, &self.project, &HIMO).await?.into_iter().map(Row::of));
        }
        for file in &self.files {
            let draft = draft_of(file, self.language)?;
            match publish(app, &self.project, &draft).await {
                Ok(publication) => rows.push(Row::of(publication)),
                Err(PublishError::Mistakes(findings)) => {
                    let report = Report::new(None, &findings, self.language);
                    let said = if output.is_json() {
                        serde_json::to_string(&report)?
                    } else {
                        format!("{}:\n{}", file.display(), report.text(self.language))
                    };
                    writeln!(stderr().lock(), "{said}")?;
                    output.show(&rows, |rows| text(rows))?;
                    return Ok(ExitCode::FAILURE);
                }
                Err(error) => return Err(failure(error, file)),
            }
        }
        output.show(&rows, |rows| text(rows))?;
        Ok(ExitCode::SUCCESS)
    }
}

fn text(rows: &[Row]) -> String {
    rows.iter().map(Row::line).collect::<Vec<_>>().join("\n")
}

fn failure(error: PublishError, file: &Path) -> Failure {
    let said = plain(&format!("{}: {error}", file.display()));
    match error {
        PublishError::Admin(error) => error.into(),
        PublishError::VersionExists(_) => Failure::exists(said),
        PublishError::Missing(_) => Failure::not_found(said),
        _ => Failure::failed(said),
    }
}

impl From<PublishError> for Failure {
    fn from(error: PublishError) -> Self {
        failure(error, Path::new("the forms of the program"))
    }
}
