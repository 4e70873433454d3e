//! Which frames of a device there are.

use minicbor::{Decode, Encode};

use crate::Incarnation;

/// The frames `first` to `last` of an incarnation of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(array)]
pub struct FrameRange {
    /// The incarnation.
    #[n(0)]
    pub incarnation: Incarnation,
    /// The number of the first frame.
    #[n(1)]
    pub first: u64,
    /// The number of the last frame.
    #[n(2)]
    pub last: u64,
}
