//! Makes ids, codes and secrets from one injected source of randomness.

use std::sync::{Mutex, PoisonError};

use fieldmerge_protocol::DeviceId;
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use uuid::Uuid;

/// The source of everything random on the server.
#[derive(Debug)]
pub struct Ids(Mutex<ChaCha20Rng>);

/// The operating system gave no randomness.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gives no random bytes")]
pub struct NoRandomness(#[source] getrandom::Error);

impl Ids {
    /// Seeded by the operating system.
    pub fn from_system() -> Result<Self, NoRandomness> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(NoRandomness)?;
        Ok(Self::from_seed(seed))
    }

    /// The same ids each time, for tests.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(Mutex::new(ChaCha20Rng::from_seed(seed)))
    }

    /// So many random bytes.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(&mut bytes);
        bytes
    }

    /// A `UUIDv7` of this time.
    pub fn uuid(&self, now_ms: i64) -> Uuid {
        let millis = u64::try_from(now_ms).unwrap_or_default();
        uuid::Builder::from_unix_timestamp_millis(millis, &self.bytes()).into_uuid()
    }

    /// The id of a new device.
    pub fn device(&self) -> DeviceId {
        DeviceId(self.bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_carries_its_time_and_version() {
        let ids = Ids::from_seed([7; 32]);
        let uuid = ids.uuid(1_772_000_000_000);
        assert_eq!(uuid.get_version_num(), 7);
        assert_eq!(uuid.get_timestamp().map(|time| time.to_unix()), Some((1_772_000_000, 0)));
        assert_ne!(uuid, ids.uuid(1_772_000_000_000));
    }
}
