//! Devices and what they may do.

use fieldmerge_protocol::DeviceId;
use fieldmerge_store::Tx;
use fieldmerge_store::devices::{self, Device};
use fieldmerge_store::grants::{self, Grant};
use fieldmerge_store::projects::{self, Area, Project};
use fieldmerge_store::proofs::{self, Begun};

use super::{AdminError, GrantText, area, project};
use crate::state::App;
use crate::sync::rejudge::rejudge;

/// A device with its grants.
#[derive(Debug, Clone)]
pub struct KnownDevice {
    /// The device.
    pub device: Device,
    /// Its grants, withdrawn ones included.
    pub grants: Vec<Grant>,
    /// How often it began to write anew; nothing before its first frame.
    pub begun: Option<Begun>,
}

/// The devices of a project, with the areas that their grants name.
pub async fn list(app: &App, of: &str) -> Result<(Vec<KnownDevice>, Vec<Area>), AdminError> {
    let mut tx = app.store().read().await?;
    let project = project(&mut tx, of).await?;
    let grants = grants::list(&mut tx, project.id).await?;
    let areas = projects::list_areas(&mut tx, project.id).await?;
    let devices = devices::list(&mut tx, project.id).await?;
    let begun = proofs::begun(&mut tx, project.id).await?;
    let known = devices.into_iter().map(|device| KnownDevice {
        begun: begun.iter().find(|begun| begun.device == device.id).copied(),
        grants: grants.iter().filter(|grant| grant.device == device.id).cloned().collect(),
        device,
    });
    Ok((known.collect(), areas))
}

/// The device of a number or id.
async fn find(tx: &mut Tx, project: &Project, name: &str) -> Result<Device, AdminError> {
    let found = match (name.parse::<u64>(), name.parse::<DeviceId>()) {
        (_, Ok(id)) => devices::find(tx, project.id, id).await?,
        (Ok(number), _) => {
            devices::list(tx, project.id).await?.into_iter().find(|device| device.number == number)
        }
        _ => None,
    };
    found.ok_or_else(|| AdminError::not_found("device", name))
}

/// Revokes a device from its next request on. False if it was revoked before.
pub async fn revoke(app: &App, of: &str, name: &str) -> Result<bool, AdminError> {
    let now_ms = app.now_ms();
    app.store()
        .write(async |mut lent| {
            let tx = &mut *lent;
            let project = project(tx, of).await?;
            let device = find(tx, &project, name).await?;
            let revoked = devices::revoke(tx, project.id, device.id, now_ms).await?;
            if revoked {
                projects::touch_roster(tx, project.id).await?;
            }
            Ok(revoked)
        })
        .await
}

/// Gives a device a role in an area. False if it has it.
pub async fn give(app: &App, of: &str, name: &str, grant: &GrantText) -> Result<bool, AdminError> {
    change(app, of, name, grant, true).await
}

/// Withdraws a role of a device in an area. False if it does not have it.
pub async fn withdraw(app: &App, of: &str, name: &str, grant: &GrantText) -> Result<bool, AdminError> {
    change(app, of, name, grant, false).await
}

async fn change(app: &App, of: &str, name: &str, grant: &GrantText, give: bool) -> Result<bool, AdminError> {
    let (now_ms, role) = (app.now_ms(), grant.role.name());
    app.store()
        .write(async |mut lent| {
            let tx = &mut *lent;
            let project = project(tx, of).await?;
            let device = find(tx, &project, name).await?.id;
            let area = area(tx, &project, &grant.area).await?.id;
            let changed = if give {
                grants::give(tx, project.id, device, area, role, now_ms).await?
            } else {
                grants::withdraw(tx, project.id, device, area, role, now_ms).await?
            };
            if changed {
                projects::touch_roster(tx, project.id).await?;
                rejudge(tx, project.id, now_ms).await?;
            }
            Ok(changed)
        })
        .await
}
