//! The frame in which an answer was cut: what arrived of it is kept, so that the next answer brings the rest alone.

use std::sync::Arc;

use fieldmerge_protocol::limits::MAX_PART_BYTES;
use fieldmerge_protocol::sync::{self, FeedFrame, Partial, tag};

use super::answer::{AfterAnswer, Reading};
use super::ending::malformed;
use super::unproven::Piece;
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
    /// Keeps what has arrived of a frame that cannot be merged yet, if it is enough; says whether it did.
    pub(crate) fn keep_unfinished(&mut self) -> bool {
        let kept =
            self.answer.kept.as_ref().map_or(0, |kept| usize::try_from(kept.bytes).unwrap_or_default());
        let least = if self.answer.is_over() { MIN_BYTES } else { MIN_UNDER_WAY_BYTES.max(2 * kept) };
        let Some(bytes) = self.unfinished(least).filter(|bytes| bytes.len() <= MAX_PART_BYTES) else {
            return false;
        };
        let Some(name) = Partial::of(&bytes).filter(|name| Some(name) != self.answer.kept.as_ref()) else {
            return false;
        };
        if name.to <= self.stage.cursor(name.feed) || self.answer.blocked.contains(&name.feed) {
            return false;
        }
        self.answer.kept = Some(name);
        self.stage.set_partial(Some(bytes.into()));
        true
    }

    /// The most that arrived of a frame, if it is no less than so many bytes: of the one under way, or of one that came
    /// whole and waits for its proof.
    fn unfinished(&self, least: usize) -> Option<Vec<u8>> {
        let under_way = match (self.answer.reader.unfinished(), &self.answer.begun) {
            (Some((tag::FEED_FRAME, payload)), _) => Some((&[][..], payload)),
            (Some((tag::FEED_REST, payload)), Some(begun)) => Some((&begun.bytes[..], payload)),
            _ => None,
        };
        let unproven = self.answer.unproven.iter().filter_map(|piece| match piece {
            Piece::Frame(frame) => Some((frame.body.as_ref()?.bytes.len(), frame)),
            Piece::Form(_) | Piece::Findings(_) => None,
        });
        let largest = unproven.max_by_key(|(bytes, _)| *bytes);
        match (under_way, largest) {
            (Some((begun, payload)), largest)
                if largest.is_none_or(|(bytes, _)| bytes <= begun.len() + payload.len()) =>
            {
                (begun.len() + payload.len() >= least).then(|| [begun, payload].concat())
            }
            (_, Some((bytes, frame))) if bytes >= least => Some(sync::encode(frame)),
            _ => None,
        }
    }

    /// The rest of the frame that the request named. The whole is read as any frame is.
    pub(crate) fn feed_rest(&mut self, rest: &[u8]) -> AfterAnswer {
        let Some(begun) = self.answer.begun.take() else { return malformed() };
        match sync::decode::<FeedFrame>(&[&begun.bytes, rest].concat()) {
            Ok(frame) => self.arrived(frame),
            Err(_) => malformed(),
        }
    }
}
