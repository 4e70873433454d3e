//! A stage: changes of state that are not durable yet, laid over memory.
//!
//! Whoever works on a stage sees its own writes. Memory stays as it is until the batch that a stage gives has been
//! stored; a stage that is dropped leaves nothing behind.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use fieldmerge_model::Refusal;
use fieldmerge_model::access::Roles;
use fieldmerge_model::record::{Provenance, Verdict};
use fieldmerge_protocol::change::MAX_DEPS;
use fieldmerge_protocol::sync::{self, Feed, Roster};
use fieldmerge_protocol::{Actor, Change, ChangeHash, DeviceId, RecordId};

use crate::attach;
use crate::doc::{self, Doc};
use crate::exchange::Overlay;
use crate::forms::Forms;
use crate::forms::rows::BegunForm;
use crate::header;
use crate::memory::outbox_row::{OutboxRow, Standing};
use crate::memory::rows::{self, FrameKey, FrameRow, NoticeRow, State};
use crate::memory::sealed_rows::KeptRow;
use crate::memory::{self, LogKey, Memory};
use crate::store::{Table, Write};
use crate::{Enrolment, Failure};

/// The most bytes of one change: what a phone may save in one form.
const MAX_CHANGE_BYTES: usize = 256 << 10;
/// The most records that a notice names.
const MAX_NOTICE_RECORDS: usize = 100;

/// The value of a row.
type Bytes = Arc<[u8]>;

/// Changes of state over memory.
#[derive(Debug)]
pub(crate) struct Stage<'m> {
    pub(crate) memory: &'m Memory,
    /// The forms, and what records hold by them.
    pub(crate) forms: Arc<Forms>,
    /// The version of a form of which the beginning has arrived.
    pub(crate) form_begun: Option<BegunForm>,
    /// Counters and flags, to be changed in place.
    pub(crate) state: State,
    docs: BTreeMap<RecordId, Option<Doc>>,
    /// Records that look different without having changed: what left the outbox.
    touched: BTreeSet<RecordId>,
    outbox: BTreeMap<u64, Option<OutboxRow>>,
    frames: BTreeMap<FrameKey, Option<FrameRow>>,
    cursors: BTreeMap<Feed, Option<u64>>,
    log_entries: BTreeMap<(RecordId, u64), Option<Arc<[u8]>>>,
    pub(crate) roster: Option<(Roster, HashMap<DeviceId, Roles>)>,
    partial: Option<Bytes>,
    pub(crate) passed: Overlay,
    pub(crate) rest: BTreeMap<(Table, Vec<u8>), Option<Bytes>>,
}

impl<'m> Stage<'m> {
    /// Begins a stage on an enrolled device.
    pub(crate) fn new(memory: &'m Memory) -> Result<Self, Failure> {
        let state = memory.state.clone().ok_or(Failure::NotEnrolled)?;
        Ok(Self::with_state(memory, state))
    }

    /// Begins a stage with a first state.
    pub(crate) fn with_state(memory: &'m Memory, state: State) -> Self {
        Self {
            memory,
            forms: Arc::clone(&memory.forms),
            form_begun: memory.form_begun.clone(),
            state,
            docs: BTreeMap::new(),
            touched: BTreeSet::new(),
            outbox: BTreeMap::new(),
            frames: BTreeMap::new(),
            cursors: BTreeMap::new(),
            log_entries: BTreeMap::new(),
            roster: None,
            partial: memory.partial.clone(),
            passed: Overlay::default(),
            rest: BTreeMap::new(),
        }
    }

