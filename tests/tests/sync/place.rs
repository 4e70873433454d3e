//! Where a case runs: a server that listens, with a project, on one of the databases.

use fieldmerge_model::record::{NewRecord, RecordState, Save, Verdict};
use fieldmerge_protocol::sync::{Feed, FrameReceipt, Outcome};
use fieldmerge_protocol::{AreaId, Change, RecordClass, RecordId, Value};
use fieldmerge_tests::database::{Database, Kind};
use fieldmerge_tests::synthetic::path;
use fieldmerge_tests::world::census::Census;
use fieldmerge_tests::world::raw::{Author, Post};
use fieldmerge_tests::world::site::{Listening, START_MS, Site};

/// A server that listens.
pub struct Place {
    pub site: Site,
    pub listening: Listening,
    /// Kept for as long as the server uses it.
    pub database: Database,
}

/// What a device needs to register workers and pay them.
pub const WRITES: [&str; 2] = ["S1:enumerator", "S1:supervisor"];

impl Place {
    pub async fn new(kind: Kind) -> Self {
        let database = Database::new(kind).await;
        let site = Site::found(&database, 1, &["S1", "S2"]).await;
        let listening = site.listen().await;
        Self { site, listening, database }
    }

    pub fn post(&self) -> Post {
        Post { to: self.listening.address, project: self.site.project, server_ms: START_MS }
    }

    /// The same at the server's time.
    pub fn post_now(&self) -> Post {
        Post { server_ms: self.site.app.now_ms(), ..self.post() }
    }

    pub fn area(&self) -> AreaId {
        self.site.areas[0]
    }

    /// The feed of workers of the first site.
    pub fn core(&self) -> Feed {
        Feed { area: self.area(), class: RecordClass::Core }
    }

    pub async fn author(&self, seed: u8) -> Author {
        Author::enrolled(&self.site, &format!("author {seed}"), seed, &WRITES).await
    }

    pub async fn census(&self) -> Census {
        Census::take(self.site.app.store(), self.site.project).await
    }
}

/// Runs cases, functions of a [`Place`], on both databases.
macro_rules! on_both {
    ($($case:ident),+ $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    super::$case(&$crate::place::Place::new(fieldmerge_tests::database::Kind::Sqlite).await).await;
                }
            )+
        }

        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $case() {
                    super::$case(&$crate::place::Place::new(fieldmerge_tests::database::Kind::Postgres).await).await;
                }
            )+
        }
    };
}
pub(crate) use on_both;

/// A record as one author sees it.
#[derive(Debug, Clone)]
pub struct Draft {
    pub id: RecordId,
    pub state: RecordState,
}

impl Draft {
    /// A new worker with this name, and its first change.
    pub fn worker(author: &Author, area: AreaId, number: u8, name: &str) -> (Self, Change) {
        Self::of_type(author, area, number, "worker", &[("family_name", Value::str(name))])
    }

    pub fn of_type(
        author: &Author,
        area: AreaId,
        number: u8,
        record_type: &str,
        values: &[(&str, Value)],
    ) -> (Self, Change) {
        let id = RecordId([number; 16]);
        let new = NewRecord {
            actor: author.actor(),
            time: START_MS,
            id,
            record_type: record_type.into(),
            area,
            subject: None,
            puts: values.iter().map(|(name, value)| (path(name), value.clone())).collect(),
        };
        let change = new.build().expect("a record can be made");
        let mut draft = Self { id, state: RecordState::new(id) };
        draft.take(&change);
        (draft, change)
    }

    /// Writes a value; the change is part of this view.
    pub fn edit(&mut self, author: &Author, name: &str, value: Value) -> Change {
        let save = Save {
            actor: author.actor(),
            time: START_MS,
            puts: vec![(path(name), value)],
            deletes: Vec::new(),
        };
        let change = self.state.build(&save).expect("a value can be written");
        self.take(&change);
        change
    }

    /// Takes somebody's change into this view.
    pub fn take(&mut self, change: &Change) {
        let verdict = self.state.accept(change, change.encode().1, fieldmerge_model::Provenance::default());
        assert!(matches!(verdict, Verdict::Applied | Verdict::Duplicate), "{verdict:?}");
    }
}

/// The outcome and code of each change of a frame that was not simply accepted.
pub fn exceptions(receipt: &FrameReceipt) -> Vec<(u32, Outcome, Option<&str>)> {
    receipt.exceptions.iter().map(|one| (one.index, one.outcome, one.code.as_deref())).collect()
}

/// The database kinds, for cases that make their own places.
pub const BOTH: [Kind; 2] = [Kind::Sqlite, Kind::Postgres];
