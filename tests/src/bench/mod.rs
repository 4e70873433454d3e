//! The bench: its command line, and which measurement prints which figures.

mod air;
mod attendance;
mod author;
mod cuts;
mod edits;
mod first_pull;
mod forms;
mod http;
mod judged;
mod kernel;
mod load;
mod million;
mod output;
mod peer;
mod pulls;
mod rates;
mod sdk;
mod server;
mod shelf;
mod site;
mod sizes;
mod soak;
mod tls;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use output::Report;
use site::Kind;

/// Measures Fieldmerge against the limits of its design and prints one JSON object a line.
#[derive(Debug, Parser)]
#[command(
    name = "bench",
    after_help = "\
Cases:
  S1   bytes up for a new registration, everything counted, batches of 1,000, 100, 10 and 1
  S2   bytes up for a one-field edit, batch of 1,000
  S3   bytes down for a registration, first pull of 10,000 of 50 devices, before and after compaction
  S4   requests and bytes of a sync without news, device holding 20,000 records
  S5   requests for 1,000 records up and 1,000 down
  S6   a link of 40 kbit/s cut every 30 s, over the same link uncut: pull of 10,000, push of 10,000
  S7   registrations accepted per second, SQLite on this disk, 16 devices, batch 100
  S8   the same on PostgreSQL, and with all devices in one area
  S9   S7 with a million records stored, over S7
  S10  one-field edits per second with a million records stored, over S7
  S11  changes served per second of the server's CPU time: stored frames, compacted, cursors inside a frame
  S12  memory of the server with a million records, under load
  S13  bytes of the database for a registration, before and after compaction
  S14  device with 20,000 records: to open and list, and to find by name
  S15  attendance: bytes up and stored for an event, events folded per second
  S16  bytes that TLS adds to a sync without news: the first of a process, the next
  S17  CPU time of a batch sent again, over its first cost
  S18  CPU time of an accepted registration, over a server of the usual kind
  F1   a form of 250 questions: to import
  F2   the same: one answer, with the 60 calculations that may follow
  F3   records of it opened and checked per second, one core; registrations that a server judges

A line: {\"id\":\"S1\",\"case\":\"batch=1000\",\"value\":75.2,\"unit\":\"B\",\"limit\":80,\"ok\":true}
`ok` says whether the limit is kept; lines without `limit` stand beside for comparison. Sizes are exact and the same in
every run. Times are medians, and only as good as the machine is quiet: compare ratios of one run.

Examples:
  bench                       everything; about three quarters of an hour
  bench S1 S2                 two cases; seconds
  bench --quick S9 S10 S12    100,000 records instead of a million, and shorter runs

S8 needs PostgreSQL's programs, or FIELDMERGE_TEST_POSTGRES_URL; S16 needs nginx and openssl."
)]
struct Arguments {
    /// What to measure, such as S1; everything unless given
    #[arg(value_name = "CASE", value_parser = case)]
    cases: Vec<Case>,

    /// Smaller populations and fewer runs, to see whether it works
    #[arg(long, global = true)]
    quick: bool,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves a database until its input ends: the server whose memory and CPU time are measured
    #[command(hide = true)]
    ServeForBench {
        /// The database
        database: String,
        /// Where to listen
        #[arg(default_value = "127.0.0.1:0")]
        listen: SocketAddr,
    },
    /// Syncs a device so many times, in a process of its own
    #[command(hide = true)]
    PhoneForBench {
        /// How often
        times: u32,
        /// The server
        address: String,
        /// Where the device stands
        folder: PathBuf,
        /// Enrols with this code first
        code: Option<String>,
    },
    /// Mixed load for a time, as sixteen phones make it; prints a line each minute and at last what grew
    Soak {
        /// How long
        #[arg(long, default_value_t = 30)]
        minutes: u64,
        /// On PostgreSQL instead of SQLite
        #[arg(long)]
        postgres: bool,
    },
    /// A phone over the kernel's TCP at 40 kbit/s, with the delay of a radio, and packets lost, and the link gone again and
    /// again; a quarter of an hour
    Kernel,
}

/// A case by its letter and its number: S for syncing, F for forms.
type Case = (char, u8);

/// The letters with how many cases each has.
const CASES: [(char, u8); 2] = [('S', 18), ('F', 3)];

fn all_cases() -> impl Iterator<Item = Case> {
    CASES.into_iter().flat_map(|(letter, count)| (1..=count).map(move |number| (letter, number)))
}

fn case(text: &str) -> Result<Case, String> {
    let text = text.to_uppercase();
    let known = all_cases().find(|(letter, number)| text == format!("{letter}{number}"));
    known.ok_or_else(|| "there is no such case; `bench --help` lists them".to_owned())
}

/// What is measured, and how thoroughly.
#[derive(Debug)]
struct Plan {
    wanted: BTreeSet<Case>,
    quick: bool,
}

impl Plan {
    fn wants(&self, case: u8) -> bool {
        self.wanted.contains(&('S', case))
    }

    fn wants_form(&self, case: u8) -> bool {
        self.wanted.contains(&('F', case))
    }

    fn wants_any_form(&self) -> bool {
        self.wanted.iter().any(|(letter, _)| *letter == 'F')
    }

    fn wants_any(&self, cases: &[u8]) -> bool {
        cases.iter().any(|case| self.wants(*case))
    }

    /// The full size of something, or its size in a quick run.
    fn size(&self, full: usize, quick: usize) -> usize {
        if self.quick { quick } else { full }
    }
}

/// Runs what the command line asks for.
pub async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.command {
        Some(Command::ServeForBench { database, listen }) => {
            server::serve(&database, listen).await;
            return ExitCode::SUCCESS;
        }
        Some(Command::PhoneForBench { times, address, folder, code }) => {
            tls::phone(&folder, &address, code.as_deref(), times).await;
            return ExitCode::SUCCESS;
        }
        Some(Command::Soak { minutes, postgres }) => {
            soak::run(if postgres { Kind::Postgres } else { Kind::Sqlite }, minutes).await;
            return ExitCode::SUCCESS;
        }
        Some(Command::Kernel) => return kernel::run().await,
        None => {}
    }
    let all = arguments.cases.is_empty();
    let wanted = if all { all_cases().collect() } else { arguments.cases.into_iter().collect() };
    let plan = Plan { wanted, quick: arguments.quick };
    let mut report = Report::default();
    forms::run(&plan, &mut report);
    judged::run(&plan, &mut report).await;
    sizes::run(&plan, &mut report).await;
    first_pull::run(&plan, &mut report).await;
    cuts::run(&plan, &mut report).await;
    shelf::run(&plan, &mut report).await;
    attendance::run(&plan, &mut report).await;
    tls::run(&plan, &mut report).await;
    let s7 = rates::run(&plan, &mut report).await;
    million::run(&plan, s7, &mut report).await;
    if report.missed() > 0 { ExitCode::from(2) } else { ExitCode::SUCCESS }
}
