//! The one repair: own changes that the server cannot take as they are, are written anew.
//!
//! It serves a restored backup and a cloned phone (another copy of this device wrote other changes under the same
//! numbers), a change whose structure the server refuses, and a person who gives a change up. The device takes a new
//! incarnation, so no number is ever used twice; own changes that the server has not refused are offered as they are,
//! for the server says of each whether it has it; those that lost are taken out of the record and written again on the
//! merged state, with the time at which the person saved them.

mod log;
mod settle;

use std::collections::{BTreeMap, BTreeSet};

use fieldmerge_model::record::{BuildError, Identity, NewRecord, RecordState, Save};
use fieldmerge_model::{LogState, Refusal};
use fieldmerge_protocol::bundle::Frame;
use fieldmerge_protocol::{Action, Actor, Change, ChangeHash, Incarnation, RecordClass, RecordId};

use crate::doc::{Body, Doc};
use crate::engine::{Turn, new_incarnation};
use crate::memory::outbox_row::{OutboxRow, Standing};
use crate::memory::rows::{FrameKey, FrameRow, FrameStanding};
use crate::stage::Stage;
use crate::sync::kept;
use crate::{Failure, Settlement, exchange};

pub(crate) use self::settle::may_pass;

type Row = (u64, OutboxRow);

/// Takes a new incarnation.
pub(crate) fn begin_incarnation(stage: &mut Stage<'_>, turn: &mut Turn<'_>) {
    stage.state.begin(new_incarnation(turn.rng));
}

/// The device does not stand by the number of a frame any more: what the server takes under it is another copy's.
pub(crate) fn disown(stage: &mut Stage<'_>, (incarnation, number): FrameKey, turn: &mut Turn<'_>) {
    if incarnation == stage.state.incarnation && !stage.state.disown(number) {
        begin_incarnation(stage, turn);
    }
}

/// Another copy of this device writes under this incarnation. Says whether the device had to begin a new one.
pub(crate) fn copy_found(stage: &mut Stage<'_>, incarnation: Incarnation, turn: &mut Turn<'_>) -> bool {
    let current = incarnation == stage.state.incarnation;
    if current {
        begin_incarnation(stage, turn);
        stage.notify(turn.now_ms, "copy-found", 0, Vec::new());
    }
    stage.state.repairing = true;
    stage.state.recover = true;
    current
}

/// Marks the unreceived changes of a record as having lost against another copy's; they were taken out of its state.
pub(crate) fn mark_forked(stage: &mut Stage<'_>, record: RecordId, turn: &mut Turn<'_>) {
    for (number, row) in stage.outgoing_of(record) {
        copy_found(stage, row.actor.incarnation(), turn);
        if !matches!(row.standing, Standing::Quarantined(_)) {
            stage.set_outgoing(number, Some(OutboxRow { standing: Standing::Forked, ..row }));
        }
    }
}

/// The record without the device's own unreceived changes, but for those that were `confirmed` since; `None` if it has
/// none, or none can be taken out.
pub(crate) fn without_outgoing(
    stage: &Stage<'_>,
    record: RecordId,
    doc: &Doc,
    confirmed: &[u64],
) -> Result<Option<Doc>, Failure> {
    let outgoing = stage.outgoing_of(record).into_iter().filter(|(number, _)| !confirmed.contains(number));
    let outgoing: BTreeSet<ChangeHash> = outgoing.map(|(_, row)| row.hash).collect();
    let (base, kept) = without(stage, record, doc, &outgoing)?;
    Ok((!outgoing.is_empty() && kept.len() < outgoing.len()).then_some(base))
}

/// The record without these changes, and those of them that had to stay because others build on them. Provisional changes
/// that stand on them go with them: a [`exchange::sweep`] has to follow.
pub(crate) fn without(
    stage: &Stage<'_>,
    record: RecordId,
    doc: &Doc,
    leave_out: &BTreeSet<ChangeHash>,
) -> Result<(Doc, BTreeSet<ChangeHash>), Failure> {
    // What the server has not confirmed of others does not hold a change.
    let leave_out = &exchange::with_dependents(stage, record, doc, leave_out);
    let (body, kept) = match &doc.body {
        Body::Record(merged) => {
            let (base, kept) = record_without(merged, leave_out)?;
            (Body::Record(Box::new(base)), kept)
        }
        Body::Log(log) => (Body::Log(Box::new(log_without(stage, record, log, leave_out)?)), BTreeSet::new()),
    };
    Ok((Doc { feed: doc.feed, body }, kept))
}

