//! `fieldmerge admin`.

mod area;
mod attachments;
mod backup;
mod bundle;
mod compact;
mod device;
mod grant;
mod key;
mod person;
mod project;
mod qr;
mod quarantine;

use std::process::ExitCode;

use clap::Subcommand;

use super::{Failure, Output};
use crate::App;

/// What an administrator does.
#[derive(Debug, Subcommand)]
pub enum Admin {
    /// Make and list projects.
    #[command(subcommand)]
    Project(project::ProjectCommand),
    /// Make and list the areas (sites) of a project.
    #[command(subcommand)]
    Area(area::AreaCommand),
    /// Add and list the people who write.
    #[command(subcommand)]
    Person(person::PersonCommand),
    /// Invite, list and revoke devices.
    #[command(subcommand)]
    Device(device::DeviceCommand),
    /// Say what a device may read and write.
    #[command(subcommand)]
    Grant(grant::GrantCommand),
    /// Make, list and revoke keys of headquarters.
    #[command(subcommand)]
    Key(key::KeyCommand),
    /// See what was put aside.
    #[command(subcommand)]
    Quarantine(quarantine::QuarantineCommand),
    /// See which photos have not arrived.
    Attachments(attachments::Attachments),
    /// Take bundle files, and change the key that they are sealed to.
    #[command(subcommand)]
    Bundle(bundle::BundleCommand),
    /// Say that a backup was verified: phones need not keep for a restored server what it holds.
    BackupVerified(backup::BackupVerified),
    /// Join small stored segments into large ones now.
    Compact(compact::Compact),
}

impl Admin {
    /// Whether a database may be made for it.
    pub fn begins(&self) -> bool {
        matches!(self, Self::Project(project::ProjectCommand::New { .. }))
    }

    /// Does it.
    pub async fn run(self, app: &App, output: &Output) -> Result<ExitCode, Failure> {
        match self {
            Self::Project(command) => command.run(app, output).await?,
            Self::Area(command) => command.run(app, output).await?,
            Self::Person(command) => command.run(app, output).await?,
            Self::Device(command) => command.run(app, output).await?,
            Self::Grant(command) => command.run(app, output).await?,
            Self::Key(command) => command.run(app, output).await?,
            Self::Quarantine(command) => command.run(app, output).await?,
            Self::Attachments(command) => command.run(app, output).await?,
            Self::Bundle(command) => command.run(app, output).await?,
            Self::BackupVerified(command) => command.run(app, output).await?,
            Self::Compact(command) => command.run(app, output).await?,
        }
        Ok(ExitCode::SUCCESS)
    }
}
