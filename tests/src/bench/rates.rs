//! S7, S8, S17, S18: how many registrations a server takes, and what each costs.

use std::collections::BTreeMap;

use fieldmerge_protocol::RecordClass;

use super::author::Author;
use super::load::{self, PHONE_LEVEL, Run, Work};
use super::output::{Limit, Report, count, median, progress};
use super::server::Server;
use super::site::{Kind, Site};
use super::{Plan, peer};

/// Devices that push at a time.
pub const DEVICES: usize = 16;
/// Records in a push.
pub const BATCH: usize = 100;

/// What is known of S7 when it was measured.
#[derive(Debug, Clone, Copy)]
pub struct Base {
    /// Records accepted per second.
    pub per_second: f64,
    /// CPU seconds of the server for a record.
    pub cpu_seconds: f64,
}

/// Measures what is wanted of S7, S8, S17 and S18. Gives the rate of S7 where it was measured.
pub async fn run(plan: &Plan, report: &mut Report) -> Option<Base> {
    let mut base = None;
    if plan.wants_any(&[7, 18]) {
        let measured = base_rate(plan).await;
        base = Some(measured);
        if plan.wants(7) {
            let limit = Limit::AtLeast(15_000.0);
            report.figure(7, "sqlite, 16 areas, prepared", measured.per_second, "/s", limit);
            report.figure(7, "server CPU of a record", measured.cpu_seconds * 1e6, "us", Limit::None);
            variants(plan, report).await;
        }
        if plan.wants(18) {
            peer::run(plan, measured.cpu_seconds, report).await;
        }
    }
    if plan.wants(8) {
        postgres(plan, report).await;
    }
    if plan.wants(17) {
        again(plan, report).await;
    }
    base
}

/// Requests of each device in a run.
pub fn requests(plan: &Plan) -> usize {
    plan.size(20, 4)
}

/// S7 itself, on an empty database.
pub async fn base_rate(plan: &Plan) -> Base {
    progress("S7: 16 devices, batch 100, SQLite");
    let site = Site::found(Kind::Sqlite, DEVICES).await;
    let server = site.serve().await;
    let authors = site.authors(DEVICES, |index| index).await;
    let requests = requests(plan);
    let (_, base) = measure(plan, &server, authors, move |author| registrations(author, requests)).await;
    server.stop().await;
    base
}

/// Lets the devices prepare and push, several times, and gives the median.
pub async fn measure(
    plan: &Plan,
    server: &Server,
    mut authors: Vec<Author>,
    make: impl Fn(&mut Author) -> Vec<Vec<Vec<u8>>> + Clone + Send + 'static,
) -> (Vec<Author>, Base) {
    let (mut rates, mut cpu) = (Vec::new(), Vec::new());
    let records = count(authors.len() * requests(plan) * BATCH);
    for _ in 0..plan.size(5, 3) {
        let work = load::prepare(authors, make.clone()).await;
        let before = server.cpu_seconds();
        let (back, run) = load::run(server.address, work).await;
        check(run);
        cpu.push((server.cpu_seconds() - before) / records);
        rates.push(records / run.seconds);
        authors = back;
    }
    (authors, Base { per_second: median(rates), cpu_seconds: median(cpu) })
}

/// Every frame was taken, and all of it.
pub fn check(run: Run) {
    assert!(run.answered.frames > 0 && run.answered.exceptions == 0, "{:?}", run.answered);
}

/// So many requests, each with a frame of new workers.
pub fn registrations(author: &mut Author, requests: usize) -> Vec<Vec<Vec<u8>>> {
    (0..requests).map(|_| vec![load::registration_frame(author, BATCH, PHONE_LEVEL)]).collect()
}

/// So many requests, each with a frame of new workers and one of the answers about inclusion.
fn with_observations(author: &mut Author, requests: usize) -> Vec<Vec<Vec<u8>>> {
    let known = BTreeMap::new();
    (0..requests)
        .map(|_| {
            let workers = author.register(BATCH);
            let observations = author.observe(&workers);
            vec![
                author.frame(RecordClass::Core, &workers, &known, PHONE_LEVEL),
                author.frame(RecordClass::Observation, &observations, &known, PHONE_LEVEL),
            ]
        })
        .collect()
}

