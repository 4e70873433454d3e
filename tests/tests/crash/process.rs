//! The server as a process of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// The program under test.
const PROGRAM: &str = env!("CARGO_BIN_EXE_fieldmerge_under_test");

/// A running server; it is killed when dropped.
pub struct Server {
    child: Child,
    /// Where it listens.
    pub address: SocketAddr,
}

impl Server {
    /// Starts a server on an address that no other run uses, so that a phone never finds the server of another run on
    /// a port that was used again. `die_at` is a failpoint and how often it is passed.
    pub async fn start(database: &str, host: Ipv4Addr, die_at: Option<(&str, u32)>) -> Self {
        let mut command = Command::new(PROGRAM);
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

    /// Waits for its end. True if it was SIGKILL that ended it.
    pub async fn ended(&mut self) -> bool {
        use std::os::unix::process::ExitStatusExt;
        self.child.wait().await.expect("a process ends").signal() == Some(9)
    }
}

/// `fieldmerge verify` finds nothing.
pub async fn verify(database: &str) {
    let output =
        Command::new(PROGRAM).args(["verify", "--database", database]).stdin(Stdio::null()).output().await;
    let output = output.expect("the program runs");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "verify: {}", String::from_utf8_lossy(&said));
}
