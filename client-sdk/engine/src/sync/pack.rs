//! Packs waiting changes into frames: one author incarnation, record class and area a frame, in causal order.

use std::collections::BTreeMap;

use fieldmerge_protocol::bundle::{BundleError, Entry, FrameDraft, Origin, Packing};
use fieldmerge_protocol::limits::MAX_FRAME_CHANGES;
use fieldmerge_protocol::sync::Feed;
use fieldmerge_protocol::{Actor, Change, ChangeHash, Incarnation, RecordId};

use crate::Failure;
use crate::doc::Doc;
use crate::memory::outbox_row::{OutboxRow, Standing};
use crate::memory::rows::{FrameKey, FrameRow, FrameStanding};
use crate::repair;
use crate::stage::Stage;

/// The most compressed bytes of a frame.
pub(crate) const MAX_FRAME_BYTES: usize = 64 << 10;
/// The most bytes of plain changes that are tried in one frame, so that its body stays within the server's limit.
const MAX_PLAIN_BYTES: usize = 768 << 10;

/// What a round may pack.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Room {
    /// The most bytes of all new frames together.
    pub(crate) bytes: usize,
    /// The most bytes of one frame.
    pub(crate) frame_bytes: usize,
    /// The most frames.
    pub(crate) frames: usize,
    /// Nothing else waits to be sent, so even a frame that is too large goes: it will not become smaller.
    pub(crate) nothing_else: bool,
    /// Name every dependency by its whole hash: the frames may travel by file.
    pub(crate) full_hashes: bool,
}

/// A frame that waits for its signature.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) key: FrameKey,
    pub(crate) numbers: Vec<u64>,
    pub(crate) full_hashes: bool,
    pub(crate) frame: FrameDraft,
}

/// New frames, and the outbox numbers of changes that no frame can hold.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) drafts: Vec<Draft>,
    pub(crate) unpackable: Vec<u64>,
}

/// What goes into frames of one kind.
struct Group {
    incarnation: Incarnation,
    feed: Feed,
    full_hashes: bool,
    rows: Vec<u64>,
}

/// Packs as many waiting changes as there is room for.
pub(crate) fn plan(stage: &Stage<'_>, room: Room) -> Result<Plan, Failure> {
    let outbox = stage.outbox();
    let mut packer = Packer {
        stage,
        outbox: &outbox,
        room,
        left: room.bytes,
        last: BTreeMap::new(),
        plan: Plan::default(),
    };
    for group in groups(stage, &outbox, room.full_hashes) {
        if !packer.pack(&group)? {
            break;
        }
    }
    Ok(packer.plan)
}

/// Waiting changes by kind of frame; those of earlier incarnations first, for later ones may depend on them, then what is
/// urgent.
fn groups(stage: &Stage<'_>, outbox: &BTreeMap<u64, &OutboxRow>, full_hashes: bool) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (number, row) in outbox.iter().filter(|(_, row)| row.standing == Standing::Waiting) {
        let incarnation = row.actor.incarnation();
        let full_hashes = full_hashes || row.full_hashes || stage.state.full_hashes;
        match groups.iter_mut().find(|group| group.incarnation == incarnation && group.feed == row.feed) {
            Some(group) => {
                group.full_hashes |= full_hashes;
                group.rows.push(*number);
            }
            None => groups.push(Group { incarnation, feed: row.feed, full_hashes, rows: vec![*number] }),
        }
    }
    groups.sort_by_key(|group| (group.incarnation == stage.state.incarnation, group.feed.class.urgency()));
    for group in &mut groups {
        in_causal_order(&mut group.rows, outbox);
    }
    groups
}

/// Changes that were offered before and are offered again stand in the outbox in another order than they were made:
/// puts those of each record in causal order, in the places that they hold together.
fn in_causal_order(rows: &mut [u64], outbox: &BTreeMap<u64, &OutboxRow>) {
    let key = |number: &u64| outbox.get(number).map(|row| (row.record, row.start_op));
    let mut sorted = rows.to_vec();
    sorted.sort_by_key(key);
    let mut next: BTreeMap<RecordId, usize> = BTreeMap::new();
    for (place, number) in sorted.iter().enumerate() {
        if let Some((record, _)) = key(number) {
            next.entry(record).or_insert(place);
        }
    }
    for row in rows {
        if let Some(place) = key(row).and_then(|(record, _)| next.get_mut(&record)) {
            *row = sorted[*place];
            *place += 1;
        }
    }
}

struct Packer<'a, 'm> {
    stage: &'a Stage<'m>,
    outbox: &'a BTreeMap<u64, &'a OutboxRow>,
    room: Room,
    left: usize,
    /// The last frame number of each incarnation, new frames included.
    last: BTreeMap<Incarnation, u64>,
    plan: Plan,
}

/// A change on its way into a frame.
struct Loaded {
    number: u64,
    record: RecordId,
    change: Change,
    hash: ChangeHash,
}

impl Packer<'_, '_> {
    /// Packs a group; says whether there is room left.
    fn pack(&mut self, group: &Group) -> Result<bool, Failure> {
        let mut waiting = &group.rows[..];
        while !waiting.is_empty() {
            if self.plan.drafts.len() >= self.room.frames {
                return Ok(false);
            }
            let loaded = self.load(waiting)?;
            let Some((count, draft)) = self.fit(group, &loaded)? else { return Ok(false) };
            waiting = &waiting[count..];
            if let Some(draft) = draft {
                self.left -= draft.frame.wire_len().min(self.left);
                self.last.insert(draft.key.0, draft.key.1);
                self.plan.drafts.push(draft);
            } else {
                self.plan.unpackable.push(loaded[0].number);
            }
        }
        Ok(true)
    }

