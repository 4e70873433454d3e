//! Which neighbouring segments are worth being made one.

use std::ops::Range;

use fieldmerge_protocol::bundle::{MAX_CHANGES, MAX_RAW_BYTES};
use fieldmerge_store::segments::SegmentHead;

/// The most bytes of a body that compaction writes. A link that is cut should not lose more than this.
pub const MAX_BODY_BYTES: usize = 256 << 10;

/// The most segments that are replaced by one transaction, whoever pushes meanwhile waits for it.
const MAX_SEGMENTS: usize = 512;
/// The most bytes of bodies that are read to be made one.
const MAX_READ_BYTES: u64 = 4 * MAX_BODY_BYTES as u64;

/// When segments are worth being made one.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// Segments that the server received later stay as they are: a device that synced since then has its cursor behind
    /// them, and reads what follows as it stands.
    pub received_until_ms: i64,
    /// Segments are joined when the largest of them becomes at least so many times larger, or full. With 8 each change
    /// is written at most about five times, and few small segments stay.
    pub growth: u64,
}

/// What is to be done next in a stretch of a feed.
#[derive(Debug, PartialEq, Eq)]
pub struct Plan {
    /// The segments to be made one, if any are worth it.
    pub join: Option<Range<usize>>,
    /// So many segments in front will never be joined again.
    pub settled: usize,
}

/// Whether a segment is so large that it is not joined any more.
fn is_full(head: &SegmentHead) -> bool {
    head.count as usize > MAX_CHANGES / 2
        || head.raw_bytes as usize > MAX_RAW_BYTES / 2
        || head.body_bytes as usize > MAX_BODY_BYTES / 2
}

/// What some segments hold together.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    changes: u64,
    raw_bytes: u64,
    body_bytes: u64,
    largest: u64,
}

impl Sum {
    /// The sum with one more, unless that is too much for one segment.
    fn with(self, head: &SegmentHead) -> Option<Self> {
        let sum = Self {
            changes: self.changes + u64::from(head.count),
            raw_bytes: self.raw_bytes + u64::from(head.raw_bytes),
            body_bytes: self.body_bytes + u64::from(head.body_bytes),
            largest: self.largest.max(head.count.into()),
        };
        let fits = sum.changes <= MAX_CHANGES as u64
            && sum.raw_bytes <= MAX_RAW_BYTES as u64
            && sum.body_bytes <= MAX_READ_BYTES;
        fits.then_some(sum)
    }
}

impl Policy {
    /// The next step in neighbouring segments, those in front first. `is_known_full` tells of segments that were found
    /// to be full by what cannot be seen from outside.
    pub fn plan(&self, heads: &[SegmentHead], is_known_full: impl Fn(&SegmentHead) -> bool) -> Plan {
        let ripe = heads.iter().take_while(|head| head.received_ms <= self.received_until_ms).count();
        let full: Vec<bool> = heads[..ripe].iter().map(|head| is_full(head) || is_known_full(head)).collect();
        let settled = full.iter().take_while(|full| **full).count();
        let join = (settled..ripe).find_map(|first| self.join_from(&heads[..ripe], &full, first));
        Plan { join, settled }
    }

    /// The longest stretch from `first` on that fits into one segment, if it is worth it.
    fn join_from(&self, heads: &[SegmentHead], full: &[bool], first: usize) -> Option<Range<usize>> {
        let mut sum = Sum::default();
        let mut end = first;
        // Whether something stands behind it that will never be joined with it.
        let mut closed = false;
        while let (Some(head), Some(full)) = (heads.get(end), full.get(end)) {
            match sum.with(head) {
                Some(more) if !full && end - first < MAX_SEGMENTS => sum = more,
                _ => {
                    closed = !full;
                    break;
                }
            }
            end += 1;
        }
        let grows = sum.changes >= self.growth.saturating_mul(sum.largest);
        (end - first >= 2 && (closed || grows)).then_some(first..end)
    }
}

#[cfg(test)]
mod tests {
    use fieldmerge_protocol::sync::Feed;
    use fieldmerge_protocol::{AreaId, RecordClass};
    use proptest::prelude::*;

    use super::*;

    const NEVER: i64 = i64::MAX;

    fn head(from: u64, count: u32, received_ms: i64) -> SegmentHead {
        SegmentHead {
            feed: Feed { area: AreaId([1; 16]), class: RecordClass::Core },
            from,
            to: from + u64::from(count),
            count,
            source: None,
            received_ms,
            compression: 1,
            dictionary: 0,
            raw_bytes: 80 * count,
            body_bytes: 40 * count,
        }
    }

    fn heads(counts: &[u32]) -> Vec<SegmentHead> {
        let mut from = 0;
        let one = |count: &u32| {
            from += u64::from(*count);
            head(from - u64::from(*count), *count, 0)
        };
        counts.iter().map(one).collect()
    }

