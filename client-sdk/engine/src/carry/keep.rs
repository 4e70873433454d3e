//! What is kept of others: their frames until somebody acknowledges them, their receipts until the way back.

use fieldmerge_protocol::bundle::Frame;
use fieldmerge_protocol::sync::{FrameRef, ReceiptList, short_digest};
use fieldmerge_protocol::{DeviceId, Incarnation};
use sha2::{Digest, Sha256};

use crate::stage::Stage;
use crate::store::Table;

/// The most receipt parts that a device carries back; the oldest give way.
const MAX_CARRIED_RECEIPTS: usize = 1_000;

/// Author, incarnation, number, and eight bytes of a digest: two frames of one number are both carried.
pub(super) fn carried_key(frame: &Frame<'_>, payload: &[u8]) -> Vec<u8> {
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
