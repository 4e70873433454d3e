//! The roster: who writes in a project, and what one device may read and write.

use std::collections::BTreeMap;

use fieldmerge_model::access::{Grant, Role};
use fieldmerge_protocol::sync::{Roster, RosterArea, RosterDevice, RosterGrant};
use fieldmerge_protocol::{DeviceId, ProjectId};
use fieldmerge_store::{StoreError, Tx, devices, grants, projects};

/// The standing grants of every device of a project. A role that this build does not know grants nothing.
pub async fn grants_by_device(
    tx: &mut Tx,
    project: ProjectId,
) -> Result<BTreeMap<DeviceId, Vec<Grant>>, StoreError> {
    let mut by_device: BTreeMap<DeviceId, Vec<Grant>> = BTreeMap::new();
    for grant in grants::list(tx, project).await? {
        by_device.entry(grant.device).or_default().extend(standing(&grant));
    }
    Ok(by_device)
}

/// The standing grants of one device.
pub async fn grants_of(tx: &mut Tx, project: ProjectId, device: DeviceId) -> Result<Vec<Grant>, StoreError> {
    let rows = grants::of_device(tx, project, device).await?;
    Ok(rows.iter().filter_map(standing).collect())
}

fn standing(row: &grants::Grant) -> Option<Grant> {
    let role = row.role.parse::<Role>().ok()?;
    row.withdrawn_ms.is_none().then_some(Grant { area: row.area, role })
}

/// The roster of `device`, as version `version`.
pub async fn of_device(
    tx: &mut Tx,
    project: ProjectId,
    device: DeviceId,
    version: u64,
) -> Result<Roster, StoreError> {
    let all_grants = grants_by_device(tx, project).await?;
    let roles = |device: &DeviceId| {
        let mut roles: Vec<String> =
            all_grants.get(device).into_iter().flatten().map(|grant| grant.role.name().to_owned()).collect();
        roles.sort_unstable();
        roles.dedup();
        roles
    };
    let areas = projects::list_areas(tx, project).await?;
    let devices = devices::list(tx, project).await?;
    let own = all_grants.get(&device).into_iter().flatten();
    Ok(Roster {
        version,
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
                roles: roles(&listed.id),
            })
            .collect(),
        grants: own
            .map(|grant| RosterGrant { area: grant.area, role: grant.role.name().to_owned() })
            .collect(),
    })
}
