//! Reads an answer as it arrives. What a piece holds is merged in one batch, with its cursors and receipts. Receipts are
//! signed each for itself. Feed frames wait for the next checkpoint or the end: who cuts an answer, or makes one up, can
//! neither move a cursor nor write into a record.

use std::collections::{BTreeSet, VecDeque};

use fieldmerge_protocol::bundle::{Part, PartReader};
use fieldmerge_protocol::limits::MAX_PART_BYTES;
use fieldmerge_protocol::sync::{
    self, Checkpoint, Feed, FeedFrame, Findings, Finish, Partial, Receipts, Roster, Welcome, tag,
};

use super::ending::{code_of, malformed, problem, untrusted};
use super::partial::Begun;
use super::receipts::is_signed;
use super::request::Body;
use super::unproven::{Piece, Told};
use super::{Phase, kept};
use crate::engine::{Engine, Then, Turn};

use crate::stage::Stage;
use crate::{Effect, Enrolment, Failure, SyncEnd, SyncProblem, SyncReport};

/// What arrives is merged when it is so much, or so old, or the last: a write to flash for each network packet would take
/// longer than the link, and a crash costs at most this.
const MIN_BATCH_BYTES: usize = 32 << 10;
const MAX_WAIT_MS: i64 = 1_000;
/// So many changes are merged in one batch: a cut costs at most these, and saves wait no longer than for these.
const MAX_BATCH_CHANGES: usize = 2_000;

/// So many bytes of feed frames may wait for their proof: more than any server leaves without one.
const MAX_UNPROVEN_BYTES: usize = 2 * MAX_PART_BYTES;

/// A clock offset that differs by less is not worth a write.
const MIN_OFFSET_CHANGE_MS: u64 = 2_000;

/// A report names no more problems than this.
const MAX_PROBLEMS: usize = 100;

/// An answer on its way.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) request: u64,
    hello: Vec<u8>,
    /// Own changes in the request.
    pub(crate) changes: u64,
    /// Whether the device asked for its own changes too.
    pub(crate) recover: bool,
    pub(crate) reader: PartReader,
    /// Bytes that arrived since parts were last read, and when that was.
    unread: usize,
    read_ms: i64,
    /// The host has nothing more: whether the server was reached.
    over: Option<bool>,
    /// What the server has not signed for yet, and about how many bytes it is.
    pub(crate) unproven: Vec<Piece>,
    unproven_bytes: usize,
    /// What is to be merged.
    proven: VecDeque<Piece>,
    /// The last part was read and its signature holds: whether there is more to pull.
    ended: Option<bool>,
    /// So it is, and everything was merged.
    finished: Option<bool>,
    /// Feeds of which nothing more is taken from this answer.
    pub(crate) blocked: BTreeSet<Feed>,
    /// Whether anything new came.
    pub(crate) progress: bool,
    /// A feed is to be read again from its beginning, with the device's own changes.
    pub(crate) reread: bool,
    /// A roster that counts once the answer is known to be the server's.
    pub(crate) roster: Option<Roster>,
    /// The server's clock, and until when a backup holds what it received; they count once the server has signed for them.
    pub(crate) server_ms: Option<i64>,
    pub(crate) backed_up_ms: Option<i64>,
    /// What counts with the first proof, until then.
    pub(crate) told: Option<Told>,
    /// How many receipts of own frames it held.
    pub(crate) receipts: usize,
    /// The highest frame of this incarnation that the server had.
    pub(crate) committed: Option<u64>,
    /// The beginning of a frame that the request offered, until its rest or another frame comes.
    pub(crate) begun: Option<Begun>,
    /// What is kept of a frame whose whole has not been merged.
    pub(crate) kept: Option<Partial>,
}

impl Answer {
    pub(crate) fn new(request: u64, body: Body) -> Self {
        Self {
            request,
            hello: body.hello,
            changes: body.changes,
            recover: body.recover,
            reader: PartReader::new(MAX_PART_BYTES),
            unread: 0,
            read_ms: 0,
            over: None,
            unproven: Vec::new(),
            unproven_bytes: 0,
            proven: VecDeque::new(),
            ended: None,
            finished: None,
            blocked: BTreeSet::new(),
            progress: false,
            reread: false,
            roster: None,
            server_ms: None,
            backed_up_ms: None,
            told: None,
            receipts: 0,
            committed: None,
            kept: body.begun.as_ref().map(|begun| begun.name.clone()),
            begun: body.begun,
        }
    }

    /// Whether parts are to be read now. A clock that was set back must not hold anything up.
    fn is_due(&mut self, now_ms: i64) -> bool {
        let waited = now_ms.saturating_sub(self.read_ms);
        let due = self.over.is_some()
            || !self.proven.is_empty()
            || self.unread >= MIN_BATCH_BYTES
            || (self.unread > 0 && !(0..MAX_WAIT_MS).contains(&waited));
        if due {
            self.read_ms = now_ms;
        }
        due
    }

    /// Whether the host has stopped reading it already.
    pub(crate) fn is_over(&self) -> bool {
        self.over.is_some()
    }
}

