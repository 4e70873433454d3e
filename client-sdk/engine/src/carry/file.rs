//! Writes the bundle file.

use fieldmerge_protocol::bundle::BundleWriter;
use fieldmerge_protocol::sync::tag;

use crate::engine::{Engine, Then, Turn};
use crate::memory::rows::FrameStanding;
use crate::stage::Stage;
use crate::sync::pack::{self, Draft, Room};
use crate::{Effect, Failure, Outcome, SignRequest, Ticket};

/// An export whose frames are being signed and stored.
#[derive(Debug)]
pub(crate) struct Export {
    ticket: Ticket,
    id: u64,
    drafts: Vec<Draft>,
}

impl Export {
    /// Whether these signatures are meant for it.
    pub(crate) fn waits_for(&self, id: u64) -> bool {
        self.id == id
    }
}

impl Engine {
    /// Packs what waits, with whole hashes, for the file may come to a server that knows nothing of this device.
    pub(crate) fn begin_export(&mut self, ticket: Ticket, turn: &mut Turn<'_>) {
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
        let planned = Stage::new(&self.memory).and_then(|stage| pack::plan(&stage, room));
        let drafts = match planned {
            Ok(plan) => plan.drafts,
            Err(failure) => return turn.done(ticket, Err(failure)),
        };
        let id = self.next_id();
        let messages: Vec<Vec<u8>> = drafts.iter().map(|draft| draft.frame.signing_bytes()).collect();
        self.export = Some(Export { ticket, id, drafts });
        if messages.is_empty() {
            self.finish_export(turn);
        } else {
            turn.effects.push(Effect::Sign(SignRequest { id, messages }));
        }
    }

    pub(crate) fn sign_export(&mut self, signatures: Option<Vec<[u8; 64]>>, turn: &mut Turn<'_>) {
        let Some(export) = &mut self.export else { return };
        let drafts = std::mem::take(&mut export.drafts);
        let sealed = signatures.ok_or(Failure::SignFailed).and_then(|signatures| {
            let mut stage = Stage::new(&self.memory)?;
            pack::seal(&mut stage, drafts, &signatures)?;
            stage.finish()
        });
        match sealed {
            Ok(staged) => self.write(staged, Then::Exported, turn),
            Err(failure) => self.fail_export(failure, turn),
        }
    }

    pub(crate) fn fail_export(&mut self, failure: Failure, turn: &mut Turn<'_>) {
        if let Some(export) = self.export.take() {
            turn.done(export.ticket, Err(failure));
        }
    }

    /// Writes the file: every own frame without a receipt, every carried frame, every carried receipt.
    pub(crate) fn finish_export(&mut self, turn: &mut Turn<'_>) {
        let Some(export) = self.export.take() else { return };
        let mut writer = BundleWriter::new();
        let own = self.memory.frames.values().filter(|frame| frame.standing == FrameStanding::Sent);
        let own = own.map(|frame| &frame.bytes[..]);
        let carried = self.memory.carried.values().map(|frame| &frame[..]);
        let mut frames = 0;
        for frame in own.chain(carried) {
            writer.part(tag::FRAME, frame);
            frames += 1;
        }
        for receipts in self.memory.receipts.values() {
            writer.part(tag::RECEIPTS, receipts);
        }
        writer.part(tag::END, &[]);
        let receipts = self.memory.receipts.len();
        turn.done(export.ticket, Ok(Outcome::Exported { bytes: writer.into_bytes(), frames, receipts }));
    }
}
