//! What every request passes, outermost first: sensitive headers, request id, trace, propagated id, documents for
//! errors, measures, caught panics, body limit; and for all but a sync a timeout and a body deadline.

use std::any::Any;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::AUTHORIZATION;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use fieldmerge_protocol::limits::MAX_REQUEST_BYTES;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::request_id::{MakeRequestId, PropagateRequestIdLayer, RequestId, SetRequestIdLayer};
use tower_http::sensitive_headers::SetSensitiveRequestHeadersLayer;
use tower_http::timeout::{RequestBodyDeadlineLayer, TimeoutLayer};
use tower_http::trace::TraceLayer;
use tracing::Span;

use super::problem::{ApiError, complete};
use super::{REQUEST_ID, problem};
use crate::clock::Stopwatch;
use crate::state::App;

/// Puts the layers around the routes.
pub fn apply(router: Router, app: &App) -> Router {
    let trace = TraceLayer::new_for_http()
        .make_span_with(|request: &Request| span_of(request))
        .on_request(())
        .on_response(|response: &Response, latency: Duration, _: &Span| log_response(response, latency))
        .on_failure(());
    let layers = ServiceBuilder::new()
        .layer(SetSensitiveRequestHeadersLayer::new([AUTHORIZATION]))
        .map_request(keep_only_our_ids)
        .layer(SetRequestIdLayer::new(REQUEST_ID, NewRequestId(app.clone())))
        .layer(trace)
        .layer(middleware::map_response(complete))
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        .layer(middleware::from_fn_with_state(app.clone(), measure))
        .layer(CatchPanicLayer::custom(answer_panic))
        .layer(RequestBodyLimitLayer::new(MAX_REQUEST_BYTES));
    router.layer(layers)
}

/// Puts the timeouts around routes whose requests are short. A sync takes as long as it makes progress.
pub fn hurry(router: Router, app: &App) -> Router {
    let config = app.config();
    let layers = ServiceBuilder::new()
        .layer(TimeoutLayer::with_status_code(problem::TIMED_OUT, config.request_timeout))
        .layer(RequestBodyDeadlineLayer::new(config.body_deadline));
    router.layer(layers)
}

/// The span of a request: its route and id. Not its address, whose query may hold anything.
fn span_of(request: &Request) -> Span {
    let id = request.extensions().get::<RequestId>().and_then(|id| id.header_value().to_str().ok());
    tracing::info_span!(
        "http.request",
        http.method = %request.method(),
        http.route = route_of(request),
        request.id = id.unwrap_or_default(),
    )
}

fn log_response(response: &Response, latency: Duration) {
    let status = response.status().as_u16();
    let latency_ms = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
    tracing::info!(http.status = status, http.latency_ms = latency_ms, "answered a request");
}

/// The pattern that the request matched.
fn route_of(request: &Request) -> &str {
    request.extensions().get::<MatchedPath>().map_or("unknown", MatchedPath::as_str)
}

/// An id that a proxy made is kept, so that its log and ours can be read together; any other text is not.
fn keep_only_our_ids(mut request: Request) -> Request {
    let is_id = |text: &str| uuid::Uuid::try_parse(text).is_ok();
    let known = request.headers().get(&REQUEST_ID).and_then(|id| id.to_str().ok()).is_some_and(is_id);
    if !known {
        request.headers_mut().remove(&REQUEST_ID);
    }
    request
}

#[derive(Clone)]
struct NewRequestId(App);

impl MakeRequestId for NewRequestId {
    fn make_request_id<B>(&mut self, _: &axum::http::Request<B>) -> Option<RequestId> {
        let id = self.0.ids().uuid(self.0.now_ms()).to_string();
        id.parse().ok().map(RequestId::new)
    }
}

/// Counts the request and measures how long its answer took to begin.
async fn measure(State(app): State<App>, request: Request, next: Next) -> Response {
    let stopwatch = Stopwatch::start();
    let method = request.method().clone();
    let route = route_of(&request).to_owned();
    let response = next.run(request).await;
    app.metrics().observe_request(&method, route, response.status().as_u16(), stopwatch.elapsed());
    response
}

/// The answer for a request whose handler panicked. What the panic said is not logged here: it may hold values.
fn answer_panic(_: Box<dyn Any + Send + 'static>) -> axum::http::Response<Body> {
    ApiError::internal(problem::Panicked).into_response()
}
