//! Several segments as one: pure, and checked before anybody relies on it.

use std::collections::{BTreeSet, HashMap};

use fieldmerge_protocol::ChangeHash;
use fieldmerge_protocol::bundle::{
    BundleError, Entry, MAX_CHANGES, MAX_FRAME_OPS, PackedChange, Resolved, compress, encode_body, resolve,
};
use fieldmerge_store::segments::{SegmentHead, Source, Whole};

use super::policy::MAX_BODY_BYTES;
use crate::stored::{ChangeName, Dictionaries, entry, named_shortly, unpack};

/// zstd level of bodies that compaction writes. Of 2,000 registrations level 9 makes 46.1 bytes each in 3 µs, 15 makes 42.5
/// in 17 µs, 19 makes 42.3 in 45 µs.
const LEVEL: i32 = 15;

/// Segments whose bodies were decoded.
#[derive(Debug, Default)]
pub struct Opened {
    segments: Vec<(SegmentHead, Vec<PackedChange>)>,
}

/// Why segments cannot be made one. Each names one of them by its last position: it stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum Unjoined {
    /// Together with the next one it is more than one segment may hold.
    #[error("the segment that ends at {0} is full")]
    Full(u64),
    /// It cannot be read.
    #[error("the segment that ends at {0} cannot be read")]
    Unreadable(u64, #[source] BundleError),
    /// It names changes that no record knows.
    #[error("the segment that ends at {0} names changes that are not known")]
    Unresolved(u64),
    /// Packing failed.
    #[error("the segment that ends at {0} cannot be packed")]
    Failed(u64),
    /// What was packed is not what was to be packed.
    #[error("the changes of the segment that ends at {0} do not come back as they were packed")]
    Changed(u64),
}

impl Unjoined {
    /// The last position of the segment that stays.
    pub fn to(&self) -> u64 {
        match self {
            Self::Full(to)
            | Self::Unreadable(to, _)
            | Self::Unresolved(to)
            | Self::Failed(to)
            | Self::Changed(to) => *to,
        }
    }
}

impl Opened {
    /// Decodes segments as far as one segment can hold them, and so no more than that is ever in memory.
    pub fn open(whole: Vec<Whole>, dictionaries: &Dictionaries) -> Result<Self, Unjoined> {
        let mut opened = Self::default();
        let (mut changes, mut operations) = (0, 0);
        for (head, body) in whole {
            let packed = match unpack(&head, &body, dictionaries) {
                Ok(packed) => packed,
                // What stands before it can be joined all the same.
                Err(_) if opened.segments.len() > 1 => break,
                Err(error) => return Err(Unjoined::Unreadable(head.to, error)),
            };
            changes += packed.len();
            operations += packed.iter().map(|packed| packed.change.ops.len()).sum::<usize>();
            if changes > MAX_CHANGES || operations > MAX_FRAME_OPS {
                break;
            }
            opened.segments.push((head, packed));
        }
        Ok(opened)
    }

    /// The changes that must be known by their hashes, and do not stand in these segments themselves.
    pub fn wanted(&self) -> BTreeSet<ChangeName> {
        let mut wanted: BTreeSet<ChangeName> =
            self.segments.iter().flat_map(|(_, packed)| named_shortly(packed)).collect();
        for PackedChange { record, change, .. } in self.segments.iter().flat_map(|(_, packed)| packed) {
            wanted.remove(&(*record, change.actor, change.seq));
        }
        wanted
    }

    /// The first segments as one, as many as may be. `known` holds what was wanted.
    pub fn join(self, mut known: HashMap<ChangeName, ChangeHash>) -> Result<Joined, Unjoined> {
        let mut heads = Vec::new();
        let mut changes: Vec<Resolved> = Vec::new();
        for (head, packed) in self.segments {
            let resolved =
                resolve(packed, &mut |record, actor, seq| known.get(&(record, actor, seq)).copied());
            for Resolved { record, change, hash, .. } in &resolved {
                let Some(hash) = hash else { return Err(Unjoined::Unresolved(head.to)) };
                known.insert((*record, change.actor, change.seq), *hash);
            }
            changes.extend(resolved);
            heads.push(head);
        }
        while heads.len() > 1 {
            if let Some(packed) = Pack::of(&changes) {
                return packed.checked(heads, &changes);
            }
            heads.truncate(heads.len().div_ceil(2));
            changes.truncate(heads.iter().map(|head| head.count as usize).sum());
        }
        Err(Unjoined::Full(heads.first().map_or(0, |head| head.to)))
    }
}

/// Segments as one.
#[derive(Debug)]
pub struct Joined {
    /// Those that it stands for.
    pub replaced: Vec<SegmentHead>,
    /// Itself.
    pub head: SegmentHead,
    /// Its body.
    pub body: Vec<u8>,
}

