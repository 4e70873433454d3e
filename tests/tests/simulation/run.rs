//! One world from its seed to its end.

use fieldmerge_engine::{Input, Request, SyncEnd, SyncOptions};
use fieldmerge_server::compact;
use fieldmerge_tests::database::{Database, Kind};
use fieldmerge_tests::world::census::Census;
use fieldmerge_tests::world::link::{Link, Reply};
use fieldmerge_tests::world::phone::{Died, Phone, Shelf, Step};
use fieldmerge_tests::world::raw;
use fieldmerge_tests::world::seeds::runtime;
use fieldmerge_tests::world::site::{START_MS, Site};
use fieldmerge_tests::world::work::{Ledger, Work};

use crate::faults::{Dice, Fate, until_await};

/// How many things happen before the world is left in peace.
const STEPS: u32 = 150;
/// After so many rounds of syncs in peace nothing may move any more.
const ROUNDS: u32 = 8;

/// A project with enrolled phones, of which each world gets a copy.
pub struct Template {
    database: Database,
    site: Site,
    phones: Vec<(Phone, Vec<usize>)>,
}

impl Template {
    /// Makes it.
    pub fn make(kind: Kind) -> Self {
        runtime().block_on(async {
            let database = Database::new(kind).await;
            let site = Site::found(&database, 1, &["S1", "S2"]).await;
            let both = ["S1:enumerator", "S1:supervisor", "S2:enumerator", "S2:supervisor"];
            let mut phones = vec![
                (site.phone("Hery", 1, &both).await, vec![0, 1]),
                (site.phone("Lalao", 2, &both).await, vec![0, 1]),
                (site.phone("Tahina", 3, &["S1:enumerator", "all:payroll"]).await, vec![0]),
            ];
            for _ in 0..2 {
                for (phone, areas) in &mut phones {
                    let areas: Vec<_> = areas.iter().map(|index| site.areas[*index]).collect();
                    let first = 100 * i64::from(phone.enrolment().number)
                        + i64::try_from(phone.engine().status().records).unwrap_or_default();
                    let mut work = Work::new(first.cast_unsigned(), first, &areas);
                    for _ in 0..3 {
                        work.save(phone, &mut Ledger::default()).expect("nothing fails yet");
                    }
                    phone.sync(&mut site.link()).await.expect("nothing fails yet");
                }
            }
            site.app.close().await;
            Self { database, site, phones }
        })
    }
}

/// Runs the world of a seed; panics if it ends in disagreement.
pub fn world(template: &Template, seed: u64) {
    runtime().block_on(async {
        let database = template.database.copy().await;
        let mut world = World::begin(template, &database, seed).await;
        for _ in 0..STEPS {
            world.step().await;
        }
        world.end().await;
        world.site.app.close().await;
    });
}

/// A request on its way up, or its reply on its way down.
struct Flight {
    phone: usize,
    /// The life of the phone that waits for it; another one does not know of it.
    life: u32,
    request: Request,
    /// Absent on the way up.
    reply: Option<Reply>,
    /// Nobody waits for what comes of it.
    ghost: bool,
}

struct Carried {
    phone: Phone,
    work: Work,
    backup: Option<(Shelf, usize)>,
    life: u32,
    syncing: bool,
    skew_ms: i64,
    restored: bool,
}

struct World<'a> {
    /// Whether each event is printed: `TRACE=1`.
    traced: bool,
    database: &'a Database,
    site: Site,
    dice: Dice,
    now_ms: i64,
    phones: Vec<Carried>,
    flights: Vec<Flight>,
    /// Requests that the server has answered, to be played again.
    past: Vec<(usize, Request)>,
    ledger: Ledger,
}

impl<'a> World<'a> {
    async fn begin(template: &Template, database: &'a Database, seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let site = template.site.reopen(database, START_MS, dice.seed()).await;
        let mut phones = Vec::new();
        for (number, (phone, areas)) in (1..).zip(&template.phones) {
            let areas: Vec<_> = areas.iter().map(|index| site.areas[*index]).collect();
            let work = Work::new(dice.seed(), number * 1_000, &areas);
            let skew_ms = dice.skew_ms();
            let phone = phone.copy(dice.seed());
            phones.push(Carried {
                phone,
                restored: false,
                work,
                backup: None,
                life: 0,
                syncing: false,
                skew_ms,
            });
        }
        let (now_ms, flights, past, ledger) = (START_MS, Vec::new(), Vec::new(), Ledger::default());
        let traced = std::env::var_os("TRACE").is_some();
        Self { traced, database, site, dice, now_ms, phones, flights, past, ledger }
    }

