//! One sync: takes what a device brings, then streams what it lacks.

pub mod commit;
pub mod judgement;
pub mod pull;
pub mod push;
mod request;
pub mod roster;
mod writer;

use std::collections::BTreeMap;

use axum::body::{Body, Bytes};
use ed25519_dalek::VerifyingKey;
use fieldmerge_model::access;
use fieldmerge_protocol::limits::DEFAULT_ANSWER_BYTES;
use fieldmerge_protocol::sync::{Cursor, Feed, Hello, Telemetry, Welcome};
use fieldmerge_protocol::{AreaId, ProjectId};
use fieldmerge_store::projects::Project;
use fieldmerge_store::{StoreError, devices, feeds, projects, proofs};

use self::pull::Pull;
use self::push::{Arrival, Authors, receipts_again};
use self::request::Request;
use self::writer::Answer;
use crate::auth::AuthedDevice;
use crate::failpoint::failpoint;
use crate::http::ApiError;
use crate::keys::ServerSigner;
use crate::state::App;

/// Answers the body of a sync request by the body of its answer. What the device brought is durable, and its receipts
/// stand in the answer, before the first byte of the answer is sent.
pub async fn answer(app: &App, authed: AuthedDevice, body: Bytes) -> Result<Body, ApiError> {
    let request = Request::parse(&body).map_err(|error| ApiError::new(error.code()).because(error))?;
    drop(body);
    failpoint("request-parsed");
    let AuthedDevice { project, device } = authed;
    let hello = &request.hello;

    let mut tx = app.store().read().await?;
    let signer = ServerSigner::load(&mut tx, project.id).await.map_err(ApiError::internal)?;
    let committed = proofs::highest(&mut tx, project.id, device.id, hello.incarnation).await?;
    let lost = has_lost(&mut tx, &project, committed, hello).await?;
    let authors = authors(&mut tx, project.id, &device, &request.frames).await?;
    let taken = push::taken(&mut tx, project.id, device.id, &request.frames).await?;
    tx.rollback().await?;

    let stale = committed > hello.packed;
    let arrival = Arrival {
        sender: device.id,
        authors,
        frames: if stale || lost { Vec::new() } else { request.frames },
        taken,
        received_ms: app.now_ms(),
        telemetry: hello.telemetry.as_ref().map(telemetry_json),
    };
    let mut receipts = app.commits().commit(app, project.id, arrival).await?;

    let mut tx = app.store().read().await?;
    receipts.extend(
        receipts_again(&mut tx, project.id, device.id, hello.unsettled.as_deref().unwrap_or_default())
            .await?,
    );
    let project = projects::find(&mut tx, project.id).await?.unwrap_or(project);
    let roster = if hello.roster == project.roster_version {
        None
    } else {
        Some(roster::of_device(&mut tx, project.id, device.id, project.roster_version).await?)
    };
    let grants = roster::grants_of(&mut tx, project.id, device.id).await?;
    let heads = feed_heads(&mut tx, project.id).await?;
    let areas: Vec<AreaId> =
        projects::list_areas(&mut tx, project.id).await?.into_iter().map(|area| area.id).collect();
    tx.rollback().await?;

    let welcome = Welcome {
        log: project.log_id,
        now_ms: app.now_ms(),
        committed,
        stale,
        roster,
        lost: lost.then_some(true),
    };
    let readable = access::readable(&grants, project.root_area, &areas);
    let mut feeds = cursors(hello, project.log_id, readable);
    // Most feeds have nothing new: they are not even looked into.
    feeds.retain(|cursor| cursor.position < head(&heads, cursor.feed));
    let pull = Pull {
        project: project.id,
        feeds,
        budget_bytes: hello.budget_bytes.unwrap_or(DEFAULT_ANSWER_BYTES),
        own: (!hello.recover.unwrap_or(false)).then_some((device.id, hello.incarnation)),
    };
    let mut answer = Answer::new(project.id, signer, request.hello_bytes);
    answer.begin(&welcome, receipts);
    Ok(answer.stream(app.clone(), pull))
}

/// Whether the device knows more than this server holds, which was restored from a backup: it knows another log, or, if
/// nobody gave the server a new one, has a receipt or a cursor beyond this one's end. If more were taken now, the device
/// could not know any more what of its own is gone.
async fn has_lost(
    tx: &mut fieldmerge_store::Tx,
    project: &Project,
    committed: u64,
    hello: &Hello,
) -> Result<bool, StoreError> {
    let Some(log) = hello.log else { return Ok(false) };
    if log != project.log_id || committed < hello.receipted {
        return Ok(true);
    }
    let heads = feed_heads(tx, project.id).await?;
    Ok(hello.cursors.iter().any(|cursor| cursor.position > head(&heads, cursor.feed)))
}

async fn feed_heads(
    tx: &mut fieldmerge_store::Tx,
    project: ProjectId,
) -> Result<BTreeMap<Feed, u64>, StoreError> {
    Ok(feeds::list(tx, project).await?.into_iter().map(|head| (head.feed, head.head)).collect())
}

fn head(heads: &BTreeMap<Feed, u64>, feed: Feed) -> u64 {
    heads.get(&feed).copied().unwrap_or_default()
}

/// The authors that the frames name, as far as they are devices of the project.
async fn authors(
    tx: &mut fieldmerge_store::Tx,
    project: ProjectId,
    sender: &devices::Device,
    frames: &[Vec<u8>],
) -> Result<Authors, StoreError> {
    let mut authors = Authors::default();
    for author in push::frames::authors(frames) {
        // The sender was looked up for its token; only a carrier brings frames of others.
        let found = if author == sender.id {
            Some(sender.clone())
        } else {
            devices::find(tx, project, author).await?
        };
        match found {
            Some(found) if found.revoked_ms.is_some() => _ = authors.revoked.insert(author),
            Some(found) => {
                if let Ok(key) = VerifyingKey::from_bytes(&found.public_key) {
                    authors.keys.insert(author, key);
                }
            }
            None => {}
        }
    }
    Ok(authors)
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
fn cursors(
    hello: &Hello,
    log: fieldmerge_protocol::LogId,
    feeds: Vec<(AreaId, fieldmerge_protocol::RecordClass)>,
) -> Vec<Cursor> {
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
