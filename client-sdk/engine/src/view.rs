//! What the engine shows. All of it is read from memory; nothing here changes anything.

use std::collections::BTreeMap;

use fieldmerge_model::quarantine::{QuarantineCode, Remedy};
use fieldmerge_model::types::entry::Entry;
use fieldmerge_protocol::sync::{Feed, RosterArea, RosterDevice, RosterGrant};
use fieldmerge_protocol::{
    Actor, AreaId, AttachmentHash, DeviceId, Incarnation, Path, RecordClass, RecordId, Value,
};
use smol_str::SmolStr;

use crate::Enrolment;

/// One line of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// The record.
    pub record: RecordId,
    /// The name of its type.
    pub record_type: SmolStr,
    /// Its feed.
    pub feed: Feed,
    /// The person that it is about.
    pub subject: Option<RecordId>,
    /// What a person calls it: name and number of a worker, else those of its subject.
    pub title: String,
    /// Conflicts that wait for a decision.
    pub open_cases: u32,
    /// Whether a change of this device has not been received yet.
    pub pending: bool,
    /// Whether something of it came from another device directly and the server has not confirmed it.
    pub provisional: bool,
}

/// A version of a form that the device has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormView {
    /// Counts the versions of all forms of the project, from 1.
    pub number: u64,
    /// The form's id.
    pub id: SmolStr,
    /// The version.
    pub version: SmolStr,
    /// What the form is called.
    pub title: String,
    /// Whether no later version of the form is on the device: what is begun is begun with this one.
    pub latest: bool,
}

/// Which records to list, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListQuery {
    /// Only this type.
    pub record_type: Option<String>,
    /// Only this area.
    pub area: Option<AreaId>,
    /// Only records about this person.
    pub subject: Option<RecordId>,
    /// Only records older than this one: the last of the page before.
    pub before: Option<RecordId>,
    /// At most so many; 0 means 50.
    pub limit: usize,
}

/// A record that a search found; the better match comes first.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// The record.
    pub summary: Summary,
    /// Whether every word of the search begins a word of the record.
    pub begins: bool,
}

/// A record as a person reads it.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordView {
    /// What a list would show.
    pub summary: Summary,
    /// The values, by path.
    pub values: Vec<ValueView>,
    /// Conflicts about human fields, open and closed.
    pub cases: Vec<CaseView>,
    /// The entries, if the record is a log.
    pub entries: Vec<EntryView>,
    /// The number of the version of a form that wrote it last, if one did.
    pub form: Option<u64>,
}

/// A value and who wrote it.
#[derive(Debug, Clone, PartialEq)]
pub struct ValueView {
    /// The path.
    pub path: Path,
    /// The value; where several stand, the one that wins as a register.
    pub value: Value,
    /// The other values that stand beside it.
    pub beside: Vec<Value>,
    /// Who wrote it.
    pub actor: Actor,
    /// The author device's clock, milliseconds since the epoch. For showing only.
    pub device_ms: i64,
    /// Whether it came from another device directly and the server has not confirmed it.
    pub provisional: bool,
}

/// An entry of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryView {
    /// Its number in the log.
    pub n: u64,
    /// The worker, if the log names one at the entry's index.
    pub subject: Option<RecordId>,
    /// What happened; `None` where the bytes do not read.
    pub entry: Option<Entry>,
    /// Who wrote it.
    pub actor: Actor,
    /// What the roster calls the author's device; `None` where it does not know it.
    pub label: Option<String>,
    /// The author device's clock.
    pub device_ms: i64,
    /// Whether it came from another device directly and the server has not confirmed it.
    pub provisional: bool,
}

