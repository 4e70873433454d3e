//! One run: a few lives of a server, and what must hold after them.

use std::net::Ipv4Addr;
use std::time::{Duration, SystemTime};

use fieldmerge_engine::SyncEnd;
use fieldmerge_server::failpoint;
use fieldmerge_tests::database::{Database, Kind};
use fieldmerge_tests::world::census::Census;
use fieldmerge_tests::world::link::Wire;
use fieldmerge_tests::world::phone::Phone;
use fieldmerge_tests::world::process::{self, Server};
use fieldmerge_tests::world::seeds::runtime;
use fieldmerge_tests::world::site::Site;
use fieldmerge_tests::world::work::{self, Ledger, Work};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_fieldmerge_under_test");

/// How often each phone saves and syncs in one life of the server, if it lives so long.
const ROUNDS: u32 = 5;

/// A project with enrolled phones, of which each run gets a copy.
pub struct Template {
    /// What each run gets a copy of.
    pub database: Database,
    /// Where they work.
    pub site: Site,
    /// Two that write everywhere, one that pays.
    pub workers: Vec<Phone>,
    /// One that only reads and has never synced.
    reader: Phone,
}

impl Template {
    /// Makes it.
    pub fn make(kind: Kind) -> Self {
        runtime().block_on(async {
            let database = Database::new(kind).await;
            let site = Site::found(&database, 1, &["S1", "S2"]).await;
            let both = ["S1:enumerator", "S1:supervisor", "S2:enumerator", "S2:supervisor"];
            let workers = vec![
                site.phone("Hery", 1, &both).await,
                site.phone("Lalao", 2, &both).await,
                site.phone("Tahina", 3, &["all:payroll", "S1:enumerator"]).await,
            ];
            let reader = site.phone("reader", 4, &both).await;
            site.app.close().await;
            Self { database, site, workers, reader }
        })
    }
}

