//! Two layouts for the change list of a record, at a million records, on both databases.
//!
//! `blob`: the record's row holds its changes (actor, seq, position, hash) in its state. `rows`: a table beside it has a
//! row for each change, unique on (record, actor, seq). Both write the record's row, which holds the merged values, and
//! both are loaded by turns, so that a noisy machine disturbs them alike.
//!
//! `layout_bench [sqlite|postgres] [records] [edits]`
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::time::{Duration, Instant};

use fieldmerge_tests::postgres::{self, Durability};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, SqliteConnection};
use uuid::Uuid;

const BATCH: usize = 100;
const STATE_BYTES: usize = 850;
const CHANGE_BYTES: usize = 48;
const EDIT_STATE_BYTES: usize = 24;

#[derive(Clone, Copy, PartialEq)]
enum Layout {
    Blob,
    Rows,
}

/// What one batch writes.
struct Batch {
    ids: Vec<Uuid>,
    seqs: Vec<i64>,
    states: Vec<Vec<u8>>,
    hashes: Vec<Vec<u8>>,
    position: i64,
}

/// A fast generator of the same numbers in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length.div_ceil(8)).flat_map(|_| self.next().to_le_bytes()).take(length).collect()
    }

    /// A `UUIDv7` of a random time within ninety days.
    fn id(&mut self) -> Uuid {
        let ms = 1_700_000_000_000 + self.next() % (90 * 86_400_000);
        uuid::Builder::from_unix_timestamp_millis(ms, &self.bytes(10).try_into().expect("ten bytes"))
            .into_uuid()
    }
}

enum Database {
    Sqlite(Box<SqliteConnection>),
    Postgres(Box<PgConnection>),
}

const ACTOR: [u8; 16] = [7; 16];
const PROJECT: Uuid = Uuid::nil();

impl Database {
    async fn setup(&mut self) {
        let (id, blob, int, strict, clustered) = match self {
            Self::Sqlite(_) => ("BLOB", "BLOB", "INTEGER", "STRICT", "STRICT, WITHOUT ROWID"),
            Self::Postgres(_) => ("UUID", "BYTEA", "BIGINT", "", ""),
        };
        let text = format!(
            "CREATE TABLE records (project {id} NOT NULL, id {id} NOT NULL, state {blob} NOT NULL,
                PRIMARY KEY (project, id)) {strict};
             CREATE TABLE changes (project {id} NOT NULL, record {id} NOT NULL, actor {blob} NOT NULL, seq {int} NOT NULL,
                position {int} NOT NULL, hash {blob} NOT NULL, PRIMARY KEY (project, record, actor, seq)) {clustered};"
        );
        match self {
            Self::Sqlite(c) => {
                sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut **c).await.expect("schema");
            }
            Self::Postgres(c) => {
                sqlx::raw_sql(AssertSqlSafe(text)).execute(&mut **c).await.expect("schema");
            }
        }
    }

    /// One transaction: read what is there, write the records, and the changes where they have rows.
    async fn write(&mut self, layout: Layout, batch: &Batch) {
        match self {
            Self::Sqlite(connection) => write_sqlite(connection, layout, batch).await,
            Self::Postgres(connection) => write_postgres(connection, layout, batch).await,
        }
    }

    async fn bytes(&mut self) -> i64 {
        match self {
            Self::Sqlite(c) => {
                sqlx::query_scalar("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
                    .fetch_one(&mut **c)
                    .await
                    .expect("size")
            }
            Self::Postgres(c) => sqlx::query_scalar(
                "SELECT pg_total_relation_size('records') + pg_total_relation_size('changes')",
            )
            .fetch_one(&mut **c)
            .await
            .expect("size"),
        }
    }
}

