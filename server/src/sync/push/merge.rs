//! Offers the changes of verified frames to the records they belong to. Pure: what it needs was loaded before, what
//! it decides is written after.

use std::collections::BTreeMap;
use std::sync::Arc;

use fieldmerge_model::access;
use fieldmerge_model::log::LogState;
use fieldmerge_model::quarantine::QuarantineCode;
use fieldmerge_model::record::{Identity, Provenance, RecordState, Refusal, Verdict};
use fieldmerge_protocol::bundle::{PackedChange, changes_digest, resolve};
use fieldmerge_protocol::limits::MAX_HELD_CHANGES;
use fieldmerge_protocol::sync::{
    Exception, Feed, FrameReceipt, FrameRef, FrameStatus, Outcome, short_digest,
};
use fieldmerge_protocol::{Actor, Change, ChangeHash, DeviceId, RecordId};
use fieldmerge_store::records::RecordRow;

use super::At;
use crate::directory::Directory;

/// Who signed a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// The device.
    pub device: DeviceId,
    /// Its incarnation and the number of the frame.
    pub frame: FrameRef,
    /// When the server received it, milliseconds since the epoch.
    pub received_ms: i64,
}

/// A frame whose signature holds and whose body parses.
pub struct Incoming {
    /// Who signed it.
    pub source: Source,
    /// The digest over its change hashes that was signed.
    pub digest: [u8; 32],
    /// Its changes, dependencies still packed.
    pub packed: Vec<PackedChange>,
}

/// One change on its way into its record.
#[derive(Clone)]
pub struct Item {
    /// The record.
    pub record: RecordId,
    /// The change.
    pub change: Change,
    /// Its hash.
    pub hash: ChangeHash,
    /// Who signed the frame that brought it.
    pub source: Source,
    /// Its index in that frame.
    pub place: u32,
}

/// The merged state of one record while a push is worked on.
pub enum Slot {
    /// No such record yet.
    Absent,
    /// A record that many may edit.
    Record(Box<RecordState>),
    /// A log with one writer.
    Log(Box<LogState>),
}

/// A record and what this push did to it.
pub struct Working {
    /// Its state.
    pub slot: Slot,
    /// The feed that its changes go to, once it exists.
    pub feed: Option<Feed>,
    /// Whether its row must be written.
    pub changed: bool,
    /// The position of its last change in its feed.
    pub position: u64,
    /// Its row as it was loaded, if there is one.
    pub row: Option<RecordRow>,
}

/// Accepted changes of one feed that came in one frame, in order.
pub struct Run {
    /// The feed.
    pub feed: Feed,
    /// The frame, if the run is that whole frame and may be stored as received.
    pub whole: Option<At>,
    /// The changes.
    pub items: Vec<Item>,
    /// The position before the first of them, once positions are given.
    pub from: u64,
}

/// A change that cannot be merged, with its reason.
pub struct Refused {
    /// The change.
    pub item: Item,
    /// Why.
    pub code: QuarantineCode,
}

/// A change that was held or put aside and is so no longer.
pub struct Settled {
    /// The record.
    pub record: RecordId,
    /// Who made the change.
    pub actor: Actor,
    /// Its number.
    pub seq: u64,
    /// The frame that brought it.
    pub source: Source,
    /// Its index in that frame.
    pub place: u32,
    /// What its frame's receipt has to say of it from now on.
    pub outcome: Outcome,
    /// Why, if it is in quarantine.
    pub code: Option<QuarantineCode>,
}

/// What became of one change, and why if it is in quarantine.
pub type Judgement = (Outcome, Option<QuarantineCode>);

/// The work of one push.
pub struct Merge {
    /// The areas of the project, and what its devices may write.
    pub directory: Arc<Directory>,
    /// Every record that the frames name.
    pub records: BTreeMap<RecordId, Working>,
    /// Changes held before this push that wait in these records.
    pub held: BTreeMap<RecordId, Vec<Item>>,
    /// How many changes of each author are held.
    pub held_counts: BTreeMap<DeviceId, usize>,
    /// What was accepted, in order.
    pub runs: Vec<Run>,
    /// What has to be held from now on.
    pub newly_held: Vec<Item>,
    /// What was held and is settled now: with the outcome that its frame's receipt has to tell from now on.
    pub settled: Vec<Settled>,
    /// What goes to quarantine.
    pub refused: Vec<Refused>,
}

