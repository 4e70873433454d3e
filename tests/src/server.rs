//! A real server on a port of its own, with a clock that stands still, for tests of the API.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use fieldmerge_model::access::Role;
use fieldmerge_model::pack::HIMO;
use fieldmerge_protocol::AreaId;
use fieldmerge_protocol::problem::{Problem, ProblemCode};
use fieldmerge_server::admin::codes::{self, CodeRequest};
use fieldmerge_server::admin::{GrantText, api_keys, projects};
use fieldmerge_server::forms::pack::publish_pack;
use fieldmerge_server::{App, Clock, Config, Ids, Metrics, http};
use fieldmerge_store::projects::Project;
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::database::{Database, Kind};

/// When tests begin: 1 March 2026.
pub const START_MS: i64 = 1_772_323_200_000;

/// The code of the project that every test server has.
pub const PROJECT: &str = "ROADS";

/// A running server with one project and the area `S1`.
#[derive(Debug)]
pub struct Server {
    /// The server's parts.
    pub app: App,
    /// Its project.
    pub project: Project,
    /// The area `S1`.
    pub area: AreaId,
    /// Where it listens.
    pub address: SocketAddr,
    client: Client,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
    /// Its database.
    pub database: Database,
}

impl Server {
    /// A server with the default configuration, on SQLite.
    pub async fn start() -> Self {
        Self::start_on(Kind::Sqlite).await
    }

    /// A server with the default configuration.
    pub async fn start_on(kind: Kind) -> Self {
        Self::begin(kind, Config::default(), http::router).await
    }

    /// A server that keeps attachments at a place.
    pub async fn start_keeping(kind: Kind, place: String) -> Self {
        let config = Config { attachments: Some(place), ..Config::default() };
        Self::begin(kind, config, http::router).await
    }

    /// A server with this configuration and these routes, on SQLite.
    pub async fn start_with(config: Config, router: impl FnOnce(&App) -> Router) -> Self {
        Self::begin(Kind::Sqlite, config, router).await
    }

    async fn begin(kind: Kind, config: Config, router: impl FnOnce(&App) -> Router) -> Self {
        let database = Database::new(kind).await;
        let attachments = config.attachments.or_else(|| Some("memory:".to_owned()));
        let config = Config { drain_timeout: Duration::from_secs(5), attachments, ..config };
        let store = database.store().await;
        let clock = Clock::fixed(START_MS);
        let app = App::new(store, clock, Ids::from_seed([7; 32]), config, Metrics::default());
        let project = projects::create(&app, PROJECT, "Rural roads").await.expect("a project is made");
        publish_pack(&app, PROJECT, &HIMO).await.expect("its forms are published");
        let area =
            projects::create_area(&app, PROJECT, "S1", "Iarintsena").await.expect("an area is made").id;
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = listener.local_addr().expect("a listener has an address");
        let (stop, stopped) = oneshot::channel();
        let serving = http::serve(app.clone(), listener, router(&app), async {
            let _: Result<(), _> = stopped.await;
        });
        let task = tokio::spawn(serving);
        let client = Client::builder().no_proxy().build().expect("a client without TLS files");
        Self { app, project, area, address, client, stop: Some(stop), task, database }
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The address of a path below the project.
    pub fn project_url(&self, path: &str) -> String {
        self.url(&format!("/v1/projects/{}{path}", self.project.id))
    }

    /// Begins a request.
    pub fn get(&self, url: &str) -> RequestBuilder {
        self.client.get(url)
    }

    /// Begins a request.
    pub fn post(&self, url: &str) -> RequestBuilder {
        self.client.post(url)
    }

    /// Begins a request with another method.
    pub fn request(&self, method: Method, url: &str) -> RequestBuilder {
        self.client.request(method, url)
    }

    /// Begins a request with a JSON body.
    pub fn post_json(&self, url: &str, body: &serde_json::Value) -> RequestBuilder {
        self.post(url).header("content-type", "application/json").body(body.to_string())
    }

    /// A one-time code for a device with grants such as `S1:enumerator`.
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

    /// A key of headquarters that works for an hour.
    pub async fn key(&self, role: Role) -> String {
        let made = api_keys::create(&self.app, PROJECT, "test", role, 3_600_000).await;
        made.expect("a key is made").text
    }

    /// Reads a dataset with a key.
    pub async fn dataset(&self, key: &str, record_type: &str, format: &str) -> Response {
        let url = self.project_url(&format!("/dataset?type={record_type}&format={format}"));
        self.get(&url).bearer_auth(key).send().await.expect("the server answers")
    }

    /// Stops the server and waits until it has stopped.
    pub async fn stop(mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        let _ = (&mut self.task).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The problem document of a response, its shape checked: media type, status, type and the request's id.
pub async fn problem_of(response: Response) -> Problem {
    let status = response.status();
    let header =
        |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (media_type, id) = (header("content-type"), header("x-request-id"));
    let body = response.text().await.expect("a body arrives");
    assert_eq!(media_type.as_deref(), Some("application/problem+json"), "{status} {body}");
    let problem: Problem = serde_json::from_str(&body).expect("a problem document");
    assert_eq!(problem.status, status.as_u16());
    assert_eq!(problem.kind, format!("urn:fieldmerge:problem:{}", problem.code.as_str()));
    assert_eq!(problem.title, problem.code.title());
    assert!(problem.request_id.is_some(), "the request can be found in the log");
    assert_eq!(problem.request_id, id);
    problem
}

/// Sends a request that is refused, and tells by which status and code.
pub async fn refusal(request: RequestBuilder) -> (StatusCode, ProblemCode) {
    let response = request.send().await.expect("the server answers");
    let status = response.status();
    (status, problem_of(response).await.code)
}
