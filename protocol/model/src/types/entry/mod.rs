//! The entries of logs: typed structs and the small tuples that stand for them at `e/<n>`.
//!
//! A tuple is a definite CBOR array in its deterministic encoding (RFC 8949 section 4.2), of a length that
//! its type and version fix, and each element is an integer, null or 16 bytes: so that the bundle codec
//! splits the entries of a log into columns without knowing the form. The first element is the version of the
//! tuple. An optional element is null, never left out. Codes are their index in a list that only ever grows
//! at its end.
//!
//! Another entry is named by two elements, its number and its log; a null log is the log in which the tuple
//! stands.
//!
//! Reading is total. Bytes that do not read are kept in the log, counted as nothing and reported: accepted,
//! not believed.

mod answers;
mod attendance;
mod childcare;
mod codec;
mod payment;
#[cfg(test)]
mod tests;
mod training;
mod wire;

use fieldmerge_protocol::{RecordClass, RecordId, Value};

pub use answers::{BadAnswer, EntryField};
pub use attendance::AttendanceEntry;
pub use childcare::ChildcareEntry;
pub use codec::EntryError;
pub use payment::PaymentEntry;
pub use training::TrainingEntry;
pub use wire::{
    AbsenceReason, AttendanceStatus, CareMode, ChildBand, Confirmation, DeductionReason, PayChannel,
    TrainingResult, TrainingTopic, WireCode,
};

use super::date::Date;
use crate::typed::FindingCode;

/// Another entry: a number in a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryRef {
    /// The log; none is the log that holds the reference.
    pub log: Option<RecordId>,
    /// The number of the entry in it.
    pub n: u64,
}

/// An entry of any log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A person was present, absent, or stopped with the site, on a day.
    Attendance(AttendanceEntry),
    /// A person's children were in care on a day.
    Childcare(ChildcareEntry),
    /// A person was trained on a day.
    Training(TrainingEntry),
    /// A person was paid for a period.
    Payment(PaymentEntry),
}

impl Entry {
    /// Reads the value of an entry path in a log of this class.
    pub fn read(class: RecordClass, value: &Value) -> Result<Self, EntryError> {
        let bytes = value.as_bytes().ok_or(EntryError::Malformed)?;
        Ok(match class {
            RecordClass::Attendance => Self::Attendance(AttendanceEntry::decode(bytes)?),
            RecordClass::Childcare => Self::Childcare(ChildcareEntry::decode(bytes)?),
            RecordClass::Training => Self::Training(TrainingEntry::decode(bytes)?),
            RecordClass::Payment => Self::Payment(PaymentEntry::decode(bytes)?),
            _ => return Err(EntryError::NoLog),
        })
    }

    /// The value to put at an entry path.
    pub fn to_value(&self) -> Value {
        Value::Bytes(match self {
            Self::Attendance(entry) => entry.encode(),
            Self::Childcare(entry) => entry.encode(),
            Self::Training(entry) => entry.encode(),
            Self::Payment(entry) => entry.encode(),
        })
    }

    /// The class of the log that holds such entries.
    pub fn class(&self) -> RecordClass {
        match self {
            Self::Attendance(_) => RecordClass::Attendance,
            Self::Childcare(_) => RecordClass::Childcare,
            Self::Training(_) => RecordClass::Training,
            Self::Payment(_) => RecordClass::Payment,
        }
    }

    /// The index `k` of the person, named once in the log at `p/<k>`.
    pub fn person(&self) -> u32 {
        match self {
            Self::Attendance(entry) => entry.person,
            Self::Childcare(entry) => entry.guardian,
            Self::Training(entry) => entry.person,
            Self::Payment(entry) => entry.person,
        }
    }

    /// The day that the entry is about: of work, of care, of training, or on which pay was handed over.
    pub fn date(&self) -> Date {
        match self {
            Self::Attendance(entry) => entry.work_date,
            Self::Childcare(entry) => entry.care_date,
            Self::Training(entry) => entry.held_on,
            Self::Payment(entry) => entry.paid_on,
        }
    }

    /// The entry that this one corrects or reverses.
    pub fn replaces(&self) -> Option<EntryRef> {
        match self {
            Self::Attendance(entry) => entry.corrects,
            Self::Childcare(entry) => entry.corrects,
            Self::Training(entry) => entry.corrects,
            Self::Payment(entry) => entry.reverses,
        }
    }

    /// What is odd about an entry that reads: field and finding. Nothing here keeps it from being counted.
    pub fn check(&self) -> Vec<(&'static str, FindingCode)> {
        match self {
            Self::Attendance(entry) => entry.check(),
            Self::Childcare(entry) => entry.check(),
            Self::Training(entry) => entry.check(),
            Self::Payment(entry) => entry.check(),
        }
    }
}

macro_rules! from_entry {
    ($($entry:ident => $variant:ident),+) => {$(
        impl From<$entry> for Entry {
            fn from(entry: $entry) -> Self {
                Self::$variant(entry)
            }
        }
    )+};
}

from_entry!(
    AttendanceEntry => Attendance,
    ChildcareEntry => Childcare,
    TrainingEntry => Training,
    PaymentEntry => Payment
);
