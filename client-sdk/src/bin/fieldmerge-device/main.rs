//! `fieldmerge-device`: a device without a screen, for demonstrations, scripts and tests.

mod arguments;
mod read;
mod text;
mod write;

use std::process::ExitCode;

use clap::Parser;
use fieldmerge_sdk::{ClientError, Clock, Device, ErrorKind, Options};

use arguments::{Cli, Command};
use text::Output;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = Output { json: cli.json };
    match run(cli, output).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output.fail(&failure);
            ExitCode::from(failure.exit())
        }
    }
}

/// Why a command did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The device or the server refused.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The command was not asked rightly.
    #[error("{0}")]
    Usage(String),
    /// Something that was named is not on the device.
    #[error("{0}")]
    NotFound(String),
    /// A bundle file cannot be read or written.
    #[error("the file cannot be read or written: {0}")]
    File(#[from] std::io::Error),
}

impl Failure {
    /// The stable code, for programs.
    pub fn code(&self) -> &str {
        match self {
            Self::Client(error) => &error.code,
            Self::Usage(_) => "usage",
            Self::NotFound(_) => "not-found",
            Self::File(_) => "file",
        }
    }

    /// The exit code: 1 failed, 2 wrong usage, 3 not on this device, 4 no link, 5 refused.
    fn exit(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::NotFound(_) => 3,
            Self::Client(error) => match error.kind {
                ErrorKind::Offline => 4,
                ErrorKind::Refused | ErrorKind::SignedOut | ErrorKind::UpdateRequired => 5,
                ErrorKind::Storage | ErrorKind::Bug => 1,
            },
            Self::File(_) => 1,
        }
    }
}

async fn run(cli: Cli, output: Output) -> Result<(), Failure> {
    let clock = cli.clock.map_or(Clock::System, |seconds| Clock::Shifted(seconds.saturating_mul(1_000)));
    let device = Device::open_with(&cli.folder, Options { clock, seed: None }).await?;
    match cli.command {
        Command::Enrol { server, code } => {
            let enrolment = match code {
                Some(code) => device.enrol(&server, &code).await?,
                None => device.enrol_by(&server).await?,
            };
            let label = &enrolment.label;
            output.show(
                &serde_json::json!({ "device": enrolment.device, "number": enrolment.number, "label": label,
                    "project": enrolment.project_code }),
                || format!("This is device {} of {}, {label}.", enrolment.number, enrolment.project_code),
            );
            Ok(())
        }
        Command::Register { area, values } => write::register(&device, output, &area, &values).await,
        Command::Create { record_type, area, about, values } => {
            write::create(&device, output, &record_type, &area, about.as_deref(), &values).await
        }
        Command::Observe { area, worker, values } => {
            write::create(&device, output, "observation", &area, Some(&worker), &values).await
        }
        Command::Edit { record, values, add, remove } => {
            write::edit(&device, output, &record, &values, &add, &remove).await
        }
        Command::Attend { area, date, workers, fraction, absent } => {
            write::attend(&device, output, &area, &date, &workers, fraction, absent).await
        }
        Command::Pay(pay) => write::pay(&device, output, &pay).await,
        Command::Decide { record, field, value, reason } => {
            write::judge(&device, output, (&record, &field), &value, &reason, false).await
        }
        Command::Propose { record, field, value, reason } => {
            write::judge(&device, output, (&record, &field), &value, &reason, true).await
        }
        Command::List { record_type, limit } => read::list(&device, output, record_type, limit).await,
        Command::Find { text } => read::find(&device, output, &text).await,
        Command::Show { record } => read::show(&device, output, &record).await,
        Command::Conflicts => read::conflicts(&device, output).await,
        Command::Outbox => read::outbox(&device, output).await,
        Command::Settle { number, how } => write::settle(&device, output, number, how).await,
        Command::Notices => read::notices(&device, output).await,
        Command::Status => read::status(&device, output).await,
        Command::Sync => read::sync(&device, output).await,
        Command::Carry(carry) => read::carry(&device, output, carry).await,
    }
}