async fn variants(plan: &Plan, report: &mut Report) {
    let site = Site::found(Kind::Sqlite, DEVICES).await;
    let server = site.serve().await;
    let mut authors = site.authors(DEVICES, |index| index).await;
    let requests = requests(plan);
    let mut rates = Vec::new();
    for _ in 0..plan.size(3, 1) {
        let work =
            authors.into_iter().map(|a| (a, Work::Make { requests, batch: BATCH, level: PHONE_LEVEL }));
        let (back, run) = load::run(server.address, work.collect()).await;
        check(run);
        rates.push(count(DEVICES * requests * BATCH) / run.seconds);
        authors = back;
    }
    report.figure(7, "sqlite, 16 areas, packing counted", median(rates), "/s", Limit::None);
    let (_, both) = measure(plan, &server, authors, move |author| with_observations(author, requests)).await;
    report.figure(7, "sqlite, 16 areas, core+observation", both.per_second, "/s", Limit::None);
    server.stop().await;
}

async fn postgres(plan: &Plan, report: &mut Report) {
    for (what, areas) in [("postgresql, 16 areas", DEVICES), ("postgresql, one area", 1)] {
        progress(&format!("S8: {what}"));
        let site = Site::found(Kind::Postgres, areas).await;
        let server = site.serve().await;
        let mut authors = site.authors(DEVICES, |index| index % areas).await;
        if areas == 1 {
            // They push; that each of them also reads what the fifteen others wrote is told apart.
            for author in &mut authors {
                author.budget_bytes = Some(0);
            }
        }
        let requests = requests(plan);
        let make = move |author: &mut Author| registrations(author, requests);
        let (mut authors, base) = measure(plan, &server, authors, make).await;
        report.figure(8, what, base.per_second, "/s", Limit::AtLeast(10_000.0));
        report.figure(
            8,
            &format!("{what}, server CPU of a record"),
            base.cpu_seconds * 1e6,
            "us",
            Limit::None,
        );
        if areas == 1 {
            for author in &mut authors {
                author.budget_bytes = None;
            }
            let (_, base) = measure(plan, &server, authors, make).await;
            report.figure(8, &format!("{what}, all read all"), base.per_second, "/s", Limit::None);
        }
        server.stop().await;
    }
}

/// S17: the same frames, sent again and again.
async fn again(plan: &Plan, report: &mut Report) {
    progress("S17: everything twice");
    let site = Site::found(Kind::Sqlite, DEVICES).await;
    let server = site.serve().await;
    let authors = site.authors(DEVICES, |index| index).await;
    let requests = plan.size(40, 10);
    let work = load::prepare(authors, move |author| registrations(author, requests)).await;
    let frames: Vec<Vec<Vec<Vec<u8>>>> = work
        .iter()
        .map(|(_, work)| match work {
            Work::Ready(frames) => frames.clone(),
            Work::Make { .. } => Vec::new(),
        })
        .collect();
    let start = server.cpu_seconds();
    let (authors, run) = load::run(server.address, work).await;
    check(run);
    let first = server.cpu_seconds() - start;
    let mut authors = authors;
    let mut again = Vec::new();
    for _ in 0..plan.size(5, 3) {
        let before = server.cpu_seconds();
        let work = authors.into_iter().zip(frames.clone());
        let work = work.map(|(author, frames)| (author, Work::Ready(frames))).collect();
        let (back, run) = load::run(server.address, work).await;
        check(run);
        again.push(server.cpu_seconds() - before);
        authors = back;
    }
    let again = median(again);
    report.figure(17, "batch=100 sent again", again / first, "of the first cost", Limit::AtMost(0.05));
    let batches = count(DEVICES * requests);
    report.figure(17, "server CPU of a batch sent again", again / batches * 1e6, "us", Limit::None);
    report.figure(17, "server CPU of a batch", first / batches * 1e6, "us", Limit::None);
    server.stop().await;
}
