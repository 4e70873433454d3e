//! Takes the frames of a push: checks them, merges them, writes everything that follows in one transaction.
//!
//! The steps, in the order that makes them safe: signatures and shapes outside the transaction; then, inside, the
//! authors are locked, frames seen before are answered from their proofs, records are locked by id and loaded, the
//! pure merge decides, feeds give positions, and only writes that carry positions follow. A receipt is given out
//! after the commit.

mod aside;
pub mod frames;
mod load;
pub mod merge;
pub mod replay;
mod rows;
pub mod sealed;
mod write;

pub use aside::{expire_held, withdraw};
pub use load::{Proofs, taken};
pub use rows::json;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ed25519_dalek::VerifyingKey;
use fieldmerge_model::quarantine::QuarantineCode;
use fieldmerge_protocol::bundle::Frame;
use fieldmerge_protocol::sync::{self, Feed, FrameReceipt, FrameRef, FrameStatus, short_digest};
use fieldmerge_protocol::{DeviceId, ProjectId};
use fieldmerge_store::feeds::Positions;
use fieldmerge_store::proofs::Proof;
use fieldmerge_store::segments::Source as StoredSource;
use fieldmerge_store::{StoreError, Tx, devices, proofs};

use self::frames::{Checked, Envelope};
use self::merge::{Incoming, Source};
use crate::dictionary::DictionaryBytes;
use crate::directory::{Directories, Directory};
use crate::failpoint::failpoint;
use crate::ids::Ids;
use crate::keys::SealingKeys;
use crate::sync::lives::Lives;

/// The authors that the frames of a request name.
#[derive(Debug, Clone, Default)]
pub struct Authors {
    /// The public keys of those that may write.
    pub keys: BTreeMap<DeviceId, VerifyingKey>,
    /// Those that may write no more.
    pub revoked: BTreeSet<DeviceId>,
}

impl Authors {
    /// Those of these authors that are devices of the project.
    pub fn of(directory: &Directory, named: impl IntoIterator<Item = DeviceId>) -> Self {
        let mut authors = Self::default();
        for author in named {
            match directory.devices.get(&author) {
                Some(member) if member.revoked => _ = authors.revoked.insert(author),
                Some(member) => authors.keys.extend(member.key().map(|key| (author, key))),
                None => {}
            }
        }
        authors
    }
}

/// What one request brings.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// Who sends the request: the author of its own frames, the carrier of the others; nobody where they came by file.
    pub sender: Option<DeviceId>,
    /// Who wrote the frames.
    pub authors: Authors,
    /// The payloads of the frames.
    pub frames: Vec<Vec<u8>>,
    /// The proofs of frames of the sender that were taken before.
    pub taken: Proofs,
    /// The dictionaries that the frames name, as far as this server has them.
    pub dictionaries: BTreeMap<u32, DictionaryBytes>,
    /// The keys that open sealed frames.
    pub sealing: SealingKeys,
    /// When the request was received.
    pub received_ms: i64,
}

impl Arrival {
    /// The same request without its frames.
    #[must_use]
    pub fn without_frames(&self) -> Self {
        Self {
            sender: self.sender,
            authors: self.authors.clone(),
            frames: Vec::new(),
            taken: self.taken.clone(),
            dictionaries: self.dictionaries.clone(),
            sealing: self.sealing.clone(),
            received_ms: self.received_ms,
        }
    }
}

/// Requests of a project that are taken together. No two of them bring frames of one author.
#[derive(Clone, Copy)]
pub struct Push<'a> {
    /// The project.
    pub project: ProjectId,
    /// Where its areas, devices and grants stand.
    pub directories: &'a Directories,
    /// The lives of logs in which this process writes.
    pub lives: &'a Lives,
    /// What the requests bring.
    pub arrivals: &'a [Arrival],
    /// The server's time.
    pub now_ms: i64,
    /// Where ids of quarantined items come from.
    pub ids: &'a Ids,
}

/// Where a frame stands in a push.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct At {
    /// The place of its request.
    pub arrival: usize,
    /// Its place in the request.
    pub frame: usize,
}

/// What a push did, for receipts and measures.
#[derive(Debug, Default)]
pub struct Pushed {
    /// For each request one receipt for each frame that names an author, in the order of the request.
    pub receipts: Vec<Vec<(DeviceId, FrameReceipt)>>,
    /// Changes that became part of their records.
    pub accepted: u64,
    /// Changes that wait.
    pub held: u64,
    /// Changes and frames in quarantine.
    pub quarantined: u64,
    /// The number of the life of the log in which it was written.
    pub life: u64,
    /// The positions that it gave.
    pub given: BTreeMap<Feed, Positions>,
}

/// A frame on its way through the transaction.
struct Judged {
    at: At,
    source: Source,
    /// Absent until the frame is merged.
    receipt: Option<FrameReceipt>,
    /// What must be written, if the frame was not known before.
    fresh: Option<Box<Envelope>>,
}

