//! A phone: the engine, driven by a test, with a store that keeps what it confirmed and nothing else.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use ed25519_dalek::{Signer, SigningKey};
use fieldmerge_engine::{
    Batch, Edit, Effect, Engine, Enrolment, Failure, Input, Outcome, Request, SavedEdit, Snapshot,
    SyncOptions, SyncReport, Table, shipped_forms,
};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use serde::{Deserialize, Serialize};
use sqlx::{AssertSqlSafe, Connection, SqliteConnection};
use tempfile::TempDir;

use super::link::{Link, Reply};

/// The rows that are on disk.
#[derive(Debug, Clone, Default)]
pub struct Shelf {
    rows: BTreeMap<(Table, Vec<u8>), Arc<[u8]>>,
}

impl Shelf {
    fn write(&mut self, batch: &Batch) {
        for write in &batch.writes {
            let key = (write.table, write.key.clone());
            match &write.value {
                Some(value) => self.rows.insert(key, Arc::clone(value)),
                None => self.rows.remove(&key),
            };
        }
    }

    /// The rows of a table.
    pub fn table(&self, table: Table) -> impl Iterator<Item = (&[u8], &[u8])> {
        let rows = self.rows.range((table, Vec::new())..);
        rows.take_while(move |((of, _), _)| *of == table)
            .map(|((_, key), value)| (key.as_slice(), &value[..]))
    }

    fn snapshot(&self) -> Snapshot {
        let rows = self.rows.iter().map(|((table, key), value)| (*table, key.clone(), Arc::clone(value)));
        Snapshot { rows: rows.collect() }
    }
}

/// What happens when the phone writes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StoreFault {
    /// The disk is full: the batch is not taken, and the engine is told so.
    Full,
    /// The battery falls out before the batch is durable.
    DiesBefore,
    /// The battery falls out when the batch is durable and nobody knows it yet.
    DiesAfter,
}

/// The battery fell out: what the engine was asked for has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Died;

/// A phone.
#[derive(Debug)]
pub struct Phone {
    /// What people call it.
    pub label: String,
    /// Its clock, milliseconds since the epoch, right or wrong.
    pub clock_ms: i64,
    /// After so many more batches, this happens to one.
    pub fault: Option<(u32, StoreFault)>,
    engine: Engine,
    shelf: Shelf,
    key: SigningKey,
    rng: ChaCha8Rng,
    tickets: u64,
}

