//! Writing the entries of a log anew: each change into a log of its own, which follows from the change.
//!
//! Two copies of a device may hold one refused change, and so may a device before and after it went back to a backup.
//! Where both write it anew they make the same change under the same number, and the server takes it once.

use std::collections::BTreeMap;

use fieldmerge_model::log;
use fieldmerge_model::types::entry::{Entry, EntryRef};
use fieldmerge_protocol::{Action, Actor, Change, Incarnation, RecordId, Value};
use sha2::{Digest, Sha256};
use smol_str::SmolStr;

use crate::doc::{Body, Doc};
use crate::edit::Saver;
use crate::engine::Turn;
use crate::memory::outbox_row::{LogPast, OutboxRow};
use crate::stage::Stage;
use crate::{Failure, LogEntry};

/// Where entries went: an entry that corrects another one must follow it.
#[derive(Debug, Default)]
pub(super) struct Moved(BTreeMap<(RecordId, u64), (RecordId, u64)>);

impl Moved {
    /// The reference of an entry that stood in `log`, from any other log.
    fn follow(&self, log: RecordId, reference: EntryRef) -> EntryRef {
        let stood = (reference.log.unwrap_or(log), reference.n);
        let (log, n) = self.0.get(&stood).copied().unwrap_or(stood);
        EntryRef { log: Some(log), n }
    }
}

/// What a log was as the changes to be written anew saw it: the log may stand without them by now, or hold others.
#[derive(Debug)]
pub(super) struct Past {
    month: Option<SmolStr>,
    persons: BTreeMap<u64, RecordId>,
}

impl Past {
    /// The past of a log; `None` for a record.
    pub(super) fn of(doc: &Doc) -> Option<Self> {
        let Body::Log(log) = &doc.body else { return None };
        Some(Self {
            month: log.heading().map(|heading| heading.month.clone()),
            persons: (0..).zip(log.persons().iter().copied()).collect(),
        })
    }

    /// Takes in what a change says of the log, or what was kept beside it: the month, and persons.
    pub(super) fn learn(&mut self, row: &OutboxRow, change: &Change) {
        if let Some(LogPast { month, persons }) = &row.past {
            self.month.get_or_insert_with(|| SmolStr::new(month));
            self.persons.extend((0..).zip(persons.iter().copied()));
        }
        self.persons.extend(log::persons(change));
        let month = change.ops.iter().find(|op| op.path.as_str() == "_month").map(|op| &op.action);
        if let (None, Some(Action::Put(Value::Str(month)))) = (&self.month, month) {
            self.month = Some(month.clone());
        }
    }

    /// What has to be kept beside a change that stays out of its log.
    pub(super) fn kept(&self) -> Option<LogPast> {
        let month = self.month.as_ref()?.to_string();
        Some(LogPast { month, persons: self.persons.values().copied().collect() })
    }
}

/// Where the entries of a change go when they are written anew: the incarnation that writes, and the log.
fn place_of(row: &OutboxRow) -> (Incarnation, RecordId) {
    let digest: [u8; 32] =
        Sha256::new().chain_update(b"fieldmerge-again-v1\0").chain_update(row.hash.0).finalize().into();
    let (incarnation, random) = digest.split_first_chunk().expect("a digest has 32 bytes");
    let random = random.first_chunk().expect("and ten after four");
    let millis = u64::try_from(row.time).unwrap_or_default();
    let id = uuid::Builder::from_unix_timestamp_millis(millis, random).into_uuid();
    (Incarnation(*incarnation), id.into())
}

/// Writes the entries of a change again.
pub(super) fn write_again(
    stage: &mut Stage<'_>,
    turn: &mut Turn<'_>,
    past: &Past,
    row: &OutboxRow,
    change: &Change,
    moved: &mut Moved,
) -> Result<(), Failure> {
    let month = past.month.clone().ok_or(Failure::Bug("a log without a first change"))?;
    let mut entries = Vec::new();
    let (incarnation, log) = place_of(row);
    for ((n, _), place) in log::entries(change).zip(0..) {
        moved.0.insert((row.record, n), (log, place));
    }
    if stage.doc(log)?.is_some() {
        // Another copy has written them, and this one has read it.
        return Err(Failure::NothingToWrite);
    }
    for (_, bytes) in log::entries(change) {
        let mut entry = Entry::read(row.feed.class, &Value::Bytes(bytes.to_vec()))
            .map_err(|_| Failure::Bug("an own entry does not read"))?;
        let subject = past.persons.get(&u64::from(entry.person())).copied();
        follow(&mut entry, |reference| moved.follow(row.record, reference));
        entries.push(LogEntry { subject: subject.ok_or(Failure::Bug("an entry about nobody"))?, entry });
    }
    let actor = Actor::new(stage.enrolment()?.device, row.actor.person(), incarnation);
    let key = (actor, row.feed.area, row.feed.class, month);
    let mut saver = Saver { stage, now_ms: turn.now_ms, rng: &mut *turn.rng };
    saver.write_sheet((log, key), entries, row.time, row.repairs.saturating_add(1))?;
    Ok(())
}

/// Changes the entry that an entry corrects or reverses.
fn follow(entry: &mut Entry, to: impl Fn(EntryRef) -> EntryRef) {
    let reference = match entry {
        Entry::Attendance(entry) => &mut entry.corrects,
        Entry::Childcare(entry) => &mut entry.corrects,
        Entry::Training(entry) => &mut entry.corrects,
        Entry::Payment(entry) => &mut entry.reverses,
    };
    *reference = reference.map(to);
}
