//! When devices were last seen, and how they said that they fare.
//!
//! It is noted a little later, many devices by one transaction: a sync that brings nothing must not cost a write to the
//! disk. A server that is killed forgets the last second of it, one that stops does not.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fieldmerge_protocol::sync::Telemetry;
use fieldmerge_protocol::{DeviceId, ProjectId};
use fieldmerge_store::devices;
use serde::{Deserialize, Serialize};

use crate::failpoint::failpoint;
use crate::http::ApiError;
use crate::state::App;

/// How long notes are gathered.
const GATHER: Duration = Duration::from_secs(1);

/// When a device was seen, milliseconds since the epoch, and what it told if it told anything.
type Note = (i64, Option<Told>);

/// The notes that are not written yet.
#[derive(Debug, Default)]
pub struct Seen(Mutex<BTreeMap<(ProjectId, DeviceId), Note>>);

impl Seen {
    /// Notes a sync. The first note has all that follow it written together.
    pub fn note(&self, app: &App, project: ProjectId, device: DeviceId, now_ms: i64, told: Option<Told>) {
        let mut waiting = self.waiting();
        let is_first = waiting.is_empty();
        let note = waiting.entry((project, device)).or_insert((now_ms, None));
        note.0 = note.0.max(now_ms);
        note.1 = told.or(note.1.take());
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
            for ((project, device), (seen_ms, told)) in &notes {
                let told = told.as_ref().and_then(|told| serde_json::to_string(told).ok());
                devices::note_seen(&mut tx, *project, *device, *seen_ms, told.as_deref()).await?;
            }
            failpoint("seen-noted");
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

/// What a device tells of itself, as it is stored: JSON with these names.
#[derive(Debug, Serialize, Deserialize)]
pub struct Told {
    /// Changes in its outbox.
    pub outbox_changes: Option<u64>,
    /// The age of the oldest of them in seconds, by the device's clock.
    pub oldest_unsent_s: Option<u32>,
    /// Free storage.
    pub free_bytes: Option<u64>,
    /// Battery charge.
    pub battery_percent: Option<u8>,
    /// Name and version of the app, at most 64 characters.
    pub app: Option<String>,
    /// The server's clock minus the device's.
    pub clock_offset_ms: Option<i64>,
}

impl From<Telemetry> for Told {
    fn from(telemetry: Telemetry) -> Self {
        let Telemetry { outbox_changes, free_bytes, battery_percent, app, clock_offset_ms, oldest_unsent_s } =
            telemetry;
        let app = app.map(|app| app.chars().take(64).collect());
        Self { outbox_changes, oldest_unsent_s, free_bytes, battery_percent, app, clock_offset_ms }
    }
}