/// What is to be done when what was read is durable.
#[derive(Debug)]
pub(crate) enum AfterAnswer {
    /// Read on.
    ReadOn,
    /// Leave the rest of the answer and begin a round anew: the device has a new incarnation.
    Restart,
    /// The sync ends here.
    End(SyncEnd),
    /// The round is complete; go on with the next, or end.
    Next {
        /// There is more to pull.
        more: bool,
    },
}

/// One pass over what has arrived.
pub(crate) struct Reading<'a, 'm, 't> {
    pub(crate) stage: Stage<'m>,
    pub(crate) answer: &'a mut Answer,
    pub(crate) report: &'a mut SyncReport,
    pub(crate) reread: &'a mut BTreeSet<Feed>,
    pub(crate) enrolment: &'m Enrolment,
    pub(crate) turn: &'a mut Turn<'t>,
    /// Changes merged in this pass.
    pub(crate) merged: usize,
}

impl Engine {
    pub(crate) fn received(&mut self, request: u64, bytes: &[u8], turn: &mut Turn<'_>) {
        let Some(session) = self.session.as_mut().filter(|session| session.reads(request)) else { return };
        session.report.bytes_down += bytes.len() as u64;
        let spent = session.left() == 0;
        if let Phase::Answer(answer) = &mut session.phase {
            answer.reader.feed(bytes);
            answer.unread += bytes.len();
            if spent && !answer.is_over() {
                // As if the link had been cut here: what arrived counts, and the next sync goes on at its byte.
                answer.over = Some(true);
                turn.effects.push(Effect::Cancel { request });
            }
        }
    }

    pub(crate) fn answer_over(&mut self, request: u64, reached: bool) {
        let Some(session) = self.session.as_mut().filter(|session| session.reads(request)) else { return };
        if let Phase::Answer(answer) = &mut session.phase {
            answer.over = Some(reached);
        }
        if reached {
            self.link.tried = true;
        }
    }

    /// Merges what has arrived; says whether there was something to do.
    pub(crate) fn read_answer(&mut self, turn: &mut Turn<'_>) -> bool {
        match self.read_parts(turn) {
            Ok(Some((staged, after))) => {
                self.write(staged, Then::Answered(after), turn);
                true
            }
            Ok(None) => false,
            Err(failure) => {
                self.end_sync(Some(SyncEnd::Failed(failure)), turn);
                true
            }
        }
    }

    fn read_parts(
        &mut self,
        turn: &mut Turn<'_>,
    ) -> Result<Option<(crate::engine::Staged, AfterAnswer)>, Failure> {
        let Some(session) = &mut self.session else { return Ok(None) };
        let cut = if session.left() == 0 { SyncEnd::Spent } else { SyncEnd::Offline };
        let Phase::Answer(answer) = &mut session.phase else { return Ok(None) };
        if !answer.is_due(turn.now_ms) {
            return Ok(None);
        }
        let mut reading = Reading {
            stage: Stage::new(&self.memory)?,
            answer,
            report: &mut session.report,
            reread: &mut session.reread,
            enrolment: self.memory.enrolment.as_ref().ok_or(Failure::NotEnrolled)?,
            turn,
            merged: 0,
        };
        let mut after = AfterAnswer::ReadOn;
        let (mut parts, mut kept) = (0, false);
        while reading.answer.finished.is_none() && reading.merged < MAX_BATCH_CHANGES {
            if let Some(piece) = reading.answer.proven.pop_front() {
                parts += 1;
                match piece {
                    Piece::Frame(frame) => reading.feed_frame(frame)?,
                    Piece::Form(piece) => reading.form_piece(&piece)?,
                    Piece::Findings(part) => reading.stage.set_findings(part),
                }
                continue;
            }
            if let Some(more) = reading.answer.ended {
                reading.finished(more)?;
                break;
            }
            let part = match reading.answer.reader.next_part() {
                Ok(Some(part)) => part,
                Ok(None) => {
                    reading.answer.unread = 0;
                    kept = reading.keep_unfinished();
                    break;
                }
                Err(error) => {
                    after = untrusted(code_of(&error));
                    break;
                }
            };
            parts += 1;
            after = reading.part(&part)?;
            if !matches!(after, AfterAnswer::ReadOn) {
                break;
            }
        }
        if let AfterAnswer::End(SyncEnd::Untrusted { .. }) = after {
            reading.stage.set_partial(None);
        }
        if parts == 0 && !kept && matches!(after, AfterAnswer::ReadOn) {
            after = match (reading.answer.over, reading.answer.finished) {
                (Some(_), Some(more)) => AfterAnswer::Next { more },
                (Some(_), None) => AfterAnswer::End(cut),
                (None, _) => return Ok(None),
            };
        }
        Ok(Some((reading.stage.finish()?, after)))
    }
}

