//! Marks of provisional changes, on a stage.

use std::collections::{BTreeMap, BTreeSet};

use fieldmerge_protocol::{Actor, ChangeHash, RecordId};

use super::rows::{MarkRow, PassedRow};
use crate::memory::rows;
use crate::stage::Stage;
use crate::store::{Table, Write};

/// Which change: record, actor and seq.
pub(crate) type Mark = (RecordId, Actor, u64);

fn mark_key((record, actor, seq): &Mark) -> Vec<u8> {
    [record.0.as_slice(), &actor.0, &seq.to_be_bytes()].concat()
}

/// Reads the key of a row.
pub(crate) fn read_mark(key: &[u8]) -> Option<Mark> {
    let (record, rest) = key.split_at_checked(16)?;
    let (actor, seq) = rest.split_at_checked(16)?;
    let seq = u64::from_be_bytes(seq.try_into().ok()?);
    Some((RecordId(record.try_into().ok()?), Actor(actor.try_into().ok()?), seq))
}

/// What a stage changes of the rows of this module.
#[derive(Debug, Default)]
pub(crate) struct Overlay {
    passed: BTreeMap<Vec<u8>, Option<PassedRow>>,
    marks: BTreeMap<Mark, Option<MarkRow>>,
}

impl Overlay {
    /// The records whose marks change.
    pub(crate) fn touched(&self) -> BTreeSet<RecordId> {
        self.marks.keys().map(|(record, ..)| *record).collect()
    }

    /// The writes.
    pub(crate) fn writes(&self) -> impl Iterator<Item = Write> {
        let passed = self.passed.iter().map(|(key, row)| Write {
            table: Table::Passed,
            key: key.clone(),
            value: row.as_ref().map(rows::bytes),
        });
        passed.chain(self.marks.iter().map(|(mark, row)| Write {
            table: Table::Provisional,
            key: mark_key(mark),
            value: row.as_ref().map(rows::bytes),
        }))
    }
}

impl Stage<'_> {
    /// The mark of a change, if it is provisional.
    pub(crate) fn mark(&self, mark: &Mark) -> Option<&MarkRow> {
        match self.passed.marks.get(mark) {
            Some(staged) => staged.as_ref(),
            None => self.memory.provisional.get(mark),
        }
    }

    /// Whether the change with this hash is provisional.
    pub(crate) fn is_provisional(&self, record: RecordId, actor: Actor, seq: u64, hash: ChangeHash) -> bool {
        self.mark(&(record, actor, seq)).is_some_and(|row| row.hash == hash)
    }

    /// The marks of a record.
    pub(crate) fn marks_of(&self, record: RecordId) -> Vec<(Mark, MarkRow)> {
        let range = (record, Actor([0; 16]), 0)..=(record, Actor([255; 16]), u64::MAX);
        let kept = self.memory.provisional.range(range.clone()).map(|(mark, _)| *mark);
        let all: BTreeSet<Mark> = kept.chain(self.passed.marks.range(range).map(|(mark, _)| *mark)).collect();
        all.into_iter().filter_map(|mark| Some((mark, self.mark(&mark)?.clone()))).collect()
    }

    /// How many provisional changes there are, those of this stage counted as if none were replaced.
    pub(crate) fn mark_count(&self) -> usize {
        self.memory.provisional.len() + self.passed.marks.len()
    }

    pub(crate) fn set_mark(&mut self, mark: Mark, row: MarkRow) {
        self.passed.marks.insert(mark, Some(row));
    }

    /// The server has this change.
    pub(crate) fn confirm(&mut self, mark: Mark) {
        self.passed.marks.insert(mark, None);
    }

    /// This change stands in its record no more. Its frame is merged again when it can be.
    pub(crate) fn unmark(&mut self, mark: Mark) {
        if let Some(row) = self.mark(&mark).cloned() {
            if let Some(passed) = self.passed_frame(&row.frame) {
                self.set_passed(row.frame, Some(PassedRow { waiting: true, ..passed }));
            }
            self.passed.marks.insert(mark, None);
        }
    }

    pub(crate) fn passed_frame(&self, key: &[u8]) -> Option<PassedRow> {
        match self.passed.passed.get(key) {
            Some(staged) => *staged,
            None => self.memory.passed.get(key).copied(),
        }
    }

    pub(crate) fn set_passed(&mut self, key: Vec<u8>, row: Option<PassedRow>) {
        self.passed.passed.insert(key, row);
    }

    /// Every passed frame, by key.
    pub(crate) fn passed_frames(&self) -> BTreeMap<Vec<u8>, PassedRow> {
        let keys: BTreeSet<&Vec<u8>> = self.memory.passed.keys().chain(self.passed.passed.keys()).collect();
        keys.into_iter().filter_map(|key| Some((key.clone(), self.passed_frame(key)?))).collect()
    }

    /// The marks of every record.
    pub(crate) fn all_marks(&self) -> Vec<(Mark, MarkRow)> {
        let all: BTreeSet<Mark> =
            self.memory.provisional.keys().chain(self.passed.marks.keys()).copied().collect();
        all.into_iter().filter_map(|mark| Some((mark, self.mark(&mark)?.clone()))).collect()
    }
}
