//! What the server counts and measures. Labels are routes, outcomes and names of statements, never ids.

use std::sync::Arc;
use std::time::Duration;

use axum::http::Method;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

/// The media type of [`Metrics::to_text`].
pub const METRICS_MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds of the latency buckets, in seconds: from a cached read to a push over a bad link.
const LATENCY_BUCKETS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 15.0, 60.0];

type Timings<L> = Family<L, Histogram, fn() -> Histogram>;

/// The server's measures.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Arc<Registry>,
    requests: Family<RequestLabels, Counter>,
    latencies: Timings<RouteLabels>,
    statements: Timings<StatementLabels>,
    /// What became of what devices sent.
    pub sync: SyncMetrics,
    /// What compaction did.
    pub compaction: CompactionMetrics,
    /// How records were judged by their forms.
    pub findings: FindingMetrics,
    /// Open connections.
    pub connections: Gauge,
}

/// Counts of compaction.
#[derive(Debug, Clone, Default)]
pub struct CompactionMetrics {
    replaced: Counter,
    written: Counter,
}

impl CompactionMetrics {
    /// Counts one segment that was written in the place of others.
    pub fn count(&self, replaced: u64) {
        self.replaced.inc_by(replaced);
        self.written.inc();
    }

    fn registered(registry: &mut Registry) -> Self {
        let compaction = Self::default();
        registry.register(
            "compaction_replaced",
            "Segments replaced by compaction",
            compaction.replaced.clone(),
        );
        registry.register("compaction_written", "Segments written by compaction", compaction.written.clone());
        compaction
    }
}

/// Counts of judging records by their forms.
#[derive(Debug, Clone, Default)]
pub struct FindingMetrics {
    judged: Counter,
}

impl FindingMetrics {
    /// Counts records that were judged.
    pub fn count(&self, records: u64) {
        self.judged.inc_by(records);
    }

    /// How many records were judged, each as often as it was.
    pub fn judged(&self) -> u64 {
        self.judged.get()
    }

    fn registered(registry: &mut Registry) -> Self {
        let findings = Self::default();
        registry.register("findings_judged", "Records judged by their forms", findings.judged.clone());
        findings
    }
}

/// Counts of the sync endpoint.
#[derive(Debug, Clone, Default)]
pub struct SyncMetrics {
    frames: Family<OutcomeLabels, Counter>,
    changes: Family<OutcomeLabels, Counter>,
    /// Bytes of request bodies.
    pub received_bytes: Counter,
    /// Bytes of answers.
    pub sent_bytes: Counter,
    /// Feeds that were left out of an answer because what they need to be read is gone.
    pub left_out: Counter,
}

impl SyncMetrics {
    /// Counts frames by their status: `accepted`, `quarantined`, `forked`, `unresolved`.
    pub fn count_frames(&self, outcome: &'static str, frames: u64) {
        self.frames.get_or_create(&OutcomeLabels { outcome }).inc_by(frames);
    }

    /// Counts changes by their outcome: `accepted`, `duplicate`, `held`, `quarantined`, `forked`.
    pub fn count_changes(&self, outcome: &'static str, changes: u64) {
        self.changes.get_or_create(&OutcomeLabels { outcome }).inc_by(changes);
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatementLabels {
    statement: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("fieldmerge");
        let requests = Family::default();
        let latencies = Timings::new_with_constructor(timings as fn() -> Histogram);
        let statements = Timings::new_with_constructor(timings as fn() -> Histogram);
        let connections = Gauge::default();
        registry.register("http_requests", "Answered requests", requests.clone());
        registry.register_with_unit(
            "http_latency",
            "Time until an answer began",
            Unit::Seconds,
            latencies.clone(),
        );
        registry.register_with_unit(
            "db_statement",
            "Time a database statement took",
            Unit::Seconds,
            statements.clone(),
        );
        registry.register("connections", "Open connections", connections.clone());
        let sync = SyncMetrics::registered(&mut registry);
        let compaction = CompactionMetrics::registered(&mut registry);
        let findings = FindingMetrics::registered(&mut registry);
        let registry = Arc::new(registry);
        Self { registry, requests, latencies, statements, sync, compaction, findings, connections }
    }
}

impl SyncMetrics {
    fn registered(registry: &mut Registry) -> Self {
        let sync = Self::default();
        registry.register("sync_frames", "Pushed frames by their status", sync.frames.clone());
        registry.register("sync_changes", "Pushed changes by their outcome", sync.changes.clone());
        registry.register_with_unit(
            "sync_received",
            "Bytes of sync requests",
            Unit::Bytes,
            sync.received_bytes.clone(),
        );
        registry.register_with_unit(
            "sync_sent",
            "Bytes of sync answers",
            Unit::Bytes,
            sync.sent_bytes.clone(),
        );
        let left_out = "Feeds left out of answers because a dictionary is missing";
        registry.register("sync_feeds_left_out", left_out, sync.left_out.clone());
        sync
    }
}

fn timings() -> Histogram {
    Histogram::new(LATENCY_BUCKETS)
}

impl Metrics {
    /// Counts an answered request.
    pub fn observe_request(&self, method: &Method, route: String, status: u16, latency: Duration) {
        let labels = RequestLabels { method: method_name(method), route: route.clone(), status };
        self.requests.get_or_create(&labels).inc();
        self.latencies.get_or_create(&RouteLabels { route }).observe(latency.as_secs_f64());
    }

    /// Measures a statement of the database.
    pub fn observe_statement(&self, statement: &str, time: Duration) {
        let labels = StatementLabels { statement: statement.to_owned() };
        self.statements.get_or_create(&labels).observe(time.as_secs_f64());
    }

    /// All measures in the text format of `OpenMetrics`.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("writing to a String cannot fail");
        text
    }
}

/// Methods that nobody serves count together: a client may invent as many as it likes.
fn method_name(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        _ => "other",
    }
}
