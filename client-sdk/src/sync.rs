//! Runs a sync: sends what the engine asks for, and feeds it the answer as it arrives.

use std::sync::Arc;

use fieldmerge_engine::{Effect, Input, Request, SyncOptions, SyncReport, Transfer};
use reqwest::Response;
use tokio::sync::Mutex;

use crate::core::Core;
use crate::error::Error;
use crate::transfer;
use crate::transport::{Answer, Transport, next_piece};
use crate::upload::Progress;

/// What the engine wants next.
#[derive(Default)]
struct Wanted {
    send: Option<Request>,
    transfer: Option<Transfer>,
    cancelled: bool,
    report: Option<SyncReport>,
}

/// Runs a sync to its end. The engine is locked only while it computes and stores, never while the link is waited for.
pub(crate) async fn run(
    core: &Arc<Mutex<Core>>,
    transport: &Transport,
    options: SyncOptions,
) -> Result<SyncReport, Error> {
    let address = match core.lock().await.engine.status().enrolment {
        Some(enrolment) => enrolment.address,
        None => return Err(Error::Engine(fieldmerge_engine::Failure::NotEnrolled)),
    };
    let files = core.lock().await.files.clone();
    let mut wanted = feed(core, Input::Sync(options)).await?;
    loop {
        if let Some(report) = wanted.report {
            core.lock().await.forget_log().await;
            return Ok(report);
        }
        if let Some(asked) = wanted.transfer {
            let transfer = asked.id;
            let done = transfer::perform(&files, transport, &address, asked).await?;
            if let Some((bytes, millis, answered)) = done.sent {
                feed(core, Input::Uploaded { request: transfer, bytes, millis, answered }).await?;
            }
            wanted = feed(core, Input::Transferred { transfer, result: done.result }).await?;
            continue;
        }
        let request = wanted.send.ok_or(Error::NoOutcome)?;
        let id = request.id;
        let progress = Progress::begin();
        let sent = transport.send(&address, request, &progress).await;
        let (bytes, millis) = progress.so_far();
        let answered = matches!(sent, Ok(Answer::Body(_) | Answer::Refused(_)));
        feed(core, Input::Uploaded { request: id, bytes, millis, answered }).await?;
        wanted = match sent {
            Ok(Answer::Body(response)) => read(core, id, response).await?,
            Ok(Answer::Silence) => feed(core, Input::Cut { request: id, reached: true }).await?,
            Ok(Answer::Refused(refused)) => feed(core, Input::Refused { request: id, refused }).await?,
            Err(Error::Link(error)) => {
                let reached = !error.is_connect();
                feed(core, Input::Cut { request: id, reached }).await?
            }
            Err(error) => {
                feed(core, Input::Cut { request: id, reached: false }).await?;
                return Err(error);
            }
        };
    }
}

/// Feeds the answer piece by piece.
async fn read(core: &Arc<Mutex<Core>>, request: u64, mut response: Response) -> Result<Wanted, Error> {
    loop {
        let (input, last) = match next_piece(&mut response).await {
            Ok(Some(bytes)) => (Input::Received { request, bytes }, false),
            Ok(None) => (Input::Ended { request }, true),
            Err(_) => (Input::Cut { request, reached: true }, true),
        };
        let wanted = feed(core, input).await?;
        if last
            || wanted.cancelled
            || wanted.send.is_some()
            || wanted.transfer.is_some()
            || wanted.report.is_some()
        {
            return Ok(wanted);
        }
    }
}

/// Gives the engine an input in a task of its own: a caller that gives up must not leave it waiting for its store.
async fn feed(core: &Arc<Mutex<Core>>, input: Input) -> Result<Wanted, Error> {
    let core = Arc::clone(core);
    let driven = tokio::spawn(async move { core.lock().await.drive(input).await });
    let mut wanted = Wanted::default();
    for effect in driven.await.map_err(|_| Error::NoOutcome)? {
        match effect {
            Effect::Send(request) => wanted.send = Some(request),
            Effect::Transfer(transfer) => wanted.transfer = Some(transfer),
            Effect::Cancel { .. } => wanted.cancelled = true,
            Effect::SyncEnded(report) => wanted.report = Some(report),
            _ => {}
        }
    }
    Ok(wanted)
}
