//! The stored segments of a server, read from their beginning: everything else must follow from them.

use std::collections::{BTreeMap, BTreeSet};

use ed25519_dalek::VerifyingKey;
use fieldmerge_model::log;
use fieldmerge_model::record::{Provenance, Verdict};
use fieldmerge_protocol::bundle::{
    Compression, PackedChange, Proof, Resolved, causal_order, changes_digest, decode_body, inflate, resolve,
};
use fieldmerge_protocol::sync::{self, Feed, FrameReceipt, FrameStatus};
use fieldmerge_protocol::{Actor, Change, ChangeHash, ProjectId, RecordId};
use fieldmerge_store::segments::{SegmentHead, Source};
use fieldmerge_store::{Tx, devices, dictionaries, feeds, proofs, segments};

use super::replica::State;

/// The entries of one change of a log: position, number of the change, bytes.
pub type LogChange = (u64, u64, Vec<Vec<u8>>);

/// A frame in a feed: device, incarnation, number.
type FrameKey = (Feed, [u8; 10], [u8; 4], u64);

/// What the segments say.
#[derive(Debug, Default)]
pub struct Replay {
    /// Every record, merged anew.
    pub states: BTreeMap<RecordId, State>,
    /// The feed that each record was found in.
    pub feeds: BTreeMap<RecordId, Feed>,
    /// The position of each record's last change.
    pub positions: BTreeMap<RecordId, u64>,
    /// The entries of each log's changes: position, number of the change, bytes.
    pub entries: BTreeMap<RecordId, Vec<LogChange>>,
    /// The last position of each feed.
    pub heads: BTreeMap<Feed, u64>,
    seen: BTreeSet<(RecordId, Actor, u64)>,
    by_source: BTreeMap<FrameKey, (Source, Vec<ChangeHash>)>,
}

impl Replay {
    /// Reads all feeds of a project. Panics where a position is skipped or given twice, or a change stands twice or
    /// does not fit what stands before it. The states that are `stored` tell in which frame each change came.
    pub async fn read(tx: &mut Tx, project: ProjectId, stored: &BTreeMap<RecordId, State>) -> Self {
        let mut replay = Self::default();
        for feed in feeds::list(tx, project).await.expect("the feeds can be read") {
            let mut position = 0;
            loop {
                let page = segments::after(tx, project, feed.feed, position, 4 << 20, None).await;
                let page = page.expect("the segments can be read");
                for (head, body) in &page.segments {
                    assert_eq!(head.from, position, "{:?}: a position was skipped or given twice", feed.feed);
                    assert_eq!(
                        head.to - head.from,
                        u64::from(head.count),
                        "{:?}: a count is wrong",
                        feed.feed
                    );
                    let number = head.dictionary;
                    let dictionary = dictionaries::find(tx, project, number).await.expect("it can be read");
                    assert_eq!(dictionary.is_some(), number != 0, "a dictionary is kept where it is needed");
                    let body = body.as_deref().expect("nobody's own segments were left out");
                    replay.segment(head, body, &dictionary.unwrap_or_default(), stored);
                    position = head.to;
                }
                if !page.more {
                    break;
                }
            }
            assert_eq!(position, feed.head, "{:?}: the feed counts further than its segments", feed.feed);
            replay.heads.insert(feed.feed, position);
        }
        replay.check_proofs(tx, project).await;
        replay
    }