/// A body as it will be stored.
struct Pack {
    compression: u8,
    raw_bytes: u32,
    body: Vec<u8>,
}

impl Pack {
    /// The changes in one body, in the order of their positions, with whole hashes where a dependency does not stand in
    /// it; unless that is too much for one.
    fn of(changes: &[Resolved]) -> Option<Self> {
        let entries: Vec<Entry<'_>> = changes.iter().map(entry).collect::<Option<_>>()?;
        let raw = encode_body(&entries, &|_, _| None).ok()?;
        let (compression, body) = compress(&raw, LEVEL, &[]).ok()?;
        let raw_bytes = u32::try_from(raw.len()).ok()?;
        (body.len() <= MAX_BODY_BYTES).then(|| Self {
            compression: compression.number(),
            raw_bytes,
            body: body.into_owned(),
        })
    }

    /// Makes the segment and reads it back: what is replaced is gone afterwards.
    fn checked(self, replaced: Vec<SegmentHead>, changes: &[Resolved]) -> Result<Joined, Unjoined> {
        let Self { compression, raw_bytes, body } = self;
        let (first, last) = (&replaced[0], &replaced[replaced.len() - 1]);
        let head = SegmentHead {
            feed: first.feed,
            from: first.from,
            to: last.to,
            count: replaced.iter().map(|head| head.count).sum(),
            source: common_source(&replaced),
            received_ms: replaced.iter().map(|head| head.received_ms).max().unwrap_or_default(),
            compression,
            dictionary: 0,
            raw_bytes,
            body_bytes: u32::try_from(body.len()).unwrap_or(u32::MAX),
        };
        let tiled = replaced.windows(2).all(|pair| pair[0].to == pair[1].from);
        let same = unpack(&head, &body, &Dictionaries::new())
            .is_ok_and(|packed| resolve(packed, &mut |_, _, _| None) == changes);
        if tiled && same { Ok(Joined { replaced, head, body }) } else { Err(Unjoined::Changed(head.to)) }
    }
}

/// The frame with the highest number, if all are of one writer. It need not be the last: what was lost with a server
/// comes again later.
fn common_source(heads: &[SegmentHead]) -> Option<Source> {
    let sources: Vec<Source> = heads.iter().map(|head| head.source).collect::<Option<_>>()?;
    let writer = |source: &Source| (source.device, source.incarnation);
    let highest = sources.iter().max_by_key(|source| source.frame)?;
    sources.iter().all(|source| writer(source) == writer(highest)).then_some(*highest)
}

#[cfg(test)]
mod tests {
    use fieldmerge_model::record::{NewRecord, Provenance, RecordState, Save};
    use fieldmerge_protocol::sync::Feed;
    use fieldmerge_protocol::{
        Actor, AreaId, Change, DeviceId, Incarnation, Path, RecordClass, RecordId, Value,
    };

    use super::*;

    const INCARNATION: Incarnation = Incarnation([4; 4]);

    fn actor(device: u8) -> Actor {
        Actor::new(DeviceId([device; 10]), 0, INCARNATION)
    }

    /// A segment as a device pushed it: what `acknowledged` knows is named shortly.
    fn segment(
        from: u64,
        device: u8,
        changes: &[(RecordId, Change)],
        acknowledged: &[(ChangeHash, (Actor, u64))],
    ) -> Whole {
        let entries: Vec<Entry<'_>> = changes
            .iter()
            .map(|(record, change)| Entry { record: *record, change, hash: change.encode().1 })
            .collect();
        let known: HashMap<ChangeHash, (Actor, u64)> = acknowledged.iter().copied().collect();
        let raw = encode_body(&entries, &|_, hash| known.get(hash).copied()).expect("within the limits");
        let (compression, body) = compress(&raw, 3, &[]).expect("compresses");
        let head = SegmentHead {
            feed: Feed { area: AreaId([1; 16]), class: RecordClass::Core },
            from,
            to: from + changes.len() as u64,
            count: u32::try_from(changes.len()).expect("small"),
            source: Some(Source {
                device: DeviceId([device; 10]),
                incarnation: INCARNATION,
                frame: from + 1,
            }),
            received_ms: 1_000 - i64::try_from(from).expect("small"),
            compression: compression.number(),
            dictionary: 0,
            raw_bytes: u32::try_from(raw.len()).expect("small"),
            body_bytes: u32::try_from(body.len()).expect("small"),
        };
        (head, body.into_owned())
    }

