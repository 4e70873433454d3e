//! When devices were last seen, and how they said that they fare.
//!
//! It is noted a little later, many devices by one transaction: a sync that brings nothing must not cost a write to the
//! disk. A server that is killed forgets the last second of it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fieldmerge_protocol::sync::Telemetry;
use fieldmerge_protocol::{DeviceId, ProjectId};
use fieldmerge_store::devices;

use crate::http::ApiError;
use crate::state::App;

/// How long notes are gathered.
const GATHER: Duration = Duration::from_secs(1);

/// When a device was seen, milliseconds since the epoch, and its telemetry as JSON if it sent any.
type Note = (i64, Option<String>);

/// The notes that are not written yet.
#[derive(Debug, Default)]
pub struct Seen(Mutex<BTreeMap<(ProjectId, DeviceId), Note>>);

impl Seen {
    /// Notes a sync. The first note has all that follow it written together.
    pub fn note(
        &self,
        app: &App,
        project: ProjectId,
        device: DeviceId,
        now_ms: i64,
        telemetry: Option<String>,
    ) {
        let mut waiting = self.waiting();
        let is_first = waiting.is_empty();
        let note = waiting.entry((project, device)).or_insert((now_ms, None));
        note.0 = note.0.max(now_ms);
        note.1 = telemetry.or(note.1.take());
        drop(waiting);
        if is_first {
            let app = app.clone();
            tokio::spawn(async move {
                tokio::time::sleep(GATHER).await;
                app.seen().flush(&app).await;
            });
        }
    }

    /// Writes what waits.
    pub async fn flush(&self, app: &App) {
        let notes = std::mem::take(&mut *self.waiting());
        if notes.is_empty() {
            return;
        }
        let written = app.store().write(async |mut tx| {
            for ((project, device), (seen_ms, telemetry)) in &notes {
                devices::note_seen(&mut tx, *project, *device, *seen_ms, telemetry.as_deref()).await?;
            }
            Ok::<_, fieldmerge_store::StoreError>(())
        });
        if let Err(error) = written.await {
            // Nothing depends on it, and the next sync of the device says it again.
            ApiError::from(error).log();
        }
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<(ProjectId, DeviceId), Note>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a device tells of itself, as it is stored.
pub fn telemetry_json(telemetry: &Telemetry) -> String {
    serde_json::json!({
        "outbox_changes": telemetry.outbox_changes,
        "oldest_unsent_s": telemetry.oldest_unsent_s,
        "free_bytes": telemetry.free_bytes,
        "battery_percent": telemetry.battery_percent,
        "app": telemetry.app.as_deref().map(|app| app.chars().take(64).collect::<String>()),
        "clock_offset_ms": telemetry.clock_offset_ms,
    })
    .to_string()
}
