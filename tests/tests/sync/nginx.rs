//! Behind Debian's nginx with its default settings, but for addresses, paths, one process instead of two, and the one
//! value that a test names. nginx takes a whole request before it passes it on, of at most 1 MiB, and speaks HTTP/1.0 to
//! the server.

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fieldmerge_protocol::api::BUNDLE_MEDIA_TYPE;
use fieldmerge_protocol::bundle::{BundleWriter, PartReader};
use fieldmerge_protocol::limits::{MAX_PART_BYTES, MAX_REQUEST_BYTES};
use fieldmerge_protocol::sync::tag;
use fieldmerge_protocol::{RecordClass, RecordId, Value};
use fieldmerge_sdk::{Clock, Device, NewRecord, Options, SyncOptions};
use fieldmerge_server::{Config, http};
use fieldmerge_tests::database::folder;
use fieldmerge_tests::persona::Persona;
use fieldmerge_tests::server::{START_MS, Server};
use fieldmerge_tests::synthetic::People;
use reqwest::RequestBuilder;
use sqlx::{Connection, SqliteConnection};
use tempfile::TempDir;
use tokio::net::{TcpSocket, TcpStream};
use tokio::process::{Child, Command};

/// A running nginx; it is killed when dropped.
struct Nginx {
    child: Child,
    address: SocketAddr,
    /// Keeps the port: it is bound and never listens.
    _port: TcpSocket,
    _folder: TempDir,
}