/// A conflict about a field that a person has to judge.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseView {
    /// The record.
    pub record: RecordId,
    /// The name of its type.
    pub record_type: SmolStr,
    /// What a person calls the record.
    pub title: String,
    /// The field.
    pub path: Path,
    /// Whether it waits for a decision.
    pub open: bool,
    /// The state that a decision must name.
    pub state: [u8; 32],
    /// The values that stand against each other.
    pub candidates: Vec<CandidateView>,
    /// The last agreed value, if there is one.
    pub agreed: Option<Value>,
    /// How many persons must agree.
    pub approvals: u8,
    /// What was proposed for the present state, where two persons must agree.
    pub proposals: Vec<CandidateView>,
    /// The decision, once the conflict is closed.
    pub decision: Option<CandidateView>,
    /// Whether a role of this device may decide or propose.
    pub may_decide: bool,
}

/// One of the values of a case, a proposal, or the decision.
#[derive(Debug, Clone, PartialEq)]
pub struct CandidateView {
    /// The value.
    pub value: Value,
    /// Who wrote it.
    pub actor: Actor,
    /// What people call the author's device, if the roster names it.
    pub label: Option<String>,
    /// Why, where it is a decision or a proposal.
    pub reason: String,
    /// The author device's clock.
    pub device_ms: i64,
    /// When the server received it; 0 if not yet.
    pub received_ms: i64,
}

/// How far a change of this device has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutboxState {
    /// Saved, in no frame yet.
    Waiting,
    /// In a frame that was sent or is about to be; no receipt yet.
    Sent,
    /// The server keeps it until what it was made on arrives.
    Held,
    /// The server keeps it aside, for the reason of this code; the device asks at each sync whether it was taken since.
    Quarantined {
        /// A stable code.
        code: SmolStr,
    },
    /// A person has given it up or wants it written again: the server is asked to give it back with the next sync, and says
    /// whether it has taken it meanwhile.
    Withdrawn,
    /// Another copy of this device wrote a change in its place; it is written anew when the sync has brought that one.
    Forked,
}

/// What a person can do about a change in the outbox. Whatever it is, nothing else waits for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advice {
    /// Sync when there is a link; there is nothing to decide.
    Sync,
    /// Wait until somebody else's phone has synced, or write it again, or give it up.
    Wait,
    /// Ask headquarters, who see it: a grant, an area or room is missing. What they take then leaves the outbox at the next
    /// sync. Or give it up.
    AskHeadquarters,
    /// Write it again, or give it up.
    WriteAgain,
}

impl OutboxState {
    /// What a person can do about it.
    pub fn advice(&self) -> Advice {
        match self {
            Self::Waiting | Self::Sent | Self::Withdrawn | Self::Forked => Advice::Sync,
            Self::Held => Advice::Wait,
            Self::Quarantined { code } => match QuarantineCode::from_code(code).map(QuarantineCode::remedy) {
                Some(Remedy::TakenLater | Remedy::Headquarters) => Advice::AskHeadquarters,
                Some(Remedy::WriteAgain) | None => Advice::WriteAgain,
            },
        }
    }
}

/// A change of this device without a final receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Its number in the outbox, by which a person settles it.
    pub number: u64,
    /// The record.
    pub record: RecordId,
    /// The name of its type.
    pub record_type: SmolStr,
    /// What a person calls the record.
    pub title: String,
    /// The feed.
    pub feed: Feed,
    /// The device's clock when it was saved.
    pub device_ms: i64,
    /// How far it has come.
    pub state: OutboxState,
}

/// The outbox and the frames carried for others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OutboxView {
    /// Own changes, oldest first.
    pub changes: Vec<Outgoing>,
    /// Frames of other devices that wait to be delivered.
    pub carried_frames: usize,
    /// Receipts for other devices that wait to be carried back.
    pub carried_receipts: usize,
    /// Changes of others that came from another device directly and that the server has not confirmed.
    pub provisional: usize,
}

/// What is carried for one device, and what is known of what became of its frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarriedView {
    /// The author.
    pub device: DeviceId,
    /// What people call it, if the roster names it.
    pub label: Option<String>,
    /// Frames that wait to be delivered.
    pub frames: usize,
    /// Their bytes.
    pub bytes: usize,
    /// Since when the oldest of them is carried, by the server's clock as it was known then.
    pub since_ms: Option<i64>,
    /// Frames that the server took, by the receipts that are carried back.
    pub delivered: usize,
    /// Frames that it did not take, by the code that says why.
    pub refused: BTreeMap<SmolStr, usize>,
}

