//! `POST /v1/projects/{project}/sync`: one request is a whole sync.

use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use fieldmerge_protocol::api::BUNDLE_MEDIA_TYPE;
use fieldmerge_protocol::limits::MAX_REQUEST_BYTES;
use fieldmerge_protocol::problem::{Problem, ProblemCode};
use http_body_util::BodyExt;

use super::ApiError;
use super::extract::{content_length, media_type};
use crate::auth::device::SyncingDevice;
use crate::state::App;

/// Takes what the device has written, and answers with receipts and with what it lacks.
#[utoipa::path(
    post, path = "/v1/projects/{project}/sync", tag = "devices",
    params(("project" = String, Path, description = "The project's id")),
    request_body(content_type = "application/vnd.fieldmerge.bundle",
        description = "A bundle: `Hello`, frames, `End`. PROTOCOL.md describes it"),
    responses(
        (status = 200, content_type = "application/vnd.fieldmerge.bundle",
            description = "A bundle: `Welcome`, `Receipts`, feed frames, `Finish`"),
        (status = 400, description = "`malformed-bundle`, `unsupported-version`", body = Problem,
            content_type = "application/problem+json"),
        (status = 401, description = "`unauthenticated`, `clock-skew`", body = Problem,
            content_type = "application/problem+json"),
        (status = 403, description = "`device-revoked`", body = Problem, content_type = "application/problem+json"),
        (status = 411, description = "`length-required`", body = Problem, content_type = "application/problem+json"),
        (status = 413, description = "`payload-too-large`", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported-media-type`", body = Problem,
            content_type = "application/problem+json"),
        (status = 429, description = "`too-many-requests`", body = Problem,
            content_type = "application/problem+json"),
    ),
    security(("device" = [])),
)]
pub async fn sync(State(app): State<App>, request: Request) -> Result<Response, ApiError> {
    check_length(&request)?;
    let (mut parts, body) = request.into_parts();
    match SyncingDevice::from_request_parts(&mut parts, &app).await {
        Ok(SyncingDevice(device)) => {
            let answer = crate::sync::answer(&app, device, body).await?;
            Ok(bundle(counted(&app, answer)))
        }
        Err(error) => {
            drain(&app, body).await;
            Err(error)
        }
    }
}

/// Reads a body that nobody wants and forgets it. A connection on which the answer overtakes its request has to be closed,
/// and the device, which sends again at once when its clock was wrong, would take that for a broken link. Nobody has proven
/// who sends it, so it may take no longer than a silence may.
async fn drain(app: &App, mut body: Body) {
    let drained = async { while let Some(Ok(_)) = body.frame().await {} };
    _ = tokio::time::timeout(app.config().body_silence, drained).await;
}

/// A body is read if it is a bundle that says how long it is, and is not too long.
fn check_length(request: &Request) -> Result<(), ApiError> {
    if media_type(request.headers().get(CONTENT_TYPE)) != Some(BUNDLE_MEDIA_TYPE) {
        let detail = format!("send {BUNDLE_MEDIA_TYPE}");
        return Err(ApiError::new(ProblemCode::UnsupportedMediaType).detail(detail));
    }
    match content_length(request) {
        None => Err(ApiError::new(ProblemCode::LengthRequired)),
        Some(length) if length > MAX_REQUEST_BYTES => Err(ApiError::new(ProblemCode::PayloadTooLarge)),
        Some(_) => Ok(()),
    }
}

/// Counts the bytes of an answer as they leave.
fn counted(app: &App, answer: Body) -> Body {
    let sent = app.metrics().sync.sent_bytes.clone();
    Body::new(answer.map_frame(move |frame| {
        sent.inc_by(frame.data_ref().map_or(0, |data| data.len() as u64));
        frame
    }))
}

/// Proxies must hand the answer on as it comes.
fn bundle(answer: Body) -> Response {
    const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
    let mut response = answer.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(BUNDLE_MEDIA_TYPE));
    headers.insert(BUFFERING, HeaderValue::from_static("no"));
    response
}
