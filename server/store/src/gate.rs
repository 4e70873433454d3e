//! The gate of a project: many may write at a time, or one that holds changes back.
//!
//! A change is held because what it was made on is not here. On PostgreSQL the missing change may arrive in another
//! transaction at the same moment: that one sees no held change to release, this one sees no record, and the change
//! would be held for ever. Where the record exists its row lock orders the two; where it does not there is no row to
//! lock. So every transaction that loads records passes the project's gate together with others, and one that holds a
//! change passes it alone. SQLite has one writer, and no need of this.

use fieldmerge_protocol::ProjectId;

use crate::tx::Inner;
use crate::{Result, Tx};

crate::sql::declare! {
    table "held";
    PASS = { sqlite: "SELECT 1", postgres: "SELECT pg_advisory_xact_lock_shared($1)" };
    PASS_ALONE = { sqlite: "SELECT 1", postgres: "SELECT pg_advisory_xact_lock($1)" };
}

/// Passes the gate, once in a transaction. It must be a statement of its own: the next one then sees all that the
/// transactions did for which it waited.
pub(crate) async fn pass(tx: &mut Tx, project: ProjectId) -> Result<()> {
    if matches!(tx.inner, Inner::Sqlite(_)) || tx.passed == Some(project) {
        return Ok(());
    }
    let sql = if tx.alone { &PASS_ALONE } else { &PASS };
    tx.query(sql).bind(key(project)).execute().await?;
    tx.passed = Some(project);
    Ok(())
}

/// Makes sure that this transaction passed the gate alone; where it did not, [`Store::write`](crate::Store::write) runs
/// it again so that it does.
pub(crate) async fn require_alone(tx: &mut Tx, project: ProjectId) -> Result<()> {
    if matches!(tx.inner, Inner::Sqlite(_)) || tx.alone {
        return pass(tx, project).await;
    }
    tx.alone = true;
    Err(tx.lost())
}

/// PostgreSQL's advisory locks are numbers: two projects with one number would wait for each other and do no harm.
fn key(project: ProjectId) -> i64 {
    let (_, low) = project.uuid().as_u64_pair();
    low.cast_signed()
}
