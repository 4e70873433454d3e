//! One sync: takes what a device brings, then streams what it lacks.

pub mod commit;
pub mod expire;
mod feeds;
mod forms;
pub mod judgement;
pub mod lives;
pub mod pull;
pub mod push;
pub mod rejudge;
mod request;
pub mod room;
pub mod roster;
pub mod seen;
pub mod tail;
mod writer;

pub use self::writer::put_receipts;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::body::Body;
use fieldmerge_protocol::limits::DEFAULT_ANSWER_BYTES;
use fieldmerge_protocol::problem::ProblemCode;
use fieldmerge_protocol::sync::{Cursor, Feed, FramePlace, FrameRef, Hello, Partial, Welcome};
use fieldmerge_protocol::{DeviceId, ProjectId};
use fieldmerge_store::segments::Own;
use fieldmerge_store::{Lent, StoreError, Tx, projects, proofs};
use tracing::Instrument;

use self::commit::Receipted;
use self::feeds::{concerned, feed_heads, head, readable, to_read};
use self::forms::Lacking;
use self::lives::Judged;
use self::pull::Pull;
use self::push::{Arrival, Authors, Proofs, receipts_again};
use self::request::{Batch, Following, Intake};
use self::writer::{Answer, Holds};
use crate::auth::AuthedDevice;
use crate::directory::Directory;
use crate::failpoint::failpoint;
use crate::findings;
use crate::http::ApiError;
use crate::state::App;

/// Answers a sync request. What the device brings is taken while it arrives; it is durable, and its receipts stand in
/// the answer, before any of them is sent. A device that goes away stops nothing.
pub async fn answer(app: &App, authed: AuthedDevice, body: Body) -> Result<Body, ApiError> {
    let (answer, opening) = Answer::new(app.clone());
    let intake = Intake::new(app.clone(), authed.device, body);
    tokio::spawn(serve(app.clone(), authed, intake, answer).in_current_span());
    opening.body().await
}

async fn serve(app: App, authed: AuthedDevice, mut intake: Intake, mut answer: Answer) {
    let signer = authed.directory.signer.clone();
    match take(&app, &authed, &mut intake, &mut answer).await {
        Ok(Prepared { welcome, receipts, hello_bytes, forms, holds, pull }) => {
            answer.begin(pull.project, &signer, &welcome, receipts);
            if answer.forms((&signer, &hello_bytes), &forms).await.is_ok() {
                answer.finish(&signer, &hello_bytes, holds, pull).await;
            }
        }
        Err(error) => {
            intake.drain().await;
            answer.fail(error).await;
        }
    }
}

/// What was said to a request, and what is left to say.
struct Prepared {
    welcome: Welcome,
    receipts: Receipted,
    hello_bytes: Vec<u8>,
    forms: Lacking,
    holds: Holds,
    pull: Pull,
}

/// Takes a request: judges its hello, has its frames written as they arrive, and finds out what the device lacks.
async fn take(
    app: &App,
    authed: &AuthedDevice,
    intake: &mut Intake,
    answer: &mut Answer,
) -> Result<Prepared, ApiError> {
    let (hello_bytes, hello) = intake.hello().await?;
    failpoint("request-parsed");
    let batch = opened(app, authed, intake.batch().await?).await?;
    let device = authed.device;
    let (mut tx, directory, known) = look_first(app, authed, answer, &batch).await?;
    let (id, mut life) = (directory.project.id, directory.project.life);
    let committed = proofs::highest(&mut tx, id, device, hello.incarnation).await?;
    let reads = readable(&directory, device);
    let heads = feed_heads(&mut tx, id, &concerned(&hello, &reads)).await?;
    let Judged { lost, taken } = lives::judge(&mut tx, &directory.project, device, &hello).await?;
    let findings = findings::of_device(&mut tx, id, device, &reads).await?;
    tx.rollback().await?;
    let stale = committed > hello.packed;
    let lost = lost || is_beyond(committed, &heads, &hello);
    app.seen().note(app, id, device, app.now_ms(), hello.telemetry.clone().map(seen::Told::from));
    let first = First { hello: &hello, takes: !stale && !lost, batch, known, directory };
    let Pushed { mut receipts, directory, stands } = push(app, authed, intake, answer, first).await?;

    let (project, readable, mut heads) = (&directory.project, readable(&directory, device), heads);
    let concerned = concerned(&hello, &readable);

    let asked = asked(&hello);
    let now_ms = app.now_ms();
    let is_due = hello.roster_issued_ms.is_some_and(|issued_ms| roster::is_due(issued_ms, now_ms));
    let is_behind = hello.roster != project.roster_version || is_due;
    let mut roster = None;
    if !stands || !asked.is_empty() || is_behind {
        let mut tx = app.store().read().await?;
        receipts.extend(receipts_again(&mut tx, project.id, device, asked).await?);
        heads = feed_heads(&mut tx, project.id, &concerned).await?;
        // The life and the heads are of one snapshot.
        life = projects::find(&mut tx, project.id).await?.and_then(|project| project.life);
        if is_behind {
            let signs = hello.roster_issued_ms.map(|_| now_ms);
            roster = Some(roster::of_device(&mut tx, &directory, device, signs).await?);
        }
        tx.rollback().await?;
    }

    let welcome = Welcome {
        log: project.log_id,
        now_ms,
        committed,
        stale,
        roster,
        lost: lost.then_some(true),
        backed_up_ms: project.backed_up_ms,
        life,
        taken,
    };
    // Who is told that something was lost reads nothing more of the answer.
    let feeds = if lost { Vec::new() } else { to_read(&hello, project.log_id, readable, &heads) };
    let (incarnation, unused) = (hello.incarnation, hello.unused.unwrap_or_default());
    let pull = Pull {
        project: project.id,
        feeds,
        budget_bytes: hello.budget_bytes.unwrap_or(DEFAULT_ANSWER_BYTES),
        own: (!hello.recover.unwrap_or(false)).then_some(Own { device, incarnation, unused }),
        life: welcome.life,
    };
    let holds = holds(app, &directory, hello.dictionaries, hello.partial);
    let forms = Lacking::of(hello.forms.filter(|_| !lost), (findings, hello.findings), directory);
    Ok(Prepared { welcome, receipts, hello_bytes, forms, holds, pull })
}

