//! The roster: who writes in a project, and what the asking device may read and write.

use minicbor::{Decode, Encode};

use super::SignedRoster;
use crate::{AreaId, DeviceId};

/// Who writes in this project, and what the device may read and write.
#[derive(Debug, Clone, Default, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Roster {
    /// Grows with each change.
    #[n(0)]
    pub version: u64,
    /// The areas that the device has to do with.
    #[n(1)]
    pub areas: Vec<RosterArea>,
    /// The devices whose changes the device may see.
    #[n(2)]
    pub devices: Vec<RosterDevice>,
    /// The device's own grants.
    #[n(3)]
    pub grants: Vec<RosterGrant>,
    /// The project's sealing key: files are sealed to it, see [`crate::bundle::sealed`]. Absent from a server that has none.
    #[n(4)]
    #[cbor(with = "minicbor::bytes")]
    pub sealing_key: Option<[u8; 32]>,
    /// What devices show each other. Where it is there, `devices` is empty: it names them all.
    #[n(5)]
    pub signed: Option<SignedRoster>,
}

/// An area in a roster.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct RosterArea {
    /// The area.
    #[n(0)]
    pub area: AreaId,
    /// Its short code, unique in the project.
    #[n(1)]
    pub code: String,
    /// Its name for people.
    #[n(2)]
    pub name: String,
}

/// A device in a roster.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct RosterDevice {
    /// The device.
    #[n(0)]
    pub device: DeviceId,
    /// Its number in the project, printed in worker numbers.
    #[n(1)]
    pub number: u32,
    /// What people call it: usually the name of who carries it.
    #[n(2)]
    pub label: String,
    /// Its Ed25519 public key, for exchange between phones.
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    pub key: Vec<u8>,
    /// The roles that the device's people hold anywhere in the project: decides whose decisions count.
    #[n(4)]
    pub roles: Vec<String>,
}

/// One grant of the asking device.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct RosterGrant {
    /// Where.
    #[n(0)]
    pub area: AreaId,
    /// The role's name.
    #[n(1)]
    pub role: String,
}
