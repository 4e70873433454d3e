//! One sync: takes what a device brings, then streams what it lacks.

pub mod commit;
pub mod expire;
pub mod judgement;
pub mod pull;
pub mod push;
mod request;
pub mod roster;
pub mod seen;
pub mod tail;
mod writer;

use std::collections::{BTreeMap, BTreeSet};

use axum::body::{Body, Bytes};
use fieldmerge_model::access;
use fieldmerge_protocol::limits::DEFAULT_ANSWER_BYTES;
use fieldmerge_protocol::sync::{Cursor, Feed, Hello, Telemetry, Welcome};
use fieldmerge_protocol::{AreaId, LogId, ProjectId, RecordClass};
use fieldmerge_store::projects::Project;
use fieldmerge_store::{StoreError, Tx, feeds, proofs};

use self::commit::Committed;
use self::pull::Pull;
use self::push::{Arrival, Authors, receipts_again};
use self::request::Request;
use self::writer::Answer;
use crate::auth::AuthedDevice;
use crate::directory::Directory;
use crate::failpoint::failpoint;
use crate::http::ApiError;
use crate::state::App;

/// Answers the body of a sync request by the body of its answer. What the device brought is durable, and its receipts
/// stand in the answer, before the first byte of the answer is sent.
pub async fn answer(app: &App, authed: AuthedDevice, body: Bytes) -> Result<Body, ApiError> {
    let request = Request::parse(&body).map_err(|error| ApiError::new(error.code()).because(error))?;
    drop(body);
    failpoint("request-parsed");
    let AuthedDevice { directory, device } = authed;
    let (project, hello) = (&directory.project, &request.hello);
    let areas: Vec<AreaId> = directory.areas.iter().copied().collect();
    let readable = access::readable(directory.grants_of(device), project.root_area, &areas);
    let concerned = concerned(hello, &readable);

    let mut tx = app.store().read().await?;
    let committed = proofs::highest(&mut tx, project.id, device, hello.incarnation).await?;
    let mut heads = feed_heads(&mut tx, project.id, &concerned).await?;
    let taken = push::taken(&mut tx, project.id, device, &request.frames).await?;
    let mut dictionaries = BTreeMap::new();
    for number in push::frames::dictionaries(&request.frames) {
        let found = app.dictionaries().find(&mut tx, project.id, number).await?;
        dictionaries.extend(found.map(|bytes| (number, bytes)));
    }
    tx.rollback().await?;

    let stale = committed > hello.packed;
    let lost = has_lost(project, committed, &heads, hello);
    let received_ms = app.now_ms();
    app.seen().note(app, project.id, device, received_ms, hello.telemetry.as_ref().map(telemetry_json));
    let arrival = Arrival {
        sender: device,
        authors: authors(&directory, &request.frames),
        frames: if stale || lost { Vec::new() } else { request.frames },
        taken,
        dictionaries,
        received_ms,
    };
    let Committed { mut receipts, wrote } = app.commits().commit(app, project.id, arrival).await?;

    let asked = hello.unsettled.as_deref().unwrap_or_default();
    let is_behind = hello.roster != project.roster_version;
    let mut roster = None;
    if wrote || !asked.is_empty() || is_behind {
        let mut tx = app.store().read().await?;
        receipts.extend(receipts_again(&mut tx, project.id, device, asked).await?);
        heads = feed_heads(&mut tx, project.id, &concerned).await?;
        if is_behind {
            roster = Some(roster::of_device(&mut tx, &directory, device).await?);
        }
        tx.rollback().await?;
    }

    let welcome = Welcome {
        log: project.log_id,
        now_ms: app.now_ms(),
        committed,
        stale,
        roster,
        lost: lost.then_some(true),
    };
    let mut feeds = cursors(hello, project.log_id, readable);
    // Most feeds have nothing new: they are not even looked into.
    feeds.retain(|cursor| cursor.position < head(&heads, cursor.feed));
    let pull = Pull {
        project: project.id,
        feeds,
        budget_bytes: hello.budget_bytes.unwrap_or(DEFAULT_ANSWER_BYTES),
        own: (!hello.recover.unwrap_or(false)).then_some((device, hello.incarnation)),
    };
    let held = hello.dictionaries.clone().unwrap_or_default();
    let mut answer = Answer::new(project.id, directory.signer.clone(), request.hello_bytes, held);
    answer.begin(&welcome, receipts);
    Ok(answer.stream(app.clone(), pull))
}

/// The areas of the feeds that a request is about, sorted: those that the device may read, and those that it has read.
fn concerned(hello: &Hello, readable: &[(AreaId, RecordClass)]) -> Vec<AreaId> {
    let read = hello.cursors.iter().map(|cursor| cursor.feed.area);
    let areas: BTreeSet<AreaId> = readable.iter().map(|(area, _)| *area).chain(read).collect();
    areas.into_iter().collect()
}

/// Whether the device knows more than this server holds, which was restored from a backup: it knows another log, or, if
/// nobody gave the server a new one, has a receipt or a cursor beyond this one's end. If more were taken now, the device
/// could not know any more what of its own is gone.
fn has_lost(project: &Project, committed: u64, heads: &BTreeMap<Feed, u64>, hello: &Hello) -> bool {
    let Some(log) = hello.log else { return false };
    log != project.log_id
        || committed < hello.receipted
        || hello.cursors.iter().any(|cursor| cursor.position > head(heads, cursor.feed))
}

async fn feed_heads(
    tx: &mut Tx,
    project: ProjectId,
    areas: &[AreaId],
) -> Result<BTreeMap<Feed, u64>, StoreError> {
    let heads = feeds::of_areas(tx, project, areas).await?;
    Ok(heads.into_iter().map(|head| (head.feed, head.head)).collect())
}

fn head(heads: &BTreeMap<Feed, u64>, feed: Feed) -> u64 {
    heads.get(&feed).copied().unwrap_or_default()
}

/// The authors that the frames name, as far as they are devices of the project.
fn authors(directory: &Directory, frames: &[Vec<u8>]) -> Authors {
    let mut authors = Authors::default();
    for author in push::frames::authors(frames) {
        match directory.devices.get(&author) {
            Some(member) if member.revoked => _ = authors.revoked.insert(author),
            Some(member) => authors.keys.extend(member.key().map(|key| (author, key))),
            None => {}
        }
    }
    authors
}

fn telemetry_json(telemetry: &Telemetry) -> String {
    serde_json::json!({
        "outbox_changes": telemetry.outbox_changes,
        "oldest_unsent_ms": telemetry.oldest_unsent_ms,
        "free_bytes": telemetry.free_bytes,
        "battery_percent": telemetry.battery_percent,
        "app": telemetry.app.as_deref().map(|app| app.chars().take(64).collect::<String>()),
        "clock_offset_ms": telemetry.clock_offset_ms,
    })
    .to_string()
}

/// Where the device stands in each feed that it may read: at the beginning where it names none, or counts the
/// positions of another log.
fn cursors(hello: &Hello, log: LogId, feeds: Vec<(AreaId, RecordClass)>) -> Vec<Cursor> {
    let known: BTreeMap<Feed, u64> = if hello.log == Some(log) {
        hello.cursors.iter().map(|cursor| (cursor.feed, cursor.position)).collect()
    } else {
        BTreeMap::new()
    };
    feeds
        .into_iter()
        .map(|(area, class)| Feed { area, class })
        .map(|feed| Cursor { feed, position: known.get(&feed).copied().unwrap_or_default() })
        .collect()
}