impl OutboxView {
    /// How many changes are in a state that this picks.
    pub fn count(&self, pick: impl Fn(&OutboxState) -> bool) -> usize {
        self.changes.iter().filter(|change| pick(&change.state)).count()
    }
}

/// How far an attachment has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttachmentState {
    /// It is here, and no record has named it: it stays here, and goes after a day.
    Unnamed,
    /// It is here and waits to be sent.
    Waiting,
    /// It is here, and the server has it.
    Kept,
    /// It is not here; it is fetched when somebody asks for it.
    Absent,
    /// It is not here; it is fetched with the next syncs.
    Expected,
    /// It is here, and the server does not take it.
    Refused {
        /// A stable code.
        code: SmolStr,
    },
}

/// An attachment that the device has or knows of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachmentView {
    /// The SHA-256 of its bytes.
    pub hash: AttachmentHash,
    /// How many bytes it has, where that is known.
    pub bytes: Option<u64>,
    /// Whether a record names it as a thumbnail.
    pub thumbnail: bool,
    /// How far it has come.
    pub state: AttachmentState,
    /// The records on this device that name it.
    pub records: Vec<RecordId>,
}

impl AttachmentView {
    /// Whether its bytes are on this device.
    pub fn is_here(&self) -> bool {
        !matches!(self.state, AttachmentState::Absent | AttachmentState::Expected)
    }
}

/// Something that the engine did on its own and a person should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Its number, by which it is marked as read.
    pub number: u64,
    /// When, by the device's clock.
    pub at_ms: i64,
    /// A stable code: `copy-found` (another copy of this device was noticed), `rewritten` (changes were written anew),
    /// `server-restored` (the server lost what came after a backup), `feed-withdrawn` (records were taken off the device),
    /// `carried-expired` (frames of others were carried for too long and given up), `kept-given-up` (sealed observations
    /// were deleted although no backup holds them), `not-confirmed` (changes that came from another device directly were taken
    /// out, for the server does not have them).
    pub code: SmolStr,
    /// How many changes or records it concerns.
    pub count: u64,
    /// The records, as far as they were counted; at most a hundred.
    pub records: Vec<RecordId>,
}

/// What the device knows of itself and of its project.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// The enrolment, if there is one.
    pub enrolment: Option<Enrolment>,
    /// The incarnation that it writes under.
    pub incarnation: Option<Incarnation>,
    /// Records on the device.
    pub records: usize,
    /// Own changes without a final receipt.
    pub outbox: usize,
    /// Attachments that wait to be sent.
    pub attachments_waiting: usize,
    /// Their bytes.
    pub attachment_bytes_waiting: u64,
    /// The version of the roster; 0 if none.
    pub roster: u64,
    /// The areas it has to do with.
    pub areas: Vec<RosterArea>,
    /// The devices whose changes it may see.
    pub devices: Vec<RosterDevice>,
    /// Its grants.
    pub grants: Vec<RosterGrant>,
    /// The feeds that it has read from, and how far.
    pub cursors: Vec<(Feed, u64)>,
    /// The server's clock minus the device's, as learned, in milliseconds.
    pub clock_offset_ms: i64,
    /// Conflicts that wait for a decision.
    pub open_cases: usize,
}

impl Status {
    /// The code of an area, or its id where the roster does not name it.
    pub fn area_code(&self, area: AreaId) -> String {
        let named = self.areas.iter().find(|known| known.area == area);
        named.map_or_else(|| area.to_string(), |known| known.code.clone())
    }

    /// The classes of records on the device that the feeds name.
    pub fn classes(&self) -> Vec<RecordClass> {
        let mut classes: Vec<RecordClass> = self.cursors.iter().map(|(feed, _)| feed.class).collect();
        classes.sort_unstable();
        classes.dedup();
        classes
    }
}
