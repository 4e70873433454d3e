//! `fieldmerge admin backup-verified`.

use fieldmerge_model::types::date::parse_moment;
use serde::Serialize;

use crate::App;
use crate::admin::bundles;
use crate::cli::output::moment;
use crate::cli::{Failure, Output};

/// Say that a backup was verified: phones need not keep for a restored server what it holds.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  fieldmerge admin backup-verified ROADS --up-to 2026-03-02T02:00:00Z

A phone keeps its observations, sealed so that only this server reads them, until it is told that a backup holds them.
Name the time at which the backup was begun, and only after it was restored somewhere and `fieldmerge verify` found it
whole. It cannot be taken back: what phones have deleted is then in that backup and on this server alone.")]
pub struct BackupVerified {
    /// The project, by code or id.
    project: String,
    /// All that was received until this time is in the backup.
    #[arg(long, value_name = "MOMENT",
        value_parser = |text: &str| parse_moment(text).map_err(|_| "not a time such as 2026-03-02T02:00:00Z"))]
    up_to: i64,
}

#[derive(Debug, Serialize)]
struct Noted {
    backed_up_ms: i64,
}

impl BackupVerified {
    /// Does it.
    pub async fn run(self, app: &App, output: &Output) -> Result<(), Failure> {
        let backed_up_ms = bundles::backup_verified(app, &self.project, self.up_to).await?;
        output.show(&Noted { backed_up_ms }, |noted| {
            format!("A verified backup holds what was received until {}.", moment(noted.backed_up_ms))
        })
    }
}
