//! Changes that go to quarantine, or stay there for good, without a push: what was held too long, and what its author takes
//! back.

use fieldmerge_model::quarantine::QuarantineCode;
use fieldmerge_protocol::sync::{FramePlace, FrameRef, Outcome};
use fieldmerge_protocol::{DeviceId, ProjectId};
use fieldmerge_store::segments::Source as StoredSource;
use fieldmerge_store::{StoreError, Tx, devices, held, quarantine};
use uuid::Uuid;

use super::load::unpack;
use super::merge::{Item, Refused, Settled, Source};
use super::write::{quarantined, settle};
use crate::failpoint::failpoint;
use crate::ids::Ids;

/// So many changes are set aside by one transaction.
const EXPIRED: u32 = 200;

/// Sets aside the oldest changes that have been held since before a time: they go to quarantine, and the receipts of their
/// frames say so. Gives how many. To be run by [`fieldmerge_store::Store::write`].
pub async fn expire_held(
    tx: &mut Tx,
    project: ProjectId,
    before_ms: i64,
    now_ms: i64,
    ids: &Ids,
) -> Result<usize, StoreError> {
    held::lock(tx, project).await?;
    let expired = held::older_than(tx, project, before_ms, EXPIRED).await?;
    for change in &expired {
        set_aside(tx, project, unpack(change)?, QuarantineCode::HeldExpired, now_ms, ids).await?;
        failpoint("held-set-aside");
    }
    Ok(expired.len())
}

/// Has nobody take what a device withdraws: what is held or stands aside is kept with its bytes, and is neither released nor
/// offered again. What was taken before stays. To be run by [`fieldmerge_store::Store::write`].
pub async fn withdraw(
    tx: &mut Tx,
    project: ProjectId,
    device: DeviceId,
    places: &[FramePlace],
    now_ms: i64,
    ids: &Ids,
) -> Result<(), StoreError> {
    devices::lock(tx, project, &[device]).await?;
    held::lock(tx, project).await?;
    for FramePlace { frame, index } in places {
        let FrameRef { incarnation, number } = *frame;
        let source = StoredSource { device, incarnation, frame: number };
        let held = held::of_frame(tx, project, source).await?;
        let id = if let Some(held) = held.iter().find(|held| held.frame_index == *index) {
            set_aside(tx, project, unpack(held)?, QuarantineCode::Withdrawn, now_ms, ids).await?
        } else if let Some(aside) = quarantine::of_place(tx, project, source, *index).await? {
            let (Some(record), Some(actor), Some(seq)) = (aside.record, aside.actor, aside.seq) else {
                continue;
            };
            let (outcome, code) = (Outcome::Quarantined, Some(QuarantineCode::Withdrawn));
            let source = Source { device, frame: *frame, received_ms: aside.received_ms };
            let settled = Settled { record, actor, seq, source, place: *index, outcome, code };
            settle(tx, project, vec![settled], &mut []).await?;
            aside.id
        } else {
            continue;
        };
        quarantine::resolve(tx, project, id, now_ms, "withdrawn").await?;
        failpoint("withdrawal-written");
    }
    Ok(())
}

/// Moves a held change to quarantine; gives its id there.
async fn set_aside(
    tx: &mut Tx,
    project: ProjectId,
    item: Item,
    code: QuarantineCode,
    now_ms: i64,
    ids: &Ids,
) -> Result<Uuid, StoreError> {
    let Item { record, source, place, .. } = item;
    let (actor, seq, outcome) = (item.change.actor, item.change.seq, Outcome::Quarantined);
    let aside = quarantined(ids, now_ms, Refused { item, code })?;
    quarantine::insert(tx, project, &aside).await?;
    let settled = Settled { record, actor, seq, source, place, outcome, code: Some(code) };
    settle(tx, project, vec![settled], &mut []).await?;
    Ok(aside.id)
}
