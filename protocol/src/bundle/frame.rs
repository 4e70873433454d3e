//! A frame: changes of one author device, one record class and one area, with the author's proof.
//!
//! Layout of the payload of a frame part:
//! `uLEB header length, header, 64-byte signature, u8 number of co-signatures, (u16 BE person, 64 bytes) each, body`.
//! The server keeps header, signatures and the body's hash as a [`Proof`]; the body itself may be encoded anew.

use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest, Sha256};

use super::body::{Acknowledged, Entry};
use super::compress::{self, Compression};
use super::packing::{Packed, Packing};
use super::wire::{Reader, put_len, put_uleb};
use super::{BundleError, MAX_CHANGES, MAX_COSIGNATURES, MAX_RAW_BYTES};
use crate::{AreaId, ChangeHash, DeviceId, Incarnation, PersonNumber, ProjectId, RecordClass};

/// The version byte of a frame header.
pub const FRAME_VERSION: u8 = 1;
/// The version byte of a stored proof.
pub const PROOF_VERSION: u8 = 1;
/// More than any header of version 1 takes.
const MAX_HEADER_BYTES: usize = 256;
const FRAME_DOMAIN: &[u8] = b"fieldmerge-frame-v1\0";
const COSIGN_DOMAIN: &[u8] = b"fieldmerge-cosign-v1\0";

/// Where a frame comes from and what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The project.
    pub project: ProjectId,
    /// The author device, which signs.
    pub device: DeviceId,
    /// Its incarnation.
    pub incarnation: Incarnation,
    /// The number of the frame in that incarnation, from 1.
    pub number: u64,
    /// The class of every record in the frame.
    pub class: RecordClass,
    /// The area that the author believes every record in the frame to belong to.
    pub area: AreaId,
}

/// The signed header of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// Where it comes from.
    pub origin: Origin,
    /// How the body is compressed.
    pub compression: Compression,
    /// The number of the dictionary that it was compressed with; 0 if none.
    pub dictionary: u32,
    /// How many changes it holds.
    pub count: u32,
    /// The bytes of the body before compression.
    pub raw_len: u32,
    /// SHA-256 over the sorted hashes of its changes: see [`changes_digest`].
    pub changes_digest: [u8; 32],
}

impl FrameHeader {
    /// The bytes of the header.
    pub fn to_bytes(&self) -> Vec<u8> {
        let origin = &self.origin;
        let mut out = Vec::with_capacity(100);
        out.push(FRAME_VERSION);
        out.extend_from_slice(&origin.project.0);
        out.extend_from_slice(&origin.device.0);
        out.extend_from_slice(&origin.incarnation.0);
        put_uleb(&mut out, origin.number);
        out.push(origin.class.number());
        out.extend_from_slice(&origin.area.0);
        out.push(self.compression.number());
        put_uleb(&mut out, u64::from(self.dictionary));
        put_uleb(&mut out, u64::from(self.count));
        put_uleb(&mut out, u64::from(self.raw_len));
        out.extend_from_slice(&self.changes_digest);
        out
    }

    /// Reads a header. Counts are checked against the format's own limits, not yet against those of a push.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BundleError> {
        let mut reader = Reader::new(bytes);
        let version = reader.u8()?;
        if version != FRAME_VERSION {
            return Err(BundleError::UnknownVersion { what: "frame", version });
        }
        let project = ProjectId(reader.array()?);
        let device = DeviceId(reader.array()?);
        let incarnation = Incarnation(reader.array()?);
        // Databases count in signed numbers.
        let number = reader.uleb()?;
        if !(1..=i64::MAX.unsigned_abs()).contains(&number) {
            return Err(BundleError::Malformed("frame number"));
        }
        let class = reader.u8()?;
        let class = RecordClass::from_number(class).ok_or(BundleError::UnknownClass(class))?;
        let area = AreaId(reader.array()?);
        let compression = Compression::from_number(reader.u8()?)?;
        let dictionary =
            u32::try_from(reader.uleb()?).map_err(|_| BundleError::Malformed("dictionary number"))?;
        let header = Self {
            origin: Origin { project, device, incarnation, number, class, area },
            compression,
            dictionary,
            count: small(reader.count(MAX_CHANGES, "changes")?),
            raw_len: small(reader.count(MAX_RAW_BYTES, "body")?),
            changes_digest: reader.array()?,
        };
        reader.finish("frame header")?;
        Ok(header)
    }
}

fn small(count: usize) -> u32 {
    u32::try_from(count).expect("counts are checked against limits far below 2^32")
}

