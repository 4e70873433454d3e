//! S6: a phone on GPRS whose link is cut every 30 seconds.

use std::time::Duration;

use fieldmerge_sdk::SyncReport;
use fieldmerge_server::clock::Stopwatch;
use fieldmerge_tests::database::folder;
use fieldmerge_tests::world::proxy::{Conditions, Traffic};

use super::Plan;
use super::load::{self, PHONE_LEVEL, Work};
use super::output::{Limit, Report, count, progress};
use super::sdk::Phone;
use super::site::{Kind, Site};

/// How long the link holds.
const HOLDS: Duration = Duration::from_secs(30);
/// The most bytes of a frame that a phone packs: what may be sent again after a cut.
const FRAME_BYTES: f64 = 65_536.0;

/// A phone that came to the end.
struct Run {
    seconds: f64,
    cuts: u64,
    reports: Vec<SyncReport>,
    traffic: Traffic,
}

impl Run {
    /// Lets a phone sync over a link that is cut so often, until everything was sent and read.
    async fn of(phone: &Phone, cut_every: Option<Duration>) -> Self {
        phone.link.become_like(Conditions { cut_every, ..Conditions::GPRS });
        let before = phone.link.cuts();
        let stopwatch = Stopwatch::start();
        let (reports, traffic) = phone.sync_to_the_end().await;
        let seconds = stopwatch.elapsed().as_secs_f64();
        let cuts = phone.link.cuts() - before;
        phone.link.become_like(Conditions::default());
        Self { seconds, cuts, reports, traffic }
    }

    fn requests(&self) -> f64 {
        self.reports.iter().map(|report| f64::from(report.requests)).sum()
    }
}

/// Measures S6, if it is wanted.
pub async fn run(plan: &Plan, report: &mut Report) {
    if !plan.wants(6) {
        return;
    }
    for batch in [20, 1_000] {
        down(plan, batch, report).await;
    }
    up(1_000, report).await;
    if !plan.quick {
        up(10_000, report).await;
    }
}

/// A first pull of what devices pushed in frames of so many registrations.
async fn down(plan: &Plan, batch: usize, report: &mut Report) {
    let records = plan.size(10_000, 4_000);
    let devices = if batch < 200 { 50 } else { records / batch };
    progress(&format!("S6: pull of {records} in frames of {batch}, link uncut, then cut every 30 s"));
    let site = Site::found(Kind::Sqlite, 1).await;
    let server = site.serve().await;
    let requests = records / devices / batch;
    let work = site.authors(devices, |_| 0).await.into_iter().map(|mut author| {
        author.budget_bytes = Some(0);
        (author, Work::Make { requests, batch, level: PHONE_LEVEL })
    });
    let (_, made) = load::run(server.address, work.collect()).await;
    assert_eq!(made.answered.exceptions, 0, "all registrations are accepted");
    let mut runs = Vec::new();
    for cut_every in [None, Some(HOLDS)] {
        let folder = folder();
        let phone = Phone::enrolled_without_sync(&site, &server, 0, folder.path()).await;
        runs.push(Run::of(&phone, cut_every).await);
        assert_eq!(phone.device.status().await.records, records, "the phone has them all");
    }
    let [whole, cut] = &runs[..] else { return };
    let what = format!("pull of {records} in frames of {batch}");
    compare(&what, whole, cut, Limit::AtMost(1.15), report);
    let again = count(cut.traffic.down) - count(whole.traffic.down);
    report.figure(6, &format!("{what}, bytes down"), count(whole.traffic.down), "B", Limit::None);
    report.figure(6, &format!("{what}, bytes down again, each cut"), each(again, cut), "B", Limit::None);
    server.stop().await;
}

/// A push of so many registrations, each with its inclusion observation.
async fn up(records: usize, report: &mut Report) {
    progress(&format!("S6: push of {records} with observations, link uncut, then cut every 30 s"));
    let mut runs = Vec::new();
    for cut_every in [None, Some(HOLDS)] {
        let site = Site::found(Kind::Sqlite, 1).await;
        let server = site.serve().await;
        let folder = folder();
        let mut phone = Phone::enrolled(&site, &server, 0, folder.path()).await;
        phone.register(records, true).await;
        let run = Run::of(&phone, cut_every).await;
        let accepted: u64 = run.reports.iter().map(|report| report.accepted).sum();
        assert_eq!(usize::try_from(accepted), Ok(2 * records), "the server has them all");
        runs.push(run);
        server.stop().await;
    }
    let [whole, cut] = &runs[..] else { return };
    let what = format!("push of {records} with observations");
    compare(&what, whole, cut, Limit::None, report);
    let again = count(cut.traffic.up) - count(whole.traffic.up);
    report.figure(6, &format!("{what}, bytes up"), count(whole.traffic.up), "B", Limit::None);
    let limit = if cut.cuts > 0 { Limit::AtMost(FRAME_BYTES) } else { Limit::None };
    report.figure(6, &format!("{what}, bytes up again, each cut"), each(again, cut), "B", limit);
}

/// Heads, hellos and probes of further requests included.
fn each(bytes: f64, run: &Run) -> f64 {
    bytes / count(run.cuts.max(1))
}

fn compare(what: &str, whole: &Run, cut: &Run, limit: Limit, report: &mut Report) {
    report.figure(6, &format!("{what}, time cut over uncut"), cut.seconds / whole.seconds, "", limit);
    report.figure(6, &format!("{what}, uncut"), whole.seconds, "s", Limit::None);
    report.figure(6, &format!("{what}, cuts"), count(cut.cuts), "cuts", Limit::None);
    report.figure(6, &format!("{what}, requests uncut"), whole.requests(), "requests", Limit::None);
    report.figure(6, &format!("{what}, requests cut"), cut.requests(), "requests", Limit::None);
}
