//! Dictionaries: what bodies are compressed against, so that one registration alone is small.

use std::borrow::Cow;

use minicbor::{Decode, Encode};
use sha2::{Digest, Sha256};

use crate::bundle::{BundleError, Compression, compress, inflate};

/// The most bytes of a dictionary.
pub const MAX_DICTIONARY_BYTES: usize = 64 << 10;

/// A dictionary as it travels. The server sends each that the device needs and does not name in its hello: one that a
/// feed frame was compressed with before that frame, the one to pack with after all feed frames.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Dictionary {
    /// Whether the device packs with it from now on.
    #[n(0)]
    pub current: bool,
    /// 0 stored, 1 zstd.
    #[n(1)]
    pub compression: u8,
    /// Its length before compression.
    #[n(2)]
    pub raw_bytes: u32,
    /// Its bytes, compressed.
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    pub bytes: Vec<u8>,
}

impl Dictionary {
    /// The number of a dictionary, by which frames name it: the first four bytes of its SHA-256, big-endian. Nothing
    /// has the number 0.
    pub fn number(bytes: &[u8]) -> u32 {
        let digest = Sha256::digest(bytes);
        u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]).max(1)
    }

    /// Packs a dictionary for its way.
    pub fn pack(bytes: &[u8], current: bool) -> Self {
        let (compression, packed) =
            compress(bytes, 19, &[]).unwrap_or((Compression::Stored, Cow::Borrowed(bytes)));
        Self {
            current,
            compression: compression.number(),
            raw_bytes: u32::try_from(bytes.len()).unwrap_or(u32::MAX),
            bytes: packed.into_owned(),
        }
    }

    /// Its bytes. Which dictionary they are says their [`Dictionary::number`].
    pub fn unpack(&self) -> Result<Vec<u8>, BundleError> {
        let compression = Compression::from_number(self.compression)?;
        let raw_bytes = self.raw_bytes as usize;
        Ok(inflate(&self.bytes, compression, &[], raw_bytes, MAX_DICTIONARY_BYTES)?.into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dictionary_travels_whole_and_within_its_limit() {
        let bytes: Vec<u8> = (0..2_000_u32).flat_map(u32::to_be_bytes).collect();
        let packed = Dictionary::pack(&bytes, true);
        assert_eq!(packed.unpack().as_deref(), Ok(bytes.as_slice()));
        let longer = Dictionary { raw_bytes: 8_001, ..packed.clone() };
        assert!(longer.unpack().is_err());
        let bomb = Dictionary::pack(&vec![0; MAX_DICTIONARY_BYTES + 1], false);
        assert_eq!(bomb.unpack(), Err(BundleError::TooLarge("body")));
    }
}
