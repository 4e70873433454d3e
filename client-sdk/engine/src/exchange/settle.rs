//! What becomes of provisional changes that the server does not confirm.

use std::collections::{BTreeMap, BTreeSet};

use fieldmerge_protocol::sync::Feed;
use fieldmerge_protocol::{Actor, ChangeHash, RecordId};

use super::marks::Mark;
use crate::Failure;
use crate::doc::{Body, Doc};
use crate::engine::Turn;
use crate::memory::outbox_row::{OutboxRow, Standing};
use crate::repair;
use crate::stage::Stage;

/// Settles the frames of which `decided` says that the server has judged them, after every feed but the `unread` ones
/// was read to its end: what the feeds did not bring of them is taken out. Says whether own changes have to be written
/// anew.
pub(crate) fn settle(
    stage: &mut Stage<'_>,
    turn: &mut Turn<'_>,
    decided: impl Fn(&[u8]) -> bool,
    unread: &BTreeSet<Feed>,
) -> Result<bool, Failure> {
    let settled: Vec<Vec<u8>> = stage
        .passed_frames()
        .into_iter()
        .filter(|(key, row)| !stage.carries(key) && decided(key) && !unread.contains(&row.feed))
        .map(|(key, _)| key)
        .collect();
    if settled.is_empty() {
        return Ok(false);
    }
    let mut unwanted: BTreeMap<RecordId, BTreeSet<ChangeHash>> = BTreeMap::new();
    for ((record, ..), row) in stage.all_marks() {
        if settled.contains(&row.frame) {
            unwanted.entry(record).or_default().insert(row.hash);
        }
    }
    for key in settled {
        stage.set_passed(key, None);
    }
    let count = unwanted.values().map(BTreeSet::len).sum();
    let records: Vec<RecordId> = unwanted.keys().copied().collect();
    let mut rewrites = false;
    for (record, hashes) in unwanted {
        rewrites |= take_out(stage, turn, record, &hashes)?;
    }
    if count > 0 {
        stage.notify(turn.now_ms, "not-confirmed", count, records);
    }
    Ok(rewrites)
}

/// Takes changes out of a record, with all that stands on them. Says whether own changes stood there.
fn take_out(
    stage: &mut Stage<'_>,
    turn: &mut Turn<'_>,
    record: RecordId,
    unwanted: &BTreeSet<ChangeHash>,
) -> Result<bool, Failure> {
    let Some(doc) = stage.doc(record)? else { return Ok(false) };
    let (base, own) = strip(stage, record, &doc, unwanted)?;
    if base.is_empty() {
        stage.forget(record);
    } else {
        stage.set_doc(record, Some(base));
    }
    sweep(stage, record)?;
    Ok(undo(stage, turn, &own))
}

/// The record without its provisional changes, but for those that were confirmed since, and without what stands on them:
/// with the outbox numbers of own changes among that. `None` if it has none.
pub(crate) fn without_provisional(
    stage: &Stage<'_>,
    record: RecordId,
    doc: &Doc,
    confirmed: &[Mark],
) -> Result<Option<(Doc, Vec<u64>)>, Failure> {
    let marks = stage.marks_of(record).into_iter().filter(|(mark, _)| !confirmed.contains(mark));
    let unwanted: BTreeSet<ChangeHash> = marks.map(|(_, row)| row.hash).collect();
    if unwanted.is_empty() {
        return Ok(None);
    }
    strip(stage, record, doc, &unwanted).map(Some)
}

fn strip(
    stage: &Stage<'_>,
    record: RecordId,
    doc: &Doc,
    unwanted: &BTreeSet<ChangeHash>,
) -> Result<(Doc, Vec<u64>), Failure> {
    let gone = closure(doc, unwanted, |_, _, _| true);
    let own = stage.outgoing_of(record).into_iter().filter(|(_, row)| gone.contains(&row.hash));
    let own = own.map(|(number, _)| number).collect();
    Ok((repair::without(stage, record, doc, &gone)?.0, own))
}

/// These changes, and the provisional ones that stand on them.
pub(crate) fn with_dependents(
    stage: &Stage<'_>,
    record: RecordId,
    doc: &Doc,
    changes: &BTreeSet<ChangeHash>,
) -> BTreeSet<ChangeHash> {
    if stage.marks_of(record).is_empty() {
        return changes.clone();
    }
    closure(doc, changes, |actor, seq, hash| stage.is_provisional(record, actor, seq, hash))
}

/// These changes of a record, and those that stand on them and are picked. What a log holds nobody else builds on: there
/// a chain is cut by whoever takes a change out.
fn closure(
    doc: &Doc,
    changes: &BTreeSet<ChangeHash>,
    picks: impl Fn(Actor, u64, ChangeHash) -> bool,
) -> BTreeSet<ChangeHash> {
    let mut all = changes.clone();
    if let Body::Record(state) = &doc.body {
        for stored in state.changes() {
            let change = &stored.change;
            if change.deps.iter().any(|dep| all.contains(dep)) && picks(change.actor, change.seq, stored.hash)
            {
                all.insert(stored.hash);
            }
        }
    }
    all
}

/// Takes the marks away of changes that stand in a record no more.
pub(crate) fn sweep(stage: &mut Stage<'_>, record: RecordId) -> Result<(), Failure> {
    let marks = stage.marks_of(record);
    if marks.is_empty() {
        return Ok(());
    }
    let doc = stage.doc(record)?;
    for (mark, row) in marks {
        let (_, actor, seq) = mark;
        let stands = doc.as_ref().and_then(|doc| doc.find(actor, seq));
        if stands == Some(row.hash) {
            continue;
        }
        stage.unmark(mark);
        if stands.is_none() && doc.as_ref().is_some_and(|doc| doc.feed.class.is_log()) {
            stage.drop_entries(record, seq);
        }
    }
    Ok(())
}

/// Own changes whose ground was taken out, and which were taken out with it, are written anew by the one repair. The
/// server may know their numbers, so what is written from now on needs others. Says whether there are any.
pub(crate) fn undo(stage: &mut Stage<'_>, turn: &mut Turn<'_>, own: &[u64]) -> bool {
    let mut any = false;
    for number in own {
        let Some(row) = stage.outgoing(*number).cloned() else { continue };
        if matches!(row.standing, Standing::Quarantined(_)) {
            continue;
        }
        if row.actor.incarnation() == stage.state.incarnation {
            repair::begin_incarnation(stage, turn);
        }
        any = true;
        stage.state.repairing = true;
        stage.state.recover = true;
        stage.set_outgoing(*number, Some(OutboxRow { standing: Standing::Forked, ..row }));
    }
    any
}
