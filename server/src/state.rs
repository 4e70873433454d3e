//! What every request may use: the store, the clock, the source of ids, the configuration, the measures.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use fieldmerge_protocol::DeviceId;
use fieldmerge_protocol::problem::ProblemCode;
use fieldmerge_store::{Dialect, Store};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use crate::attachments::objects::Objects;
use crate::auth::attempts::Attempts;
use crate::clock::Clock;
use crate::config::{Config, DEFAULT_ATTACHMENTS};
use crate::dictionary::Dictionaries;
use crate::directory::Directories;
use crate::http::ApiError;
use crate::ids::Ids;
use crate::metrics::Metrics;
use crate::sync::commit::Commits;
use crate::sync::lives::Lives;
use crate::sync::room::{BodyMemory, Room};
use crate::sync::seen::Seen;
use crate::sync::tail::Tails;

/// How many transactions of pushes run side by side where the database takes several.
const WRITERS: usize = 4;

/// How many attachments are put together at a time: each holds a few MiB.
const ASSEMBLIES: usize = 2;

/// The running server. Cloning it is cheap, and all clones are one.
#[derive(Debug, Clone)]
pub struct App(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Store,
    clock: Clock,
    ids: Ids,
    config: Config,
    metrics: Metrics,
    /// A permit for each byte of request bodies that may be in memory.
    body_memory: BodyMemory,
    /// A permit for each dataset that may be read at a time.
    datasets: Arc<Semaphore>,
    objects: Objects,
    /// A permit for each attachment that may be put together at a time.
    assemblies: Semaphore,
    wrong_codes: Attempts,
    dictionaries: Dictionaries,
    directories: Directories,
    lives: Lives,
    commits: Commits,
    seen: Seen,
    tails: Tails,
    accepted: Notify,
    stopping: AtomicBool,
}

impl App {
    /// Joins the parts of a server.
    pub fn new(store: Store, clock: Clock, ids: Ids, config: Config, metrics: Metrics) -> Self {
        let body_memory = BodyMemory::new(config.max_body_memory_bytes);
        let datasets = Arc::new(Semaphore::new(config.max_datasets));
        let objects = Objects::at(config.attachments.as_deref().unwrap_or(DEFAULT_ATTACHMENTS));
        let wrong_codes = Attempts::new(config.max_wrong_codes_per_minute);
        let commits = Commits::new(if store.dialect() == Dialect::Sqlite { 1 } else { WRITERS });
        let stopping = AtomicBool::new(false);
        Self(Arc::new(Inner {
            store,
            clock,
            ids,
            config,
            metrics,
            body_memory,
            datasets,
            objects,
            assemblies: Semaphore::new(ASSEMBLIES),
            wrong_codes,
            dictionaries: Dictionaries::default(),
            directories: Directories::default(),
            lives: Lives::default(),
            commits,
            seen: Seen::default(),
            tails: Tails::default(),
            accepted: Notify::new(),
            stopping,
        }))
    }

    /// The database.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// The clock.
    pub fn clock(&self) -> &Clock {
        &self.0.clock
    }

    /// Milliseconds since the epoch by the server's clock.
    pub fn now_ms(&self) -> i64 {
        self.0.clock.now_ms()
    }

    /// The source of ids and secrets.
    pub fn ids(&self) -> &Ids {
        &self.0.ids
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// The measures.
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// The bytes of attachments.
    pub fn objects(&self) -> &Objects {
        &self.0.objects
    }

    /// Waits for one of the places where attachments are put together.
    pub async fn reserve_assembly(&self) -> Option<SemaphorePermit<'_>> {
        // It is never closed.
        self.0.assemblies.acquire().await.ok()
    }

    /// The wrong enrolment codes of the last minute.
    pub fn wrong_codes(&self) -> &Attempts {
        &self.0.wrong_codes
    }

    /// What bodies are compressed against.
    pub fn dictionaries(&self) -> &Dictionaries {
        &self.0.dictionaries
    }

    /// What is known of projects, their devices and grants.
    pub fn directories(&self) -> &Directories {
        &self.0.directories
    }

    /// The lives of logs that this process has begun.
    pub fn lives(&self) -> &Lives {
        &self.0.lives
    }

    /// When devices were last seen.
    pub fn seen(&self) -> &Seen {
        &self.0.seen
    }

    /// Where what lies behind a cursor inside a segment is packed.
    pub fn tails(&self) -> &Tails {
        &self.0.tails
    }

    /// Told when something was accepted.
    pub fn accepted(&self) -> &Notify {
        &self.0.accepted
    }

    /// Where what devices bring is written.
    pub fn commits(&self) -> &Commits {
        &self.0.commits
    }

    /// Takes room for the body of a device's request. A server that is full sends devices away at once: they hold their
    /// outbox and come back, and the memory stays bounded.
    pub fn reserve_body(&self, device: DeviceId, bytes: usize) -> Result<Room, ApiError> {
        let room = self.0.body_memory.take(device, bytes);
        room.ok_or_else(|| ApiError::later(ProblemCode::TooManyRequests, 5))
    }

    /// Takes one of the places for datasets: each holds a snapshot and a connection for as long as it is read.
    pub fn reserve_dataset(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        let place = Arc::clone(&self.0.datasets).try_acquire_owned();
        place.map_err(|_| ApiError::later(ProblemCode::TooManyRequests, 30))
    }

    /// Whether the server takes requests: it was not told to stop, and its database answers.
    pub async fn check_ready(&self) -> Result<(), ApiError> {
        if self.0.stopping.load(Ordering::Relaxed) {
            return Err(ApiError::later(ProblemCode::Unavailable, 5));
        }
        self.0.store.ping().await.map_err(|error| ApiError::later(ProblemCode::Unavailable, 5).because(error))
    }

    /// Writes what waits to be written, and closes the database.
    pub async fn close(&self) {
        self.0.seen.flush(self).await;
        self.0.store.close().await;
    }

    /// From now on the server is not ready: whoever routes sends new requests elsewhere.
    pub fn stop(&self) {
        self.0.stopping.store(true, Ordering::Relaxed);
    }
}
