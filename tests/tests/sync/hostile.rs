//! A real server under attack: every request is answered in bounded time and memory, and its neighbours are served.

use std::net::Ipv4Addr;
use std::time::SystemTime;

use fieldmerge_protocol::bundle::{Compression, Frame, FrameHeader};
use fieldmerge_protocol::limits::{MAX_FRAME_RAW_BYTES, MAX_REQUEST_BYTES, MAX_REQUEST_FRAMES};
use fieldmerge_protocol::sync::{self, Feed, FrameStatus};
use fieldmerge_protocol::{RecordClass, Value};
use fieldmerge_tests::database::{Database, Kind};
use fieldmerge_tests::synthetic::People;
use fieldmerge_tests::world::process::Server;
use fieldmerge_tests::world::raw::{Author, Post, bundle};
use fieldmerge_tests::world::site::Site;

use crate::place::{Draft, WRITES};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_fieldmerge_under_test");
/// No request costs the server more seconds of its CPU, whatever else the machine does.
const MOST_CPU_SECONDS: f64 = 5.0;
/// What an attack may add to the memory of the process: the bodies of the requests under way and what they inflate to.
const MOST_MEMORY: u64 = 128 << 20;

struct Attack {
    author: Author,
    neighbour: Author,
    server: Server,
    feed: Feed,
    project: fieldmerge_protocol::ProjectId,
    neighbours: u8,
    memory: u64,
}

impl Attack {
    async fn begin(database: &Database) -> Self {
        let site = Site::found(database, 1, &["S1"]).await;
        let author = Author::enrolled(&site, "attacker", 1, &WRITES).await;
        let neighbour = Author::enrolled(&site, "neighbour", 2, &WRITES).await;
        site.app.close().await;
        let server = Server::start(PROGRAM, &database.url(), Ipv4Addr::LOCALHOST, None).await;
        let feed = Feed { area: site.areas[0], class: RecordClass::Core };
        let mut attack =
            Self { author, neighbour, server, feed, project: site.project, neighbours: 0, memory: 0 };
        attack.is_served().await;
        attack.memory = attack.server.peak_memory();
        attack
    }

    fn post(&self) -> Post {
        Post { to: self.server.address, project: self.project, server_ms: now_ms() }
    }

    /// Somebody else registers a worker.
    async fn is_served(&mut self) {
        self.neighbours += 1;
        let (draft, change) = Draft::worker(&self.neighbour, self.feed.area, self.neighbours, "Rasoa");
        let frame = self.neighbour.frame(self.feed, &[(draft.id, change)]);
        let told = self.neighbour.push(&self.post(), &[frame]).await;
        assert_eq!(told.receipt().exceptions, [], "the neighbour is served");
    }

    /// Sends a body, several times at once; gives the status.
    async fn hit(&mut self, what: &str, body: &[u8]) -> u16 {
        let (post, token) = (self.post(), self.author.token(&self.post()));
        let before = self.server.cpu_seconds();
        let answers =
            tokio::join!(post.bundle(&token, body), post.bundle(&token, body), post.bundle(&token, body));
        let each = (self.server.cpu_seconds() - before) / 3.0;
        assert!(each < MOST_CPU_SECONDS, "{what} cost the server {each} seconds");
        let grown = self.server.peak_memory().saturating_sub(self.memory);
        assert!(grown < MOST_MEMORY, "{what} took {} MiB", grown >> 20);
        self.is_served().await;
        answers.0.status
    }

    async fn hit_with_frames(&mut self, what: &str, frames: &[Vec<u8>]) -> u16 {
        let body = bundle(&sync::encode(&self.author.hello()), frames);
        assert!(body.len() <= MAX_REQUEST_BYTES, "{what} is a request that fits: {} bytes", body.len());
        self.hit(what, &body).await
    }

    /// A frame that is signed, of this header and body, under the next number.
    fn forge(&mut self, header: FrameHeader, body: &[u8]) -> Vec<u8> {
        self.author.packed += 1;
        let mut header = header;
        header.origin.number = self.author.packed;
        self.author.forge(&header, body)
    }
}

