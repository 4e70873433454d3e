//! The engine: one step at a time.

use std::collections::VecDeque;

use fieldmerge_protocol::AttachmentHash;
use fieldmerge_protocol::change::MAX_TIME;
use rand_core::Rng;

use crate::carry::Export;
use crate::edit::Saver;
use crate::memory::rows::State;
use crate::memory::{self, Memory};
use crate::stage::Stage;
use crate::store::{Batch, Snapshot, Table, Write};
use crate::sync::{AfterAnswer, Link, Session};
use crate::{Edit, Effect, Enrolment, Failure, Input, OpenError, Outcome, SyncEnd, Ticket};

/// A device: its records, its outbox and its sync.
#[derive(Debug)]
pub struct Engine {
    pub(crate) memory: Memory,
    /// Inputs that wait for the batch under way.
    queue: VecDeque<Input>,
    /// The batch under way. There is one at a time, so each stage lies over all that went before.
    writing: Option<Writing>,
    pub(crate) session: Option<Session>,
    pub(crate) export: Option<Export>,
    pub(crate) link: Link,
    pub(crate) last_id: u64,
}

/// A batch that the store has not answered for.
#[derive(Debug)]
struct Writing {
    batch: u64,
    writes: Vec<Write>,
    touched: Vec<fieldmerge_protocol::RecordId>,
    then: Then,
}

/// What follows when a batch is durable.
#[derive(Debug)]
pub(crate) enum Then {
    /// A request of the host is done.
    Done(Ticket, Outcome),
    /// The session sends what was packed.
    Packed,
    /// The session packs again.
    Again,
    /// The session goes on reading, or does what the answer asks for.
    Answered(AfterAnswer),
    /// What the end of a round asked for is done; the session goes on or ends.
    RoundDone {
        /// The server has more but sent nothing new.
        stalled: bool,
    },
    /// The records are synced; attachments follow.
    RecordsOver,
    /// These attachments need not be held any more.
    Swept(Vec<AttachmentHash>),
    /// The session goes on with the next attachment.
    Transferred,
    /// The bytes of this attachment have come; the session goes on with the next.
    Fetched(AttachmentHash),
    /// The session is over.
    Over(Option<SyncEnd>),
    /// The frames of an export are on disk, to be sealed.
    Exported,
}

/// One step: the time, the randomness, and the effects so far.
pub(crate) struct Turn<'a> {
    pub(crate) now_ms: i64,
    pub(crate) rng: &'a mut dyn Rng,
    pub(crate) effects: Vec<Effect>,
}

impl Turn<'_> {
    pub(crate) fn done(&mut self, ticket: Ticket, result: Result<Outcome, Failure>) {
        self.effects.push(Effect::Done { ticket, result });
    }
}

impl Engine {
    /// Opens what a store holds; an empty snapshot is a new device.
    pub fn open(snapshot: Snapshot) -> Result<Self, OpenError> {
        Ok(Self {
            memory: Memory::open(snapshot)?,
            queue: VecDeque::new(),
            writing: None,
            session: None,
            export: None,
            link: Link::default(),
            last_id: 0,
        })
    }

    /// Takes one input and returns what is to be done, in order. `now_ms` is the device's clock in milliseconds since
    /// the epoch, right or wrong.
    pub fn step(&mut self, now_ms: i64, rng: &mut dyn Rng, input: Input) -> Vec<Effect> {
        let mut turn = Turn { now_ms: now_ms.clamp(-MAX_TIME, MAX_TIME), rng, effects: Vec::new() };
        match input {
            Input::Stored { batch } => self.written(batch, true, &mut turn),
            Input::StoreFailed { batch } => self.written(batch, false, &mut turn),
            other => self.queue.push_back(other),
        }
        while self.writing.is_none() {
            match self.queue.pop_front() {
                Some(input) => self.take(input, &mut turn),
                None if self.advance(&mut turn) => {}
                None => break,
            }
        }
        turn.effects
    }

    fn take(&mut self, input: Input, turn: &mut Turn<'_>) {
        match input {
            Input::Enrolled { ticket, enrolment } => {
                let staged = self.enrol(&enrolment, turn);
                self.answer_with(ticket, staged.map(|writes| (writes, Outcome::Enrolled)), turn);
            }
            Input::Save { ticket, edits } => {
                let staged = self.save(edits, turn);
                self.answer_with(ticket, staged, turn);
            }
            Input::Settle { ticket, number, how } => {
                let staged = self.settle(number, how, turn);
                self.answer_with(ticket, staged.map(|writes| (writes, Outcome::Settled)), turn);
            }
            Input::Read { ticket, notice } => {
                let write = Write { table: Table::Notices, key: notice.to_be_bytes().to_vec(), value: None };
                self.answer_with(ticket, Ok(((vec![write], Vec::new()), Outcome::Settled)), turn);
            }
            Input::Want { ticket, hash } => self.want(ticket, hash, turn),
            Input::Export { ticket } => self.begin_export(ticket, None, turn),
            Input::Give { ticket, to } => self.begin_give(ticket, to, turn),
            // A receipt in a file may have feeds read from their beginning, and may be of another life of the log than a
            // sync under way is about to prove: that sync does not know.
            Input::Take { ticket, .. } | Input::Import { ticket, .. } if self.session.is_some() => {
                turn.done(ticket, Err(Failure::Busy));
            }
            Input::Take { ticket, contents } => {
                let staged = self.take_exchange(&contents, turn);
                self.answer_with(ticket, staged, turn);
            }
            Input::Import { ticket, bytes } => {
                let staged = self.import(&bytes, turn);
                self.answer_with(ticket, staged, turn);
            }
            Input::Sync(options) => self.begin_sync(options, turn),
            Input::Signed { id, signatures } => self.signed(id, Some(signatures), turn),
            Input::SignFailed { id } => self.signed(id, None, turn),
            Input::Received { request, bytes } => self.received(request, &bytes, turn),
            Input::Ended { request } => self.answer_over(request, true),
            Input::Cut { request, reached } => self.answer_over(request, reached),
            Input::Uploaded { request, bytes, millis, answered } => {
                self.uploaded(request, bytes, millis, answered);
            }
            Input::Transferred { transfer, result } => self.transferred(transfer, &result, turn),
            Input::Refused { request, refused } => self.refused(request, &refused, turn),
            // The completions of batches are taken before the queue.
            Input::Stored { .. } | Input::StoreFailed { .. } => {}
        }
    }

