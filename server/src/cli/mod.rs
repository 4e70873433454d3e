//! The command line. Each command has a file; what it does stands elsewhere.

pub mod admin;
pub mod demo;
pub mod export;
pub mod failure;
pub mod openapi;
pub mod output;
pub mod serve;
pub mod verify;

use std::net::SocketAddr;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use fieldmerge_store::{Store, StoreOptions};
use tokio::net::TcpListener;

use crate::config::{Config, DEFAULT_DATABASE};
use crate::{App, Clock, Ids, Metrics};
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

Exit codes: 0 done, 1 failed (also: `verify` found a difference), 2 wrong usage, 3 no such thing, 4 exists already.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API until told to stop.
    Serve(serve::Serve),
    /// Load and serve an example: two phones, two offline weeks, one merge.
    Demo(demo::Demo),
    /// Projects, areas, people, devices, grants and keys.
    #[command(subcommand)]
    Admin(admin::Admin),
    /// Write the merged records of a type as a file.
    Export(export::Export),
    /// Check everything stored against the changes it was made from.
    Verify(verify::Verify),
    /// Print the `OpenAPI` document of the API.
    Openapi(openapi::Openapi),
}

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
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

async fn run(cli: Cli, output: &Output) -> Result<ExitCode, Failure> {
    let database = &cli.database;
    match cli.command {
        Command::Serve(command) => command.run(database, output).await,
        Command::Demo(command) => command.run(output).await,
        Command::Admin(command) => with(database, async |app| command.run(app, output).await).await,
        Command::Export(command) => with(database, async |app| command.run(app, output).await).await,
        Command::Verify(command) => with(database, async |app| command.run(app, output).await).await,
        Command::Openapi(command) => command.run(output),
    }
}

/// Does something with the database and closes it in good order, whatever came of it.
async fn with<F>(database: &str, work: F) -> Result<ExitCode, Failure>
where
    F: AsyncFnOnce(&App) -> Result<ExitCode, Failure>,
{
    let app = open(database, Config::default()).await?;
    let done = work(&app).await;
    app.store().close().await;
    done
}

/// Listens at an address.
pub async fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    let listener = TcpListener::bind(address).await;
    listener.map_err(|error| Failure::about(format!("cannot listen on {address}"), error))
}

/// Opens the database, brings its schema up to date, and joins it with the machine's clock and randomness.
pub async fn open(database: &str, config: Config) -> Result<App, Failure> {
    let options = StoreOptions { readers: READERS, ..StoreOptions::default() };
    let store = Store::open_with(database, &options).await?;
    store.migrate().await?;
    Ok(App::new(store, Clock::System, Ids::from_system()?, config, Metrics::default()))
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
