//! Every error of the API as an RFC 9457 document. Only this file knows HTTP statuses.

use std::error::Error;
use std::fmt;

use axum::body::Body;
use axum::http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use fieldmerge_protocol::problem::{Problem, ProblemCode};
use fieldmerge_store::StoreError;

use super::REQUEST_ID;
use crate::keys::KeyError;

/// The media type of problem documents.
pub const PROBLEM_MEDIA_TYPE: &str = "application/problem+json";

/// Why a request is not answered as asked: a code for the client, perhaps a sentence, perhaps a cause for the log.
#[derive(Debug)]
pub struct ApiError {
    code: ProblemCode,
    detail: Option<String>,
    server_ms: Option<i64>,
    retry_after_seconds: Option<u32>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl ApiError {
    /// A refusal with this code.
    pub fn new(code: ProblemCode) -> Self {
        Self { code, detail: None, server_ms: None, retry_after_seconds: None, source: None }
    }

    /// Says what exactly. Never holds what a person typed, nor anything of a stored record.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// A defect of ours. The cause goes to the log, never to the client.
    pub fn internal(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(ProblemCode::Internal).because(source)
    }

    /// A state that passes: the client comes back after so many seconds.
    pub fn later(code: ProblemCode, seconds: u32) -> Self {
        Self { retry_after_seconds: Some(seconds), ..Self::new(code) }
    }

    /// The token's times do not fit the server's clock, which says this.
    pub fn clock_skew(server_ms: i64) -> Self {
        Self { server_ms: Some(server_ms), ..Self::new(ProblemCode::ClockSkew) }
    }

    /// Keeps the cause for the log.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The stable code.
    pub fn code(&self) -> ProblemCode {
        self.code
    }

    /// The document without the request's id, for answers that had begun before the error.
    pub fn to_problem(&self) -> Problem {
        let mut problem = Problem::new(self.code, status_of(self.code).as_u16());
        problem.detail.clone_from(&self.detail);
        problem.server_ms = self.server_ms;
        problem
    }

    /// Writes the error to the log: defects as errors with all their causes, refusals for those who debug a client.
    pub fn log(&self) {
        let code = self.code.as_str();
        if status_of(self.code).is_server_error() {
            tracing::error!(problem.code = code, error.chain = %Chain(self.source.as_deref()), "a request failed");
        } else {
            tracing::debug!(problem.code = code, "a request was refused");
        }
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code.as_str())
    }
}

impl Error for ApiError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| &**source as &(dyn Error + 'static))
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy | StoreError::Unavailable(_) => {
                Self::later(ProblemCode::Unavailable, 5).because(error)
            }
            _ => Self::internal(error),
        }
    }
}

