//! Merges frames that came from other devices.

use std::collections::BTreeMap;
use std::sync::Arc;

use fieldmerge_model::access;
use fieldmerge_model::record::{Identity, Provenance, Verdict};
use fieldmerge_model::types::RecordTypes;
use fieldmerge_protocol::bundle::{Frame, Resolved, causal_order, changes_digest, decode_body, resolve};
use fieldmerge_protocol::limits::{MAX_FRAME_CHANGES, MAX_FRAME_RAW_BYTES};
use fieldmerge_protocol::sync::Feed;
use fieldmerge_protocol::{Actor, Change, ChangeHash, RecordId};

use super::marks::Mark;
use super::rows::{MarkRow, PassedRow};
use crate::Failure;
use crate::doc::Doc;
use crate::stage::Stage;

/// The most provisional changes on a device. What is beyond is carried and not merged.
const MAX_PROVISIONAL: usize = 20_000;
/// The most bytes of bodies that are opened at a time: a file of few bytes may hold much more.
const MAX_OPENED_BYTES: usize = 64 << 20;

/// What became of frames.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Tally {
    /// Changes that were merged.
    pub(super) changes: u64,
    /// Frames that wait for what they build on.
    pub(super) waiting: usize,
    /// Frames that are carried and cannot be merged.
    pub(super) apart: usize,
}

/// What became of one frame.
enum Fate {
    /// So many of its changes were merged now; some may wait.
    Merged { new: u64, waiting: bool },
    /// Something that it needs is not here.
    Waiting,
    /// It does not hold what its author signed, or nothing that fits.
    Apart,
}

/// Frames by their keys among the carried ones, which the receiver may read and the author write, signatures checked.
pub(super) type Frames = Vec<(Vec<u8>, Arc<[u8]>)>;

/// Merges frames in whatever order they can be.
pub(super) fn merge(stage: &mut Stage<'_>, mut frames: Frames) -> Result<Tally, Failure> {
    let mut tally = Tally::default();
    let mut opened = 0;
    loop {
        let mut progress = false;
        let mut left = Vec::new();
        for (key, payload) in frames {
            let size = Frame::parse(&payload).map_or(0, |frame| frame.header.raw_len as usize);
            opened += size;
            let full = opened > MAX_OPENED_BYTES || stage.mark_count() >= MAX_PROVISIONAL;
            let fate = merge_one(stage, &key, &payload, full)?;
            match fate {
                Fate::Merged { new, waiting } => {
                    tally.changes += new;
                    progress |= new > 0;
                    if waiting {
                        left.push((key, payload));
                    }
                }
                Fate::Waiting => left.push((key, payload)),
                Fate::Apart => {
                    tally.apart += 1;
                    if let Some(row) = stage.passed_frame(&key) {
                        stage.set_passed(key, Some(PassedRow { waiting: false, ..row }));
                    }
                }
            }
        }
        frames = left;
        if !progress || frames.is_empty() {
            tally.waiting = frames.len();
            return Ok(tally);
        }
    }
}

/// Merges what waits, after something else was merged.
pub(crate) fn retry(stage: &mut Stage<'_>) -> Result<(), Failure> {
    merge(stage, waiting(stage)?).map(|_| ())
}

/// The frames that wait, as far as they are still carried and the device may read them.
pub(super) fn waiting(stage: &Stage<'_>) -> Result<Frames, Failure> {
    let root = stage.enrolment()?.root_area;
    let may_read = |feed: &Feed| access::may_read(&stage.memory.grants, root, feed.area, feed.class);
    let frames = stage.passed_frames().into_iter().filter(|(_, row)| row.waiting && may_read(&row.feed));
    Ok(frames.filter_map(|(key, _)| Some((key.clone(), stage.carried(&key)?))).collect())
}

