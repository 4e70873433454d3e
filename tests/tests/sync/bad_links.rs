//! Phones behind a bad link and the real server as a process: cuts at any byte both ways, stalls, requests that arrive
//! late or twice. Nothing is lost, skipped or doubled.
//!
//! `SEED=17 cargo test -p fieldmerge-tests --test sync bad_links` runs one again; the seed fixes who saves what and how
//! the link fails, the system fixes who comes first.

use std::net::Ipv4Addr;
use std::time::Duration;

use fieldmerge_engine::{Request, SyncEnd};
use fieldmerge_tests::database::{Database, Kind};
use fieldmerge_tests::world::census::Census;
use fieldmerge_tests::world::link::{Link, Reply, Wire};
use fieldmerge_tests::world::phone::Phone;
use fieldmerge_tests::world::process::{self, Server};
use fieldmerge_tests::world::proxy::{Conditions, Proxy};
use fieldmerge_tests::world::seeds::{self, runtime};
use fieldmerge_tests::world::site::Site;
use fieldmerge_tests::world::work::{self, Ledger, Work};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

use crate::hostile::{PROGRAM, now_ms};

const AGAIN: &str = "cargo test -p fieldmerge-tests --test sync bad_links";
const ROUNDS: u32 = 8;
/// Some kilobytes in a moment, so that a seed takes about a second.
const WEATHER: Conditions = Conditions {
    up: Some(400_000),
    down: Some(400_000),
    delay: Duration::from_millis(2),
    cut_every: Some(Duration::from_millis(150)),
};

#[test]
fn nothing_is_lost_over_bad_links_on_sqlite() {
    let template = Template::make(Kind::Sqlite);
    seeds::run(0, 10, AGAIN, |seed| world(&template, seed));
}

#[test]
fn nothing_is_lost_over_bad_links_on_postgres() {
    let template = Template::make(Kind::Postgres);
    seeds::run(100_000, 10, AGAIN, |seed| world(&template, seed));
}

/// A project with enrolled phones, of which each world gets a copy.
struct Template {
    database: Database,
    site: Site,
    phones: Vec<Phone>,
}

impl Template {
    fn make(kind: Kind) -> Self {
        runtime().block_on(async {
            let database = Database::new(kind).await;
            let site = Site::found(&database, 1, &["S1", "S2"]).await;
            let both = ["S1:enumerator", "S1:supervisor", "S2:enumerator", "S2:supervisor"];
            let mut phones = Vec::new();
            for (seed, label) in (1..).zip(["Hery", "Lalao", "Tahina"]) {
                phones.push(site.phone(label, seed, &both).await);
            }
            site.app.close().await;
            Self { database, site, phones }
        })
    }
}

/// A link that fails as its dice say.
struct Weather {
    proxy: Proxy,
    rng: ChaCha8Rng,
    /// Requests that were sent, to arrive once more, or for the first time, when nobody waits for them.
    late: Vec<Request>,
}

impl Weather {
    fn below(&mut self, most: u32) -> u32 {
        self.rng.next_u32() % most
    }

    /// Somewhere in what a sync passes, more often near its beginning.
    fn a_byte(&mut self) -> u32 {
        let most = [300, 1_500, 6_000, 30_000][self.below(4) as usize];
        self.below(most)
    }
}

impl Link for Weather {
    async fn post(&mut self, request: &Request) -> Reply {
        let (up, down) = (self.a_byte(), self.a_byte());
        match self.below(8) {
            0 => self.proxy.allow(Some(up), None),
            1 => self.proxy.allow(None, Some(down)),
            2 => self.proxy.allow(Some(up), Some(down)),
            3 => self.proxy.stall(Duration::from_millis(u64::from(up % 60))),
            _ => {}
        }
        if self.below(6) == 0 {
            self.late.push(request.clone());
        }
        if self.below(10) == 0 {
            // It is under way for longer than anybody waits.
            self.late.push(request.clone());
            return Reply::Cut(Vec::new());
        }
        let reply = Wire::to(self.proxy.address()).post(request).await;
        self.proxy.allow(None, None);
        reply
    }
}

struct Worker {
    phone: Phone,
    work: Work,
}

fn world(template: &Template, seed: u64) {
    runtime().block_on(async {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let database = template.database.copy().await;
        let host = Ipv4Addr::from(0x7f02_0000 + u32::try_from(seed % 50_000).expect("small") * 4 + 1);
        let mut server = Server::start(PROGRAM, &database.url(), host, None).await;
        let mut workers: Vec<Worker> = (1..)
            .zip(&template.phones)
            .map(|(number, phone)| {
                let mut phone = phone.copy(rng.next_u64());
                phone.clock_ms = now_ms();
                Worker { phone, work: Work::new(rng.next_u64(), number * 1_000, &template.site.areas) }
            })
            .collect();
        let proxy = Proxy::open(server.address, WEATHER).await;
        let mut link = Weather { proxy, rng, late: Vec::new() };
        let mut ledger = Ledger::default();
        for _ in 0..ROUNDS {
            for worker in &mut workers {
                storm(worker, &mut link, &mut ledger).await;
            }
        }
        settle(&mut workers, &server, &mut ledger).await;
        // What was late comes now, and changes nothing.
        for request in std::mem::take(&mut link.late) {
            let reply = Wire::to(server.address).post(&request).await;
            assert!(matches!(reply, Reply::Whole(_)), "an old request is answered: {reply:?}");
        }
        settle(&mut workers, &server, &mut ledger).await;
        server.kill();
        server.ended().await;
        process::verify(PROGRAM, &database.url()).await;
        let store = database.store().await;
        let census = Census::take(&store, template.site.project).await;
        for worker in &workers {
            census.assert_same_on(&worker.phone);
        }
        ledger.assert_kept(&census);
        assert_eq!((census.held, census.quarantined), (0, Vec::new()));
        store.close().await;
    });
}

/// Somebody saves a little and syncs over the bad link; sometimes a late request of anybody arrives before.
async fn storm(worker: &mut Worker, link: &mut Weather, ledger: &mut Ledger) {
    for _ in 0..=link.below(4) {
        worker.work.save(&mut worker.phone, ledger).expect("these phones do not die");
    }
    if !link.late.is_empty() && link.below(3) == 0 {
        let index = link.below(u32::try_from(link.late.len()).expect("a few")) as usize;
        let request = link.late.swap_remove(index);
        // Nobody listens to what comes of it.
        let _ = Wire::to(link.proxy.address()).post(&request).await;
    }
    let report = worker.phone.sync(link).await.expect("these phones do not die");
    assert!(matches!(report.end, SyncEnd::Complete | SyncEnd::Offline), "{report:?}");
    assert!(report.problems.is_empty() && report.repaired == 0, "{report:?}");
    ledger.note_synced(&worker.phone);
    if link.below(4) == 0 {
        worker.phone.restart();
    }
}

/// Everybody syncs over a good link until nothing moves.
async fn settle(workers: &mut [Worker], server: &Server, ledger: &mut Ledger) {
    let mut phones: Vec<&mut Phone> = workers.iter_mut().map(|worker| &mut worker.phone).collect();
    work::settle(&mut phones, &mut Wire::to(server.address), ledger).await;
}
