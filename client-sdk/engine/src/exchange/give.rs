//! Giving another device what this one has for the server.

use ed25519_dalek::VerifyingKey;
use fieldmerge_protocol::bundle::{BundleWriter, Frame, PassedFrame};
use fieldmerge_protocol::limits::{MAX_EXCHANGE_BYTES, MAX_EXCHANGE_FRAMES};
use fieldmerge_protocol::sync::{self, tag};
use fieldmerge_protocol::{DeviceId, exchange};

use super::rights::Rights;
use crate::engine::{Engine, Turn};
use crate::memory::rows::FrameStanding;
use crate::stage::Stage;
use crate::{Failure, Outcome, Ticket};

/// What a file holds besides the frames and receipts: the roster, and what sealing adds.
const HEAD_BYTES: usize = 128;
/// Tag and length of a part.
const PART_BYTES: usize = 6;

impl Engine {
    /// Packs what waits, if the receiver is one to give it to.
    pub(crate) fn begin_give(&mut self, ticket: Ticket, to: DeviceId, turn: &mut Turn<'_>) {
        match self.receiver(to, turn) {
            Ok(_) => self.begin_export(ticket, Some(to), turn),
            Err(failure) => turn.done(ticket, Err(failure)),
        }
    }

    /// What the signed roster says, and the key of the receiver.
    fn receiver(&self, to: DeviceId, turn: &Turn<'_>) -> Result<(Rights, VerifyingKey), Failure> {
        let enrolment = self.memory.enrolment.as_ref().ok_or(Failure::NotEnrolled)?;
        let offset_ms = self.memory.state.as_ref().map_or(0, |state| state.offset_ms);
        let statement = self.memory.statement.clone().ok_or(Failure::NoRoster)?;
        let server_ms = turn.now_ms.saturating_add(offset_ms);
        let rights = Rights::new(enrolment.root_area, vec![statement], server_ms);
        if rights.expired {
            return Err(Failure::RosterExpired);
        }
        let key = rights.receiver(to).filter(|_| to != enrolment.device).ok_or(Failure::UnknownDevice)?;
        Ok((rights, key))
    }

    /// The own frames that another device may only carry. Without a key to seal to they stay here.
    pub(crate) fn unreadable(&self, to: DeviceId, turn: &Turn<'_>) -> Result<Vec<&[u8]>, Failure> {
        let (rights, _) = self.receiver(to, turn)?;
        if Stage::new(&self.memory)?.sealing_key().is_none() {
            return Ok(Vec::new());
        }
        let reads =
            |frame: &[u8]| Frame::parse(frame).is_ok_and(|frame| rights.may_read(to, &frame.header.origin));
        Ok(self.own_sent().filter(|frame| !reads(frame)).collect())
    }

    /// Writes the file: the signed roster, every frame that the server has not acknowledged and the receiver may read,
    /// own ones that it may not read and carried ones sealed, receipts that are carried.
    pub(crate) fn finish_give(&self, ticket: Ticket, to: DeviceId, sealed: &[Vec<u8>], turn: &mut Turn<'_>) {
        let given = self.given(to, sealed, turn);
        turn.done(ticket, given);
    }

    fn given(&self, to: DeviceId, sealed: &[Vec<u8>], turn: &mut Turn<'_>) -> Result<Outcome, Failure> {
        let (rights, key) = self.receiver(to, turn)?;
        let project = self.memory.enrolment.as_ref().ok_or(Failure::NotEnrolled)?.project;
        let signed = self.memory.roster.signed.as_ref().ok_or(Failure::NoRoster)?;
        let mut writer = BundleWriter::new();
        writer.part(tag::SIGNED_ROSTER, &sync::encode(signed));
        let fits = |writer: &BundleWriter, payload: &[u8]| {
            writer.bytes().len() + payload.len() + 2 * PART_BYTES + HEAD_BYTES <= MAX_EXCHANGE_BYTES
        };
        let (mut frames, mut left_out) = (0, 0);
        for payload in self.passable(sealed) {
            let frame =
                PassedFrame::parse(payload).map_err(|_| Failure::Bug("a kept frame does not read"))?;
            let reads = match &frame {
                PassedFrame::Clear(frame) => rights.may_read(to, &frame.header.origin),
                PassedFrame::Sealed(_) => true,
            };
            if frame.header().device == to || !reads {
                continue;
            }
            if frames < MAX_EXCHANGE_FRAMES && fits(&writer, payload) {
                writer.part(frame.tag(), payload);
                frames += 1;
            } else {
                left_out += 1;
            }
        }
        let mut receipts = 0;
        for payload in self.memory.receipts.values() {
            if fits(&writer, payload) {
                writer.part(tag::RECEIPTS, payload);
                receipts += 1;
            }
        }
        writer.part(tag::END, &[]);
        let mut random = [0; 32];
        turn.rng.fill_bytes(&mut random);
        let bytes = exchange::write(project, to, &key, writer.bytes(), random);
        let bytes = bytes.ok_or(Failure::UnknownDevice)?;
        Ok(Outcome::Given { bytes, frames, receipts, left_out })
    }

    /// Own frames without a final receipt, in order, these sealed ones, then those of others.
    fn passable<'a>(&'a self, sealed: &'a [Vec<u8>]) -> impl Iterator<Item = &'a [u8]> {
        let own = self.memory.frames.values().filter(|row| row.standing != FrameStanding::Kept);
        let own = own.map(|row| &row.bytes[..]).chain(sealed.iter().map(Vec::as_slice));
        own.chain(self.memory.carried.values().map(|row| row.payload.as_slice()))
    }
}
