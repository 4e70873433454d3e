//! A real PostgreSQL for tests: one throw-away cluster for a whole run, a database of its own for each test.
//!
//! With `FIELDMERGE_TEST_POSTGRES_URL` set (a superuser or one that may create databases), that server is used. Else
//! the first test process starts a cluster below the temporary folder, the others of the run find it there, and a
//! watchdog stops and removes it when no process has used it for half a minute.

use std::fs::{self, File};
use std::hash::{DefaultHasher, Hasher};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::str::FromStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use fieldmerge_store::Store;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection};

/// What the cluster promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// What is committed survives the end of any process, but not of the machine: no fsync. For tests.
    Processes,
    /// What is committed survives the machine, as in production. For benches.
    Machine,
}

/// A database that is dropped with this value.
#[derive(Debug)]
pub struct Database {
    name: String,
    server: String,
    /// Where it is, for `Store::open` and for a spawned server.
    pub url: String,
}

/// An empty database with the present schema, cloned from a template that is migrated once.
pub async fn migrated() -> Database {
    let server = server(Durability::Processes);
    let template = template(&server).await;
    create(&server, &format!(" TEMPLATE {template}")).await
}

/// An empty database without a schema.
pub async fn empty(durability: Durability) -> Database {
    create(&server(durability), "").await
}

async fn create(server: &str, from: &str) -> Database {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let name = format!("fieldmerge_test_{}_{number}", std::process::id());
    let mut admin = connect(server).await;
    // A process with this number may have died here before.
    execute(&mut admin, format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")).await;
    execute(&mut admin, format!("CREATE DATABASE {name}{from}")).await;
    admin.close().await.expect("the connection closes");
    Database { url: with_name(server, &name), server: server.to_owned(), name }
}

impl Database {
    /// Another one with the same content. Nobody may be connected to this one.
    pub async fn copy(&self) -> Self {
        create(&self.server, &format!(" TEMPLATE {}", self.name)).await
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // A test's own runtime cannot be waited for here: a thread with its own one can.
        let (server, name) = (self.server.clone(), self.name.clone());
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                let mut admin = PgConnectOptions::from_str(&server)?.connect().await?;
                sqlx::raw_sql(AssertSqlSafe(format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")))
                    .execute(&mut admin)
                    .await?;
                Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
            })
        });
        // What stays behind goes with the cluster.
        let _ = dropped.join();
    }
}

async fn connect(url: &str) -> PgConnection {
    let options = PgConnectOptions::from_str(url).expect("the address of PostgreSQL parses");
    options.disable_statement_logging().connect().await.expect("PostgreSQL answers")
}

async fn execute(connection: &mut PgConnection, sql: String) {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(connection).await.expect("PostgreSQL does what a test needs");
}

/// The name of the migrated template, which is made at first use; its name tells which migrations it has.
async fn template(server: &str) -> String {
    let mut hasher = DefaultHasher::new();
    for (name, text) in migrations("postgres") {
        hasher.write(name.as_bytes());
        hasher.write(text.as_bytes());
    }
    let name = format!("fieldmerge_template_{:016x}", hasher.finish());
    let mut admin = connect(server).await;
    // An advisory lock of the session: of the processes of a run one makes the template, the others wait.
    execute(&mut admin, "SELECT pg_advisory_lock(5180)".to_owned()).await;
    let exists: Option<i32> = sqlx::query_scalar("SELECT 1 FROM pg_database WHERE datname = $1")
        .bind(&name)
        .fetch_optional(&mut admin)
        .await
        .expect("PostgreSQL lists its databases");
    if exists.is_none() {
        let unfinished = format!("{name}_unfinished");
        execute(&mut admin, format!("DROP DATABASE IF EXISTS {unfinished} WITH (FORCE)")).await;
        execute(&mut admin, format!("CREATE DATABASE {unfinished}")).await;
        let store = Store::open(&with_name(server, &unfinished)).await.expect("the template opens");
        store.migrate().await.expect("the migrations run on PostgreSQL");
        store.close().await;
        execute(&mut admin, format!("ALTER DATABASE {unfinished} RENAME TO {name}")).await;
    }
    admin.close().await.expect("the connection closes");
    name
}

/// The migrations of one database, by name, with their texts.
pub fn migrations(database: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../migrations").join(database);
    let mut found: Vec<_> = fs::read_dir(&folder)
        .expect("the migrations stand beside the tests")
        .map(|entry| entry.expect("the folder can be read"))
        .map(|entry| {
            let name = entry.file_name().into_string().expect("file names are plain");
            (name, fs::read_to_string(entry.path()).expect("a migration can be read"))
        })
        .collect();
    found.sort();
    found
}

fn with_name(server: &str, name: &str) -> String {
    let (address, query) =
        server.split_once('?').map_or((server, None), |(address, query)| (address, Some(query)));
    let (base, _) = address.rsplit_once('/').expect("an address ends with a database name");
    query.map_or_else(|| format!("{base}/{name}"), |query| format!("{base}/{name}?{query}"))
}

/// The address of the server's own database.
fn server(durability: Durability) -> String {
    static TESTS: OnceLock<Cluster> = OnceLock::new();
    static BENCHES: OnceLock<Cluster> = OnceLock::new();
    if let Ok(url) = std::env::var("FIELDMERGE_TEST_POSTGRES_URL") {
        return url;
    }
    let place = if durability == Durability::Processes { &TESTS } else { &BENCHES };
    place.get_or_init(|| Cluster::join(durability)).url.clone()
}

