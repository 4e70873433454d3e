//! Group commit: requests that wait while another one is written are taken together, by one transaction. A write to disk
//! costs the same for one request as for fifty.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fieldmerge_protocol::sync::FrameReceipt;
use fieldmerge_protocol::{DeviceId, ProjectId};
use fieldmerge_store::StoreError;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::push::frames::{Checked, check_first};
use super::push::{self, Arrival, Push, Pushed, sealed};
use crate::directory::Directory;
use crate::failpoint::failpoint;
use crate::http::ApiError;
use crate::state::App;

/// The most requests of one transaction: who waits behind it waits for this much.
const MAX_GROUP: usize = 64;
/// The most bytes of frames of one transaction, unless one request brings more.
const MAX_GROUP_BYTES: usize = 4 << 20;

/// The most operations of requests that wait to be written.
const ROOM: usize = 1_000_000;

/// Receipts with the authors that they are for.
pub type Receipted = Vec<(DeviceId, FrameReceipt)>;

/// What became of what a request brought.
#[derive(Debug, Default)]
pub struct Committed {
    /// A receipt for each frame that names an author.
    pub receipts: Receipted,
    /// Whether anything was written for it.
    pub wrote: bool,
}

/// A request that waits to be written.
struct Job {
    project: ProjectId,
    arrival: Arrival,
    checked: Vec<Checked>,
    /// Its share of memory, until it is written.
    room: OwnedSemaphorePermit,
    tell: oneshot::Sender<Result<Receipted, ApiError>>,
}

impl Job {
    fn bytes(&self) -> usize {
        self.arrival.frames.iter().map(Vec::len).sum()
    }

    /// Whose frames it may bring, and who sends it.
    fn devices(&self) -> impl Iterator<Item = DeviceId> {
        self.arrival.authors.keys.keys().chain(&self.arrival.sender).copied()
    }
}

/// The requests that wait, and how many transactions may run side by side.
#[derive(Clone)]
pub struct Commits {
    waiting: Arc<Mutex<VecDeque<Job>>>,
    writers: Arc<Semaphore>,
    /// How many requests are decoded at a time.
    decoders: Arc<Semaphore>,
    /// A permit for each operation that may be in memory, beyond what is being decoded.
    room: Arc<Semaphore>,
}

impl std::fmt::Debug for Commits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Commits").finish_non_exhaustive()
    }
}

impl Commits {
    /// Nothing waits yet.
    pub fn new(writers: usize) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Self {
            waiting: Arc::default(),
            writers: Arc::new(Semaphore::new(writers)),
            decoders: Arc::new(Semaphore::new(cores)),
            room: Arc::new(Semaphore::new(ROOM)),
        }
    }

    /// Has what a request brings written, and gives its receipts when it is durable. A large request is written in
    /// pieces; one that repeats what was taken before needs no writing. A client that goes away stops nothing: others
    /// may stand in the same transaction.
    pub async fn commit(
        &self,
        app: &App,
        project: ProjectId,
        mut arrival: Arrival,
    ) -> Result<Committed, ApiError> {
        let mut committed = Committed::default();
        while !arrival.frames.is_empty() {
            if let Some(repeated) = push::repeated(project, &arrival) {
                committed.receipts.extend(repeated);
                break;
            }
            let (mut piece, checked, room) = self.check(project, arrival).await?;
            failpoint("frames-checked");
            let left = piece.frames.split_off(checked.len());
            arrival = Arrival { frames: left, ..piece.without_frames() };
            let (tell, told) = oneshot::channel();
            self.queue().push_back(Job { project, arrival: piece, checked, room, tell });
            self.wake(app);
            committed.receipts.extend(told.await.map_err(ApiError::internal)??);
            committed.wrote = true;
        }
        Ok(committed)
    }

    /// Lets another writer begin, unless as many write as may: then these take what waits, with no task for each request.
    fn wake(&self, app: &App) {
        if let Ok(writer) = Arc::clone(&self.writers).try_acquire_owned() {
            tokio::spawn(self.clone().write_all(app.clone(), writer));
        }
    }

    /// Writes what waits, group after group, until nothing does.
    async fn write_all(self, app: App, writer: OwnedSemaphorePermit) {
        let mut group = self.next_group();
        while !group.is_empty() {
            // In a task of its own: where one panics, those behind it are written nevertheless.
            _ = tokio::spawn(write(app.clone(), group)).await;
            group = self.next_group();
        }
        drop(writer);
        // Who queued after the last look and before the writer went found no writer to begin.
        if !self.queue().is_empty() {
            self.wake(&app);
        }
    }

    /// Decodes the first frames, where it holds up nobody, and takes room for what they hold.
    async fn check(
        &self,
        project: ProjectId,
        arrival: Arrival,
    ) -> Result<(Arrival, Vec<Checked>, OwnedSemaphorePermit), ApiError> {
        let decoding = self.decoders.acquire().await.map_err(ApiError::internal)?;
        let (arrival, checked) = off_threads(move || {
            let checked = check_first(project, &arrival);
            (arrival, checked)
        })
        .await?;
        let operations: usize = checked.iter().map(Checked::operations).sum();
        let permits = u32::try_from(operations.min(ROOM)).map_err(ApiError::internal)?;
        let room = Arc::clone(&self.room).acquire_many_owned(permits).await.map_err(ApiError::internal)?;
        drop(decoding);
        Ok((arrival, checked, room))
    }

    /// Opens the sealed ones among the frames, where it holds up nobody.
    pub async fn open(
        &self,
        directory: &Arc<Directory>,
        mut frames: Vec<Vec<u8>>,
    ) -> Result<Vec<Vec<u8>>, ApiError> {
        if !frames.iter().any(|payload| sealed::is_sealed(payload)) {
            return Ok(frames);
        }
        let _decoding = self.decoders.acquire().await.map_err(ApiError::internal)?;
        let directory = Arc::clone(directory);
        off_threads(move || {
            sealed::open_all(&directory, &mut frames);
            frames
        })
        .await
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<Job>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the oldest request, and those behind it that may share its transaction: of its project, with frames of
    /// nobody who stands in it already.
    fn next_group(&self) -> Vec<Job> {
        let mut queue = self.queue();
        let Some(first) = queue.pop_front() else { return Vec::new() };
        let mut devices: BTreeSet<DeviceId> = first.devices().collect();
        let (project, mut bytes) = (first.project, first.bytes());
        let mut group = vec![first];
        let mut left = VecDeque::with_capacity(queue.len());
        for job in queue.drain(..) {
            let fits = group.len() < MAX_GROUP && bytes + job.bytes() <= MAX_GROUP_BYTES;
            let joins =
                fits && job.project == project && job.devices().all(|device| !devices.contains(&device));
            // Who is passed over keeps the place before everything later of its devices.
            devices.extend(job.devices());
            if joins {
                bytes += job.bytes();
                group.push(job);
            } else {
                left.push_back(job);
            }
        }
        *queue = left;
        group
    }
}