impl Reading<'_, '_, '_> {
    fn part(&mut self, part: &Part) -> Result<AfterAnswer, Failure> {
        match part.tag {
            tag::WELCOME => match sync::decode::<Welcome>(&part.payload) {
                Ok(welcome) => self.welcome(welcome),
                Err(_) => Ok(malformed()),
            },
            tag::RECEIPTS => match sync::decode::<Receipts>(&part.payload) {
                Ok(receipts) => Ok(self.receipts(&part.payload, &receipts)),
                Err(_) => Ok(malformed()),
            },
            tag::FEED_FRAME => match sync::decode(&part.payload) {
                Ok(frame) => Ok(self.arrived(frame)),
                Err(_) => Ok(malformed()),
            },
            tag::DICTIONARY => match sync::decode(&part.payload) {
                Ok(dictionary) => {
                    self.dictionary(&dictionary);
                    Ok(AfterAnswer::ReadOn)
                }
                Err(_) => Ok(malformed()),
            },
            tag::FORM_PIECE => match sync::decode(&part.payload) {
                Ok(piece) => Ok(self.waits(Piece::Form(piece))),
                Err(_) => Ok(malformed()),
            },
            tag::FINDINGS => match sync::decode::<Findings>(&part.payload) {
                Ok(_) => Ok(self.waits(Piece::Findings(part.payload.clone()))),
                Err(_) => Ok(malformed()),
            },
            tag::FEED_REST => Ok(self.feed_rest(&part.payload)),
            tag::CHECKPOINT => Ok(self.checkpoint(&part.payload)),
            tag::FINISH => Ok(self.finish(&part.payload)),
            tag::PROBLEM => Ok(AfterAnswer::End(problem(&part.payload))),
            // Signs of life, and what a later server may add.
            _ => Ok(AfterAnswer::ReadOn),
        }
    }

    /// A feed frame came whole. It waits for its proof.
    pub(crate) fn arrived(&mut self, frame: FeedFrame) -> AfterAnswer {
        // What was offered is of no use if the server has another frame in its place.
        self.answer.begun.take_if(|begun| begun.name.feed == frame.feed && begun.name.from < frame.to);
        self.waits(Piece::Frame(frame))
    }

    fn waits(&mut self, piece: Piece) -> AfterAnswer {
        self.answer.unproven_bytes += piece.bytes();
        if self.answer.unproven_bytes > MAX_UNPROVEN_BYTES {
            return untrusted("answer-not-signed");
        }
        self.answer.unproven.push(piece);
        AfterAnswer::ReadOn
    }

    fn checkpoint(&mut self, payload: &[u8]) -> AfterAnswer {
        let Ok(Checkpoint { signature }) = sync::decode(payload) else { return malformed() };
        let digest = self.answer.reader.digest_before();
        let text = sync::checkpoint_text(self.enrolment.project, &self.answer.hello, digest);
        self.proven(&text, &signature)
    }

    fn finish(&mut self, payload: &[u8]) -> AfterAnswer {
        let Ok(Finish { more, signature }) = sync::decode(payload) else { return malformed() };
        let digest = self.answer.reader.digest_before();
        let text = sync::answer_text(self.enrolment.project, &self.answer.hello, digest, more);
        let after = self.proven(&text, &signature);
        if matches!(after, AfterAnswer::ReadOn) {
            self.answer.ended = Some(more);
        }
        after
    }

    /// What waited is to be merged, if the server signed this.
    fn proven(&mut self, text: &[u8], signature: &[u8]) -> AfterAnswer {
        if !is_signed(self.enrolment, text, signature) {
            return untrusted("answer-not-signed");
        }
        if let Some(Told { log, life, unsure, offset_ms }) = self.answer.told.take() {
            let state = &mut self.stage.state;
            (state.log, state.life, state.unsure) = (Some(log), life, unsure);
            if offset_ms.abs_diff(state.offset_ms) >= MIN_OFFSET_CHANGE_MS {
                state.offset_ms = offset_ms;
            }
        }
        self.answer.unproven_bytes = 0;
        self.answer.proven.extend(self.answer.unproven.drain(..));
        AfterAnswer::ReadOn
    }

    /// The whole answer is the server's, and its feeds are merged.
    fn finished(&mut self, more: bool) -> Result<(), Failure> {
        if let Some(roster) = self.answer.roster.take() {
            self.stage.set_roster(roster)?;
            kept::offer_refused(&mut self.stage);
        }
        self.stage.state.roster_unsigned = false;
        if let Some(server_ms) = self.answer.server_ms {
            kept::settle(&mut self.stage, server_ms, self.answer.backed_up_ms);
        }
        self.answer.finished = Some(more);
        Ok(())
    }

    /// Another copy of this device writes: every feed is read from its beginning, for what the copy wrote may have been
    /// passed over as this device's own.
    pub(crate) fn read_anew(&mut self) -> AfterAnswer {
        self.stage.forget_cursors();
        AfterAnswer::Restart
    }

    pub(crate) fn problem(&mut self, code: &'static str, feed: Option<Feed>) {
        if self.report.problems.len() < MAX_PROBLEMS {
            self.report.problems.push(SyncProblem { code, feed });
        }
    }
}
