//! Uploads that nobody goes on with are dropped.

use fieldmerge_protocol::limits::UNFINISHED_ATTACHMENT_SECONDS;
use fieldmerge_store::{StoreError, attachments, devices, projects};

use crate::state::App;

/// So many are dropped by one transaction.
const SOME: u32 = 16;

/// Drops, in every project, the uploads that have not moved for as long as the limits say. Gives how many.
pub async fn now(app: &App) -> Result<usize, StoreError> {
    let before_ms = app.now_ms().saturating_sub(UNFINISHED_ATTACHMENT_SECONDS * 1_000);
    let mut tx = app.store().read().await?;
    let mut uploaders = Vec::new();
    for project in projects::list(&mut tx).await? {
        let devices = devices::list(&mut tx, project.id).await?;
        uploaders.extend(devices.into_iter().map(|device| (project.id, device.id)));
    }
    tx.rollback().await?;
    let mut dropped = 0;
    for (project, device) in uploaders {
        loop {
            let mut tx = app.store().read().await?;
            let some = attachments::expired(&mut tx, project, device, before_ms, SOME).await?;
            tx.rollback().await?;
            if some.is_empty() {
                break;
            }
            let drop = async |mut tx: fieldmerge_store::Lent| {
                for upload in attachments::expired(&mut tx, project, device, before_ms, SOME).await? {
                    attachments::remove_upload(&mut tx, project, device, upload.hash).await?;
                }
                Ok::<(), StoreError>(())
            };
            app.store().write(drop).await?;
            dropped += some.len();
        }
    }
    Ok(dropped)
}