impl From<KeyError> for ApiError {
    fn from(error: KeyError) -> Self {
        match error {
            KeyError::Store(error) => error.into(),
            _ => Self::internal(error),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.log();
        let mut response = status_of(self.code).into_response();
        if let Some(seconds) = self.retry_after_seconds {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        response.extensions_mut().insert(self.to_problem());
        response
    }
}

/// The cause of an error that a panic made. Where it happened is in the log by the hook of `fieldmerge serve`.
#[derive(Debug, thiserror::Error)]
#[error("a handler panicked")]
pub struct Panicked;

/// An error and what caused it, each by its own words.
pub struct Chain<'a>(pub Option<&'a (dyn Error + Send + Sync + 'static)>);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.0 else { return f.write_str("no cause") };
        write!(f, "{first}")?;
        let mut cause = first.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

/// The status of a code.
/// What a request that took too long is answered with.
pub const TIMED_OUT: StatusCode = StatusCode::REQUEST_TIMEOUT;

fn status_of(code: ProblemCode) -> StatusCode {
    match code {
        ProblemCode::InvalidRequest | ProblemCode::MalformedBundle | ProblemCode::UnsupportedVersion => {
            StatusCode::BAD_REQUEST
        }
        ProblemCode::Unauthenticated | ProblemCode::ClockSkew => StatusCode::UNAUTHORIZED,
        ProblemCode::DeviceRevoked | ProblemCode::Forbidden | ProblemCode::EnrolmentCodeInvalid => {
            StatusCode::FORBIDDEN
        }
        ProblemCode::NotFound => StatusCode::NOT_FOUND,
        ProblemCode::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        ProblemCode::OffsetMismatch => StatusCode::CONFLICT,
        ProblemCode::AttachmentMismatch => StatusCode::UNPROCESSABLE_ENTITY,
        ProblemCode::RangeNotSatisfiable => StatusCode::RANGE_NOT_SATISFIABLE,
        ProblemCode::LengthRequired => StatusCode::LENGTH_REQUIRED,
        ProblemCode::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        ProblemCode::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ProblemCode::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
        ProblemCode::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
        ProblemCode::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        ProblemCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The code of an error that a layer or the router made, of which only the status is known.
fn code_of(status: StatusCode) -> ProblemCode {
    match status {
        StatusCode::UNAUTHORIZED => ProblemCode::Unauthenticated,
        StatusCode::FORBIDDEN => ProblemCode::Forbidden,
        StatusCode::NOT_FOUND => ProblemCode::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => ProblemCode::MethodNotAllowed,
        StatusCode::LENGTH_REQUIRED => ProblemCode::LengthRequired,
        StatusCode::PAYLOAD_TOO_LARGE => ProblemCode::PayloadTooLarge,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => ProblemCode::UnsupportedMediaType,
        StatusCode::TOO_MANY_REQUESTS => ProblemCode::TooManyRequests,
        StatusCode::REQUEST_TIMEOUT => ProblemCode::RequestTimeout,
        StatusCode::SERVICE_UNAVAILABLE => ProblemCode::Unavailable,
        status if status.is_client_error() => ProblemCode::InvalidRequest,
        _ => ProblemCode::Internal,
    }
}

/// Gives every error its document, whoever made it: a handler, a layer, or the router. Runs outermost, where the
/// request's id is known from the response.
pub async fn complete(response: Response) -> Response {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let (mut parts, _) = response.into_parts();
    let mut problem = parts.extensions.remove::<Problem>().unwrap_or_else(|| {
        let code = code_of(status);
        Problem::new(code, status_of(code).as_u16())
    });
    problem.request_id = parts.headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).map(ToOwned::to_owned);
    parts.status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    parts.headers = error_headers(&parts.headers);
    let body = serde_json::to_vec(&problem).expect("a problem has only text and numbers");
    Response::from_parts(parts, Body::from(body))
}

/// The headers that an error keeps: those that say what to do, and the request's id.
fn error_headers(original: &HeaderMap) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for name in [&ALLOW, &RETRY_AFTER, &REQUEST_ID] {
        if let Some(value) = original.get(name) {
            headers.insert(name, value.clone());
        }
    }
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_MEDIA_TYPE));
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_the_status_of_an_error() {
        for code in ProblemCode::ALL {
            let status = status_of(code);
            assert!(status.is_client_error() || status.is_server_error(), "{}", code.as_str());
        }
    }

    #[tokio::test]
    async fn an_empty_error_of_a_layer_becomes_a_document() {
        let response = complete(StatusCode::METHOD_NOT_ALLOWED.into_response()).await;
        assert_eq!(response.headers()[CONTENT_TYPE], PROBLEM_MEDIA_TYPE);
        let body = axum::body::to_bytes(response.into_body(), 4_096).await.expect("a body in memory");
        let problem: Problem = serde_json::from_slice(&body).expect("a problem document");
        assert_eq!((problem.code, problem.status), (ProblemCode::MethodNotAllowed, 405));
    }

    #[test]
    fn a_cause_never_reaches_the_client() {
        let problem = ApiError::internal("the secret cause").to_problem();
        assert!(!serde_json::to_string(&problem).expect("a problem is JSON").contains("secret"));
    }
}
