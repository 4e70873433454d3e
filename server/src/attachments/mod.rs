//! Attachments: files, mostly photos, that records name by the SHA-256 of their bytes.
//!
//! A device brings one in chunks. A chunk is a row of the database, so it is durable when it is acknowledged, and no
//! object is made before all are there; then the object is written and its hash compared, and at last one transaction
//! says that the attachment is stored and drops the chunks. Whatever dies in between, the next request goes on from the
//! chunks. Uploads are a device's own: nobody learns by asking what others have brought.

pub mod expire;
pub mod objects;
pub mod references;
pub mod sweep;

use axum::body::Body;
use bytes::Bytes;
use fieldmerge_model::access;
use fieldmerge_protocol::limits::{
    MAX_ATTACHMENT_BYTES, MAX_ATTACHMENT_BYTES_A_DAY, MAX_UNFINISHED_ATTACHMENT_BYTES,
    MAX_UNFINISHED_ATTACHMENTS, UNFINISHED_ATTACHMENT_SECONDS,
};
use fieldmerge_protocol::problem::ProblemCode;
use fieldmerge_protocol::{AttachmentHash, DeviceId, ProjectId, RecordClass};
use fieldmerge_store::attachments::{self, Stored, Upload};
use fieldmerge_store::{StoreError, Tx};
use futures_util::stream::BoxStream;
use http_body_util::BodyExt;
use sha2::{Digest, Sha256};

use crate::auth::AuthedDevice;
use crate::failpoint::failpoint;
use crate::http::ApiError;
use crate::state::App;

use objects::ObjectError;

const DAY_MS: i64 = 86_400_000;
/// How long a device that has brought too much waits.
const LATER_SECONDS: u32 = 3_600;

/// How far an upload has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The next byte that is wanted.
    pub offset: u64,
    /// How many bytes there are in all, if the server knows.
    pub length: Option<u64>,
}

impl From<Stored> for Progress {
    fn from(stored: Stored) -> Self {
        Self { offset: stored.byte_count, length: Some(stored.byte_count) }
    }
}

impl From<ObjectError> for ApiError {
    fn from(error: ObjectError) -> Self {
        Self::later(ProblemCode::Unavailable, 5).because(error)
    }
}

/// Whether the device may write records of any class anywhere: then it may bring attachments.
fn may_bring(device: &AuthedDevice) -> bool {
    let grants = device.directory.grants_of(device.device);
    let writes = |role| RecordClass::ALL.iter().any(|class| access::access(role, *class).writes());
    grants.iter().any(|grant| writes(grant.role))
}

/// Whether the device may read a record that refers to the attachment.
async fn may_read(tx: &mut Tx, device: &AuthedDevice, hash: AttachmentHash) -> Result<bool, StoreError> {
    let project = &device.directory.project;
    let grants = device.directory.grants_of(device.device);
    let feeds = attachments::referring_feeds(tx, project.id, hash).await?;
    Ok(feeds.iter().any(|feed| access::may_read(grants, project.root_area, feed.area, feed.class)))
}

/// How far an attachment has come, as far as this device may know: all of it, if it may read a record that refers to it;
/// else what it has brought itself.
pub async fn progress(app: &App, device: &AuthedDevice, hash: AttachmentHash) -> Result<Progress, ApiError> {
    let project = device.directory.project.id;
    let mut tx = app.store().read().await?;
    let known = if may_read(&mut tx, device, hash).await? {
        attachments::find(&mut tx, project, hash).await?
    } else {
        None
    };
    let upload = attachments::upload(&mut tx, project, device.device, hash).await?;
    tx.rollback().await?;
    if let Some(stored) = known
        && app.objects().size(project, hash).await? == Some(stored.byte_count)
    {
        return Ok(stored.into());
    }
    match upload {
        None if !may_bring(device) => Err(ApiError::new(ProblemCode::NotFound)),
        None => Ok(Progress { offset: 0, length: None }),
        Some(upload) => settle(app, project, device.device, upload).await,
    }
}

