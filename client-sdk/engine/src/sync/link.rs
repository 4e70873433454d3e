//! What the link has been giving, and how much is sent at a time because of it.

use fieldmerge_protocol::limits::MAX_REQUEST_BYTES;

use super::pack::MAX_FRAME_BYTES;

/// The most bytes of a frame while nothing is known of the link.
const FIRST_FRAME_BYTES: usize = 32 << 10;
/// A smaller frame costs more by its head than a cut does.
pub(crate) const MIN_FRAME_BYTES: usize = 4 << 10;
/// The most bytes of a request while nothing is known of the link: half a minute of a poor one.
const FIRST_ROOM: usize = 128 << 10;
/// A request is never made smaller than this by a bad link.
const MIN_ROOM: usize = 16 << 10;
/// How long the link may take for a request, and for a frame: a cut costs half a frame, and a proxy that passes on whole
/// requests only makes it half a request.
const REQUEST_SECONDS: u64 = 15;
const FRAME_SECONDS: u64 = 4;
/// A smaller body tells of delays, not of the link.
const MIN_MEASURED_BYTES: u64 = 4 << 10;

/// What the link has been giving since the engine was opened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Link {
    /// The most bytes of the next request, however fast the link is.
    room: usize,
    /// Bytes a second on the way up, if any were measured.
    rate: Option<u64>,
    /// Whether the server was reached since the room was last made smaller.
    pub(crate) tried: bool,
}

impl Default for Link {
    fn default() -> Self {
        Self { room: FIRST_ROOM, rate: None, tried: false }
    }
}

impl Link {
    /// The most bytes of the next request.
    pub(crate) fn room(self) -> usize {
        self.of_seconds(REQUEST_SECONDS)
            .unwrap_or(usize::MAX)
            .min(self.room)
            .clamp(MIN_ROOM, MAX_REQUEST_BYTES)
    }

    /// The most bytes of the next frame.
    pub(crate) fn frame_bytes(self) -> usize {
        let most = self.of_seconds(FRAME_SECONDS).unwrap_or(FIRST_FRAME_BYTES);
        most.clamp(MIN_FRAME_BYTES, MAX_FRAME_BYTES).min(self.room() / 2)
    }

    fn of_seconds(self, seconds: u64) -> Option<usize> {
        self.rate.map(|rate| usize::try_from(rate.saturating_mul(seconds)).unwrap_or(usize::MAX))
    }

    /// The link took so many bytes in so long. Where no answer came, they may have got stuck on the way, and the link
    /// is at most so fast.
    pub(crate) fn measured(&mut self, bytes: u64, millis: u64, answered: bool) {
        if bytes < MIN_MEASURED_BYTES {
            return;
        }
        let seen = bytes.saturating_mul(1_000) / millis.max(1);
        self.rate = Some(match self.rate {
            Some(rate) if answered => u64::midpoint(rate, seen),
            Some(rate) => rate.min(seen),
            None => seen,
        });
    }

    /// Less at a time from now on; says whether there was anything to take off.
    pub(crate) fn shrink(&mut self) -> bool {
        let before = self.room();
        self.tried = false;
        self.room = (before / 2).max(MIN_ROOM);
        before > MIN_ROOM
    }

    /// Frames came through.
    pub(crate) fn grow(&mut self) {
        self.room = (self.room * 2).min(MAX_REQUEST_BYTES);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_good_link_soon_takes_the_most_at_a_time() {
        let mut link = Link::default();
        assert_eq!((link.room(), link.frame_bytes()), (128 << 10, 32 << 10));
        link.measured(100_000, 200, true);
        link.grow();
        link.grow();
        link.grow();
        assert_eq!((link.room(), link.frame_bytes()), (1 << 20, 64 << 10));
    }

    #[test]
    fn a_request_takes_fifteen_seconds_and_a_frame_four() {
        let mut link = Link::default();
        link.measured(60_000, 12_000, true);
        assert_eq!((link.room(), link.frame_bytes()), (75_000, 20_000));
        // One slow request does not count for all.
        link.measured(10_000, 10_000, true);
        assert_eq!((link.room(), link.frame_bytes()), (45_000, 12_000));
        link.measured(3_000, 60_000, true);
        assert_eq!(link.room(), 45_000, "few bytes tell nothing");
    }

    #[test]
    fn a_cut_makes_less_and_never_more() {
        let mut link = Link::default();
        link.measured(100_000, 20_000, false);
        assert_eq!(link.room(), 75_000, "at most so fast");
        link.measured(100_000, 1_000, false);
        assert_eq!(link.room(), 75_000);
        assert!(link.shrink());
        assert_eq!(link.room(), 37_500);
        while link.shrink() {}
        assert_eq!((link.room(), link.frame_bytes()), (MIN_ROOM, MIN_ROOM / 2));
    }

    proptest! {
        #[test]
        fn whatever_happens_the_sizes_keep_their_bounds(
            events in proptest::collection::vec((0_u8..4, any::<u64>(), any::<u64>()), 0..40)
        ) {
            let mut link = Link::default();
            for (kind, bytes, millis) in events {
                match kind {
                    0 => link.measured(bytes, millis, true),
                    1 => link.measured(bytes % 2_000_000, millis % 100_000, false),
                    2 => _ = link.shrink(),
                    _ => link.grow(),
                }
                prop_assert!((MIN_ROOM..=MAX_REQUEST_BYTES).contains(&link.room()));
                prop_assert!((MIN_FRAME_BYTES..=MAX_FRAME_BYTES).contains(&link.frame_bytes()));
                prop_assert!(2 * link.frame_bytes() <= link.room());
            }
        }
    }
}
