//! Applies receipts: what became of the frames that were sent.

use std::collections::BTreeMap;

use ed25519_dalek::{Signature, VerifyingKey};
use fieldmerge_model::quarantine::QuarantineCode;
use fieldmerge_protocol::RecordClass;
use fieldmerge_protocol::bundle::Frame;
use fieldmerge_protocol::sync::{
    self, FrameReceipt, FrameStatus, Outcome, ReceiptList, Receipts, short_digest,
};

use super::answer::{AfterAnswer, Reading};
use super::kept;
use crate::engine::Turn;
use crate::memory::outbox_row::{OutboxRow, Standing};
use crate::memory::rows::{FrameKey, FrameRow, FrameStanding};
use crate::stage::Stage;
use crate::{Enrolment, SyncReport, carry, repair};

/// Whether the project's server signed this text.
pub(crate) fn is_signed(enrolment: &Enrolment, text: &[u8], signature: &[u8]) -> bool {
    let Ok(key) = VerifyingKey::from_bytes(&enrolment.server_key) else { return false };
    Signature::from_slice(signature).is_ok_and(|signature| key.verify_strict(text, &signature).is_ok())
}

/// The receipts in a part, if the project's server signed them.
pub(crate) fn verified(enrolment: &Enrolment, receipts: &Receipts) -> Option<ReceiptList> {
    let text = sync::receipts_text(enrolment.project, &receipts.list);
    if !is_signed(enrolment, &text, &receipts.signature) {
        return None;
    }
    sync::decode(&receipts.list).ok()
}

impl Reading<'_, '_, '_> {
    /// Applies the receipts of this device, and keeps those of others to be carried back.
    pub(crate) fn receipts(&mut self, payload: &[u8], receipts: &Receipts) -> AfterAnswer {
        let Some(list) = verified(self.enrolment, receipts) else {
            self.problem("unsigned-receipts", None);
            return AfterAnswer::ReadOn;
        };
        if list.device != self.enrolment.device {
            self.report.delivered += list.receipts.len() as u64;
            carry::keep_receipts(&mut self.stage, &list, payload);
            return AfterAnswer::ReadOn;
        }
        self.answer.receipts += list.receipts.len();
        let state = &mut self.stage.state;
        if self.answer.told.is_some_and(|told| told.life != state.life) {
            // Until the answer is proven nobody says in which life they were given, or, at first, in which log.
            state.unsure = Some(true);
        }
        let mut applied = Applied { stage: &mut self.stage, report: self.report, turn: self.turn };
        if applied.all(&list) { self.read_anew() } else { AfterAnswer::ReadOn }
    }

    /// The server has this own change.
    pub(crate) fn accepted(&mut self, number: u64) {
        Applied { stage: &mut self.stage, report: self.report, turn: self.turn }.accepted(number);
    }
}

/// Where receipts are applied.
pub(crate) struct Applied<'a, 'm, 't> {
    pub(crate) stage: &'a mut Stage<'m>,
    pub(crate) report: &'a mut SyncReport,
    pub(crate) turn: &'a mut Turn<'t>,
}

