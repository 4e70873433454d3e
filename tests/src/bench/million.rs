//! S9 to S12: a server that has a million records.

use super::Plan;
use super::author::Author;
use super::edits;
use super::load::{self, FAST_LEVEL, Work};
use super::output::{Limit, Report, count, median, progress};
use super::pulls;
use super::rates::{self, BATCH, Base, DEVICES};
use super::server::Server;
use super::site::{Kind, Site};

/// Of so many records of the population one is remembered, to be edited; of a small one more.
const KEEP_EVERY: (usize, usize) = (5, 2);
/// Edits of each area in a round: nine requests of one device, and one of another device that edits a ninth of the same
/// records meanwhile. So a tenth of the edits meet a record that has gone on.
pub const ROUND_REQUESTS: usize = 9;

/// Measures what is wanted of S9 to S12.
pub async fn run(plan: &Plan, base: Option<Base>, report: &mut Report) {
    if !plan.wants_any(&[9, 10, 11, 12]) {
        return;
    }
    let base = match base {
        Some(base) => base,
        None => rates::base_rate(plan).await,
    };
    let site = Site::found(Kind::Sqlite, DEVICES).await;
    let server = site.serve().await;
    let (authors, stored) = populate(plan, &site, &server).await;
    let requests = rates::requests(plan);
    let (authors, full) =
        rates::measure(plan, &server, authors, move |author| rates::registrations(author, requests)).await;
    if plan.wants(9) {
        let ratio = full.per_second / base.per_second;
        report.figure(
            9,
            &format!("{stored} records stored, over empty"),
            ratio,
            "of S7",
            Limit::AtLeast(0.7),
        );
        report.figure(9, &format!("{stored} records stored"), full.per_second, "/s", Limit::None);
        report.figure(9, "empty", base.per_second, "/s", Limit::None);
        report.figure(9, "server CPU of a record", full.cpu_seconds * 1e6, "us", Limit::None);
    }
    if plan.wants(12) {
        let (most, now) = server.memory_bytes();
        report.figure(12, "most", count(most) / 1e6, "MB", Limit::AtMost(200.0));
        report.figure(12, "at the end", count(now) / 1e6, "MB", Limit::None);
    }
    if plan.wants(10) {
        edit(plan, &site, &server, authors, base, report).await;
    }
    if plan.wants(11) {
        pulls::run(&site, &server, report).await;
    }
    server.stop().await;
}

/// Registers until so many records are stored.
async fn populate(plan: &Plan, site: &Site, server: &Server) -> (Vec<Author>, usize) {
    let records = plan.size(1_000_000, 100_000);
    progress(&format!("S9 to S12: storing {records} records"));
    let requests = records.div_ceil(DEVICES * BATCH);
    let mut authors = site.authors(DEVICES, |index| index).await;
    for author in &mut authors {
        author.keep_every = plan.size(KEEP_EVERY.0, KEEP_EVERY.1);
    }
    let work =
        authors.into_iter().map(|author| (author, Work::Make { requests, batch: BATCH, level: FAST_LEVEL }));
    let (mut authors, run) = load::run(server.address, work.collect()).await;
    rates::check(run);
    for author in &mut authors {
        author.keep_every = 0;
    }
    let stored = requests * DEVICES * BATCH;
    progress(&format!("stored {stored} records, {:.0} per second", count(stored) / run.seconds));
    (authors, stored)
}

async fn edit(
    plan: &Plan,
    site: &Site,
    server: &Server,
    mut authors: Vec<Author>,
    base: Base,
    report: &mut Report,
) {
    progress("S10: edits");
    let mut others = Vec::with_capacity(DEVICES);
    for index in 0..DEVICES {
        let mut other = site.author(200 + index as u64, index, &[&format!("S{index}:enumerator")]).await;
        other.budget_bytes = Some(0);
        others.push(other);
    }
    let rounds = plan.size(2, 1);
    let edits = count(rounds * (ROUND_REQUESTS + 1) * BATCH * DEVICES);
    let (mut rates, mut cpu) = (Vec::new(), Vec::new());
    for _ in 0..plan.size(5, 3) {
        let work = edits::prepare(authors, others, rounds).await;
        let before = server.cpu_seconds();
        let (mut back, run) = load::run(server.address, work).await;
        rates::check(run);
        cpu.push((server.cpu_seconds() - before) / edits);
        rates.push(edits / run.seconds);
        others = back.split_off(DEVICES);
        authors = back;
    }
    let rate = median(rates);
    report.figure(
        10,
        "one field, a tenth concurrent, over S7",
        rate / base.per_second,
        "of S7",
        Limit::AtLeast(0.6),
    );
    report.figure(10, "one field, a tenth concurrent", rate, "/s", Limit::None);
    report.figure(10, "server CPU of an edit", median(cpu) * 1e6, "us", Limit::None);
}
