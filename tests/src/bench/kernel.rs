//! The same phone over the kernel's own TCP: two network namespaces with a link between them that a token bucket holds to
//! 40 kbit/s, lossy where its queue overflows, with the delay of a radio, and that loses packets and is gone for some
//! seconds again and again.

use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use fieldmerge_sdk::{Device, NewRecord, Options, SyncEnd, SyncOptions, SyncReport};
use fieldmerge_server::clock::Stopwatch;
use fieldmerge_tests::database::folder;
use fieldmerge_tests::synthetic::People;
use serde_json::json;
use tokio::process::Command;

use super::air::{self, Air};
use super::load::{self, PHONE_LEVEL, Work};
use super::output::{line, progress};
use super::server::Server;
use super::site::{Kind, Site};

/// Set for the run that stands in namespaces of its own.
const INSIDE: &str = "FIELDMERGE_BENCH_INSIDE";
const PHONE: &str = "10.77.0.1/24";
const SERVER: &str = "10.77.0.2/24";
const PORT: u16 = 7_070;
/// What the link does beside being slow: whether it goes away again and again, and how many of 100 packets it loses.
const WEATHERS: [Weather; 4] = [
    Weather { gaps: false, lost_percent: 0 },
    Weather { gaps: true, lost_percent: 0 },
    Weather { gaps: false, lost_percent: 2 },
    Weather { gaps: true, lost_percent: 2 },
];
/// The link is there for so long, and gone for so long.
const HOLDS: Duration = Duration::from_secs(30);
const GONE: Duration = Duration::from_secs(5);
/// More syncs than any link of the bench makes necessary.
const MOST_SYNCS: usize = 200;

#[derive(Clone, Copy)]
struct Weather {
    gaps: bool,
    lost_percent: u32,
}

/// Runs in namespaces of its own; says so where the machine does not allow them.
pub async fn run() -> ExitCode {
    if std::env::var_os(INSIDE).is_none() {
        let program = std::env::current_exe().expect("Linux tells what runs");
        let status = Command::new("unshare")
            .args(["--user", "--map-root-user", "--net"])
            .arg(program)
            .arg("kernel")
            .env(INSIDE, "1")
            .status()
            .await;
        return match status {
            Ok(status) if status.success() => ExitCode::SUCCESS,
            _ => {
                progress("this machine does not allow network namespaces, or has no unshare, ip or tc");
                ExitCode::FAILURE
            }
        };
    }
    command("ip", &["link", "set", "lo", "up"]).await;
    push().await;
    pull().await;
    ExitCode::SUCCESS
}

async fn push() {
    progress("kernel: push of 4,000 registrations with observations");
    for weather in WEATHERS {
        let site = Site::found(Kind::Sqlite, 1).await;
        let link = Link::between(&site, weather).await;
        let folder = folder();
        let phone = link.phone(&site, folder.path()).await;
        // The forms come with the first sync.
        sync_to_the_end(&phone).await;
        let mut people = People::new(5);
        for _ in 0..4_000 {
            register(&phone, &site, &mut people).await;
        }
        link.measure("push", &phone).await;
        assert!(phone.outbox().await.changes.is_empty(), "the server has them all");
        link.end().await;
    }
}

async fn pull() {
    progress("kernel: pull of 4,000 registrations");
    for weather in WEATHERS {
        let site = Site::found(Kind::Sqlite, 1).await;
        let filling = site.serve().await;
        let work = site.authors(20, |_| 0).await.into_iter().map(|mut author| {
            author.budget_bytes = Some(0);
            (author, Work::Make { requests: 10, batch: 20, level: PHONE_LEVEL })
        });
        load::run(filling.address, work.collect()).await;
        filling.stop().await;
        let link = Link::between(&site, weather).await;
        let folder = folder();
        let phone = link.phone(&site, folder.path()).await;
        link.measure("pull", &phone).await;
        assert_eq!(phone.status().await.records, 4_000, "the phone has them all");
        link.end().await;
    }
}

/// A server in a namespace of its own, and the link to it.
struct Link {
    server: Server,
    weather: Weather,
    _air: Air,
}

