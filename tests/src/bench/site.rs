//! A project in a new database, its areas and its devices.

use ed25519_dalek::{SigningKey, VerifyingKey};
use fieldmerge_model::pack::HIMO;
use fieldmerge_protocol::{AreaId, ProjectId};
use fieldmerge_server::admin::codes::{self, CodeRequest};
use fieldmerge_server::admin::{GrantText, projects};
use fieldmerge_server::compact::{self, Compacted};
use fieldmerge_server::findings::judge_all;
use fieldmerge_server::forms::pack::publish_pack;
use fieldmerge_server::{App, Clock, Config, Ids, Metrics};
use fieldmerge_store::{Store, StoreOptions};
use fieldmerge_tests::postgres::{self, Durability};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};
use tempfile::TempDir;

use super::author::Author;
use super::server::Server;

/// The code of the project.
const PROJECT: &str = "BENCH";

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file on this machine's disk.
    Sqlite,
    /// PostgreSQL on this machine's disk, with its fsync.
    Postgres,
}

/// The database, gone when dropped.
enum Database {
    Sqlite(TempDir),
    Postgres(postgres::Database),
}

/// A project in a database of its own.
pub struct Site {
    database: Database,
    app: App,
    /// The project.
    pub project: ProjectId,
    /// Its areas, named `S0`, `S1`, ….
    pub areas: Vec<AreaId>,
}

impl Site {
    /// Founds a project with so many areas.
    pub async fn found(kind: Kind, areas: usize) -> Self {
        let database = match kind {
            // Not in memory, where other tests have theirs: what is measured has to be durable.
            Kind::Sqlite => Database::Sqlite(tempfile::tempdir().expect("a temporary folder can be made")),
            Kind::Postgres => Database::Postgres(postgres::empty(Durability::Machine).await),
        };
        // This process only administers: one connection each way is enough.
        let options =
            StoreOptions { readers: 1, writers: 1, cache_bytes: 1 << 20, ..StoreOptions::default() };
        let store = Store::open_with(&url(&database), &options).await.expect("the database opens");
        store.migrate().await.expect("the schema is laid out");
        let app =
            App::new(store, Clock::System, Ids::from_seed([7; 32]), Config::default(), Metrics::default());
        let project = projects::create(&app, PROJECT, "Rural roads").await.expect("a project is made");
        publish_pack(&app, PROJECT, &HIMO).await.expect("its forms are published");
        let mut made = Vec::with_capacity(areas);
        for index in 0..areas {
            let area =
                projects::create_area(&app, PROJECT, &format!("S{index}"), &format!("Site {index}")).await;
            made.push(area.expect("an area is made").id);
        }
        Self { database, app, project: project.id, areas: made }
    }

    /// Where the database is.
    pub fn url(&self) -> String {
        url(&self.database)
    }

    /// Starts a server on the database.
    pub async fn serve(&self) -> Server {
        Server::start(&self.url()).await
    }

    /// Compacts all that is stored, as `fieldmerge admin compact` does beside a server.
    pub async fn compact(&self) -> Compacted {
        let mut done = compact::now(&self.app, None).await.expect("the database can be compacted");
        done.pop().expect("there is a project")
    }

    /// Judges all that was taken, as a server does in the background. Gives how many records, each as often as it changed.
    pub async fn judge(&self) -> u64 {
        judge_all(&self.app).await.expect("the database answers")
    }

    /// A code with which one device may enrol, with grants such as `S1:enumerator`.
    pub async fn code(&self, label: &str, grants: &[&str]) -> String {
        let grants: Vec<GrantText> =
            grants.iter().map(|text| text.parse().expect("a grant is AREA:ROLE")).collect();
        let request = CodeRequest {
            project: PROJECT.to_owned(),
            label: label.to_owned(),
            people: Vec::new(),
            grants,
            lives_ms: 3_600_000,
        };
        codes::create(&self.app, &request).await.expect("a code is made").code
    }

    /// A device that makes load, working in one area.
    pub async fn author(&self, seed: u64, area: usize, grants: &[&str]) -> Author {
        let mut secret = [0; 32];
        secret[..8].copy_from_slice(&seed.to_le_bytes());
        secret[31] = 1;
        let key = SigningKey::from_bytes(&secret);
        let code = self.code(&format!("device {seed}"), grants).await;
        let public_key: VerifyingKey = key.verifying_key();
        let enrolled = codes::enrol(&self.app, &code, &public_key).await.expect("a fresh code enrols");
        Author::new(seed, key, enrolled.device, self.project, self.areas[area])
    }

    /// One device for each index below `count`, each an enumerator in the area that `area_of` gives it.
    pub async fn authors(&self, count: usize, area_of: impl Fn(usize) -> usize) -> Vec<Author> {
        let mut authors = Vec::with_capacity(count);
        for index in 0..count {
            let area = area_of(index);
            let seed = 100 + index as u64;
            authors.push(self.author(seed, area, &[&format!("S{area}:enumerator")]).await);
        }
        authors
    }

    /// Bytes of the database: on SQLite those that hold something, what stands in its log included, on PostgreSQL those of
    /// its files.
    pub async fn database_bytes(&self) -> u64 {
        let folder = match &self.database {
            Database::Sqlite(folder) => folder,
            Database::Postgres(database) => {
                return count(&database.url, "SELECT pg_database_size(current_database())").await;
            }
        };
        let options = SqliteConnectOptions::new().filename(folder.path().join(FILE)).read_only(true);
        let mut connection = options.connect().await.expect("SQLite opens");
        let bytes: i64 = sqlx::query_scalar(
            "SELECT (page_count - freelist_count) * page_size
                FROM pragma_page_count, pragma_freelist_count, pragma_page_size",
        )
        .fetch_one(&mut connection)
        .await
        .expect("SQLite counts its pages");
        connection.close().await.expect("the connection closes");
        u64::try_from(bytes).unwrap_or_default()
    }
}

impl Site {
    /// Bytes of the log that the database writes ahead.
    pub async fn log_bytes(&self) -> u64 {
        match &self.database {
            Database::Sqlite(folder) => {
                let log = folder.path().join(format!("{FILE}-wal"));
                std::fs::metadata(log).map_or(0, |log| log.len())
            }
            Database::Postgres(database) => {
                let sql = "SELECT CAST(COALESCE(SUM(size), 0) AS BIGINT) FROM pg_ls_waldir()";
                count(&database.url, sql).await
            }
        }
    }
}

/// What a query of PostgreSQL counts.
async fn count(url: &str, sql: &'static str) -> u64 {
    let mut connection = PgConnection::connect(url).await.expect("PostgreSQL answers");
    let bytes: i64 = sqlx::query_scalar(sql).fetch_one(&mut connection).await.expect("it counts");
    u64::try_from(bytes).unwrap_or_default()
}

const FILE: &str = "fieldmerge.db";

fn url(database: &Database) -> String {
    match database {
        Database::Sqlite(folder) => format!("sqlite:{}", folder.path().join(FILE).display()),
        Database::Postgres(database) => database.url.clone(),
    }
}
