//! S18: a server of the usual kind, and what a registration costs it. It loads the document, applies the change, saves
//! the document, and writes the document and a row for the change; a transaction for each batch, as durable as ours.
//! HTTP, tokens and signatures cost it nothing here.

use automerge::Automerge;
use fieldmerge_tests::cost;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use super::Plan;
use super::author::Author;
use super::output::{Limit, Report, count, median, progress};
use super::rates::BATCH;
use super::site::{Kind, Site};

const SCHEMA: &str = "
    CREATE TABLE documents (id BLOB NOT NULL PRIMARY KEY, document BLOB NOT NULL) STRICT;
    CREATE TABLE changes (hash BLOB NOT NULL PRIMARY KEY, document BLOB NOT NULL, actor BLOB NOT NULL,
        seq INTEGER NOT NULL, bytes BLOB NOT NULL, UNIQUE (document, actor, seq)) STRICT;";

/// Measures S18: `ours` are the CPU seconds of a registration record on our server.
pub async fn run(plan: &Plan, ours: f64, report: &mut Report) {
    progress("S18: the peer");
    let site = Site::found(Kind::Sqlite, 1).await;
    let mut author = site.author(18, 0, &["S0:enumerator"]).await;
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let options = SqliteConnectOptions::new()
        .filename(folder.path().join("peer.db"))
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .disable_statement_logging();
    let mut connection = options.connect().await.expect("SQLite opens");
    sqlx::raw_sql(SCHEMA).execute(&mut connection).await.expect("the schema is laid out");
    let batches = plan.size(40, 10);
    let mut costs = Vec::new();
    for _ in 0..plan.size(5, 3) {
        let work: Vec<_> = (0..batches).map(|_| batch(&mut author)).collect();
        let before = cost::own_cpu_seconds();
        for batch in work {
            take(&mut connection, batch).await;
        }
        costs.push((cost::own_cpu_seconds() - before) / count(batches * BATCH));
    }
    let theirs = median(costs);
    report.figure(18, "ours over the peer's", ours / theirs, "of its CPU time", Limit::AtMost(0.125));
    report.figure(18, "ours", ours * 1e6, "us", Limit::None);
    report.figure(18, "the peer's", theirs * 1e6, "us", Limit::None);
}

/// Document and change of a hundred new workers.
fn batch(author: &mut Author) -> Vec<([u8; 16], Vec<u8>)> {
    author.register(BATCH).into_iter().map(|made| (made.record.0, made.change.encode().0)).collect()
}

async fn take(connection: &mut SqliteConnection, batch: Vec<([u8; 16], Vec<u8>)>) {
    let mut tx = connection.begin_with("BEGIN IMMEDIATE").await.expect("begin");
    for (id, bytes) in batch {
        let found: Option<Vec<u8>> = sqlx::query_scalar("SELECT document FROM documents WHERE id = ?")
            .bind(id.as_slice())
            .fetch_optional(&mut *tx)
            .await
            .expect("the document is looked for");
        let mut document =
            found.map_or_else(Automerge::new, |saved| Automerge::load(&saved).expect("it was saved"));
        let change =
            automerge::Change::from_bytes(bytes.clone()).expect("a change of ours is one of automerge's");
        let (hash, actor, seq) = (change.hash(), change.actor_id().clone(), change.seq());
        document.apply_changes([change]).expect("a new document takes its first change");
        sqlx::query(
            "INSERT INTO documents VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET document = excluded.document",
        )
        .bind(id.as_slice())
        .bind(document.save())
        .execute(&mut *tx)
        .await
        .expect("the document is written");
        sqlx::query("INSERT INTO changes VALUES (?, ?, ?, ?, ?)")
            .bind(hash.as_ref())
            .bind(id.as_slice())
            .bind(actor.to_bytes())
            .bind(i64::try_from(seq).expect("small"))
            .bind(bytes)
            .execute(&mut *tx)
            .await
            .expect("the change is written");
    }
    tx.commit().await.expect("commit");
}
