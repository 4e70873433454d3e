//! Takes a bundle file. Whatever stands in it, the work is bounded, and so is what is kept.

use std::collections::BTreeMap;

use ed25519_dalek::VerifyingKey;
use fieldmerge_protocol::DeviceId;
use fieldmerge_protocol::bundle::{Part, PartReader, PassedFrame};
use fieldmerge_protocol::limits::{MAX_PART_BYTES, MAX_REQUEST_BYTES};
use fieldmerge_protocol::sync::{self, FrameReceipt, Receipts, tag};

use super::keep::{author_key, carried_key, carried_prefix, carry, keep_receipts};
use super::{MAX_CARRIED_BYTES, MAX_CARRIED_FRAMES, MAX_CARRIED_OF_AUTHOR_BYTES, expire};
use crate::engine::{Engine, Staged, Turn};
use crate::memory::Memory;
use crate::stage::Stage;
use crate::store::Table;
use crate::sync::receipts::{Applied, verified};
use crate::{Failure, Imported, Outcome, SyncReport};

/// The most bytes of a file: as much as may be carried, and receipts beside it.
const MAX_FILE_BYTES: usize = MAX_CARRIED_BYTES + (16 << 20);
/// So many parts of a file are looked into; each costs a signature.
const MAX_FILE_PARTS: usize = 2 * MAX_CARRIED_FRAMES;
/// What a request holds beside a frame.
const REQUEST_HEAD_BYTES: usize = 128 << 10;

impl Engine {
    /// Takes a file of another device.
    pub(crate) fn import(&self, bytes: &[u8], turn: &mut Turn<'_>) -> Result<(Staged, Outcome), Failure> {
        if bytes.len() > MAX_FILE_BYTES {
            return Err(Failure::BadFile("it is larger than any file of a device"));
        }
        let mut import = Import::new(&self.memory, false, turn.now_ms)?;
        let mut reader = PartReader::new(MAX_PART_BYTES);
        reader.feed(bytes);
        let mut whole = false;
        while let Some(part) =
            reader.next_part().map_err(|_| Failure::BadFile("it is not a bundle, or is damaged"))?
        {
            if part.tag == tag::END {
                whole = true;
                break;
            }
            import.part(part, turn)?;
        }
        if !whole {
            return Err(Failure::BadFile("it ends early"));
        }
        Ok((import.stage.finish()?, Outcome::Imported(import.taken)))
    }
}

/// How much is carried.
struct Load {
    bytes: usize,
    frames: usize,
    of_author: BTreeMap<DeviceId, usize>,
}

impl Load {
    fn of(memory: &Memory) -> Self {
        let mut load = Self { bytes: 0, frames: 0, of_author: BTreeMap::new() };
        for row in memory.carried.values() {
            if let Ok(frame) = PassedFrame::parse(&row.payload) {
                load.add(frame.header().device, row.payload.len());
            }
        }
        load
    }

    fn add(&mut self, author: DeviceId, bytes: usize) {
        self.bytes += bytes;
        self.frames += 1;
        *self.of_author.entry(author).or_default() += bytes;
    }

    fn remove(&mut self, author: DeviceId, bytes: usize) {
        self.bytes -= bytes;
        self.frames -= 1;
        if let Some(of_author) = self.of_author.get_mut(&author) {
            *of_author -= bytes;
        }
    }

    fn has_room(&self, author: DeviceId, bytes: usize) -> bool {
        self.bytes + bytes <= MAX_CARRIED_BYTES
            && self.frames < MAX_CARRIED_FRAMES
            && self.of_author.get(&author).copied().unwrap_or_default() + bytes <= MAX_CARRIED_OF_AUTHOR_BYTES
    }
}

/// A file on its way in.
pub(crate) struct Import<'m> {
    pub(crate) stage: Stage<'m>,
    load: Load,
    pub(crate) taken: Imported,
    /// Whether frames are read too: then a readable one is carried beside the same one sealed.
    reads: bool,
    parts: usize,
    now_ms: i64,
}

impl<'m> Import<'m> {
    pub(crate) fn new(memory: &'m Memory, reads: bool, now_ms: i64) -> Result<Self, Failure> {
        let mut stage = Stage::new(memory)?;
        expire::expire(&mut stage, now_ms);
        let (load, taken) = (Load::of(memory), Imported::default());
        Ok(Self { stage, load, taken, reads, parts: 0, now_ms })
    }