async fn write_sqlite(connection: &mut SqliteConnection, layout: Layout, batch: &Batch) {
    let mut tx = connection.begin_with("BEGIN IMMEDIATE").await.expect("begin");
    let marks = |mark: &str| vec![mark; batch.ids.len()].join(", ");
    let text = format!("SELECT state FROM records WHERE project = ? AND id IN ({})", marks("?"));
    let mut query = sqlx::query_scalar::<_, Vec<u8>>(AssertSqlSafe(text)).bind(PROJECT);
    for id in &batch.ids {
        query = query.bind(*id);
    }
    query.fetch_all(&mut *tx).await.expect("select");
    let text = format!(
        "INSERT INTO records (project, id, state) VALUES {}
            ON CONFLICT (project, id) DO UPDATE SET state = excluded.state",
        marks("(?, ?, ?)")
    );
    let mut query = sqlx::query(AssertSqlSafe(text));
    for (id, state) in batch.ids.iter().zip(&batch.states) {
        query = query.bind(PROJECT).bind(*id).bind(state.as_slice());
    }
    query.execute(&mut *tx).await.expect("records");
    if layout == Layout::Rows {
        let text = format!("INSERT INTO changes VALUES {}", marks("(?, ?, ?, ?, ?, ?)"));
        let mut query = sqlx::query(AssertSqlSafe(text));
        for ((id, seq), hash) in batch.ids.iter().zip(&batch.seqs).zip(&batch.hashes) {
            query = query.bind(PROJECT).bind(*id).bind(ACTOR.as_slice()).bind(*seq);
            query = query.bind(batch.position).bind(hash.as_slice());
        }
        query.execute(&mut *tx).await.expect("changes");
    }
    tx.commit().await.expect("commit");
}

async fn write_postgres(connection: &mut PgConnection, layout: Layout, batch: &Batch) {
    let mut tx = connection.begin().await.expect("begin");
    sqlx::query_scalar::<_, Vec<u8>>(
        "SELECT state FROM records WHERE project = $1 AND id = ANY($2) ORDER BY id FOR UPDATE",
    )
    .bind(PROJECT)
    .bind(&batch.ids)
    .fetch_all(&mut *tx)
    .await
    .expect("select");
    sqlx::query(
        "INSERT INTO records (project, id, state) SELECT $1, * FROM UNNEST($2::UUID[], $3::BYTEA[])
            ON CONFLICT (project, id) DO UPDATE SET state = excluded.state",
    )
    .bind(PROJECT)
    .bind(&batch.ids)
    .bind(&batch.states)
    .execute(&mut *tx)
    .await
    .expect("records");
    if layout == Layout::Rows {
        sqlx::query(
            "INSERT INTO changes SELECT $1, u.id, $2, u.seq, $3, u.hash
                FROM UNNEST($4::UUID[], $5::BIGINT[], $6::BYTEA[]) AS u (id, seq, hash)",
        )
        .bind(PROJECT)
        .bind(ACTOR.as_slice())
        .bind(batch.position)
        .bind(&batch.ids)
        .bind(&batch.seqs)
        .bind(&batch.hashes)
        .execute(&mut *tx)
        .await
        .expect("changes");
    }
    tx.commit().await.expect("commit");
}

/// One layout in its own database, with what it has cost so far.
struct Side {
    layout: Layout,
    database: Database,
    spent: Duration,
}

impl Side {
    async fn run(&mut self, batch: &Batch) {
        let start = Instant::now();
        self.database.write(self.layout, batch).await;
        self.spent += start.elapsed();
    }
}

fn new_records(numbers: &mut Numbers, layout: Layout, position: i64, ids: Vec<Uuid>) -> Batch {
    let list = if layout == Layout::Blob { CHANGE_BYTES } else { 0 };
    Batch {
        seqs: vec![1; ids.len()],
        states: ids.iter().map(|_| numbers.bytes(STATE_BYTES + list)).collect(),
        hashes: ids.iter().map(|_| numbers.bytes(32)).collect(),
        ids,
        position,
    }
}

fn edits(numbers: &mut Numbers, layout: Layout, position: i64, picked: &[(Uuid, i64)]) -> Batch {
    let list = if layout == Layout::Blob { CHANGE_BYTES } else { 0 };
    let size =
        |seq: i64| STATE_BYTES + list + usize::try_from(seq - 1).expect("small") * (EDIT_STATE_BYTES + list);
    Batch {
        ids: picked.iter().map(|pick| pick.0).collect(),
        seqs: picked.iter().map(|pick| pick.1).collect(),
        states: picked.iter().map(|pick| numbers.bytes(size(pick.1))).collect(),
        hashes: picked.iter().map(|_| numbers.bytes(32)).collect(),
        position,
    }
}

struct Figures {
    what: &'static str,
    per_second: [f64; 2],
}

fn take(sides: &mut [Side; 2], what: &'static str, count: usize) -> Figures {
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let per_second = [0, 1].map(|i| count as f64 / sides[i].spent.as_secs_f64());
    for side in sides.iter_mut() {
        side.spent = Duration::ZERO;
    }
    println!(
        "{what:<34} blob {:>9.0}/s   rows {:>9.0}/s   blob/rows {:.2}",
        per_second[0],
        per_second[1],
        per_second[0] / per_second[1]
    );
    Figures { what, per_second }
}

