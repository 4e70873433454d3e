//! `fieldmerge-device`: a device without a screen, for demonstrations, scripts and tests.

mod answers;
mod arguments;
mod attachments;
mod carry;
mod cases;
mod exchange;
mod forms;
mod read;
#[cfg(test)]
mod tests;
mod text;
mod write;

use std::io;
use std::path::Path;
use std::process::ExitCode;

use clap::Parser;
use fieldmerge_sdk::{ClientError, Clock, Device, ErrorKind, Options, SyncOptions};

use arguments::{Cli, Command};
use text::Output;

#[tokio::main]
async fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return misused(&error),
    };
    let output = Output::new(cli.json, &cli.folder);
    match run(cli, &output).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output.fail(&failure);
            ExitCode::from(failure.exit())
        }
    }
}

/// Says that the arguments are wrong, as JSON where that was asked for; or prints the help that was.
fn misused(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() || !std::env::args().any(|argument| argument == "--json") {
        error.exit();
    }
    let text = error.to_string();
    let first = text.split("\n\n").next().unwrap_or(&text).trim_start_matches("error: ");
    text::fail(true, "usage", &first.split_whitespace().collect::<Vec<_>>().join(" "));
    ExitCode::from(2)
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
    /// The form complains of an answer.
    #[error("{0}")]
    Incomplete(String),
    /// Something that was named is not on the device.
    #[error("{0}")]
    NotFound(String),
    /// A bundle file cannot be read or written.
    #[error("{file} cannot be read or written: {cause}")]
    File {
        /// Its name.
        file: String,
        /// What the machine says.
        cause: io::Error,
    },
    /// The result cannot be printed.
    #[error("the result cannot be printed: {0}")]
    Output(io::Error),
}

impl Failure {
    /// A file that cannot be read or written.
    pub fn file(file: &Path, cause: io::Error) -> Self {
        Self::File { file: file.display().to_string(), cause }
    }

    /// The stable code, for programs.
    pub fn code(&self) -> &str {
        match self {
            Self::Client(error) => &error.code,
            Self::Usage(_) => "usage",
            Self::Incomplete(_) => "incomplete",
            Self::NotFound(_) => "not-found",
            Self::File { .. } => "file",
            Self::Output(_) => "output",
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
            Self::Incomplete(_) | Self::File { .. } | Self::Output(_) => 1,
        }
    }
}

async fn run(cli: Cli, output: &Output) -> Result<(), Failure> {
    let clock = cli.clock.map_or(Clock::System, |seconds| Clock::Shifted(seconds.saturating_mul(1_000)));
    let options = Options { clock, ..Options::default() };
    if let Command::Enrol { server, code } = &cli.command {
        return enrol(&cli.folder, options, output, server, code.as_deref()).await;
    }
    if !cli.folder.join("device.db").exists() {
        return Err(Failure::NotFound(format!(
            "{} holds no device; `{} enrol SERVER CODE` makes one",
            cli.folder.display(),
            output.program
        )));
    }
    let device = Device::open_with(&cli.folder, options).await?;
    command(&device, output, cli.command).await
}

/// Joins a project; the only command that makes a folder.
async fn enrol(
    folder: &Path,
    options: Options,
    output: &Output,
    server: &str,
    code: Option<&str>,
) -> Result<(), Failure> {
    let is_link = server.starts_with("fieldmerge:");
    let wrong = match code {
        Some(_) if is_link => Some("a link holds its code already; leave the code out"),
        _ if !is_link && !server.starts_with("http://") && !server.starts_with("https://") => {
            Some("the address of a server begins with http:// or https://, such as http://127.0.0.1:7400")
        }
        None if !is_link => {
            Some("give the code after the address; `fieldmerge admin device code` on the server makes one")
        }
        _ => None,
    };
    if let Some(wrong) = wrong {
        return Err(Failure::Usage(wrong.to_owned()));
    }
    let device = Device::open_with(folder, options).await?;
    let enrolment = match code {
        Some(code) => device.enrol(server, code).await?,
        None => device.enrol_by(server).await?,
    };
    let (number, label, project) = (enrolment.number, &enrolment.label, &enrolment.project_code);
    // Without forms nobody can be registered. A link that breaks now is no reason to enrol again.
    let synced = device.sync(SyncOptions::default()).await.is_ok();
    let whole = serde_json::json!({ "device": enrolment.device, "number": number, "label": label,
        "project": project, "synced": synced });
    let next = if synced { "It has the project's forms." } else { "Run `sync` before you register anybody." };
    output.show(&whole, || format!("This is device {number} of {project}, {}. {next}", text::escaped(label)))
}

async fn command(device: &Device, output: &Output, command: Command) -> Result<(), Failure> {
    match command {
        // It was done before a device was opened.
        Command::Enrol { .. } => Ok(()),
        Command::Register { area, values } => write::register(device, output, &area, &values).await,
        Command::Create { record_type, area, about, values } => {
            write::create(device, output, &record_type, &area, about.as_deref(), &values).await
        }
        Command::Observe { area, worker, values } => {
            write::create(device, output, "observation", &area, Some(&worker), &values).await
        }
        Command::Edit { record, values, add, remove } => {
            write::edit(device, output, &record, &values, &add, &remove).await
        }
        Command::Attach(given) => attachments::attach(device, output, &given).await,
        Command::Attachments => attachments::list(device, output).await,
        Command::Fetch { attachment, file } => attachments::fetch(device, output, &attachment, &file).await,
        Command::Attend { area, date, workers, fraction, absent } => {
            write::attend(device, output, &area, &date, &workers, fraction, absent).await
        }
        Command::Pay(pay) => write::pay(device, output, &pay).await,
        Command::Decide { record, field, value, reason } => {
            write::judge(device, output, (&record, &field), &value, &reason, false).await
        }
        Command::Propose { record, field, value, reason } => {
            write::judge(device, output, (&record, &field), &value, &reason, true).await
        }
        Command::List { record_type, limit } => read::list(device, output, record_type, limit).await,
        Command::Find { text } => read::find(device, output, &text).await,
        Command::Show { record } => read::show(device, output, &record).await,
        Command::Conflicts => cases::conflicts(device, output).await,
        Command::Outbox => read::outbox(device, output).await,
        Command::Settle { number, how } => write::settle(device, output, number, how).await,
        Command::Notices => read::notices(device, output).await,
        Command::Forms => forms::forms(device, output).await,
        Command::Fill(given) => forms::fill(device, output, &given).await,
        Command::Findings { language } => forms::findings(device, &language, output).await,
        Command::Status => read::status(device, output).await,
        Command::Sync { spend } => read::sync(device, output, spend).await,
        Command::Carry(carry) => carry::carry(device, output, carry).await,
        Command::Exchange(exchange) => exchange::exchange(device, output, exchange).await,
    }
}