/// The co-signature of a person who shares the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cosignature {
    /// The person's number on the device.
    pub person: PersonNumber,
    /// Ed25519 by the person's key over [`FrameDraft::cosigning_bytes`].
    pub signature: [u8; 64],
}

/// The text that the device signs.
fn signing_text(header: &[u8], body_hash: &[u8; 32]) -> Vec<u8> {
    [FRAME_DOMAIN, header, body_hash].concat()
}

/// The text that a person of the device signs: names the person, so that it is nobody else's.
fn cosigning_text(person: PersonNumber, header: &[u8], body_hash: &[u8; 32]) -> Vec<u8> {
    [COSIGN_DOMAIN, &person.to_be_bytes(), header, body_hash].concat()
}

pub(super) fn verify_text(key: &VerifyingKey, text: &[u8], signature: &[u8; 64]) -> Result<(), BundleError> {
    key.verify_strict(text, &Signature::from_bytes(signature)).map_err(|_| BundleError::BadSignature)
}

/// SHA-256 over the sorted change hashes of a frame: what the author signs for, whatever the body's encoding.
pub fn changes_digest(hashes: impl IntoIterator<Item = ChangeHash>) -> [u8; 32] {
    let mut hashes: Vec<_> = hashes.into_iter().collect();
    hashes.sort_unstable();
    let mut sha = Sha256::new();
    for hash in &hashes {
        sha.update(hash.0);
    }
    sha.finalize().into()
}

/// A frame as it arrived. Nothing in it is believed before [`Frame::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The header.
    pub header: FrameHeader,
    /// The header as it was signed.
    pub header_bytes: &'a [u8],
    /// The compressed body.
    pub body: &'a [u8],
    /// Ed25519 by the device key.
    pub signature: [u8; 64],
    /// Of the people who share the device.
    pub cosignatures: Vec<Cosignature>,
}

impl<'a> Frame<'a> {
    /// Splits the payload of a frame part.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, BundleError> {
        let mut reader = Reader::new(bytes);
        let header_len = reader.count(MAX_HEADER_BYTES, "frame header")?;
        let header_bytes = reader.take(header_len)?;
        let header = FrameHeader::from_bytes(header_bytes)?;
        let signature = reader.array()?;
        let cosignatures = read_cosignatures(&mut reader)?;
        Ok(Self { header, header_bytes, body: reader.rest(), signature, cosignatures })
    }

    /// Checks the device's signature over header and compressed body: to be done before anything is inflated.
    pub fn verify(&self, device_key: &VerifyingKey) -> Result<(), BundleError> {
        verify_text(device_key, &signing_text(self.header_bytes, &self.body_hash()), &self.signature)
    }

    /// Checks one person's co-signature.
    pub fn verify_cosignature(
        &self,
        cosignature: &Cosignature,
        person_key: &VerifyingKey,
    ) -> Result<(), BundleError> {
        let text = cosigning_text(cosignature.person, self.header_bytes, &self.body_hash());
        verify_text(person_key, &text, &cosignature.signature)
    }

    /// SHA-256 of the compressed body.
    pub fn body_hash(&self) -> [u8; 32] {
        Sha256::digest(self.body).into()
    }

    /// The body before compression, at most `limit` bytes. `dictionary` is the one that the header names.
    pub fn inflate(
        &self,
        dictionary: &[u8],
        limit: usize,
    ) -> Result<std::borrow::Cow<'a, [u8]>, BundleError> {
        let raw_len = self.header.raw_len as usize;
        compress::inflate(self.body, self.header.compression, dictionary, raw_len, limit)
    }

    /// What proves the frame after its body was encoded anew or erased.
    pub fn proof(&self) -> Proof {
        Proof {
            header: self.header_bytes.to_vec(),
            body_hash: self.body_hash(),
            signature: self.signature,
            cosignatures: self.cosignatures.clone(),
        }
    }
}

fn put_cosignatures(out: &mut Vec<u8>, cosignatures: &[Cosignature]) {
    out.push(u8::try_from(cosignatures.len()).expect("at most 8, checked where they are added"));
    for cosignature in cosignatures {
        out.extend_from_slice(&cosignature.person.to_be_bytes());
        out.extend_from_slice(&cosignature.signature);
    }
}

fn read_cosignatures(reader: &mut Reader<'_>) -> Result<Vec<Cosignature>, BundleError> {
    let count = usize::from(reader.u8()?);
    if count > MAX_COSIGNATURES {
        return Err(BundleError::TooLarge("co-signatures"));
    }
    (0..count)
        .map(|_| {
            Ok(Cosignature {
                person: PersonNumber::from_be_bytes(reader.array()?),
                signature: reader.array()?,
            })
        })
        .collect()
}

