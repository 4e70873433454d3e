//! Why the engine did not do what it was asked.

use fieldmerge_protocol::RecordId;
use smol_str::SmolStr;

/// The few things that an app does about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// The device has to be enrolled, or enrolled again.
    SignedOut,
    /// The request cannot be done as it stands; another one may.
    Refused,
    /// The store failed; nothing changed.
    Storage,
    /// A defect of this program.
    Bug,
}

/// Why the engine did not do what it was asked. Nothing changed.
///
/// Paths and types are names of a form, which the caller gave; values never occur here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The device belongs to no project yet.
    #[error("this device is not enrolled")]
    NotEnrolled,
    /// The device belongs to a project already.
    #[error("this device is enrolled already")]
    AlreadyEnrolled,
    /// No such record on this device.
    #[error("there is no record {0} on this device")]
    UnknownRecord(RecordId),
    /// No such record type, or not of the kind that the request needs.
    #[error("{0} is not a record type for this")]
    WrongType(SmolStr),
    /// The device has no such version of a form, or does not understand it.
    #[error("this device has no form {0}; sync, or update the app")]
    UnknownForm(u64),
    /// The form has answers that this program cannot write from a form.
    #[error("this program does not fill forms that write {0}")]
    NotFillable(&'static str),
    /// The form is about a person, and nobody said about whom.
    #[error("say whom this is about")]
    NoSubject,
    /// The record type has no such field.
    #[error("there is no field {0}")]
    UnknownField(SmolStr),
    /// The field takes another kind of value, or this value is out of its bounds.
    #[error("the value of {path} is not accepted: {code}")]
    BadValue {
        /// The field.
        path: SmolStr,
        /// What is wrong, as a stable code of the model's findings.
        code: &'static str,
    },
    /// The field is written once, when the record is made, or never by a person.
    #[error("{0} cannot be changed")]
    Fixed(SmolStr),
    /// A record that is never read back is never edited either: a correction is a new record.
    #[error("an observation is corrected by another observation")]
    WriteOnce,
    /// None of the device's grants allows this.
    #[error("this device may not write such records in this area")]
    NotGranted,
    /// None of the device's roles may decide about this field.
    #[error("this device may not decide about this field")]
    NotPermitted,
    /// Two persons have to agree, and nobody else has proposed this value for the conflict as it is now.
    #[error("a second person has to propose this value first")]
    NeedsProposal,
    /// Every value stands already.
    #[error("there is nothing to write")]
    NothingToWrite,
    /// The record or the change would exceed the limits.
    #[error("the record would grow beyond its limits")]
    TooLarge,
    /// The field has no open conflict.
    #[error("there is no open conflict about {0}")]
    NoSuchCase(SmolStr),
    /// The conflict has other values than those the person saw.
    #[error("the conflict about {0} has changed; look at it again")]
    CaseMoved(SmolStr),
    /// No such change in the outbox, or not in a state to be settled.
    #[error("there is no such change in the outbox that waits for a person")]
    NotSettleable,
    /// No record on this device names such an attachment.
    #[error("no record on this device names this attachment")]
    NoSuchAttachment,
    /// The numbers of worker cards of this device are used up.
    #[error("this device has given out all its worker numbers")]
    NumbersExhausted,
    /// A sync is running, or another of its kind of work.
    #[error("a sync is running")]
    Busy,
    /// The server's key, to which files are sealed, is not known yet.
    #[error("sync once first: until then the device does not know the key that files are sealed to")]
    NoSealingKey,
    /// The file is not a bundle of this project.
    #[error("the file cannot be imported: {0}")]
    BadFile(&'static str),
    /// The device holds no signed roster: it has not synced with a server that gives one.
    #[error("this device knows of no other device yet; sync once")]
    NoRoster,
    /// The signed roster is too old to say what other devices may read.
    #[error("what this device knows of others is too old; sync once")]
    RosterExpired,
    /// The signed roster does not name the device, or lets it read nothing.
    #[error("the project has no such device, or it may read nothing")]
    UnknownDevice,
    /// The store did not take the batch.
    #[error("the store failed; nothing was saved")]
    StoreFailed,
    /// The device key did not sign.
    #[error("the device key could not sign")]
    SignFailed,
    /// The engine contradicts itself.
    #[error("internal: {0}")]
    Bug(&'static str),
}

impl Failure {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotEnrolled => "not-enrolled",
            Self::AlreadyEnrolled => "already-enrolled",
            Self::UnknownRecord(_) => "unknown-record",
            Self::WrongType(_) => "wrong-record-type",
            Self::UnknownForm(_) => "unknown-form",
            Self::NotFillable(_) => "form-not-fillable",
            Self::NoSubject => "missing",
            Self::UnknownField(_) => "unknown-field",
            Self::BadValue { code, .. } => code,
            Self::Fixed(_) => "fixed-field",
            Self::WriteOnce => "write-once",
            Self::NotGranted => "not-granted",
            Self::NotPermitted => "not-permitted",
            Self::NeedsProposal => "needs-proposal",
            Self::NothingToWrite => "nothing-to-write",
            Self::TooLarge => "too-large",
            Self::NoSuchCase(_) => "no-such-case",
            Self::CaseMoved(_) => "case-moved",
            Self::NotSettleable => "not-settleable",
            Self::NoSuchAttachment => "no-such-attachment",
            Self::NumbersExhausted => "numbers-exhausted",
            Self::Busy => "busy",
            Self::NoSealingKey => "no-sealing-key",
            Self::BadFile(_) => "bad-file",
            Self::NoRoster => "no-roster",
            Self::RosterExpired => "roster-expired",
            Self::UnknownDevice => "unknown-device",
            Self::StoreFailed => "store-failed",
            Self::SignFailed => "sign-failed",
            Self::Bug(_) => "internal",
        }
    }

    /// What an app does about it.
    pub fn kind(&self) -> FailureKind {
        match self {
            Self::NotEnrolled => FailureKind::SignedOut,
            Self::StoreFailed | Self::SignFailed => FailureKind::Storage,
            Self::Bug(_) => FailureKind::Bug,
            _ => FailureKind::Refused,
        }
    }
}

/// Why a snapshot cannot be opened. The row names itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// A row does not read.
    #[error("a row of {table} does not read")]
    Corrupt {
        /// The table.
        table: &'static str,
    },
    /// The store was written by a later version of this program.
    #[error("the store was written by a later version; update the app")]
    LaterVersion,
}