    /// The next changes, as many as one frame may hold at most.
    fn load(&self, numbers: &[u64]) -> Result<Vec<Loaded>, Failure> {
        let mut loaded = Vec::new();
        let mut bytes = 0;
        for number in numbers.iter().take(MAX_FRAME_CHANGES) {
            let row = self.outbox.get(number).ok_or(Failure::Bug("a waiting change left the outbox"))?;
            bytes += row.change.len();
            if bytes > MAX_PLAIN_BYTES && !loaded.is_empty() {
                break;
            }
            let (change, hash) =
                Change::decode(&row.change).map_err(|_| Failure::Bug("an own change does not read"))?;
            loaded.push(Loaded { number: *number, record: row.record, change, hash });
        }
        Ok(loaded)
    }

    /// Packs the longest beginning that fits. Gives its length and no draft where not even one change can be packed,
    /// and nothing where there is no room.
    fn fit(&self, group: &Group, loaded: &[Loaded]) -> Result<Option<(usize, Option<Draft>)>, Failure> {
        let most = self.room.frame_bytes.min(self.left);
        let mut count = loaded.len();
        loop {
            let Ok(draft) = self.draft(group, &loaded[..count])? else {
                if count == 1 {
                    return Ok(Some((1, None)));
                }
                count = count.div_ceil(2);
                continue;
            };
            let size = draft.frame.wire_len();
            let alone = count == 1 && self.room.nothing_else && self.plan.drafts.is_empty();
            if size <= most || alone {
                return Ok(Some((count, Some(draft))));
            }
            if count == 1 {
                return Ok(None);
            }
            // Sizes grow about linearly; a tenth less than the share that fits spares most second tries.
            count = (count * most / size * 9 / 10).clamp(1, count - 1);
        }
    }

    fn draft(&self, group: &Group, loaded: &[Loaded]) -> Result<Result<Draft, BundleError>, Failure> {
        let enrolment = self.stage.enrolment()?;
        let last = self.last.get(&group.incarnation).copied();
        let number = last.unwrap_or_else(|| self.stage.state.last_frame(group.incarnation)) + 1;
        let origin = Origin {
            project: enrolment.project,
            device: enrolment.device,
            incarnation: group.incarnation,
            number,
            class: group.feed.class,
            area: group.feed.area,
        };
        let entries: Vec<Entry<'_>> = loaded
            .iter()
            .map(|one| Entry { record: one.record, change: &one.change, hash: one.hash })
            .collect();
        let docs = if group.full_hashes { BTreeMap::new() } else { self.docs(loaded)? };
        let acknowledged = |record: RecordId, hash: &ChangeHash| -> Option<(Actor, u64)> {
            self.stage.acknowledged(docs.get(&record)?, record, hash)
        };
        // Who names everything by whole hashes does not know what its reader holds. And what this device may not read back it
        // cannot pack again, should a server be restored that never knew the dictionary.
        let goes_without = group.full_hashes || repair::is_secret(group.feed.class);
        let dictionary = if goes_without { None } else { self.stage.dictionary_to_pack() };
        let packing = dictionary.map_or_else(Packing::default, |(number, bytes)| Packing {
            dictionary: number,
            dictionary_bytes: bytes,
            ..Packing::default()
        });
        let packed = FrameDraft::pack(origin, &entries, &acknowledged, packing).or_else(|error| {
            // A dictionary that cannot be used does not keep a change from leaving.
            dictionary
                .map_or(Err(error), |_| FrameDraft::pack(origin, &entries, &acknowledged, Packing::default()))
        });
        Ok(packed.map(|frame| Draft {
            key: (group.incarnation, number),
            numbers: loaded.iter().map(|one| one.number).collect(),
            full_hashes: group.full_hashes,
            frame,
        }))
    }

    /// The records whose changes depend on others.
    fn docs(&self, loaded: &[Loaded]) -> Result<BTreeMap<RecordId, Doc>, Failure> {
        let mut docs = BTreeMap::new();
        for one in loaded.iter().filter(|one| !one.change.deps.is_empty()) {
            if !docs.contains_key(&one.record)
                && let Some(doc) = self.stage.doc(one.record)?
            {
                docs.insert(one.record, doc);
            }
        }
        Ok(docs)
    }
}

/// Writes signed frames and their numbers, before any of them is sent.
pub(crate) fn seal(
    stage: &mut Stage<'_>,
    drafts: Vec<Draft>,
    signatures: &[[u8; 64]],
) -> Result<(), Failure> {
    if drafts.len() != signatures.len() {
        return Err(Failure::SignFailed);
    }
    for (Draft { key, numbers, full_hashes, frame }, signature) in drafts.into_iter().zip(signatures) {
        for number in &numbers {
            let mut row =
                stage.outgoing(*number).cloned().ok_or(Failure::Bug("a packed change left the outbox"))?;
            row.standing = Standing::Sent;
            stage.set_outgoing(*number, Some(row));
        }
        stage.state.set_last_frame(key.0, key.1);
        let row = FrameRow {
            bytes: frame.finish(*signature),
            changes: numbers,
            standing: FrameStanding::Sent,
            full_hashes,
            since: None,
            given_up: None,
            unowed: None,
            unread: None,
        };
        stage.set_frame(key, Some(row));
    }
    Ok(())
}

/// Sets aside changes that no frame can hold, so that they do not hold up the others.
pub(crate) fn set_aside(stage: &mut Stage<'_>, numbers: &[u64]) {
    for number in numbers {
        if let Some(mut row) = stage.outgoing(*number).cloned() {
            row.standing = Standing::Quarantined("unpackable".to_owned());
            stage.set_outgoing(*number, Some(row));
        }
    }
}
