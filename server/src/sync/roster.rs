//! The roster: who writes in a project, and what one device may read and write.

use fieldmerge_protocol::DeviceId;
use fieldmerge_protocol::sync::{Roster, RosterArea, RosterDevice, RosterGrant};
use fieldmerge_store::{StoreError, Tx, devices, projects};

use crate::directory::Directory;

/// The roster of a device, as the directory's version of it.
pub async fn of_device(tx: &mut Tx, directory: &Directory, device: DeviceId) -> Result<Roster, StoreError> {
    let project = &directory.project;
    let roles = |device: DeviceId| {
        let grants = directory.grants_of(device).iter();
        let mut roles: Vec<String> = grants.map(|grant| grant.role.name().to_owned()).collect();
        roles.sort_unstable();
        roles.dedup();
        roles
    };
    let areas = projects::list_areas(tx, project.id).await?;
    let devices = devices::list(tx, project.id).await?;
    Ok(Roster {
        version: project.roster_version,
        areas: areas
            .into_iter()
            .map(|area| RosterArea { area: area.id, code: area.code, name: area.name })
            .collect(),
        devices: devices
            .into_iter()
            .map(|listed| RosterDevice {
                device: listed.id,
                number: u32::try_from(listed.number).unwrap_or(u32::MAX),
                label: listed.label,
                key: listed.public_key.to_vec(),
                roles: roles(listed.id),
            })
            .collect(),
        grants: directory
            .grants_of(device)
            .iter()
            .map(|grant| RosterGrant { area: grant.area, role: grant.role.name().to_owned() })
            .collect(),
        sealing_key: directory.sealing.public_key(),
    })
}
