//! Exchange files: what one device passes another where there is no server.
//!
//! A file is a bundle with one part, [`tag::EXCHANGE`]: version u8 = 1, project 16, receiver 10, then the contents,
//! sealed to the receiver's device key. The contents are a bundle again: a signed roster, frames, receipts, `End`.

use ed25519_dalek::{SigningKey, VerifyingKey};

use crate::bundle::{BundleError, BundleWriter, PartReader};
use crate::limits::MAX_EXCHANGE_BYTES;
use crate::seal::{self, SEAL_BYTES};
use crate::sync::tag;
use crate::{DeviceId, ProjectId};

/// The version byte of an exchange file.
pub const EXCHANGE_VERSION: u8 = 1;
const INFO: &[u8] = b"fieldmerge-exchange-v1\0";
/// Version, project and receiver.
const HEAD_BYTES: usize = 1 + 16 + 10;

/// Why a file cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ExchangeError {
    /// It is no exchange file, or was cut.
    #[error("it is not a file from another device, or is damaged")]
    NotAnExchange,
    /// It is larger than any exchange file.
    #[error("it is larger than a file from another device may be")]
    TooLarge,
    /// A later version wrote it.
    #[error("it was written by a later version; update the app")]
    LaterVersion,
    /// It belongs to another project.
    #[error("it belongs to another project")]
    OtherProject,
    /// Another device is to take it.
    #[error("it is meant for another device")]
    OtherDevice,
    /// It does not open by the device's key.
    #[error("it was damaged on its way; ask for it again")]
    Damaged,
}

impl ExchangeError {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::NotAnExchange => "bad-file",
            Self::TooLarge => "file-too-large",
            Self::LaterVersion => "later-version",
            Self::OtherProject => "other-project",
            Self::OtherDevice => "other-device",
            Self::Damaged => "damaged-file",
        }
    }
}

/// Writes the file that holds these contents for one receiver. Its Ed25519 device key serves as an X25519 key by the
/// birational map of RFC 7748; `None` if it is no key that anybody can hold. `random` are 32 bytes that are used for nothing
/// else.
pub fn write(
    project: ProjectId,
    receiver: DeviceId,
    key: &VerifyingKey,
    contents: &[u8],
    random: [u8; 32],
) -> Option<Vec<u8>> {
    let head = [&[EXCHANGE_VERSION][..], &project.0, &receiver.0].concat();
    let sealed = seal::seal(&key.to_montgomery().to_bytes(), INFO, &head, contents, random)?;
    let mut writer = BundleWriter::new();
    writer.part(tag::EXCHANGE, &[head, sealed].concat());
    Some(writer.into_bytes())
}

/// Opens a file by the receiver's device key and gives its contents. Nothing in them is believed yet. Costs nothing
/// where the file is not one for this receiver.
pub fn open(
    project: ProjectId,
    receiver: DeviceId,
    key: &SigningKey,
    file: &[u8],
) -> Result<Vec<u8>, ExchangeError> {
    if file.len() > MAX_EXCHANGE_BYTES + 64 {
        return Err(ExchangeError::TooLarge);
    }
    let mut reader = PartReader::new(MAX_EXCHANGE_BYTES);
    reader.feed(file);
    let part = match reader.next_part() {
        Ok(Some(part)) if part.tag == tag::EXCHANGE && reader.is_at_boundary() => part.payload,
        Err(BundleError::UnknownVersion { .. }) => return Err(ExchangeError::LaterVersion),
        _ => return Err(ExchangeError::NotAnExchange),
    };
    let known = part.split_at_checked(HEAD_BYTES).filter(|(_, sealed)| sealed.len() >= SEAL_BYTES);
    let (head, sealed) = known.ok_or(ExchangeError::NotAnExchange)?;
    if head[0] != EXCHANGE_VERSION {
        return Err(ExchangeError::LaterVersion);
    }
    if head[1..17] != project.0 {
        return Err(ExchangeError::OtherProject);
    }
    if head[17..] != receiver.0 {
        return Err(ExchangeError::OtherDevice);
    }
    seal::open(&key.to_scalar_bytes(), INFO, head, sealed).ok_or(ExchangeError::Damaged)
}
