//! Rosters, signed for devices that read signed ones.

use ed25519_dalek::{Signer, VerifyingKey};
use fieldmerge_engine::Enrolment;
use fieldmerge_model::access::{Grant, Role, Roles};
use fieldmerge_protocol::limits::MAX_ROSTER_SECONDS;
use fieldmerge_protocol::sync::{
    self, HeldRoles, Hello, Roster, RosterArea, RosterDevice, RosterGrant, RosterMember, RosterStatement,
    SignedRoster, roster_text,
};
use fieldmerge_protocol::{DeviceId, ProjectId};

use super::{Known, Server};

impl Server {
    pub(crate) fn enrol(&mut self, device: u8, key: VerifyingKey, roles: &[Role]) -> Enrolment {
        let id = DeviceId([device; 10]);
        let grants = roles.iter().map(|role| Grant { area: self.site, role: *role }).collect();
        self.devices.insert(id, Known { key, number: device.into(), grants, revoked: false });
        self.roster += 1;
        Enrolment {
            project: self.project,
            project_code: "TEST".to_owned(),
            device: id,
            number: device.into(),
            label: format!("phone {device}"),
            server_key: self.key.verifying_key().to_bytes(),
            sealing_key: self.sealing.last().map(|pair| pair.public),
            root_area: self.root,
            address: "http://127.0.0.1".to_owned(),
            server_ms: crate::phone::NOW_MS,
        }
    }

    /// Takes everything from a device, and its frames too from now on.
    pub(crate) fn revoke(&mut self, device: u8) {
        let known = self.devices.get_mut(&DeviceId([device; 10])).expect("an enrolled device");
        (known.revoked, known.grants) = (true, Vec::new());
        self.roster += 1;
    }

    pub(crate) fn grant(&mut self, device: u8, roles: &[Role]) {
        let grants = roles.iter().map(|role| Grant { area: self.site, role: *role }).collect();
        self.devices.get_mut(&DeviceId([device; 10])).expect("an enrolled device").grants = grants;
        self.roster += 1;
    }

    pub(super) fn roster_for(&self, device: DeviceId, hello: &Hello, now_ms: i64) -> Option<Roster> {
        let age = hello.roster_issued_ms.map_or(0, |issued_ms| now_ms - issued_ms);
        let is_due = !(0..=MAX_ROSTER_SECONDS * 500).contains(&age);
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
