//! What happens to the engine: requests of the person or app, and completions of its own effects.

use fieldmerge_model::types::entry::Entry;
use fieldmerge_protocol::problem::ProblemCode;
use fieldmerge_protocol::{AreaId, AttachmentHash, DeviceId, Path, PersonNumber, ProjectId, RecordId, Value};
use minicbor::{Decode, Encode};

/// A number that the host gives to a request and finds again in [`crate::Effect::Done`].
pub type Ticket = u64;

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// The server took the device into a project.
    Enrolled {
        /// Answered by [`crate::Outcome::Enrolled`].
        ticket: Ticket,
        /// What the server said.
        enrolment: Enrolment,
    },
    /// A person saves a form: all of its edits, or none.
    Save {
        /// Answered by [`crate::Outcome::Saved`].
        ticket: Ticket,
        /// The edits, in order.
        edits: Vec<Edit>,
    },
    /// A person settles a change of the outbox that was not accepted.
    Settle {
        /// Answered by [`crate::Outcome::Settled`].
        ticket: Ticket,
        /// The number of the change, see [`crate::Outgoing::number`].
        number: u64,
        /// How.
        how: Settlement,
    },
    /// A person has read a notice; it is deleted.
    Read {
        /// Answered by [`crate::Outcome::Settled`].
        ticket: Ticket,
        /// The number of the notice.
        notice: u64,
    },
    /// Somebody wants to see an attachment that is not here: it is fetched with the next sync.
    Want {
        /// Answered by [`crate::Outcome::Settled`].
        ticket: Ticket,
        /// Which.
        hash: AttachmentHash,
    },
    /// Somebody wants a bundle file with everything that has not been received: own frames, carried frames, receipts.
    Export {
        /// Answered by [`crate::Outcome::Exported`].
        ticket: Ticket,
    },
    /// Somebody hands over a bundle file of another device.
    Import {
        /// Answered by [`crate::Outcome::Imported`].
        ticket: Ticket,
        /// The file.
        bytes: Vec<u8>,
    },
    /// Somebody wants a file for another device that is at hand: what this one has for the server, as far as the other
    /// may read it.
    Give {
        /// Answered by [`crate::Outcome::Given`].
        ticket: Ticket,
        /// The device that takes it.
        to: DeviceId,
    },
    /// Another device has given a file. Its host opens it by the device's key: see [`fieldmerge_protocol::exchange`].
    Take {
        /// Answered by [`crate::Outcome::Taken`].
        ticket: Ticket,
        /// What the file holds, opened.
        contents: Vec<u8>,
    },
    /// There is a link: sync. Answered by [`crate::Effect::SyncEnded`].
    Sync(SyncOptions),
    /// The batch is durable.
    Stored {
        /// [`crate::Batch::id`].
        batch: u64,
    },
    /// The batch was not taken, nothing of it.
    StoreFailed {
        /// [`crate::Batch::id`].
        batch: u64,
    },
    /// The device key has signed.
    Signed {
        /// [`crate::SignRequest::id`].
        id: u64,
        /// One Ed25519 signature for each message, in order.
        signatures: Vec<[u8; 64]>,
    },
    /// The device key cannot sign.
    SignFailed {
        /// [`crate::SignRequest::id`].
        id: u64,
    },
    /// The link took so many bytes of a request's body in so long. A host that measures it says so before it says what
    /// came of the request; the sizes of later requests and frames follow from it.
    Uploaded {
        /// [`crate::Request::id`].
        request: u64,
        /// Bytes of the body.
        bytes: u64,
        /// Milliseconds from the first of them until the answer began, or the link broke.
        millis: u64,
        /// Whether an answer began. Otherwise some of the bytes may not have left the device.
        answered: bool,
    },
    /// A piece of the body of a successful answer arrived.
    Received {
        /// [`crate::Request::id`].
        request: u64,
        /// The bytes.
        bytes: Vec<u8>,
    },
    /// The body of a successful answer is complete, as far as HTTP can tell.
    Ended {
        /// [`crate::Request::id`].
        request: u64,
    },
    /// The link failed before the answer was complete.
    Cut {
        /// [`crate::Request::id`].
        request: u64,
        /// Whether the server was reached at all. Where it was not, nothing is learned about the link.
        reached: bool,
    },
    /// What came of a request about an attachment.
    Transferred {
        /// [`crate::Transfer::id`].
        transfer: u64,
        /// What.
        result: Transferred,
    },
    /// The server answered with another status than success.
    Refused {
        /// [`crate::Request::id`].
        request: u64,
        /// What it said.
        refused: Refused,
    },
}

/// What came of a request about an attachment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transferred {
    /// The server wants this byte next: the header `Upload-Offset` of its answer.
    Offset(u64),
    /// Bytes have come, and are on disk beside those that came before.
    Fetched {
        /// How many have come now.
        bytes: u64,
        /// Whether all of it is here, with its hash.
        whole: bool,
        /// How many there are in all, where the server said so.
        length: Option<u64>,
    },
    /// The host does not have the bytes that it was to send.
    Lost,
    /// What was fetched does not have the hash; nothing of it is kept.
    Damaged,
    /// The server answered with another status than success.
    Refused(Refused),
    /// The link failed.
    Cut {
        /// Bytes that were fetched before.
        bytes: u64,
        /// Whether the server was reached at all.
        reached: bool,
    },
}

