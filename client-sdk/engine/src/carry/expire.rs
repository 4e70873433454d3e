//! When carried frames are given up.

use std::collections::BTreeSet;

use fieldmerge_protocol::DeviceId;

use crate::stage::Stage;
use crate::store::Table;

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