impl Phone {
    /// A new phone with these forms, enrolled in a project. `enrol` tells its public key to the server.
    pub async fn enrolled(
        label: &str,
        seed: u64,
        clock_ms: i64,
        forms: &[Vec<u8>],
        enrol: impl AsyncFnOnce([u8; 32]) -> Enrolment,
    ) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut secret = [0; 32];
        rng.fill_bytes(&mut secret);
        let key = SigningKey::from_bytes(&secret);
        let enrolment = enrol(key.verifying_key().to_bytes()).await;
        let mut shelf = Shelf::default();
        shelf.write(&Batch { id: 0, writes: shipped_forms(forms) });
        let engine = Engine::open(shelf.snapshot()).expect("a store of forms opens");
        let label = label.to_owned();
        let mut phone = Self { label, clock_ms, fault: None, engine, shelf, key, rng, tickets: 0 };
        let done = phone.ask(|ticket| Input::Enrolled { ticket, enrolment }).expect("nothing fails here");
        done.expect("a new device can be enrolled");
        phone
    }

    /// A phone as it stands in the folder of a native one that is not open. It can be looked at, not used.
    pub async fn read(label: &str, folder: &TempDir) -> Self {
        let url = format!("sqlite:{}", folder.path().join("device.db").display());
        let mut connection = SqliteConnection::connect(&url).await.expect("the store of a phone opens");
        let mut shelf = Shelf::default();
        for table in Table::ALL {
            let sql = AssertSqlSafe(format!("SELECT key, value FROM {}", table.name()));
            let rows: Vec<(Vec<u8>, Vec<u8>)> =
                sqlx::query_as(sql).fetch_all(&mut connection).await.expect("a table of the store reads");
            shelf.rows.extend(rows.into_iter().map(|(key, value)| ((table, key), Arc::from(value))));
        }
        connection.close().await.expect("the store closes");
        let engine = Engine::open(shelf.snapshot()).expect("what an engine stored opens again");
        let (label, key, rng) =
            (label.to_owned(), SigningKey::from_bytes(&[0; 32]), ChaCha8Rng::seed_from_u64(0));
        Self { label, clock_ms: 0, fault: None, engine, shelf, key, rng, tickets: 0 }
    }

    /// The engine, for reading.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// What is on disk.
    pub fn shelf(&self) -> &Shelf {
        &self.shelf
    }

    /// The device key, for requests made by hand.
    pub fn key(&self) -> &SigningKey {
        &self.key
    }

    /// The enrolment.
    pub fn enrolment(&self) -> Enrolment {
        self.engine.status().enrolment.expect("phones of this world are enrolled")
    }

    /// A copy of the whole phone, as a backup or a clone would have it. Its randomness is its own.
    #[must_use]
    pub fn copy(&self, seed: u64) -> Self {
        let mut copy = Self {
            label: self.label.clone(),
            clock_ms: self.clock_ms,
            fault: None,
            engine: Engine::open(Snapshot::default()).expect("an empty store opens"),
            shelf: self.shelf.clone(),
            key: self.key.clone(),
            rng: ChaCha8Rng::seed_from_u64(seed),
            tickets: 0,
        };
        copy.restart();
        copy
    }

    /// Takes back what a backup holds.
    pub fn restore(&mut self, backup: Shelf) {
        self.shelf = backup;
        self.restart();
    }

    /// The phone starts again with what is on disk.
    pub fn restart(&mut self) {
        self.fault = None;
        self.engine = Engine::open(self.shelf.snapshot()).expect("what an engine stored opens again");
    }

    /// From now on its randomness is that of this seed, whatever it drew before.
    pub fn reseed(&mut self, seed: u64) {
        self.rng = ChaCha8Rng::seed_from_u64(seed);
    }

    /// Saves; `Err` if the battery fell out before the save was confirmed.
    pub fn save(&mut self, edits: Vec<Edit>) -> Result<Result<Vec<SavedEdit>, Failure>, Died> {
        let done = self.ask(|ticket| Input::Save { ticket, edits })?;
        Ok(done.map(|outcome| match outcome {
            Outcome::Saved(saved) => saved,
            other => panic!("a save ends with what was saved, not with {other:?}"),
        }))
    }

    /// A request that ends with an outcome.
    pub fn ask(&mut self, input: impl FnOnce(u64) -> Input) -> Result<Result<Outcome, Failure>, Died> {
        self.tickets += 1;
        let ticket = self.tickets;
        let effects = self.drive(input(ticket))?;
        let done = effects.into_iter().find_map(|effect| match effect {
            Effect::Done { ticket: done, result } if done == ticket => Some(result),
            _ => None,
        });
        Ok(done.expect("every request of the host has an outcome"))
    }

    /// Takes an input and performs what concerns the store and the key. The other effects are returned.
    pub fn drive(&mut self, input: Input) -> Result<Vec<Effect>, Died> {
        let mut inputs = VecDeque::from([input]);
        let mut left = Vec::new();
        while let Some(input) = inputs.pop_front() {
            for effect in self.engine.step(self.clock_ms, &mut self.rng, input) {
                match effect {
                    Effect::Store(batch) => inputs.push_back(self.store(&batch)?),
                    Effect::Sign(request) => {
                        let sign = |message: &Vec<u8>| self.key.sign(message).to_bytes();
                        let signatures = request.messages.iter().map(sign).collect();
                        inputs.push_back(Input::Signed { id: request.id, signatures });
                    }
                    other => left.push(other),
                }
            }
        }
        Ok(left)
    }

    fn store(&mut self, batch: &Batch) -> Result<Input, Died> {
        let fault = match &mut self.fault {
            Some((0, fault)) => Some(*fault),
            Some((left, _)) => {
                *left -= 1;
                None
            }
            None => None,
        };
        if fault.is_some() {
            self.fault = None;
        }
        match fault {
            Some(StoreFault::Full) => return Ok(Input::StoreFailed { batch: batch.id }),
            Some(StoreFault::DiesBefore) => {}
            Some(StoreFault::DiesAfter) | None => self.shelf.write(batch),
        }
        if fault.is_some() {
            self.restart();
            return Err(Died);
        }
        Ok(Input::Stored { batch: batch.id })
    }

    /// Syncs over a link, to the end of it.
    pub async fn sync(&mut self, link: &mut impl Link) -> Result<SyncReport, Died> {
        self.sync_with(link, SyncOptions::default()).await
    }

    /// Syncs with options.
    pub async fn sync_with(
        &mut self,
        link: &mut impl Link,
        options: SyncOptions,
    ) -> Result<SyncReport, Died> {
        let mut step = Step::of(self.drive(Input::Sync(options))?);
        loop {
            if let Some(report) = step.report {
                return Ok(report);
            }
            let request = step.send.expect("a sync that is not over asks for a request");
            let id = request.id;
            let reply = link.post(&request).await;
            step = self.take(id, reply)?;
        }
    }

    /// Feeds the reply to a request.
    pub fn take(&mut self, request: u64, reply: Reply) -> Result<Step, Died> {
        let (pieces, end) = match reply {
            Reply::Refused(refused) => (Vec::new(), Input::Refused { request, refused }),
            Reply::Whole(bytes) => (pieces(&bytes), Input::Ended { request }),
            Reply::Cut(bytes) => (pieces(&bytes), Input::Cut { request, reached: true }),
            Reply::Unreached => (Vec::new(), Input::Cut { request, reached: false }),
        };
        let inputs = pieces.into_iter().map(|bytes| Input::Received { request, bytes }).chain([end]);
        for input in inputs {
            let step = Step::of(self.drive(input)?);
            if step.report.is_some() || step.send.is_some() {
                return Ok(step);
            }
        }
        Ok(Step::default())
    }
}

/// An answer arrives in pieces; where they are torn must not matter.
fn pieces(bytes: &[u8]) -> Vec<Vec<u8>> {
    bytes.chunks(1_379).map(<[u8]>::to_vec).collect()
}

/// What a sync wants next.
#[derive(Debug, Default)]
pub struct Step {
    /// A request to post.
    pub send: Option<Request>,
    /// The end of the sync.
    pub report: Option<SyncReport>,
}

impl Step {
    /// Reads the effects that concern a sync.
    pub fn of(effects: Vec<Effect>) -> Self {
        let mut step = Self::default();
        for effect in effects {
            match effect {
                Effect::Send(request) => step.send = Some(request),
                Effect::SyncEnded(report) => step.report = Some(report),
                _ => {}
            }
        }
        step
    }
}
