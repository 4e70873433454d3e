//! The command line. Each command has a file; what it does stands elsewhere.

pub mod admin;
pub mod demo;
pub mod export;
pub mod failure;
pub mod form;
pub mod openapi;
pub mod output;
pub mod serve;
pub mod verify;

use std::net::{SocketAddr, ToSocketAddrs};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use fieldmerge_store::{Store, StoreOptions};
use tokio::net::TcpListener;

use crate::config::{Config, DEFAULT_DATABASE};
use crate::{App, Clock, Ids, Metrics, keys};
pub use failure::Failure;
pub use output::Output;

/// Connections that read: those of requests beside those that datasets hold.
const READERS: u32 = 16;

/// Offline-first data collection that merges itself: the server and its administration.
#[derive(Debug, Parser)]
#[command(name = "fieldmerge", version, propagate_version = true, after_help = EXAMPLES)]
struct Cli {
    /// The database: `sqlite:PATH` or `postgres://USER:PASSWORD@HOST/NAME`.
    #[arg(
        long,
        value_name = "URL",
        env = "FIELDMERGE_DATABASE",
        default_value = DEFAULT_DATABASE,
        hide_env_values = true,
        global = true
    )]
    database: String,

    /// Where attachments (photos) are kept: a folder, or `s3://BUCKET/PREFIX` with the keys, region and endpoint that the
    /// AWS_* variables of the environment name. Unless given, a folder beside the database file.
    #[arg(long, value_name = "PLACE", env = "FIELDMERGE_ATTACHMENTS", global = true)]
    attachments: Option<String>,

    /// Print JSON instead of text for people.
    #[arg(long, global = true)]
    json: bool,

    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Begin:
  fieldmerge demo                                  a whole example, served with something to look at
  fieldmerge admin project new ROADS \"Rural roads\"
  fieldmerge admin area new ROADS S1 \"Site one\"
  fieldmerge admin device code ROADS Hery --grant S1:enumerator --grant S1:supervisor
  fieldmerge serve

Read what was merged:
  fieldmerge export --project ROADS --type worker --output workers.csv

Check a form, then have the phones ask by it:
  fieldmerge form check workers.xlsx
  fieldmerge form publish --project ROADS workers.xlsx

Exit codes: 0 done, 1 failed (also: `verify` found a difference, `form check` a mistake), 2 wrong usage, 3 no such thing, 4 exists already.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API until told to stop.
    Serve(serve::Serve),
    /// Load and serve an example: two phones, two offline weeks, one merge.
    Demo(demo::Demo),
    /// Projects, areas, people, devices, grants, keys, what was put aside, photos, compaction.
    #[command(subcommand)]
    Admin(admin::Admin),
    /// Write the merged records of a type as a file.
    Export(export::Export),
    /// Check everything stored against the changes it was made from.
    Verify(verify::Verify),
    /// Forms, as XLSForm workbooks: check them, publish them, see what is published; the lists that they choose from.
    #[command(subcommand)]
    Form(form::Form),
    /// Print the `OpenAPI` document of the API.
    Openapi(openapi::Openapi),
}

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return misused(&error),
    };
    let output = Output::new(cli.json);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Failure::from(error).report(&output),
    };
    match runtime.block_on(run(cli, &output)) {
        Ok(code) => code,
        Err(failure) => failure.report(&output),
    }
}

/// Says that the arguments are wrong, as JSON where that was asked for; or prints the help that was.
fn misused(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() || !std::env::args().any(|argument| argument == "--json") {
        error.exit();
    }
    let text = error.to_string();
    let first = text.split("\n\n").next().unwrap_or(&text).trim_start_matches("error: ");
    Failure::usage(first.split_whitespace().collect::<Vec<_>>().join(" ")).report(&Output::new(true))
}

async fn run(cli: Cli, output: &Output) -> Result<ExitCode, Failure> {
    let database = &cli.database;
    let attachments = cli.attachments.or_else(|| beside(database));
    let config = Config { attachments, ..Config::default() };
    match cli.command {
        Command::Serve(command) => command.run(database, config, output).await,
        Command::Demo(command) => command.run(output).await,
        Command::Admin(command) => {
            if !command.begins() {
                must_exist(database)?;
            }
            with(database, config, async |app| command.run(app, output).await).await
        }
        Command::Export(command) => {
            must_exist(database)?;
            with(database, config, async |app| command.run(app, output).await).await
        }
        Command::Verify(command) => {
            must_exist(database)?;
            with(database, config, async |app| command.run(app, output).await).await
        }
        Command::Form(form::Form::Files(command)) => command.run(output),
        Command::Form(form::Form::Published(command)) => {
            must_exist(database)?;
            with(database, config, async |app| command.run(app, output).await).await
        }
        Command::Openapi(command) => command.run(output),
    }
}

/// The folder of attachments beside the file of a database.
pub fn beside(database: &str) -> Option<String> {
    Some(Store::file(database)?.with_extension("attachments").to_string_lossy().into_owned())
}

/// Refuses a database whose file is not there: a mistyped name must not make another one.
fn must_exist(database: &str) -> Result<(), Failure> {
    match Store::file(database).filter(|file| !file.exists()) {
        Some(file) => Err(Failure::not_found(format!(
            "there is no database {}; `fieldmerge admin project new` makes one",
            file.display()
        ))),
        None => Ok(()),
    }
}

/// Does something with the database and closes it in good order, whatever came of it.
async fn with<F>(database: &str, config: Config, work: F) -> Result<ExitCode, Failure>
where
    F: AsyncFnOnce(&App) -> Result<ExitCode, Failure>,
{
    let app = open(database, config).await?;
    let done = work(&app).await;
    app.close().await;
    done
}

/// An address to listen at, from its text: `127.0.0.1:7400` or `localhost:7400`.
pub fn address(text: &str) -> Result<SocketAddr, String> {
    let found = text.to_socket_addrs().ok().and_then(|all| all.min_by_key(SocketAddr::is_ipv6));
    found.ok_or_else(|| "not an address and a port, such as 127.0.0.1:7400 or localhost:7400".to_owned())
}

/// Listens at an address; where another program does, `advice` says what to do.
pub async fn listen(address: SocketAddr, advice: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            Failure::failed(format!("cannot listen on {address}: another program {advice}"))
        }
        _ => Failure::about(format!("cannot listen on {address}"), error),
    })
}

/// Opens the database, brings its schema up to date, and joins it with the machine's clock and randomness.
pub async fn open(database: &str, config: Config) -> Result<App, Failure> {
    let options = StoreOptions { readers: READERS, ..StoreOptions::default() };
    let store = Store::open_with(database, &options).await?;
    store.migrate().await?;
    let app = App::new(store, Clock::System, Ids::from_system()?, config, Metrics::default());
    keys::complete(&app).await?;
    Ok(app)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