    /// One thing happens.
    async fn step(&mut self) {
        self.let_time_pass();
        let index = self.dice.index(self.phones.len());
        match self.dice.below(100) {
            0..20 => self.save(index),
            20..40 => self.begin_sync(index),
            40..91 => self.deliver_one().await,
            91..93 => self.compact().await,
            93..94 => self.restart(index),
            94..96 => {
                self.phones[index].backup =
                    Some((self.phones[index].phone.shelf().clone(), self.ledger.len()));
            }
            96..97 => self.restore(index),
            97..99 => self.phones[index].skew_ms = self.dice.skew_ms(),
            _ => self.server_dies().await,
        }
    }

    /// Tells what happens, to whoever wants to know why a world ended badly.
    fn tell(&self, event: impl std::fmt::Debug) {
        if self.traced {
            eprintln!("{event:?}");
        }
    }

    fn label(&self, index: usize) -> &str {
        &self.phones[index].phone.label
    }

    fn let_time_pass(&mut self) {
        let passed = i64::from(self.dice.below(120_000));
        self.now_ms += passed;
        self.site.app.clock().advance_ms(passed);
        for carried in &mut self.phones {
            carried.phone.clock_ms = self.now_ms + carried.skew_ms;
        }
    }

    fn save(&mut self, index: usize) {
        let Self { phones, dice, ledger, .. } = self;
        let carried = &mut phones[index];
        if dice.percent(8) {
            carried.phone.fault = Some(dice.store_fault());
        }
        let saved = carried.work.save(&mut carried.phone, ledger);
        self.tell(("save", self.label(index), self.ledger.last(), saved));
        if saved == Err(Died) {
            self.reborn(index);
        }
    }

    fn begin_sync(&mut self, index: usize) {
        if !self.phones[index].syncing {
            self.phones[index].syncing = true;
            let effects = self.phones[index].phone.drive(Input::Sync(SyncOptions::default()));
            self.follow(index, effects.map(Step::of));
        }
    }

    /// Goes on with what a phone wants.
    fn follow(&mut self, index: usize, step: Result<Step, Died>) {
        let Ok(step) = step else {
            self.tell(("died", self.label(index)));
            return self.reborn(index);
        };
        self.tell((self.label(index), &step.report));
        let carried = &mut self.phones[index];
        if let Some(report) = step.report {
            assert!(
                !matches!(report.end, SyncEnd::Untrusted { .. }),
                "{}: {:?}",
                carried.phone.label,
                report.end
            );
            carried.syncing = false;
            self.ledger.note_synced(&carried.phone);
        } else if let Some(request) = step.send {
            self.flights.push(Flight {
                phone: index,
                life: carried.life,
                request,
                reply: None,
                ghost: false,
            });
        }
    }

    fn restart(&mut self, index: usize) {
        self.tell(("restart", self.label(index)));
        self.phones[index].phone.restart();
        self.reborn(index);
    }

    fn reborn(&mut self, index: usize) {
        self.phones[index].life += 1;
        self.phones[index].syncing = false;
    }

    fn restore(&mut self, index: usize) {
        let carried = &mut self.phones[index];
        if let Some((shelf, since)) = carried.backup.clone() {
            carried.phone.restore(shelf);
            carried.restored = true;
            self.ledger.note_restored(&carried.phone, since);
            self.tell(("restored", self.label(index), since));
            self.reborn(index);
        }
    }

    async fn server_dies(&mut self) {
        self.tell("the server dies");
        self.site.app.close().await;
        self.site = self.site.reopen(self.database, self.now_ms, self.dice.seed()).await;
    }

    /// The server compacts what it has, or dies over it.
    async fn compact(&mut self) {
        let work = compact::now(&self.site.app, None);
        if self.dice.percent(30) {
            let awaits = self.dice.below(40);
            let done = until_await(work, awaits).await;
            self.tell(("compacting", awaits, done.is_some()));
            self.server_dies().await;
        } else {
            let done = work.await.expect("the database does not fail");
            self.tell(("compacted", done));
        }
    }

    /// Something that is under way arrives, whatever else left before it.
    async fn deliver_one(&mut self) {
        if self.flights.is_empty() {
            return;
        }
        let flight = self.flights.swap_remove(self.dice.index(self.flights.len()));
        match flight.reply {
            None => self.deliver_request(flight).await,
            Some(_) => self.deliver_reply(flight),
        }
    }

