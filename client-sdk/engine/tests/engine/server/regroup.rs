//! Feed frames as a server with compacted segments may send them: any stretch, also from before the cursor, whoever wrote
//! the changes, and in any order.

use fieldmerge_protocol::bundle::{Entry, compress, encode_body};
use fieldmerge_protocol::sync::{Feed, FeedBody, FeedFrame};

use fieldmerge_protocol::{DeviceId, Incarnation};

use super::{Fed, Server};

/// The most changes of a frame that is grouped anew.
const MAX_CHANGES: usize = 12;

impl Server {
    /// The frames that bring what lies behind the cursor.
    pub(super) fn frames_of(
        &self,
        feed: Feed,
        changes: &[Fed],
        cursor: u64,
        own: Option<(DeviceId, Incarnation)>,
    ) -> Vec<FeedFrame> {
        match self.regroups {
            Some(seed) => frames(feed, changes, cursor, seed ^ self.requests as u64),
            None => self.feed_frames(feed, changes, cursor, own),
        }
    }
}

/// Frames that bring all changes behind the cursor; the seed draws where they begin and end, and their order.
fn frames(feed: Feed, changes: &[Fed], cursor: u64, seed: u64) -> Vec<FeedFrame> {
    let mut state = seed;
    let mut below = |bound: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).expect("31 bits") % bound.max(1)
    };
    let mut frames = Vec::new();
    let mut at = usize::try_from(cursor).expect("small").min(changes.len());
    while at < changes.len() {
        let from = at - below(at.min(MAX_CHANGES) + 1);
        let to = (at + 1 + below(MAX_CHANGES)).min(changes.len());
        let mut order: Vec<usize> = (from..to).collect();
        for place in 1..order.len() {
            order.swap(place, below(place + 1));
        }
        let entries: Vec<Entry<'_>> = order
            .iter()
            .map(|place| &changes[*place])
            .map(|fed| Entry { record: fed.record, change: &fed.change, hash: fed.hash })
            .collect();
        let raw = encode_body(&entries, &|_, _| None).expect("accepted changes can be packed");
        let (compression, bytes) = compress(&raw, 3, &[]).expect("compresses");
        let body = FeedBody {
            compression: compression.number(),
            dictionary: 0,
            raw_bytes: u32::try_from(raw.len()).expect("small"),
            count: u32::try_from(entries.len()).expect("small"),
            bytes: bytes.into_owned(),
        };
        frames.push(FeedFrame { feed, from: from as u64, to: to as u64, received_ms: 7, body: Some(body) });
        at = to;
    }
    frames
}
