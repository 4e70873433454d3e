//! The log, and the times of database statements, which come from the store's spans.

use std::io::IsTerminal;

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Level, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::clock::Stopwatch;
use crate::metrics::Metrics;

/// How the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum LogFormat {
    /// Lines for people.
    #[default]
    Human,
    /// One JSON object a line, for machines.
    Json,
}

/// What is logged unless `FIELDMERGE_LOG` says otherwise.
const DEFAULT_FILTER: &str = "info,sqlx=warn";

/// Starts the log of a process that serves. It goes to standard error; standard output belongs to the command.
pub fn start(format: LogFormat, metrics: Metrics) {
    let filter = EnvFilter::try_from_env("FIELDMERGE_LOG").unwrap_or_else(|_| EnvFilter::new(DEFAULT_FILTER));
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let lines = match format {
        LogFormat::Human => lines.with_ansi(std::io::stderr().is_terminal()).with_filter(filter).boxed(),
        LogFormat::Json => lines.json().flatten_event(true).with_span_list(false).with_filter(filter).boxed(),
    };
    let started = Registry::default().with(lines).with(statement_times(metrics)).try_init();
    if started.is_err() {
        // Somebody, such as a test, listens already; that is as good.
        tracing::debug!("the log had been started before");
    }
    log_panics();
}

/// Says where a panic happened and not what it said, because that may hold a value of a record.
pub fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(panic.place = place, "a task panicked");
    }));
}

/// Measures the spans `db.query` of the store.
fn statement_times<S: Subscriber + for<'a> LookupSpan<'a>>(metrics: Metrics) -> impl Layer<S> {
    StatementTimes(metrics).with_filter(Targets::new().with_target("fieldmerge_store", Level::DEBUG))
}

struct StatementTimes(Metrics);

struct Running {
    statement: String,
    stopwatch: Stopwatch,
}

/// Reads the fields `table` and `statement` of a span.
#[derive(Default)]
struct StatementName {
    table: String,
    statement: String,
}

impl Visit for StatementName {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "table" => value.clone_into(&mut self.table),
            "statement" => value.clone_into(&mut self.statement),
            _ => {}
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for StatementTimes {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut name = StatementName::default();
        attributes.record(&mut name);
        let Some(span) = context.span(id) else { return };
        if name.statement.is_empty() {
            return;
        }
        let statement = format!("{}.{}", name.table, name.statement);
        span.extensions_mut().insert(Running { statement, stopwatch: Stopwatch::start() });
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        if let Some(running) = span.extensions().get::<Running>() {
            self.0.observe_statement(&running.statement, running.stopwatch.elapsed());
        }
    }
}
