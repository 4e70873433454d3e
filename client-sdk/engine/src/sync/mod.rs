//! One sync: rounds of a request and its answer, until nothing is left to send or to read.

pub(crate) mod answer;
mod dictionary;
mod ending;
mod feed;
pub(crate) mod kept;
mod link;
pub(crate) mod pack;
mod partial;
pub(crate) mod receipts;
mod request;
mod restored;
mod round;
pub(crate) mod token;
mod unproven;

use std::collections::{BTreeMap, BTreeSet};

use fieldmerge_protocol::api::BUNDLE_MEDIA_TYPE;
use fieldmerge_protocol::bundle::SealedDraft;
use fieldmerge_protocol::limits::MAX_REQUEST_FRAMES;
use fieldmerge_protocol::problem::ProblemCode;

use crate::attach::transfer::Transfers;
use crate::carry;
use crate::engine::{Engine, Then, Turn};
use crate::memory::outbox_row::Standing;
use crate::memory::rows::FrameKey;
use crate::stage::Stage;
use crate::{Effect, Failure, Refused, Request, SignRequest, SyncEnd, SyncOptions, SyncReport};
pub(crate) use answer::{AfterAnswer, Answer};
pub(crate) use link::Link;
use pack::{Draft, Room};
use request::Body;

/// More rounds than any sync needs; a server that always has more is not read for ever.
const MAX_ROUNDS: u32 = 10_000;
/// A further request is not worth fewer bytes than this.
const MIN_ROUND_BYTES: usize = 2 << 10;
/// How often a sync may begin anew because the server knows another copy of this device.
const MAX_RESTARTS: u32 = 8;

/// A sync that is running.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) options: SyncOptions,
    pub(crate) report: SyncReport,
    phase: Phase,
    /// Own frames that were sent in this session.
    pub(crate) sent: BTreeSet<FrameKey>,
    /// Own frames that were packed in this session.
    pub(crate) fresh: BTreeSet<FrameKey>,
    /// Carried frames that were sent in this session.
    pub(crate) carried: BTreeSet<Vec<u8>>,
    /// Kept frames that a restored server is offered again, signed, and those of them that were sent in this session.
    pub(crate) offers: BTreeMap<FrameKey, Vec<u8>>,
    pub(crate) offered: BTreeSet<FrameKey>,
    /// Own frames of earlier sessions that the server was asked about.
    pub(crate) asked: BTreeSet<FrameKey>,
    /// A request of this session was answered: the link works.
    pub(crate) proven: bool,
    /// The highest frame of this incarnation that the server had, as far as it said in this session.
    pub(crate) committed: Option<u64>,
    /// The last request had no room for what waits.
    starved: bool,
    /// Frames passed by other devices that the server had judged before the last request.
    pub(crate) judged: BTreeSet<Vec<u8>>,
    skew_retried: bool,
    restarts: u32,
    /// The feeds that were asked for again from their beginning in this session.
    pub(crate) reread: BTreeSet<fieldmerge_protocol::sync::Feed>,
    /// The attachments that follow the records.
    pub(crate) transfers: Option<Transfers>,
}

#[derive(Debug)]
enum Phase {
    /// The next round is to be packed.
    Pack,
    /// New frames are being signed.
    SignFrames { id: u64, drafts: Vec<Draft>, offers: Vec<(FrameKey, SealedDraft)> },
    /// New frames are being stored.
    Store,
    /// The token is being signed.
    SignToken { id: u64, token: String, body: Box<Body> },
    /// The request was sent.
    Answer(Box<Answer>),
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Body")
            .field("bytes", &self.bytes.len())
            .field("frames", &self.frames.len())
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// Begins a sync. One that is under way was given up by its host, which waits for no report of it any more.
    pub(crate) fn begin_sync(&mut self, options: SyncOptions, turn: &mut Turn<'_>) {
        if let Some(Session { phase: Phase::Answer(answer), .. }) = self.session.take() {
            turn.effects.push(Effect::Cancel { request: answer.request });
        }
        let refused = if self.memory.enrolment.is_none() { Some(Failure::NotEnrolled) } else { None };
        let refused = refused.or_else(|| self.export.is_some().then_some(Failure::Busy));
        if let Some(failure) = refused {
            let report = SyncReport { end: SyncEnd::Failed(failure), ..SyncReport::default() };
            turn.effects.push(Effect::SyncEnded(report));
            return;
        }
        self.session = Some(Session {
            options,
            report: SyncReport::default(),
            phase: Phase::Pack,
            sent: BTreeSet::new(),
            fresh: BTreeSet::new(),
            carried: BTreeSet::new(),
            offers: BTreeMap::new(),
            offered: BTreeSet::new(),
            asked: BTreeSet::new(),
            proven: false,
            committed: None,
            starved: false,
            judged: BTreeSet::new(),
            skew_retried: false,
            restarts: 0,
            reread: BTreeSet::new(),
            transfers: None,
        });
    }

