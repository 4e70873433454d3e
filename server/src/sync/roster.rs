//! The roster: who writes in a project, and what one device may read and write.

use std::collections::BTreeMap;

use fieldmerge_model::access::{Grant, Roles};
use fieldmerge_protocol::limits::MAX_ROSTER_SECONDS;
use fieldmerge_protocol::sync::{
    self, HeldRoles, Roster, RosterArea, RosterDevice, RosterGrant, RosterMember, RosterStatement,
    SignedRoster, roster_text,
};
use fieldmerge_protocol::{AreaId, DeviceId};
use fieldmerge_store::devices::Device;
use fieldmerge_store::{StoreError, Tx, devices, projects};

use crate::directory::Directory;

const MAX_AGE_MS: i64 = MAX_ROSTER_SECONDS * 1_000;

/// Whether a device that holds a signed roster of this moment is sent another: half of its time is over, or it is of a
/// time that has not come.
pub fn is_due(issued_ms: i64, now_ms: i64) -> bool {
    !(0..MAX_AGE_MS / 2).contains(&now_ms.saturating_sub(issued_ms))
}

/// The roster of a device, as the directory's version of it. `signs` is the time of issue, for a device that reads
/// signed rosters.
pub async fn of_device(
    tx: &mut Tx,
    directory: &Directory,
    device: DeviceId,
    signs: Option<i64>,
) -> Result<Roster, StoreError> {
    let project = &directory.project;
    let areas = projects::list_areas(tx, project.id).await?;
    let devices = devices::list(tx, project.id).await?;
    let signed = signs.map(|now_ms| signed(directory, device, &devices, now_ms));
    let named = if signed.is_some() { Vec::new() } else { devices };
    Ok(Roster {
        version: project.roster_version,
        areas: areas
            .into_iter()
            .map(|area| RosterArea { area: area.id, code: area.code, name: area.name })
            .collect(),
        devices: named
            .into_iter()
            .map(|listed| RosterDevice {
                device: listed.id,
                number: number(&listed),
                label: listed.label,
                key: listed.public_key.to_vec(),
                roles: roles(directory.grants_of(listed.id))
                    .iter()
                    .map(|role| role.name().to_owned())
                    .collect(),
            })
            .collect(),
        grants: directory
            .grants_of(device)
            .iter()
            .map(|grant| RosterGrant { area: grant.area, role: grant.role.name().to_owned() })
            .collect(),
        sealing_key: directory.sealing.public_key(),
        signed,
    })
}

/// The statement that a device shows others: all devices, and what they may do in the areas that it has to do with.
fn signed(directory: &Directory, device: DeviceId, devices: &[Device], now_ms: i64) -> SignedRoster {
    let root = directory.project.root_area;
    let own = directory.grants_of(device);
    let everywhere = own.iter().any(|grant| grant.area == root);
    let concerned = |area: &AreaId| everywhere || own.iter().any(|grant| grant.area == *area);
    let others = directory.areas.iter().copied().filter(|area| *area != root && concerned(area));
    let areas: Vec<AreaId> = [root].into_iter().chain(others).collect();
    let member = |listed: &Device| RosterMember {
        device: listed.id,
        key: listed.public_key,
        number: number(listed),
        label: listed.label.clone(),
        roles: roles(directory.grants_of(listed.id)).bits(),
        grants: if listed.revoked_ms.is_some() {
            Vec::new()
        } else {
            held(directory.grants_of(listed.id), &areas)
        },
    };
    let members = devices.iter().map(member).collect();
    let expires_ms = now_ms.saturating_add(MAX_AGE_MS);
    let version = directory.project.roster_version;
    let statement = sync::encode(&RosterStatement { version, issued_ms: now_ms, expires_ms, areas, members });
    let signature = directory.signer.sign(&roster_text(directory.project.id, &statement)).to_vec();
    SignedRoster { statement, signature }
}

/// The grants in these areas, by their indexes.
fn held(grants: &[Grant], areas: &[AreaId]) -> Vec<HeldRoles> {
    let mut held: BTreeMap<u32, Roles> = BTreeMap::new();
    for (index, area) in (0..).zip(areas) {
        let here: Vec<Grant> = grants.iter().copied().filter(|grant| grant.area == *area).collect();
        if !here.is_empty() {
            held.insert(index, roles(&here));
        }
    }
    held.into_iter().map(|(area, roles)| HeldRoles { area, roles: roles.bits() }).collect()
}

fn roles(grants: &[Grant]) -> Roles {
    grants.iter().fold(Roles::NONE, |all, grant| all.union(Roles::of(grant.role)))
}

fn number(device: &Device) -> u32 {
    u32::try_from(device.number).unwrap_or(u32::MAX)
}