/// A running cluster that this process uses.
struct Cluster {
    url: String,
    /// Locked for as long as this process lives, shared with the others: the watchdog waits for all of them.
    _users: File,
}

impl Cluster {
    /// Finds the cluster of this run, or starts it.
    fn join(durability: Durability) -> Self {
        let kind = if durability == Durability::Processes { "tests" } else { "benches" };
        let uid = fs::metadata("/proc/self").expect("Linux tells who runs this").uid();
        let home = std::env::temp_dir().join(format!("fieldmerge-postgres-{uid}-{kind}"));
        fs::create_dir_all(&home).expect("the temporary folder can be written");
        fs::set_permissions(&home, fs::Permissions::from_mode(0o755))
            .expect("our own folder has our permissions");
        let open = |name| File::create(home.join(name)).expect("a lock file can be made");
        let users = open("users.lock");
        let starting = open("starting.lock");
        // Waits here while another process starts the cluster, or while the watchdog stops it.
        starting.lock().expect("a file can be locked");
        users.lock_shared().expect("a file can be locked");
        let tools = Tools::find(uid);
        let data = home.join("data");
        if !tools.run("pg_ctl", &["status", "-D", text(&data)]).status.success() {
            tools.start(&home, &data, durability);
            watch(&home, &tools);
        }
        let user = tools.user.as_deref().unwrap_or("fieldmerge");
        let url = format!("postgres://{user}@localhost/postgres?host={}", home.join("socket").display());
        Self { url, _users: users }
    }
}

/// Stops and removes a cluster when nobody has used it for a while. A process of its own, since tests come and go.
fn watch(home: &Path, tools: &Tools) {
    let stop = tools.command("pg_ctl", &["stop", "-m", "immediate", "-D", text(&home.join("data"))]);
    let stop: Vec<&str> =
        std::iter::once(stop.get_program()).chain(stop.get_args()).filter_map(|word| word.to_str()).collect();
    let script = format!(
        "while sleep 30; do \
             exec 8>>starting.lock; flock -n 8 || continue; \
             exec 9>>users.lock; if flock -n 9; then {} >/dev/null 2>&1; rm -rf data socket log; exit; fi; \
             exec 9>&- 8>&-; \
         done",
        stop.join(" ")
    );
    let watching = Command::new("setsid")
        .args(["--fork", "sh", "-c", &script])
        .current_dir(home)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("a shell can be started");
    assert!(watching.success(), "the watchdog of PostgreSQL did not start");
}

/// PostgreSQL's programs, and the user to run them as.
struct Tools {
    folder: PathBuf,
    /// PostgreSQL refuses to run as root: then it runs as this user.
    user: Option<String>,
}

impl Tools {
    fn find(uid: u32) -> Self {
        let mut folders: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
            .collect();
        folders.sort();
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folder = folders
            .into_iter()
            .rev()
            .chain(std::env::split_paths(&path))
            .find(|folder| folder.join("initdb").exists() && folder.join("pg_ctl").exists())
            .expect(
                "PostgreSQL is needed: install it (Debian: postgresql), or set FIELDMERGE_TEST_POSTGRES_URL",
            );
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let known = |name: &str| users.lines().any(|line| line.split(':').next() == Some(name));
        let user = (uid == 0).then(|| if known("postgres") { "postgres" } else { "nobody" }.to_owned());
        Self { folder, user }
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let program = self.folder.join(program);
        let mut command = match &self.user {
            Some(user) => {
                let mut command = Command::new("runuser");
                command.args(["-u", user, "--"]).arg(program);
                command
            }
            None => Command::new(program),
        };
        command.args(arguments).current_dir("/").stdin(Stdio::null());
        command
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Output {
        self.command(program, arguments).output().expect("PostgreSQL's programs can be started")
    }

    fn start(&self, home: &Path, data: &Path, durability: Durability) {
        let socket = home.join("socket");
        for folder in [data, socket.as_path()] {
            let _ = fs::remove_dir_all(folder);
            fs::create_dir_all(folder).expect("the temporary folder can be written");
            if let Some(user) = &self.user {
                let id = Command::new("id").args(["-u", user]).output().expect("the system knows its users");
                let id = String::from_utf8_lossy(&id.stdout).trim().parse().expect("a user has a number");
                chown(folder, Some(id), None).expect("root may give a folder away");
            }
        }
        let user = self.user.as_deref().unwrap_or("fieldmerge");
        let made = self.run(
            "initdb",
            &["-D", text(data), "-U", user, "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C"],
        );
        assert!(made.status.success(), "initdb failed: {}", String::from_utf8_lossy(&made.stderr));
        let sync = match durability {
            Durability::Processes => "-c fsync=off -c full_page_writes=off -c shared_buffers=128MB",
            Durability::Machine => "-c shared_buffers=1GB -c max_wal_size=4GB",
        };
        let options = format!(
            "-c listen_addresses='' -c unix_socket_directories={} -c max_connections=200 {sync}",
            socket.display()
        );
        let log = data.join("server.log");
        // Not through a pipe: the server keeps what it inherits, and a pipe would never end.
        let started = self
            .command("pg_ctl", &["start", "-w", "-D", text(data), "-l", text(&log), "-o", &options])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("PostgreSQL's programs can be started");
        assert!(started.success(), "PostgreSQL did not start, see {}", log.display());
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("paths of the temporary folder are plain text")
}
