//! Checks frames before any transaction: signature, size, shape. What fails here never touches a record.

use std::borrow::Cow;
use std::collections::BTreeMap;

use ed25519_dalek::VerifyingKey;
use fieldmerge_protocol::bundle::{BundleError, Frame, Proof, decode_body};
use fieldmerge_protocol::limits::{MAX_FRAME_CHANGES, MAX_FRAME_RAW_BYTES};
use fieldmerge_protocol::sync::FrameRef;
use fieldmerge_protocol::{DeviceId, ProjectId};

use super::merge::{Incoming, Source};

/// What the store needs of a frame besides its changes.
pub struct Envelope {
    /// Its index in the request.
    pub index: usize,
    /// Who signed it.
    pub source: Source,
    /// The digest over its change hashes that was signed.
    pub digest: [u8; 32],
    /// Header and signatures, for the table of proofs.
    pub proof: Proof,
    /// 0 stored, 1 zstd.
    pub compression: u8,
    /// The dictionary of the body; 0 if none.
    pub dictionary: u32,
    /// The length of the body before compression.
    pub raw_len: u32,
    /// How many changes it holds.
    pub count: u32,
    /// The body as it came.
    pub body: Vec<u8>,
}

/// A frame that was looked into.
pub enum Checked {
    /// Signed by its author and well formed.
    Good(Box<Envelope>, Incoming),
    /// Signed by its author, but not usable: the number is spent, the whole frame is quarantined with a code.
    Bad(Box<Envelope>, &'static str),
    /// Not proven to come from the author that it names, if it names one: quarantined with a code, its number unspent.
    Unproven(Option<(Source, [u8; 32])>, &'static str),
}

/// Checks the frame part `index` of a request.
pub fn check(
    index: usize,
    payload: &[u8],
    project: ProjectId,
    keys: &BTreeMap<DeviceId, VerifyingKey>,
    received_ms: i64,
) -> Checked {
    let Ok(frame) = Frame::parse(payload) else { return Checked::Unproven(None, "malformed-frame") };
    let origin = &frame.header.origin;
    let source = Source {
        device: origin.device,
        frame: FrameRef { incarnation: origin.incarnation, number: origin.number },
        received_ms,
    };
    let digest = frame.header.changes_digest;
    if origin.project != project {
        return Checked::Unproven(Some((source, digest)), "wrong-project");
    }
    let Some(key) = keys.get(&origin.device) else {
        return Checked::Unproven(Some((source, digest)), "unknown-device");
    };
    if frame.verify(key).is_err() {
        return Checked::Unproven(Some((source, digest)), "bad-signature");
    }
    let envelope = Box::new(Envelope {
        index,
        source,
        digest,
        proof: frame.proof(),
        compression: frame.header.compression.number(),
        dictionary: frame.header.dictionary,
        raw_len: frame.header.raw_len,
        count: frame.header.count,
        body: frame.body.to_vec(),
    });
    match open(&frame) {
        Ok(packed) => Checked::Good(envelope, Incoming { index, source, digest, packed }),
        Err(_) => Checked::Bad(envelope, "malformed-frame"),
    }
}

fn open(frame: &Frame<'_>) -> Result<Vec<fieldmerge_protocol::bundle::PackedChange>, BundleError> {
    let header = &frame.header;
    if header.dictionary != 0 {
        return Err(BundleError::UnknownDictionary(header.dictionary));
    }
    if header.count as usize > MAX_FRAME_CHANGES {
        return Err(BundleError::TooLarge("changes"));
    }
    let raw: Cow<'_, [u8]> = frame.inflate(&[], MAX_FRAME_RAW_BYTES)?;
    let packed = decode_body(&raw)?;
    if packed.len() == header.count as usize { Ok(packed) } else { Err(BundleError::Malformed("count")) }
}

/// The authors that the frames of a request name, without looking into their bodies.
pub fn authors(frames: &[Vec<u8>]) -> Vec<DeviceId> {
    let mut devices: Vec<DeviceId> =
        frames.iter().filter_map(|payload| Some(Frame::parse(payload).ok()?.header.origin.device)).collect();
    devices.sort_unstable();
    devices.dedup();
    devices
}
