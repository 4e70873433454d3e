//! Performs what the engine asks for an attachment: one HTTP request each.

use fieldmerge_engine::{Transfer, TransferJob, Transferred};
use fieldmerge_protocol::api::{PIECE_MEDIA_TYPE, UPLOAD_LENGTH, UPLOAD_OFFSET};
use fieldmerge_protocol::limits::MAX_ATTACHMENT_BYTES;
use reqwest::{Body, Method, RequestBuilder, Response, StatusCode, header};
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

use crate::attachments::Files;
use crate::error::Error;
use crate::transport::{Transport, next_piece, refusal};
use crate::upload::{Progress, Upload};

/// What came of it.
pub(crate) struct Done {
    pub(crate) result: Transferred,
    /// For bytes that were sent: how many, in how many milliseconds, and whether the server answered.
    pub(crate) sent: Option<(u64, u64, bool)>,
}

impl From<Transferred> for Done {
    fn from(result: Transferred) -> Self {
        Self { result, sent: None }
    }
}

/// Sends the request and reads its answer. A link that fails is an outcome; an error is one of the device's disk.
pub(crate) async fn perform(
    files: &Files,
    transport: &Transport,
    address: &str,
    transfer: Transfer,
) -> Result<Done, Error> {
    let Transfer { project, hash, authorization, job, .. } = transfer;
    let path = format!("v1/projects/{project}/attachments/{hash}");
    let begin = |method| -> Result<RequestBuilder, Error> {
        Ok(transport.request(method, address, &path)?.header(header::AUTHORIZATION, &authorization))
    };
    match job {
        TransferJob::Ask => Ok(match transport.answer(begin(Method::HEAD)?, &Progress::begin()).await {
            Ok(answer) => offset(answer).await,
            Err(cut) => cut,
        }
        .into()),
        TransferJob::Send { offset: from, bytes, length } => {
            let Some(body) = files.read(hash, from, bytes).await else { return Ok(Transferred::Lost.into()) };
            let progress = Progress::begin();
            let request = begin(Method::PATCH)?
                .header(header::CONTENT_TYPE, PIECE_MEDIA_TYPE)
                .header(UPLOAD_OFFSET, from)
                .header(UPLOAD_LENGTH, length)
                .body(Body::wrap(Upload::new(body, progress.clone())));
            let answered = transport.answer(request, &progress).await;
            let (bytes, millis) = progress.so_far();
            let sent = Some((bytes, millis, answered.is_ok()));
            let result = match answered {
                Ok(answer) => offset(answer).await,
                Err(cut) => cut,
            };
            Ok(Done { result, sent })
        }
        TransferJob::Fetch { most } => {
            let (file, held) = files.begun(hash).await?;
            let last = held.saturating_add(most.saturating_sub(1));
            let request = begin(Method::GET)?.header(header::RANGE, format!("bytes={held}-{last}"));
            Ok(match transport.answer(request, &Progress::begin()).await {
                Ok(answer) => Fetch { files, hash, file, held, most }.take(answer).await?,
                Err(cut) => cut,
            }
            .into())
        }
    }
}

/// The byte that the server wants next.
async fn offset(answer: Response) -> Transferred {
    if !answer.status().is_success() {
        return Transferred::Refused(refusal(answer).await);
    }
    let stated = answer.headers().get(UPLOAD_OFFSET).and_then(|value| value.to_str().ok()?.parse().ok());
    match stated {
        Some(offset) => Transferred::Offset(offset),
        // Not the answer of a Fieldmerge server.
        None => Transferred::Cut { bytes: 0, reached: false },
    }
}

/// An attachment that is being fetched.
struct Fetch<'a> {
    files: &'a Files,
    hash: fieldmerge_protocol::AttachmentHash,
    file: File,
    /// How many bytes were here before.
    held: u64,
    /// How many may come now.
    most: u64,
}

impl Fetch<'_> {
    async fn take(mut self, mut answer: Response) -> Result<Transferred, Error> {
        match answer.status() {
            StatusCode::PARTIAL_CONTENT => {}
            StatusCode::RANGE_NOT_SATISFIABLE => {
                self.files.drop_begun(self.hash).await;
                return Ok(Transferred::Refused(refusal(answer).await));
            }
            _ if answer.status().is_success() => return Ok(Transferred::Cut { bytes: 0, reached: false }),
            _ => return Ok(Transferred::Refused(refusal(answer).await)),
        }
        let Some((from, length)) = content_range(&answer) else {
            return Ok(Transferred::Cut { bytes: 0, reached: false });
        };
        if from != self.held || length > MAX_ATTACHMENT_BYTES || self.held > length {
            self.files.drop_begun(self.hash).await;
            return Ok(Transferred::Damaged);
        }
        let io = |cause| Error::Io { path: self.files.whole(self.hash), cause };
        let (mut bytes, mut cut) = (0, false);
        let room = self.most.min(length - self.held);
        while bytes < room {
            let Ok(Some(piece)) = next_piece(&mut answer).await else {
                cut = true;
                break;
            };
            let left = usize::try_from(room - bytes).unwrap_or(usize::MAX);
            let piece = &piece[..piece.len().min(left)];
            self.file.write_all(piece).await.map_err(io)?;
            bytes += piece.len() as u64;
        }
        self.file.flush().await.map_err(io)?;
        self.file.sync_all().await.map_err(io)?;
        if self.held + bytes < length {
            let length = Some(length);
            let cut_off = Transferred::Cut { bytes, reached: true };
            return Ok(if cut { cut_off } else { Transferred::Fetched { bytes, whole: false, length } });
        }
        let whole = self.files.finish(self.hash).await?;
        let fetched = Transferred::Fetched { bytes, whole, length: Some(length) };
        Ok(if whole { fetched } else { Transferred::Damaged })
    }
}

/// The first byte of an answer, and how many there are in all.
fn content_range(answer: &Response) -> Option<(u64, u64)> {
    let stated = answer.headers().get(header::CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes ")?;
    let (range, length) = stated.split_once('/')?;
    let (first, _) = range.split_once('-')?;
    Some((first.parse().ok()?, length.parse().ok()?))
}
