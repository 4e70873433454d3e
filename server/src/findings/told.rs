//! What a device is told of what it wrote.

use fieldmerge_protocol::limits::MAX_FINDINGS;
use fieldmerge_protocol::sync::{self, Finding, Findings};
use fieldmerge_protocol::{AreaId, DeviceId, ProjectId, RecordClass};
use fieldmerge_store::findings::{self, ListedFinding};
use fieldmerge_store::{StoreError, Tx};

/// The part that tells a device of them, where what stands for it is not what the device names.
pub fn unknown(findings: &Findings, check: Option<u32>) -> Option<Vec<u8>> {
    let part = sync::encode(findings);
    (findings.check(&part) != check).then_some(part)
}

/// What stands against what a device wrote in feeds that it may read now, but for what it cannot mend: observations are written
/// once, and leave it.
pub async fn of_device(
    tx: &mut Tx,
    project: ProjectId,
    device: DeviceId,
    readable: &[(AreaId, RecordClass)],
) -> Result<Findings, StoreError> {
    let limit = u32::try_from(MAX_FINDINGS).unwrap_or(u32::MAX);
    let rows = findings::of_device(tx, project, device, limit).await?.into_iter();
    let mut findings: Vec<Finding> = rows
        .filter(|ListedFinding { feed, .. }| readable.contains(&(feed.area, feed.class)))
        .map(|ListedFinding { row, .. }| Finding {
            record: row.record,
            path: row.path,
            code: row.code,
            form: row.form,
        })
        .collect();
    findings.sort_unstable();
    Ok(Findings { findings })
}
