//! A sealed frame: a frame that may pass through any hands, and that only the project's server opens.
//!
//! Inside stands the whole payload of a frame part, sealed by [`crate::seal`] to the project's sealing key. Outside stands
//! what a carrier needs: who wrote which frame, the same eight bytes of its digest that a receipt names, and a signature
//! of the author over all that it carries.

use ed25519_dalek::VerifyingKey;
use minicbor::{Decode, Encode};
use sha2::{Digest, Sha256};

use super::frame::verify_text;
use super::wire::{Reader, put_uleb};
use super::{BundleError, Frame};
use crate::seal;
use crate::sync::{FrameRef, short_digest, tag};
use crate::{DeviceId, ProjectId};

/// The version byte of a sealed frame. No frame begins with it, so the two are told apart by their first byte.
pub const SEALED_VERSION: u8 = 1;
const DOMAIN: &[u8] = b"fieldmerge-sealed-v1\0";

/// What of a sealed frame anybody may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealedHeader {
    /// The project.
    pub project: ProjectId,
    /// The author device, which signs.
    pub device: DeviceId,
    /// The frame by its author's own count.
    pub frame: FrameRef,
    /// The first eight bytes of the digest of its changes.
    pub digest: [u8; 8],
    /// The key that it is sealed to, by [`key_id`].
    pub key: [u8; 4],
}

/// The name of a sealing key: the first four bytes of its SHA-256.
pub fn key_id(public: &[u8; 32]) -> [u8; 4] {
    Sha256::digest(public)[..4].try_into().expect("four of 32 bytes")
}

impl SealedHeader {
    fn to_bytes(self) -> Vec<u8> {
        let mut out = vec![SEALED_VERSION];
        out.extend_from_slice(&self.project.0);
        out.extend_from_slice(&self.device.0);
        out.extend_from_slice(&self.frame.incarnation.0);
        put_uleb(&mut out, self.frame.number);
        out.extend_from_slice(&self.digest);
        out.extend_from_slice(&self.key);
        out
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, BundleError> {
        let version = reader.u8()?;
        if version != SEALED_VERSION {
            return Err(BundleError::UnknownVersion { what: "sealed frame", version });
        }
        let project = ProjectId(reader.array()?);
        let device = DeviceId(reader.array()?);
        let incarnation = crate::Incarnation(reader.array()?);
        let number = reader.uleb()?;
        if !(1..=i64::MAX.unsigned_abs()).contains(&number) {
            return Err(BundleError::Malformed("frame number"));
        }
        let frame = FrameRef { incarnation, number };
        Ok(Self { project, device, frame, digest: reader.array()?, key: reader.array()? })
    }

    /// What stands outside of a frame that is sealed to this key.
    fn of(frame: &Frame<'_>, key: [u8; 4]) -> Self {
        let origin = &frame.header.origin;
        Self {
            project: origin.project,
            device: origin.device,
            frame: FrameRef { incarnation: origin.incarnation, number: origin.number },
            digest: short_digest(&frame.header.changes_digest),
            key,
        }
    }
}

/// The text that the author device signs.
fn signing_text(header: &[u8], body: &[u8]) -> Vec<u8> {
    let body: [u8; 32] = Sha256::digest(body).into();
    [DOMAIN, header, &body].concat()
}

/// A sealed frame as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedFrame<'a> {
    /// What stands outside.
    pub header: SealedHeader,
    header_bytes: &'a [u8],
    signature: [u8; 64],
    body: &'a [u8],
}

impl<'a> SealedFrame<'a> {
    /// Splits the payload of a sealed part.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, BundleError> {
        let mut reader = Reader::new(bytes);
        let header = SealedHeader::read(&mut reader)?;
        let header_bytes = &bytes[..bytes.len() - reader.left()];
        let signature = reader.array()?;
        let body = reader.rest();
        if body.len() <= seal::SEAL_BYTES {
            return Err(BundleError::Truncated);
        }
        Ok(Self { header, header_bytes, signature, body })
    }

    /// Checks that the author device sealed exactly this.
    pub fn verify(&self, device_key: &VerifyingKey) -> Result<(), BundleError> {
        verify_text(device_key, &signing_text(self.header_bytes, self.body), &self.signature)
    }

    /// The payload of the frame inside, which is the one that stands outside.
    pub fn open(&self, secret: &[u8; 32]) -> Result<Vec<u8>, BundleError> {
        let payload =
            seal::open(secret, DOMAIN, self.header_bytes, self.body).ok_or(BundleError::DoesNotOpen)?;
        let same = Frame::parse(&payload)
            .is_ok_and(|frame| SealedHeader::of(&frame, self.header.key) == self.header);
        if same { Ok(payload) } else { Err(BundleError::DoesNotOpen) }
    }
}

/// A sealed frame that waits for its signature; a device may keep it so.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct SealedDraft {
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    header: Vec<u8>,
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    body: Vec<u8>,
}

impl SealedDraft {
    /// Seals the payload of a frame part. `random` are 32 bytes that are used for nothing else.
    pub fn seal(payload: &[u8], public: &[u8; 32], random: [u8; 32]) -> Result<Self, BundleError> {
        let header = SealedHeader::of(&Frame::parse(payload)?, key_id(public)).to_bytes();
        let body = seal::seal(public, DOMAIN, &header, payload, random);
        Ok(Self { header, body: body.ok_or(BundleError::Malformed("sealing key"))? })
    }

    /// What stands outside of it.
    pub fn header(&self) -> Result<SealedHeader, BundleError> {
        SealedHeader::read(&mut Reader::new(&self.header))
    }

    /// How many bytes the finished part takes.
    pub fn wire_len(&self) -> usize {
        self.header.len() + 64 + self.body.len()
    }

    /// What the device key signs.
    pub fn signing_bytes(&self) -> Vec<u8> {
        signing_text(&self.header, &self.body)
    }

    /// The payload of a sealed part.
    pub fn finish(&self, signature: [u8; 64]) -> Vec<u8> {
        [self.header.as_slice(), &signature, &self.body].concat()
    }
}

/// A frame as it is passed on: sealed, or as its author sends it herself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PassedFrame<'a> {
    /// Anybody can read it.
    Clear(Frame<'a>),
    /// Only the server can.
    Sealed(SealedFrame<'a>),
}

impl<'a> PassedFrame<'a> {
    /// Splits the payload of a part of either kind.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, BundleError> {
        match bytes.first() {
            Some(&SEALED_VERSION) => SealedFrame::parse(bytes).map(Self::Sealed),
            _ => Frame::parse(bytes).map(Self::Clear),
        }
    }

    /// Who wrote what, by the frame's author; the key means nothing where it is not sealed.
    pub fn header(&self) -> SealedHeader {
        match self {
            Self::Clear(frame) => SealedHeader::of(frame, [0; 4]),
            Self::Sealed(sealed) => sealed.header,
        }
    }

    /// Checks that the author device signed it.
    pub fn verify(&self, device_key: &VerifyingKey) -> Result<(), BundleError> {
        match self {
            Self::Clear(frame) => frame.verify(device_key),
            Self::Sealed(sealed) => sealed.verify(device_key),
        }
    }

    /// The tag of its part.
    pub fn tag(&self) -> u8 {
        match self {
            Self::Clear(_) => tag::FRAME,
            Self::Sealed(_) => tag::SEALED_FRAME,
        }
    }
}
