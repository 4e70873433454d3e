//! Reads, under locks, what the merge needs.

use std::collections::{BTreeMap, BTreeSet};

use fieldmerge_model::log::LogState;
use fieldmerge_model::record::RecordState;
use fieldmerge_protocol::bundle::{decode_body, resolve};
use fieldmerge_protocol::sync::FrameRef;
use fieldmerge_protocol::{DeviceId, Incarnation, ProjectId, RecordId};
use fieldmerge_store::held::HeldChange;
use fieldmerge_store::proofs::Proof;
use fieldmerge_store::records::RecordRow;
use fieldmerge_store::{StoreError, Tx, held, proofs as store_proofs, records};

use super::frames::{self, Checked, Envelope};
use super::merge::{Incoming, Item, Merge, Slot, Source, Working};
use super::{At, Push, sealed};

/// Proofs by author and number.
pub type Proofs = BTreeMap<(DeviceId, FrameRef), Proof>;

/// The proofs of those frames that were taken before.
pub async fn proofs(
    tx: &mut Tx,
    project: ProjectId,
    checked: impl Iterator<Item = &Checked>,
) -> Result<Proofs, StoreError> {
    let signed = checked.filter_map(|frame| match frame {
        Checked::Good(envelope, _) | Checked::Bad(envelope, _) => Some(envelope.source),
        Checked::Seen(source, _) | Checked::Unread(source, _) => Some(*source),
        Checked::Unopened(source, _, code) => sealed::is_proven(*code).then_some(*source),
        Checked::Unproven(..) => None,
    });
    between(tx, project, signed.map(|source| (source.device, source.frame))).await
}

/// The proofs of those frames of the sender's own that were taken before: they need not be opened again. Of others
/// nobody has proven yet that they come from whom they name, so nothing is looked up for them.
pub async fn taken(
    tx: &mut Tx,
    project: ProjectId,
    sender: Option<DeviceId>,
    frames: &[Vec<u8>],
) -> Result<Proofs, StoreError> {
    let own = frames::named(frames).filter(|(device, _)| Some(*device) == sender);
    between(tx, project, own).await
}

/// Frames whose numbers lie no further apart are looked up together: those between them are read in vain.
const NEAR: u64 = 16;

/// The proofs of the frames that are named, and some that stand between them.
async fn between(
    tx: &mut Tx,
    project: ProjectId,
    named: impl Iterator<Item = (DeviceId, FrameRef)>,
) -> Result<Proofs, StoreError> {
    let named: BTreeSet<(DeviceId, Incarnation, u64)> =
        named.map(|(device, frame)| (device, frame.incarnation, frame.number)).collect();
    let mut ranges: Vec<(DeviceId, Incarnation, u64, u64)> = Vec::new();
    for (device, incarnation, number) in named {
        match ranges.last_mut() {
            Some((of, under, _, last))
                if (*of, *under) == (device, incarnation) && number - *last <= NEAR =>
            {
                *last = number;
            }
            _ => ranges.push((device, incarnation, number, number)),
        }
    }
    let mut known = BTreeMap::new();
    for (device, incarnation, first, last) in ranges {
        for proof in store_proofs::between(tx, project, device, incarnation, first, last).await? {
            known.insert((device, FrameRef { incarnation, number: proof.source.frame }), proof);
        }
    }
    Ok(known)
}

/// Locks and loads every record that the frames name, what is held for them, and what their authors may do.
pub async fn merge(
    tx: &mut Tx,
    push: &Push<'_>,
    good: &[(At, Box<Envelope>, Incoming)],
) -> Result<Merge, StoreError> {
    let ids = good.iter().flat_map(|(.., incoming)| incoming.packed.iter().map(|packed| packed.record));
    let authors = good.iter().map(|(_, envelope, _)| envelope.source.device);
    records_of(tx, push, ids.collect(), authors.collect()).await
}

/// Locks and loads these records, what is held for them, and what these authors may do.
pub async fn records_of(
    tx: &mut Tx,
    push: &Push<'_>,
    ids: BTreeSet<RecordId>,
    authors: BTreeSet<DeviceId>,
) -> Result<Merge, StoreError> {
    let ids: Vec<RecordId> = ids.into_iter().collect();
    let mut records: BTreeMap<RecordId, Working> = ids
        .iter()
        .map(|id| (*id, Working { slot: Slot::Absent, feed: None, changed: false, position: 0, row: None }))
        .collect();
    for row in records::load_for_update(tx, push.project, &ids).await? {
        let slot = slot_of(&row)?;
        let feed = Some(row.feed);
        let position = row.position;
        records.insert(row.id, Working { slot, feed, changed: false, position, row: Some(row) });
    }
    let mut waiting: BTreeMap<RecordId, Vec<Item>> = BTreeMap::new();
    for held in held::of_records(tx, push.project, &ids).await? {
        waiting.entry(held.record).or_default().push(unpack(&held)?);
    }
    let mut held_counts = BTreeMap::new();
    for device in authors {
        let count = held::count_of_device(tx, push.project, device).await?;
        held_counts.insert(device, usize::try_from(count).unwrap_or(usize::MAX));
    }
    Ok(Merge {
        // After the locks: no older than what the last writer of any of these records went by.
        directory: push.directory(tx).await?,
        records,
        held: waiting,
        held_counts,
        runs: Vec::new(),
        newly_held: Vec::new(),
        settled: Vec::new(),
        refused: Vec::new(),
    })
}

/// The merged state that a row holds.
fn slot_of(row: &RecordRow) -> Result<Slot, StoreError> {
    let corrupt = || StoreError::Corrupt { table: "records", column: "state", key: row.id.to_string() };
    Ok(if row.feed.class.is_log() {
        Slot::Log(Box::new(LogState::from_bytes(&row.state).map_err(|_| corrupt())?))
    } else {
        Slot::Record(Box::new(RecordState::from_bytes(&row.state).map_err(|_| corrupt())?))
    })
}

/// A held change is stored as a body of one change with full hashes, so it needs nobody's state.
pub(super) fn unpack(held: &HeldChange) -> Result<Item, StoreError> {
    let corrupt = || StoreError::Corrupt { table: "held", column: "body", key: held.record.to_string() };
    let packed = decode_body(&held.body).map_err(|_| corrupt())?;
    let resolved = resolve(packed, &mut |_, _, _| None).pop().ok_or_else(corrupt)?;
    let source = Source {
        device: held.source.device,
        frame: FrameRef { incarnation: held.source.incarnation, number: held.source.frame },
        received_ms: held.received_ms,
    };
    let hash = resolved.hash.ok_or_else(corrupt)?;
    Ok(Item { record: held.record, change: resolved.change, hash, source, place: held.frame_index })
}
