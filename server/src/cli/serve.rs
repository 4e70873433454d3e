//! `fieldmerge serve`.

use std::net::SocketAddr;
use std::process::ExitCode;

use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::{Failure, Output, address, listen, open};
use crate::admin::projects;
use crate::compact;
use crate::config::{Config, DEFAULT_LISTEN};
use crate::findings;
use crate::http::serve::{serve, stop_signal};
use crate::http::{metrics, router};
use crate::sync::expire;
use crate::telemetry::{self, LogFormat};

/// Serve the API until told to stop by ctrl-c or SIGTERM; requests under way may then finish.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldmerge serve                                      on this machine only, in ./fieldmerge.db
  fieldmerge serve --listen 0.0.0.0:7400                for the network; put TLS in front
  fieldmerge serve --database postgres://fm@db/fm --log json --metrics-listen 127.0.0.1:9464

FIELDMERGE_LOG sets what is logged, for example `debug` or `info,fieldmerge_server=debug`.")]
pub struct Serve {
    /// Where the API listens.
    #[arg(long, value_name = "ADDR", env = "FIELDMERGE_LISTEN", default_value_t = DEFAULT_LISTEN, value_parser = address)]
    listen: SocketAddr,

    /// Where Prometheus metrics listen, at /metrics; nowhere unless given.
    #[arg(long, value_name = "ADDR", env = "FIELDMERGE_METRICS_LISTEN", value_parser = address)]
    metrics_listen: Option<SocketAddr>,

    /// How the log is written, on standard error.
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t)]
    log: LogFormat,
}

/// What a server says when it is up.
#[derive(Debug, Serialize)]
struct Started {
    api: String,
    metrics: Option<String>,
    projects: usize,
}

impl Serve {
    /// Serves until told to stop.
    pub async fn run(self, database: &str, config: Config, output: &Output) -> Result<ExitCode, Failure> {
        let listener = listen(self.listen, "uses it; choose another by --listen").await?;
        let metrics_listener = match self.metrics_listen {
            Some(address) => Some(listen(address, "uses it; choose another by --metrics-listen").await?),
            None => None,
        };
        let app = open(database, config).await?;
        telemetry::start(self.log, app.metrics().clone());
        let url = |listener: &TcpListener| listener.local_addr().map(|address| format!("http://{address}"));
        let started = Started {
            api: url(&listener)?,
            metrics: metrics_listener.as_ref().map(url).transpose()?,
            projects: projects::list(&app).await?.len(),
        };
        output.show(&started, text)?;
        tracing::info!(http.listen = started.api, "serving");
        if let Some(listener) = metrics_listener {
            tokio::spawn(serve(app.clone(), listener, metrics::router(&app), std::future::pending()));
        }
        let (stop, _) = watch::channel(());
        let told = || {
            let mut stopped = stop.subscribe();
            // The sender says nothing and is dropped.
            async move { _ = stopped.changed().await }
        };
        let compaction = tokio::spawn(compact::run(app.clone(), told()));
        let expiry = tokio::spawn(expire::run(app.clone(), told()));
        let judging = tokio::spawn(findings::run(app.clone(), told()));
        serve(app.clone(), listener, router(&app), stop_signal()).await;
        drop(stop);
        _ = tokio::join!(compaction, expiry, judging);
        app.close().await;
        tracing::info!("stopped");
        Ok(ExitCode::SUCCESS)
    }
}

fn text(started: &Started) -> String {
    let mut lines = vec![format!("Fieldmerge {} serves {}", env!("CARGO_PKG_VERSION"), started.api)];
    if let Some(metrics) = &started.metrics {
        lines.push(format!("Metrics at {metrics}/metrics"));
    }
    lines.push(match started.projects {
        0 => "There is no project yet: `fieldmerge admin project new CODE NAME` makes one.".to_owned(),
        1 => "1 project".to_owned(),
        count => format!("{count} projects"),
    });
    lines.push("Stop with ctrl-c.".to_owned());
    lines.join("\n")
}
