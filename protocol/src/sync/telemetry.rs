//! What a device tells of itself, for the people who look after it.

use minicbor::{Decode, Encode};

/// How a device fares, for the people who look after it. All fields are optional.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Telemetry {
    /// Changes in the outbox.
    #[n(0)]
    pub outbox_changes: Option<u64>,
    /// Free storage.
    #[n(2)]
    pub free_bytes: Option<u64>,
    /// Battery charge in percent.
    #[n(3)]
    pub battery_percent: Option<u8>,
    /// Name and version of the app.
    #[n(4)]
    pub app: Option<String>,
    /// Learned server clock minus device clock.
    #[n(5)]
    pub clock_offset_ms: Option<i64>,
    /// The age of the oldest change that was not acknowledged, in seconds by the device's clock. Key 1 was its time.
    #[n(6)]
    pub oldest_unsent_s: Option<u32>,
}