impl Merge {
    /// Offers one frame and says what became of it.
    pub fn frame(&mut self, at: At, incoming: Incoming) -> FrameReceipt {
        let Incoming { source, digest, packed } = incoming;
        let receipt = |status, code: Option<QuarantineCode>, exceptions| FrameReceipt {
            frame: source.frame,
            status,
            exceptions,
            code: code.map(String::from),
            digest: short_digest(&digest),
        };
        let count = packed.len();
        let resolved = resolve(packed, &mut |record, actor, seq| self.find(record, actor, seq));
        let hashes: Option<Vec<ChangeHash>> = resolved.iter().map(|change| change.hash).collect();
        let Some(hashes) = hashes else { return receipt(FrameStatus::Unresolved, None, Vec::new()) };
        if changes_digest(hashes.iter().copied()) != digest {
            return receipt(FrameStatus::Quarantined, Some(QuarantineCode::DigestMismatch), Vec::new());
        }
        let first_run = self.runs.len();
        let mut exceptions = Vec::new();
        for (place, (resolved, hash)) in resolved.into_iter().zip(hashes).enumerate() {
            let place = u32::try_from(place).expect("frames hold at most a few thousand changes");
            let item = Item { record: resolved.record, change: resolved.change, hash, source, place };
            let (outcome, code) = self.offer(item);
            if outcome != Outcome::Accepted {
                exceptions.push(Exception { index: place, outcome, code: code.map(String::from) });
            }
        }
        if let [run] = &mut self.runs[first_run..]
            && run.items.len() == count
            && run.items.iter().all(|item| item.source == source)
        {
            run.whole = Some(at);
        }
        receipt(FrameStatus::Accepted, None, exceptions)
    }

    fn find(&self, record: RecordId, actor: Actor, seq: u64) -> Option<ChangeHash> {
        self.records.get(&record)?.find(actor, seq)
    }

    /// Offers one change; what becomes of it is recorded here and told.
    fn offer(&mut self, item: Item) -> Judgement {
        let record = item.record;
        match self.judge(&item) {
            Ok(Verdict::Applied) => {
                self.accept(item);
                self.release(record);
                (Outcome::Accepted, None)
            }
            Ok(Verdict::Duplicate) => (Outcome::Duplicate, None),
            Ok(Verdict::Held { .. }) => self.hold(item),
            Ok(Verdict::Forked) => {
                self.refused.push(Refused { item, code: QuarantineCode::Forked });
                (Outcome::Forked, None)
            }
            Ok(Verdict::Refused(refusal)) => self.refuse(item, QuarantineCode::Refused(refusal)),
            Err(code) => self.refuse(item, code),
        }
    }

    /// Offers a change that was put aside. Where it is taken now, or held, its frame's receipt tells so from now on.
    pub fn again(&mut self, item: Item) -> Judgement {
        let record = item.record;
        let (outcome, code) = match self.judge(&item) {
            Ok(Verdict::Applied) => (Outcome::Accepted, None),
            Ok(Verdict::Duplicate) => (Outcome::Duplicate, None),
            Ok(Verdict::Held { .. }) => (Outcome::Held, None),
            Ok(Verdict::Forked) => return (Outcome::Forked, Some(QuarantineCode::Forked)),
            Ok(Verdict::Refused(refusal)) => {
                return (Outcome::Quarantined, Some(QuarantineCode::Refused(refusal)));
            }
            Err(code) => return (Outcome::Quarantined, Some(code)),
        };
        if outcome == Outcome::Held {
            let count = self.held_counts.get(&item.source.device).copied().unwrap_or_default();
            if count >= MAX_HELD_CHANGES {
                return (Outcome::Quarantined, Some(QuarantineCode::HeldLimit));
            }
            _ = self.hold(item.clone());
        }
        self.settle(item, outcome, code);
        if outcome == Outcome::Accepted {
            self.release(record);
        }
        (outcome, code)
    }

    /// Applies the change to its record if it may join.
    fn judge(&mut self, item: &Item) -> Result<Verdict, QuarantineCode> {
        let Item { record, change, hash, source, .. } = item;
        let actor = change.actor;
        if actor.device() != source.device || actor.incarnation() != source.frame.incarnation {
            return Err(QuarantineCode::Refused(Refusal::ForeignActor));
        }
        let Some(working) = self.records.get_mut(record) else {
            return Err(QuarantineCode::Refused(Refusal::WrongRecord));
        };
        // What stands already needs no grant again: a device offers everything anew when the server was restored.
        if working.find(change.actor, change.seq) == Some(*hash) {
            return Ok(Verdict::Duplicate);
        }
        if let Slot::Absent = working.slot {
            if !change.deps.is_empty() {
                return Ok(Verdict::Held { missing: change.deps.clone() });
            }
            let (feed, slot) = begin(*record, change, &self.directory)?;
            check_grant(&self.directory, source.device, feed)?;
            let mut begun = Working { slot, feed: Some(feed), changed: false, position: 0, row: None };
            let verdict = begun.accept(change, *hash, source);
            if verdict == Verdict::Applied {
                *working = begun;
            }
            return Ok(verdict);
        }
        let feed = working.feed.expect("a record that exists has a feed");
        check_grant(&self.directory, source.device, feed)?;
        Ok(working.accept(change, *hash, source))
    }

    fn accept(&mut self, item: Item) {
        let feed = self.records[&item.record].feed.expect("a record that exists has a feed");
        match self.runs.last_mut() {
            Some(run)
                if run.feed == feed && run.items.last().is_some_and(|last| last.source == item.source) =>
            {
                run.items.push(item);
            }
            _ => self.runs.push(Run { feed, whole: None, items: vec![item], from: 0 }),
        }
    }

