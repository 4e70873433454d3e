//! What has waited too long: changes, for what they were made on, go to quarantine with their reason; attachments that
//! nobody went on with are dropped, and so is what a killed server left of their objects.

use std::pin::pin;
use std::time::Duration;

use fieldmerge_protocol::ProjectId;
use fieldmerge_store::{Lent, StoreError, projects};

use super::push::expire_held;
use crate::attachments;
use crate::failpoint::failpoint;
use crate::state::App;

/// How often the oldest are looked at.
const EVERY: Duration = Duration::from_hours(1);
/// The folder of attachments is looked through in the first round, and each time after so many more.
const SWEEP_EVERY: u32 = 24;

/// Sets aside, in every project, what has been held for longer than the configuration says. Gives how many changes.
pub async fn now(app: &App) -> Result<usize, StoreError> {
    let mut tx = app.store().read().await?;
    let projects = projects::list(&mut tx).await?;
    tx.rollback().await?;
    let mut expired = 0;
    for project in projects {
        loop {
            let some = some_of(app, project.id).await?;
            expired += some;
            if some == 0 {
                break;
            }
        }
    }
    Ok(expired)
}

async fn some_of(app: &App, project: ProjectId) -> Result<usize, StoreError> {
    let now_ms = app.now_ms();
    let held_ms = i64::try_from(app.config().held_for.as_millis()).unwrap_or(i64::MAX);
    let before_ms = now_ms.saturating_sub(held_ms);
    let work = async |mut tx: Lent| expire_held(&mut tx, project, before_ms, now_ms, app.ids()).await;
    let expired = app.store().write(work).await?;
    failpoint("held-expired");
    Ok(expired)
}

/// Looks for all of it at once, and every hour until told to stop.
pub async fn run(app: App, stop: impl Future<Output = ()>) {
    let mut stop = pin!(stop);
    for round in 0_u32.. {
        if round % SWEEP_EVERY == 0 {
            match attachments::sweep::now(&app).await {
                Ok(0) => {}
                Ok(files) => tracing::info!(files, "unfinished files of attachments are removed"),
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(error.chain = %error, "the folder of attachments is looked through later");
                }
            }
        }
        if let Err(error) = attachments::expire::now(&app).await {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error.chain = %error, "unfinished attachments are looked at later");
        }
        match now(&app).await {
            Ok(0) => {}
            Ok(changes) => tracing::info!(changes, "held for too long, now in quarantine"),
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error.chain = %error, "held changes are looked at later");
            }
        }
        if tokio::time::timeout(EVERY, stop.as_mut()).await.is_ok() {
            return;
        }
    }
}
