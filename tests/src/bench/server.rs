//! The server that is measured: a process of its own, so that its memory and its CPU time are nobody else's.

use std::net::SocketAddr;
use std::process::Stdio;

use fieldmerge_server::http::router;
use fieldmerge_server::http::serve::serve as serve_router;
use fieldmerge_server::telemetry::{self, LogFormat};
use fieldmerge_server::{App, Clock, Config, Ids, Metrics};
use fieldmerge_store::Store;
use fieldmerge_tests::cost;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};

/// Serves a database as `fieldmerge serve` does, log included, until standard input ends.
pub async fn serve(database: &str, listen: SocketAddr) {
    let metrics = Metrics::default();
    telemetry::start(LogFormat::default(), metrics.clone());
    let store = Store::open(database).await.expect("the database opens");
    let ids = Ids::from_system().expect("the system gives random bytes");
    let app = App::new(store, Clock::System, ids, Config::default(), metrics);
    let listener = TcpListener::bind(listen).await.expect("the address is free");
    let address = listener.local_addr().expect("a listener has an address");
    let line = format!("{address}\n");
    tokio::io::stdout().write_all(line.as_bytes()).await.expect("whoever started this listens");
    tokio::io::stdout().flush().await.expect("whoever started this listens");
    let stop = async {
        // Ends when the bench closes the pipe, or is gone.
        let _ = tokio::io::stdin().read_to_end(&mut Vec::new()).await;
    };
    serve_router(app.clone(), listener, router(&app), stop).await;
    app.close().await;
}

/// A running server; it is killed when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Server {
    /// Starts one on a database that has its schema.
    pub async fn start(database: &str) -> Self {
        let program = std::env::current_exe().expect("Linux tells what runs");
        Self::spawn(Command::new(program).args(["serve-for-bench", database])).await
    }

    /// Starts one in a network namespace of its own, listening on a port of every address.
    pub async fn start_apart(database: &str, port: u16) -> Self {
        let program = std::env::current_exe().expect("Linux tells what runs");
        let mut command = Command::new("unshare");
        command.arg("--net").arg(program).args(["serve-for-bench", database, &format!("0.0.0.0:{port}")]);
        Self::spawn(&mut command).await
    }

    async fn spawn(command: &mut Command) -> Self {
        // The log is written, as in production, and read by nobody.
        let log =
            if std::env::var_os("BENCH_SERVER_LOG").is_some() { Stdio::inherit() } else { Stdio::null() };
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .expect("the bench can start itself");
        let output = child.stdout.take().expect("the output is a pipe");
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).await.expect("the server says where it listens");
        let address =
            line.trim().parse().expect("the server says where it listens; its log may tell why not");
        Self { child, address }
    }

    /// Its process.
    pub fn process(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// CPU seconds that it has used.
    pub fn cpu_seconds(&self) -> f64 {
        self.child.id().map_or(0.0, cost::cpu_seconds)
    }

    /// Memory in bytes: the most it ever had, and what it has now.
    pub fn memory_bytes(&self) -> (u64, u64) {
        self.child.id().map_or((0, 0), cost::memory_bytes)
    }

    /// Stops it in good order: its database is closed afterwards.
    pub async fn stop(mut self) {
        drop(self.child.stdin.take());
        self.child.wait().await.expect("the server ends when it is told to");
    }
}