/// Header and inflated body of an honest frame with this many changes.
fn honest(attack: &mut Attack, changes: u8) -> (FrameHeader, Vec<u8>) {
    let mut author = attack.author.clone();
    let (mut draft, first) = Draft::worker(&author, attack.feed.area, 200, "Rabe");
    let mut list = vec![(draft.id, first)];
    for number in 1..changes {
        list.push((draft.id, draft.edit(&author, "birth_year", Value::Int(1900 + i64::from(number)))));
    }
    let frame = author.frame(attack.feed, &list);
    let frame = Frame::parse(&frame).expect("our own frame parses");
    let raw = frame.inflate(&[], MAX_FRAME_RAW_BYTES).expect("our own frame inflates");
    (FrameHeader { compression: Compression::Stored, ..frame.header }, raw.into_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attacks_cost_little_and_hurt_nobody_on_sqlite() {
    attack(Kind::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attacks_cost_little_and_hurt_nobody_on_postgres() {
    attack(Kind::Postgres).await;
}

async fn attack(kind: Kind) {
    let database = Database::new(kind).await;
    let mut attack = Attack::begin(&database).await;
    let mut people = People::new(3);

    let noise: Vec<u8> = (0..MAX_REQUEST_BYTES / 16).flat_map(|_| people.bytes::<16>()).collect();
    assert_eq!(attack.hit("noise", &noise).await, 400);
    let opening = [b"FMB\x01\x01".as_slice(), &noise[..1000]].concat();
    assert_eq!(attack.hit("a bundle of noise", &opening).await, 400);
    assert_eq!(
        attack.hit_with_frames("a thousand empty frames", &vec![Vec::new(); MAX_REQUEST_FRAMES]).await,
        200
    );

    let (header, raw) = honest(&mut attack, 40);
    let zipped = |raw_len: usize| FrameHeader {
        compression: Compression::Zstd,
        raw_len: u32::try_from(raw_len).expect("small"),
        ..header
    };
    // A gigabyte of zeros in a few ten kilobytes, and as many small ones as fit.
    let bomb = zstd::bulk::compress(&vec![0; 1 << 30], 1).expect("zeros compress");
    let frame = attack.forge(zipped(MAX_FRAME_RAW_BYTES), &bomb);
    assert_eq!(attack.hit_with_frames("a zip bomb", &[frame]).await, 200);
    let small = zstd::bulk::compress(&vec![0; MAX_FRAME_RAW_BYTES], 3).expect("zeros compress");
    let frames: Vec<Vec<u8>> = (0..400).map(|_| attack.forge(zipped(MAX_FRAME_RAW_BYTES), &small)).collect();
    assert_eq!(attack.hit_with_frames("many zip bombs", &frames).await, 200);

    // Counts that claim the world, at every place where a count may stand.
    for filler in [0xff_u8, 0x7f, 0x00] {
        let mut frames = Vec::new();
        for start in 2..raw.len().min(400) {
            let mut body = raw.clone();
            let end = (start + 5).min(body.len());
            body[start..end].fill(filler);
            frames.push(attack.forge(header, &body));
        }
        assert_eq!(attack.hit_with_frames("run-length bombs", &frames).await, 200);
    }
    for round in 0..12 {
        let frames: Vec<Vec<u8>> = (0..80)
            .map(|_| {
                let mut body = raw.clone();
                for _ in 0..=people.below(4) {
                    let at = people.below(u32::try_from(body.len()).expect("small")) as usize;
                    body[at] = people.bytes::<1>()[0];
                }
                attack.forge(header, &body)
            })
            .collect();
        assert_eq!(attack.hit_with_frames(&format!("mutated bodies {round}"), &frames).await, 200);
    }
    large_changes(&mut attack).await;
    many_operations(&mut attack).await;
    let told = attack.neighbour.push(&attack.post(), &[]).await;
    assert_eq!(told.welcome.committed, u64::from(attack.neighbours), "all that the neighbour wrote is there");
}

/// Honest in shape, and as large as the limits let them be.
async fn large_changes(attack: &mut Attack) {
    let mut author = attack.author.clone();
    let long = "x".repeat(200_000);
    let (draft, change) = Draft::worker(&author, attack.feed.area, 250, &long);
    author.packed += 500;
    let frame = author.frame(attack.feed, &[(draft.id, change)]);
    let names: Vec<String> = (0..4_000).map(|number| format!("q{number}/{}", "p".repeat(100))).collect();
    let values: Vec<(&str, Value)> = names.iter().map(|name| (name.as_str(), Value::Bool(true))).collect();
    let (wide, many) = Draft::of_type(&author, attack.feed.area, 251, "worker", &values);
    let other = author.frame(attack.feed, &[(wide.id, many)]);
    attack.author.packed = author.packed;
    assert_eq!(attack.hit_with_frames("large changes", &[frame.clone(), other.clone()]).await, 200);
    let told = attack.author.push(&attack.post(), &[frame, other]).await;
    for (_, receipt) in told.receipts {
        assert!(matches!(receipt.status, FrameStatus::Accepted | FrameStatus::Quarantined), "{receipt:?}");
    }
}

/// A few bytes each, and a hundred thousand operations each: opened one by one, and only as many as may be.
async fn many_operations(attack: &mut Attack) {
    let names: Vec<String> = (0..4_000).map(|number| format!("q/{number}")).collect();
    let values: Vec<(&str, Value)> = names.iter().map(|name| (name.as_str(), Value::Bool(true))).collect();
    let frames: Vec<Vec<u8>> = (0..20)
        .map(|_| {
            let mut author = attack.author.clone();
            let changes: Vec<_> = (200..230)
                .map(|number| Draft::of_type(&author, attack.feed.area, number, "worker", &values))
                .map(|(draft, change)| (draft.id, change))
                .collect();
            attack.author.packed += 1;
            author.packed = attack.author.packed;
            author.frame_numbered(author.packed, attack.feed, &changes)
        })
        .collect();
    attack.hit_with_frames("two million operations", &frames).await;
}

#[expect(clippy::disallowed_methods, reason = "the program under test runs on the machine's clock")]
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is after 1970");
    i64::try_from(since.as_millis()).expect("it is before the year 292 million")
}
