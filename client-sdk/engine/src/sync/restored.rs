//! The beginning of an answer: who the server is, whether it went back in time, and what the device may read now.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use fieldmerge_model::{Provenance, Verdict, access};
use fieldmerge_protocol::bundle::{Frame, MAX_RAW_BYTES, changes_digest, decode_body, resolve};
use fieldmerge_protocol::sync::{Feed, FrameRange, Welcome};
use fieldmerge_protocol::{Change, ChangeHash, RecordId};

use super::answer::{AfterAnswer, Reading};
use super::kept;
use super::unproven::Told;
use crate::doc::Doc;
use crate::engine::Turn;
use crate::memory::outbox_row::{OutboxRow, Standing};
use crate::memory::rows::{FrameKey, FrameRow, FrameStanding};
use crate::memory::sealed_rows::KeptStanding;
use crate::stage::Stage;
use crate::{Enrolment, Failure, SyncEnd, attach, exchange, repair};

impl Reading<'_, '_, '_> {
    pub(crate) fn welcome(&mut self, welcome: Welcome) -> Result<AfterAnswer, Failure> {
        let now_ms = self.turn.now_ms;
        let state = &mut self.stage.state;
        if welcome.stale {
            // The server has frames of this incarnation that this store never wrote: another copy did. The frames
            // that stand here keep their author; what is packed from now on counts on from what the server has.
            state.packed = state.packed.max(welcome.committed);
            let incarnation = state.incarnation;
            repair::copy_found(&mut self.stage, incarnation, self.turn);
            return Ok(self.read_anew());
        }
        self.answer.committed = Some(welcome.committed);
        self.answer.server_ms = Some(welcome.now_ms);
        self.answer.backed_up_ms = welcome.backed_up_ms;
        // What the device holds was judged by the life that it named, and nothing in this answer is of a later one.
        self.answer.told = Some(Told {
            log: welcome.log,
            life: welcome.life,
            unsure: state.unsure.filter(|_| welcome.taken.is_none()),
            offset_ms: welcome.now_ms.saturating_sub(now_ms),
        });
        let misses = welcome.taken.is_some_and(|taken| misses(&self.stage, &taken));
        if welcome.lost == Some(true) || misses {
            // Every cursor and every receipt goes with it, so none is ever counted in another log.
            let state = &mut self.stage.state;
            (state.log, state.life, state.unsure) = (Some(welcome.log), welcome.life, None);
            restored(&mut self.stage, welcome.committed, self.turn)?;
            return Ok(AfterAnswer::Restart);
        }
        // Records are taken off the device by what a roster says, so it counts only once the server has signed for the
        // whole answer. The very first one gives the areas to begin with, and takes nothing; it is asked for again
        // until an answer with it has come whole.
        let signed = welcome.roster.as_ref().and_then(|roster| roster.signed.as_ref());
        let Enrolment { project, server_key, .. } = self.enrolment;
        if signed.is_some_and(|signed| signed.verify(*project, server_key).is_none()) {
            return Ok(AfterAnswer::End(SyncEnd::Untrusted { code: "roster-not-signed" }));
        }
        match welcome.roster {
            Some(roster) if self.stage.roster().version == 0 || self.stage.state.roster_unsigned => {
                self.stage.state.roster_unsigned = true;
                self.stage.set_roster(roster)?;
            }
            other => self.answer.roster = other,
        }
        Ok(AfterAnswer::ReadOn)
    }
}

/// Whether the server lacks a frame of which this device has a receipt. Carriers may have brought later ones than it
/// misses, and another copy of this device others under the same numbers: these it took later, and does not name.
fn misses(stage: &Stage<'_>, taken: &[FrameRange]) -> bool {
    let taken: BTreeMap<FrameKey, u64> =
        taken.iter().map(|range| ((range.incarnation, range.first), range.last)).collect();
    let has = |key: FrameKey| {
        let range = taken.range(..=key).next_back();
        range.is_some_and(|((incarnation, _), last)| *incarnation == key.0 && key.1 <= *last)
    };
    let owed = |frame: &FrameRow| frame.standing != FrameStanding::Sent && frame.unowed != Some(true);
    let frames = stage.frame_keys().into_iter().filter(|key| stage.frame(*key).is_some_and(owed));
    let received =
        |key: &FrameKey| stage.kept(*key).is_some_and(|row| row.standing == KeptStanding::Received);
    let kept = stage.memory.kept.keys().copied().filter(received);
    frames.chain(kept).any(|key| !has(key))
}

