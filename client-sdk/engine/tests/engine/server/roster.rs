//! Rosters, signed for devices that read signed ones.

use ed25519_dalek::Signer;
use fieldmerge_model::access::Roles;
use fieldmerge_protocol::limits::MAX_ROSTER_SECONDS;
use fieldmerge_protocol::sync::{
    self, HeldRoles, Hello, Roster, RosterArea, RosterDevice, RosterGrant, RosterMember, RosterStatement,
    SignedRoster, roster_text,
};
use fieldmerge_protocol::{DeviceId, ProjectId};

use super::Server;

impl Server {
    pub(super) fn roster_for(&self, device: DeviceId, hello: &Hello, now_ms: i64) -> Option<Roster> {
        let age = hello.roster_issued_ms.map_or(0, |issued_ms| now_ms - issued_ms);
        let is_due = age < 0 || age > MAX_ROSTER_SECONDS * 500;
        (hello.roster != self.roster || is_due).then(|| self.roster_of(device, hello, now_ms))
    }

    fn roster_of(&self, device: DeviceId, hello: &Hello, now_ms: i64) -> Roster {
        let area = |area, code: &str| RosterArea { area, code: code.to_owned(), name: code.to_owned() };
        let signed = hello.roster_issued_ms.map(|_| self.signed_roster(now_ms));
        let known = self.devices.iter().filter(|_| signed.is_none()).map(|(device, known)| RosterDevice {
            device: *device,
            number: known.number,
            label: format!("phone {}", known.number),
            key: known.key.to_bytes().to_vec(),
            roles: known.grants.iter().map(|grant| grant.role.name().to_owned()).collect(),
        });
        let grants = self.devices[&device].grants.iter();
        Roster {
            version: self.roster,
            areas: vec![area(self.root, "ROOT"), area(self.site, "S1")],
            devices: known.collect(),
            grants: grants.map(|g| RosterGrant { area: g.area, role: g.role.name().to_owned() }).collect(),
            sealing_key: self.sealing.last().map(|pair| pair.public),
            signed,
        }
    }

    /// What the server signs at this moment.
    pub(crate) fn signed_roster(&self, now_ms: i64) -> SignedRoster {
        self.signed_for(self.project, now_ms)
    }

    /// The same under the name of any project.
    pub(crate) fn signed_for(&self, project: ProjectId, now_ms: i64) -> SignedRoster {
        let members = self.devices.iter().map(|(device, known)| {
            let roles = known.grants.iter().fold(Roles::NONE, |all, grant| all.union(Roles::of(grant.role)));
            let held = (!known.grants.is_empty()).then_some(HeldRoles { area: 1, roles: roles.bits() });
            RosterMember {
                device: *device,
                key: known.key.to_bytes(),
                number: known.number,
                label: format!("phone {}", known.number),
                roles: roles.bits(),
                grants: held.into_iter().collect(),
            }
        });
        let statement = sync::encode(&RosterStatement {
            version: self.roster,
            issued_ms: now_ms,
            expires_ms: now_ms + MAX_ROSTER_SECONDS * 1_000,
            areas: vec![self.root, self.site],
            members: members.collect(),
        });
        let signature = self.key.sign(&roster_text(project, &statement)).to_bytes().to_vec();
        SignedRoster { statement, signature }
    }
}
