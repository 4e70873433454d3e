//! The last part of a sync: attachments, one request at a time, as far as the budget goes. Thumbnails come before
//! originals, and what came first before what came later. What goes wrong with one of them leaves the others alone.

use std::collections::{BTreeMap, BTreeSet};

use fieldmerge_protocol::AttachmentHash;
use fieldmerge_protocol::limits::MAX_ATTACHMENT_CHUNK_BYTES;

use super::judge::{Judged, MAX_MISSED_MS};
use super::rows::{AttachmentRow, MAX_THUMBNAIL_BYTES, Standing};
use super::{put, swept};
use crate::effect::{Transfer, TransferJob};
use crate::engine::{Engine, Then, Turn};
use crate::input::Transferred;
use crate::stage::Stage;
use crate::sync::token;
use crate::{Effect, Failure, SignRequest, SyncEnd, SyncProblem};

/// What a sync spends on attachments unless its host says otherwise: a quarter of an hour of GPRS.
pub const DEFAULT_ATTACHMENT_BYTES: u64 = 4 << 20;
/// A piece that is smaller costs more by its head than it brings, unless it is the last.
const MIN_PIECE_BYTES: u64 = 1 << 10;
/// So many in a row that the server does not have, and no more are asked for in this sync.
const MAX_MISSES: u32 = 16;

/// Attachments on their way.
#[derive(Debug)]
pub(crate) struct Transfers {
    /// What is left of the budget.
    room: u64,
    /// Those that this sync is done with.
    pub(super) done: BTreeSet<AttachmentHash>,
    /// Those of which the server has to be asked how far they have come.
    pub(super) doubtful: BTreeSet<AttachmentHash>,
    /// The next byte of those that are being sent.
    pub(super) offsets: BTreeMap<AttachmentHash, u64>,
    pub(super) misses: u32,
    /// The server takes none from this device.
    pub(super) takes_none: bool,
    step: Step,
}

#[derive(Debug)]
enum Step {
    /// Something is being stored.
    Store,
    /// The token of a request is being signed.
    Sign { id: u64, token: String, hash: AttachmentHash, job: TransferJob },
    /// The request was sent.
    Sent { id: u64, hash: AttachmentHash, job: TransferJob },
}

impl Engine {
    /// The records are synced: lets go of what no record names, and goes on with attachments.
    pub(crate) fn begin_transfers(&mut self, turn: &mut Turn<'_>) {
        let Some(session) = &mut self.session else { return };
        let budget = session.options.attachment_bytes.unwrap_or(DEFAULT_ATTACHMENT_BYTES);
        session.transfers = Some(Transfers {
            room: budget.min(session.left() as u64),
            done: BTreeSet::new(),
            doubtful: BTreeSet::new(),
            offsets: BTreeMap::new(),
            misses: 0,
            takes_none: false,
            step: Step::Store,
        });
        let staged = Stage::new(&self.memory).and_then(|mut stage| {
            let gone = swept(&mut stage, turn.now_ms);
            Ok((stage.finish()?, gone))
        });
        match staged {
            Ok((staged, gone)) => self.write(staged, Then::Swept(gone), turn),
            Err(failure) => self.end_sync(Some(SyncEnd::Failed(failure)), turn),
        }
    }

    /// The rows of attachments are gone; the bytes may go.
    pub(crate) fn discard(&mut self, gone: Vec<AttachmentHash>, turn: &mut Turn<'_>) {
        turn.effects.extend(gone.into_iter().map(|hash| Effect::Discard { hash }));
        self.next_transfer(turn);
    }

    /// Begins the next request, or ends the sync.
    pub(crate) fn next_transfer(&mut self, turn: &mut Turn<'_>) {
        let next =
            self.session.as_ref().and_then(|session| session.transfers.as_ref()).and_then(|transfers| {
                let rows = &self.memory.attachments.rows;
                let (hash, row) = transfers.pick(rows, turn.now_ms)?;
                let job = transfers.job(hash, row, self.link.room())?;
                Some((hash, job))
            });
        let Some((hash, job)) = next else {
            self.end_sync(None, turn);
            return;
        };
        let id = self.next_id();
        let (Some(enrolment), Some(state)) = (&self.memory.enrolment, &self.memory.state) else { return };
        let token = token::signing_input(enrolment, turn.now_ms.saturating_add(state.offset_ms));
        turn.effects.push(Effect::Sign(SignRequest { id, messages: vec![token.clone().into_bytes()] }));
        if let Some(transfers) = self.session.as_mut().and_then(|session| session.transfers.as_mut()) {
            transfers.step = Step::Sign { id, token, hash, job };
        }
    }

    /// The device key has signed, or cannot; says whether it was for an attachment.
    pub(crate) fn transfer_signed(
        &mut self,
        signed: u64,
        signatures: Option<&[[u8; 64]]>,
        turn: &mut Turn<'_>,
    ) -> bool {
        let Some(session) = &mut self.session else { return false };
        let Some(transfers) = &mut session.transfers else { return false };
        let Step::Sign { id, token, hash, job } = &transfers.step else { return false };
        if *id != signed {
            return false;
        }
        let (Some(signature), Some(enrolment)) = (signatures.and_then(<[_]>::first), &self.memory.enrolment)
        else {
            self.end_sync(Some(SyncEnd::Failed(Failure::SignFailed)), turn);
            return true;
        };
        let (hash, job) = (*hash, *job);
        let authorization = token::authorization(token, signature);
        let project = enrolment.project;
        if let TransferJob::Send { bytes, .. } = job {
            // Charged when it is sent: whether it arrives or not, the link has carried it.
            transfers.room -= bytes.min(transfers.room);
            session.report.attachment_bytes += bytes;
        }
        session.report.requests += 1;
        self.last_id += 1;
        let id = self.last_id;
        transfers.step = Step::Sent { id, hash, job };
        turn.effects.push(Effect::Transfer(Transfer { id, project, hash, authorization, job }));
        true
    }

