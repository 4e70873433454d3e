//! `fieldmerge verify`.

use std::process::ExitCode;

use super::{Failure, Output};
use crate::App;
use crate::verify::{Report, verify};

/// Check everything stored against the changes it was made from: frames and hashes, signatures, records replayed through
/// Automerge, rows against a rebuild, counts.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldmerge verify
  fieldmerge verify --project ROADS --json

It reads a snapshot, so the server may go on serving. Exit code 0: all is as it should be; 1: there are differences.")]
pub struct Verify {
    /// One project, by code or id; all of them unless given.
    #[arg(long)]
    project: Option<String>,
}

impl Verify {
    /// Checks and prints the report.
    pub async fn run(self, app: &App, output: &Output) -> Result<ExitCode, Failure> {
        // A record that Automerge cannot stand is reported; what it said may hold values.
        crate::telemetry::log_panics();
        let report = verify(app, self.project.as_deref()).await?;
        output.show(&report, text)?;
        Ok(if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn text(report: &Report) -> String {
    if report.projects.is_empty() {
        return "There is no project here; nothing was checked.".to_owned();
    }
    report.text()
}
