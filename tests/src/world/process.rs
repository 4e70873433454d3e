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
        command.env_remove("FIELDMERGE_DIE_AT");
        if let Some((name, count)) = die_at {
            command.env("FIELDMERGE_DIE_AT", format!("{name}:{count}"));
        }
        Self::run(command, database, host).await
    }

    /// Starts a server that can make no file longer than so many KiB: a write beyond fails, as on a disk that is full.
    pub async fn start_on_full_disk(program: &str, database: &str, host: Ipv4Addr, kib: u64) -> Self {
        let mut command = Command::new("sh");
        // The units of POSIX are 512 bytes. A process that ignores the signal is told by an error instead.
        let limited = format!("trap '' XFSZ; ulimit -S -f {}; exec \"$0\" \"$@\"", kib * 2);
        command.args(["-c", &limited, program]).env_remove("FIELDMERGE_DIE_AT");
        Self::run(command, database, host).await
    }

    /// Lets it make files of any length.
    pub fn make_room(&self) {
        use rustix::process::{Resource, Rlimit, prlimit};
        let any = Rlimit { current: None, maximum: None };
        prlimit(Some(self.id()), Resource::Fsize, any).expect("a limit of ours can be raised");
    }

    fn id(&self) -> rustix::process::Pid {
        let id = self.child.id().and_then(|id| i32::try_from(id).ok());
        id.and_then(rustix::process::Pid::from_raw).expect("it runs")
    }

    async fn run(mut command: Command, database: &str, host: Ipv4Addr) -> Self {
        command
            .args(["serve", "--json", "--database", database, "--listen", &format!("{host}:0")])
            .env("FIELDMERGE_LOG", "off")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true);
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
        use rustix::process::{Signal, kill_process};
        kill_process(self.id(), Signal::TERM).expect("a process can be told");
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
