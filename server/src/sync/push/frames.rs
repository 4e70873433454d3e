//! Checks frames before any transaction: signature, size, shape. What fails here never touches a record.

use std::borrow::Cow;
use std::collections::BTreeSet;

use fieldmerge_model::quarantine::QuarantineCode;
use fieldmerge_protocol::bundle::{
    BundleError, Frame, FrameHeader, PackedChange, PassedFrame, Proof, decode_body,
};
use fieldmerge_protocol::limits::{MAX_DICTIONARIES, MAX_FRAME_CHANGES, MAX_FRAME_RAW_BYTES};
use fieldmerge_protocol::sync::FrameRef;
use fieldmerge_protocol::{DeviceId, ProjectId};
use fieldmerge_store::proofs::Proof as StoredProof;

use super::merge::{Incoming, Source};
use super::{Arrival, sealed};

/// So many operations of a request are opened at a time: a frame of few bytes may hold more than that.
const MAX_OPERATIONS: usize = 100_000;

/// What the store needs of a frame besides its changes.
pub struct Envelope {
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
    Bad(Box<Envelope>, QuarantineCode),
    /// Not proven to come from the author that it names, if it names one: quarantined with a code, its number unspent.
    Unproven(Option<(Source, [u8; 32])>, QuarantineCode),
    /// Signed by its author, and compressed with a dictionary that this server does not have: it is not taken, and its
    /// author packs the changes again.
    Unread(Source, [u8; 32]),
    /// Sealed, and not opened: quarantined with a code, its number unspent. Its author is proven only where the code is
    /// `UnknownSealingKey` or `DoesNotOpen`; then she sends the changes again.
    Unopened(Source, [u8; 8], QuarantineCode),
    /// The sender's own, and taken before with this digest: it has its receipt, and is not looked into again.
    Seen(Source, [u8; 32]),
}

impl Checked {
    /// How many operations it holds: what it costs in memory.
    pub fn operations(&self) -> usize {
        match self {
            Self::Good(_, incoming) => incoming.packed.iter().map(|packed| packed.change.ops.len()).sum(),
            _ => 0,
        }
    }
}

/// Checks the first frames of a request, at least one and as many as may be in memory at a time. Costs most of what a
/// bad request can cost, and holds no lock.
pub fn check_first(project: ProjectId, arrival: &Arrival) -> Vec<Checked> {
    let mut operations = 0;
    let mut checked = Vec::new();
    for payload in &arrival.frames {
        if operations >= MAX_OPERATIONS {
            break;
        }
        let next = check(payload, project, arrival);
        operations += next.operations();
        checked.push(next);
    }
    checked
}

/// The author and number of a frame, with the proof that it was taken before, if it was: then it has its receipt, and need
/// not be looked into.
pub fn taken<'a>(
    header: &FrameHeader,
    project: ProjectId,
    arrival: &'a Arrival,
) -> Option<(DeviceId, FrameRef, &'a StoredProof)> {
    let origin = &header.origin;
    let (device, frame) =
        (origin.device, FrameRef { incarnation: origin.incarnation, number: origin.number });
    // Only frames of the sender stand there, who has proven who it is: the receipt tells it nothing that is another's.
    let proof = arrival.taken.get(&(device, frame))?;
    (origin.project == project && proof.digest == header.changes_digest).then_some((device, frame, proof))
}

fn check(payload: &[u8], project: ProjectId, arrival: &Arrival) -> Checked {
    let Ok(frame) = Frame::parse(payload) else { return sealed::unopened(payload, project, arrival) };
    let origin = &frame.header.origin;
    let source = Source {
        device: origin.device,
        frame: FrameRef { incarnation: origin.incarnation, number: origin.number },
        received_ms: arrival.received_ms,
    };
    let digest = frame.header.changes_digest;
    if origin.project != project {
        return Checked::Unproven(Some((source, digest)), QuarantineCode::WrongProject);
    }
    if taken(&frame.header, project, arrival).is_some() {
        return Checked::Seen(source, digest);
    }
    let Some(key) = arrival.authors.keys.get(&origin.device) else {
        let code = if arrival.authors.revoked.contains(&origin.device) {
            QuarantineCode::DeviceRevoked
        } else {
            QuarantineCode::UnknownDevice
        };
        return Checked::Unproven(Some((source, digest)), code);
    };
    if frame.verify(key).is_err() {
        return Checked::Unproven(Some((source, digest)), QuarantineCode::BadSignature);
    }
    let dictionary: &[u8] = match frame.header.dictionary {
        0 => &[],
        number => match arrival.dictionaries.get(&number) {
            Some(bytes) => bytes,
            None => return Checked::Unread(source, digest),
        },
    };
    let envelope = Box::new(Envelope {
        source,
        digest,
        proof: frame.proof(),
        compression: frame.header.compression.number(),
        dictionary: frame.header.dictionary,
        raw_len: frame.header.raw_len,
        count: frame.header.count,
        body: frame.body.to_vec(),
    });
    match open(&frame, dictionary) {
        Ok(packed) => Checked::Good(envelope, Incoming { source, digest, packed }),
        Err(_) => Checked::Bad(envelope, QuarantineCode::MalformedFrame),
    }
}

fn open(frame: &Frame<'_>, dictionary: &[u8]) -> Result<Vec<PackedChange>, BundleError> {
    let header = &frame.header;
    if header.count as usize > MAX_FRAME_CHANGES {
        return Err(BundleError::TooLarge("changes"));
    }
    let raw: Cow<'_, [u8]> = frame.inflate(dictionary, MAX_FRAME_RAW_BYTES)?;
    let packed = decode_body(&raw)?;
    if packed.len() == header.count as usize { Ok(packed) } else { Err(BundleError::Malformed("count")) }
}

/// The authors and numbers that the frames of a request name, without looking into their bodies.
pub fn named(frames: &[Vec<u8>]) -> impl Iterator<Item = (DeviceId, FrameRef)> {
    frames.iter().filter_map(|payload| {
        let header = PassedFrame::parse(payload).ok()?.header();
        Some((header.device, header.frame))
    })
}

/// The numbers of the dictionaries that the frames of a request name: no more than a device may hold.
pub fn dictionaries(frames: &[Vec<u8>]) -> BTreeSet<u32> {
    let numbers = frames.iter().filter_map(|payload| Some(Frame::parse(payload).ok()?.header.dictionary));
    let numbers: BTreeSet<u32> = numbers.filter(|number| *number != 0).collect();
    numbers.into_iter().take(MAX_DICTIONARIES).collect()
}

/// The authors that the frames of a request name.
pub fn authors(frames: &[Vec<u8>]) -> BTreeSet<DeviceId> {
    named(frames).map(|(device, _)| device).collect()
}