impl Nginx {
    /// Starts one before a server. `setting` is the line that a test needs besides the defaults.
    async fn before(server: SocketAddr, setting: &str) -> Self {
        let folder = folder();
        let port = TcpSocket::new_v4().expect("a socket can be made");
        port.set_reuseport(true).expect("Linux knows it");
        port.bind(SocketAddr::from(([127, 0, 0, 1], 0))).expect("a port is free");
        let address = port.local_addr().expect("a bound socket has an address");
        let at = folder.path().display();
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {at}/{name};\n"))
            .concat();
        let settings = format!(
            "daemon off;\nmaster_process off;\nerror_log stderr crit;\npid {at}/pid;\nevents {{}}\n\
             http {{\naccess_log off;\n{temporary}{setting}\n\
             server {{ listen {address} reuseport; location / {{ proxy_pass http://{server}; }} }}\n}}\n"
        );
        let file = folder.path().join("nginx.conf");
        std::fs::write(&file, settings).expect("a file can be written");
        let child = Command::new("nginx")
            .arg("-c")
            .arg(&file)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("this test needs the program nginx; on Debian: apt-get install nginx");
        let mut nginx = Self { child, address, _port: port, _folder: folder };
        while TcpStream::connect(address).await.is_err() {
            let ended = nginx.child.try_wait().expect("a process can be asked");
            assert_eq!(ended, None, "nginx has ended; it says why above");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        nginx
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A sync of a device, not sent yet.
    fn sync(&self, server: &Server, device: &Persona, body: Vec<u8>) -> RequestBuilder {
        server
            .post(&format!("{}/v1/projects/{}/sync", self.url(), server.project.id))
            .bearer_auth(device.token())
            .header("content-type", BUNDLE_MEDIA_TYPE)
            .body(body)
    }
}

/// The parts of a bundle, by their tags.
fn tags(body: &[u8]) -> Vec<u8> {
    let mut reader = PartReader::new(MAX_PART_BYTES);
    reader.feed(body);
    let mut tags = Vec::new();
    while let Some(part) = reader.next_part().expect("the answer is a bundle") {
        tags.push(part.tag);
    }
    tags
}

/// A request of exactly so many bytes: an unknown part fills it up.
fn body_of(device: &Persona, bytes: usize) -> Vec<u8> {
    let empty = device.empty_body();
    let mut reader = PartReader::new(MAX_PART_BYTES);
    reader.feed(&empty);
    let hello = reader.next_part().expect("a bundle").expect("a hello").payload;
    let mut writer = BundleWriter::new();
    writer.part(tag::HELLO, &hello);
    // Head and length of the filling take four bytes, the end takes two.
    let filling = bytes - writer.bytes().len() - 4 - 2;
    writer.part(99, &vec![7; filling]).part(tag::END, &[]);
    writer.into_bytes()
}

#[tokio::test]
async fn a_request_of_the_limit_passes_and_a_byte_more_does_not() {
    let server = Server::start().await;
    let nginx = Nginx::before(server.address, "").await;
    let device = Persona::enrol(&server, 1, &["S1:enumerator"]).await;
    let body = body_of(&device, MAX_REQUEST_BYTES);
    assert_eq!(body.len(), 1 << 20);
    let answer = nginx.sync(&server, &device, body).send().await.expect("nginx answers");
    assert_eq!(answer.status(), 200);
    let answer = answer.bytes().await.expect("the answer comes whole");
    assert_eq!(tags(&answer).last(), Some(&tag::FINISH));
    let more = nginx.sync(&server, &device, body_of(&device, MAX_REQUEST_BYTES + 1)).send().await;
    let more = more.expect("nginx answers");
    assert_eq!(more.status(), 413);
    assert_eq!(more.headers()["content-type"], "text/html", "it is nginx that says so");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_goes_on_with_less_where_nginx_takes_less() {
    let server = Server::start().await;
    // Lower than the default, so that the outbox need not be larger than a test has time for.
    let nginx = Nginx::before(server.address, "client_max_body_size 64k;").await;
    let folder = folder();
    let options = Options { clock: Clock::fixed(START_MS), seed: Some([3; 32]), ..Options::default() };
    let device = Device::open_with(folder.path(), options).await.expect("a new device opens");
    let code = server.code("Hery", &["S1:enumerator"]).await;
    device.enrol(&nginx.url(), &code).await.expect("a fresh code enrols");
    device.sync(SyncOptions::default()).await.expect("the link holds");
    let mut people = People::new(5);
    for _ in 0..60 {
        let noise = URL_SAFE_NO_PAD.encode(people.bytes::<2_000>());
        let worker = NewRecord::new("worker", server.area).set("known_as", noise);
        device.records().create(worker).await.expect("it is saved");
    }
    let report = device.sync(SyncOptions::default()).await.expect("less at a time passes");
    assert!(report.bytes_up > 2 * 120_000, "more was tried first: {report:?}");
    assert_eq!(report.accepted, 60);
    assert!(device.outbox().await.changes.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_answer_is_kept_alive_and_not_held_back() {
    let config = Config { keep_alive: Duration::from_millis(200), ..Config::default() };
    let server = Server::start_with(config, http::router).await;
    // A minute by default; the server says something every ten seconds.
    let nginx = Nginx::before(server.address, "proxy_read_timeout 1s;").await;
    let mut device = Persona::enrol(&server, 1, &["S1:enumerator"]).await;
    let id = RecordId([1; 16]);
    let change = device.new_record(&server, id, "worker", None, &[("family_name", Value::str("Rabe"))]);
    let frame = device.frame(&server, RecordClass::Core, &[(id, change)]);

    let mut lock = SqliteConnection::connect(&server.database.url()).await.expect("the database opens");
    sqlx::query("BEGIN IMMEDIATE").execute(&mut lock).await.expect("nobody else writes");
    let answer = nginx.sync(&server, &device, device.body(&[frame])).send().await;
    let mut answer = answer.expect("the answer begins although nothing can be written yet");
    assert_eq!(answer.status(), 200);
    let mut body = Vec::new();
    // Longer than nginx waits for silence. What arrives meanwhile is not held back.
    while tags(&body).len() < 12 {
        body.extend(answer.chunk().await.expect("the link holds").expect("the answer goes on"));
    }
    assert!(tags(&body).iter().all(|tag| *tag == tag::KEEP_ALIVE), "no receipt before the commit");
    sqlx::query("ROLLBACK").execute(&mut lock).await.expect("the lock is given back");
    while let Some(piece) = answer.chunk().await.expect("the link holds") {
        body.extend(piece);
    }
    let rest: Vec<u8> = tags(&body).into_iter().filter(|tag| *tag != tag::KEEP_ALIVE).collect();
    assert_eq!(rest, [tag::WELCOME, tag::RECEIPTS, tag::FEED_FRAME, tag::DICTIONARY, tag::FINISH]);
}