fn merge_one(stage: &mut Stage<'_>, key: &[u8], payload: &[u8], full: bool) -> Result<Fate, Failure> {
    let Ok(frame) = Frame::parse(payload) else { return Ok(Fate::Apart) };
    let origin = frame.header.origin;
    let feed = Feed { area: origin.area, class: origin.class };
    let before = stage.passed_frame(key).map_or(stage.state.next_outgoing, |row| row.before);
    let wait = |stage: &mut Stage<'_>| {
        stage.set_passed(key.to_vec(), Some(PassedRow { feed, waiting: true, before }));
        Fate::Waiting
    };
    if full {
        return Ok(wait(stage));
    }
    let Some(dictionary) = stage.dictionary(frame.header.dictionary) else { return Ok(wait(stage)) };
    let body = frame.inflate(dictionary, MAX_FRAME_RAW_BYTES).and_then(|raw| decode_body(&raw));
    let count = frame.header.count as usize;
    let fits = |packed: &Vec<_>| packed.len() == count && count <= MAX_FRAME_CHANGES;
    let Some(packed) = body.ok().filter(fits) else { return Ok(Fate::Apart) };
    if packed.iter().any(|packed| packed.change.actor.device() != origin.device) {
        return Ok(Fate::Apart);
    }
    let order = causal_order(&packed);
    let mut trial = Trial { stage, feed, docs: BTreeMap::new(), new: Vec::new(), waiting: false };
    let changes = resolve(packed, &mut |record, actor, seq| trial.find(record, actor, seq));
    if changes.iter().any(|change| change.hash.is_none()) {
        return Ok(wait(stage));
    }
    if changes_digest(changes.iter().filter_map(|change| change.hash)) != frame.header.changes_digest {
        // A short dependency may point at another copy's change, so these are not the changes that were signed.
        return Ok(Fate::Apart);
    }
    for index in order {
        trial.change(&changes[index as usize])?;
    }
    let Trial { docs, new, waiting, .. } = trial;
    for (record, doc) in docs.into_iter().filter(|(_, doc)| !doc.is_empty()) {
        stage.set_doc(record, Some(doc));
    }
    let count = new.len() as u64;
    for (mark, hash, change) in new {
        stage.keep_entries(mark.0, feed, &change);
        stage.set_mark(mark, MarkRow { hash, frame: key.to_vec() });
    }
    stage.set_passed(key.to_vec(), Some(PassedRow { feed, waiting, before }));
    Ok(Fate::Merged { new: count, waiting })
}

/// What a frame does to records.
struct Trial<'a, 'm> {
    stage: &'a Stage<'m>,
    feed: Feed,
    docs: BTreeMap<RecordId, Doc>,
    new: Vec<(Mark, ChangeHash, Change)>,
    waiting: bool,
}

impl Trial<'_, '_> {
    fn load(&mut self, record: RecordId) -> Result<&mut Doc, Failure> {
        match self.docs.entry(record) {
            std::collections::btree_map::Entry::Occupied(place) => Ok(place.into_mut()),
            std::collections::btree_map::Entry::Vacant(place) => {
                let doc = self.stage.doc(record)?;
                Ok(place.insert(doc.unwrap_or_else(|| Doc::new(record, self.feed))))
            }
        }
    }

    fn find(&mut self, record: RecordId, actor: Actor, seq: u64) -> Option<ChangeHash> {
        self.load(record).ok()?.find(actor, seq)
    }

    /// Offers a change to its record. One that does not fit is left to the server.
    fn change(&mut self, resolved: &Resolved) -> Result<(), Failure> {
        let Resolved { record, change, hash: Some(hash), .. } = resolved else { return Ok(()) };
        let (stage, feed) = (self.stage, self.feed);
        let doc = self.load(*record)?;
        // The record must belong where the frame says: for that feed the right to write was checked.
        let begins = change.deps.is_empty();
        let belongs = doc.feed == feed && (!begins || begins_in(change, feed, &stage.forms.types));
        if !belongs {
            return Ok(());
        }
        let incarnation = change.actor.incarnation();
        match doc.accept(change, *hash, Provenance { incarnation, ..Provenance::default() }) {
            Verdict::Applied => self.new.push(((*record, change.actor, change.seq), *hash, change.clone())),
            Verdict::Held { .. } => self.waiting = true,
            Verdict::Duplicate | Verdict::Forked | Verdict::Refused(_) => {}
        }
        Ok(())
    }
}

/// Whether the record that a change begins belongs to a feed.
fn begins_in(change: &Change, feed: Feed, types: &RecordTypes) -> bool {
    Identity::read(change).is_some_and(|identity| {
        let kind = types.find(&identity.record_type);
        identity.area == feed.area && kind.is_some_and(|kind| kind.class == feed.class)
    })
}
