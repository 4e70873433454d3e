//! Writes the bundle file. Every frame in it is sealed: whoever finds the file learns who wrote how much, and nothing more.

use fieldmerge_protocol::DeviceId;
use fieldmerge_protocol::bundle::sealed::SEALED_VERSION;
use fieldmerge_protocol::bundle::{BundleWriter, SealedDraft};
use fieldmerge_protocol::sync::tag;

use crate::engine::{Engine, Then, Turn, random};
use crate::memory::rows::FrameStanding;
use crate::stage::Stage;
use crate::sync::pack::{self, Draft, Room};
use crate::{Effect, Failure, Outcome, SignRequest, Ticket};

/// An export on its way.
#[derive(Debug)]
pub(crate) struct Export {
    ticket: Ticket,
    id: u64,
    signing: Signing,
    /// The device that the file is for; none if it is for the server, by anybody's hands.
    to: Option<DeviceId>,
}

/// What of an export is being signed.
#[derive(Debug)]
enum Signing {
    /// What was packed for it; then it is stored.
    Frames(Vec<Draft>),
    /// The own frames that go sealed.
    Sealed(Vec<SealedDraft>),
}

impl Export {
    /// Whether these signatures are meant for it.
    pub(crate) fn waits_for(&self, id: u64) -> bool {
        self.id == id
    }
}

impl Engine {
    /// Packs what waits, with whole hashes, for the file may come to a server that knows nothing of this device.
    pub(crate) fn begin_export(&mut self, ticket: Ticket, to: Option<DeviceId>, turn: &mut Turn<'_>) {
        if self.session.is_some() || self.export.is_some() {
            turn.done(ticket, Err(Failure::Busy));
            return;
        }
        let room = Room {
            bytes: usize::MAX,
            frame_bytes: pack::MAX_FRAME_BYTES,
            frames: usize::MAX,
            nothing_else: true,
            full_hashes: true,
        };
        let planned = Stage::new(&self.memory).and_then(|stage| {
            if to.is_none() {
                stage.sealing_key().ok_or(Failure::NoSealingKey)?;
            }
            pack::plan(&stage, room)
        });
        let drafts = match planned {
            Ok(plan) => plan.drafts,
            Err(failure) => return turn.done(ticket, Err(failure)),
        };
        let messages: Vec<Vec<u8>> = drafts.iter().map(|draft| draft.frame.signing_bytes()).collect();
        let id = self.next_id();
        self.export = Some(Export { ticket, id, signing: Signing::Frames(drafts), to });
        if messages.is_empty() {
            self.seal_export(turn);
        } else {
            turn.effects.push(Effect::Sign(SignRequest { id, messages }));
        }
    }

    pub(crate) fn sign_export(&mut self, signatures: Option<Vec<[u8; 64]>>, turn: &mut Turn<'_>) {
        let Some(export) = &mut self.export else { return };
        let Some(signatures) = signatures else { return self.fail_export(Failure::SignFailed, turn) };
        match std::mem::replace(&mut export.signing, Signing::Frames(Vec::new())) {
            Signing::Frames(drafts) => {
                let sealed = Stage::new(&self.memory).and_then(|mut stage| {
                    pack::seal(&mut stage, drafts, &signatures)?;
                    stage.finish()
                });
                match sealed {
                    Ok(staged) => self.write(staged, Then::Exported, turn),
                    Err(failure) => self.fail_export(failure, turn),
                }
            }
            Signing::Sealed(drafts) if drafts.len() == signatures.len() => {
                self.finish_export(&drafts, &signatures, turn);
            }
            Signing::Sealed(_) => self.fail_export(Failure::SignFailed, turn),
        }
    }

    pub(crate) fn fail_export(&mut self, failure: Failure, turn: &mut Turn<'_>) {
        if let Some(export) = self.export.take() {
            turn.done(export.ticket, Err(failure));
        }
    }

    /// Seals the own frames without a receipt that go sealed, and has the seals signed: for the server every one, for
    /// another device those that it may not read.
    pub(crate) fn seal_export(&mut self, turn: &mut Turn<'_>) {
        let Some(to) = self.export.as_ref().map(|export| export.to) else { return };
        let id = self.next_id();
        let sealed = match to {
            None => self.sealed(self.own_sent().collect(), turn),
            Some(to) => self.unreadable(to, turn).and_then(|frames| self.sealed(frames, turn)),
        };
        let drafts = match sealed {
            Ok(drafts) => drafts,
            Err(failure) => return self.fail_export(failure, turn),
        };
        if drafts.is_empty() {
            return self.finish_export(&[], &[], turn);
        }
        let messages = drafts.iter().map(SealedDraft::signing_bytes).collect();
        if let Some(export) = &mut self.export {
            (export.id, export.signing) = (id, Signing::Sealed(drafts));
            turn.effects.push(Effect::Sign(SignRequest { id, messages }));
        }
    }

    /// Own frames without a receipt.
    pub(crate) fn own_sent(&self) -> impl Iterator<Item = &[u8]> {
        let sent = self.memory.frames.values().filter(|frame| frame.standing == FrameStanding::Sent);
        sent.map(|frame| &frame.bytes[..])
    }

    /// Seals frames to the project's key.
    fn sealed(&self, frames: Vec<&[u8]>, turn: &mut Turn<'_>) -> Result<Vec<SealedDraft>, Failure> {
        if frames.is_empty() {
            return Ok(Vec::new());
        }
        let key = Stage::new(&self.memory)?.sealing_key().ok_or(Failure::NoSealingKey)?;
        let seal = |frame: &[u8]| {
            SealedDraft::seal(frame, &key, random(turn.rng))
                .map_err(|_| Failure::Bug("an own frame cannot be sealed"))
        };
        frames.into_iter().map(seal).collect()
    }

    /// Writes the file: the sealed own frames, every carried frame that is sealed, every carried receipt.
    fn finish_export(&mut self, drafts: &[SealedDraft], signatures: &[[u8; 64]], turn: &mut Turn<'_>) {
        let Some(export) = self.export.take() else { return };
        let sealed: Vec<Vec<u8>> =
            drafts.iter().zip(signatures).map(|(draft, signature)| draft.finish(*signature)).collect();
        if let Some(to) = export.to {
            self.finish_give(export.ticket, to, &sealed, turn);
            return;
        }
        let mut writer = BundleWriter::new();
        for frame in &sealed {
            writer.part(tag::SEALED_FRAME, frame);
        }
        let carried = self.memory.carried.values().map(|row| &row.payload);
        let carried: Vec<&Vec<u8>> =
            carried.filter(|payload| payload.first() == Some(&SEALED_VERSION)).collect();
        for payload in &carried {
            writer.part(tag::SEALED_FRAME, payload);
        }
        for receipts in self.memory.receipts.values() {
            writer.part(tag::RECEIPTS, receipts);
        }
        writer.part(tag::END, &[]);
        let (frames, receipts) = (drafts.len() + carried.len(), self.memory.receipts.len());
        turn.done(export.ticket, Ok(Outcome::Exported { bytes: writer.into_bytes(), frames, receipts }));
    }
}
