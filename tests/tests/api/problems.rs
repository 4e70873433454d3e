//! Every error is a problem document, whoever made it, and every code can be reached.

use std::collections::BTreeSet;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use fieldmerge_model::access::Role;
use fieldmerge_protocol::api::BUNDLE_MEDIA_TYPE;
use fieldmerge_protocol::limits::MAX_REQUEST_BYTES;
use fieldmerge_protocol::problem::ProblemCode;
use fieldmerge_server::admin::devices;
use fieldmerge_server::http::layers;
use fieldmerge_server::{App, Config, http};
use fieldmerge_tests::persona::{Persona, public_key};
use fieldmerge_tests::server::{PROJECT, Server, problem_of, refusal};
use futures_util::{StreamExt, stream};
use reqwest::{Body, RequestBuilder, StatusCode};
use serde_json::json;

/// A body that says nothing of its length.
fn chunked(bytes: Vec<u8>) -> Body {
    Body::wrap_stream(stream::iter([Ok::<_, std::io::Error>(bytes)]))
}

/// A body that never ends.
fn stalled(bytes: Vec<u8>) -> Body {
    Body::wrap_stream(stream::iter([Ok::<_, std::io::Error>(bytes)]).chain(stream::pending()))
}

/// A body that comes in pieces of so many bytes, one after each pause.
fn trickling(bytes: &[u8], piece: usize, pause: Duration) -> Body {
    let pieces: Vec<Vec<u8>> = bytes.chunks(piece).map(<[u8]>::to_vec).collect();
    Body::wrap_stream(stream::iter(pieces).then(move |piece| async move {
        tokio::time::sleep(pause).await;
        Ok::<_, std::io::Error>(piece)
    }))
}

/// A handler that is wrong.
async fn defect() -> &'static str {
    panic!("Rasoanirina")
}

/// A sync request with a body of the right type.
fn bundle(server: &Server, device: &Persona, body: impl Into<Body>) -> RequestBuilder {
    let request = server.post(&server.project_url("/sync")).bearer_auth(device.token());
    request.header("content-type", BUNDLE_MEDIA_TYPE).body(body)
}

#[tokio::test]
async fn an_address_where_nothing_is_is_a_problem() {
    let server = Server::start().await;
    for path in ["/", "/v1", "/v1/nothing", "/v1/projects/not-an-id/cases"] {
        assert_eq!(
            refusal(server.get(&server.url(path))).await,
            (StatusCode::NOT_FOUND, ProblemCode::NotFound)
        );
    }
}

#[tokio::test]
async fn a_wrong_method_is_a_problem_that_names_the_right_ones() {
    let server = Server::start().await;
    let response = server.get(&server.url("/v1/enrol")).send().await.expect("the server answers");
    assert_eq!(response.headers()["allow"], "POST");
    assert_eq!(problem_of(response).await.code, ProblemCode::MethodNotAllowed);
}

#[tokio::test]
async fn a_request_id_of_a_proxy_is_kept_and_any_other_text_is_not() {
    let server = Server::start().await;
    let ask = async |id: &str| {
        let request = server.get(&server.url("/nothing")).header("x-request-id", id);
        problem_of(request.send().await.expect("the server answers")).await.request_id
    };
    let id = "0195d6a0-0000-7000-8000-000000000001";
    assert_eq!(ask(id).await.as_deref(), Some(id));
    let other = ask("Rasoanirina").await.expect("there is always one");
    assert_ne!(other, "Rasoanirina");
}

#[tokio::test]
async fn json_that_does_not_fit_says_where_and_repeats_nothing() {
    let server = Server::start().await;
    let url = server.url("/v1/enrol");
    for body in [
        r#"{"code":5,"public_key":"Rasoanirina"}"#,
        r#"{"code":"x","public_key":"y","Voahangy":1}"#,
        "Voahangy",
    ] {
        let request = server.post(&url).header("content-type", "application/json").body(body);
        let problem = problem_of(request.send().await.expect("the server answers")).await;
        assert_eq!(problem.code, ProblemCode::InvalidRequest);
        let detail = problem.detail.expect("a place is named");
        assert!(detail.contains("line 1 column"), "{detail}");
        assert!(!detail.contains("Rasoanirina") && !detail.contains("Voahangy"), "{detail}");
    }
}

#[tokio::test]
async fn a_slow_body_is_given_up() {
    let config = Config { body_silence: Duration::from_millis(200), ..Config::default() };
    let server = Server::start_with(config, http::router).await;
    let device = Persona::enrol(&server, 1, &["S1:enumerator"]).await;
    let slow = |token: String| {
        let request = server.post(&server.project_url("/sync")).header("content-type", BUNDLE_MEDIA_TYPE);
        request.bearer_auth(token).header("content-length", "1000").body(stalled(b"FMB".to_vec()))
    };
    assert_eq!(refusal(slow(device.token())).await.1, ProblemCode::RequestTimeout);
    // Nobody knows whose it is: it is waited for no longer.
    let refused = refusal(slow("x".to_owned()));
    let refused = tokio::time::timeout(Duration::from_secs(20), refused).await.expect("it is given up, too");
    assert_eq!(refused.1, ProblemCode::Unauthenticated);
}