/// Header and signatures of a frame: about 200 bytes that prove who wrote its changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// The header as it was signed.
    pub header: Vec<u8>,
    /// SHA-256 of the compressed body as it was pushed.
    pub body_hash: [u8; 32],
    /// Ed25519 by the device key.
    pub signature: [u8; 64],
    /// Of the people who share the device.
    pub cosignatures: Vec<Cosignature>,
}

impl Proof {
    /// The bytes to keep.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = vec![PROOF_VERSION];
        put_len(&mut out, self.header.len());
        out.extend_from_slice(&self.header);
        out.extend_from_slice(&self.body_hash);
        out.extend_from_slice(&self.signature);
        put_cosignatures(&mut out, &self.cosignatures);
        out
    }

    /// Reads kept bytes.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BundleError> {
        let mut reader = Reader::new(bytes);
        let version = reader.u8()?;
        if version != PROOF_VERSION {
            return Err(BundleError::UnknownVersion { what: "proof", version });
        }
        let header_len = reader.count(MAX_HEADER_BYTES, "frame header")?;
        let header = reader.take(header_len)?.to_vec();
        let (body_hash, signature) = (reader.array()?, reader.array()?);
        let cosignatures = read_cosignatures(&mut reader)?;
        reader.finish("proof")?;
        Ok(Self { header, body_hash, signature, cosignatures })
    }

    /// The header in parts.
    pub fn header(&self) -> Result<FrameHeader, BundleError> {
        FrameHeader::from_bytes(&self.header)
    }

    /// Checks the device's signature.
    pub fn verify(&self, device_key: &VerifyingKey) -> Result<(), BundleError> {
        verify_text(device_key, &signing_text(&self.header, &self.body_hash), &self.signature)
    }
}

/// A frame that waits for its signature. Keys may live where signing is asynchronous, as in browsers, so signing
/// stands outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameDraft {
    header: FrameHeader,
    header_bytes: Vec<u8>,
    body: Vec<u8>,
    body_hash: [u8; 32],
    cosignatures: Vec<Cosignature>,
}

impl FrameDraft {
    /// Encodes and compresses the changes. See [`super::encode_body`] for `acknowledged`.
    pub fn pack(
        origin: Origin,
        entries: &[Entry<'_>],
        acknowledged: &Acknowledged<'_>,
        packing: Packing<'_>,
    ) -> Result<Self, BundleError> {
        let Packed { compression, raw_len, body } = Packed::new(entries, acknowledged, packing)?;
        let header = FrameHeader {
            origin,
            compression,
            dictionary: if compression == Compression::Stored { 0 } else { packing.dictionary },
            count: small(entries.len()),
            raw_len: small(raw_len),
            changes_digest: changes_digest(entries.iter().map(|entry| entry.hash)),
        };
        let body_hash = Sha256::digest(&body).into();
        Ok(Self { header, header_bytes: header.to_bytes(), body, body_hash, cosignatures: Vec::new() })
    }

    /// The header.
    pub fn header(&self) -> &FrameHeader {
        &self.header
    }

    /// How many bytes the finished frame takes.
    pub fn wire_len(&self) -> usize {
        1 + self.header_bytes.len() + 64 + 1 + 66 * self.cosignatures.len() + self.body.len()
    }

    /// What the device key signs.
    pub fn signing_bytes(&self) -> Vec<u8> {
        signing_text(&self.header_bytes, &self.body_hash)
    }

    /// What a person's key signs.
    pub fn cosigning_bytes(&self, person: PersonNumber) -> Vec<u8> {
        cosigning_text(person, &self.header_bytes, &self.body_hash)
    }

    /// Adds a person's signature.
    pub fn cosign(&mut self, cosignature: Cosignature) -> Result<(), BundleError> {
        if self.cosignatures.len() == MAX_COSIGNATURES {
            return Err(BundleError::TooLarge("co-signatures"));
        }
        self.cosignatures.push(cosignature);
        Ok(())
    }

    /// The payload of a frame part.
    pub fn finish(self, signature: [u8; 64]) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.wire_len());
        put_len(&mut out, self.header_bytes.len());
        out.extend_from_slice(&self.header_bytes);
        out.extend_from_slice(&signature);
        put_cosignatures(&mut out, &self.cosignatures);
        out.extend_from_slice(&self.body);
        out
    }
}