/// The frames whose receipts a device wants again, each once.
fn asked(hello: &Hello) -> BTreeSet<FrameRef> {
    let withdrawn = hello.withdraws.iter().flatten().map(|place| place.frame);
    hello.unsettled.iter().flatten().copied().chain(withdrawn).collect()
}

/// Has nobody take any more what a device takes back.
async fn withdraw(
    app: &App,
    project: ProjectId,
    device: DeviceId,
    places: &[FramePlace],
) -> Result<(), StoreError> {
    let now_ms = app.now_ms();
    let work = async |mut tx: Lent| push::withdraw(&mut tx, project, device, places, now_ms, app.ids()).await;
    app.store().write(work).await?;
    failpoint("withdrawn");
    Ok(())
}

/// What a device holds that an answer need not tell, beside the dictionary that the phones of its project pack with.
fn holds(app: &App, directory: &Directory, dictionaries: Option<Vec<u32>>, begun: Option<Partial>) -> Holds {
    let current = app.dictionaries().current(&directory.forms);
    Holds { dictionaries: dictionaries.unwrap_or_default().into_iter().collect(), begun, current }
}

/// What the store knows of frames before they are looked into.
struct Known {
    /// Those that were taken before.
    taken: Proofs,
    /// The dictionaries that they need.
    dictionaries: BTreeMap<u32, Arc<[u8]>>,
}

impl Known {
    async fn of(
        app: &App,
        tx: &mut Tx,
        directory: &Directory,
        sender: Option<DeviceId>,
        frames: &[Vec<u8>],
    ) -> Result<Self, StoreError> {
        let (project, forms) = (directory.project.id, &directory.forms);
        let taken = push::taken(tx, project, sender, frames).await?;
        let mut dictionaries = BTreeMap::new();
        for number in push::frames::dictionaries(frames) {
            let found = app.dictionaries().find(tx, (project, forms), number).await?;
            dictionaries.extend(found.map(|bytes| (number, bytes)));
        }
        Ok(Self { taken, dictionaries })
    }
}

/// The first batch of a request, with what was known when it had been read.
struct First<'a> {
    hello: &'a Hello,
    /// Whether its frames may be taken.
    takes: bool,
    batch: Batch,
    known: Known,
    directory: Arc<Directory>,
}

/// What became of the frames of a request.
struct Pushed {
    receipts: Receipted,
    /// As it was when the last of them had been read.
    directory: Arc<Directory>,
    /// Whether what was read with the hello still goes with the receipts: nothing was written, nothing looked up later.
    stands: bool,
}

/// Has the frames of a request written as they arrive; where they may not be taken they are only read. A request that is
/// cut keeps what arrived of it.
async fn push(
    app: &App,
    authed: &AuthedDevice,
    intake: &mut Intake,
    answer: &mut Answer,
    First { hello, takes, mut batch, mut known, mut directory }: First<'_>,
) -> Result<Pushed, ApiError> {
    let (mut receipts, mut stands) = (Receipted::new(), true);
    if let Some(places) = hello.withdraws.as_deref().filter(|_| takes) {
        withdraw(app, directory.project.id, authed.device, places).await?;
    }
    loop {
        let frames = if takes { std::mem::take(&mut batch.frames) } else { Vec::new() };
        let arrival = arrival(app, &directory, Some(authed.device), frames, known);
        let writing = app.commits().commit(app, directory.project.id, arrival);
        let written = match batch.then {
            Following::End => {
                failpoint("body-read");
                answer.alive(writing).await?
            }
            Following::More | Following::Cut(_) => writing.await?,
        };
        receipts.extend(written.receipts);
        stands &= !written.wrote;
        match std::mem::take(&mut batch).then {
            Following::End => return Ok(Pushed { receipts, directory, stands }),
            Following::Cut(error) => return Err(error),
            Following::More => {}
        }
        batch = opened(app, authed, intake.batch().await?).await?;
        let mut tx = app.store().read().await?;
        (directory, known) = look_again(app, &mut tx, authed, &batch.frames).await?;
        stands = false;
        let committed =
            proofs::highest(&mut tx, directory.project.id, authed.device, hello.incarnation).await?;
        tx.rollback().await?;
        if takes && committed > hello.packed {
            // A copy of the device was here meanwhile. What was taken has its receipts; the device asks again and is
            // told to take another incarnation.
            return Err(ApiError::later(ProblemCode::Unavailable, 1));
        }
    }
}

