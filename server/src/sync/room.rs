//! The memory for request bodies: so much for all of them, and a share of it for each device, so that one that sends many
//! requests slowly does not keep the others out.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use fieldmerge_protocol::DeviceId;
use fieldmerge_protocol::limits::MAX_REQUEST_BYTES;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A device may have so much of the whole, and always two requests of the largest size.
const SHARE: usize = 8;
/// When so many devices have been here, those that are gone are forgotten.
const MANY: usize = 1_024;

/// The memory for bodies.
#[derive(Debug)]
pub struct BodyMemory {
    all: Arc<Semaphore>,
    share_bytes: usize,
    shares: Mutex<BTreeMap<DeviceId, Weak<Semaphore>>>,
}

impl BodyMemory {
    /// So many bytes for all.
    pub fn new(bytes: usize) -> Self {
        let bytes = bytes.min(Semaphore::MAX_PERMITS);
        let share_bytes = (bytes / SHARE).max(2 * MAX_REQUEST_BYTES);
        Self { all: Arc::new(Semaphore::new(bytes)), share_bytes, shares: Mutex::default() }
    }

    /// Takes room for bytes of a device's request; nothing where there is none, for all or for this device.
    pub fn take(&self, device: DeviceId, bytes: usize) -> Option<Room> {
        let permits = u32::try_from(bytes).ok()?;
        let share = self.share(device).try_acquire_many_owned(permits).ok()?;
        let all = Arc::clone(&self.all).try_acquire_many_owned(permits).ok()?;
        Some(Room { share, all })
    }

    fn share(&self, device: DeviceId) -> Arc<Semaphore> {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(share) = shares.get(&device).and_then(Weak::upgrade) {
            return share;
        }
        if shares.len() >= MANY {
            shares.retain(|_, share| share.strong_count() > 0);
        }
        let share = Arc::new(Semaphore::new(self.share_bytes));
        shares.insert(device, Arc::downgrade(&share));
        share
    }
}

/// Memory that is taken, and given back when this is dropped.
#[derive(Debug)]
pub struct Room {
    share: OwnedSemaphorePermit,
    all: OwnedSemaphorePermit,
}

impl Room {
    /// Joins what the same device took elsewhere.
    pub fn merge(&mut self, other: Self) {
        self.share.merge(other.share);
        self.all.merge(other.all);
    }

    /// Parts so many bytes from it, or all that there are.
    pub fn split(&mut self, bytes: usize) -> Option<Self> {
        let bytes = bytes.min(self.all.num_permits());
        Some(Self { share: self.share.split(bytes)?, all: self.all.split(bytes)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_device_does_not_keep_the_others_out() {
        let memory = BodyMemory::new(64 << 20);
        let (one, other) = (DeviceId([1; 10]), DeviceId([2; 10]));
        let taken: Vec<Room> = std::iter::from_fn(|| memory.take(one, 1 << 20)).take(100).collect();
        assert_eq!(taken.len(), SHARE);
        assert!(memory.take(other, 1 << 20).is_some());
        drop(taken);
        assert!(memory.take(one, 8 << 20).is_some());
    }

    #[test]
    fn all_devices_together_take_no_more_than_there_is() {
        let memory = BodyMemory::new(16 << 20);
        let rooms = (0..255).filter_map(|of| memory.take(DeviceId([of; 10]), 1 << 20)).collect::<Vec<_>>();
        assert_eq!(rooms.len(), 16);
    }

    #[test]
    fn what_is_parted_and_joined_is_the_same() {
        let memory = BodyMemory::new(16 << 20);
        let device = DeviceId([1; 10]);
        let mut room = memory.take(device, 1_000).expect("there is room");
        room.merge(memory.take(device, 500).expect("there is room"));
        let part = room.split(700).expect("so much was taken");
        drop(room);
        assert!(memory.take(device, (2 << 20) - 700).is_some());
        drop(part);
        assert!(memory.take(device, 2 << 20).is_some());
    }
}