/// How one life of the server ends.
#[derive(Debug, Clone, Copy)]
enum Death {
    /// At a failpoint, at the so-manieth time.
    At(&'static str, u32),
    /// After so long.
    After(Duration),
}

/// A phone and who works with it.
pub struct Worker {
    pub phone: Phone,
    pub work: Work,
}

impl Worker {
    /// The first phone of a template.
    pub fn of(template: &Template, seed: u64) -> Self {
        let mut phone = template.workers[0].copy(seed);
        phone.clock_ms = now_ms();
        Self { phone, work: Work::new(seed, 1_000, &template.site.areas) }
    }
}

/// Runs the lives of a seed; panics if anything was lost, skipped or doubled.
pub fn run(template: &Template, seed: u64) {
    runtime().block_on(async {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let database = template.database.copy().await;
        let host = Ipv4Addr::from(0x7f01_0000 + u32::try_from(seed % 50_000).expect("small") * 4 + 1);
        let areas = &template.site.areas;
        let mut workers: Vec<Worker> = (1..)
            .zip(&template.workers)
            .map(|(number, phone)| {
                let mut phone = phone.copy(rng.next_u64());
                phone.clock_ms = now_ms();
                let reach = if number == 3 { &areas[..1] } else { areas };
                Worker { phone, work: Work::new(rng.next_u64(), number * 1_000, reach) }
            })
            .collect();
        let mut ledger = Ledger::default();
        for _ in 0..=rng.next_u32() % 3 {
            let death = death(&mut rng);
            let compactions = compactions(&mut rng);
            live(&database, host, &mut workers, &mut ledger, death, &compactions).await;
        }
        settle(template, &database, host, &mut workers, ledger).await;
    });
}

fn death(rng: &mut ChaCha8Rng) -> Death {
    let all = [&failpoint::SYNC[..], &failpoint::JUDGING].concat();
    match rng.next_u32() % 4 {
        0 => Death::After(Duration::from_micros(u64::from(rng.next_u32() % 60_000))),
        _ => Death::At(all[rng.next_u32() as usize % all.len()], 1 + rng.next_u32() % 6),
    }
}

/// Where each of some compactions dies, if it does: they run beside the server, one after another.
fn compactions(rng: &mut ChaCha8Rng) -> Vec<Option<(&'static str, u32)>> {
    let all = failpoint::COMPACTION;
    let mut one = || {
        let point = (all[rng.next_u32() as usize % all.len()], 1 + rng.next_u32() % 3);
        (!rng.next_u32().is_multiple_of(3)).then_some(point)
    };
    let first = one();
    let second = one();
    [first, second].into_iter().take(rng.next_u32() as usize % 3).collect()
}

/// One life of the server: everybody works and syncs until it is dead.
async fn live(
    database: &Database,
    host: Ipv4Addr,
    workers: &mut [Worker],
    ledger: &mut Ledger,
    death: Death,
    compactions: &[Option<(&'static str, u32)>],
) {
    let die_at = match death {
        Death::At(name, count) => Some((name, count)),
        Death::After(_) => None,
    };
    let mut server = Server::start(PROGRAM, &database.url(), host, die_at).await;
    let address = server.address;
    let shared = std::cell::RefCell::new(ledger);
    let [one, two, three] = workers else { panic!("three phones work") };
    let day = |worker| work(worker, address, &shared);
    let killed = async {
        if let Death::After(time) = death {
            // Not to wait for something, but to be late or early by chance.
            tokio::time::sleep(time).await;
            server.kill();
        }
    };
    let compacted = async {
        for die_at in compactions {
            process::compact(PROGRAM, &database.url(), *die_at).await;
        }
    };
    tokio::join!(day(one), day(two), day(three), killed, compacted);
    server.kill();
    assert!(server.ended().await, "the server died of something else: {death:?}");
}

/// Saves and syncs until the server is gone.
async fn work(worker: &mut Worker, address: std::net::SocketAddr, ledger: &std::cell::RefCell<&mut Ledger>) {
    for round in 0..ROUNDS {
        for _ in 0..=round % 3 {
            worker.work.save(&mut worker.phone, &mut ledger.borrow_mut()).expect("these phones do not die");
        }
        let report = worker.phone.sync(&mut Wire::to(address)).await.expect("these phones do not die");
        ledger.borrow_mut().note_synced(&worker.phone);
        match report.end {
            SyncEnd::Complete => {}
            SyncEnd::Offline => return,
            other => panic!("{}: {other:?}", worker.phone.label),
        }
    }
}

/// A server that lives, until nothing moves; then everything is compared.
pub async fn settle(
    template: &Template,
    database: &Database,
    host: Ipv4Addr,
    workers: &mut [Worker],
    mut ledger: Ledger,
) {
    let mut server = Server::start(PROGRAM, &database.url(), host, None).await;
    let mut link = Wire::to(server.address);
    let mut phones: Vec<&mut Phone> = workers.iter_mut().map(|worker| &mut worker.phone).collect();
    work::settle(&mut phones, &mut link, &mut ledger).await;
    if host.octets()[3] & 4 == 0 {
        process::compact(PROGRAM, &database.url(), None).await;
    }
    let mut reader = template.reader.copy(9);
    reader.clock_ms = now_ms();
    let report = reader.sync(&mut link).await.expect("this phone does not die");
    assert_eq!(report.end, SyncEnd::Complete);
    server.kill();
    server.ended().await;
    process::verify(PROGRAM, &database.url()).await;
    let store = database.store().await;
    let census = Census::take(&store, template.site.project).await;
    for phone in workers.iter().map(|worker| &worker.phone).chain([&reader]) {
        census.assert_same_on(phone);
    }
    ledger.assert_kept(&census);
    assert_eq!(census.held, 0, "nothing waits");
    assert_eq!(census.quarantined, Vec::<String>::new(), "nothing was refused");
    store.close().await;
}

/// The machine's clock, which the program under test reads too.
#[expect(clippy::disallowed_methods, reason = "the program under test runs on the machine's clock")]
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is after 1970");
    i64::try_from(since.as_millis()).expect("it is before the year 292 million")
}