fn record_without(
    state: &RecordState,
    leave_out: &BTreeSet<ChangeHash>,
) -> Result<(RecordState, BTreeSet<ChangeHash>), Failure> {
    let changes: Vec<_> = state.changes().collect();
    let mut needed: BTreeSet<ChangeHash> = BTreeSet::new();
    for stored in changes.iter().rev() {
        if needed.contains(&stored.hash) || !leave_out.contains(&stored.hash) {
            needed.extend(&stored.change.deps);
        }
    }
    let stays = |hash: &ChangeHash| !leave_out.contains(hash) || needed.contains(hash);
    let mut base = RecordState::new(state.id());
    for stored in changes.iter().filter(|stored| stays(&stored.hash)) {
        if base.accept(&stored.change, stored.hash, stored.provenance) != fieldmerge_model::Verdict::Applied {
            return Err(Failure::Bug("a record cannot be rebuilt"));
        }
    }
    Ok((base, leave_out.intersection(&needed).copied().collect()))
}

/// A log is a chain: what stands after a change that is left out goes too.
fn log_without(
    stage: &Stage<'_>,
    record: RecordId,
    log: &LogState,
    leave_out: &BTreeSet<ChangeHash>,
) -> Result<LogState, Failure> {
    let broken = || Failure::Bug("a log cannot be rebuilt");
    let mut base = LogState::new(record);
    for seq in 1..=log.last_seq() {
        let first = log.entries_of(seq).start;
        let entries = stage.entries(record, seq);
        let entry = |n: u64| entries.get(usize::try_from(n - first).ok()?).cloned();
        let stored = log.change(seq, entry).ok_or_else(broken)?;
        if leave_out.contains(&stored.hash) {
            break;
        }
        if base.accept(&stored.change, stored.hash, stored.provenance) != fieldmerge_model::Verdict::Applied {
            return Err(broken());
        }
    }
    Ok(base)
}

/// Whether a change is to be written anew, or given up, without asking a person again.
pub(crate) fn is_due(row: &OutboxRow) -> bool {
    let is_refused = |code| row.repairs == 0 && Refusal::from_code(code).is_some();
    match &row.standing {
        Standing::Forked => true,
        Standing::Quarantined(code) => wish(row).is_some() || is_refused(code),
        _ => false,
    }
}

/// What is done with a change by its person's wish, now that the server does not take it any more.
fn wish(row: &OutboxRow) -> Option<Settlement> {
    row.wish.filter(|_| matches!(row.standing, Standing::Quarantined(_)) && !row.is_open())
}

/// Writes anew what lost or was refused for its structure, after everything was read. Gives the number of changes.
pub(crate) fn rewrite(stage: &mut Stage<'_>, turn: &mut Turn<'_>) -> Result<u64, Failure> {
    let mut due: BTreeMap<RecordId, (u64, u64)> = BTreeMap::new();
    for (number, row) in stage.outbox() {
        if is_due(row) {
            let first = due.entry(row.record).or_insert((row.start_op, number));
            *first = (*first).min((row.start_op, number));
        }
    }
    let mut moved = log::Moved::default();
    let mut count = 0;
    let records: Vec<RecordId> = due.keys().copied().collect();
    for (record, (_, from)) in due {
        let rows = rows_of(stage, record, from)?;
        count += redo(stage, turn, record, rows, &mut moved)?;
    }
    if count > 0 {
        stage.notify(turn.now_ms, "rewritten", usize::try_from(count).unwrap_or(usize::MAX), records);
    }
    settle_frames(stage, turn);
    Ok(count)
}

/// The unreceived changes of a record from one on, or all: the later ones build on the first. What was offered to a
/// restored server again has later numbers than what builds on it.
fn rows_from(stage: &Stage<'_>, record: RecordId, from: Option<u64>) -> Vec<Row> {
    let first = from.and_then(|number| stage.outgoing(number)).map_or(0, |row| row.start_op);
    let mut rows = stage.outgoing_of(record);
    rows.retain(|(_, row)| row.start_op >= first);
    rows.sort_by_key(|(number, row)| (row.start_op, *number));
    rows
}