/// The server was restored and has lost what came after its backup: reads every feed from its beginning, and offers
/// again every own frame, for a carrier may have brought it later ones than it misses. Nothing is known of what else it
/// holds, so every dependency is named by its whole hash until the outbox is empty, and what others wrote is provisional.
fn restored(stage: &mut Stage<'_>, committed: u64, turn: &mut Turn<'_>) -> Result<(), Failure> {
    stage.forget_cursors();
    kept::offer_all(stage);
    attach::offer_again(stage);
    let in_outbox: BTreeSet<ChangeHash> = stage.outbox().into_values().map(|row| row.hash).collect();
    let mut offered = Vec::new();
    for key in stage.frame_keys() {
        let Some(frame) = stage.frame(key).filter(|frame| frame.standing != FrameStanding::Sent).cloned()
        else {
            continue;
        };
        let (mut rows, whole) = unpack(stage, &frame)?;
        rows.retain(|row| !in_outbox.contains(&row.hash));
        // What was put aside for what held then is judged anew: a carrier may have brought it to this server, which may have
        // taken it. The rest waits for a person.
        for number in &frame.changes {
            let Some(row) = stage.outgoing(*number).cloned() else { continue };
            if row.standing == Standing::Held || repair::may_pass(stage, &row)? {
                stage.set_outgoing(*number, None);
                rows.push(row);
            }
        }
        offered.extend(rows);
        // What cannot be read now stays until it can.
        let (unowed, unread) = (Some(true), Some(true));
        let kept = FrameRow { changes: Vec::new(), standing: FrameStanding::Kept, unowed, unread, ..frame };
        stage.set_frame(key, (!whole).then_some(kept));
    }
    stage.state.disown_all();
    let count = offered.len();
    let records = offered.iter().map(|row| row.record).collect();
    // What waits now may depend on what is offered again, so it goes behind.
    let waiting = stage.outbox().into_iter().filter(|(_, row)| row.standing == Standing::Waiting);
    let waiting: Vec<(u64, OutboxRow)> = waiting.map(|(number, row)| (number, row.clone())).collect();
    for (number, _) in &waiting {
        stage.set_outgoing(*number, None);
    }
    for row in offered.into_iter().chain(waiting.into_iter().map(|(_, row)| row)) {
        stage.enqueue(OutboxRow { standing: Standing::Waiting, full_hashes: true, ..row });
    }
    exchange::doubt_all(stage)?;
    stage.state.full_hashes = true;
    stage.state.receipted = stage.state.receipted.min(committed);
    // The log that the server goes on with may have another roster under the same version.
    stage.state.roster_unsigned = true;
    stage.notify(turn.now_ms, "server-restored", count, records);
    Ok(())
}

/// Offers again what could not be read when the server was found to be restored, and can be now: a record that was taken
/// off the device, or that another device had lost, may be here. Says whether anything is offered.
pub(crate) fn offer_unread(stage: &mut Stage<'_>) -> Result<bool, Failure> {
    let mut offers = false;
    for key in stage.frame_keys() {
        let Some(frame) = stage.frame(key).filter(|frame| frame.unread == Some(true)).cloned() else {
            continue;
        };
        let (rows, whole) = unpack(stage, &frame)?;
        if whole && take_back(stage, &rows)? {
            stage.set_frame(key, None);
            let in_outbox: BTreeSet<ChangeHash> = stage.outbox().into_values().map(|row| row.hash).collect();
            for row in rows.into_iter().filter(|row| !in_outbox.contains(&row.hash)) {
                stage.enqueue(row);
                offers = true;
            }
        }
    }
    Ok(offers)
}

