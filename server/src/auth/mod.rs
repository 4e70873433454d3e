//! Who asks: a device, by a token that it signed, or somebody at headquarters, by a key.

pub mod api_key;
pub mod attempts;
pub mod device;
pub mod reader;

use axum::extract::{FromRequestParts as _, RawPathParams};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use fieldmerge_protocol::ProjectId;
use fieldmerge_protocol::problem::ProblemCode;

pub use device::AuthedDevice;
pub use reader::Reader;

use crate::http::ApiError;
use crate::state::App;

/// A bearer token longer than this is none of ours.
const MAX_TOKEN_BYTES: usize = 1_024;

/// The bearer token of a request. It is never logged.
fn bearer(parts: &Parts) -> Result<&str, ApiError> {
    let missing = || ApiError::new(ProblemCode::Unauthenticated).detail("send `Authorization: Bearer …`");
    let header =
        parts.headers.get(AUTHORIZATION).and_then(|header| header.to_str().ok()).ok_or_else(missing)?;
    let (scheme, token) = header.split_once(' ').ok_or_else(missing)?;
    if !scheme.eq_ignore_ascii_case("bearer") || token.len() > MAX_TOKEN_BYTES {
        return Err(missing());
    }
    Ok(token.trim())
}

/// The project in the address of a request.
async fn project_of(parts: &mut Parts, app: &App) -> Result<ProjectId, ApiError> {
    let nothing = || ApiError::new(ProblemCode::NotFound);
    let parameters = RawPathParams::from_request_parts(parts, app).await.map_err(|_| nothing())?;
    let project = parameters.iter().find(|(name, _)| *name == "project").map(|(_, value)| value.parse());
    project.and_then(Result::ok).ok_or_else(nothing)
}