/// A batch with its sealed frames opened, as far as they open: by the keys that there are now, for a device may know a key
/// that is younger than what this process has in memory.
async fn opened(app: &App, authed: &AuthedDevice, mut batch: Batch) -> Result<Batch, ApiError> {
    if batch.frames.iter().any(|payload| push::sealed::is_sealed(payload)) {
        let mut tx = app.store().read().await?;
        let directory = app.directories().get(&mut tx, authed.directory.project.id).await?;
        tx.rollback().await?;
        let directory = directory.ok_or(ApiError::new(ProblemCode::NotFound))?;
        batch.frames = app.commits().open(&directory, batch.frames).await?;
    }
    Ok(batch)
}

fn arrival(
    app: &App,
    directory: &Directory,
    sender: Option<DeviceId>,
    frames: Vec<Vec<u8>>,
    Known { taken, dictionaries }: Known,
) -> Arrival {
    let (authors, sealing) =
        (Authors::of(directory, push::frames::authors(&frames)), directory.sealing.clone());
    Arrival { sender, authors, frames, taken, dictionaries, sealing, received_ms: app.now_ms() }
}

/// Takes frames that came by file, as if a carrier had brought them.
pub async fn take_frames(
    app: &App,
    project: ProjectId,
    frames: Vec<Vec<u8>>,
) -> Result<(Receipted, Arc<Directory>), ApiError> {
    let mut tx = app.store().read().await?;
    let directory = app.directories().get(&mut tx, project).await?;
    tx.rollback().await?;
    let directory = directory.ok_or(ApiError::new(ProblemCode::NotFound))?;
    let frames = app.commits().open(&directory, frames).await?;
    let mut tx = app.store().read().await?;
    let known = Known::of(app, &mut tx, &directory, None, &frames).await?;
    tx.rollback().await?;
    let arrival = arrival(app, &directory, None, frames, known);
    Ok((app.commits().commit(app, project, arrival).await?.receipts, directory))
}

/// The directory as it is now, and what is known of these frames. A body may take long to arrive, and the
/// device may have been revoked meanwhile.
async fn look_again(
    app: &App,
    tx: &mut Tx,
    authed: &AuthedDevice,
    frames: &[Vec<u8>],
) -> Result<(Arc<Directory>, Known), ApiError> {
    let directory = app.directories().get(tx, authed.directory.project.id).await?;
    let directory = directory.ok_or(ApiError::new(ProblemCode::NotFound))?;
    let known = Known::of(app, tx, &directory, Some(authed.device), frames).await?;
    match directory.devices.get(&authed.device) {
        Some(member) if !member.revoked => Ok((directory, known)),
        _ => Err(ApiError::new(ProblemCode::DeviceRevoked)),
    }
}

/// The same for the first frames, and the transaction that read it, in which the hello is judged: by then this process has
/// a life in the project's log.
async fn look_first(
    app: &App,
    authed: &AuthedDevice,
    answer: &mut Answer,
    batch: &Batch,
) -> Result<(Tx, Arc<Directory>, Known), ApiError> {
    let mut tx = app.store().read().await?;
    let (mut directory, mut known) = look_again(app, &mut tx, authed, &batch.frames).await?;
    if app.lives().standing(&directory.project).is_none() {
        tx.rollback().await?;
        let beginning = lives::begin(app, directory.project.id);
        match batch.then {
            Following::End => answer.alive(beginning).await?,
            Following::More | Following::Cut(_) => beginning.await?,
        }
        tx = app.store().read().await?;
        (directory, known) = look_again(app, &mut tx, authed, &batch.frames).await?;
    }
    Ok((tx, directory, known))
}

/// Whether the device has a receipt or a cursor beyond this log's end. Then the server was restored from a backup. If more
/// were taken now, the device could not know any more what of its own is gone.
fn is_beyond(committed: u64, heads: &BTreeMap<Feed, u64>, hello: &Hello) -> bool {
    let counts = hello.log.is_some() || hello.life.is_some();
    let beyond = |cursor: &Cursor| cursor.position > head(heads, cursor.feed);
    // A device may have a receipt before anything was proven to it: its first answer was cut.
    committed < hello.receipted || (counts && hello.cursors.iter().any(beyond))
}