    /// Offers again what was held for a record that has just grown, until nothing more fits.
    fn release(&mut self, record: RecordId) {
        loop {
            let Some(waiting) = self.held.remove(&record) else { return };
            let mut applied = false;
            for item in waiting {
                let (outcome, code) = match self.judge(&item) {
                    Ok(Verdict::Held { .. }) => {
                        self.held.entry(record).or_default().push(item);
                        continue;
                    }
                    Ok(Verdict::Applied) => (Outcome::Accepted, None),
                    Ok(Verdict::Duplicate) => (Outcome::Duplicate, None),
                    Ok(Verdict::Forked) => (Outcome::Forked, None),
                    Ok(Verdict::Refused(refusal)) => {
                        (Outcome::Quarantined, Some(QuarantineCode::Refused(refusal)))
                    }
                    Err(code) => (Outcome::Quarantined, Some(code)),
                };
                applied |= outcome == Outcome::Accepted;
                self.settle(item, outcome, code);
            }
            if !applied {
                return;
            }
        }
    }

    fn settle(&mut self, item: Item, outcome: Outcome, code: Option<QuarantineCode>) {
        let Item { record, source, place, .. } = item;
        let (actor, seq) = (item.change.actor, item.change.seq);
        self.settled.push(Settled { record, actor, seq, source, place, outcome, code });
        match outcome {
            Outcome::Accepted => self.accept(item),
            Outcome::Forked => self.refused.push(Refused { item, code: QuarantineCode::Forked }),
            Outcome::Quarantined => self.refused.extend(code.map(|code| Refused { item, code })),
            Outcome::Duplicate | Outcome::Held => {}
        }
    }

    fn hold(&mut self, item: Item) -> Judgement {
        let key = (item.change.actor, item.change.seq);
        let mut held = self.held.entry(item.record).or_default().iter_mut();
        if let Some(known) = held.find(|held| (held.change.actor, held.change.seq) == key) {
            if known.hash != item.hash {
                self.refused.push(Refused { item, code: QuarantineCode::Forked });
                return (Outcome::Forked, None);
            }
            // The device asks about the frame that it sent last, so that is the one whose receipt must be corrected.
            *known = item.clone();
            self.newly_held.push(item);
            return (Outcome::Held, None);
        }
        let count = self.held_counts.entry(item.source.device).or_default();
        if *count >= MAX_HELD_CHANGES {
            return self.refuse(item, QuarantineCode::HeldLimit);
        }
        *count += 1;
        self.newly_held.push(item.clone());
        self.held.entry(item.record).or_default().push(item);
        (Outcome::Held, None)
    }

    fn refuse(&mut self, item: Item, code: QuarantineCode) -> Judgement {
        self.refused.push(Refused { item, code });
        (Outcome::Quarantined, Some(code))
    }
}

impl Working {
    fn find(&self, actor: Actor, seq: u64) -> Option<ChangeHash> {
        match &self.slot {
            Slot::Absent => None,
            Slot::Record(state) => state.find(actor, seq),
            Slot::Log(log) => log.find(actor, seq),
        }
    }

    fn accept(&mut self, change: &Change, hash: ChangeHash, source: &Source) -> Verdict {
        let provenance = Provenance {
            incarnation: source.frame.incarnation,
            frame: source.frame.number,
            position: 0,
            received_ms: source.received_ms,
        };
        let verdict = match &mut self.slot {
            Slot::Absent => Verdict::Held { missing: change.deps.clone() },
            Slot::Record(state) => state.accept(change, hash, provenance),
            Slot::Log(log) => log.accept(change, hash, provenance),
        };
        self.changed |= verdict == Verdict::Applied;
        verdict
    }
}

/// The feed and the empty state of a record that `change` begins.
fn begin(record: RecordId, change: &Change, directory: &Directory) -> Result<(Feed, Slot), QuarantineCode> {
    let identity = Identity::read(change).ok_or(QuarantineCode::Refused(Refusal::NoIdentity))?;
    let class = directory.forms.types.find(&identity.record_type).ok_or(QuarantineCode::UnknownType)?.class;
    if !directory.areas.contains(&identity.area) {
        return Err(QuarantineCode::UnknownArea);
    }
    let slot = if class.is_log() {
        Slot::Log(Box::new(LogState::new(record)))
    } else {
        Slot::Record(Box::new(RecordState::new(record)))
    };
    Ok((Feed { area: identity.area, class }, slot))
}

fn check_grant(directory: &Directory, device: DeviceId, feed: Feed) -> Result<(), QuarantineCode> {
    let (grants, root) = (directory.grants_of(device), directory.project.root_area);
    if access::may_write(grants, root, feed.area, feed.class) {
        Ok(())
    } else {
        Err(QuarantineCode::NotGranted)
    }
}
