//! What the store costs a push: records written through its own functions, durable, on either database.
//!
//! `store_bench [sqlite|postgres] [records] [writers] [random|days]`: batches of 100 registrations, each with the load
//! that finds nothing, positions, one segment and one proof; then a tenth as many edits. `random` draws each id from
//! ninety days, `days` gives a batch the ids of one device's day. Prints rows per second, and per second of CPU time of
//! this process and, for PostgreSQL, of its server.
#![expect(clippy::disallowed_methods, reason = "a bench reads the clock")]
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]
#![expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fieldmerge_protocol::sync::Feed;
use fieldmerge_protocol::{Actor, AreaId, DeviceId, Incarnation, ProjectId, RecordClass, RecordId};
use fieldmerge_store::proofs::{self, Proof};
use fieldmerge_store::records::{self, RecordRow, ValuedRecord};
use fieldmerge_store::segments::{self, SegmentHead, Source};
use fieldmerge_store::{Result, Store, Tx, feeds};
use fieldmerge_tests::postgres::{self, Durability};
use sqlx::Connection;

const BATCH: u64 = 100;
const PROJECT: ProjectId = ProjectId([1; 16]);
const PARTS: [&str; 6] = ["load", "advance", "segment", "records", "proof", "commit"];

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

    /// A `UUIDv7` of this time.
    fn id(&mut self, ms: u64) -> RecordId {
        let random = self.bytes(10).try_into().expect("ten bytes");
        uuid::Builder::from_unix_timestamp_millis(ms, &random).into_uuid().into()
    }

    fn ms(&mut self) -> u64 {
        1_700_000_000_000 + self.next() % (90 * 86_400_000)
    }
}

/// The values of a registration: forty questions, some numbers, some words.
fn values(numbers: &mut Numbers) -> String {
    let mut json = String::from("{");
    for question in 0..40 {
        let separator = if question == 0 { "" } else { "," };
        let answer = numbers.next();
        let written = match question % 3 {
            0 => write!(json, "{separator}\"question_{question}\":{}", answer % 1_000),
            1 => write!(json, "{separator}\"q{question}\":\"{:x}\"", answer % 0xff_ffff),
            _ => write!(json, "{separator}\"set/{question}\":true"),
        };
        written.expect("a string takes all");
    }
    json.push('}');
    json
}

fn record(numbers: &mut Numbers, id: RecordId, device: u8) -> ValuedRecord {
    ValuedRecord {
        row: RecordRow {
            id,
            version: 0,
            feed: feed(device),
            record_type: "worker".to_owned(),
            subject: None,
            author: Actor::new(DeviceId([device; 10]), 0, Incarnation([1; 4])),
            created_ms: 1_700_000_000_000,
            updated_ms: 1_700_000_000_000,
            position: 0,
            change_count: 1,
            open_case_count: 0,
            state: numbers.bytes(900),
        },
        current_values: values(numbers),
    }
}

fn feed(device: u8) -> Feed {
    Feed { area: AreaId([device % 4; 16]), class: RecordClass::Core }
}

/// What one push brings, made before the clock runs.
struct Push {
    device: u8,
    frame: u64,
    records: Vec<ValuedRecord>,
    body: Vec<u8>,
}

type Spent = [Duration; PARTS.len()];

async fn push(tx: &mut Tx, push: &Push, spent: &mut Spent) -> Result<()> {
    let mut last = Instant::now();
    let mut lap = |part: usize| {
        let now = Instant::now();
        spent[part] += now - last;
        last = now;
    };
    let ids: Vec<RecordId> = push.records.iter().map(|record| record.row.id).collect();
    let stored = records::load_for_update(tx, PROJECT, &ids).await?;
    lap(0);
    let positions = feeds::advance(tx, PROJECT, feed(push.device), BATCH).await?;
    lap(1);
    let source =
        Source { device: DeviceId([push.device; 10]), incarnation: Incarnation([1; 4]), frame: push.frame };
    let head = SegmentHead {
        feed: feed(push.device),
        from: positions.from,
        to: positions.to,
        count: 100,
        source: Some(source),
        received_ms: 1,
        compression: 1,
        dictionary: 0,
        raw_bytes: 40_000,
        body_bytes: 0,
    };
    segments::append(tx, PROJECT, &head, &push.body).await?;
    lap(2);
    if stored.is_empty() {
        records::upsert(tx, PROJECT, &push.records).await?;
    } else {
        let mut changed = push.records.clone();
        changed.sort_by_key(|record| record.row.id);
        for (record, stored) in changed.iter_mut().zip(stored) {
            record.row.version = stored.version;
        }
        records::upsert(tx, PROJECT, &changed).await?;
    }
    lap(3);
    let proof = Proof {
        source,
        digest: [1; 32],
        header: vec![2; 130],
        signature: vec![3; 64],
        receipt: vec![4; 60],
        carrier: None,
        received_ms: 1,
        life: 0,
    };
    proofs::insert(tx, PROJECT, &[proof]).await?;
    lap(4);
    Ok(())
}

/// Seconds of processor that this process has used so far, and the PostgreSQL server with this process number.
fn processor_seconds(server: Option<&str>) -> f64 {
    let fields = |process: &str| -> Vec<String> {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        rest.split_whitespace().map(str::to_owned).collect()
    };
    // In hundredths: of the process itself, and of its children that ended.
    let used = |fields: &[String], range: std::ops::Range<usize>| -> f64 {
        fields
            .get(range)
            .unwrap_or_default()
            .iter()
            .filter_map(|field| field.parse::<f64>().ok())
            .sum::<f64>()
            / 100.0
    };
    let mut all = used(&fields("self"), 11..13);
    if let Some(server) = server {
        all += used(&fields(server), 11..15);
        let entries = std::fs::read_dir("/proc").into_iter().flatten().filter_map(Result::ok);
        for process in entries.filter_map(|entry| entry.file_name().into_string().ok()) {
            let fields = fields(&process);
            if fields.get(1).is_some_and(|parent| parent == server) {
                all += used(&fields, 11..13);
            }
        }
    }
    all
}