/// Puts own changes into their records again, as far as they are not there. False if one does not fit: then none is.
fn take_back(stage: &mut Stage<'_>, rows: &[OutboxRow]) -> Result<bool, Failure> {
    let mut docs: BTreeMap<RecordId, Doc> = BTreeMap::new();
    let mut applied = Vec::new();
    for row in rows {
        let doc = match docs.entry(row.record) {
            Entry::Occupied(place) => place.into_mut(),
            Entry::Vacant(place) => {
                let doc = stage.doc(row.record)?;
                place.insert(doc.unwrap_or_else(|| Doc::new(row.record, row.feed)))
            }
        };
        let change = Change::decode(&row.change).map_err(|_| Failure::Bug("an own change does not read"))?.0;
        match doc.accept(&change, row.hash, Provenance::default()) {
            Verdict::Applied => applied.push((row.record, row.feed, change)),
            Verdict::Duplicate => {}
            Verdict::Held { .. } | Verdict::Forked | Verdict::Refused(_) => return Ok(false),
        }
    }
    for (record, doc) in docs {
        stage.set_doc(record, Some(doc));
    }
    for (record, feed, change) in applied {
        stage.keep_entries(record, feed, &change);
    }
    Ok(true)
}

/// The changes of an own frame that still stand, and whether all could be read. A change whose dependency stood in a
/// record that the device may not hold any more cannot be.
fn unpack(stage: &Stage<'_>, frame_row: &FrameRow) -> Result<(Vec<OutboxRow>, bool), Failure> {
    let unreadable = |_| Failure::Bug("an own frame does not read");
    let frame = Frame::parse(&frame_row.bytes).map_err(unreadable)?;
    let Some(dictionary) = stage.dictionary(frame.header.dictionary) else { return Ok((Vec::new(), false)) };
    let raw = frame.inflate(dictionary, MAX_RAW_BYTES).map_err(unreadable)?;
    let packed = decode_body(&raw).map_err(unreadable)?;
    let mut docs = BTreeMap::new();
    let changes = resolve(packed, &mut |record, actor, seq| {
        let doc = docs.entry(record).or_insert_with(|| stage.doc(record).ok().flatten());
        doc.as_ref()?.find(actor, seq)
    });
    let origin = frame.header.origin;
    let feed = Feed { area: origin.area, class: origin.class };
    let whole = changes.iter().all(|change| change.hash.is_some());
    let digest = changes_digest(changes.iter().filter_map(|change| change.hash));
    if whole && digest != frame.header.changes_digest {
        // Another copy's change stands where a short dependency points, so these are not the changes that were signed.
        return Ok((Vec::new(), false));
    }
    let row = |change: fieldmerge_protocol::bundle::Resolved| {
        let (bytes, hash) = change.change.encode();
        OutboxRow {
            record: change.record,
            feed,
            actor: change.change.actor,
            seq: change.change.seq,
            hash,
            time: change.change.time,
            change: bytes,
            standing: Standing::Waiting,
            full_hashes: true,
            repairs: 0,
            start_op: change.change.start_op,
            past: None,
            wish: None,
        }
    };
    let given_up = frame_row.given_up.as_deref().unwrap_or_default();
    let read = (0_u32..).zip(changes).filter(|(index, _)| !given_up.contains(index));
    let read = read.map(|(_, change)| change).filter(|change| change.hash.is_some());
    Ok((read.map(row).collect(), whole))
}

/// Forgets the records of feeds that the device may neither read nor write any more, once nothing of them waits in the
/// outbox.
pub(crate) fn purge(stage: &mut Stage<'_>, turn: &mut Turn<'_>) -> Result<(), Failure> {
    if stage.memory.roster.version == 0 {
        return Ok(());
    }
    let root = stage.enrolment()?.root_area;
    let (grants, memory) = (&stage.memory.grants, stage.memory);
    let may = |feed: &Feed| {
        access::may_read(grants, root, feed.area, feed.class)
            || access::may_write(grants, root, feed.area, feed.class)
    };
    let waiting: BTreeSet<Feed> = memory.outbox.values().map(|row| row.feed).collect();
    let gone = |feed: &Feed| !may(feed) && !waiting.contains(feed);
    let feeds: BTreeSet<Feed> = memory.cursors.keys().copied().filter(|feed| gone(feed)).collect();
    for feed in feeds {
        stage.set_cursor(feed, None);
    }
    let records: Vec<_> = memory
        .records
        .iter()
        .filter(|(record, row)| gone(&row.header.feed) && !memory.is_pending(**record))
        .map(|(record, _)| *record)
        .collect();
    for record in &records {
        stage.forget(*record);
    }
    if !records.is_empty() {
        let count = records.len();
        stage.notify(turn.now_ms, "feed-withdrawn", count, records);
        // If the feed is given back, its own changes come whole too, for they were written under another incarnation.
        repair::begin_incarnation(stage, turn);
    }
    Ok(())
}
