//! Our own extractors: what does not parse is answered by a problem document that says where, never what.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use fieldmerge_protocol::problem::ProblemCode;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::problem::ApiError;

/// The most bytes of a JSON body.
const MAX_JSON_BYTES: usize = 64 << 10;

/// A JSON body, in and out.
#[derive(Debug, Clone)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        if media_type(request.headers().get(CONTENT_TYPE)) != Some("application/json") {
            return Err(ApiError::new(ProblemCode::UnsupportedMediaType).detail("send application/json"));
        }
        let bytes = read_body(request, MAX_JSON_BYTES).await?;
        // The words of serde's own error may repeat a value.
        serde_json::from_slice(&bytes).map(Self).map_err(|error| {
            let what = if error.is_data() { "does not have the expected form" } else { "is not JSON" };
            let place = format!("the body {what}, line {} column {}", error.line(), error.column());
            ApiError::new(ProblemCode::InvalidRequest).detail(place)
        })
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => ([(CONTENT_TYPE, "application/json")], body).into_response(),
            Err(error) => ApiError::internal(error).into_response(),
        }
    }
}

/// The parameters of a query, with a sentence for those who got them wrong.
pub trait QueryHelp {
    /// What the endpoint takes.
    const HELP: &'static str;
}

/// The query of the address.
#[derive(Debug, Clone)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned + QueryHelp, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        #[expect(clippy::disallowed_types, reason = "this is the extractor that the others take")]
        let query = axum::extract::Query::<T>::from_request_parts(parts, state).await;
        query
            .map(|query| Self(query.0))
            .map_err(|_| ApiError::new(ProblemCode::InvalidRequest).detail(T::HELP))
    }
}

/// The parameters of the path. One that is not an id is an address where there is nothing.
#[derive(Debug, Clone)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        path.map(|path| Self(path.0)).map_err(|_| ApiError::new(ProblemCode::NotFound))
    }
}

/// The media type of a header without its parameters.
pub fn media_type(header: Option<&axum::http::HeaderValue>) -> Option<&str> {
    let text = header?.to_str().ok()?;
    Some(text.split(';').next().unwrap_or_default().trim())
}

/// The length that a request states for its body.
pub fn content_length(request: &Request) -> Option<usize> {
    request.headers().get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The whole body, if it is no longer than allowed and arrives in time.
pub async fn read_body(request: Request, max_bytes: usize) -> Result<Bytes, ApiError> {
    let body = Limited::new(request.into_body(), max_bytes);
    body.collect().await.map(http_body_util::Collected::to_bytes).map_err(|error| body_error(&*error))
}

/// A body may be too long, too slow, or cut; the error of each is somewhere in the chain.
pub fn body_error(error: &(dyn std::error::Error + 'static)) -> ApiError {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.is::<LengthLimitError>() {
            return ApiError::new(ProblemCode::PayloadTooLarge);
        }
        if error.is::<tower_http::timeout::TimeoutError>() {
            return ApiError::new(ProblemCode::RequestTimeout);
        }
        cause = error.source();
    }
    ApiError::new(ProblemCode::InvalidRequest).detail("the body was cut")
}