    fn segment(
        &mut self,
        head: &SegmentHead,
        body: &[u8],
        dictionary: &[u8],
        stored: &BTreeMap<RecordId, State>,
    ) {
        let compression = Compression::from_number(head.compression).expect("a known compression");
        let raw = inflate(body, compression, dictionary, head.raw_bytes as usize, 8 << 20);
        let raw = raw.expect("a segment inflates");
        let packed = decode_body(&raw).expect("a segment decodes");
        assert_eq!(packed.len(), head.count as usize, "a segment holds what its head says");
        let order: Vec<u32> = causal_order(&packed);
        let resolved = self.resolve(packed);
        for index in order {
            let Resolved { record, change, hash, missing } = &resolved[index as usize];
            let hash = hash.unwrap_or_else(|| {
                panic!("a stored change depends on what does not stand before it: {missing:?}")
            });
            let known = stored.get(record).and_then(|state| state.provenance(change.actor, change.seq));
            let known = known.unwrap_or_else(|| panic!("{record} does not know how its change came"));
            let (device, incarnation, frame) = (change.actor.device(), known.incarnation, known.frame);
            let source = Source { device, incarnation, frame };
            if let Some(last) = head.source {
                let writers = [(last.device, last.incarnation), (device, incarnation)];
                assert_eq!(writers[0], writers[1], "a segment names another writer than its changes");
                assert!(frame <= last.frame, "a segment ends with a later frame than it says");
            }
            assert!(known.received_ms <= head.received_ms, "a segment was received later than it says");
            let key = (head.feed, device.0, incarnation.0, frame);
            self.by_source.entry(key).or_insert_with(|| (source, Vec::new())).1.push(hash);
            let provenance = Provenance { position: head.from + 1 + u64::from(index), ..known };
            self.change(head.feed, *record, change, hash, provenance);
        }
    }

    fn resolve(&self, packed: Vec<PackedChange>) -> Vec<Resolved> {
        resolve(packed, &mut |record, actor, seq| match self.states.get(&record)? {
            State::Record(state) => state.find(actor, seq),
            State::Log(log) => log.find(actor, seq),
        })
    }

    fn change(
        &mut self,
        feed: Feed,
        record: RecordId,
        change: &Change,
        hash: ChangeHash,
        provenance: Provenance,
    ) {
        assert!(
            self.seen.insert((record, change.actor, change.seq)),
            "a change stands in the log twice: {record}"
        );
        let of = *self.feeds.entry(record).or_insert(feed);
        assert_eq!(of, feed, "the changes of a record stand in one feed");
        let state = self.states.entry(record).or_insert_with(|| State::new(record, feed.class));
        let verdict = match state {
            State::Record(state) => state.accept(change, hash, provenance),
            State::Log(log) => log.accept(change, hash, provenance),
        };
        assert_eq!(verdict, Verdict::Applied, "a stored change joins its record: {record}");
        let last = self.positions.entry(record).or_default();
        *last = provenance.position.max(*last);
        if feed.class.is_log() {
            let entries = log::entries(change).map(|(_, bytes)| bytes.to_vec()).collect();
            self.entries.entry(record).or_default().push((provenance.position, change.seq, entries));
        }
    }

    /// Every segment leads to a proof that its author signed, and a frame that was taken whole is whole.
    async fn check_proofs(&self, tx: &mut Tx, project: ProjectId) {
        for (source, hashes) in self.by_source.values() {
            let proof = proofs::find(tx, project, *source).await.expect("a proof can be read");
            let proof =
                proof.unwrap_or_else(|| panic!("changes of {source:?} are stored without their proof"));
            let device = devices::find(tx, project, source.device).await.expect("a device can be read");
            let key = device.expect("an author is a device").public_key;
            let key = VerifyingKey::from_bytes(&key).expect("a device's key is a key");
            let (header, body_hash) = proof.header.split_at(proof.header.len() - 32);
            let signed = Proof {
                header: header.to_vec(),
                body_hash: body_hash.try_into().expect("32 bytes"),
                signature: proof.signature[..64].try_into().expect("64 bytes"),
                cosignatures: Vec::new(),
            };
            signed.verify(&key).expect("a stored proof verifies");
            let receipt: FrameReceipt = sync::decode(&proof.receipt).expect("a stored receipt reads");
            assert_eq!(receipt.status, FrameStatus::Accepted, "stored changes come from an accepted frame");
            if receipt.exceptions.is_empty() {
                assert_eq!(
                    changes_digest(hashes.iter().copied()),
                    proof.digest,
                    "a frame without exceptions is stored whole: {source:?}"
                );
            }
        }
    }
}