/// The changes to be written anew with one of them. What stands on what a restored server lost is written again from the
/// first on.
fn rows_of(stage: &Stage<'_>, record: RecordId, from: u64) -> Result<Vec<Row>, Failure> {
    let again = |row: &OutboxRow| wish(row) == Some(Settlement::Repair);
    let wanted = stage.outgoing_of(record).iter().any(|(_, row)| again(row));
    let doubts = wanted && !exchange::doubted(stage, record)?.is_empty();
    Ok(rows_from(stage, record, (!doubts).then_some(from)))
}

/// Takes these changes out of a record and writes them again, but for those that a person gave up, and for those that a
/// person has yet to settle. With one that a person has written again comes what a restored server lost of others' work
/// beneath it.
fn redo(
    stage: &mut Stage<'_>,
    turn: &mut Turn<'_>,
    record: RecordId,
    rows: Vec<Row>,
    moved: &mut log::Moved,
) -> Result<u64, Failure> {
    let Some(first) = rows.first() else { return Ok(0) };
    let feed = first.1.feed;
    let doc = stage.doc(record)?.unwrap_or_else(|| Doc::new(record, feed));
    let again = rows.iter().any(|(_, row)| wish(row) == Some(Settlement::Repair));
    let doubted = if again { exchange::doubted(stage, record)? } else { Vec::new() };
    let lost = doubted.iter().map(|stored| stored.hash);
    let leave_out: BTreeSet<ChangeHash> = rows.iter().map(|(_, row)| row.hash).chain(lost).collect();
    let kept = take_out(stage, record, &doc, &rows, &leave_out)?;
    let mut past = log::Past::of(&doc);
    let mut count = 0;
    for stored in doubted.iter().filter(|stored| !kept.contains(&stored.hash)) {
        let row = OutboxRow { time: stored.change.time, ..first.1.clone() };
        match write_again(stage, record, &row, &stored.change) {
            Ok(()) => count += 1,
            Err(Failure::NothingToWrite) => {}
            Err(failure) => return Err(failure),
        }
    }
    for (number, row) in rows {
        let change = Change::decode(&row.change).map_err(|_| Failure::Bug("an own change does not read"))?.0;
        if let Some(past) = &mut past {
            past.learn(&row, &change);
        }
        let waits = matches!(&row.standing, Standing::Quarantined(_)) && !is_due(&row);
        if waits && !kept.contains(&row.hash) {
            // What it stood on is gone from the log, and with it what it needs to be written anew.
            let past = past.as_ref().and_then(log::Past::kept);
            stage.set_outgoing(number, Some(OutboxRow { past, ..row }));
            continue;
        }
        stage.set_outgoing(number, None);
        if !kept.contains(&row.hash) {
            give_up(stage, number);
        }
        // What others build on the server has, whatever became of the receipt.
        if kept.contains(&row.hash) || wish(&row) == Some(Settlement::Dismiss) {
            continue;
        }
        let written = match &past {
            Some(past) => log::write_again(stage, turn, past, &row, &change, moved),
            None => write_again(stage, record, &row, &change),
        };
        match written {
            Ok(()) => count += 1,
            Err(Failure::NothingToWrite) => {}
            Err(Failure::Bug(what)) => return Err(Failure::Bug(what)),
            Err(_) => {
                let standing = Standing::Quarantined("unrepairable".to_owned());
                stage.set_outgoing(number, Some(OutboxRow { standing, wish: None, ..row }));
            }
        }
    }
    Ok(count)
}

/// Takes changes out of a record, and tells which of them had to stay because others build on them.
fn take_out(
    stage: &mut Stage<'_>,
    record: RecordId,
    doc: &Doc,
    rows: &[Row],
    leave_out: &BTreeSet<ChangeHash>,
) -> Result<BTreeSet<ChangeHash>, Failure> {
    let (base, kept) = without(stage, record, doc, leave_out)?;
    if matches!(doc.body, Body::Log(_)) {
        for (_, row) in rows {
            // Where another copy's change stands under the same number, its entries stay.
            if doc.find(row.actor, row.seq).is_none_or(|hash| hash == row.hash) {
                stage.drop_entries(record, row.seq);
            }
        }
    }
    if base.is_empty() {
        stage.forget(record);
    } else {
        stage.set_doc(record, Some(base));
    }
    exchange::sweep(stage, record)?;
    Ok(kept)
}

