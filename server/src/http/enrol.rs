//! `POST /v1/enrol`: a device offers the public half of its key for a one-time code.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, State};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::VerifyingKey;
use fieldmerge_protocol::api::{EnrolAnswer, EnrolRequest};
use fieldmerge_protocol::problem::{Problem, ProblemCode};

use super::{ApiError, Json};
use crate::admin::AdminError;
use crate::admin::codes::{self, EnrolError, Enrolled};
use crate::state::App;

/// Enrols a device.
///
/// The code is used up, the device gets its id, its number and its grants.
#[utoipa::path(
    post, path = "/v1/enrol", tag = "devices", request_body = EnrolRequest,
    responses(
        (status = 200, description = "The device is known from now on", body = EnrolAnswer),
        (status = 400, description = "`invalid-request`", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`enrolment-code-invalid`", body = Problem,
            content_type = "application/problem+json"),
        (status = 429, description = "`too-many-requests`: too many wrong codes", body = Problem,
            content_type = "application/problem+json"),
    ),
)]
pub async fn enrol(
    State(app): State<App>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    Json(request): Json<EnrolRequest>,
) -> Result<Json<EnrolAnswer>, ApiError> {
    if let Some(seconds) = app.wrong_codes().wait_seconds(peer.ip(), app.now_ms()) {
        return Err(ApiError::later(ProblemCode::TooManyRequests, seconds));
    }
    let key = parse_key(&request.public_key)?;
    let enrolled = codes::enrol(&app, &request.code, &key).await;
    if matches!(enrolled, Err(EnrolError::CodeInvalid)) {
        app.wrong_codes().note_wrong(peer.ip(), app.now_ms());
    }
    Ok(Json(answer(enrolled?, app.now_ms())?))
}

fn parse_key(text: &str) -> Result<VerifyingKey, ApiError> {
    let wrong = || {
        ApiError::new(ProblemCode::InvalidRequest)
            .detail("public_key is not an Ed25519 public key in base64url without padding")
    };
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| wrong())?;
    let bytes = bytes.try_into().map_err(|_| wrong())?;
    // A weak key would verify signatures that its owner never made.
    VerifyingKey::from_bytes(&bytes).ok().filter(|key| !key.is_weak()).ok_or_else(wrong)
}

fn answer(enrolled: Enrolled, server_ms: i64) -> Result<EnrolAnswer, ApiError> {
    Ok(EnrolAnswer {
        project: enrolled.project.id,
        project_code: enrolled.project.code,
        device: enrolled.device,
        number: u32::try_from(enrolled.number).map_err(ApiError::internal)?,
        label: enrolled.label,
        server_key: URL_SAFE_NO_PAD.encode(enrolled.server_key),
        sealing_key: enrolled
            .sealing_key
            .map(|(key, signature)| URL_SAFE_NO_PAD.encode([key.as_slice(), &signature].concat())),
        root_area: enrolled.project.root_area,
        server_ms,
    })
}

impl From<EnrolError> for ApiError {
    fn from(error: EnrolError) -> Self {
        match error {
            EnrolError::CodeInvalid => Self::new(ProblemCode::EnrolmentCodeInvalid),
            EnrolError::Admin(AdminError::Store(error)) => error.into(),
            EnrolError::Admin(error) => Self::internal(error),
        }
    }
}
