//! One field of a record type.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{CodeList, Labels};
use crate::access::{Role, Roles};

/// One field: its labels, what values it takes, how they merge, and who sees them.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// The name, which is the path or the first segment of its paths.
    pub name: SmolStr,
    /// What a reader sees.
    pub labels: Labels,
    /// What values it takes.
    pub kind: Kind,
    /// The unit of a number, or nothing.
    pub unit: SmolStr,
    /// The bounds of a number, or of the characters of a text.
    pub range: Range,
    /// How concurrent values merge.
    pub policy: Policy,
    /// How sensitive its values are.
    pub sensitivity: Sensitivity,
    /// The roles that may see it.
    pub sees: Roles,
    /// The roles that may write it.
    pub writes: Roles,
    /// What a person who fills or reads the field should know.
    pub note: SmolStr,
}

impl Field {
    /// Whether its values name attachments.
    pub fn is_file(&self) -> bool {
        self.kind == Kind::Blob
    }

    /// Whether this role may see the field's values: in a feed, or in the rows of a dataset.
    ///
    /// The auditor reads what the analyst reads; so does the inspector, special categories excepted
    /// (domain.md 1.4 D12: no phone, no Washington Group answer).
    pub fn seen_by(&self, role: Role) -> bool {
        match role {
            Role::Auditor => self.sees.contains(Role::Analyst),
            Role::Inspector => self.sees.contains(Role::Analyst) && self.sensitivity < Sensitivity::Special,
            role => self.sees.contains(role),
        }
    }
}

/// What values a field takes, and at which paths.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// Free text in any script.
    Text,
    /// A telephone number, `+` and digits (E.164).
    Phone,
    /// One code of a list.
    Code(Arc<CodeList>),
    /// A set of codes: `name/<code> = true` for each member. Without a list any path segment is a member.
    Set(Option<Arc<CodeList>>),
    /// True or false.
    Bool,
    /// A whole number; money in minor units.
    Int,
    /// A decimal number.
    Decimal,
    /// A calendar date, `2026-03-01`.
    Date,
    /// A calendar date, or only its month: `2026-03`.
    Month,
    /// A moment with its offset, `2026-03-01T07:30:00+03:00`.
    DateTime,
    /// A point: latitude, longitude, and perhaps altitude and accuracy in metres, with spaces between.
    Geo,
    /// The id of a record, 16 bytes.
    Uuid,
    /// One text a language: `name/fr`, `name/en`.
    Languages,
    /// A file, named by the SHA-256 of its bytes: at `name` itself, at `name/thumb` a small picture of it.
    Blob,
    /// A ciphertext at `name/sealed` and an equality tag at `name/tag`.
    Sealed,
    /// Another entry of a log; occurs in entries only.
    Entry,
}

/// What stands below the name of a [`Kind::Blob`] field at the path of its thumbnail.
pub const THUMBNAIL: &str = "thumb";

impl Kind {
    /// What it is called.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Phone => "phone",
            Self::Code(_) => "code",
            Self::Set(_) => "set",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Decimal => "decimal",
            Self::Date => "date",
            Self::Month => "month",
            Self::DateTime => "datetime",
            Self::Geo => "geo",
            Self::Uuid => "uuid",
            Self::Languages => "languages",
            Self::Blob => "blob",
            Self::Sealed => "sealed",
            Self::Entry => "entry",
        }
    }

    /// Whether a path of this kind may have this text below the field's name.
    pub(crate) fn takes(&self, below: Option<&str>) -> bool {
        match (self, below) {
            (Self::Set(_) | Self::Languages, Some(below)) => !below.contains('/'),
            (Self::Blob, below) => below.is_none_or(|below| below == THUMBNAIL),
            (Self::Sealed, Some(below)) => matches!(below, "sealed" | "tag"),
            (Self::Set(_) | Self::Languages | Self::Sealed, None) | (_, Some(_)) => false,
            (_, None) => true,
        }
    }
}

/// Bounds, both included; a bound that is absent does not bind.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Range {
    /// The least.
    pub min: Option<i32>,
    /// The greatest.
    pub max: Option<i32>,
}

impl Range {
    /// Whether a number lies between the bounds.
    pub fn contains(self, number: f64) -> bool {
        self.min.is_none_or(|min| number >= f64::from(min))
            && self.max.is_none_or(|max| number <= f64::from(max))
    }
}

/// How concurrent values of a field merge (domain.md 4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// A: Automerge's winner is accepted, the other value stays in the history.
    Automatic,
    /// H: two different concurrent values make a case that so many persons must agree to close.
    Human {
        /// How many persons: 1, or 2 for pay.
        approvals: u8,
    },
    /// S: members are added and removed on their own; an addition wins over a concurrent removal.
    Set,
    /// L: never lost. In a log an entry; elsewhere a value that only its history corrects.
    Log,
    /// I: written once, at creation; a later write is accepted and not believed.
    Fixed,
    /// D: computed, never stored in a record.
    Derived,
    /// O: part of a one-change record; all are kept and HQ folds them.
    Observation,
}

impl Policy {
    /// What it is called in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Automatic => "merged by itself",
            Self::Human { approvals: 1 } => "decided by a person",
            Self::Human { .. } => "decided by two persons",
            Self::Set => "a set",
            Self::Log => "never replaced",
            Self::Fixed => "fixed when the record is made",
            Self::Derived => "calculated and not stored",
            Self::Observation => "an observation",
        }
    }
}

/// How sensitive a value is (domain.md 2.1). The order is from least to most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sensitivity {
    /// May be shown to anyone.
    Public,
    /// Not personal, not public.
    Internal,
    /// About a person.
    Personal,
    /// A special category.
    Special,
    /// Encrypted to the custody key.
    Sealed,
}