    pub(crate) fn enrolment(&self) -> Result<&'m Enrolment, Failure> {
        self.memory.enrolment.as_ref().ok_or(Failure::NotEnrolled)
    }

    /// A copy of a record as it is on this stage.
    pub(crate) fn doc(&self, record: RecordId) -> Result<Option<Doc>, Failure> {
        match self.docs.get(&record) {
            Some(staged) => Ok(staged.clone()),
            None => self.memory.records.get(&record).map(Doc::decode).transpose(),
        }
    }

    pub(crate) fn set_doc(&mut self, record: RecordId, doc: Option<Doc>) {
        self.docs.insert(record, doc);
    }

    /// The log of a writer, an area, a class and a month.
    pub(crate) fn find_log(&self, key: &LogKey) -> Option<RecordId> {
        let (writer, area, class, month) = key;
        let staged = self.docs.iter().find(|(_, doc)| {
            let heading = doc.as_ref().and_then(|doc| Some((doc.feed, doc.heading()?)));
            heading.is_some_and(|(feed, heading)| {
                heading.actor == *writer
                    && feed == Feed { area: *area, class: *class }
                    && heading.month == *month
            })
        });
        let kept = || self.memory.logs.get(key).filter(|log| !self.docs.contains_key(log)).copied();
        staged.map(|(log, _)| *log).or_else(kept)
    }

    /// Removes a record with everything that stands beside it.
    pub(crate) fn forget(&mut self, record: RecordId) {
        self.docs.insert(record, None);
        for (mark, _) in self.marks_of(record) {
            self.unmark(mark);
        }
        for seq in self.log_entry_rows(record) {
            self.log_entries.insert((record, seq), None);
        }
    }

    fn log_entry_rows(&self, record: RecordId) -> BTreeSet<u64> {
        let range = (record, 0)..=(record, u64::MAX);
        let kept = self.memory.log_entries.range(range.clone()).map(|((_, seq), _)| *seq);
        kept.chain(self.log_entries.range(range).map(|((_, seq), _)| *seq)).collect()
    }

    /// The entries that a change put into a log.
    pub(crate) fn entries(&self, record: RecordId, seq: u64) -> Vec<Vec<u8>> {
        let row = match self.log_entries.get(&(record, seq)) {
            Some(staged) => staged.as_ref(),
            None => self.memory.log_entries.get(&(record, seq)),
        };
        row.map(|row| doc::read_entries(row)).unwrap_or_default()
    }

    /// Keeps the entries that a change puts, if it is one of a log.
    pub(crate) fn keep_entries(&mut self, record: RecordId, feed: Feed, change: &Change) {
        if feed.class.is_log() {
            self.log_entries.insert((record, change.seq), Some(doc::entries_row(change).into()));
        }
    }

    pub(crate) fn drop_entries(&mut self, record: RecordId, seq: u64) {
        self.log_entries.insert((record, seq), None);
    }

    /// Applies a change that a person made here, and puts it into the outbox.
    pub(crate) fn save(
        &mut self,
        record: RecordId,
        doc: &mut Doc,
        change: &Change,
        repairs: u8,
    ) -> Result<u64, Failure> {
        let (bytes, hash) = change.encode();
        if bytes.len() > MAX_CHANGE_BYTES || change.deps.len() > MAX_DEPS {
            return Err(Failure::TooLarge);
        }
        match doc.accept(change, hash, Provenance::default()) {
            Verdict::Applied => {}
            Verdict::Refused(Refusal::TooLarge) => return Err(Failure::TooLarge),
            _ => return Err(Failure::Bug("an own change does not fit its record")),
        }
        self.keep_entries(record, doc.feed, change);
        Ok(self.enqueue(OutboxRow {
            record,
            feed: doc.feed,
            actor: change.actor,
            seq: change.seq,
            hash,
            time: change.time,
            change: bytes,
            standing: Standing::Waiting,
            full_hashes: false,
            repairs,
            start_op: change.start_op,
            past: None,
            wish: None,
        }))
    }

    /// Puts a row at the end of the outbox.
    pub(crate) fn enqueue(&mut self, row: OutboxRow) -> u64 {
        let number = self.state.next_outgoing;
        self.state.next_outgoing += 1;
        self.set_outgoing(number, Some(row));
        number
    }

    pub(crate) fn outgoing(&self, number: u64) -> Option<&OutboxRow> {
        match self.outbox.get(&number) {
            Some(staged) => staged.as_ref(),
            None => self.memory.outbox.get(&number),
        }
    }

    pub(crate) fn set_outgoing(&mut self, number: u64, row: Option<OutboxRow>) {
        if let Some(before) = self.outgoing(number) {
            let record = before.record;
            self.touched.insert(record);
        }
        self.outbox.insert(number, row);
    }

    /// The whole outbox, in order.
    pub(crate) fn outbox(&self) -> BTreeMap<u64, &OutboxRow> {
        let mut rows: BTreeMap<u64, &OutboxRow> =
            self.memory.outbox.iter().map(|(number, row)| (*number, row)).collect();
        for (number, row) in &self.outbox {
            match row {
                Some(row) => rows.insert(*number, row),
                None => rows.remove(number),
            };
        }
        rows
    }

    /// The outbox numbers of one record, in order.
    fn numbers_of(&self, record: RecordId) -> impl Iterator<Item = u64> {
        let kept = self.memory.outgoing.get(&record).into_iter().flatten().copied();
        let staged = self
            .outbox
            .iter()
            .filter_map(|(number, row)| (row.as_ref()?.record == record).then_some(*number));
        kept.chain(staged).collect::<BTreeSet<u64>>().into_iter()
    }

    /// The outbox rows of one record, in order.
    pub(crate) fn outgoing_of(&self, record: RecordId) -> Vec<(u64, OutboxRow)> {
        self.numbers_of(record).filter_map(|number| Some((number, self.outgoing(number)?.clone()))).collect()
    }

    /// The outbox number of a change, if it has no final receipt.
    pub(crate) fn outgoing_number(&self, record: RecordId, actor: Actor, seq: u64) -> Option<u64> {
        let named =
            |number: &u64| self.outgoing(*number).is_some_and(|row| row.actor == actor && row.seq == seq);
        self.numbers_of(record).find(named)
    }

    pub(crate) fn frame(&self, key: FrameKey) -> Option<&FrameRow> {
        match self.frames.get(&key) {
            Some(staged) => staged.as_ref(),
            None => self.memory.frames.get(&key),
        }
    }

    pub(crate) fn set_frame(&mut self, key: FrameKey, row: Option<FrameRow>) {
        self.frames.insert(key, row);
    }

    /// Every own frame, in order.
    pub(crate) fn frame_keys(&self) -> Vec<FrameKey> {
        let keys: BTreeSet<FrameKey> = self.memory.frames.keys().chain(self.frames.keys()).copied().collect();
        keys.into_iter().filter(|key| self.frame(*key).is_some()).collect()
    }

    pub(crate) fn cursor(&self, feed: Feed) -> u64 {
        match self.cursors.get(&feed) {
            Some(staged) => staged.unwrap_or_default(),
            None => self.memory.cursors.get(&feed).copied().unwrap_or_default(),
        }
    }

    pub(crate) fn set_cursor(&mut self, feed: Feed, position: Option<u64>) {
        self.cursors.insert(feed, position);
    }

    /// Every feed is to be read from its beginning.
    pub(crate) fn forget_cursors(&mut self) {
        let staged: Vec<Feed> = self.cursors.keys().copied().collect();
        for feed in self.memory.cursors.keys().copied().chain(staged) {
            self.cursors.insert(feed, None);
        }
    }

    /// Keeps the beginning of the frame in which an answer was cut, in the place of the one before.
    pub(crate) fn set_partial(&mut self, beginning: Option<Bytes>) {
        self.partial = beginning;
    }

    /// Writes a row of a table that no part of the engine reads back on the same stage.
    pub(crate) fn put(&mut self, table: Table, key: Vec<u8>, value: Option<Arc<[u8]>>) {
        self.rest.insert((table, key), value);
    }

    /// A frame that is kept sealed.
    pub(crate) fn kept(&self, key: FrameKey) -> Option<KeptRow> {
        match self.rest.get(&(Table::Kept, rows::frame_key(key))) {
            Some(staged) => rows::read("kept", staged.as_ref()?).ok(),
            None => self.memory.kept.get(&key).cloned(),
        }
    }

    /// The frames that this stage keeps or lets go.
    pub(crate) fn kept_here(&self) -> impl Iterator<Item = FrameKey> {
        let staged = self.rest.keys().filter(|(table, _)| *table == Table::Kept);
        staged.filter_map(|(_, key)| rows::read_frame_key(key))
    }

    /// A row that this stage puts.
    pub(crate) fn staged(&self, table: Table, key: &[u8]) -> Option<&Arc<[u8]>> {
        self.rest.get(&(table, key.to_vec()))?.as_ref()
    }

    /// Tells the person something.
    pub(crate) fn notify(&mut self, at_ms: i64, code: &str, count: usize, mut records: Vec<RecordId>) {
        records.sort_unstable();
        records.dedup();
        records.truncate(MAX_NOTICE_RECORDS);
        let row = NoticeRow { at_ms, code: code.to_owned(), count: count as u64, records };
        let number = self.state.next_notice;
        self.state.next_notice += 1;
        self.put(Table::Notices, number.to_be_bytes().to_vec(), Some(rows::bytes(&row)));
    }

    /// Whether a change with this hash stands on this device and the server has acknowledged it: who wrote it.
    pub(crate) fn acknowledged(
        &self,
        doc: &Doc,
        record: RecordId,
        hash: &ChangeHash,
    ) -> Option<(Actor, u64)> {
        let (actor, seq) = doc.author(hash)?;
        let is_own = self.outgoing_number(record, actor, seq).is_some();
        (!is_own && !self.is_provisional(record, actor, seq, *hash)).then_some((actor, seq))
    }

    /// The writes of this stage, and the records that look different after them.
    pub(crate) fn finish(mut self) -> Result<(Vec<Write>, Vec<RecordId>), Failure> {
        let mut writes = Vec::new();
        self.keep_form_begun();
        let mut write = |table, key: Vec<u8>, value| writes.push(Write { table, key, value });
        let docs = std::mem::take(&mut self.docs);
        let mut touched = std::mem::take(&mut self.touched);
        touched.extend(docs.keys());
        touched.extend(self.passed.touched());
        for (record, doc) in docs {
            attach::note(&mut self, record, doc.as_ref())?;
            let row = doc.map(|doc| header::row(&self, record, &doc)).transpose()?;
            write(Table::Records, record.0.to_vec(), row);
        }
        for ((record, seq), value) in self.log_entries {
            write(Table::LogEntries, [record.0.as_slice(), &seq.to_be_bytes()].concat(), value);
        }
        for (number, row) in &self.outbox {
            write(Table::Outbox, number.to_be_bytes().to_vec(), row.as_ref().map(rows::bytes));
        }
        for (key, row) in &self.frames {
            write(Table::Frames, rows::frame_key(*key), row.as_ref().map(rows::bytes));
        }
        for (feed, position) in &self.cursors {
            let value = position.map(|position| position.to_be_bytes().as_slice().into());
            write(Table::Cursors, sync::encode(feed), value);
        }
        if let Some((roster, _)) = &self.roster {
            write(Table::Meta, memory::ROSTER.to_vec(), Some(rows::bytes(&memory::roster::kept(roster))));
        }
        if self.memory.partial != self.partial {
            write(Table::Meta, memory::PARTIAL.to_vec(), self.partial);
        }
        if self.memory.state.as_ref() != Some(&self.state) {
            write(Table::Meta, memory::STATE.to_vec(), Some(rows::bytes(&self.state)));
        }
        writes.extend(self.passed.writes());
        let mut write = |table, key: Vec<u8>, value| writes.push(Write { table, key, value });
        for ((table, key), value) in self.rest {
            write(table, key, value);
        }
        Ok((writes, touched.into_iter().collect()))
    }
}
