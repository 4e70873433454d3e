//! S16: what TLS adds to a sync without news, behind nginx as Debian has it: the first sync of a process and the next ones,
//! which go on with the session. The certificate is one of a public authority in kind: a chain of two P-256 keys.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use fieldmerge_sdk::{Device, SyncOptions};
use fieldmerge_tests::database::folder;
use fieldmerge_tests::world::proxy::{Conditions, Proxy};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};

use super::Plan;
use super::output::{Limit, Report, count, progress};
use super::server::Server;
use super::site::{Kind, Site};

/// Makes root, authority and certificate in the working directory; `chain.pem` is what the server shows.
const CERTIFICATES: &str = "
    key() { openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out $1.key; }
    key root && key authority && key server &&
    openssl req -x509 -key root.key -days 30 -subj '/C=XX/O=Bench/CN=Root of the bench' -out root.pem &&
    openssl req -new -key authority.key -subj '/C=XX/O=Bench/CN=E1' -out authority.csr &&
    printf 'basicConstraints=critical,CA:true,pathlen:0\nkeyUsage=critical,keyCertSign\n' > authority.ext &&
    openssl x509 -req -in authority.csr -CA root.pem -CAkey root.key -CAcreateserial -days 30 \
        -extfile authority.ext -out authority.pem &&
    openssl req -new -key server.key -subj '/CN=fieldmerge.example' -out server.csr &&
    printf 'basicConstraints=critical,CA:false\nkeyUsage=critical,digitalSignature\nextendedKeyUsage=serverAuth
subjectAltName=IP:127.0.0.1,DNS:fieldmerge.example\n' > server.ext &&
    openssl x509 -req -in server.csr -CA authority.pem -CAkey authority.key -CAcreateserial -days 30 \
        -extfile server.ext -out server.pem &&
    cat server.pem authority.pem > chain.pem";

/// Syncs a device in this folder so many times, after it has enrolled if there is a code: the phone of S16, a process of its
/// own, because the certificates that a process trusts are read once.
pub async fn phone(folder: &Path, address: &str, code: Option<&str>, times: u32) {
    let device = Device::open(folder).await.expect("the device opens");
    if let Some(code) = code {
        device.enrol(address, code).await.expect("a fresh code enrols");
    }
    for _ in 0..times {
        device.sync(SyncOptions::default()).await.expect("the link holds");
    }
}

/// Measures S16, if it is wanted.
pub async fn run(plan: &Plan, report: &mut Report) {
    if !plan.wants(16) {
        return;
    }
    progress("S16: a sync without news over TLS");
    let site = Site::found(Kind::Sqlite, 1).await;
    let server = site.serve().await;
    let folder = folder();
    make_certificates(folder.path()).await;
    for (kept, settings) in
        [("tickets", ""), ("a cache", "ssl_session_tickets off; ssl_session_cache shared:bench:1m;")]
    {
        let clear = Way::open(&site, &server, folder.path(), "").await.sync().await;
        let settings = format!(
            "ssl_certificate chain.pem; ssl_certificate_key server.key; ssl_protocols TLSv1.3; {settings}"
        );
        let safe = Way::open(&site, &server, folder.path(), &settings).await.sync().await;
        let first = count(safe.first) - count(clear.first);
        let next = count(safe.next) - count(clear.next);
        let of = |what: &str| format!("bytes that TLS adds, {what}, sessions kept in {kept}");
        report.figure(16, &of("first sync"), first, "B", Limit::AtMost(3_072.0));
        report.figure(16, &of("next sync"), next, "B", Limit::AtMost(716.8));
    }
    server.stop().await;
}

async fn make_certificates(folder: &Path) {
    let mut shell = Command::new("sh");
    shell.args(["-ec", CERTIFICATES]).current_dir(folder).stdout(Stdio::null()).stderr(Stdio::null());
    let made = shell.status().await.expect("there is a shell");
    assert!(made.success(), "S16 needs the program openssl");
}

/// Bytes of the first and of the next sync of a process, both ways.
struct Bytes {
    first: u64,
    next: u64,
}

/// A way from a phone to the server: a link that counts, and nginx behind it.
struct Way {
    link: Proxy,
    _nginx: Child,
    phone: tempfile::TempDir,
    trusted: std::path::PathBuf,
    address: String,
}

impl Way {
    /// Enrols a phone by this way, and lets it sync until there is no news.
    async fn open(site: &Site, server: &Server, certificates: &Path, settings: &str) -> Self {
        let (nginx, behind) = nginx(certificates, server.address, settings).await;
        let link = Proxy::open(behind, Conditions::default()).await;
        let scheme = if settings.is_empty() { "http" } else { "https" };
        let address = format!("{scheme}://{}", link.address());
        let trusted = certificates.join("root.pem");
        let way = Self { link, _nginx: nginx, phone: folder(), trusted, address };
        let code = site.code("phone", &["S0:enumerator"]).await;
        way.run(Some(&code), 2).await;
        way
    }

    /// What two syncs cost, each on a connection of its own.
    async fn sync(&self) -> Bytes {
        let first = self.run(None, 1).await;
        let both = self.run(None, 2).await;
        Bytes { first, next: both - first }
    }

    /// Runs a phone; gives the bytes that passed.
    async fn run(&self, code: Option<&str>, times: u32) -> u64 {
        self.link.take();
        let program = std::env::current_exe().expect("Linux tells what runs");
        let mut phone = Command::new(program);
        phone.args(["phone-for-bench", &times.to_string(), &self.address]).arg(self.phone.path()).args(code);
        let done = phone.env("SSL_CERT_FILE", &self.trusted).status().await.expect("the bench starts itself");
        assert!(done.success(), "the phone of S16 says why above");
        let traffic = self.link.take();
        traffic.up + traffic.down
    }
}

/// Starts nginx before the server, with a connection for each request.
async fn nginx(folder: &Path, server: SocketAddr, settings: &str) -> (Child, SocketAddr) {
    let port = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = port.local_addr().expect("a listener has an address");
    drop(port);
    let at = folder.display();
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|name| format!("{name}_temp_path {at}/{name};\n"))
        .concat();
    let ssl = if settings.is_empty() { "" } else { "ssl" };
    let text = format!(
        "daemon off; master_process off; error_log stderr crit; pid {at}/pid; events {{}}
         http {{ access_log off; keepalive_timeout 0; {temporary}
         server {{ listen {address} {ssl}; {settings} location / {{ proxy_pass http://{server}; }} }} }}"
    );
    let file = folder.join("nginx.conf");
    std::fs::write(&file, text).expect("a file can be written");
    let mut command = Command::new("nginx");
    command.arg("-p").arg(folder).arg("-c").arg(&file).kill_on_drop(true);
    let nginx = command.spawn().expect("S16 needs the program nginx");
    while TcpStream::connect(address).await.is_err() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    (nginx, address)
}