    /// Goes on with the sync if it waits for nothing; says whether there was something to do.
    pub(crate) fn advance(&mut self, turn: &mut Turn<'_>) -> bool {
        match self.session.as_ref().map(|session| &session.phase) {
            Some(Phase::Pack) => {
                if let Err(failure) = self.pack(turn) {
                    self.end_sync(Some(SyncEnd::Failed(failure)), turn);
                }
                true
            }
            Some(Phase::Answer(_)) => self.read_answer(turn),
            _ => false,
        }
    }

    /// Packs new frames, if this round may, and has them signed.
    fn pack(&mut self, turn: &mut Turn<'_>) -> Result<(), Failure> {
        let Some(session) = &mut self.session else { return Ok(()) };
        if session.report.requests >= MAX_ROUNDS {
            return Err(Failure::Bug("a sync without an end"));
        }
        if session.report.requests > 0 && session.left() < MIN_ROUND_BYTES {
            self.end_sync(Some(SyncEnd::Spent), turn);
            return Ok(());
        }
        let room = self.link.room().min(session.left());
        let unsent = request::unsent(&self.memory, session).len();
        session.phase = Phase::Store;
        // A frame that is packed stays as it is. While nobody knows whether the link works, no more of them are made
        // than wait already, or a bad day would leave hundreds of frames of one change.
        if unsent > 0 && !session.proven || request::probes(&self.memory, session) {
            self.request_token(turn);
            return Ok(());
        }
        let oversized = request::oversized(&self.memory, session, room);
        if !oversized.is_empty() {
            session.phase = Phase::Pack;
            let mut stage = Stage::new(&self.memory)?;
            for key in oversized {
                receipts::pack_again(&mut stage, key, false, turn);
            }
            let staged = stage.finish()?;
            self.write(staged, Then::Again, turn);
            return Ok(());
        }
        let bytes = request::room(&self.memory, session, room);
        let frames = MAX_REQUEST_FRAMES.saturating_sub(unsent);
        let offers = kept::to_offer(&self.memory, &session.offers, bytes, frames, unsent == 0);
        let bytes = bytes
            .saturating_sub(offers.iter().map(|(_, frame)| frame.wire_len() + request::PART_BYTES).sum());
        let frames = frames - offers.len();
        let frame_bytes = self.link.frame_bytes();
        let room = Room {
            bytes,
            frame_bytes,
            frames,
            nothing_else: unsent == 0 && offers.is_empty(),
            full_hashes: false,
        };
        let mut stage = Stage::new(&self.memory)?;
        let plan = pack::plan(&stage, room)?;
        if !plan.unpackable.is_empty() {
            pack::set_aside(&mut stage, &plan.unpackable);
            session.report.quarantined += plan.unpackable.len() as u64;
            session.phase = Phase::Pack;
            let staged = stage.finish()?;
            self.write(staged, Then::Again, turn);
            return Ok(());
        }
        if plan.drafts.is_empty() && offers.is_empty() {
            self.request_token(turn);
            return Ok(());
        }
        let id = self.next_id();
        let frames = plan.drafts.iter().map(|draft| draft.frame.signing_bytes());
        let messages = frames.chain(offers.iter().map(|(_, frame)| frame.signing_bytes())).collect();
        if let Some(session) = &mut self.session {
            session.phase = Phase::SignFrames { id, drafts: plan.drafts, offers };
        }
        turn.effects.push(Effect::Sign(SignRequest { id, messages }));
        Ok(())
    }

