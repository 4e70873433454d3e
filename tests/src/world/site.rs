//! A server in this process, with a project, its areas and its devices.

use std::net::SocketAddr;

use axum::Router;
use ed25519_dalek::VerifyingKey;
use fieldmerge_engine::Enrolment;
use fieldmerge_model::pack::HIMO;
use fieldmerge_protocol::{AreaId, ProjectId};
use fieldmerge_server::admin::codes::{self, CodeRequest};
use fieldmerge_server::admin::{GrantText, projects};
use fieldmerge_server::forms::Forms;
use fieldmerge_server::forms::pack::publish_pack;
use fieldmerge_server::{App, Clock, Config, Ids, Metrics, http};
use fieldmerge_store::projects::Project;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::link::InProcess;
use super::phone::Phone;
use crate::database::Database;

/// The code of the project of every world.
pub const PROJECT: &str = "ROADS";
/// When worlds begin: 1 March 2026.
pub const START_MS: i64 = 1_772_323_200_000;

/// A running server.
#[derive(Debug, Clone)]
pub struct Site {
    /// The server.
    pub app: App,
    /// The project.
    pub project: ProjectId,
    /// Its root area.
    pub root: AreaId,
    /// Its areas in the order in which they were named.
    pub areas: Vec<AreaId>,
    address: String,
}

impl Site {
    /// Makes a project with areas in an empty database.
    pub async fn found(database: &Database, seed: u64, areas: &[&str]) -> Self {
        let app = app(database, START_MS, seed).await;
        let project = projects::create(&app, PROJECT, "Rural roads").await.expect("a project is made");
        publish_pack(&app, PROJECT, &HIMO).await.expect("its forms are published");
        let mut made = Vec::new();
        for code in areas {
            made.push(projects::create_area(&app, PROJECT, code, code).await.expect("an area is made").id);
        }
        Self {
            app,
            project: project.id,
            root: project.root_area,
            areas: made,
            address: "http://test".to_owned(),
        }
    }

    /// A server with a project that somebody else made.
    pub fn of(app: &App, project: &Project) -> Self {
        let (root, address) = (project.root_area, "http://test".to_owned());
        Self { app: app.clone(), project: project.id, root, areas: Vec::new(), address }
    }

    /// The same server after its process ended: another store, another source of ids, the clock as given.
    pub async fn reopen(&self, database: &Database, now_ms: i64, seed: u64) -> Self {
        Self { app: app(database, now_ms, seed).await, ..self.clone() }
    }

    /// A new phone with grants such as `S1:enumerator`, and with the forms of the project.
    pub async fn phone(&self, label: &str, seed: u64, grants: &[&str]) -> Phone {
        let (clock_ms, forms) = (self.app.now_ms(), self.forms().await);
        Phone::enrolled(label, seed, clock_ms, &forms, async |key| self.enrol(label, key, grants).await).await
    }

    /// The bytes of the versions of forms that the project has published.
    pub async fn forms(&self) -> Vec<Vec<u8>> {
        let mut tx = self.app.store().read().await.expect("a snapshot can be read");
        let forms = Forms::load(&mut tx, self.project).await.expect("forms can be read");
        tx.rollback().await.expect("a snapshot ends");
        forms.all.into_iter().map(|published| published.bytes).collect()
    }

    /// Takes a device with this public key into the project.
    pub async fn enrol(&self, label: &str, public_key: [u8; 32], grants: &[&str]) -> Enrolment {
        self.enrol_in(PROJECT, label, public_key, grants).await
    }

    /// The same for a project with another code.
    pub async fn enrol_in(
        &self,
        project: &str,
        label: &str,
        public_key: [u8; 32],
        grants: &[&str],
    ) -> Enrolment {
        let code = self.code_for(project, label, grants).await;
        let key = VerifyingKey::from_bytes(&public_key).expect("a key of ours is a key");
        let enrolled = codes::enrol(&self.app, &code, &key).await.expect("a fresh code enrols");
        Enrolment {
            project: enrolled.project.id,
            project_code: enrolled.project.code,
            device: enrolled.device,
            number: u32::try_from(enrolled.number).expect("a few devices"),
            label: enrolled.label,
            server_key: enrolled.server_key,
            sealing_key: enrolled.sealing_key.map(|(key, _)| key),
            root_area: enrolled.project.root_area,
            address: self.address.clone(),
            server_ms: self.app.now_ms(),
        }
    }

    /// A one-time code for a device of the project.
    pub async fn code(&self, label: &str, grants: &[&str]) -> String {
        self.code_for(PROJECT, label, grants).await
    }

    async fn code_for(&self, project: &str, label: &str, grants: &[&str]) -> String {
        let grants: Vec<GrantText> =
            grants.iter().map(|text| text.parse().expect("a grant is AREA:ROLE")).collect();
        let request = CodeRequest {
            project: project.to_owned(),
            label: label.to_owned(),
            people: Vec::new(),
            grants,
            lives_ms: 3_600_000,
        };
        codes::create(&self.app, &request).await.expect("a code is made").code
    }

    /// The API.
    pub fn router(&self) -> Router {
        http::router(&self.app)
    }

    /// A way to the API without a network.
    pub fn link(&self) -> InProcess {
        InProcess(self.router())
    }

    /// Serves the API on a port of its own.
    pub async fn listen(&self) -> Listening {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let (stop, stopped) = oneshot::channel();
        let serving = http::serve::serve(self.app.clone(), listener, self.router(), async {
            let _: Result<(), _> = stopped.await;
        });
        Listening { address, stop: Some(stop), task: tokio::spawn(serving) }
    }
}

async fn app(database: &Database, now_ms: i64, seed: u64) -> App {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let attachments = Some("memory:".to_owned());
    let config =
        Config { drain_timeout: std::time::Duration::from_secs(5), attachments, ..Config::default() };
    App::new(database.store().await, Clock::fixed(now_ms), Ids::from_seed(bytes), config, Metrics::default())
}

/// A server that listens, until dropped.
#[derive(Debug)]
pub struct Listening {
    /// Where.
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Listening {
    /// Stops listening and waits for the requests under way.
    pub async fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        let _ = (&mut self.task).await;
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.task.abort();
    }
}
