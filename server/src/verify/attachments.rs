//! Attachments: each that is stored has its hash, and the references are those of the records.

use fieldmerge_model::RecordState;
use fieldmerge_model::types::RecordType;
use fieldmerge_protocol::ProjectId;
use fieldmerge_store::attachments::{self, Stored};
use fieldmerge_store::{StoreError, Tx, records};
use futures_util::TryStreamExt;
use sha2::{Digest, Sha256};

use super::{ProjectReport, record_name};
use crate::attachments::objects::{ObjectError, Objects};
use crate::attachments::references;
use crate::forms;

/// Rows read at a time.
const PAGE: u32 = 200;

/// Verifies the attachments of a project. One that is not here is told apart: what a record names may arrive yet.
pub async fn verify(
    tx: &mut Tx,
    objects: &Objects,
    project: ProjectId,
    report: &mut ProjectReport,
) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let page = attachments::page(tx, project, after, PAGE).await?;
        for stored in &page {
            report.attachments += 1;
            match check(objects, project, stored).await {
                Ok(Some(true)) => {}
                Ok(Some(false)) => {
                    report.differs(|| format!("attachment {} does not have its hash", stored.hash));
                }
                Ok(None) => report.attachments_missing += 1,
                Err(_) => report.differs(|| format!("attachment {} cannot be read", stored.hash)),
            }
        }
        let Some(last) = page.last() else { break };
        after = Some(last.hash);
    }
    let counts = attachments::reference_counts(tx, project).await?;
    report.attachments_expected = counts.references - counts.stored;
    let types = forms::record_types(tx, project).await?;
    for kind in types.iter().filter(|kind| kind.has_attachments()) {
        verify_references(tx, project, kind, report).await?;
    }
    Ok(())
}

/// Whether an object has its hash and length; nothing if it is not there.
async fn check(objects: &Objects, project: ProjectId, stored: &Stored) -> Result<Option<bool>, ObjectError> {
    let Some(size) = objects.size(project, stored.hash).await? else { return Ok(None) };
    if size != stored.byte_count {
        return Ok(Some(false));
    }
    let Some(mut bytes) = objects.read(project, stored.hash, 0..size).await? else { return Ok(None) };
    let mut digest = Sha256::new();
    while let Some(some) = bytes.try_next().await? {
        digest.update(&some);
    }
    Ok(Some(digest.finalize().as_slice() == stored.hash.0))
}

async fn verify_references(
    tx: &mut Tx,
    project: ProjectId,
    kind: &RecordType,
    report: &mut ProjectReport,
) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let page = records::page(tx, project, Some(kind.name.as_str()), after, PAGE).await?;
        for record in &page {
            let id = record.row.id;
            // One that does not parse has been told already.
            let Ok(state) = RecordState::from_bytes(&record.row.state) else { continue };
            if attachments::references_of(tx, project, id).await? != references::of_record(id, kind, &state) {
                report
                    .differs(|| format!("{}: its references are not those stored", record_name(project, id)));
            }
        }
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.row.id);
    }
}
