//! Takes the frames of a push: checks them, merges them, writes everything that follows in one transaction.
//!
//! The steps, in the order that makes them safe: signatures and shapes outside the transaction; then, inside, the
//! authors are locked, frames seen before are answered from their proofs, records are locked by id and loaded, the
//! pure merge decides, feeds give positions, and only writes that carry positions follow. A receipt is given out
//! after the commit.

pub mod frames;
mod load;
pub mod merge;
mod rows;
mod write;

pub use rows::json;

use std::collections::{BTreeMap, BTreeSet};

use ed25519_dalek::VerifyingKey;
use fieldmerge_protocol::sync::{self, FrameReceipt, FrameRef, FrameStatus, short_digest};
use fieldmerge_protocol::{AreaId, DeviceId, ProjectId};
use fieldmerge_store::proofs::Proof;
use fieldmerge_store::segments::Source as StoredSource;
use fieldmerge_store::{StoreError, Tx, devices, proofs};

use self::frames::{Checked, Envelope};
use self::merge::{Incoming, Source};
use crate::failpoint::failpoint;
use crate::ids::Ids;

/// A push as it stands before the transaction.
pub struct Push<'a> {
    /// The project.
    pub project: ProjectId,
    /// Its root area.
    pub root: AreaId,
    /// Its areas, the root included.
    pub areas: &'a BTreeSet<AreaId>,
    /// Who sends the request: the author of its own frames, the carrier of the others.
    pub sender: DeviceId,
    /// The public keys of the authors.
    pub keys: &'a BTreeMap<DeviceId, VerifyingKey>,
    /// The payloads of the frames.
    pub frames: &'a [Vec<u8>],
    /// When the request was received.
    pub received_ms: i64,
    /// Where ids of quarantined items come from.
    pub ids: &'a Ids,
}

/// What a push did, for receipts and measures.
#[derive(Debug, Default)]
pub struct Pushed {
    /// One receipt for each frame that names an author, in the order of the request.
    pub receipts: Vec<(DeviceId, FrameReceipt)>,
    /// Changes that became part of their records.
    pub accepted: u64,
    /// Changes that wait.
    pub held: u64,
    /// Changes and frames in quarantine.
    pub quarantined: u64,
}

/// A frame on its way through the transaction.
struct Judged {
    source: Source,
    /// Absent until the frame is merged.
    receipt: Option<FrameReceipt>,
    /// What must be written, if the frame was not known before.
    fresh: Option<Box<Envelope>>,
}

impl Push<'_> {
    /// Checks every frame. Costs most of what a bad request can cost, and holds no lock.
    pub fn check(&self) -> Vec<Checked> {
        self.frames
            .iter()
            .enumerate()
            .map(|(index, payload)| frames::check(index, payload, self.project, self.keys, self.received_ms))
            .collect()
    }

    /// Merges and writes. Called again from its beginning when the database was busy.
    pub async fn run(&self, tx: &mut Tx, checked: Vec<Checked>) -> Result<Pushed, StoreError> {
        let mut authors: Vec<DeviceId> = self.keys.keys().copied().chain([self.sender]).collect();
        authors.sort_unstable();
        authors.dedup();
        devices::lock(tx, self.project, &authors).await?;
        failpoint("authors-locked");

        let known = load::proofs(tx, self.project, &checked).await?;
        let (good, mut plan) = Self::sort(checked, &known);
        let mut merge = load::merge(tx, self, &good).await?;
        failpoint("records-loaded");
        for (envelope, incoming) in good {
            let receipt = merge.frame(incoming);
            plan.merged(envelope, receipt);
        }
        failpoint("merged");
        write::all(tx, self, plan, merge).await
    }

    /// Answers what was seen before, and parts what can be merged from what cannot.
    fn sort(
        checked: Vec<Checked>,
        known: &BTreeMap<(DeviceId, FrameRef), Proof>,
    ) -> (Vec<(Box<Envelope>, Incoming)>, Plan) {
        let mut plan = Plan::default();
        let mut good = Vec::new();
        let mut seen: BTreeMap<(DeviceId, FrameRef), [u8; 32]> = BTreeMap::new();
        for (index, checked) in checked.into_iter().enumerate() {
            let (envelope, incoming) = match checked {
                Checked::Good(envelope, incoming) => (envelope, Ok(incoming)),
                Checked::Bad(envelope, code) => (envelope, Err(code)),
                Checked::Unproven(source, code) => {
                    plan.unproven(source, code, index);
                    continue;
                }
            };
            let source = envelope.source;
            let key = (source.device, source.frame);
            let before = known.get(&key);
            match before.map(|proof| proof.digest).or_else(|| seen.get(&key).copied()) {
                // The same frame twice in one request: the first one's receipt says all.
                Some(digest) if digest == envelope.digest => {
                    if let Some(proof) = before.filter(|_| seen.insert(key, digest).is_none()) {
                        plan.repeat(source, proof);
                    }
                }
                Some(_) => plan.unproven(Some((source, envelope.digest)), "forked", index),
                None => {
                    seen.insert(key, envelope.digest);
                    match incoming {
                        Ok(incoming) => {
                            plan.judged.push(Judged { source, receipt: None, fresh: None });
                            good.push((envelope, incoming));
                        }
                        Err(code) => plan.refuse(envelope, code),
                    }
                }
            }
        }
        (good, plan)
    }
}

