//! What the server holds or has put aside: released, or given back to its author.

use fieldmerge_protocol::sync::{FramePlace, FrameReceipt, FrameRef, Outcome};
use fieldmerge_protocol::{DeviceId, RecordClass, RecordId};

use super::Server;

impl Server {
    pub(super) fn release(&mut self, record: RecordId) {
        let all = std::mem::take(&mut self.held);
        let (mine, others): (Vec<_>, Vec<_>) = all.into_iter().partition(|(held, ..)| *held == record);
        self.held = others;
        for (record, change, hash, author) in mine {
            self.offer(record, &change, hash, author, RecordClass::Reference);
        }
    }

    /// Takes a change neither now nor later, unless it was taken before.
    pub(super) fn withdraw(&mut self, device: DeviceId, place: FramePlace) {
        let Some(hash) = self.places.get(&(device, place)).copied() else { return };
        let Some((_, receipt)) = self.frames.get_mut(&(device, place.frame)) else { return };
        let exception = receipt.exceptions.iter_mut().find(|exception| exception.index == place.index);
        let Some(exception) = exception else { return };
        let held = self.held.iter().position(|(_, _, held, _)| *held == hash);
        if held.is_some() || exception.outcome == Outcome::Quarantined {
            held.map(|held| self.held.remove(held));
            (exception.outcome, exception.code) = (Outcome::Quarantined, Some("withdrawn".to_owned()));
        }
    }

    /// The receipt of a frame as it stands now: what was held may have been released.
    pub(super) fn receipt_again(&self, device: DeviceId, frame: FrameRef) -> Option<FrameReceipt> {
        let (_, receipt) = self.frames.get(&(device, frame))?;
        let mut receipt = receipt.clone();
        if self.held.iter().all(|(.., author)| *author != device) {
            receipt.exceptions.retain(|exception| exception.outcome != Outcome::Held);
        }
        Some(receipt)
    }
}
