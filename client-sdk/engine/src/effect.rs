//! What the engine asks its host to do, and what it tells.

use fieldmerge_protocol::sync::Feed;
use fieldmerge_protocol::{AttachmentHash, ProjectId, RecordId};

use crate::{Batch, Failure, Ticket};

/// Something for the host to do or to pass on.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Write the batch; answer with [`crate::Input::Stored`] or [`crate::Input::StoreFailed`].
    Store(Batch),
    /// Sign with the device key; answer with [`crate::Input::Signed`] or [`crate::Input::SignFailed`].
    Sign(SignRequest),
    /// Post the request; answer with [`crate::Input::Received`] for each piece of a 200 answer's body and then
    /// [`crate::Input::Ended`], or with [`crate::Input::Refused`], or with [`crate::Input::Cut`].
    Send(Request),
    /// Send or fetch some bytes of an attachment; answer with [`crate::Input::Transferred`].
    Transfer(Transfer),
    /// Delete the bytes of an attachment: no record on this device names it any more.
    Discard {
        /// Which.
        hash: AttachmentHash,
    },
    /// Give up reading the answer to a request: nothing more of it is wanted.
    Cancel {
        /// [`Request::id`].
        request: u64,
    },
    /// A request of the host is done or has failed.
    Done {
        /// The host's own number.
        ticket: Ticket,
        /// What came of it.
        result: Result<Outcome, Failure>,
    },
    /// These records look different now; views of them should be read again.
    Changed {
        /// The records, ascending, without duplicates.
        records: Vec<RecordId>,
    },
    /// The sync is over, with or without success.
    SyncEnded(SyncReport),
}

/// Texts to sign with the device's Ed25519 key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignRequest {
    /// Names the request in the answer.
    pub id: u64,
    /// The texts.
    pub messages: Vec<Vec<u8>>,
}

/// A `POST` to the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Names the request in the answers.
    pub id: u64,
    /// The project, for the address: `/v1/projects/{project}/sync`.
    pub project: ProjectId,
    /// The value of the header `Authorization`.
    pub authorization: String,
    /// The value of the header `Content-Type`.
    pub content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
}

/// A request about one attachment, at `/v1/projects/{project}/attachments/{hash}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// Names the request in the answer.
    pub id: u64,
    /// The project.
    pub project: ProjectId,
    /// The attachment.
    pub hash: AttachmentHash,
    /// The value of the header `Authorization`.
    pub authorization: String,
    /// What to do.
    pub job: TransferJob,
}

/// What to do for an attachment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransferJob {
    /// `HEAD`: ask for the next byte that the server wants.
    Ask,
    /// `PATCH`: send bytes of it.
    Send {
        /// From here on.
        offset: u64,
        /// So many.
        bytes: u64,
        /// Of so many in all.
        length: u64,
    },
    /// `GET` with a range: fetch what the host does not hold of it yet, from the first such byte on.
    Fetch {
        /// No more bytes than these.
        most: u64,
    },
}

/// What came of a request of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The device belongs to the project.
    Enrolled,
    /// Every edit is durable, in the order in which they were given.
    Saved(Vec<SavedEdit>),
    /// The outbox or the notices are as the person wants them.
    Settled,
    /// The bundle file.
    Exported {
        /// Its bytes.
        bytes: Vec<u8>,
        /// Frames in it, own and carried.
        frames: usize,
        /// Receipts in it, for other devices.
        receipts: usize,
    },
    /// The bundle file was taken.
    Imported(Imported),
    /// The file for another device.
    Given {
        /// Its bytes, sealed to the other device.
        bytes: Vec<u8>,
        /// Frames in it, own and carried.
        frames: usize,
        /// Receipts in it.
        receipts: usize,
        /// Frames that there was no room for.
        left_out: usize,
    },
    /// What another device gave was taken.
    Taken {
        /// Frames that are carried from now on and were not before.
        frames: usize,
        /// Changes that were merged and that the server has not confirmed.
        changes: u64,
        /// Frames of which something waits for what it builds on.
        waiting: usize,
        /// Frames that are carried and not merged: no good roster says that their author may write and this device may
        /// read such records, or they do not hold what was signed.
        unmerged: usize,
        /// Every roster at hand is out of date, so nothing was merged.
        roster_expired: bool,
        /// Receipts that concern this device and were applied.
        receipts: usize,
        /// Parts that were left out: of other projects, own frames, unreadable, wrongly signed, or too much to carry.
        skipped: usize,
    },
}

/// What became of an imported bundle file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Imported {
    /// Frames that are carried from now on and were not before.
    pub frames: usize,
    /// Receipts that concern this device and were applied.
    pub receipts: usize,
    /// Parts that were left out: of other projects, own frames, unreadable, wrongly signed.
    pub skipped: usize,
    /// Frames that were left out because no request can hold them: their author has to bring them herself.
    pub too_large: usize,
    /// Parts that were left out because the device carries as much as it may: another one has to take them, or this one
    /// again after its next sync.
    pub full: usize,
}

/// What one edit of a save wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SavedEdit {
    /// A record was made or changed.
    Record(RecordId),
    /// The attachment is known; it is sent when a record has named it.
    Attached(AttachmentHash),
    /// Entries were added: log and number of each, in the order in which they were given.
    Entries(Vec<(RecordId, u64)>),
}

/// How a sync went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SyncReport {
    /// How it ended.
    pub end: SyncEnd,
    /// Requests that were sent.
    pub requests: u32,
    /// Bytes of request bodies.
    pub bytes_up: u64,
    /// Bytes of answer bodies.
    pub bytes_down: u64,
    /// Own changes in the frames that were sent.
    pub sent: u64,
    /// Own changes that left the outbox because the server has them.
    pub accepted: u64,
    /// Own changes that the server holds until what they depend on arrives.
    pub held: u64,
    /// Own changes that the server put into quarantine.
    pub quarantined: u64,
    /// Changes of others that were merged.
    pub received: u64,
    /// Frames of other devices that the server acknowledged.
    pub delivered: u64,
    /// Own changes that were written anew under a new incarnation.
    pub repaired: u64,
    /// Attachments of which the server has all now.
    pub attachments_sent: u64,
    /// Attachments that were fetched whole.
    pub attachments_received: u64,
    /// Bytes of attachments that were sent or fetched.
    pub attachment_bytes: u64,
    /// What was ignored or could not be merged; nothing of it was lost.
    pub problems: Vec<SyncProblem>,
}

/// Something in an answer that was not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncProblem {
    /// A stable code: `unsigned-receipts`, `unreadable-frame`, `missing-dependencies`, `refused-change`, `gap`,
    /// `attachments-later` (the server did not take or give attachments now).
    pub code: &'static str,
    /// The feed, if it concerns one.
    pub feed: Option<Feed>,
}

/// How a sync ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum SyncEnd {
    /// Everything was sent and everything was read.
    #[default]
    Complete,
    /// The bytes that it might cost were spent; the next sync goes on from there.
    Spent,
    /// The link failed; what arrived before counts, and the next sync goes on from there.
    Offline,
    /// The server refused; the code of its problem document where it gave one.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The problem's code.
        code: Option<fieldmerge_protocol::problem::ProblemCode>,
        /// How long to wait.
        retry_after_seconds: Option<u32>,
    },
    /// The answer does not parse, ends without its last part, or is not signed by the project's server.
    Untrusted {
        /// A stable code: `malformed-answer`, `answer-not-signed`, `later-version`.
        code: &'static str,
    },
    /// The engine could not go on.
    Failed(Failure),
}