/// Finishes an upload whose bytes are all here, and begins one anew whose object is gone.
async fn settle(
    app: &App,
    project: ProjectId,
    device: DeviceId,
    upload: Upload,
) -> Result<Progress, ApiError> {
    let Upload { hash, byte_count, received, finished_ms } = upload;
    let whole = Progress { offset: byte_count, length: Some(byte_count) };
    if finished_ms.is_some() {
        if app.objects().size(project, hash).await? == Some(byte_count) {
            return Ok(whole);
        }
        forget(app, project, device, hash).await?;
        return Ok(Progress { offset: 0, length: None });
    }
    if received < byte_count {
        return Ok(Progress { offset: received, length: Some(byte_count) });
    }
    match complete(app, project, device, hash, byte_count).await {
        Err(error) if error.code() == ProblemCode::AttachmentMismatch => {
            Ok(Progress { offset: 0, length: None })
        }
        done => done.map(|()| whole),
    }
}

/// A piece of an upload as a request states it.
#[derive(Debug, Clone, Copy)]
pub struct Piece {
    /// The attachment.
    pub hash: AttachmentHash,
    /// The first byte that the request brings.
    pub offset: u64,
    /// How many bytes the whole has.
    pub length: u64,
    /// How many of them the request brings.
    pub bytes: usize,
}

/// Takes a piece of an upload; what arrives before the link breaks counts. Gives the next byte that is wanted.
pub async fn append(app: &App, device: AuthedDevice, piece: Piece, body: Body) -> Result<Progress, ApiError> {
    let Piece { hash, offset, length, bytes } = piece;
    if !may_bring(&device) {
        return Err(ApiError::new(ProblemCode::Forbidden).detail("the device writes no records"));
    }
    if length > MAX_ATTACHMENT_BYTES {
        let detail = format!("an attachment has at most {MAX_ATTACHMENT_BYTES} bytes");
        return Err(ApiError::new(ProblemCode::PayloadTooLarge).detail(detail));
    }
    if bytes == 0 || offset.checked_add(bytes as u64).is_none_or(|end| end > length) {
        let detail = "the piece is empty, or does not lie within the upload";
        return Err(ApiError::new(ProblemCode::InvalidRequest).detail(detail));
    }
    let _room = app.reserve_body(device.device, bytes)?;
    let (body, cut) = read(body, bytes).await;
    let project = device.directory.project.id;
    // Of a body that was cut at once there is nothing to keep.
    if !body.is_empty() {
        let now_ms = app.now_ms();
        let body = &body;
        let stored = app
            .store()
            .write(async |mut tx| take(&mut tx, project, device.device, piece, body, now_ms).await);
        stored.await?;
        failpoint("chunk-stored");
    }
    let received = offset + body.len() as u64;
    if let Some(cut) = cut {
        return Err(cut);
    }
    if received == length {
        complete(app, project, device.device, hash, length).await?;
    }
    Ok(Progress { offset: received, length: Some(length) })
}

/// What arrives of a body, and why it ended early.
async fn read(mut body: Body, expected: usize) -> (Vec<u8>, Option<ApiError>) {
    let mut bytes = Vec::with_capacity(expected);
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => {
                let data = frame.into_data().unwrap_or_else(|_| Bytes::new());
                let left = expected - bytes.len();
                bytes.extend_from_slice(&data[..data.len().min(left)]);
            }
            Err(error) => return (bytes, Some(crate::http::extract::body_error(&error))),
        }
    }
    let short = bytes.len() < expected;
    let cut = short.then(|| ApiError::new(ProblemCode::InvalidRequest).detail("the body was cut"));
    (bytes, cut)
}

/// Writes a chunk, if the upload stands at its offset and the device may bring so much.
async fn take(
    tx: &mut Tx,
    project: ProjectId,
    device: DeviceId,
    piece: Piece,
    body: &[u8],
    now_ms: i64,
) -> Result<(), ApiError> {
    let Piece { hash, offset, length, .. } = piece;
    let since_ms = now_ms.saturating_sub(UNFINISHED_ATTACHMENT_SECONDS * 1_000);
    let usage = attachments::usage(tx, project, device, since_ms, now_ms.saturating_sub(DAY_MS)).await?;
    let mut too_much = usage.recent_bytes + body.len() as u64 > MAX_ATTACHMENT_BYTES_A_DAY;
    match attachments::upload(tx, project, device, hash).await? {
        None => {
            too_much |= usage.unfinished >= MAX_UNFINISHED_ATTACHMENTS
                || usage.unfinished_bytes + length > MAX_UNFINISHED_ATTACHMENT_BYTES;
        }
        Some(upload) if upload.byte_count != length => {
            let detail = "the upload was begun with another length";
            return Err(ApiError::new(ProblemCode::InvalidRequest).detail(detail));
        }
        Some(_) => {}
    }
    if too_much {
        return Err(ApiError::later(ProblemCode::TooManyRequests, LATER_SECONDS));
    }
    attachments::begin(tx, project, device, hash, length, now_ms).await?;
    if attachments::append(tx, project, device, hash, offset, body, now_ms).await? {
        return Ok(());
    }
    Err(ApiError::new(ProblemCode::OffsetMismatch))
}

