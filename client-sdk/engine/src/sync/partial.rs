//! The frame in which an answer was cut: what arrived of it is kept, so that the next answer brings the rest alone.

use std::sync::Arc;

use fieldmerge_protocol::limits::MAX_PART_BYTES;
use fieldmerge_protocol::sync::{self, FeedFrame, Partial, tag};

use super::answer::{AfterAnswer, Reading, malformed};
use crate::Failure;
use crate::memory::Memory;

/// Less than this is not worth naming in the next request.
const MIN_BYTES: usize = 1 << 10;
/// From so many bytes on it is kept while the link still holds, and again whenever it has doubled: a phone that is
/// switched off loses at most half, and flash is written at most twice.
const MIN_UNDER_WAY_BYTES: usize = 32 << 10;

/// A frame's beginning that a request offers, and its name.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) name: Partial,
    bytes: Arc<[u8]>,
}

impl Begun {
    /// What the device holds of a frame that it still lacks.
    pub(crate) fn of(memory: &Memory) -> Option<Self> {
        let bytes = memory.partial.clone()?;
        let name = Partial::of(&bytes)?;
        let cursor = memory.cursors.get(&name.feed).copied().unwrap_or_default();
        (name.to > cursor).then_some(Self { name, bytes })
    }
}

impl Reading<'_, '_, '_> {
    /// Keeps what has arrived of the frame under way, if it is enough; says whether it did.
    pub(crate) fn keep_unfinished(&mut self) -> bool {
        let Some((tag, payload)) = self.answer.reader.unfinished() else { return false };
        let begun: &[u8] = match (tag, &self.answer.begun) {
            (tag::FEED_FRAME, _) => &[],
            (tag::FEED_REST, Some(begun)) => &begun.bytes,
            _ => return false,
        };
        let least =
            if self.answer.is_over() { MIN_BYTES } else { MIN_UNDER_WAY_BYTES.max(2 * self.answer.kept) };
        let length = begun.len() + payload.len();
        if length < least || length == self.answer.kept || length > MAX_PART_BYTES {
            return false;
        }
        let bytes = [begun, payload].concat();
        let Some(name) = Partial::of(&bytes) else { return false };
        if name.to <= self.stage.cursor(name.feed) || self.answer.blocked.contains(&name.feed) {
            return false;
        }
        self.answer.kept = length;
        self.stage.set_partial(Some(bytes.into()));
        true
    }

    /// The rest of the frame that the request named. The whole is read as any frame is.
    pub(crate) fn feed_rest(&mut self, rest: &[u8]) -> Result<AfterAnswer, Failure> {
        let Some(begun) = self.answer.begun.take() else { return Ok(malformed()) };
        self.answer.kept = 0;
        self.stage.set_partial(None);
        match sync::decode::<FeedFrame>(&[&begun.bytes, rest].concat()) {
            Ok(frame) => self.feed_frame(frame).map(|()| AfterAnswer::ReadOn),
            Err(_) => Ok(malformed()),
        }
    }

    /// A frame came whole: what was kept of it is needed no more, and what was offered is of no use if the server has
    /// another frame in its place.
    pub(crate) fn whole_frame(&mut self, frame: &FeedFrame) {
        let passed = |begun: &Begun| begun.name.feed == frame.feed && begun.name.from < frame.to;
        let passed = self.answer.begun.as_ref().is_some_and(passed);
        if self.answer.kept > 0 || passed {
            self.answer.kept = 0;
            self.stage.set_partial(None);
        }
        if passed {
            self.answer.begun = None;
        }
    }
}
