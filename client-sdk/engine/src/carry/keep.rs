//! What is kept of others: their frames until somebody acknowledges them, their receipts until the way back.

use std::sync::Arc;

use ed25519_dalek::VerifyingKey;
use fieldmerge_protocol::DeviceId;
use fieldmerge_protocol::bundle::sealed::SEALED_VERSION;
use fieldmerge_protocol::bundle::{PassedFrame, SealedHeader};
use fieldmerge_protocol::sync::{FrameReceipt, ReceiptList, Roster, tag};
use sha2::{Digest, Sha256};

use super::MAX_CARRIED_RECEIPTS;
use crate::memory::sealed_rows::CarriedRow;
use crate::memory::{Memory, rows};
use crate::stage::Stage;
use crate::store::Table;

/// The bytes of a key before the digest.
const PREFIX_BYTES: usize = 10 + 4 + 8;

/// Author, incarnation, number, and eight bytes of a digest: two frames of one number are both carried.
pub(crate) fn carried_key(header: &SealedHeader, payload: &[u8]) -> Vec<u8> {
    let digest: [u8; 32] = Sha256::digest(payload).into();
    [&carried_prefix(header)[..], &digest[..8]].concat()
}

/// What the keys of all frames of an author's number begin with.
pub(super) fn carried_prefix(header: &SealedHeader) -> Vec<u8> {
    [&header.device.0[..], &header.frame.incarnation.0, &header.frame.number.to_be_bytes()].concat()
}

impl Stage<'_> {
    /// Whether a frame is carried.
    pub(crate) fn carries(&self, key: &[u8]) -> bool {
        match self.rest.get(&(Table::Carried, key.to_vec())) {
            Some(staged) => staged.is_some(),
            None => self.memory.carried.contains_key(key),
        }
    }

    /// The payload of a frame that is carried.
    pub(crate) fn carried(&self, key: &[u8]) -> Option<Arc<[u8]>> {
        match self.rest.get(&(Table::Carried, key.to_vec())) {
            Some(staged) => Some(CarriedRow::read(staged.as_ref()?).ok()?.payload.into()),
            None => Some(self.memory.carried.get(key)?.payload.as_slice().into()),
        }
    }
}

/// Carries a frame from now on; `since_ms` by the server's clock, as far as it is known.
pub(super) fn carry(stage: &mut Stage<'_>, key: Vec<u8>, payload: Vec<u8>, since_ms: i64) {
    let row = CarriedRow { payload, since_ms: Some(since_ms) };
    stage.put(Table::Carried, key, Some(rows::bytes(&row)));
}

/// The carried frames that go to the server. Of one that is carried both readable and sealed that is the readable one:
/// what the server says to it is said to both.
pub(crate) fn to_send(memory: &Memory) -> impl Iterator<Item = (&Vec<u8>, &CarriedRow)> {
    memory.carried.iter().filter(|(key, row)| !has_readable_twin(memory, key, row))
}

/// Whether the frame in a sealed row is carried as its author signed it, too. Only what is proven counts.
fn has_readable_twin(memory: &Memory, key: &[u8], row: &CarriedRow) -> bool {
    let Some(prefix) = key.get(..PREFIX_BYTES).filter(|_| row.payload.first() == Some(&SEALED_VERSION))
    else {
        return false;
    };
    let digest = |frame: &PassedFrame<'_>| frame.header().digest;
    let sealed = PassedFrame::parse(&row.payload).map(|frame| digest(&frame)).ok();
    let same_number =
        memory.carried.range(prefix.to_vec()..).take_while(|(other, _)| other.starts_with(prefix));
    same_number.filter_map(|(_, other)| PassedFrame::parse(&other.payload).ok()).any(|other| {
        other.tag() == tag::FRAME
            && Some(digest(&other)) == sealed
            && key_in(&memory.roster, other.header().device).is_some_and(|key| other.verify(&key).is_ok())
    })
}

/// The key that the roster gives for a device.
pub(super) fn author_key(stage: &Stage<'_>, device: DeviceId) -> Option<VerifyingKey> {
    key_in(stage.roster(), device)
}

fn key_in(roster: &Roster, device: DeviceId) -> Option<VerifyingKey> {
    let known = roster.devices.iter().find(|known| known.device == device)?;
    VerifyingKey::from_bytes(known.key.as_slice().try_into().ok()?).ok()
}

/// Whether a receipt for a frame that its author had not signed is held against one that she did sign.
fn is_for_another(stage: &Stage<'_>, receipt: &FrameReceipt, row: &CarriedRow) -> bool {
    receipt.code.as_deref() == Some("bad-signature")
        && PassedFrame::parse(&row.payload).is_ok_and(|frame| {
            author_key(stage, frame.header().device).is_some_and(|key| frame.verify(&key).is_ok())
        })
}

/// Keeps receipts of another device, to be carried back, and drops the frames that they acknowledge.
pub(crate) fn keep_receipts(stage: &mut Stage<'_>, list: &ReceiptList, payload: &[u8]) {
    for receipt in &list.receipts {
        let named = |header: &SealedHeader| (header.device, header.frame) == (list.device, receipt.frame);
        let prefix = [&list.device.0[..], &receipt.frame.incarnation.0, &receipt.frame.number.to_be_bytes()];
        let carried = stage.memory.carried.range(prefix.concat()..);
        let keys: Vec<Vec<u8>> = carried
            .map_while(|(key, row)| {
                let header = PassedFrame::parse(&row.payload).ok()?.header();
                named(&header).then_some((key, row, header.digest))
            })
            .filter(|(_, row, digest)| *digest == receipt.digest && !is_for_another(stage, receipt, row))
            .map(|(key, ..)| key.clone())
            .collect();
        for key in keys {
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
    // Numbers grow, so those below the newest thousand give way, whether they are stored or staged.
    let oldest = stage.state.next_receipt.saturating_sub(MAX_CARRIED_RECEIPTS);
    let stored = stage.memory.receipts.range(..oldest.to_be_bytes().to_vec());
    for key in stored.map(|(key, _)| key.clone()).collect::<Vec<_>>() {
        stage.put(Table::Receipts, key, None);
    }
    if let Some(staged) = oldest.checked_sub(1) {
        stage.put(Table::Receipts, staged.to_be_bytes().to_vec(), None);
    }
}