    /// The device key has signed, or cannot.
    pub(crate) fn signed(&mut self, id: u64, signatures: Option<Vec<[u8; 64]>>, turn: &mut Turn<'_>) {
        if self.export.as_ref().is_some_and(|export| export.waits_for(id)) {
            self.sign_export(signatures, turn);
            return;
        }
        if self.transfer_signed(id, signatures.as_deref(), turn) {
            return;
        }
        let expected = match self.session.as_ref().map(|session| &session.phase) {
            Some(Phase::SignFrames { id, .. } | Phase::SignToken { id, .. }) => Some(*id),
            _ => None,
        };
        if expected != Some(id) {
            return;
        }
        let done = match signatures {
            Some(signatures) => self.use_signatures(&signatures, turn),
            None => Err(Failure::SignFailed),
        };
        if let Err(failure) = done {
            self.end_sync(Some(SyncEnd::Failed(failure)), turn);
        }
    }

    fn use_signatures(&mut self, signatures: &[[u8; 64]], turn: &mut Turn<'_>) -> Result<(), Failure> {
        let Some(session) = &mut self.session else { return Ok(()) };
        match std::mem::replace(&mut session.phase, Phase::Store) {
            Phase::SignFrames { drafts, offers, .. } => {
                let (signatures, of_offers) =
                    signatures.split_at_checked(drafts.len()).ok_or(Failure::SignFailed)?;
                let signed = offers.into_iter().zip(of_offers);
                session.offers.extend(signed.map(|((key, frame), with)| (key, frame.finish(*with))));
                let mut stage = Stage::new(&self.memory)?;
                session.fresh.extend(drafts.iter().map(|draft| draft.key));
                pack::seal(&mut stage, drafts, signatures)?;
                let staged = stage.finish()?;
                self.write(staged, Then::Packed, turn);
                Ok(())
            }
            Phase::SignToken { token, body, .. } => {
                let signature = signatures.first().ok_or(Failure::SignFailed)?;
                self.send(&token::authorization(&token, signature), *body, turn)
            }
            other => {
                session.phase = other;
                Ok(())
            }
        }
    }

    /// Makes the request and has its token signed.
    pub(crate) fn request_token(&mut self, turn: &mut Turn<'_>) {
        let id = self.next_id();
        let (Some(session), Some(enrolment), Some(state)) =
            (&mut self.session, &self.memory.enrolment, &self.memory.state)
        else {
            return;
        };
        let server_ms = turn.now_ms.saturating_add(state.offset_ms);
        let token = token::signing_input(enrolment, server_ms);
        let room = self.link.room().min(session.left());
        let body = request::body(&self.memory, state, session, room, turn.now_ms);
        turn.effects.push(Effect::Sign(SignRequest { id, messages: vec![token.clone().into_bytes()] }));
        session.phase = Phase::SignToken { id, token, body: Box::new(body) };
    }

    fn send(&mut self, authorization: &str, mut body: Body, turn: &mut Turn<'_>) -> Result<(), Failure> {
        let request = self.next_id();
        let project = self.memory.enrolment.as_ref().ok_or(Failure::NotEnrolled)?.project;
        let starved =
            body.frames.is_empty() && body.carried.is_empty() && body.asked.is_empty() && self.has_unsent();
        let Some(session) = &mut self.session else { return Ok(()) };
        session.starved = starved && session.options.spend_bytes.is_some();
        session.report.requests += 1;
        session.report.bytes_up += body.bytes.len() as u64;
        session.report.sent += body.changes;
        session.sent.extend(body.frames.iter().copied());
        session.asked.extend(body.asked.iter().copied());
        session.carried.extend(std::mem::take(&mut body.carried));
        session.offered.extend(body.offered.iter().copied());
        let memory = &self.memory;
        session.judged =
            memory.passed.keys().filter(|key| !memory.carried.contains_key(*key)).cloned().collect();
        let bytes = std::mem::take(&mut body.bytes);
        session.phase = Phase::Answer(Box::new(Answer::new(request, body)));
        turn.effects.push(Effect::Send(Request {
            id: request,
            project,
            authorization: authorization.to_owned(),
            content_type: BUNDLE_MEDIA_TYPE,
            body: bytes,
        }));
        Ok(())
    }