impl Link {
    async fn between(site: &Site, weather: Weather) -> Self {
        let server = Server::start_apart(&site.url(), PORT).await;
        let process = server.process().to_string();
        let inside = |words: &[&str]| {
            let mut all = vec!["--target".to_owned(), process.clone(), "--net".to_owned()];
            all.extend(words.iter().map(|word| (*word).to_owned()));
            all
        };
        let air = Air::between(weather.lost_percent);
        command("ip", &["link", "set", "far", "netns", &process]).await;
        command("ip", &["addr", "add", PHONE, "dev", "near"]).await;
        command("ip", &["link", "set", "near", "up"]).await;
        command("nsenter", &inside(&["ip", "addr", "add", SERVER, "dev", "far"])).await;
        command("nsenter", &inside(&["ip", "link", "set", "far", "up"])).await;
        // Two seconds of queue, as in a cheap modem; what does not fit is lost.
        let bucket = ["root", "tbf", "rate", "40kbit", "burst", "1600", "limit", "10000"];
        command("tc", &[&["qdisc", "add", "dev", "near"], &bucket[..]].concat()).await;
        command("nsenter", &inside(&[&["tc", "qdisc", "add", "dev", "far"], &bucket[..]].concat())).await;
        Self { server, weather, _air: air }
    }

    async fn phone(&self, site: &Site, folder: &Path) -> Device {
        let device = Device::open_with(folder, Options::default()).await.expect("a new device opens");
        let code = site.code("phone", &["S0:enumerator"]).await;
        let address = SERVER.split('/').next().expect("an address");
        device.enrol(&format!("http://{address}:{PORT}"), &code).await.expect("a fresh code enrols");
        device
    }

    async fn end(self) {
        self.server.stop().await;
    }

    /// Lets a phone sync to the end and prints what it took.
    async fn measure(&self, what: &str, phone: &Device) {
        let Weather { gaps, lost_percent } = self.weather;
        let (up_before, down_before) = bytes();
        let gone = gaps.then(|| tokio::spawn(come_and_go()));
        let stopwatch = Stopwatch::start();
        let reports = sync_to_the_end(phone).await;
        let seconds = stopwatch.elapsed().as_secs_f64();
        if let Some(gone) = gone {
            gone.abort();
            command("ip", &["link", "set", "near", "up"]).await;
        }
        let (up, down) = bytes();
        let requests: u32 = reports.iter().map(|report| report.requests).sum();
        line(&json!({ "kernel": what, "gaps": gaps, "lost_percent": lost_percent,
            "delay_ms": air::DELAY.as_millis(), "seconds": seconds.round(), "syncs": reports.len(),
            "requests": requests, "bytes_up": up - up_before, "bytes_down": down - down_before }));
    }
}

async fn register(phone: &Device, site: &Site, people: &mut People) {
    let area = site.areas[0];
    let mut worker = NewRecord::new("worker", area);
    for (path, value) in people.worker().into_iter().filter(|(path, _)| path.as_str() != "worker_number") {
        worker = worker.set(path.as_str(), value);
    }
    let worker = phone.records().create(worker).await.expect("the answers fit the form");
    let mut observation = NewRecord::new("observation", area).about(worker);
    for (path, value) in people.observation() {
        observation = observation.set(path.as_str(), value);
    }
    phone.records().create(observation).await.expect("the answers fit the form");
}

async fn sync_to_the_end(phone: &Device) -> Vec<SyncReport> {
    let mut reports = Vec::new();
    for _ in 0..MOST_SYNCS {
        let report = phone.try_sync(SyncOptions::default()).await.expect("nothing but the link fails");
        let end = report.end.clone();
        reports.push(report);
        match end {
            SyncEnd::Complete => return reports,
            // A phone asks again when the system tells it that there is a link.
            SyncEnd::Offline => tokio::time::sleep(Duration::from_millis(500)).await,
            other => panic!("a bad link is no other failure: {other:?}"),
        }
    }
    panic!("{MOST_SYNCS} syncs did not come to an end");
}

async fn come_and_go() {
    loop {
        tokio::time::sleep(HOLDS).await;
        command("ip", &["link", "set", "near", "down"]).await;
        tokio::time::sleep(GONE).await;
        command("ip", &["link", "set", "near", "up"]).await;
    }
}

/// Bytes that the kernel has sent to the server and got from it, heads of packets included.
fn bytes() -> (u64, u64) {
    let table = std::fs::read_to_string("/proc/self/net/dev").expect("Linux counts");
    let fields = table.lines().find_map(|line| line.trim().strip_prefix("near:"));
    let fields: Vec<u64> =
        fields.unwrap_or_default().split_whitespace().filter_map(|field| field.parse().ok()).collect();
    let field = |index: usize| fields.get(index).copied().unwrap_or_default();
    (field(8), field(0))
}

async fn command<T: AsRef<std::ffi::OsStr> + std::fmt::Debug>(program: &str, words: &[T]) {
    let status = Command::new(program).args(words).stdin(Stdio::null()).status().await;
    assert!(status.is_ok_and(|status| status.success()), "{program} {words:?}");
}
