//! Half an hour of mixed load on the server as it is run: memory, open files, the database's log and answers stay as they
//! are.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fieldmerge_server::clock::Stopwatch;
use fieldmerge_tests::world::process;
use serde_json::json;

use super::author::{Answered, Author};
use super::edits;
use super::http::Connection;
use super::load::{self, PHONE_LEVEL};
use super::output::{line, median, progress};
use super::site::{Kind, Site};

const DEVICES: usize = 16;
/// A device does something, and rests for up to twice this.
const REST_MS: u32 = 500;

/// Milliseconds of each request since the last look.
type Times = Arc<Mutex<Vec<f64>>>;

/// Runs for so many minutes on one database, prints a line each minute and one at the end. The database is verified at
/// last, while nothing runs.
pub async fn run(kind: Kind, minutes: u64) {
    progress(&format!("soak: {minutes} minutes of mixed load, {kind:?}"));
    let site = Site::found(kind, DEVICES).await;
    let program = program();
    let server = process::Server::start(&program, &site.url(), Ipv4Addr::LOCALHOST, None).await;
    let times = Times::default();
    let stopwatch = Stopwatch::start();
    let tasks: Vec<_> = site
        .authors(DEVICES, |index| index)
        .await
        .into_iter()
        .map(|mut author| {
            author.keep_every = 3;
            let (address, times) = (server.address, Arc::clone(&times));
            tokio::spawn(async move {
                let mut connection = Connection::to(address).await;
                let end = Duration::from_secs(60 * minutes);
                let mut done = Answered::default();
                while stopwatch.elapsed() < end {
                    act(&mut author, &mut connection, &times, &mut done).await;
                    let rest = u64::from(author.people.below(2 * REST_MS));
                    tokio::time::sleep(Duration::from_millis(rest)).await;
                }
                done
            })
        })
        .collect();
    let mut looks = Vec::new();
    for minute in 1..=minutes {
        tokio::time::sleep(Duration::from_secs(60 * minute).saturating_sub(stopwatch.elapsed())).await;
        if minute % 5 == 0 {
            process::compact(&program, &site.url(), None).await;
        }
        let look = look(&site, &server, &times, minute).await;
        looks.push(look);
    }
    for task in tasks {
        let done = task.await.expect("a device of the bench does not fail");
        assert_eq!(done.exceptions, 0, "all is accepted");
    }
    end(kind, &looks);
    drop(server);
    process::verify(&program, &site.url()).await;
    progress("soak: verified");
}

/// The server as it is run, which stands beside this program.
fn program() -> String {
    let mut path: PathBuf = std::env::current_exe().expect("Linux tells what runs");
    path.set_file_name("fieldmerge_under_test");
    path.to_str().expect("a path that is a text").to_owned()
}

/// One thing that a device does: registers, edits, asks for news, or reads its feed from the beginning.
async fn act(author: &mut Author, connection: &mut Connection, times: &Times, done: &mut Answered) {
    let frames = match author.people.below(100) {
        0..55 => {
            let batch = 1 + author.people.below(30) as usize;
            vec![load::registration_frame(author, batch, PHONE_LEVEL)]
        }
        55..80 if author.kept.len() > 30 => vec![edits::some(author, 10)],
        80..90 => {
            author.cursors.clear();
            Vec::new()
        }
        _ => Vec::new(),
    };
    author.budget_bytes = Some(200_000);
    let stopwatch = Stopwatch::start();
    load::exchange(connection, author, &frames, done).await;
    let millis = stopwatch.elapsed().as_secs_f64() * 1e3;
    times.lock().unwrap_or_else(PoisonError::into_inner).push(millis);
}

/// What there is to see after a minute.
#[derive(Debug, Clone, Copy)]
struct Look {
    resident: f64,
    files: f64,
    log: f64,
    half: f64,
    slow: f64,
}

async fn look(site: &Site, server: &process::Server, times: &Times, minute: u64) -> Look {
    let mut times = std::mem::take(&mut *times.lock().unwrap_or_else(PoisonError::into_inner));
    times.sort_by(f64::total_cmp);
    let at = |share: usize| times.get(times.len() * share / 100).copied().unwrap_or_default();
    let bytes = |bytes: u64| super::output::count(bytes);
    let look = Look {
        resident: bytes(server.memory()),
        files: bytes(server.open_files()),
        log: bytes(site.log_bytes().await),
        half: at(50),
        slow: at(99),
    };
    line(&json!({ "minute": minute, "requests": times.len(), "resident_bytes": look.resident,
        "open_files": look.files, "log_bytes": look.log, "p50_ms": look.half, "p99_ms": look.slow,
        "database_bytes": site.database_bytes().await }));
    look
}

/// The medians of the last third over those of the second: what grows is above 1.
fn end(kind: Kind, looks: &[Look]) {
    let third = looks.len() / 3;
    if third == 0 {
        return;
    }
    let ratio = |of: fn(&Look) -> f64| {
        let middle = |looks: &[Look]| median(looks.iter().map(of).collect());
        middle(&looks[2 * third..]) / middle(&looks[third..2 * third])
    };
    line(&json!({ "soak": format!("{kind:?}"), "resident": ratio(|look| look.resident),
        "open_files": ratio(|look| look.files), "log": ratio(|look| look.log), "p50": ratio(|look| look.half),
        "p99": ratio(|look| look.slow) }));
}