impl Applied<'_, '_, '_> {
    /// Applies every receipt; says whether another copy of this device was noticed.
    pub(crate) fn all(&mut self, list: &ReceiptList) -> bool {
        let mut copied = false;
        for receipt in &list.receipts {
            copied |= self.receipt(receipt);
        }
        copied
    }

    fn receipt(&mut self, receipt: &FrameReceipt) -> bool {
        let key: FrameKey = (receipt.frame.incarnation, receipt.frame.number);
        let Some(frame) =
            self.stage.frame(key).filter(|frame| frame.standing != FrameStanding::Kept).cloned()
        else {
            kept::receipt(self.stage, receipt);
            return false;
        };
        let parsed = Frame::parse(&frame.bytes);
        if !parsed.is_ok_and(|own| short_digest(&own.header.changes_digest) == receipt.digest) {
            // It tells of what another copy packed under this number.
            return self.forked(key);
        }
        // A server that keeps no proof of the frame does not count its number either.
        let code = receipt.code.as_deref();
        let counts = match receipt.status {
            FrameStatus::Accepted => true,
            FrameStatus::Quarantined => matches!(code, Some("malformed-frame" | "digest-mismatch")),
            FrameStatus::Unresolved | FrameStatus::Forked => false,
        };
        if counts && key.0 == self.stage.state.incarnation {
            self.stage.state.receipted = self.stage.state.receipted.max(key.1);
        }
        let quarantined =
            |code: Option<&str>| (Outcome::Quarantined, code.unwrap_or("quarantined").to_owned());
        match receipt.status {
            FrameStatus::Accepted => {
                let exceptions = receipt.exceptions.iter();
                let outcomes: BTreeMap<u32, (Outcome, String)> = exceptions
                    .map(|exception| {
                        (exception.index, (exception.outcome, exception.code.clone().unwrap_or_default()))
                    })
                    .collect();
                self.settle(key, frame, |index| outcomes.get(&index).cloned())
            }
            // Short forms that name other changes than the author meant are cured by whole hashes.
            FrameStatus::Quarantined
                if receipt.code.as_deref() == Some("digest-mismatch") && !frame.full_hashes =>
            {
                pack_again(self.stage, key, true, self.turn);
                false
            }
            FrameStatus::Quarantined => {
                let outcome = quarantined(receipt.code.as_deref());
                let frame = FrameRow { unowed: Some(true), ..frame };
                self.settle(key, frame, |_| Some(outcome.clone()))
            }
            FrameStatus::Unresolved => {
                if code == Some("unknown-dictionary") {
                    // The server sends the one that it has. These changes go without any.
                    self.stage.state.dictionary = None;
                }
                pack_again(self.stage, key, true, self.turn);
                false
            }
            FrameStatus::Forked => self.forked(key),
        }
    }

    /// Another copy of this device used this number. Nothing was taken; what the changes themselves are worth the
    /// server says when they come under another one.
    fn forked(&mut self, key: FrameKey) -> bool {
        pack_again(self.stage, key, false, self.turn);
        repair::copy_found(self.stage, key.0, self.turn)
    }

    /// Gives each change of a frame its outcome. Where `exception` says nothing the change was accepted.
    fn settle(
        &mut self,
        key: FrameKey,
        mut frame: FrameRow,
        exception: impl Fn(u32) -> Option<(Outcome, String)>,
    ) -> bool {
        let (mut open, mut copied, mut forked) = (None, false, Vec::new());
        let secret = repair::may_not_be_read(&frame.bytes);
        let given_up = frame.given_up.clone().unwrap_or_default();
        let own = (0_u32..).zip(&frame.changes).filter(|(index, _)| !given_up.contains(index));
        for (index, number) in own {
            let Some(mut row) = self.stage.outgoing(*number).cloned() else { continue };
            if matches!(row.standing, Standing::Waiting | Standing::Forked) {
                continue;
            }
            let (outcome, code) = exception(index).unwrap_or((Outcome::Accepted, String::new()));
            row.standing = match outcome {
                Outcome::Accepted | Outcome::Duplicate => {
                    self.accepted(*number);
                    continue;
                }
                Outcome::Held => {
                    open = Some(row.feed);
                    self.report.held += u64::from(row.standing == Standing::Sent);
                    Standing::Held
                }
                Outcome::Quarantined => {
                    open = Some(row.feed);
                    let known = matches!(&row.standing, Standing::Quarantined(_));
                    if known && !(row.is_open() && code == QuarantineCode::Withdrawn.as_str()) {
                        continue;
                    }
                    self.aside(&row, &code);
                    Standing::Quarantined(code)
                }
                Outcome::Forked => {
                    copied |= repair::copy_found(self.stage, row.actor.incarnation(), self.turn);
                    forked.push(index);
                    Standing::Forked
                }
            };
            self.stage.set_outgoing(*number, Some(row));
        }
        if !forked.is_empty() {
            // They are written anew in another frame.
            frame.given_up.get_or_insert_default().extend(forked);
        }
        // What may not be read back is not kept in a frame either, unless nobody here can read it.
        let forget = secret && open.is_none();
        if forget {
            kept::keep(self.stage, self.turn, key, &frame.bytes);
        }
        if let Some(feed) = open {
            frame.standing = FrameStanding::Unsettled;
            frame.since = frame.since.or(Some(self.stage.cursor(feed)));
        } else {
            frame.standing = FrameStanding::Kept;
            frame.changes.clear();
        }
        self.stage.set_frame(key, (!forget).then_some(frame));
        copied
    }

    /// The server does not take a change as it is. A structure that it refuses is written anew, once, and so is what its
    /// person took back.
    fn aside(&mut self, row: &OutboxRow, code: &str) {
        let aside = OutboxRow { standing: Standing::Quarantined(code.to_owned()), ..row.clone() };
        self.report.quarantined += u64::from(aside.wish.is_none());
        if repair::is_due(&aside) {
            self.stage.state.repairing = true;
            self.stage.state.recover = true;
            if row.actor.incarnation() == self.stage.state.incarnation {
                repair::begin_incarnation(self.stage, self.turn);
            }
        }
    }

    /// The server has this change: it leaves the outbox, and an observation leaves the device.
    pub(crate) fn accepted(&mut self, number: u64) {
        let Some(row) = self.stage.outgoing(number).cloned() else { return };
        self.report.accepted += 1;
        self.stage.set_outgoing(number, None);
        if row.feed.class == RecordClass::Observation && self.stage.outgoing_of(row.record).is_empty() {
            self.stage.forget(row.record);
        }
    }
}

/// The changes of a frame that was not taken wait again, for another one.
pub(crate) fn pack_again(stage: &mut Stage<'_>, key: FrameKey, full_hashes: bool, turn: &mut Turn<'_>) {
    let Some(frame) = stage.frame(key).cloned() else { return };
    for number in frame.changes {
        let Some(mut row) = stage.outgoing(number).cloned() else { continue };
        if matches!(row.standing, Standing::Sent | Standing::Held) {
            row.standing = Standing::Waiting;
            row.full_hashes |= full_hashes;
            stage.set_outgoing(number, Some(row));
        }
    }
    stage.set_frame(key, None);
    repair::disown(stage, key, turn);
}
