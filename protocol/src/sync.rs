//! The messages of one sync: what a device says, and what the server answers.
//!
//! A sync is one HTTP request. Its body is a bundle: `Hello`, frames, `End`. Its answer is a bundle: `Welcome`,
//! `Receipts` for each author, feed frames, `Finish`. Messages are CBOR maps with integer keys: a reader skips keys
//! that it does not know, so keys are added and never given another meaning.

use minicbor::{Decode, Encode};
use sha2::{Digest, Sha256};

use crate::{AreaId, DeviceId, Incarnation, LifeId, LogId, ProjectId, RecordClass};

mod checkpoint;
mod dictionary;
mod finding;
mod form;
mod hello;
mod ids;
mod partial;
mod ranges;
mod roster;
mod statement;
mod telemetry;

pub use checkpoint::{Checkpoint, Checkpoints, checkpoint_text};
pub use dictionary::{Dictionary, MAX_DICTIONARY_BYTES};
pub use finding::{Finding, Findings};
pub use form::{FORM_PIECE_BYTES, FormPiece, FormsHeld, form_check};
pub use hello::Hello;
pub use partial::Partial;
pub use ranges::FrameRange;
pub use roster::{Roster, RosterArea, RosterDevice, RosterGrant};
pub use statement::{HeldRoles, RosterMember, RosterStatement, SignedRoster, roster_text};
pub use telemetry::Telemetry;

/// Part tags. A reader skips a part with a tag that it does not know.
pub mod tag {
    /// [`super::Hello`].
    pub const HELLO: u8 = 1;
    /// A signed frame, see `bundle::frame`.
    pub const FRAME: u8 = 2;
    /// The end of a request; a body without it was cut.
    pub const END: u8 = 3;
    /// A frame that only the server can open, see `bundle::sealed`.
    pub const SEALED_FRAME: u8 = 4;
    /// A sealed file for another device, see [`crate::exchange`].
    pub const EXCHANGE: u8 = 5;
    /// [`super::Welcome`].
    pub const WELCOME: u8 = 16;
    /// [`super::Receipts`].
    pub const RECEIPTS: u8 = 17;
    /// [`super::FeedFrame`].
    pub const FEED_FRAME: u8 = 18;
    /// Nothing, every ten seconds, so that no proxy takes a slow answer for a dead one.
    pub const KEEP_ALIVE: u8 = 19;
    /// [`super::Finish`].
    pub const FINISH: u8 = 20;
    /// [`super::Problem`](crate::problem::Problem) as JSON: the answer had begun and cannot go on.
    pub const PROBLEM: u8 = 21;
    /// [`super::Dictionary`].
    pub const DICTIONARY: u8 = 22;
    /// The rest of the [`super::FeedFrame`] that the device named by [`super::Hello::partial`], from the byte on that it
    /// lacks.
    pub const FEED_REST: u8 = 24;
    /// [`super::SignedRoster`], in a file for another device.
    pub const SIGNED_ROSTER: u8 = 25;
    /// [`super::Checkpoint`].
    pub const CHECKPOINT: u8 = 28;
    /// [`super::FormPiece`].
    pub const FORM_PIECE: u8 = 29;
    /// [`super::Findings`].
    pub const FINDINGS: u8 = 30;
}

/// The unit of access, ordering and cursors: an area and a record class of the request's project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Feed {
    /// The area.
    pub area: AreaId,
    /// The record class.
    pub class: RecordClass,
}

/// How far a device has read a feed: it holds every change up to and including `position`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Cursor {
    /// The feed.
    #[n(0)]
    pub feed: Feed,
    /// The last position that the device has stored.
    #[n(1)]
    pub position: u64,
}

/// A frame by its author's own count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(array)]
pub struct FrameRef {
    /// The author device's incarnation.
    #[n(0)]
    pub incarnation: Incarnation,
    /// The number of the frame in that incarnation, from 1.
    #[n(1)]
    pub number: u64,
}

/// A change by its place in a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(array)]
pub struct FramePlace {
    /// The frame.
    #[n(0)]
    pub frame: FrameRef,
    /// The index of the change in it.
    #[n(1)]
    pub index: u32,
}

/// The first part of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Welcome {
    /// The server's log: whoever restores a server may give it a new one.
    #[n(0)]
    pub log: LogId,
    /// The server's clock, milliseconds since the epoch.
    #[n(1)]
    pub now_ms: i64,
    /// The highest frame number that was committed for the device's incarnation before this request.
    #[n(2)]
    pub committed: u64,
    /// Nothing of this request was taken: the server knows later frames of this incarnation, so the device is a
    /// restored or cloned copy. It takes a new incarnation and syncs again.
    #[n(3)]
    pub stale: bool,
    /// Who is who and what the device may read and write, when its roster is older than the server's.
    #[n(4)]
    pub roster: Option<Roster>,
    /// Nothing of this request was taken: the device has heard what this log does not hold, so the server has lost
    /// something. The device starts its cursors at zero, offers again what it wrote, and syncs again.
    #[n(5)]
    pub lost: Option<bool>,
    /// A backup that was verified holds all that the server received until then, milliseconds since the epoch: devices
    /// need not keep it for a restored server. Absent where nobody has verified one.
    #[n(7)]
    pub backed_up_ms: Option<i64>,
    /// The latest life of the log. No position in this answer stands in a later one.
    #[n(9)]
    pub life: Option<LifeId>,
    /// The frames of the device that the server took in the life that the device named or before, where that is not the
    /// latest; all, where the device asks for them. Absent where they are more stretches than a server tells.
    #[n(10)]
    pub taken: Option<Vec<FrameRange>>,
}

