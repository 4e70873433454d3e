//! Who is who.

use fieldmerge_protocol::DeviceId;
use fieldmerge_protocol::sync::{Roster, RosterArea, RosterDevice, RosterGrant};

use super::Server;

impl Server {
    pub(super) fn roster_of(&self, device: DeviceId) -> Roster {
        let area = |area, code: &str| RosterArea { area, code: code.to_owned(), name: code.to_owned() };
        let known = self.devices.iter().map(|(device, known)| RosterDevice {
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
        }
    }
}