/// Makes the object of an upload whose chunks are all here. Who does so at the same time writes the same bytes.
async fn complete(
    app: &App,
    project: ProjectId,
    device: DeviceId,
    hash: AttachmentHash,
    length: u64,
) -> Result<(), ApiError> {
    let _place = app.reserve_assembly().await;
    let mut object = app.objects().write(project, hash)?;
    let (mut digest, mut at) = (Sha256::new(), 0);
    while at < length {
        let mut tx = app.store().read().await?;
        let chunk = attachments::chunk(&mut tx, project, device, hash, at).await?;
        let upload = attachments::upload(&mut tx, project, device, hash).await?;
        tx.rollback().await?;
        let Some(chunk) = chunk else {
            object.abandon().await?;
            // Another request of the device has finished it meanwhile, or found that it is not what it should be.
            let finished = upload.is_some_and(|upload| upload.finished_ms.is_some());
            return if finished { Ok(()) } else { Err(ApiError::new(ProblemCode::OffsetMismatch)) };
        };
        at += chunk.len() as u64;
        digest.update(&chunk);
        object.put(chunk).await?;
    }
    if digest.finalize().as_slice() != hash.0 {
        object.abandon().await?;
        refuse(app, project, device, hash, length).await?;
        return Err(ApiError::new(ProblemCode::AttachmentMismatch));
    }
    object.finish().await?;
    failpoint("object-stored");
    let now_ms = app.now_ms();
    let finish = async |mut tx: fieldmerge_store::Lent| {
        attachments::finish(&mut tx, project, device, hash, length, now_ms).await
    };
    app.store().write(finish).await?;
    failpoint("attachment-stored");
    Ok(())
}

/// Forgets an attachment whose object is gone, and that the device has brought it.
async fn forget(
    app: &App,
    project: ProjectId,
    device: DeviceId,
    hash: AttachmentHash,
) -> Result<(), StoreError> {
    let work = async |mut tx: fieldmerge_store::Lent| {
        attachments::remove(&mut tx, project, hash).await?;
        attachments::remove_upload(&mut tx, project, device, hash).await?;
        Ok::<(), StoreError>(())
    };
    app.store().write(work).await
}

/// Forgets an upload that does not have its hash. The device is charged for its bytes once, however many requests find
/// that out.
async fn refuse(
    app: &App,
    project: ProjectId,
    device: DeviceId,
    hash: AttachmentHash,
    length: u64,
) -> Result<(), StoreError> {
    let now_ms = app.now_ms();
    let work = async |mut tx: fieldmerge_store::Lent| {
        if attachments::remove_upload(&mut tx, project, device, hash).await? {
            let recent_ms = now_ms.saturating_sub(DAY_MS);
            attachments::waste(&mut tx, project, device, length, now_ms, recent_ms).await?;
        }
        Ok::<(), StoreError>(())
    };
    app.store().write(work).await
}

/// How many bytes an attachment has that the device may read; `not-found` if it may not, or it is not here.
pub async fn readable(app: &App, device: &AuthedDevice, hash: AttachmentHash) -> Result<u64, ApiError> {
    let mut tx = app.store().read().await?;
    let may = may_read(&mut tx, device, hash).await?;
    let stored = attachments::find(&mut tx, device.directory.project.id, hash).await?;
    tx.rollback().await?;
    let stored = stored.filter(|_| may).ok_or_else(|| ApiError::new(ProblemCode::NotFound))?;
    Ok(stored.byte_count)
}

/// Some bytes of an attachment, which must not be empty, as they come.
pub async fn content(
    app: &App,
    project: ProjectId,
    hash: AttachmentHash,
    range: std::ops::Range<u64>,
) -> Result<BoxStream<'static, object_store::Result<Bytes>>, ApiError> {
    let found = app.objects().read(project, hash, range).await?;
    found.ok_or_else(|| ApiError::new(ProblemCode::NotFound))
}
