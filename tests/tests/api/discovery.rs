//! What a client learns before it sends anything.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::routing::get;
use fieldmerge_server::Config;
use fieldmerge_server::http::openapi;
use fieldmerge_tests::server::Server;
use insta::{assert_json_snapshot, assert_snapshot};
use tokio::sync::oneshot;

async fn json(server: &Server, path: &str) -> serde_json::Value {
    let response = server.get(&server.url(path)).send().await.expect("the server answers");
    assert_eq!(response.headers()["content-type"], "application/json");
    serde_json::from_str(&response.text().await.expect("a body arrives")).expect("the body is JSON")
}

#[tokio::test]
async fn health_and_readiness_are_told() {
    let server = Server::start().await;
    assert_snapshot!(json(&server, "/health").await, @r#"{"status":"ok"}"#);
    assert_snapshot!(json(&server, "/ready").await, @r#"{"status":"ok"}"#);
}

#[tokio::test]
async fn a_server_that_stops_lives_and_is_not_ready() {
    let server = Server::start().await;
    server.app.stop();
    let status = async |path: &str| {
        server.get(&server.url(path)).send().await.expect("the server answers").status().as_u16()
    };
    assert_eq!((status("/health").await, status("/ready").await), (200, 503));
}

#[tokio::test]
async fn capabilities_are_told() {
    let server = Server::start().await;
    assert_json_snapshot!("capabilities", json(&server, "/v1/capabilities").await);
}

#[tokio::test]
async fn the_document_of_the_api_is_the_one_that_is_served() {
    let server = Server::start().await;
    let document = serde_json::to_value(openapi::document()).expect("the document is JSON");
    assert_eq!(json(&server, "/openapi.json").await, document);
    assert_json_snapshot!("openapi", document);
}

/// Tells that it is being asked, and answers when it may.
fn waiting(asked: oneshot::Sender<()>, may: oneshot::Receiver<()>) -> Router {
    let parts = Arc::new(Mutex::new(Some((asked, may))));
    Router::new().route(
        "/wait",
        get(async move || {
            let parts = parts.lock().expect("nobody panics here").take();
            let (asked, may) = parts.expect("it is asked once");
            asked.send(()).expect("the test waits for this");
            may.await.expect("the test allows it");
            "done"
        }),
    )
}

#[tokio::test]
async fn a_request_under_way_is_answered_before_the_server_stops() {
    let ((asked, is_asked), (allow, may)) = (oneshot::channel(), oneshot::channel());
    let server = Server::start_with(Config::default(), |_| waiting(asked, may)).await;
    let request = tokio::spawn(server.get(&server.url("/wait")).send());
    is_asked.await.expect("the request arrives");
    let stopping = tokio::spawn(server.stop());
    tokio::task::yield_now().await;
    allow.send(()).expect("the handler waits for this");
    let answer = request.await.expect("no panic").expect("the server answers before it stops");
    assert_eq!(answer.text().await.expect("a body arrives"), "done");
    stopping.await.expect("the server stops");
}