/// What a device learns when it is enrolled. It is kept as it is here: a row of the store, keys are never given another
/// meaning.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Enrolment {
    /// The project.
    #[n(0)]
    pub project: ProjectId,
    /// The project's code.
    #[n(1)]
    pub project_code: String,
    /// The device's id.
    #[n(2)]
    pub device: DeviceId,
    /// The device's number in the project.
    #[n(3)]
    pub number: u32,
    /// What the device is called.
    #[n(4)]
    pub label: String,
    /// The server's Ed25519 public key.
    #[n(5)]
    #[cbor(with = "minicbor::bytes")]
    pub server_key: [u8; 32],
    /// The key that files are sealed to, if the server told it and signed for it; rosters tell later ones.
    #[n(9)]
    #[cbor(with = "minicbor::bytes")]
    pub sealing_key: Option<[u8; 32]>,
    /// The project's root area.
    #[n(6)]
    pub root_area: AreaId,
    /// Where the server is; the engine only keeps it.
    #[n(7)]
    pub address: String,
    /// The server's clock at that moment, milliseconds since the epoch.
    #[n(8)]
    pub server_ms: i64,
}

/// One edit of a save.
#[derive(Debug, Clone, PartialEq)]
pub enum Edit {
    /// Makes a record.
    Create {
        /// Its id, made beforehand; `None` lets the engine make one.
        record: Option<RecordId>,
        /// The name of its type. A log is made by its first entry, never so.
        record_type: String,
        /// The area it belongs to.
        area: AreaId,
        /// The person that it is about, if its type is about a person.
        subject: Option<RecordId>,
        /// Who of the people on this device saves.
        person: PersonNumber,
        /// The values. A worker without `worker_number` is given one.
        values: Vec<(Path, Value)>,
    },
    /// Changes a record.
    Change {
        /// The record.
        record: RecordId,
        /// Who of the people on this device saves.
        person: PersonNumber,
        /// What is set. [`Value::Null`] clears an answer.
        values: Vec<(Path, Value)>,
        /// Members of sets that are taken out.
        removes: Vec<Path>,
    },
    /// Makes an attachment known whose bytes the host has stored, durably. It leaves the device once a record names it by
    /// its hash, in this save or a later one.
    Attach {
        /// The SHA-256 of the bytes.
        hash: AttachmentHash,
        /// How many there are.
        bytes: u64,
    },
    /// Adds entries to logs. Those of one month go into one log of this device in the area.
    Append {
        /// The area.
        area: AreaId,
        /// Who of the people on this device saves.
        person: PersonNumber,
        /// The entries.
        entries: Vec<LogEntry>,
    },
    /// Decides an open conflict.
    Decide {
        /// The record.
        record: RecordId,
        /// Who of the people on this device decides.
        person: PersonNumber,
        /// The field.
        path: Path,
        /// The decided value; one of the candidates or another.
        value: Value,
        /// The state of the case that the person saw; `None` takes the present one.
        state: Option<[u8; 32]>,
        /// Why.
        reason: String,
    },
    /// Proposes a value where two persons have to agree.
    Propose {
        /// The record.
        record: RecordId,
        /// Who of the people on this device proposes.
        person: PersonNumber,
        /// The field.
        path: Path,
        /// The proposed value.
        value: Value,
        /// The state of the case that the person saw; `None` takes the present one.
        state: Option<[u8; 32]>,
        /// Why.
        reason: String,
    },
}

/// An entry of a log and the person it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// The worker.
    pub subject: RecordId,
    /// What happened. The index of the person inside is set by the engine.
    pub entry: Entry,
}

/// What a person does with a change that was not accepted. What the server may still take it is asked to give back first,
/// with the next sync; until then the change stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Settlement {
    /// Gives it up: the record goes on without it.
    #[n(0)]
    Dismiss,
    /// Has it sent again: as it is where the server put it aside for a grant, an area, a form or a limit, which may be there
    /// now; else written again on the record as it is now, as a new change.
    #[n(1)]
    Repair,
}

/// What the host knows when a sync begins. All of it is optional.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SyncOptions {
    /// At most so many bytes of feeds in each answer.
    pub budget_bytes: Option<u64>,
    /// So many bytes of bodies, up and down, may this sync cost: what does not fit waits for the next one, what is urgent
    /// goes first. The first request goes in any case.
    pub spend_bytes: Option<u64>,
    /// At most so many bytes of attachments, sent and fetched together; 0 for none. Unless given,
    /// [`crate::DEFAULT_ATTACHMENT_BYTES`].
    pub attachment_bytes: Option<u64>,
    /// Free storage of the device. The native SDK fills it in where it is less than 1 GiB.
    pub free_bytes: Option<u64>,
    /// Battery charge in percent.
    pub battery_percent: Option<u8>,
    /// Name and version of the app.
    pub app: Option<String>,
}

/// A server's refusal of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refused {
    /// The HTTP status.
    pub status: u16,
    /// The problem's code, if the body was a problem document with a code that this build knows.
    pub code: Option<ProblemCode>,
    /// The server's clock, where it said it.
    pub server_ms: Option<i64>,
    /// How long to wait, from `Retry-After`.
    pub retry_after_seconds: Option<u32>,
}
