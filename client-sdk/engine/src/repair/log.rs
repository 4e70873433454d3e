//! Writing the entries of a log anew: into the log of the present incarnation, for a log has one writer.

use std::collections::BTreeMap;

use fieldmerge_model::log::{self, LogHeading};
use fieldmerge_model::record::Identity;
use fieldmerge_model::types::entry::{Entry, EntryRef};
use fieldmerge_protocol::{Action, Change, RecordId, Value};

use super::present_actor;
use crate::doc::{Body, Doc};
use crate::edit::Saver;
use crate::engine::Turn;
use crate::memory::rows::OutboxRow;
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
    heading: Option<LogHeading>,
    persons: BTreeMap<u64, RecordId>,
}

impl Past {
    /// The past of a log; `None` for a record.
    pub(super) fn of(doc: &Doc) -> Option<Self> {
        let Body::Log(log) = &doc.body else { return None };
        Some(Self {
            heading: log.heading().cloned(),
            persons: (0..).zip(log.persons().iter().copied()).collect(),
        })
    }

    /// Takes in what a change says of the log: its month, and the persons that it names.
    pub(super) fn learn(&mut self, change: &Change) {
        self.persons.extend(log::persons(change));
        if self.heading.is_some() {
            return;
        }
        let month = change.ops.iter().find(|op| op.path.as_str() == "_month").map(|op| &op.action);
        if let (Some(identity), Some(Action::Put(Value::Str(month)))) = (Identity::read(change), month) {
            let Identity { record_type, area, .. } = identity;
            self.heading = Some(LogHeading { actor: change.actor, record_type, area, month: month.clone() });
        }
    }
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
    let LogHeading { area, month, .. } =
        past.heading.clone().ok_or(Failure::Bug("a log without a first change"))?;
    let mut entries = Vec::new();
    let mut numbers = Vec::new();
    for (n, bytes) in log::entries(change) {
        let mut entry = Entry::read(row.feed.class, &Value::Bytes(bytes.to_vec()))
            .map_err(|_| Failure::Bug("an own entry does not read"))?;
        let subject = past.persons.get(&u64::from(entry.person())).copied();
        follow(&mut entry, |reference| moved.follow(row.record, reference));
        entries.push(LogEntry { subject: subject.ok_or(Failure::Bug("an entry about nobody"))?, entry });
        numbers.push(n);
    }
    let actor = present_actor(stage, row.actor)?;
    let key = (actor, area, row.feed.class, month);
    let mut saver = Saver { stage, now_ms: turn.now_ms, rng: &mut *turn.rng };
    let (log, first) = saver.write_sheet(key, entries, row.time, row.repairs.saturating_add(1))?;
    moved.0.extend(numbers.into_iter().zip(first..).map(|(n, place)| ((row.record, n), (log, place))));
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