#[tokio::test]
async fn a_slow_body_is_read_for_as_long_as_it_moves() {
    let (body_silence, short) = (Duration::from_millis(600), Duration::from_millis(100));
    let config = Config { body_silence, body_deadline: short, request_timeout: short, ..Config::default() };
    let server = Server::start_with(config, http::router).await;
    let device = Persona::enrol(&server, 1, &["S1:enumerator"]).await;
    let empty = device.empty_body();
    let (hello, end) = empty.split_at(empty.len() - 2);
    // A part of 10,000 bytes that no server knows.
    let body = [hello, &[99, 0x90, 0x4e], &[7; 10_000], end].concat();
    let length = body.len();
    let moving = bundle(&server, &device, trickling(&body, 1_100, Duration::from_millis(150)));
    let answer = moving.header("content-length", length).send().await.expect("the server answers");
    assert_eq!(answer.status(), StatusCode::OK);
    let hardly = bundle(&server, &device, trickling(&body, 100, Duration::from_millis(150)));
    assert_eq!(refusal(hardly.header("content-length", length)).await.1, ProblemCode::RequestTimeout);
}

#[tokio::test]
async fn a_handler_that_takes_too_long_or_panics_is_a_problem() {
    let config = Config { request_timeout: Duration::from_millis(200), ..Config::default() };
    let server = Server::start_with(config, |app| {
        let broken =
            Router::new().route("/slow", get(std::future::pending::<()>)).route("/panic", get(defect));
        layers::apply(layers::hurry(broken, app), app)
    })
    .await;
    assert_eq!(refusal(server.get(&server.url("/slow"))).await.1, ProblemCode::RequestTimeout);
    let response = server.get(&server.url("/panic")).send().await.expect("the server answers");
    let problem = problem_of(response).await;
    assert_eq!((problem.code, problem.status, problem.detail), (ProblemCode::Internal, 500, None));
}

#[tokio::test]
async fn bodies_that_do_not_fit_into_memory_come_back_later() {
    let config = Config { max_body_memory_bytes: 100, ..Config::default() };
    let server = Server::start_with(config, http::router).await;
    let device = Persona::enrol(&server, 1, &["S1:enumerator"]).await;
    let response = bundle(&server, &device, vec![0; 101]).send().await.expect("the server answers");
    assert_eq!(response.headers()["retry-after"], "5");
    assert_eq!(problem_of(response).await.code, ProblemCode::TooManyRequests);
}

/// The codes of one request each, by the request that earns it.
async fn earned(server: &Server) -> Vec<ProblemCode> {
    let device = Persona::enrol(server, 1, &["S1:supervisor"]).await;
    let revoked = Persona::enrol(server, 2, &["S1:supervisor"]).await;
    devices::revoke(&server.app, PROJECT, "2").await.expect("a device of ours is revoked");
    let analyst = server.key(Role::Analyst).await;
    let enrol = server.url("/v1/enrol");
    let unknown = json!({ "code": "AAAA-AAAA-AAAA-AAAA", "public_key": public_key(&device.key) });
    let mut later = device.empty_body();
    later[3] = 9;
    let old = json!({ "iss": device.enrolled.device, "aud": device.enrolled.project, "iat": 0, "exp": 300 });
    let sync = server.project_url("/sync");
    let requests = [
        server.post_json(&enrol, &json!({})),
        bundle(server, &device, b"not a bundle".to_vec()),
        bundle(server, &device, later),
        server.get(&server.project_url("/cases")),
        server.get(&server.project_url("/cases")).bearer_auth(device.token_with(&old)),
        bundle(server, &revoked, revoked.empty_body()),
        server.get(&server.project_url("/dataset?type=worker")).bearer_auth(device.token()),
        server.get(&server.url("/nothing")).bearer_auth(&analyst),
        server.get(&sync),
        bundle(server, &device, chunked(device.empty_body())),
        bundle(server, &device, vec![0; MAX_REQUEST_BYTES + 1]),
        server.post(&sync).bearer_auth(device.token()).body("x"),
        server.post_json(&enrol, &unknown),
    ];
    let mut codes = crate::attachments::refusals(server).await;
    for request in requests {
        codes.push(refusal(request).await.1);
    }
    codes
}

#[tokio::test]
async fn every_code_can_be_reached() {
    let config =
        Config { max_wrong_codes_per_minute: 2, body_silence: Duration::from_secs(1), ..Config::default() };
    let routes = |app: &App| {
        let broken = Router::new().route("/panic", get(defect));
        http::router(app).merge(layers::apply(broken, app))
    };
    let server = Server::start_with(config, routes).await;
    let mut codes = earned(&server).await;

    let device = Persona::enrol(&server, 3, &["S1:supervisor"]).await;
    let wrong = json!({ "code": "x", "public_key": public_key(&device.key) });
    let guess = || server.post_json(&server.url("/v1/enrol"), &wrong);
    codes.push(refusal(guess()).await.1);
    codes.push(refusal(guess()).await.1);
    let slow = bundle(&server, &device, stalled(b"FMB".to_vec())).header("content-length", "1000");
    codes.push(refusal(slow).await.1);
    codes.push(refusal(server.get(&server.url("/panic"))).await.1);
    server.app.stop();
    codes.push(refusal(server.get(&server.url("/ready"))).await.1);

    let reached: BTreeSet<&str> = codes.iter().map(|code| code.as_str()).collect();
    let all: BTreeSet<&str> = ProblemCode::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(reached, all);
}
