//! How much a server takes. Every value has a default, so that a bare `fieldmerge serve` works.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use fieldmerge_protocol::limits::{MAX_ANSWER_SILENCE_SECONDS, MAX_BODY_SILENCE_SECONDS};

/// The limits of a running server. Where it listens is the business of who starts it.
#[derive(Debug, Clone)]
pub struct Config {
    /// How long a request may take until its answer begins; a sync may take longer.
    pub request_timeout: Duration,
    /// How long the body of a request may take to arrive; of a sync it may take as long as it makes progress.
    pub body_deadline: Duration,
    /// How long the body of a sync may bring next to nothing.
    pub body_silence: Duration,
    /// How long the answer of a sync may be silent before it says that it is coming.
    pub keep_alive: Duration,
    /// How long the requests that are under way may take after the server was told to stop.
    pub drain_timeout: Duration,
    /// How many connections may be open at a time; the rest wait in the system's queue.
    pub max_connections: usize,
    /// How many bytes of request bodies may be in memory at a time. Beyond it devices are told to come back.
    pub max_body_memory_bytes: usize,
    /// How many datasets may be read at a time.
    pub max_datasets: usize,
    /// How long a change waits for what it was made on, before it goes to quarantine.
    pub held_for: Duration,
    /// How many wrong enrolment codes one address may offer in a minute.
    pub max_wrong_codes_per_minute: u32,
    /// Where the bytes of attachments are kept: a folder, or `s3://BUCKET/PREFIX`. Unless given,
    /// [`DEFAULT_ATTACHMENTS`].
    pub attachments: Option<String>,
    /// How long after one round of compaction the next one begins.
    pub compact_every: Duration,
    /// How long a segment stays as it came before compaction may join it with its neighbours. Devices that sync more often
    /// never have their cursor inside a compacted one: three days outlast a weekend.
    pub compact_after: Duration,
}

/// Where the API listens unless told otherwise: this machine only, so that a first try publishes nothing.
pub const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 7400);

/// The database unless told otherwise: a file in the working directory.
pub const DEFAULT_DATABASE: &str = "sqlite:fieldmerge.db";

/// The folder of attachments where there is no database file that it could stand beside.
pub const DEFAULT_ATTACHMENTS: &str = "fieldmerge.attachments";

impl Default for Config {
    fn default() -> Self {
        Self {
            request_timeout: Duration::from_mins(2),
            body_deadline: Duration::from_secs(90),
            body_silence: Duration::from_secs(MAX_BODY_SILENCE_SECONDS),
            keep_alive: Duration::from_secs(MAX_ANSWER_SILENCE_SECONDS),
            drain_timeout: Duration::from_secs(30),
            max_connections: 4_096,
            max_body_memory_bytes: 64 << 20,
            max_datasets: 4,
            held_for: Duration::from_hours(90 * 24),
            max_wrong_codes_per_minute: 20,
            attachments: None,
            compact_every: Duration::from_mins(10),
            compact_after: Duration::from_hours(72),
        }
    }
}