impl Push<'_> {
    /// Merges and writes. `checked` holds the frames of each request.
    pub async fn run(&self, tx: &mut Tx, checked: Vec<Vec<Checked>>) -> Result<Pushed, StoreError> {
        let authors =
            self.arrivals.iter().flat_map(|arrival| arrival.authors.keys.keys().chain(&arrival.sender));
        let authors: BTreeSet<DeviceId> = authors.copied().collect();
        let authors: Vec<DeviceId> = authors.into_iter().collect();
        devices::lock(tx, self.project, &authors).await?;
        failpoint("authors-locked");
        let directory = self.directory(tx).await?;
        let life = self.life(tx, &directory).await?;

        let checked = checked
            .into_iter()
            .map(|frames| frames.into_iter().map(|checked| unless_revoked(&directory, checked)).collect())
            .collect::<Vec<Vec<Checked>>>();
        let known = load::proofs(tx, self.project, checked.iter().flatten()).await?;
        let (good, mut plan) = Self::sort(checked, &known);
        let mut merge = load::merge(tx, self, &good).await?;
        failpoint("records-loaded");
        for (at, envelope, incoming) in good {
            let receipt = merge.frame(at, incoming);
            plan.merged(at, envelope, receipt);
        }
        failpoint("merged");
        write::all(tx, self, life, plan, merge).await
    }

    /// The directory as it stands now. What was read before a lock may be older than what another transaction, which
    /// held that lock, went by.
    async fn directory(&self, tx: &mut Tx) -> Result<Arc<Directory>, StoreError> {
        self.directories.get(tx, self.project).await?.ok_or(StoreError::ForeignKey)
    }

    /// The number of the life of this process.
    async fn life(&self, tx: &mut Tx, directory: &Directory) -> Result<u64, StoreError> {
        self.lives.number(tx, &directory.project, self.ids, self.now_ms).await
    }

    /// Answers what was seen before, and parts what can be merged from what cannot.
    fn sort(checked: Vec<Vec<Checked>>, known: &Proofs) -> (Vec<(At, Box<Envelope>, Incoming)>, Plan) {
        let mut plan = Plan::default();
        let mut good = Vec::new();
        let mut seen: BTreeMap<(DeviceId, FrameRef), [u8; 32]> = BTreeMap::new();
        let placed = checked.into_iter().enumerate().flat_map(|(arrival, frames)| {
            let frames = frames.into_iter().enumerate();
            frames.map(move |(frame, checked)| (At { arrival, frame }, checked))
        });
        for (at, checked) in placed {
            let (envelope, incoming) = match checked {
                Checked::Good(envelope, incoming) => (envelope, Ok(incoming)),
                Checked::Bad(envelope, code) => (envelope, Err(code)),
                Checked::Seen(source, digest) => {
                    let proof = known.get(&(source.device, source.frame));
                    plan.seen(at, source, &digest, proof.filter(|proof| proof.digest == digest));
                    continue;
                }
                Checked::Unread(source, digest) => {
                    match known.get(&(source.device, source.frame)) {
                        Some(proof) if proof.digest == digest => plan.repeat(at, source, proof),
                        Some(_) => plan.unproven(at, Some((source, digest)), QuarantineCode::Forked),
                        None => plan.unread(at, source, &digest),
                    }
                    continue;
                }
                Checked::Unproven(source, code) => {
                    plan.unproven(at, source, code);
                    continue;
                }
                Checked::Unopened(source, digest, code) => {
                    let proof = known.get(&(source.device, source.frame));
                    plan.unopened(at, source, digest, code, proof);
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
                        plan.repeat(at, source, proof);
                    }
                }
                Some(_) => plan.unproven(at, Some((source, envelope.digest)), QuarantineCode::Forked),
                None => {
                    seen.insert(key, envelope.digest);
                    match incoming {
                        Ok(incoming) => {
                            plan.expect(at, source);
                            good.push((at, envelope, incoming));
                        }
                        Err(code) => plan.refuse(at, envelope, code),
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
    quarantine: Vec<(Option<Source>, QuarantineCode, At)>,
}

impl Plan {
    /// Keeps the place of a frame that is to be merged.
    fn expect(&mut self, at: At, source: Source) {
        self.judged.push(Judged { at, source, receipt: None, fresh: None });
    }

    fn judge(&mut self, at: At, source: Source, receipt: FrameReceipt) {
        self.judged.push(Judged { at, source, receipt: Some(receipt), fresh: None });
    }

    /// Fills the place that was kept for a frame.
    fn merged(&mut self, at: At, envelope: Box<Envelope>, receipt: FrameReceipt) {
        if receipt.status == FrameStatus::Quarantined {
            self.quarantine.push((Some(envelope.source), QuarantineCode::DigestMismatch, at));
        }
        let place = self.judged.binary_search_by_key(&at, |judged| judged.at);
        let place = &mut self.judged[place.expect("every frame that is merged has its place kept")];
        // An unresolved frame leaves no trace: its author sends the changes again in another one.
        place.fresh = (receipt.status != FrameStatus::Unresolved).then_some(envelope);
        place.receipt = Some(receipt);
    }

    /// Refuses a frame that its author did sign.
    fn refuse(&mut self, at: At, envelope: Box<Envelope>, code: QuarantineCode) {
        let source = envelope.source;
        self.quarantine.push((Some(source), code, at));
        let receipt =
            Some(whole(source.frame, &envelope.digest, FrameStatus::Quarantined, Some(code.as_str())));
        self.judged.push(Judged { at, source, receipt, fresh: Some(envelope) });
    }

    /// Refuses a frame without spending a number.
    fn unproven(&mut self, at: At, source: Option<(Source, [u8; 32])>, code: QuarantineCode) {
        self.quarantine.push((source.map(|(source, _)| source), code, at));
        if let Some((source, digest)) = source {
            let status =
                if code == QuarantineCode::Forked { FrameStatus::Forked } else { FrameStatus::Quarantined };
            self.judge(at, source, whole(source.frame, &digest, status, Some(code.as_str())));
        }
    }

    /// Leaves a frame that cannot be read here to its author, without a trace.
    fn unread(&mut self, at: At, source: Source, digest: &[u8; 32]) {
        let receipt = whole(source.frame, digest, FrameStatus::Unresolved, Some("unknown-dictionary"));
        self.judge(at, source, receipt);
    }

    /// Sets a frame aside that was not opened. Where its author did seal it and it was taken before, its receipt stands;
    /// where it cannot be read she sends the changes again.
    fn unopened(
        &mut self,
        at: At,
        source: Source,
        digest: [u8; 8],
        code: QuarantineCode,
        proof: Option<&Proof>,
    ) {
        let proven = sealed::is_proven(code);
        if let Some(proof) = proof.filter(|proof| proven && short_digest(&proof.digest) == digest) {
            return self.repeat(at, source, proof);
        }
        self.quarantine.push((Some(source), code, at));
        let status = if proven { FrameStatus::Unresolved } else { FrameStatus::Quarantined };
        let (frame, code) = (source.frame, Some(code.into()));
        self.judge(at, source, FrameReceipt { frame, status, exceptions: Vec::new(), code, digest });
    }

    /// Gives the receipt of a frame that was taken before. Where its proof is gone meanwhile, its author sends it anew.
    fn seen(&mut self, at: At, source: Source, digest: &[u8; 32], proof: Option<&Proof>) {
        match proof {
            Some(proof) => self.repeat(at, source, proof),
            None => self.judge(at, source, whole(source.frame, digest, FrameStatus::Unresolved, None)),
        }
    }

    /// Gives the receipt that the frame got before.
    fn repeat(&mut self, at: At, source: Source, proof: &Proof) {
        self.judge(at, source, receipt_of(proof, source.frame));
    }
}

/// A device may have been revoked while its frames were read, or waited.
fn unless_revoked(directory: &Directory, checked: Checked) -> Checked {
    let (Checked::Good(envelope, _) | Checked::Bad(envelope, _)) = &checked else { return checked };
    let member = directory.devices.get(&envelope.source.device);
    if member.is_some_and(|member| !member.revoked) {
        return checked;
    }
    Checked::Unproven(Some((envelope.source, envelope.digest)), QuarantineCode::DeviceRevoked)
}

fn whole(frame: FrameRef, digest: &[u8; 32], status: FrameStatus, code: Option<&str>) -> FrameReceipt {
    let (code, digest) = (code.map(str::to_owned), short_digest(digest));
    FrameReceipt { frame, status, exceptions: Vec::new(), code, digest }
}

fn stored(source: &Source) -> StoredSource {
    StoredSource { device: source.device, incarnation: source.frame.incarnation, frame: source.frame.number }
}

/// The receipts of frames that were all taken before, if they were: then nothing is opened or written for them.
pub fn repeated(project: ProjectId, arrival: &Arrival) -> Option<Vec<(DeviceId, FrameReceipt)>> {
    let receipts = arrival.frames.iter().map(|payload| {
        let header = Frame::parse(payload).ok()?.header;
        let (device, frame, proof) = frames::taken(&header, project, arrival)?;
        Some((device, receipt_of(proof, frame)))
    });
    receipts.collect()
}

/// The receipt that a frame got when it was taken, as it stands now.
fn receipt_of(proof: &Proof, frame: FrameRef) -> FrameReceipt {
    sync::decode(&proof.receipt)
        .unwrap_or_else(|_| whole(frame, &proof.digest, FrameStatus::Quarantined, Some("unreadable-receipt")))
}

/// The receipts, as they stand now, of frames that the device asks about again.
pub async fn receipts_again(
    tx: &mut Tx,
    project: ProjectId,
    device: DeviceId,
    asked: impl IntoIterator<Item = FrameRef>,
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
