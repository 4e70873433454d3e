//! The server as a process of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::cost;

/// A running server; it is killed when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Server {
    /// Starts a server. Each run takes a `host` of its own, so that a phone never finds the server of another run on a
    /// port that was used again. `die_at` is a failpoint and how often it is passed.
    pub async fn start(program: &str, database: &str, host: Ipv4Addr, die_at: Option<(&str, u32)>) -> Self {
        let mut command = Command::new(program);
        command
            .args(["serve", "--json", "--database", database, "--listen", &format!("{host}:0")])
            .env("FIELDMERGE_LOG", "off")
            .env_remove("FIELDMERGE_DIE_AT")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true);
        if let Some((name, count)) = die_at {
            command.env("FIELDMERGE_DIE_AT", format!("{name}:{count}"));
        }
        let mut child = command.spawn().expect("the server starts");
        let mut lines = BufReader::new(child.stdout.take().expect("it was asked for")).lines();
        let line =
            lines.next_line().await.expect("the server says where it listens").expect("the server came up");
        let started: serde_json::Value = serde_json::from_str(&line).expect("the server speaks JSON");
        let address = started["api"].as_str().and_then(|api| api.strip_prefix("http://")).map(str::parse);
        Self { child, address: address.expect("it names its address").expect("it is an address") }
    }

    /// Kills it now.
    pub fn kill(&mut self) {
        self.child.start_kill().expect("a process can be killed");
    }

    /// Asks it to stop, and waits until it has.
    pub async fn stop(&mut self) {
        use rustix::process::{Pid, Signal, kill_process};
        let id = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        kill_process(id.expect("it runs"), Signal::TERM).expect("a process can be told");
        let status = self.child.wait().await.expect("a process ends");
        assert!(status.success(), "{status}");
    }

    /// The most memory that it has held so far, in bytes, as Linux counts it.
    pub fn peak_memory(&self) -> u64 {
        cost::memory_bytes(self.child.id().expect("it runs")).0
    }

    /// The memory that it holds now, in bytes.
    pub fn memory(&self) -> u64 {
        cost::memory_bytes(self.child.id().expect("it runs")).1
    }

    /// How many files and sockets it has open.
    pub fn open_files(&self) -> u64 {
        cost::open_files(self.child.id().expect("it runs"))
    }

    /// The CPU seconds that it has used so far.
    pub fn cpu_seconds(&self) -> f64 {
        cost::cpu_seconds(self.child.id().expect("it runs"))
    }

    /// Waits for its end. True if it was SIGKILL that ended it.
    pub async fn ended(&mut self) -> bool {
        use std::os::unix::process::ExitStatusExt;
        self.child.wait().await.expect("a process ends").signal() == Some(9)
    }
}

/// `fieldmerge verify` finds nothing.
pub async fn verify(program: &str, database: &str) {
    let output =
        Command::new(program).args(["verify", "--database", database]).stdin(Stdio::null()).output().await;
    let output = output.expect("the program runs");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "verify: {}", String::from_utf8_lossy(&said));
}

/// Runs `fieldmerge admin compact` beside whatever else uses the database. `die_at` is a failpoint and how often it is
/// passed; otherwise it has to succeed. True if it died there.
pub async fn compact(program: &str, database: &str, die_at: Option<(&str, u32)>) -> bool {
    use std::os::unix::process::ExitStatusExt;
    let mut command = Command::new(program);
    command.args(["admin", "compact", "--json", "--database", database]);
    command.stdin(Stdio::null()).env_remove("FIELDMERGE_DIE_AT").kill_on_drop(true);
    if let Some((name, count)) = die_at {
        command.env("FIELDMERGE_DIE_AT", format!("{name}:{count}"));
    }
    let output = command.output().await.expect("the program runs");
    let killed = die_at.is_some() && output.status.signal() == Some(9);
    let said = [output.stdout, output.stderr].concat();
    assert!(killed || output.status.success(), "compact: {}", String::from_utf8_lossy(&said));
    killed
}
