//! S4, S13, S14: a phone that holds 20,000 records, and the database that it has them from.

use fieldmerge_sdk::{Device, FillRequest, ListQuery, Options};
use fieldmerge_server::clock::Stopwatch;

use super::Plan;
use super::load::{self, PHONE_LEVEL, Work};
use super::output::{Limit, Report, count, median, progress};
use super::sdk::Phone;
use super::site::{Kind, Site};

const DEVICES: usize = 20;
/// A name as it is typed, and numbers.
const TYPED: [&str; 8] =
    ["r", "ra", "rako", "rakotom", "rakotomalala her", "+2613412", "00042", "voahangy raz"];

/// Measures what is wanted of S4, S13 and S14.
pub async fn run(plan: &Plan, report: &mut Report) {
    if !plan.wants_any(&[4, 13, 14]) {
        return;
    }
    let records = plan.size(20_000, 4_000);
    progress(&format!("S4, S13, S14: {records} records on a phone"));
    let site = Site::found(Kind::Sqlite, 1).await;
    let empty = site.database_bytes().await;
    let server = site.serve().await;
    let authors = site.authors(DEVICES, |_| 0).await;
    let requests = records / DEVICES / 100;
    let work = authors.into_iter().map(|mut author| {
        author.budget_bytes = Some(0);
        (author, Work::Make { requests, batch: 100, level: PHONE_LEVEL })
    });
    let (_, run) = load::run(server.address, work.collect()).await;
    assert_eq!(run.answered.exceptions, 0, "all registrations are accepted");
    if plan.wants(13) {
        stored(&site, empty, records, report).await;
    }
    if plan.wants_any(&[4, 14]) {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let phone = Phone::enrolled(&site, &server, 0, folder.path()).await;
        assert_eq!(phone.device.status().await.records, records, "the phone has them all");
        if plan.wants(4) {
            idle(&phone, report).await;
        }
        drop(phone);
        if plan.wants(14) {
            reading(folder.path(), plan, report).await;
            choosing(folder.path(), plan, report).await;
        }
    }
    server.stop().await;
}

/// What is stored of each record, before and after compaction.
async fn stored(site: &Site, empty: u64, records: usize, report: &mut Report) {
    let each = |bytes: u64| count(bytes) / count(records);
    let before = each(site.database_bytes().await - empty);
    let stopwatch = Stopwatch::start();
    let done = site.compact().await;
    let seconds = stopwatch.elapsed().as_secs_f64();
    let after = each(site.database_bytes().await - empty);
    let limit = Limit::AtMost(1_600.0);
    report.figure(13, "core, batch=100, not compacted", before, "B", limit);
    report.figure(13, "core, batch=100, compacted", after, "B", limit);
    report.figure(13, "segments of these, not compacted", each(done.bytes_before), "B", Limit::None);
    report.figure(13, "segments of these, compacted", each(done.bytes_after), "B", Limit::None);
    report.figure(13, "changes compacted per second", count(records) / seconds, "/s", Limit::None);
}

async fn idle(phone: &Phone, report: &mut Report) {
    let (done, traffic) = phone.sync().await;
    report.figure(4, "requests", done.requests.into(), "requests", Limit::AtMost(1.0));
    report.figure(4, "bytes both ways", count(traffic.up + traffic.down), "B", Limit::AtMost(1_200.0));
    report.figure(4, "bytes up", count(traffic.up), "B", Limit::None);
    report.figure(4, "bytes down", count(traffic.down), "B", Limit::None);
}

async fn reading(folder: &std::path::Path, plan: &Plan, report: &mut Report) {
    let mut opened = Vec::new();
    let mut found = Vec::new();
    for _ in 0..plan.size(7, 3) {
        let stopwatch = Stopwatch::start();
        let options = Options::default();
        let device = Device::open_with(folder, options).await.expect("the device opens");
        let page = device.records().list(&ListQuery::default()).await;
        opened.push(stopwatch.elapsed().as_secs_f64() * 1_000.0);
        assert_eq!(page.len(), 50, "a first page");
        let mut slowest: f64 = 0.0;
        for typed in TYPED {
            let stopwatch = Stopwatch::start();
            device.records().find(typed, 20).await;
            slowest = slowest.max(stopwatch.elapsed().as_secs_f64() * 1_000.0);
        }
        found.push(slowest);
    }
    report.figure(14, "open and list the first page", median(opened), "ms", Limit::AtMost(300.0));
    report.figure(14, "find, the slowest of what is typed", median(found), "ms", Limit::AtMost(20.0));
}

/// A form that chooses among all workers, and looks up who was chosen.
async fn choosing(folder: &std::path::Path, plan: &Plan, report: &mut Report) {
    let device = Device::open_with(folder, Options::default()).await.expect("the device opens");
    let forms = device.forms().await;
    let form = forms.iter().find(|form| form.id == "himo_assignment").expect("the pack has it").number;
    let someone = device.records().list(&ListQuery::default()).await[0].record.to_string();
    let (mut begun, mut answered) = (Vec::new(), Vec::new());
    for _ in 0..plan.size(7, 3) {
        let mut world = device.world(180).await;
        let request = FillRequest { form, ..FillRequest::default() };
        let stopwatch = Stopwatch::start();
        let mut fill = device.fill(&request, &mut world).await.expect("it can be filled");
        begun.push(stopwatch.elapsed().as_secs_f64() * 1_000.0);
        let stopwatch = Stopwatch::start();
        let place = fill.filling.named("person")[0];
        fill.filling.answer(place, &someone, &mut world).expect("she is offered");
        answered.push(stopwatch.elapsed().as_secs_f64() * 1_000.0);
    }
    report.figure(14, "begin a form that chooses among them", median(begun), "ms", Limit::None);
    report.figure(14, "choose one, whose answers it looks up", median(answered), "ms", Limit::None);
}