    /// Takes a frame to carry it, or receipts; other parts are passed over.
    pub(crate) fn part(&mut self, part: Part, turn: &mut Turn<'_>) -> Result<(), Failure> {
        self.parts += 1;
        match part.tag {
            tag::FRAME | tag::SEALED_FRAME | tag::RECEIPTS if self.parts > MAX_FILE_PARTS => {
                self.taken.full += 1;
                Ok(())
            }
            tag::FRAME | tag::SEALED_FRAME => self.frame(part.payload),
            tag::RECEIPTS => self.receipts(&part.payload, turn),
            _ => Ok(()),
        }
    }

    fn frame(&mut self, payload: Vec<u8>) -> Result<(), Failure> {
        let enrolment = self.stage.enrolment()?;
        let Ok(frame) = PassedFrame::parse(&payload) else {
            self.taken.skipped += 1;
            return Ok(());
        };
        let (header, is_clear) = (frame.header(), frame.tag() == tag::FRAME);
        let ours = header.project == enrolment.project && header.device != enrolment.device;
        let key = carried_key(&header, &payload);
        if ours && self.stage.carries(&key) {
            return Ok(());
        }
        // An author that the roster does not name may be new; the server will know.
        let author = author_key(&self.stage, header.device);
        if !ours || author.is_some_and(|key| frame.verify(&key).is_err()) {
            self.taken.skipped += 1;
            return Ok(());
        }
        // The same frame, sealed once more, is the same frame; what is not proven may not stand in its way.
        let held = author.is_some_and(|key| self.holds(&carried_prefix(&header), header.digest, &key));
        if held && !(self.reads && is_clear) {
            return Ok(());
        }
        if payload.len() > MAX_REQUEST_BYTES - REQUEST_HEAD_BYTES {
            self.taken.too_large += 1;
        } else if self.load.has_room(header.device, payload.len()) {
            self.load.add(header.device, payload.len());
            self.taken.frames += 1;
            let since_ms = self.now_ms.saturating_add(self.stage.state.offset_ms);
            carry(&mut self.stage, key, payload, since_ms);
        } else {
            self.taken.full += 1;
        }
        Ok(())
    }

    /// Whether a frame of this author, number and content is carried that she signed. What says to be one and is not,
    /// came before she was known, and goes.
    fn holds(&mut self, prefix: &[u8], digest: [u8; 8], author: &VerifyingKey) -> bool {
        let carried = self.stage.memory.carried.range(prefix.to_vec()..);
        for (key, row) in carried.take_while(|(key, _)| key.starts_with(prefix)) {
            let Ok(frame) = PassedFrame::parse(&row.payload) else { continue };
            if frame.header().digest != digest || !self.stage.carries(key) {
                continue;
            }
            if frame.verify(author).is_ok() {
                return true;
            }
            self.load.remove(frame.header().device, row.payload.len());
            self.stage.put(Table::Carried, key.clone(), None);
        }
        false
    }

    fn receipts(&mut self, payload: &[u8], turn: &mut Turn<'_>) -> Result<(), Failure> {
        let enrolment = self.stage.enrolment()?;
        let list = sync::decode::<Receipts>(payload).ok().and_then(|receipts| verified(enrolment, &receipts));
        match list {
            // A server that was restored since may lack what the receipts of its former log acknowledge.
            Some(list) if self.stage.state.log.is_some_and(|log| log != list.log) => self.taken.skipped += 1,
            Some(mut list) if list.device == enrolment.device => {
                list.receipts.retain(is_of_the_author);
                self.taken.receipts += list.receipts.len();
                self.stage.state.unsure = Some(true);
                let mut report = SyncReport::default();
                let copied = Applied { stage: &mut self.stage, report: &mut report, turn }.all(&list);
                if copied {
                    self.stage.forget_cursors();
                }
            }
            Some(list) => keep_receipts(&mut self.stage, &list, payload),
            None => self.taken.skipped += 1,
        }
        Ok(())
    }
}

/// Whether a receipt that came by file tells of a frame that its author did sign. Anybody may bring a server bytes in her
/// name; what became of those says nothing about her own frame, which goes by itself with her next sync.
fn is_of_the_author(receipt: &FrameReceipt) -> bool {
    let unproven = ["bad-signature", "unknown-device", "device-revoked", "wrong-project"];
    !receipt.code.as_deref().is_some_and(|code| unproven.contains(&code))
}