    async fn deliver_request(&mut self, flight: Flight) {
        let Flight { phone, life, request, ghost, .. } = flight;
        let fate = self.dice.fate();
        self.tell(("request", self.label(phone), life, fate, ghost));
        let reply = match fate {
            Fate::RequestLost => Reply::Unreached,
            Fate::ServerDies(awaits) => {
                let mut link = self.site.link();
                let reply = until_await(link.post(&request), awaits).await;
                self.server_dies().await;
                reply.unwrap_or(Reply::Cut(Vec::new()))
            }
            _ => self.site.link().post(&request).await,
        };
        if matches!(reply, Reply::Whole(_)) {
            self.past.push((phone, request.clone()));
        }
        if fate == Fate::Doubled {
            let copy = Flight { phone, life, request: request.clone(), reply: None, ghost: true };
            self.flights.push(copy);
        }
        let reply = match (fate, reply) {
            (Fate::AnswerLost, Reply::Whole(_)) => Reply::Cut(Vec::new()),
            (Fate::AnswerCut(share), Reply::Whole(bytes)) => {
                Reply::Cut(bytes[..bytes.len() * share as usize / 1_000].to_vec())
            }
            (_, reply) => reply,
        };
        if !ghost {
            self.flights.push(Flight { phone, life, request, reply: Some(reply), ghost });
        }
    }

    fn deliver_reply(&mut self, flight: Flight) {
        let Flight { phone, life, request, reply, .. } = flight;
        let Some(reply) = reply.filter(|_| self.phones[phone].life == life) else { return };
        self.tell(("reply", self.label(phone), life));
        if self.dice.percent(4) {
            self.phones[phone].phone.fault = Some(self.dice.store_fault());
        }
        let step = self.phones[phone].phone.take(request.id, reply);
        self.follow(phone, step);
    }

    /// Leaves everybody in peace, and compares.
    async fn end(&mut self) {
        self.flights.clear();
        self.settle().await;
        let mut fresh = self.site.phone("new", 4, &["S1:enumerator", "S1:supervisor", "S2:supervisor"]).await;
        let report = fresh.sync(&mut self.site.link()).await.expect("nothing fails any more");
        assert_eq!(report.end, SyncEnd::Complete);
        let census = Census::take(self.site.app.store(), self.site.project).await;
        census.assert_same_on(&fresh);
        for Carried { phone, restored, .. } in &self.phones {
            if *restored {
                census.assert_same_on_restored(phone);
            } else {
                census.assert_same_on(phone);
            }
        }
        self.ledger.assert_kept(&census);
        if std::env::var_os("STAT").is_some() {
            let cases: usize = census.holdings.values().map(|r| r.cases.len()).sum();
            let open: usize =
                census.holdings.values().map(|r| r.cases.values().filter(|c| c.open).count()).sum();
            let notices: Vec<_> = self
                .phones
                .iter()
                .flat_map(|p| p.phone.engine().notices())
                .map(|n| (n.code, n.count))
                .collect();
            eprintln!(
                "STAT saves {} changes {} cases {cases} open {open} q {:?} past {} notices {notices:?}",
                self.ledger.len(),
                census.changes(),
                census.quarantined,
                self.past.len()
            );
        }
        // What stands on the losing branch of a restored phone waits for what lost.
        let restored = self.phones.iter().any(|carried| carried.restored);
        assert!(restored || census.held == 0, "what was held has found what it waited for");
        self.play_again(&census).await;
    }

    /// Everybody syncs until nothing moves.
    async fn settle(&mut self) {
        for round in 0.. {
            let mut moved = 0;
            for carried in &mut self.phones {
                carried.phone.fault = None;
                if round == 0 {
                    carried.phone.restart();
                }
                let report = carried.phone.sync(&mut self.site.link()).await.expect("nothing fails any more");
                assert_eq!(report.end, SyncEnd::Complete, "{}", carried.phone.label);
                moved += report.sent + report.received + report.repaired;
                self.ledger.note_synced(&carried.phone);
                if self.traced {
                    eprintln!("{} {report:?}", carried.phone.label);
                }
            }
            if moved == 0 {
                return;
            }
            assert!(round < ROUNDS, "after {ROUNDS} rounds in peace changes still move");
        }
    }

    /// Old requests arrive once more: they change nothing.
    async fn play_again(&mut self, census: &Census) {
        for (index, request) in std::mem::take(&mut self.past).into_iter().rev().take(6) {
            let phone = &self.phones[index].phone;
            let again = Request { authorization: raw::token(phone, self.now_ms), ..request };
            let reply = self.site.link().post(&again).await;
            assert!(matches!(reply, Reply::Whole(_)), "an old request is answered: {reply:?}");
        }
        let after = Census::take(self.site.app.store(), self.site.project).await;
        after.assert_same_as(census);
    }
}
