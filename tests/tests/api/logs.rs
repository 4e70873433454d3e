//! Nothing that a person typed, and nothing secret, is written to the log.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use fieldmerge_model::access::Role;
use fieldmerge_protocol::RecordClass;
use fieldmerge_tests::persona::Persona;
use fieldmerge_tests::server::Server;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, Registry, fmt};

use crate::workers::{PERSONAL, conflict, record, worker};

/// Collects what is logged.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Does everything that can be done, rightly and wrongly; gives the secrets that were sent.
async fn everything(server: &Server) -> Vec<String> {
    let mut a = Persona::enrol(server, 1, &["S1:enumerator"]).await;
    let mut b = Persona::enrol(server, 2, &["S1:enumerator", "S1:supervisor"]).await;
    conflict(server, &mut a, &mut b, record(1)).await;
    // A change that another device claims to have made, and the bytes of a name alone.
    let stolen = worker(server, &b, record(2));
    let frame = a.frame(server, RecordClass::Core, &[(record(2), stolen)]);
    a.sync(server, a.body(&[frame])).send().await.expect("the server answers");
    a.sync(server, PERSONAL[0].as_bytes().to_vec()).send().await.expect("the server answers");
    let (key, code) = (server.key(Role::Analyst).await, server.code("Hery", &["S1:enumerator"]).await);
    for path in ["/dataset?type=worker", "/dataset?type=Rasoanirina", "/cases?after=Voahangy", "/cases"] {
        let request = server.get(&server.project_url(path)).bearer_auth(&key);
        request.send().await.expect("the server answers").text().await.expect("a body arrives");
    }
    server.get(&server.url("/Rasoanirina?village=Ambohimena")).send().await.expect("the server answers");
    let body = serde_json::json!({ "code": code, "public_key": "Rasoanirina" });
    server.post_json(&server.url("/v1/enrol"), &body).send().await.expect("the server answers");
    vec![key, code, a.token(), b.token()]
}

#[tokio::test]
async fn the_log_holds_no_value_and_no_secret_at_any_level() {
    let log = Log::default();
    let ours = tracing_subscriber::filter::Targets::new()
        .with_target("fieldmerge_server", LevelFilter::TRACE)
        .with_target("fieldmerge_store", LevelFilter::TRACE)
        .with_target("tower_http", LevelFilter::TRACE)
        .with_target("axum", LevelFilter::TRACE)
        .with_target("sqlx", LevelFilter::TRACE);
    let lines = fmt::layer().json().with_writer(log.clone()).with_filter(ours);
    // The whole process writes to this log, so the other tests are read along; they have the same values.
    tracing::subscriber::set_global_default(Registry::default().with(lines))
        .expect("nobody else collects the log");
    let server = Server::start().await;
    let secrets = everything(&server).await;
    let text = log.text();
    assert!(text.contains("answered a request"), "the log was collected");
    assert!(text.contains("/v1/projects/{project}/sync"), "routes are named by their pattern: {text}");
    let labels = ["Hery".to_owned(), "Iarintsena".to_owned()];
    for hidden in PERSONAL.map(str::to_owned).into_iter().chain(secrets).chain(labels) {
        assert!(!text.contains(&hidden), "{hidden} is in the log");
    }
}