    fn enrol(&self, enrolment: &Enrolment, turn: &mut Turn<'_>) -> Result<Staged, Failure> {
        if self.memory.enrolment.is_some() {
            return Err(Failure::AlreadyEnrolled);
        }
        let mut first = State::new(new_incarnation(turn.rng));
        first.offset_ms = enrolment.server_ms.saturating_sub(turn.now_ms);
        let mut stage = Stage::with_state(&self.memory, first);
        let row = memory::rows::bytes(enrolment);
        stage.put(Table::Meta, memory::ENROLMENT.to_vec(), Some(row));
        stage.finish()
    }

    fn save(&self, edits: Vec<Edit>, turn: &mut Turn<'_>) -> Result<(Staged, Outcome), Failure> {
        let mut stage = Stage::new(&self.memory)?;
        if edits.is_empty() {
            return Err(Failure::NothingToWrite);
        }
        let mut saver = Saver { stage: &mut stage, now_ms: turn.now_ms, rng: &mut *turn.rng };
        let written = edits.into_iter().map(|edit| saver.apply(edit)).collect::<Result<_, _>>()?;
        Ok((stage.finish()?, Outcome::Saved(written)))
    }

    /// Writes what was staged and tells the outcome when it is durable, or tells the failure.
    pub(crate) fn answer_with(
        &mut self,
        ticket: Ticket,
        staged: Result<(Staged, Outcome), Failure>,
        turn: &mut Turn<'_>,
    ) {
        match staged {
            Ok((staged, outcome)) => self.write(staged, Then::Done(ticket, outcome), turn),
            Err(failure) => turn.done(ticket, Err(failure)),
        }
    }

    /// Has a stage's writes stored. A stage without writes is as good as stored.
    pub(crate) fn write(&mut self, (writes, touched): Staged, then: Then, turn: &mut Turn<'_>) {
        if writes.is_empty() {
            self.follow(then, turn);
            return;
        }
        let batch = self.next_id();
        turn.effects.push(Effect::Store(Batch { id: batch, writes: writes.clone() }));
        self.writing = Some(Writing { batch, writes, touched, then });
    }

    /// The store has answered.
    fn written(&mut self, batch: u64, stored: bool, turn: &mut Turn<'_>) {
        let Some(writing) = self.writing.take_if(|writing| writing.batch == batch) else { return };
        if !stored {
            self.not_written(&writing.then, Failure::StoreFailed, turn);
            return;
        }
        // The rows were encoded a moment ago by the same program.
        if self.memory.commit(&writing.writes).is_err() {
            self.not_written(&writing.then, Failure::Bug("a row that was written does not read"), turn);
            return;
        }
        if !writing.touched.is_empty() {
            turn.effects.push(Effect::Changed { records: writing.touched });
        }
        self.follow(writing.then, turn);
    }

    fn follow(&mut self, then: Then, turn: &mut Turn<'_>) {
        match then {
            Then::Done(ticket, outcome) => turn.done(ticket, Ok(outcome)),
            Then::Packed => self.request_token(turn),
            Then::Again => {}
            Then::Answered(after) => self.answered(after, turn),
            Then::RoundDone { stalled } => self.round_done(stalled, turn),
            Then::RecordsOver => self.begin_transfers(turn),
            Then::Swept(gone) => self.discard(gone, turn),
            Then::Transferred => self.next_transfer(turn),
            Then::Fetched(hash) => self.fetched(hash, turn),
            Then::Over(end) => self.end_sync(end, turn),
            Then::Exported => self.seal_export(turn),
        }
    }

    fn not_written(&mut self, then: &Then, failure: Failure, turn: &mut Turn<'_>) {
        match then {
            Then::Done(ticket, _) => turn.done(*ticket, Err(failure)),
            Then::Exported => self.fail_export(failure, turn),
            Then::Packed
            | Then::Again
            | Then::Answered(_)
            | Then::RoundDone { .. }
            | Then::RecordsOver
            | Then::Swept(_)
            | Then::Transferred
            | Then::Fetched(_)
            | Then::Over(_) => {
                self.end_sync(Some(SyncEnd::Failed(failure)), turn);
            }
        }
    }

    pub(crate) fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }
}

/// The writes of a stage, and the records that look different after them.
pub(crate) type Staged = (Vec<Write>, Vec<fieldmerge_protocol::RecordId>);

/// Four random bytes for an incarnation.
pub(crate) fn new_incarnation(rng: &mut dyn Rng) -> fieldmerge_protocol::Incarnation {
    let mut bytes = [0; 4];
    rng.fill_bytes(&mut bytes);
    fieldmerge_protocol::Incarnation(bytes)
}

/// What one seal needs of randomness.
pub(crate) fn random(rng: &mut dyn Rng) -> [u8; 32] {
    let mut bytes = [0; 32];
    rng.fill_bytes(&mut bytes);
    bytes
}
