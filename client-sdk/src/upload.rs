//! The body of a request on its way: how much of it has left, and since when nothing has.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, sleep_until};

/// A body is handed on in pieces of this size, so that it is seen how it moves.
const PIECE_BYTES: usize = 4 << 10;

/// How a request moves.
#[derive(Debug)]
pub(crate) struct Progress {
    begun: Instant,
    moved: Mutex<Instant>,
    bytes: AtomicU64,
}

impl Progress {
    /// A request that begins now.
    pub(crate) fn begin() -> Arc<Self> {
        let now = Instant::now();
        Arc::new(Self { begun: now, moved: Mutex::new(now), bytes: AtomicU64::new(0) })
    }

    /// Bytes of the body that were handed to the system, and milliseconds since the request began.
    pub(crate) fn so_far(&self) -> (u64, u64) {
        let millis = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        (self.bytes.load(Ordering::SeqCst), millis)
    }

    /// Ready when nothing has moved for so long.
    pub(crate) async fn silence(&self, time: Duration) {
        loop {
            let until = *self.moved() + time;
            if until <= Instant::now() {
                return;
            }
            sleep_until(until).await;
        }
    }

    fn passed(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::SeqCst);
        *self.moved() = Instant::now();
    }

    fn moved(&self) -> MutexGuard<'_, Instant> {
        self.moved.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A body of known length that tells how it moves.
#[derive(Debug)]
pub(crate) struct Upload {
    left: Bytes,
    progress: Arc<Progress>,
}

impl Upload {
    pub(crate) fn new(body: Vec<u8>, progress: Arc<Progress>) -> Self {
        Self { left: body.into(), progress }
    }
}

impl Body for Upload {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let this = self.get_mut();
        if this.left.is_empty() {
            return Poll::Ready(None);
        }
        let piece = this.left.split_to(this.left.len().min(PIECE_BYTES));
        this.progress.passed(piece.len());
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left.len() as u64)
    }
}
