//! Where a case runs, and the small values that cases are made of.

use std::time::Duration;

use fieldmerge_protocol::sync::Feed;
use fieldmerge_protocol::{Actor, AreaId, DeviceId, Incarnation, LogId, ProjectId, RecordClass, RecordId};
use fieldmerge_store::projects::Project;
use fieldmerge_store::records::{RecordRow, ValuedRecord};
use fieldmerge_store::segments::{SegmentHead, Source};
use fieldmerge_store::{Store, StoreOptions};
use fieldmerge_tests::postgres;

/// A database of its own for one case.
pub enum Place {
    Sqlite(tempfile::TempDir),
    Postgres(postgres::Database),
}

impl Place {
    pub fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().expect("a temporary folder can be made"))
    }

    pub async fn postgres() -> Self {
        Self::Postgres(postgres::migrated().await)
    }

    pub fn url(&self) -> String {
        match self {
            Self::Sqlite(folder) => format!("sqlite:{}", folder.path().join("store.db").display()),
            Self::Postgres(database) => database.url.clone(),
        }
    }

    /// A store with the schema in place.
    pub async fn store(&self) -> Store {
        self.store_with(&StoreOptions::default()).await
    }

    pub async fn store_with(&self, options: &StoreOptions) -> Store {
        let store = Store::open_with(&self.url(), options).await.expect("the database opens");
        store.migrate().await.expect("the schema is brought up to date");
        store
    }

    /// A store that gives up soon.
    pub async fn impatient(&self, attempts: u32) -> Store {
        let options =
            StoreOptions { busy_timeout: Duration::from_millis(100), attempts, ..StoreOptions::default() };
        self.store_with(&options).await
    }

    /// Runs a statement behind the store's back.
    pub async fn execute(&self, sql: &'static str) {
        use sqlx::Connection;
        match self {
            Self::Sqlite(_) => {
                let mut connection =
                    sqlx::SqliteConnection::connect(&self.url()).await.expect("SQLite opens");
                sqlx::raw_sql(sql).execute(&mut connection).await.expect("the statement runs");
            }
            Self::Postgres(_) => {
                let mut connection =
                    sqlx::PgConnection::connect(&self.url()).await.expect("PostgreSQL opens");
                sqlx::raw_sql(sql).execute(&mut connection).await.expect("the statement runs");
            }
        }
    }
}

/// Runs cases, functions of a [`Place`], on both databases.
macro_rules! on_both {
    ($($case:ident),+ $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    super::$case(&$crate::place::Place::sqlite()).await;
                }
            )+
        }

        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    super::$case(&$crate::place::Place::postgres().await).await;
                }
            )+
        }
    };
}
pub(crate) use on_both;

pub const PROJECT: ProjectId = ProjectId([1; 16]);
pub const AREA: AreaId = AreaId([2; 16]);
pub const FEED: Feed = Feed { area: AREA, class: RecordClass::Core };
pub const DEVICE: DeviceId = DeviceId([3; 10]);
pub const INCARNATION: Incarnation = Incarnation([4; 4]);

pub fn source(frame: u64) -> Source {
    Source { device: DEVICE, incarnation: INCARNATION, frame }
}

pub fn record_id(number: u32) -> RecordId {
    let mut bytes = [9; 16];
    // The last bytes, reversed, so that the order of ids is not the order of numbers.
    bytes[12..].copy_from_slice(&number.reverse_bits().to_be_bytes());
    RecordId(bytes)
}

pub fn actor(person: u16) -> Actor {
    Actor::new(DEVICE, person, INCARNATION)
}

pub fn project() -> Project {
    Project {
        id: PROJECT,
        code: "roads".to_owned(),
        name: "Roads of the south".to_owned(),
        root_area: AREA,
        log_id: LogId([5; 16]),
        roster_version: 1,
        settings: r#"{"country": "MG"}"#.to_owned(),
        created_ms: 100,
        backed_up_ms: None,
        life: None,
        last_form: 0,
    }
}

/// A record that is not stored yet; every field differs from its neighbours, so that none can be mistaken for another.
pub fn record(number: u32, state: &[u8]) -> ValuedRecord {
    ValuedRecord {
        row: RecordRow {
            id: record_id(number),
            version: 0,
            feed: FEED,
            record_type: "worker".to_owned(),
            subject: number.is_multiple_of(2).then(|| record_id(number + 1)),
            author: actor(u16::try_from(number % 7).expect("small")),
            created_ms: 1_000 + i64::from(number),
            updated_ms: 2_000_000 + i64::from(number),
            position: 3_000_000 + u64::from(number),
            change_count: 4_000_000 + u64::from(number),
            open_case_count: 5_000_000 + number,
            state: state.to_vec(),
        },
        current_values: format!(r#"{{"n": {number}}}"#),
    }
}

pub fn segment(feed: Feed, from: u64, to: u64) -> SegmentHead {
    SegmentHead {
        feed,
        from,
        to,
        count: u32::try_from(to - from).expect("small"),
        source: Some(source(to)),
        received_ms: 77,
        compression: 1,
        dictionary: 6,
        raw_bytes: 5_000,
        body_bytes: 0,
    }
}