async fn load(sides: &mut [Side; 2], records: usize, edit_count: usize) {
    let mut numbers = Numbers(42);
    let mut ids: Vec<Uuid> = Vec::with_capacity(records);
    let window = (records / 20).max(BATCH);
    let mut figures = Vec::new();
    let mut since = 0;
    for done in (0..records).step_by(BATCH) {
        let batch: Vec<Uuid> = (0..BATCH).map(|_| numbers.id()).collect();
        for side in sides.iter_mut() {
            let batch =
                new_records(&mut numbers, side.layout, i64::try_from(done).expect("small"), batch.clone());
            side.run(&batch).await;
        }
        ids.extend(batch);
        since += BATCH;
        let what = match done + BATCH {
            now if now == window => "inserts, first twentieth",
            now if now == records - window => "inserts, between",
            now if now == records => "inserts, last twentieth",
            _ => continue,
        };
        figures.push(take(sides, what, since));
        since = 0;
    }
    for side in sides.iter_mut() {
        let bytes = side.database.bytes().await;
        let name = if side.layout == Layout::Blob { "blob" } else { "rows" };
        println!("{name}: {} bytes per record", bytes / i64::try_from(records).expect("small"));
    }
    let mut seqs = vec![1_i64; records];
    for _ in 0..edit_count / BATCH {
        let picked = pick(&mut numbers, &mut seqs, records, BATCH);
        write_edits(sides, &mut numbers, &ids, &picked).await;
    }
    figures.push(take(sides, "edits of random records", edit_count / BATCH * BATCH));
    let mut seqs = vec![1_i64; 400];
    for _ in 0..200 {
        let picked = pick(&mut numbers, &mut seqs, 400, BATCH);
        write_edits(sides, &mut numbers, &ids, &picked.iter().map(|p| (p.0, p.1 + 100)).collect::<Vec<_>>())
            .await;
    }
    figures.push(take(sides, "edits after a hundred edits", 200 * BATCH));
    let inserts: Vec<_> = figures.iter().filter(|f| f.what.starts_with("inserts")).collect();
    if let [first, .., last] = inserts.as_slice() {
        let (first, last) = (first.per_second, last.per_second);
        println!("last/first: blob {:.2}, rows {:.2}", last[0] / first[0], last[1] / first[1]);
    }
}

async fn write_edits(sides: &mut [Side; 2], numbers: &mut Numbers, ids: &[Uuid], picked: &[(usize, i64)]) {
    let picked: Vec<(Uuid, i64)> = picked.iter().map(|(index, seq)| (ids[*index], *seq)).collect();
    for side in sides.iter_mut() {
        let batch = edits(numbers, side.layout, 0, &picked);
        side.run(&batch).await;
    }
}

/// Different records, each with its next number.
fn pick(numbers: &mut Numbers, seqs: &mut [i64], among: usize, count: usize) -> Vec<(usize, i64)> {
    let mut picked = std::collections::BTreeSet::new();
    while picked.len() < count {
        picked.insert(usize::try_from(numbers.next() % among as u64).expect("small"));
    }
    picked
        .into_iter()
        .map(|index| {
            seqs[index] += 1;
            (index, seqs[index])
        })
        .collect()
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let which = arguments.next().unwrap_or_else(|| "sqlite".to_owned());
    let mut number = |default| arguments.next().map_or(default, |text| text.parse().expect("a number"));
    let (records, edit_count) = (number(1_000_000), number(200_000));
    println!("{which}: {records} records, {edit_count} edits, batches of {BATCH}");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut keep = Vec::new();
    let mut sides = Vec::new();
    for (layout, name) in [(Layout::Blob, "blob.db"), (Layout::Rows, "rows.db")] {
        let mut database = if which == "sqlite" {
            let options = SqliteConnectOptions::new()
                .filename(folder.path().join(name))
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .pragma("cache_size", "-65536")
                .pragma("wal_autocheckpoint", "16384")
                .disable_statement_logging();
            Database::Sqlite(Box::new(options.connect().await.expect("SQLite opens")))
        } else {
            let database = postgres::empty(Durability::Machine).await;
            let connection = PgConnection::connect(&database.url).await.expect("PostgreSQL opens");
            keep.push(database);
            Database::Postgres(Box::new(connection))
        };
        database.setup().await;
        sides.push(Side { layout, database, spent: Duration::ZERO });
    }
    let mut sides: [Side; 2] = sides.try_into().unwrap_or_else(|_| unreachable!("two layouts"));
    load(&mut sides, records, edit_count).await;
}