/// Does what takes long beside the threads that serve.
async fn off_threads<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, ApiError> {
    // What a panic says may hold what a person typed.
    let panicked = |_| ApiError::internal(std::io::Error::other("the frames could not be decoded"));
    tokio::task::spawn_blocking(work).await.map_err(panicked)
}

/// Writes a group and tells everybody. Where the whole fails each request is written alone, so that what stops one does
/// not stop its neighbours.
async fn write(app: App, group: Vec<Job>) {
    let mut tells = Vec::with_capacity(group.len());
    let (mut arrivals, mut checked) = (Vec::with_capacity(group.len()), Vec::with_capacity(group.len()));
    let mut rooms = Vec::with_capacity(group.len());
    let project = group[0].project;
    for job in group {
        arrivals.push(job.arrival);
        checked.push(job.checked);
        tells.push(job.tell);
        rooms.push(job.room);
    }
    match run(&app, project, &arrivals, Some(checked)).await {
        Ok(receipts) => {
            for (tell, receipts) in tells.into_iter().zip(receipts) {
                _ = tell.send(Ok(receipts));
            }
        }
        Err(error) if arrivals.len() == 1 => {
            let tell = tells.pop().expect("a group of one has one to tell");
            _ = tell.send(Err(error.into()));
        }
        Err(_) => {
            for (arrival, tell) in arrivals.chunks(1).zip(tells) {
                let receipts = run(&app, project, arrival, None).await;
                let receipts = receipts.map(|mut all| all.pop().unwrap_or_default());
                _ = tell.send(receipts.map_err(ApiError::from));
            }
        }
    }
}

/// Runs one transaction. Frames that were checked are given along; a transaction that lost against another begins again,
/// with frames that are checked again: rarely, so that they need not be copied always.
async fn run(
    app: &App,
    project: ProjectId,
    arrivals: &[Arrival],
    checked: Option<Vec<Vec<Checked>>>,
) -> Result<Vec<Receipted>, StoreError> {
    let checked = Mutex::new(checked);
    let pushed: Pushed = app
        .store()
        .write(async |mut tx| {
            let first = checked.lock().unwrap_or_else(PoisonError::into_inner).take();
            let frames = first
                .unwrap_or_else(|| arrivals.iter().map(|arrival| check_first(project, arrival)).collect());
            let (directories, lives, now_ms, ids) = (app.directories(), app.lives(), app.now_ms(), app.ids());
            Push { project, directories, lives, arrivals, now_ms, ids }.run(&mut tx, frames).await
        })
        .await?;
    failpoint("committed");
    app.lives().gave(project, pushed.life, &pushed.given);
    app.accepted().notify_one();
    let sync = &app.metrics().sync;
    sync.count_changes("accepted", pushed.accepted);
    sync.count_changes("held", pushed.held);
    sync.count_changes("quarantined", pushed.quarantined);
    Ok(pushed.receipts)
}
