//! Reads the body of a sync while it arrives: `Hello`, frames, `End`.

use std::time::Duration;

use axum::body::{Body, Bytes};
use fieldmerge_protocol::DeviceId;
use fieldmerge_protocol::bundle::{BundleError, Part, PartReader};
use fieldmerge_protocol::limits::{
    MAX_CURSORS, MAX_DICTIONARIES, MAX_PART_BYTES, MAX_REQUEST_FRAMES, MAX_UNSETTLED, MAX_UNUSED,
};
use fieldmerge_protocol::problem::ProblemCode;
use fieldmerge_protocol::sync::{self, Hello, tag};
use http_body_util::BodyExt;
use tokio::time::{Instant, timeout_at};

use crate::http::ApiError;
use crate::state::App;
use crate::sync::room::Room;

/// Whole frames are handed on when they are so many bytes, or have waited so long for the next one.
const BATCH_BYTES: usize = 256 << 10;
const BATCH_WAIT: Duration = Duration::from_secs(1);
/// A body that brings less than this in the time of silence is given up.
const PROGRESS_BYTES: usize = 1 << 10;

/// Why a body is not a sync request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The bundle does not parse.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The parts are not those of a request, in their order.
    #[error("{0}")]
    Parts(&'static str),
}

impl RequestError {
    fn code(&self) -> ProblemCode {
        match self {
            Self::Bundle(BundleError::UnknownVersion { .. }) => ProblemCode::UnsupportedVersion,
            _ => ProblemCode::MalformedBundle,
        }
    }
}

impl From<RequestError> for ApiError {
    fn from(error: RequestError) -> Self {
        Self::new(error.code()).because(error)
    }
}

/// Frames that arrived together.
#[derive(Debug, Default)]
pub struct Batch {
    /// The payloads of their parts, not yet looked into.
    pub frames: Vec<Vec<u8>>,
    /// What follows them.
    pub then: Following,
    /// Their share of memory.
    _room: Option<Room>,
}

/// What follows a batch.
#[derive(Debug, Default)]
pub enum Following {
    /// More of the body.
    #[default]
    More,
    /// The end of the request.
    End,
    /// Nothing: the link was cut, or has been silent for too long. What arrived whole before counts.
    Cut(ApiError),
}

/// A body on its way. What of it is in memory counts against the memory for bodies.
pub struct Intake {
    app: App,
    device: DeviceId,
    body: Body,
    reader: PartReader,
    room: Option<Room>,
    /// How many frames it has brought.
    frames: usize,
    /// Until when there has to be progress, and how many bytes of it there are.
    until: Instant,
    progress: usize,
    ended: bool,
}

impl Intake {
    /// A body of which nothing has been read yet.
    pub fn new(app: App, device: DeviceId, body: Body) -> Self {
        let until = Instant::now() + app.config().body_silence;
        let reader = PartReader::new(MAX_PART_BYTES);
        Self { app, device, body, reader, room: None, frames: 0, until, progress: 0, ended: false }
    }

    /// The first part: its bytes, which the answer's signature covers, and what it says.
    pub async fn hello(&mut self) -> Result<(Vec<u8>, Hello), ApiError> {
        let first = loop {
            match self.next_part()? {
                Some(part) => break part,
                None => self.read().await?,
            }
        };
        if first.tag != tag::HELLO {
            return Err(RequestError::Parts("the request does not begin with a hello").into());
        }
        let hello: Hello =
            sync::decode(&first.payload).map_err(|_| RequestError::Parts("the hello does not parse"))?;
        if hello.cursors.len() > MAX_CURSORS
            || hello.unsettled.as_ref().is_some_and(|asked| asked.len() > MAX_UNSETTLED)
            || hello.withdraws.as_ref().is_some_and(|places| places.len() > MAX_UNSETTLED)
            || hello.unused.as_ref().is_some_and(|unused| unused.len() > MAX_UNUSED)
            || hello.dictionaries.as_ref().is_some_and(|held| held.len() > MAX_DICTIONARIES)
        {
            return Err(RequestError::Parts("the hello names too many feeds, frames or dictionaries").into());
        }
        Ok((first.payload, hello))
    }

    /// The next frames. An error means that the body is no request; then nothing of this batch counts.
    pub async fn batch(&mut self) -> Result<Batch, ApiError> {
        // While the last batch was written nobody read.
        (self.progress, self.until) = (0, Instant::now() + self.app.config().body_silence);
        let mut frames = Vec::new();
        let (mut bytes, mut waits_until) = (0, None);
        let then = loop {
            match self.next_part()? {
                Some(Part { tag: tag::END, .. }) => break Following::End,
                Some(Part { tag: tag::FRAME | tag::SEALED_FRAME, payload }) => {
                    self.frames += 1;
                    if self.frames > MAX_REQUEST_FRAMES {
                        return Err(RequestError::Parts("the request holds too many frames").into());
                    }
                    bytes += payload.len();
                    frames.push(payload);
                    let until = *waits_until.get_or_insert_with(|| Instant::now() + BATCH_WAIT);
                    if bytes >= BATCH_BYTES || Instant::now() >= until {
                        break Following::More;
                    }
                }
                Some(_) => {}
                None => {
                    let read = match waits_until {
                        None => self.read().await,
                        Some(until) => match timeout_at(until, self.read()).await {
                            Ok(read) => read,
                            Err(_) => break Following::More,
                        },
                    };
                    match read {
                        Ok(()) => {}
                        Err(error) if self.ended => break Following::Cut(error),
                        Err(error) => return Err(error),
                    }
                }
            }
        };
        let mut room = self.room.take();
        self.room = room.as_mut().and_then(|room| room.split(self.reader.buffered()));
        Ok(Batch { frames, then, _room: room })
    }

    /// Reads what is left and forgets it, so that whoever sends it listens to the answer.
    pub async fn drain(mut self) {
        drop((self.room.take(), std::mem::replace(&mut self.reader, PartReader::new(0))));
        while !self.ended && self.chunk().await.is_ok_and(|chunk| chunk.is_some()) {}
    }

    fn next_part(&mut self) -> Result<Option<Part>, ApiError> {
        Ok(self.reader.next_part().map_err(RequestError::from)?)
    }

    /// Reads on.
    async fn read(&mut self) -> Result<(), ApiError> {
        let Some(bytes) = self.chunk().await? else {
            return Err(RequestError::Parts("the request has no end; it was cut").into());
        };
        let room = self.app.reserve_body(self.device, bytes.len())?;
        match &mut self.room {
            Some(held) => held.merge(room),
            None => self.room = Some(room),
        }
        self.reader.feed(&bytes);
        Ok(())
    }

    /// The next bytes; nothing at the end of the body.
    async fn chunk(&mut self) -> Result<Option<Bytes>, ApiError> {
        let silence = self.app.config().body_silence;
        loop {
            let Ok(frame) = timeout_at(self.until, self.body.frame()).await else {
                self.ended = true;
                return Err(ApiError::new(ProblemCode::RequestTimeout));
            };
            let Some(frame) = frame else { return Ok(None) };
            let frame = frame.map_err(|_| {
                self.ended = true;
                ApiError::new(ProblemCode::InvalidRequest).detail("the body was cut")
            })?;
            let Ok(bytes) = frame.into_data() else { continue };
            self.progress += bytes.len();
            if self.progress >= PROGRESS_BYTES {
                (self.progress, self.until) = (0, Instant::now() + silence);
            }
            self.app.metrics().sync.received_bytes.inc_by(bytes.len() as u64);
            return Ok(Some(bytes));
        }
    }
}
