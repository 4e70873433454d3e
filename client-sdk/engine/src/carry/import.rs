//! Takes a bundle file.

use ed25519_dalek::VerifyingKey;
use fieldmerge_protocol::DeviceId;
use fieldmerge_protocol::bundle::{Frame, PartReader};
use fieldmerge_protocol::limits::{MAX_PART_BYTES, MAX_REQUEST_BYTES};
use fieldmerge_protocol::sync::{self, Receipts, tag};

use super::keep::{carried_key, keep_receipts};
use crate::engine::{Engine, Staged, Turn};
use crate::stage::Stage;
use crate::store::Table;
use crate::sync::receipts::{Applied, verified};
use crate::{Failure, Outcome, SyncReport};

/// The most bytes of frames that a device carries for others.
const MAX_CARRIED_BYTES: usize = 64 << 20;

impl Engine {
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