/// Notes in the frame of a change that it does not stand for it any more.
fn give_up(stage: &mut Stage<'_>, number: u64) {
    for key in stage.frame_keys() {
        let Some(frame) = stage.frame(key) else { continue };
        let Some(index) = frame.changes.iter().position(|of_frame| *of_frame == number) else { continue };
        let mut frame = frame.clone();
        frame.given_up.get_or_insert_default().extend(u32::try_from(index));
        stage.set_frame(key, Some(frame));
    }
}

/// Writes what a change wrote once more, on the record as it is now, under the present incarnation.
fn write_again(
    stage: &mut Stage<'_>,
    record: RecordId,
    row: &OutboxRow,
    change: &Change,
) -> Result<(), Failure> {
    let actor = present_actor(stage, row.actor)?;
    let fixed = ["_id", "_type", "_area", "_subject"];
    let mut puts = Vec::new();
    let mut deletes = Vec::new();
    for op in change.ops.iter().filter(|op| !fixed.contains(&op.path.as_str())) {
        match &op.action {
            Action::Put(value) => puts.push((op.path.clone(), value.clone())),
            Action::Delete => deletes.push(op.path.clone()),
        }
    }
    let refused = |_| Failure::TooLarge;
    let (mut doc, again) = if let Some(doc) = stage.doc(record)? {
        let Body::Record(merged) = &doc.body else {
            return Err(Failure::Bug("a log was opened as a record"));
        };
        let save = Save { actor, time: row.time, puts, deletes };
        let change = match merged.build(&save) {
            Err(BuildError::NothingToWrite) => return Err(Failure::NothingToWrite),
            built => built.map_err(refused)?,
        };
        (doc, change)
    } else {
        let identity = Identity::read(change).ok_or(Failure::UnknownRecord(record))?;
        let Identity { id, record_type, area, subject } = identity;
        let new = NewRecord { actor, time: row.time, id, record_type, area, subject, puts };
        (Doc::new(record, row.feed), new.build().map_err(refused)?)
    };
    stage.save(record, &mut doc, &again, row.repairs.saturating_add(1))?;
    stage.set_doc(record, Some(doc));
    Ok(())
}

/// The same person on this device, under the present incarnation.
fn present_actor(stage: &Stage<'_>, actor: Actor) -> Result<Actor, Failure> {
    Ok(Actor::new(stage.enrolment()?.device, actor.person(), stage.state.incarnation))
}

/// Frames whose changes have all left the outbox are done with. One that has a receipt is kept, for it may hold changes
/// that the server took; the number of another is free for another copy.
fn settle_frames(stage: &mut Stage<'_>, turn: &mut Turn<'_>) {
    for key in stage.frame_keys() {
        let Some(frame) = stage.frame(key).cloned() else { continue };
        let alive = frame.changes.iter().any(|number| stage.outgoing(*number).is_some());
        if alive || frame.changes.is_empty() || frame.standing == FrameStanding::Kept {
            continue;
        }
        let (received, secret) = (frame.standing == FrameStanding::Unsettled, may_not_be_read(&frame.bytes));
        if received && secret {
            kept::keep(stage, turn, key, &frame.bytes);
        }
        let kept = FrameRow { changes: Vec::new(), standing: FrameStanding::Kept, ..frame };
        stage.set_frame(key, (received && !secret).then_some(kept));
        if !received {
            disown(stage, key, turn);
        }
    }
}

/// Whether a frame holds what the device may not read back.
pub(crate) fn may_not_be_read(frame: &[u8]) -> bool {
    Frame::parse(frame).is_ok_and(|frame| is_secret(frame.header.origin.class))
}

/// Whether records of a class are written by devices that may not read them back.
pub(crate) fn is_secret(class: RecordClass) -> bool {
    class == RecordClass::Observation
}

/// The server may have taken a change meanwhile, and said of its position only that the device's own changes stand there:
/// the feed is read again from where it stood when the change was first said to wait.
fn read_again(stage: &mut Stage<'_>, rows: &[Row]) {
    for key in stage.frame_keys() {
        let Some(frame) = stage.frame(key).filter(|frame| frame.standing == FrameStanding::Unsettled) else {
            continue;
        };
        let since = frame.since.unwrap_or_default();
        let concerned = rows.iter().find(|(number, _)| frame.changes.contains(number));
        if let Some(feed) = concerned.map(|(_, row)| row.feed)
            && stage.cursor(feed) > since
        {
            stage.set_cursor(feed, Some(since));
        }
    }
}