/// What became of the frames of one author: the durable acknowledgement.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Receipts {
    /// A [`ReceiptList`] as CBOR, exactly as it was signed.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub list: Vec<u8>,
    /// Ed25519 by the server key over [`receipts_text`].
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub signature: Vec<u8>,
}

/// The signed content of [`Receipts`].
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ReceiptList {
    /// The author.
    #[n(0)]
    pub device: DeviceId,
    /// One receipt for each frame, in the order of arrival.
    #[n(1)]
    pub receipts: Vec<FrameReceipt>,
    /// The server's log: a server that was restored may lack what its former log held.
    #[n(2)]
    pub log: LogId,
}

/// What became of one frame.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct FrameReceipt {
    /// Which frame.
    #[n(0)]
    pub frame: FrameRef,
    /// The frame as a whole.
    #[n(1)]
    pub status: FrameStatus,
    /// The changes that were not simply accepted.
    #[n(2)]
    pub exceptions: Vec<Exception>,
    /// Why, where the whole frame is quarantined: a stable code.
    #[n(3)]
    pub code: Option<String>,
    /// What the frame held, by [`short_digest`]: two copies of a device may use one number.
    #[n(4)]
    #[cbor(with = "minicbor::bytes")]
    pub digest: [u8; 8],
}

/// The first eight bytes of the digest of a frame's changes.
pub fn short_digest(digest: &[u8; 32]) -> [u8; 8] {
    digest[..8].try_into().expect("eight of 32 bytes")
}

/// The outcome of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum FrameStatus {
    /// Every change is durable and merged, but for the exceptions.
    #[n(0)]
    Accepted,
    /// The whole frame is in quarantine with a code.
    #[n(1)]
    Quarantined,
    /// Another frame with this number was taken before: the device is a copy of another.
    #[n(2)]
    Forked,
    /// Nothing of it was taken: a short dependency is unknown here, or by the code `unknown-dictionary` the dictionary.
    /// The device packs the changes again in a new frame, with full hashes or without a dictionary.
    #[n(3)]
    Unresolved,
}

/// A change of a frame that was not simply accepted.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Exception {
    /// The index of the change in its frame.
    #[n(0)]
    pub index: u32,
    /// What became of it.
    #[n(1)]
    pub outcome: Outcome,
    /// Why it is in quarantine: a stable code.
    #[n(2)]
    pub code: Option<String>,
}

/// The outcome of one change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(index_only)]
pub enum Outcome {
    /// Durable and merged.
    #[n(0)]
    Accepted,
    /// The server had it already.
    #[n(1)]
    Duplicate,
    /// Kept until what it was made on arrives by any road.
    #[n(2)]
    Held,
    /// Kept with a reason, not merged.
    #[n(3)]
    Quarantined,
    /// The same author wrote another change with this number: kept, not merged; the author repairs.
    #[n(4)]
    Forked,
}

/// Stored changes of one feed, as the server holds them. Changes carry positions `from + 1 ..= to` in order.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct FeedFrame {
    /// The feed.
    #[n(0)]
    pub feed: Feed,
    /// The position before the first change.
    #[n(1)]
    pub from: u64,
    /// The position of the last change.
    #[n(2)]
    pub to: u64,
    /// When the server received them, milliseconds since the epoch.
    #[n(3)]
    pub received_ms: i64,
    /// The body, or nothing where the device wrote all of it itself.
    #[n(4)]
    pub body: Option<FeedBody>,
}

/// The body of a feed frame.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct FeedBody {
    /// 0 stored, 1 zstd.
    #[n(0)]
    pub compression: u8,
    /// The dictionary that the body was compressed with; 0 if none.
    #[n(1)]
    pub dictionary: u32,
    /// The length of the body before compression.
    #[n(2)]
    pub raw_bytes: u32,
    /// The number of changes.
    #[n(3)]
    pub count: u32,
    /// The compressed columns.
    #[n(4)]
    #[cbor(with = "minicbor::bytes")]
    pub bytes: Vec<u8>,
}

/// The last part of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Finish {
    /// There is more to pull: the budget was spent.
    #[n(0)]
    pub more: bool,
    /// Ed25519 by the server key over [`answer_text`].
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub signature: Vec<u8>,
}

/// The text that the server signs for receipts.
pub fn receipts_text(project: ProjectId, list: &[u8]) -> Vec<u8> {
    [b"fieldmerge-receipts-v1\0".as_slice(), &project.0, list].concat()
}

/// The text that the server signs for a sealing key that it tells outside of a sync.
pub fn sealing_key_text(project: ProjectId, key: &[u8; 32]) -> Vec<u8> {
    [b"fieldmerge-sealing-key-v1\0".as_slice(), &project.0, key].concat()
}

/// The text that the server signs at the end of an answer: binds the answer's bytes (magic and parts before
/// `Finish`) to the request's `Hello`, so that an old answer cannot be played again.
pub fn answer_text(project: ProjectId, hello: &[u8], answer_digest: [u8; 32], more: bool) -> Vec<u8> {
    let hello: [u8; 32] = Sha256::digest(hello).into();
    [b"fieldmerge-answer-v1\0".as_slice(), &project.0, &hello, &answer_digest, &[u8::from(more)]].concat()
}

/// Encodes a message.
pub fn encode<T: Encode<()>>(message: &T) -> Vec<u8> {
    minicbor::to_vec(message).expect("writing to a Vec cannot fail")
}

/// Decodes a message.
pub fn decode<'b, T: Decode<'b, ()>>(bytes: &'b [u8]) -> Result<T, SyncError> {
    minicbor::decode(bytes).map_err(|_| SyncError)
}

/// A message that is not what its tag says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sync message does not parse")]
pub struct SyncError;
