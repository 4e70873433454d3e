//! From events to a change.

use fieldmerge_protocol::{Actor, AreaId, Change, Op, RecordId};
use smol_str::SmolStr;

use super::accept::is_month;
use super::{LogHeading, LogState, MAX_PERSONS, entry_op, person_op};
use crate::record::{BuildError, limits};

/// A log that its writer begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLog {
    /// Its writer.
    pub actor: Actor,
    /// Its id, new.
    pub id: RecordId,
    /// The name of the record type.
    pub record_type: SmolStr,
    /// The site.
    pub area: AreaId,
    /// The month, as `2026-03`.
    pub month: SmolStr,
}

/// The events of one save, numbered as the log goes on.
#[derive(Debug, Clone)]
pub struct LogDraft<'a> {
    log: Option<&'a LogState>,
    heading: LogHeading,
    id: RecordId,
    persons: Vec<RecordId>,
    entries: Vec<Vec<u8>>,
}

impl NewLog {
    /// Begins the log; `None` if the month is not one.
    pub fn draft(self) -> Option<LogDraft<'static>> {
        let Self { actor, id, record_type, area, month } = self;
        let heading = LogHeading { actor, record_type, area, month };
        let draft = LogDraft { log: None, heading, id, persons: Vec::new(), entries: Vec::new() };
        is_month(&draft.heading.month).then_some(draft)
    }
}

impl LogState {
    /// Begins a save; `None` while the log's first change is unknown.
    pub fn draft(&self) -> Option<LogDraft<'_>> {
        let heading = self.heading()?.clone();
        Some(LogDraft { log: Some(self), heading, id: self.id(), persons: Vec::new(), entries: Vec::new() })
    }

    /// One save of encoded entries, with the persons that they name for the first time.
    pub fn append(
        &self,
        time: i64,
        persons: &[RecordId],
        entries: Vec<Vec<u8>>,
    ) -> Result<Change, BuildError> {
        let mut draft = self.draft().ok_or(BuildError::UnknownRecord)?;
        draft.persons = persons.to_vec();
        draft.entries = entries;
        draft.build(time)
    }
}

impl<'a> LogDraft<'a> {
    /// The number k of a person, whom the log names now if it did not before.
    pub fn person(&mut self, person: RecordId) -> u64 {
        let known = self.known_persons();
        let place = known.iter().chain(&self.persons).position(|other| *other == person);
        place.unwrap_or_else(|| {
            self.persons.push(person);
            known.len() + self.persons.len() - 1
        }) as u64
    }

    /// Adds an entry, encoded; gives its number n.
    pub fn entry(&mut self, entry: Vec<u8>) -> u64 {
        self.entries.push(entry);
        self.first_entry() + self.entries.len() as u64 - 1
    }

    /// The change of this save.
    pub fn build(self, time: i64) -> Result<Change, BuildError> {
        let first_person = self.known_persons().len();
        let first_entry = self.first_entry();
        let too_many = first_person + self.persons.len() > MAX_PERSONS;
        let mut ops: Vec<Op> = Vec::with_capacity(4 + self.persons.len() + self.entries.len());
        if self.log.is_none() {
            ops.extend(LogState::new(self.id).heading_ops(&self.heading));
        }
        ops.extend((first_person as u64..).zip(self.persons).map(|(k, person)| person_op(k, person)));
        ops.extend((first_entry..).zip(self.entries).map(|(n, entry)| entry_op(n, entry)));
        if ops.is_empty() {
            return Err(BuildError::NothingToWrite);
        }
        let full = self.log.is_some_and(|log| log.changes.len() >= limits::MAX_CHANGES);
        let start_op = self.log.map_or(1, |log| log.next_op);
        let long = start_op + ops.len() as u64 > limits::MAX_OPS as u64 || ops.len() > limits::MAX_CHANGE_OPS;
        if too_many || full || long {
            return Err(BuildError::TooLarge);
        }
        let seq = self.log.map_or(0, LogState::last_seq) + 1;
        let deps = self.log.and_then(LogState::head).into_iter().collect();
        Ok(Change { actor: self.heading.actor, seq, start_op, time, deps, ops })
    }

    fn known_persons(&self) -> &'a [RecordId] {
        self.log.map_or(&[], |log| log.persons())
    }

    fn first_entry(&self) -> u64 {
        self.log.map_or(0, LogState::next_entry)
    }
}
