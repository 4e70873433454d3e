//! What the server found wrong with records, as their author is told.

use minicbor::{Decode, Encode};
use sha2::{Digest, Sha256};

use crate::RecordId;

/// What stands against answers that the asking device wrote: all of it, so that it takes the place of what was there. The
/// latest, where there is more than a device is told of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Findings {
    /// By record, path and code.
    #[n(0)]
    pub findings: Vec<Finding>,
}

/// An answer that breaks a rule of its form, or the lack of one. What was answered is not in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(array)]
pub struct Finding {
    /// The record.
    #[n(0)]
    pub record: RecordId,
    /// Where in it.
    #[n(1)]
    pub path: String,
    /// What is wrong: `required`, `constraint`, `out-of-range`, `not-offered`, `not-permitted`, or what a later server knows.
    #[n(2)]
    pub code: String,
    /// The number of the version of the form by whose rules.
    #[n(3)]
    pub form: u64,
}

impl Findings {
    /// What stands for them in [`super::Hello::findings`]: the first four bytes, big-endian and at least 1, of the SHA-256 of
    /// the bytes of the part, as they came; none where there are none.
    pub fn check(&self, part: &[u8]) -> Option<u32> {
        let digest = Sha256::digest(part);
        let check = u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]).max(1);
        (!self.findings.is_empty()).then_some(check)
    }
}
