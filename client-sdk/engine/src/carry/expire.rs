//! When carried frames are given up. Their author holds them in her own outbox, so nothing is lost by it.

use std::collections::BTreeSet;

use fieldmerge_protocol::DeviceId;
use fieldmerge_protocol::limits::MAX_CARRIED_DAYS;

use crate::stage::Stage;
use crate::store::Table;

const DAY_MS: i64 = 86_400_000;

/// Drops what has been carried for too long, and tells the person. The clock is the server's as it was learned last; one
/// that was set back holds everything.
pub(crate) fn expire(stage: &mut Stage<'_>, now_ms: i64) {
    let server_ms = now_ms.saturating_add(stage.state.offset_ms);
    let oldest_ms = server_ms.saturating_sub(MAX_CARRIED_DAYS * DAY_MS);
    let carried = stage.memory.carried.iter();
    let over = carried
        .filter(|(key, row)| row.since_ms.is_some_and(|since_ms| since_ms < oldest_ms) && stage.carries(key));
    let over: Vec<Vec<u8>> = over.map(|(key, _)| key.clone()).collect();
    if over.is_empty() {
        return;
    }
    stage.notify(now_ms, "carried-expired", over.len(), Vec::new());
    for key in over {
        stage.put(Table::Carried, key, None);
    }
}

/// Drops carried frames that a whole sync has not had acknowledged, and whose author the roster does not know: nobody
/// will ever acknowledge them.
pub(crate) fn drop_strangers(stage: &mut Stage<'_>, sent: &BTreeSet<Vec<u8>>) {
    for key in sent {
        let known = key.get(..10).and_then(|device| DeviceId::try_from(device).ok());
        let known = known.is_some_and(|device| stage.roster().devices.iter().any(|one| one.device == device));
        if !known && stage.memory.carried.contains_key(key) {
            stage.put(Table::Carried, key.clone(), None);
        }
    }
}