/// The receipts of a push in the order of its frames, and the frames that go to quarantine whole.
#[derive(Default)]
struct Plan {
    judged: Vec<Judged>,
    quarantine: Vec<(Option<Source>, &'static str, usize)>,
}

impl Plan {
    /// Fills the place that was kept for a frame.
    fn merged(&mut self, envelope: Box<Envelope>, receipt: FrameReceipt) {
        let source = envelope.source;
        if receipt.status == FrameStatus::Quarantined {
            self.quarantine.push((Some(source), "digest-mismatch", envelope.index));
        }
        let place = self.judged.iter_mut().find(|judged| judged.receipt.is_none() && judged.source == source);
        let place = place.expect("every frame that is merged has its place kept");
        // An unresolved frame leaves no trace: its author sends the changes again in another one.
        place.fresh = (receipt.status != FrameStatus::Unresolved).then_some(envelope);
        place.receipt = Some(receipt);
    }

    /// Refuses a frame that its author did sign.
    fn refuse(&mut self, envelope: Box<Envelope>, code: &'static str) {
        let source = envelope.source;
        self.quarantine.push((Some(source), code, envelope.index));
        let receipt = Some(whole(source.frame, &envelope.digest, FrameStatus::Quarantined, code));
        self.judged.push(Judged { source, receipt, fresh: Some(envelope) });
    }

    /// Refuses a frame without spending a number.
    fn unproven(&mut self, source: Option<(Source, [u8; 32])>, code: &'static str, index: usize) {
        self.quarantine.push((source.map(|(source, _)| source), code, index));
        if let Some((source, digest)) = source {
            let status = if code == "forked" { FrameStatus::Forked } else { FrameStatus::Quarantined };
            let receipt = Some(whole(source.frame, &digest, status, code));
            self.judged.push(Judged { source, receipt, fresh: None });
        }
    }

    /// Gives the receipt that the frame got before.
    fn repeat(&mut self, source: Source, proof: &Proof) {
        let receipt = sync::decode(&proof.receipt).unwrap_or_else(|_| {
            whole(source.frame, &proof.digest, FrameStatus::Quarantined, "unreadable-receipt")
        });
        self.judged.push(Judged { source, receipt: Some(receipt), fresh: None });
    }
}

fn whole(frame: FrameRef, digest: &[u8; 32], status: FrameStatus, code: &str) -> FrameReceipt {
    let (code, digest) = (Some(code.to_owned()), short_digest(digest));
    FrameReceipt { frame, status, exceptions: Vec::new(), code, digest }
}

fn stored(source: &Source) -> StoredSource {
    StoredSource { device: source.device, incarnation: source.frame.incarnation, frame: source.frame.number }
}

/// The receipts, as they stand now, of frames that the device asks about again.
pub async fn receipts_again(
    tx: &mut Tx,
    project: ProjectId,
    device: DeviceId,
    asked: &[FrameRef],
) -> Result<Vec<(DeviceId, FrameReceipt)>, StoreError> {
    let mut receipts = Vec::new();
    for frame in asked {
        let source = StoredSource { device, incarnation: frame.incarnation, frame: frame.number };
        if let Some(proof) = proofs::find(tx, project, source).await?
            && let Ok(receipt) = sync::decode(&proof.receipt)
        {
            receipts.push((device, receipt));
        }
    }
    Ok(receipts)
}
