//! `fieldmerge export`.

use std::fs::{self, File};
use std::io::{BufWriter, Write, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use fieldmerge_model::access::Role;
use fieldmerge_protocol::api::AsOf;

use super::{Failure, Output};
use crate::App;
use crate::admin::{project, role_of};
use crate::dataset::{Dataset, DatasetRequest, Format};

/// Write the merged records of a type, all read at one moment: the same rows that the API gives to a key.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldmerge export --project ROADS --type worker --output workers.csv
  fieldmerge export --project ROADS --type attendance --format jsonl | head
  fieldmerge export --project ROADS --type worker --role payroll --output to-pay.csv

A field whose conflict waits for a decision shows the value last agreed on; `_conflicts` names such fields and
`…__candidates` holds what was written. The point of the log that the rows stand for is printed on standard error.")]
pub struct Export {
    /// The project, by code or id.
    #[arg(long)]
    project: String,

    /// The record type: worker, observation, assignment, attendance, payment, …
    #[arg(long = "type", value_name = "TYPE")]
    record_type: String,

    /// How rows are written.
    #[arg(long, value_enum, default_value_t)]
    format: Format,

    /// Whose columns: an analyst sees no names, telephone numbers, villages or exact dates of birth.
    #[arg(long, default_value = "analyst", value_parser = |name: &str| role_of(name).map_err(|error| error.to_string()))]
    role: Role,

    /// The file; standard output unless given. It appears when it is complete.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Export {
    /// Writes the file.
    pub async fn run(self, app: &App, output: &Output) -> Result<ExitCode, Failure> {
        let mut tx = app.store().read().await?;
        let project = project(&mut tx, &self.project).await?;
        tx.rollback().await?;
        let Self { record_type, format, role, .. } = self;
        let request = DatasetRequest { project, record_type, format, role };
        let mut dataset = Dataset::open(app.store(), request, app.now_ms()).await?;
        match &self.output {
            Some(path) => write_file(&mut dataset, path).await?,
            None => match write_to(&mut dataset, &mut stdout().lock()).await {
                Err(failure) if failure.is_broken_pipe() => return Ok(ExitCode::SUCCESS),
                written => written?,
            },
        }
        say_as_of(&dataset.as_of, *output)?;
        Ok(ExitCode::SUCCESS)
    }
}

async fn write_to(dataset: &mut Dataset, file: &mut impl Write) -> Result<(), Failure> {
    while let Some(chunk) = dataset.next_chunk().await? {
        file.write_all(&chunk)?;
    }
    Ok(file.flush()?)
}

/// Writes beside the place and moves there at the end, so that a part is never taken for the whole.
async fn write_file(dataset: &mut Dataset, path: &Path) -> Result<(), Failure> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let failed = |error| Failure::about(format!("cannot write {}", path.display()), error);
    let mut file = BufWriter::new(File::create(&part).map_err(failed)?);
    write_to(dataset, &mut file).await?;
    file.get_ref().sync_all().map_err(failed)?;
    fs::rename(&part, path).map_err(failed)
}

fn say_as_of(as_of: &AsOf, output: Output) -> Result<(), Failure> {
    let line = if output.is_json() {
        serde_json::to_string(as_of)?
    } else {
        format!("As of {} changes of log {}", as_of.changes, as_of.log)
    };
    Ok(writeln!(std::io::stderr().lock(), "{line}")?)
}
