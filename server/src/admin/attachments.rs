//! What records refer to, and what of it has not arrived.

use fieldmerge_model::RecordState;
use fieldmerge_model::types::RecordType;
use fieldmerge_protocol::{ProjectId, RecordId};
use fieldmerge_store::attachments::{self, Referred};
use fieldmerge_store::{Lent, StoreError, Tx, devices, records};

use super::AdminError;
use crate::attachments::references;
use crate::forms;
use crate::state::App;

/// A reference, and how far its attachment has come.
#[derive(Debug, Clone)]
pub struct Reference {
    /// What is stored of it.
    pub referred: Referred,
    /// What the device that wrote it is called.
    pub device: String,
}

/// References read at a time.
const PAGE: u32 = 500;

/// The references of a project by record, each with what its author's device has brought: all, or those whose attachment
/// is not here.
pub async fn list(app: &App, project: &str, all: bool) -> Result<Vec<Reference>, AdminError> {
    let mut tx = app.store().read().await?;
    let project = super::project(&mut tx, project).await?.id;
    let devices = devices::list(&mut tx, project).await?;
    let (mut found, mut after) = (Vec::new(), None);
    loop {
        let page = attachments::reference_page(&mut tx, project, after.as_ref(), PAGE).await?;
        let Some(last) = page.last() else { break };
        after = Some(last.reference.clone());
        let wanted = page.into_iter().filter(|referred| all || referred.stored.is_none());
        found.extend(wanted.map(|referred| {
            let author = devices.iter().find(|device| device.id == referred.reference.device);
            let device = author.map_or_else(String::new, |device| device.label.clone());
            Reference { referred, device }
        }));
    }
    tx.rollback().await?;
    Ok(found)
}

/// Records whose references are written anew by one transaction.
const SOME: u32 = 100;

/// Writes anew what the records of a project refer to, from the records themselves. Gives how many references there are.
pub async fn rebuild(app: &App, project: &str) -> Result<usize, AdminError> {
    let mut tx = app.store().read().await?;
    let project = super::project(&mut tx, project).await?.id;
    let types = forms::record_types(&mut tx, project).await?;
    tx.rollback().await?;
    let mut count = 0;
    for kind in types.iter().filter(|kind| kind.has_attachments()) {
        let mut after = None;
        loop {
            let mut tx = app.store().read().await?;
            let page = records::page(&mut tx, project, Some(kind.name.as_str()), after, SOME).await?;
            tx.rollback().await?;
            let ids: Vec<RecordId> = page.iter().map(|record| record.row.id).collect();
            let Some(last) = ids.last() else { break };
            after = Some(*last);
            let write = async |mut tx: Lent| rebuild_some(&mut tx, project, kind, &ids).await;
            count += app.store().write(write).await?;
        }
    }
    Ok(count)
}

async fn rebuild_some(
    tx: &mut Tx,
    project: ProjectId,
    kind: &RecordType,
    ids: &[RecordId],
) -> Result<usize, StoreError> {
    // Locked, so that no push writes other references meanwhile.
    let rows = records::load_for_update(tx, project, ids).await?;
    let states = rows.iter().filter_map(|row| Some((row.id, RecordState::from_bytes(&row.state).ok()?)));
    let references: Vec<_> = states.flat_map(|(id, state)| references::of_record(id, kind, &state)).collect();
    attachments::set_references(tx, project, ids, &references).await?;
    Ok(references.len())
}
