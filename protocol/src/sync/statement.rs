//! The signed roster: who may read and write what, as the server states it for devices that meet without one.

use ed25519_dalek::{Signature, VerifyingKey};
use minicbor::{Decode, Encode};

use super::decode;
use crate::{AreaId, DeviceId, ProjectId};

/// A [`RosterStatement`] under the server's signature.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct SignedRoster {
    /// The statement as CBOR, exactly as it was signed.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub statement: Vec<u8>,
    /// Ed25519 by the server key over [`roster_text`].
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub signature: Vec<u8>,
}

/// What the server states for a device that asks: all devices of the project, and what each may do where the asking
/// device has to do with. An array without keys, for it is most of what a small sync brings; a later version gets
/// another text to sign.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct RosterStatement {
    /// The version of the roster.
    #[n(0)]
    pub version: u64,
    /// When it was issued, milliseconds since the epoch.
    #[n(1)]
    pub issued_ms: i64,
    /// Until when it is good.
    #[n(2)]
    pub expires_ms: i64,
    /// The areas that it speaks of, the root first.
    #[n(3)]
    pub areas: Vec<AreaId>,
    /// Every device of the project.
    #[n(4)]
    pub members: Vec<RosterMember>,
}

/// A device in a statement.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct RosterMember {
    /// The device.
    #[n(0)]
    pub device: DeviceId,
    /// Its Ed25519 public key.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub key: [u8; 32],
    /// Its number in the project.
    #[n(2)]
    pub number: u32,
    /// What people call it.
    #[n(3)]
    pub label: String,
    /// The roles that its people hold anywhere in the project, a bit each.
    #[n(4)]
    pub roles: u16,
    /// The roles that they hold in the statement's areas. A device that was revoked has none.
    #[n(5)]
    pub grants: Vec<HeldRoles>,
}

/// Roles in one area.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct HeldRoles {
    /// The area, by its index in the statement.
    #[n(0)]
    pub area: u32,
    /// The roles, a bit each.
    #[n(1)]
    pub roles: u16,
}

/// The text that the server signs for a statement.
pub fn roster_text(project: ProjectId, statement: &[u8]) -> Vec<u8> {
    [b"fieldmerge-roster-v1\0".as_slice(), &project.0, statement].concat()
}

impl SignedRoster {
    /// The statement, if this project's server signed it.
    pub fn verify(&self, project: ProjectId, server_key: &[u8; 32]) -> Option<RosterStatement> {
        let key = VerifyingKey::from_bytes(server_key).ok()?;
        let signature = Signature::from_slice(&self.signature).ok()?;
        key.verify_strict(&roster_text(project, &self.statement), &signature).ok()?;
        decode(&self.statement).ok()
    }
}
