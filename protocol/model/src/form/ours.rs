//! What the columns say that only Fieldmerge reads.

use fieldmerge_protocol::RecordClass;
use serde::{Deserialize, Serialize};

use crate::access::Role;
use crate::types::Sensitivity;

/// Which records a form, or a group of it, is written to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordTarget {
    /// The record type.
    pub record_type: String,
    /// Its class, and so its feed.
    pub class: RecordClass,
}

impl RecordTarget {
    /// Whether its records are written and never changed: entries of logs, and observations. A form opens without them, and
    /// what is answered makes another one.
    pub fn is_written_once(&self) -> bool {
        self.class.is_log() || self.class == RecordClass::Observation
    }
}

impl Default for RecordTarget {
    /// What is about a worker.
    fn default() -> Self {
        Self { record_type: "worker".to_owned(), class: RecordClass::Core }
    }
}

/// What stands in the columns that only Fieldmerge reads; what a column leaves out has the default of the question's type.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Ours {
    /// `fm::merge`: A, H, S, L, I, and how many must agree on an H.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merge: Option<Merge>,
    /// `fm::class`: how sensitive the values are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<Sensitivity>,
    /// `fm::record`: the records that a group is written to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<RecordTarget>,
    /// `fm::write`: who may write it; nobody else where there are any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub write: Vec<Role>,
    /// `fm::see`: who may see it in a dataset; whoever may read the record where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub see: Vec<Role>,
    /// `fm::match`: what it tells of two records of one person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matching: Option<Matching>,
    /// `fm::kind`: as what a value is stored, where its type does not say it all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub storage: Option<Storage>,
    /// `fm::unit`: the unit of a number.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
}

/// How concurrent values merge (domain.md 2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Merge {
    /// Automerge's winner is taken.
    A,
    /// A person decides.
    H,
    /// Two persons decide.
    H2,
    /// A set.
    S,
    /// A log.
    L,
    /// Fixed when the record is made.
    I,
    /// Calculated where it is needed, and stored in no record.
    D,
}

/// What an answer tells of two records of one person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Matching {
    /// Her family name.
    FamilyName,
    /// Her given names.
    GivenNames,
    /// What she is called.
    KnownAs,
    /// Her sex.
    Sex,
    /// Her date of birth.
    BirthDate,
    /// The year of her birth.
    BirthYear,
    /// Her telephone number.
    Phone,
    /// The village she lives in.
    Village,
    /// The number of a paper that names her.
    Identity,
}

/// As what a value is stored, beyond what the type of its question says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Storage {
    /// A telephone number: `+` and digits.
    Phone,
    /// A month: `2026-03`.
    Month,
    /// True or false: of the choices `yes` and `no`.
    Bool,
    /// The id of another record.
    Record,
    /// A text in one language of many.
    Language,
    /// A whole number.
    Integer,
    /// A decimal number.
    Decimal,
    /// A day.
    Date,
    /// A moment.
    DateTime,
    /// A ciphertext, which the device makes of the answer: no record holds it in the clear.
    Sealed,
    /// The id of the person whom the record is about, at `_subject`.
    Subject,
    /// Of a question another entry of the log; of a group or a repeat: each instance is an entry.
    Entry,
    /// Nowhere: the question is asked to steer the form.
    #[serde(rename = "none")]
    Nowhere,
}

/// The path of the person whom a record is about.
pub const SUBJECT: &str = "_subject";