    /// A record with so many answers, by one device.
    fn created(device: u8, id: u8, answers: usize) -> (RecordState, Change) {
        let id = RecordId([id; 16]);
        let answer = |n: usize| (Path::new(&format!("q{n}")).expect("a path"), Value::Int(1));
        let new = NewRecord {
            actor: actor(device),
            time: 5,
            id,
            record_type: "worker".into(),
            area: AreaId([1; 16]),
            subject: None,
            puts: (0..answers).map(answer).collect(),
        };
        let change = new.build().expect("a record can be made");
        let mut state = RecordState::new(id);
        state.accept(&change, change.encode().1, Provenance::default());
        (state, change)
    }

    fn edited(state: &mut RecordState, device: u8, value: i64) -> (RecordId, Change) {
        let puts = vec![(Path::new("q0").expect("a path"), Value::Int(value))];
        let save = Save { actor: actor(device), time: 6, puts, deletes: Vec::new() };
        let change = state.build(&save).expect("an edit can be made");
        state.accept(&change, change.encode().1, Provenance::default());
        (state.id(), change)
    }

    fn open(whole: Vec<Whole>) -> Result<Opened, Unjoined> {
        Opened::open(whole, &Dictionaries::new())
    }

    #[test]
    fn what_was_named_shortly_is_named_by_its_hash_or_place() {
        let (mut state, first) = created(1, 7, 3);
        let first = (state.id(), first);
        let hash = first.1.encode().1;
        let second = edited(&mut state, 2, 20);
        let third = edited(&mut state, 2, 21);
        let known = [(hash, (actor(1), 1)), (second.1.encode().1, (actor(2), 1))];
        let segments = [
            segment(0, 1, std::slice::from_ref(&first), &[]),
            segment(1, 2, std::slice::from_ref(&second), &known),
            segment(2, 2, std::slice::from_ref(&third), &known),
        ];
        let opened = open(segments.to_vec()).expect("they read");
        assert_eq!(opened.wanted(), BTreeSet::new(), "everything stands inside");
        let joined = opened.join(HashMap::new()).expect("they join");
        let heads: Vec<SegmentHead> = segments.iter().map(|(head, _)| head.clone()).collect();
        let Joined { head, replaced, body } = joined;
        assert_eq!(replaced, heads);
        assert_eq!((head.from, head.to, head.count, head.source), (0, 3, 3, None), "two writers");
        assert_eq!(head.received_ms, 1_000);
        let packed =
            resolve(unpack(&head, &body, &Dictionaries::new()).expect("it reads"), &mut |_, _, _| None);
        let changes: Vec<_> = packed.into_iter().map(|resolved| (resolved.record, resolved.change)).collect();
        assert_eq!(changes, [first, second, third]);

        let opened = open(segments[1..].to_vec()).expect("they read");
        let name = (RecordId([7; 16]), actor(1), 1);
        assert_eq!(opened.wanted(), BTreeSet::from([name]));
        let joined = opened.join(HashMap::from([(name, hash)])).expect("they join");
        assert_eq!(joined.head.source, segments[2].0.source, "the highest of one writer");
        let opened = open(segments[1..].to_vec()).expect("they read");
        assert!(matches!(opened.join(HashMap::new()), Err(Unjoined::Unresolved(2))));
    }

    #[test]
    fn no_more_operations_are_opened_than_a_segment_holds() {
        let changes: Vec<(RecordId, Change)> =
            (0..40).map(|id| (RecordId([id; 16]), created(1, id, 3_997).1)).collect();
        let one = |(from, change): (usize, &(RecordId, Change))| {
            segment(from as u64, 1, std::slice::from_ref(change), &[])
        };
        let opened = open(changes.iter().enumerate().map(one).collect()).expect("they read");
        let joined = opened.join(HashMap::new()).expect("they join");
        assert_eq!(joined.replaced.len(), MAX_FRAME_OPS / 4_000);
        let halves = vec![segment(0, 1, &changes[..20], &[]), segment(20, 1, &changes[20..], &[])];
        let opened = open(halves).expect("they read");
        assert!(matches!(opened.join(HashMap::new()), Err(Unjoined::Full(20))));
    }

    #[test]
    fn what_cannot_be_read_is_named_and_what_stands_before_it_is_joined() {
        let segments: Vec<Whole> = (0..4)
            .map(|id| segment(id.into(), 1, &[(RecordId([id; 16]), created(1, id, 3).1)], &[]))
            .collect();
        let damaged = |place: usize| {
            let mut damaged = segments.clone();
            damaged[place].1.fill(0xff);
            open(damaged)
        };
        assert!(matches!(damaged(0), Err(Unjoined::Unreadable(1, _))));
        assert!(matches!(damaged(1), Err(Unjoined::Unreadable(2, _))));
        let joined = damaged(2).expect("two read").join(HashMap::new()).expect("they join");
        assert_eq!(joined.replaced.len(), 2);
    }
}