    /// How long the link took for the body of a request.
    pub(crate) fn uploaded(&mut self, request: u64, bytes: u64, millis: u64, answered: bool) {
        if self.session.as_ref().is_some_and(|session| session.reads(request)) || self.transfers(request) {
            self.link.measured(bytes, millis, answered);
        }
    }

    /// The server answered with another status than success.
    pub(crate) fn refused(&mut self, request: u64, refused: &Refused, turn: &mut Turn<'_>) {
        let Some(session) = self.session.as_mut().filter(|session| session.reads(request)) else { return };
        // A proxy that takes less than the server does not say so by a code of ours.
        let too_large = refused.code == Some(ProblemCode::PayloadTooLarge) || refused.status == 413;
        let retry = match refused.code {
            Some(ProblemCode::ClockSkew) if !session.skew_retried => {
                session.skew_retried = true;
                refused.server_ms.is_some()
            }
            _ => too_large && self.link.shrink(),
        };
        if !retry {
            let Refused { status, code, retry_after_seconds, .. } = *refused;
            self.end_sync(Some(SyncEnd::Refused { status, code, retry_after_seconds }), turn);
            return;
        }
        if let Phase::Answer(answer) = &session.phase {
            session.report.sent -= answer.changes;
        }
        session.sent.clear();
        session.carried.clear();
        session.offered.clear();
        session.asked.clear();
        session.phase = Phase::Pack;
        if too_large {
            return;
        }
        let offset_ms = refused.server_ms.unwrap_or(turn.now_ms).saturating_sub(turn.now_ms);
        let learned = Stage::new(&self.memory).and_then(|mut stage| {
            stage.state.offset_ms = offset_ms;
            stage.finish()
        });
        match learned {
            Ok(staged) => self.write(staged, Then::Again, turn),
            Err(failure) => self.end_sync(Some(SyncEnd::Failed(failure)), turn),
        }
    }

    /// Whether the outbox holds something that this session has not sent.
    fn has_unsent(&self) -> bool {
        let Some(session) = &self.session else { return false };
        let waiting = self.memory.outbox.values().any(|row| row.standing == Standing::Waiting);
        let carried = carry::to_send(&self.memory).any(|(key, _)| !session.carried.contains(key));
        let offered = kept::offered(&self.memory).any(|(key, _)| !session.offered.contains(key));
        waiting || carried || offered || !request::unsent(&self.memory, session).is_empty()
    }

    /// Ends the sync; `None` if everything was sent and read.
    pub(crate) fn end_sync(&mut self, end: Option<SyncEnd>, turn: &mut Turn<'_>) {
        let Some(mut session) = self.session.take() else { return };
        if let Phase::Answer(answer) = &session.phase
            && !answer.is_over()
        {
            turn.effects.push(Effect::Cancel { request: answer.request });
        }
        if end == Some(SyncEnd::Offline) && self.link.tried {
            _ = self.link.shrink();
        }
        session.report.end = end.unwrap_or_default();
        turn.effects.push(Effect::SyncEnded(session.report));
    }
}

impl Session {
    /// How many bytes it may still cost.
    pub(crate) fn left(&self) -> usize {
        let spent = self.report.bytes_up + self.report.bytes_down;
        let left = self.options.spend_bytes.map(|spend| spend.saturating_sub(spent));
        left.map_or(usize::MAX, |left| usize::try_from(left).unwrap_or(usize::MAX))
    }

    /// Whether the session waits for the answer to this request.
    fn reads(&self, request: u64) -> bool {
        matches!(&self.phase, Phase::Answer(answer) if answer.request == request)
    }
}
