//! S3: the first pull of a new phone.

use fieldmerge_server::clock::Stopwatch;
use fieldmerge_tests::database::folder;

use super::Plan;
use super::load::{self, PHONE_LEVEL, Work};
use super::output::{Limit, Report, count, progress};
use super::sdk::Phone;
use super::site::{Kind, Site};

const DEVICES: usize = 50;
const RECORDS: usize = 10_000;

/// Measures S3, if it is wanted: with the frames of daily syncs and with large ones, before and after compaction.
pub async fn run(plan: &Plan, report: &mut Report) {
    if !plan.wants(3) {
        return;
    }
    for batch in [20, 200] {
        progress(&format!("S3: {DEVICES} devices push frames of {batch}, a new phone pulls them"));
        let site = Site::found(Kind::Sqlite, 1).await;
        let server = site.serve().await;
        let requests = RECORDS / DEVICES / batch;
        let authors = site.authors(DEVICES, |_| 0).await;
        let make = |mut author: super::author::Author| {
            // They would read each other's frames, which is not what is measured.
            author.budget_bytes = Some(0);
            (author, Work::Make { requests, batch, level: PHONE_LEVEL })
        };
        let (_, run) = load::run(server.address, authors.into_iter().map(make).collect()).await;
        assert_eq!(run.answered.exceptions, 0, "all registrations are accepted");
        for what in ["not compacted", "compacted"] {
            if what == "compacted" {
                site.compact().await;
            }
            let folder = folder();
            let stopwatch = Stopwatch::start();
            let (phone, traffic) = pull(&site, &server, folder.path()).await;
            let seconds = stopwatch.elapsed().as_secs_f64();
            assert_eq!(phone.device.status().await.records, RECORDS, "the phone has them all");
            let each = count(traffic) / count(RECORDS);
            report.figure(3, &format!("frames of {batch}, {what}"), each, "B", Limit::AtMost(75.0));
            let rate = count(RECORDS) / seconds;
            let case = format!("frames of {batch}, {what}, merged by the phone");
            report.figure(3, &case, rate, "/s", Limit::None);
        }
        server.stop().await;
    }
}

/// A new phone; its first sync pulls everything.
async fn pull(site: &Site, server: &super::server::Server, folder: &std::path::Path) -> (Phone, u64) {
    let phone = Phone::enrolled_without_sync(site, server, 0, folder).await;
    let (_, traffic) = phone.sync().await;
    (phone, traffic.down)
}