    /// Whether the sync waits for the answer to this request about an attachment.
    pub(crate) fn transfers(&self, request: u64) -> bool {
        let transfers = self.session.as_ref().and_then(|session| session.transfers.as_ref());
        transfers.is_some_and(|transfers| matches!(transfers.step, Step::Sent { id, .. } if id == request))
    }

    /// What came of a request about an attachment.
    pub(crate) fn transferred(&mut self, request: u64, result: &Transferred, turn: &mut Turn<'_>) {
        if !self.transfers(request) {
            return;
        }
        let Some(session) = &mut self.session else { return };
        let Some(transfers) = &mut session.transfers else { return };
        let Step::Sent { hash, job, .. } = std::mem::replace(&mut transfers.step, Step::Store) else {
            return;
        };
        let fetched = match result {
            Transferred::Fetched { bytes, .. } | Transferred::Cut { bytes, .. } => *bytes,
            _ => 0,
        };
        transfers.room -= fetched.min(transfers.room);
        session.report.attachment_bytes += fetched;
        let Some(row) = self.memory.attachments.rows.get(&hash).cloned() else {
            transfers.done.insert(hash);
            self.next_transfer(turn);
            return;
        };
        let judged = transfers.judge(hash, &row, job, result, turn.now_ms);
        match &judged {
            Judged::Sent(_) => session.report.attachments_sent += 1,
            Judged::Fetched(_) => session.report.attachments_received += 1,
            Judged::Later => {
                session.report.problems.push(SyncProblem { code: "attachments-later", feed: None });
            }
            Judged::Smaller if !self.link.shrink() => _ = transfers.done.insert(hash),
            _ => {}
        }
        if let Judged::Cut(..) = judged {
            self.link.tried |= matches!(result, Transferred::Cut { reached: true, .. });
        }
        self.follow_transfer(hash, &row, judged, turn);
    }

    fn follow_transfer(
        &mut self,
        hash: AttachmentHash,
        before: &AttachmentRow,
        judged: Judged,
        turn: &mut Turn<'_>,
    ) {
        let (row, then) = match judged {
            Judged::Next | Judged::Smaller => (None, Then::Transferred),
            Judged::Changed(row) | Judged::Sent(row) => (Some(row), Then::Transferred),
            Judged::Fetched(row) => (Some(row), Then::Fetched(hash)),
            Judged::Later => (None, Then::Over(None)),
            Judged::Cut(row) => (row, Then::Over(Some(SyncEnd::Offline))),
        };
        let staged = Stage::new(&self.memory).and_then(|mut stage| {
            if let Some(row) = row.filter(|row| row != before) {
                put(&mut stage, hash, Some(&row));
            }
            stage.finish()
        });
        match staged {
            Ok(staged) => self.write(staged, then, turn),
            Err(failure) => self.end_sync(Some(SyncEnd::Failed(failure)), turn),
        }
    }

    /// An attachment has come: the records that name it look different.
    pub(crate) fn fetched(&mut self, hash: AttachmentHash, turn: &mut Turn<'_>) {
        let records = self.memory.attachments.naming(hash);
        if !records.is_empty() {
            turn.effects.push(Effect::Changed { records });
        }
        self.next_transfer(turn);
    }
}

impl Transfers {
    /// The next attachment to send or to fetch: thumbnails first, then in their order, sending before fetching.
    fn pick<'r>(
        &self,
        rows: &'r BTreeMap<AttachmentHash, AttachmentRow>,
        now_ms: i64,
    ) -> Option<(AttachmentHash, &'r AttachmentRow)> {
        let due = |row: &AttachmentRow| match row.standing {
            Standing::Waiting => row.named && !self.takes_none,
            Standing::Absent => {
                // A clock that was set back makes nothing wait for longer than the longest pause.
                let waits = row.at_ms > now_ms && row.at_ms <= now_ms.saturating_add(MAX_MISSED_MS);
                row.is_expected() && !waits && self.misses < MAX_MISSES
            }
            Standing::Kept | Standing::Refused(_) => false,
        };
        let next = rows.iter().filter(|(hash, row)| !self.done.contains(hash) && due(row));
        let next = next.min_by_key(|(_, row)| (!row.thumbnail, row.standing == Standing::Absent, row.number));
        next.map(|(hash, row)| (*hash, row))
    }

    /// What to do for it; nothing when the budget is spent.
    fn job(&self, hash: AttachmentHash, row: &AttachmentRow, link_bytes: usize) -> Option<TransferJob> {
        if self.room == 0 {
            return None;
        }
        if row.standing == Standing::Absent {
            let most = if row.wanted { self.room } else { self.room.min(MAX_THUMBNAIL_BYTES) };
            return Some(TransferJob::Fetch { most });
        }
        let asks = self.doubtful.contains(&hash) || row.begun;
        let offset = match self.offsets.get(&hash) {
            Some(offset) => *offset,
            None if asks => return Some(TransferJob::Ask),
            None => 0,
        };
        let length = row.bytes.unwrap_or_default();
        let piece = link_bytes.min(MAX_ATTACHMENT_CHUNK_BYTES) as u64;
        let left = length.saturating_sub(offset);
        let bytes = left.min(piece).min(self.room);
        let worth = bytes >= MIN_PIECE_BYTES || bytes == left;
        worth.then_some(TransferJob::Send { offset, bytes, length })
    }
}
