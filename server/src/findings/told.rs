//! What a device is told of what it wrote.

use fieldmerge_protocol::limits::MAX_FINDINGS;
use fieldmerge_protocol::sync::{Finding, Findings};
use fieldmerge_protocol::{DeviceId, ProjectId};
use fieldmerge_store::{StoreError, Tx, findings};

/// What stands against what a device wrote.
pub async fn of_device(tx: &mut Tx, project: ProjectId, device: DeviceId) -> Result<Findings, StoreError> {
    let limit = u32::try_from(MAX_FINDINGS).unwrap_or(u32::MAX);
    let rows = findings::of_device(tx, project, device, limit).await?.into_iter();
    let mut findings: Vec<Finding> = rows
        .map(|row| Finding { record: row.record, path: row.path, code: row.code, form: row.form })
        .collect();
    findings.sort_unstable();
    Ok(Findings { findings })
}