    fn plan(counts: &[u32], growth: u64) -> (Option<Range<usize>>, usize) {
        let plan = Policy { received_until_ms: NEVER, growth }.plan(&heads(counts), |_| false);
        (plan.join, plan.settled)
    }

    #[test]
    fn what_grows_enough_is_joined() {
        assert_eq!(plan(&[], 8), (None, 0));
        assert_eq!(plan(&[20], 1), (None, 0));
        assert_eq!(plan(&[20; 7], 8), (None, 0));
        assert_eq!(plan(&[20; 8], 8), (Some(0..8), 0));
        assert_eq!(plan(&[20; 2], 1), (Some(0..2), 0));
        // The large one in front waits until it is worth writing it again; the small ones behind it do not.
        assert_eq!(plan(&[1_200, 20, 20, 20, 20, 20, 20, 20, 20], 8), (Some(1..9), 0));
        assert_eq!(plan(&[1; 600], 8), (Some(0..512), 0));
    }

    #[test]
    fn what_fills_a_segment_is_joined() {
        assert_eq!(plan(&[1_500, 1_500, 1_500], 8), (Some(0..2), 0));
        assert_eq!(plan(&[3_000, 1_500, 1_500], 8), (None, 1));
        assert_eq!(plan(&[3_000, 1_500, 1_500, 1_500], 8), (Some(1..3), 1));
        // Nothing more can come between full ones, so what stands there is worth one more write only if it grows.
        assert_eq!(plan(&[3_000, 100, 50, 3_000], 8), (None, 1));
        assert_eq!(plan(&[3_000, 100, 50, 3_000], 1), (Some(1..3), 1));
    }

    #[test]
    fn what_was_received_lately_is_left_alone() {
        let mut heads = heads(&[20; 20]);
        for (hour, head) in (0..).zip(&mut heads) {
            head.received_ms = hour;
        }
        let at = |received_until_ms| Policy { received_until_ms, growth: 8 }.plan(&heads, |_| false).join;
        assert_eq!(at(6), None);
        assert_eq!(at(7), Some(0..8));
        assert_eq!(at(NEVER), Some(0..20));
    }

    #[test]
    fn what_is_known_to_be_full_is_not_touched() {
        let heads = heads(&[600, 600, 600, 600]);
        let policy = Policy { received_until_ms: NEVER, growth: 1 };
        let plan = policy.plan(&heads, |head| head.from == 0);
        assert_eq!(plan, Plan { join: Some(1..4), settled: 1 });
        let plan = policy.plan(&heads, |head| head.to <= 1_200 || head.to == 2_400);
        assert_eq!(plan, Plan { join: None, settled: 2 });
    }

    /// Joins until nothing is worth it, and counts the changes that were written.
    fn settle(heads: &mut Vec<SegmentHead>, policy: &Policy) -> u64 {
        let mut written = 0;
        while let Some(join) = policy.plan(heads, |_| false).join {
            let count = heads[join.clone()].iter().map(|head| head.count).sum();
            written += u64::from(count);
            let one = head(heads[join.start].from, count, 0);
            heads.splice(join, [one]);
        }
        written
    }

    proptest! {
        #[test]
        fn each_change_is_written_a_few_times_and_few_segments_stay(
            counts in prop::collection::vec(prop_oneof![1_u32..4, 15_u32..40, 1_u32..1_000], 1..1_500),
            at_a_time in 1_usize..40,
        ) {
            let policy = Policy { received_until_ms: NEVER, growth: 8 };
            let (mut stored, mut written) = (Vec::new(), 0);
            let all = heads(&counts);
            for arrived in all.chunks(at_a_time) {
                stored.extend_from_slice(arrived);
                written += settle(&mut stored, &policy);
            }
            let total: u64 = counts.iter().copied().map(u64::from).sum();
            prop_assert!(written <= 6 * total, "{written} of {total} written");
            let full = stored.iter().filter(|head| is_full(head)).count();
            let least = usize::try_from(total).expect("small") / (MAX_CHANGES / 2);
            prop_assert!(full <= least + 1 && stored.len() - full <= 4 * 8 * 2, "{} stay", stored.len());
            let mut at = 0;
            for head in &stored {
                prop_assert_eq!(head.from, at);
                at = head.to;
            }
            prop_assert_eq!(at, total);
        }

        #[test]
        fn asked_to_join_all_it_leaves_no_two_that_fit(counts in prop::collection::vec(1_u32..3_000, 1..300)) {
            let policy = Policy { received_until_ms: NEVER, growth: 1 };
            let mut stored = heads(&counts);
            settle(&mut stored, &policy);
            for pair in stored.windows(2) {
                prop_assert!(is_full(&pair[0]) || is_full(&pair[1]), "{pair:?}");
            }
        }
    }
}