/// The process number of the server behind an address.
async fn server_process(url: &str) -> String {
    let mut connection = sqlx::PgConnection::connect(url).await.expect("PostgreSQL answers");
    let backend: i32 =
        sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut connection).await.expect("a number");
    let stat =
        std::fs::read_to_string(format!("/proc/{backend}/stat")).expect("the server runs on this machine");
    let (_, rest) = stat.rsplit_once(')').expect("a process has a name");
    rest.split_whitespace().nth(1).expect("a process has a parent").to_owned()
}

struct Plan {
    store: Store,
    writers: u64,
    random: bool,
    /// PostgreSQL's own process, if it is that.
    server: Option<String>,
}

impl Plan {
    /// Runs pushes `first..last`, shared out to the writers; those from the edits on write ids of earlier pushes again.
    async fn run(&self, what: &str, first: u64, last: u64, edit: bool) {
        let next = Arc::new(AtomicU64::new(first));
        let spent = Arc::new(Mutex::new(Spent::default()));
        let cpu = processor_seconds(self.server.as_deref());
        let making = Arc::new(Mutex::new(0.0));
        let start = Instant::now();
        let tasks: Vec<_> = (0..self.writers)
            .map(|_| {
                let (store, next, spent, random) =
                    (self.store.clone(), next.clone(), spent.clone(), self.random);
                let making = making.clone();
                tokio::spawn(async move {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= last {
                            return;
                        }
                        let made = Instant::now();
                        let work = make(number, random, edit, first);
                        *making.lock().expect("no panic") += made.elapsed().as_secs_f64();
                        let run = Mutex::new((Spent::default(), Instant::now()));
                        store
                            .write(async |mut tx| {
                                let mut laps = Spent::default();
                                push(&mut tx, &work, &mut laps).await?;
                                *run.lock().expect("no panic") = (laps, Instant::now());
                                Ok::<_, fieldmerge_store::StoreError>(())
                            })
                            .await
                            .expect("a push");
                        let (mut laps, written) = run.into_inner().expect("no panic");
                        laps[PARTS.len() - 1] = written.elapsed();
                        let mut spent = spent.lock().expect("no panic");
                        spent.iter_mut().zip(laps).for_each(|(all, lap)| *all += lap);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("a writer ends");
        }
        let (wall, rows) = (start.elapsed().as_secs_f64(), ((last - first) * BATCH) as f64);
        let making = *making.lock().expect("no panic");
        let cpu = processor_seconds(self.server.as_deref()) - cpu - making;
        let spent = spent.lock().expect("no panic");
        let parts: Vec<String> = PARTS
            .iter()
            .zip(spent.iter())
            .map(|(part, time)| format!("{part} {:.1}", time.as_secs_f64() * 1e6 / rows))
            .collect();
        println!(
            "{what:<22} {:>7.0} rows/s   {:>7.0} rows per CPU second   µs a row: {}",
            rows / wall,
            rows / cpu,
            parts.join(", ")
        );
    }
}

fn make(number: u64, random: bool, edit: bool, first: u64) -> Push {
    // An edit writes the ids of an earlier push again: the same seed gives the same ids.
    let seed = if edit { (number * 7_919) % first } else { number };
    let device = u8::try_from(number % 16).expect("small");
    let mut numbers = Numbers(seed);
    let day = numbers.ms();
    let ids: Vec<RecordId> = (0..BATCH)
        .map(|index| {
            let ms = if random { numbers.ms() } else { day + index * 180_000 };
            numbers.id(ms)
        })
        .collect();
    let records = ids.into_iter().map(|id| record(&mut numbers, id, device)).collect();
    Push { device, frame: number, records, body: numbers.bytes(8_000) }
}

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let which = arguments.next().unwrap_or_else(|| "sqlite".to_owned());
    let mut number = |default| arguments.next().map_or(default, |text| text.parse().expect("a number"));
    let (count, writers) = (number(200_000), number(1));
    let random = arguments.next().is_none_or(|word| word == "random");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (url, _database) = if which == "sqlite" {
        (format!("sqlite:{}", folder.path().join("bench.db").display()), None)
    } else {
        let database = postgres::empty(Durability::Machine).await;
        (database.url.clone(), Some(database))
    };
    let store = Store::open(&url).await.expect("the database opens");
    store.migrate().await.expect("the schema");
    println!(
        "{which}: {count} records, {writers} writers, ids {}",
        if random { "random" } else { "by days" }
    );
    let server = if which == "sqlite" { None } else { Some(server_process(&url).await) };
    let plan = Plan { store: store.clone(), writers, random, server };
    let pushes = count / BATCH;
    let window = (pushes / 10).max(1);
    plan.run("first tenth", 0, window, false).await;
    plan.run("between", window, pushes - window, false).await;
    plan.run("last tenth", pushes - window, pushes, false).await;
    plan.run("edits", pushes, pushes + window, true).await;
    store.close().await;
    if let Ok(file) = std::fs::metadata(folder.path().join("bench.db")) {
        println!("{} bytes per record", file.len() / count);
    }
}
