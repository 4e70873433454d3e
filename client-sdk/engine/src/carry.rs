//! Bundle files: own frames to be carried by others, frames of others to be carried to the server, receipts back.
//!
//! A file is a bundle of frame parts and receipt parts. Frames are carried verbatim, because their author signed them.

use fieldmerge_protocol::bundle::{BundleWriter, Frame, PartReader};
use fieldmerge_protocol::limits::{MAX_PART_BYTES, MAX_REQUEST_BYTES};
use fieldmerge_protocol::sync::{self, FrameRef, ReceiptList, Receipts, short_digest, tag};
use fieldmerge_protocol::{DeviceId, Incarnation};
use sha2::{Digest, Sha256};

use ed25519_dalek::VerifyingKey;

use crate::engine::{Engine, Staged, Then, Turn};
use crate::memory::rows::FrameStanding;
use crate::stage::Stage;
use crate::store::Table;
use crate::sync::pack::{self, Draft, Room};
use crate::sync::receipts::{Applied, verified};
use crate::{Effect, Failure, Outcome, SignRequest, SyncReport, Ticket};

/// The most bytes of frames that a device carries for others.
const MAX_CARRIED_BYTES: usize = 64 << 20;
/// The most receipt parts that a device carries back; the oldest give way.
const MAX_CARRIED_RECEIPTS: usize = 1_000;

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

    /// Takes a file of another device.
    pub(crate) fn import(&self, bytes: &[u8], turn: &mut Turn<'_>) -> Result<(Staged, Outcome), Failure> {
        let mut import = Import {
            stage: Stage::new(&self.memory)?,
            carried: self.memory.carried.values().map(|frame| frame.len()).sum(),
            frames: 0,
            receipts: 0,
            skipped: 0,
        };
        let mut reader = PartReader::new(MAX_PART_BYTES);
        reader.feed(bytes);
        let mut whole = false;
        while let Some(part) =
            reader.next_part().map_err(|_| Failure::BadFile("it is not a bundle, or is damaged"))?
        {
            match part.tag {
                tag::FRAME => import.frame(&part.payload)?,
                tag::RECEIPTS => import.receipts(&part.payload, turn)?,
                tag::END => whole = true,
                _ => {}
            }
        }
        if !whole {
            return Err(Failure::BadFile("it ends early"));
        }
        let Import { stage, frames, receipts, skipped, .. } = import;
        Ok((stage.finish()?, Outcome::Imported { frames, receipts, skipped }))
    }
}

/// A file on its way in.
struct Import<'m> {
    stage: Stage<'m>,
    /// Bytes of carried frames.
    carried: usize,
    frames: usize,
    receipts: usize,
    skipped: usize,
}

impl Import<'_> {
    fn frame(&mut self, payload: &[u8]) -> Result<(), Failure> {
        let enrolment = self.stage.enrolment()?;
        let taken = Frame::parse(payload).ok().filter(|frame| {
            let origin = &frame.header.origin;
            let ours = origin.project == enrolment.project && origin.device != enrolment.device;
            // An author that the roster does not name may be new; the server will know.
            let genuine = author_key(&self.stage, origin.device).is_none_or(|key| frame.verify(&key).is_ok());
            ours && genuine && payload.len() < MAX_REQUEST_BYTES - (128 << 10)
        });
        let Some(frame) = taken.filter(|_| self.carried + payload.len() <= MAX_CARRIED_BYTES) else {
            self.skipped += 1;
            return Ok(());
        };
        let key = carried_key(&frame, payload);
        if !self.stage.memory.carried.contains_key(&key) {
            self.carried += payload.len();
            self.frames += 1;
            self.stage.put(Table::Carried, key, Some(payload.into()));
        }
        Ok(())
    }

    fn receipts(&mut self, payload: &[u8], turn: &mut Turn<'_>) -> Result<(), Failure> {
        let enrolment = self.stage.enrolment()?;
        let list = sync::decode::<Receipts>(payload).ok().and_then(|receipts| verified(enrolment, &receipts));
        match list {
            // A server that was restored since may lack what the receipts of its former log acknowledge.
            Some(list) if self.stage.state.log.is_some_and(|log| log != list.log) => self.skipped += 1,
            Some(list) if list.device == enrolment.device => {
                self.receipts += list.receipts.len();
                let mut report = SyncReport::default();
                let copied = Applied { stage: &mut self.stage, report: &mut report, turn }.all(&list);
                if copied {
                    self.stage.forget_cursors();
                }
            }
            Some(list) => keep_receipts(&mut self.stage, &list, payload),
            None => self.skipped += 1,
        }
        Ok(())
    }
}

/// The key that the roster gives for a device.
fn author_key(stage: &Stage<'_>, device: DeviceId) -> Option<VerifyingKey> {
    let known = stage.roster().devices.iter().find(|known| known.device == device)?;
    VerifyingKey::from_bytes(known.key.as_slice().try_into().ok()?).ok()
}

/// Author, incarnation, number, and eight bytes of a digest: two frames of one number are both carried.
fn carried_key(frame: &Frame<'_>, payload: &[u8]) -> Vec<u8> {
    let origin = &frame.header.origin;
    let digest: [u8; 32] = Sha256::digest(payload).into();
    [&carried_prefix(origin.device, origin.incarnation, origin.number)[..], &digest[..8]].concat()
}

fn carried_prefix(device: DeviceId, incarnation: Incarnation, number: u64) -> Vec<u8> {
    [&device.0[..], &incarnation.0, &number.to_be_bytes()].concat()
}

/// Keeps receipts of another device, to be carried back, and drops the frames that they acknowledge.
pub(crate) fn keep_receipts(stage: &mut Stage<'_>, list: &ReceiptList, payload: &[u8]) {
    for receipt in &list.receipts {
        let FrameRef { incarnation, number } = receipt.frame;
        let prefix = carried_prefix(list.device, incarnation, number);
        let is_meant = |payload: &[u8]| {
            Frame::parse(payload)
                .is_ok_and(|frame| short_digest(&frame.header.changes_digest) == receipt.digest)
        };
        let carried = stage
            .memory
            .carried
            .iter()
            .filter(|(key, payload)| key.starts_with(&prefix) && is_meant(payload));
        for key in carried.map(|(key, _)| key.clone()).collect::<Vec<_>>() {
            stage.put(Table::Carried, key, None);
        }
    }
    let known = stage.memory.receipts.values().any(|kept| kept[..] == *payload);
    if known {
        return;
    }
    let number = stage.state.next_receipt;
    stage.state.next_receipt += 1;
    stage.put(Table::Receipts, number.to_be_bytes().to_vec(), Some(payload.into()));
    let surplus = (stage.memory.receipts.len() + 1).saturating_sub(MAX_CARRIED_RECEIPTS);
    for key in stage.memory.receipts.keys().take(surplus).cloned().collect::<Vec<_>>() {
        stage.put(Table::Receipts, key, None);
    }
}

/// Drops carried frames that a whole sync has not had acknowledged, and whose author the roster does not know: nobody
/// will ever acknowledge them.
pub(crate) fn drop_strangers(stage: &mut Stage<'_>, sent: &std::collections::BTreeSet<Vec<u8>>) {
    for key in sent {
        let known = key.get(..10).and_then(|device| DeviceId::try_from(device).ok());
        let known = known.is_some_and(|device| stage.roster().devices.iter().any(|one| one.device == device));
        if !known && stage.memory.carried.contains_key(key) {
            stage.put(Table::Carried, key.clone(), None);
        }
    }
}
