//! What was put aside: nothing that a device brings is thrown away.

use std::collections::BTreeMap;

use fieldmerge_protocol::DeviceId;
use fieldmerge_store::devices;
use fieldmerge_store::quarantine::{self, Quarantined};
use uuid::Uuid;

use super::{AdminError, project};
use crate::state::App;

/// How many items are read at a time.
const PAGE: u32 = 500;

/// An item with the label of the device whose frame brought it.
#[derive(Debug, Clone)]
pub struct Aside {
    /// The item.
    pub item: Quarantined,
    /// The device's label, if the project knows it.
    pub device: Option<String>,
}

/// The items of a project that nobody has resolved, oldest first.
pub async fn list(app: &App, of: &str) -> Result<Vec<Aside>, AdminError> {
    let mut tx = app.store().read().await?;
    let project = project(&mut tx, of).await?;
    let labels: BTreeMap<DeviceId, String> = devices::list(&mut tx, project.id)
        .await?
        .into_iter()
        .map(|device| (device.id, device.label))
        .collect();
    let mut items = Vec::new();
    loop {
        let page =
            quarantine::page(&mut tx, project.id, items.last().map(|item: &Quarantined| item.id), PAGE)
                .await?;
        if page.is_empty() {
            break;
        }
        items.extend(page);
    }
    items.sort_by_key(|item| (item.received_ms, item.id));
    let labelled = items.into_iter().map(|item| {
        let device = item.source.and_then(|source| labels.get(&source.device).cloned());
        Aside { item, device }
    });
    Ok(labelled.collect())
}

/// One item.
pub async fn find(app: &App, of: &str, id: Uuid) -> Result<Quarantined, AdminError> {
    let mut tx = app.store().read().await?;
    let project = project(&mut tx, of).await?;
    quarantine::find(&mut tx, project.id, id).await?.ok_or_else(|| AdminError::not_found("item", id))
}

/// What an administrator can do about a code, in one sentence.
pub fn advice(code: &str) -> &'static str {
    match code {
        "device-revoked" => "Its author was revoked; ask whoever held the device what it was.",
        "unknown-device" => "Its author was never enrolled here; carry it to the server that it belongs to.",
        "wrong-project" => "It belongs to another project; carry it to that project's server.",
        "not-granted" => "Give the grant; then the person repairs the change in the outbox of the device.",
        "unknown-type" => {
            "Update the server; then the person repairs the change in the outbox of the device."
        }
        "unknown-area" => "Make the area; then the person repairs the change in the outbox of the device.",
        "forked" => "A copy of the device wrote under the same number; the device writes it anew by itself.",
        "held-limit" => {
            "Too many changes of the device wait for others; its person repairs it after the next sync."
        }
        "bad-signature" | "malformed-frame" => {
            "The bytes were damaged or forged; an honest device sends them again."
        }
        _ => "The device shows it to its person, who repairs it or gives it up.",
    }
}
