//! Typed ids. All are plain bytes on the wire; their text forms are for JSON, URLs and people.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// A text that is not the id it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {0}")]
pub struct IdError(&'static str);

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 16]);

        impl $name {
            /// The id as a UUID, for databases and text.
            pub fn uuid(self) -> Uuid {
                Uuid::from_bytes(self.0)
            }
        }

        impl From<Uuid> for $name {
            fn from(uuid: Uuid) -> Self {
                Self(uuid.into_bytes())
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = IdError;
            fn try_from(bytes: &[u8]) -> Result<Self, IdError> {
                bytes.try_into().map(Self).map_err(|_| IdError($what))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.uuid(), f)
            }
        }

        text_id!($name, $what, |text: &str| Uuid::try_parse(text).ok().map(Self::from));
    };
}

macro_rules! hex_id {
    ($(#[$doc:meta])* $name:ident, $bytes:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $bytes]);

        impl TryFrom<&[u8]> for $name {
            type Error = IdError;
            fn try_from(bytes: &[u8]) -> Result<Self, IdError> {
                bytes.try_into().map(Self).map_err(|_| IdError($what))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        text_id!($name, $what, |text: &str| hex(text).map(Self));
    };
}

macro_rules! text_id {
    ($name:ident, $what:literal, $parse:expr) => {
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                let parse: fn(&str) -> Option<Self> = $parse;
                parse(text).ok_or(IdError($what))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

uuid_id!(
    /// A project (one programme's data, users and rules). Made by the server.
    ProjectId,
    "project id"
);
uuid_id!(
    /// An area: a site, or the root area of a project that its reference records use.
    AreaId,
    "area id"
);
uuid_id!(
    /// One record, which is one Automerge document. `UUIDv7`, made on the device that creates it.
    RecordId,
    "record id"
);
uuid_id!(
    /// One history of a server's log: new at each restore, so that devices notice a server that went back in time.
    LogId,
    "log id"
);
hex_id!(
    /// One life of a log: eight random bytes, new whenever a server process begins to work on it.
    LifeId,
    8,
    "life of a log"
);
hex_id!(
    /// A device: ten random bytes, given at enrolment, the first ten of every actor it makes.
    DeviceId,
    10,
    "device id"
);
hex_id!(
    /// Four random bytes that are new at each install, restore, clone and repair of a device.
    Incarnation,
    4,
    "incarnation"
);
hex_id!(
    /// Who made a change, as Automerge sees it: device, person on that device, incarnation.
    Actor,
    16,
    "actor"
);

hex_id!(
    /// An attachment: the SHA-256 of its bytes. Records name it so, and so does everybody who sends or asks for it.
    AttachmentHash,
    32,
    "attachment hash"
);

/// The number of a person on one device; 0 is the device's first person.
pub type PersonNumber = u16;

impl Actor {
    /// Joins the three parts of an actor.
    pub fn new(device: DeviceId, person: PersonNumber, incarnation: Incarnation) -> Self {
        let mut bytes = [0; 16];
        bytes[..10].copy_from_slice(&device.0);
        bytes[10..12].copy_from_slice(&person.to_be_bytes());
        bytes[12..].copy_from_slice(&incarnation.0);
        Self(bytes)
    }

    /// The device that wrote.
    pub fn device(self) -> DeviceId {
        let mut bytes = [0; 10];
        bytes.copy_from_slice(&self.0[..10]);
        DeviceId(bytes)
    }

    /// The person on that device.
    pub fn person(self) -> PersonNumber {
        u16::from_be_bytes([self.0[10], self.0[11]])
    }

    /// The incarnation of that device.
    pub fn incarnation(self) -> Incarnation {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(&self.0[12..]);
        Incarnation(bytes)
    }
}

fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != N * 2 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    let mut bytes = [0; N];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[index * 2..index * 2 + 2], 16).ok()?;
    }
    Some(bytes)
}

/// Which cell of the class table a record belongs to: the unit of access. A feed is (project, area, class).
///
/// The numbers are on the wire and in rows: they are never reused. Source: domain.md 2.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum RecordClass {
    /// Project, sites, code lists, rules; only HQ writes.
    Reference = 0,
    /// Worker core: names, sex, birth, phone, village, languages.
    Core = 1,
    /// Washington Group answers, displacement, citizenship: written by phones, never read back.
    Observation = 2,
    /// Reasonable accommodation that a site must provide.
    Accommodation = 3,
    /// Household.
    Household = 4,
    /// Consent.
    Consent = 5,
    /// A worker's contract on a site.
    Assignment = 6,
    /// National identity number (sealed) and photo.
    Identity = 7,
    /// Attendance log.
    Attendance = 8,
    /// Childcare log.
    Childcare = 9,
    /// Training log.
    Training = 10,
    /// Payment log.
    Payment = 11,
    /// Occupational injury.
    Incident = 12,
    /// Labour migration.
    Migration = 13,
    /// Grievance.
    Grievance = 14,
    /// Task sent to a device.
    Task = 15,
    /// Contractor, cooperative, group.
    Firm = 16,
    /// Expenditure.
    Expenditure = 17,
}

impl RecordClass {
    /// How soon records of the class should cross a link that may break: 0 comes first. What a person waits for comes
    /// before what a list is complete without.
    pub fn urgency(self) -> u8 {
        match self {
            Self::Reference | Self::Task | Self::Incident | Self::Grievance => 0,
            Self::Core | Self::Identity | Self::Consent | Self::Assignment | Self::Accommodation => 1,
            Self::Attendance | Self::Payment | Self::Childcare | Self::Training => 2,
            Self::Observation | Self::Household | Self::Migration | Self::Firm | Self::Expenditure => 3,
        }
    }

    /// Every class, in number order.
    pub const ALL: [Self; 18] = [
        Self::Reference,
        Self::Core,
        Self::Observation,
        Self::Accommodation,
        Self::Household,
        Self::Consent,
        Self::Assignment,
        Self::Identity,
        Self::Attendance,
        Self::Childcare,
        Self::Training,
        Self::Payment,
        Self::Incident,
        Self::Migration,
        Self::Grievance,
        Self::Task,
        Self::Firm,
        Self::Expenditure,
    ];

    /// The name in forms and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reference => "reference",
            Self::Core => "core",
            Self::Observation => "observation",
            Self::Accommodation => "accommodation",
            Self::Household => "household",
            Self::Consent => "consent",
            Self::Assignment => "assignment",
            Self::Identity => "identity",
            Self::Attendance => "attendance",
            Self::Childcare => "childcare",
            Self::Training => "training",
            Self::Payment => "payment",
            Self::Incident => "incident",
            Self::Migration => "migration",
            Self::Grievance => "grievance",
            Self::Task => "task",
            Self::Firm => "firm",
            Self::Expenditure => "expenditure",
        }
    }

    /// The class with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.name() == name)
    }

    /// The class with this wire number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// The wire number of this class.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// Whether records of this class are logs: one writer, entries `e/<n>`, no edits.
    pub fn is_log(self) -> bool {
        matches!(self, Self::Attendance | Self::Childcare | Self::Training | Self::Payment)
    }
}
