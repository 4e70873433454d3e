//! Devices sign a short-lived token for each request with the key that never leaves them.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use fieldmerge_protocol::api::DeviceClaims;
use fieldmerge_protocol::limits::{MAX_CLOCK_SKEW_SECONDS, MAX_TOKEN_SECONDS};
use fieldmerge_protocol::problem::ProblemCode;
use fieldmerge_protocol::{DeviceId, ProjectId};
use jsonwebtoken::{Algorithm, DecodingKey, Validation};

use super::{bearer, project_of};
use crate::directory::{Directory, Member};
use crate::http::ApiError;
use crate::state::App;

/// A device whose token was verified for this request. Nothing of it outlives the request, and what the device may do is
/// judged again when its body was read: a body may take long to arrive.
#[derive(Debug, Clone)]
pub struct AuthedDevice {
    /// The directory of the project of the address, which is the device's own.
    pub directory: Arc<Directory>,
    /// The device.
    pub device: DeviceId,
}

impl FromRequestParts<App> for AuthedDevice {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let project = project_of(parts, app).await?;
        authenticate(app, project, bearer(parts)?).await
    }
}

/// A device that syncs. Its token was verified by a directory that may be some moments old: the sync asks again, when it
/// has read the body, whether the device still may do anything.
#[derive(Debug, Clone)]
pub struct SyncingDevice(pub AuthedDevice);

impl FromRequestParts<App> for SyncingDevice {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, ApiError> {
        let project = project_of(parts, app).await?;
        let token = bearer(parts)?;
        let claimed = claims(token).ok_or(ApiError::new(ProblemCode::Unauthenticated))?;
        let known = app.directories().known(claimed.aud);
        match known.filter(|directory| directory.devices.contains_key(&claimed.iss)) {
            Some(directory) => admit(app, project, token, &claimed, directory).map(Self),
            None => authenticate(app, project, token).await.map(Self),
        }
    }
}

/// Finds the device that signed a token and verifies that it did.
pub async fn authenticate(app: &App, project: ProjectId, token: &str) -> Result<AuthedDevice, ApiError> {
    let unknown = || ApiError::new(ProblemCode::Unauthenticated);
    let claimed = claims(token).ok_or_else(unknown)?;
    let mut tx = app.store().read().await?;
    let directory = app.directories().get(&mut tx, claimed.aud).await?;
    tx.rollback().await?;
    admit(app, project, token, &claimed, directory.ok_or_else(unknown)?)
}

/// Verifies a token by the key that a directory gives for the device that it names.
fn admit(
    app: &App,
    project: ProjectId,
    token: &str,
    claimed: &DeviceClaims,
    directory: Arc<Directory>,
) -> Result<AuthedDevice, ApiError> {
    let unknown = || ApiError::new(ProblemCode::Unauthenticated);
    let member = directory.devices.get(&claimed.iss).ok_or_else(unknown)?;
    let claims = verify(token, member).ok_or_else(unknown)?;
    check_times(&claims, app.now_ms())?;
    if member.revoked {
        return Err(ApiError::new(ProblemCode::DeviceRevoked));
    }
    if directory.project.id != project {
        return Err(ApiError::new(ProblemCode::NotFound));
    }
    Ok(AuthedDevice { directory, device: claimed.iss })
}

/// What a token claims. It says whose key to try; nothing of it is believed before the signature is verified.
pub fn claims(token: &str) -> Option<DeviceClaims> {
    jsonwebtoken::dangerous::insecure_decode_claims(token).ok()
}

fn verify(token: &str, device: &Member) -> Option<DeviceClaims> {
    let key = DecodingKey::from_ed_der(&device.public_key);
    let mut validation = Validation::new(Algorithm::EdDSA);
    // The library reads the system's clock; `check_times` reads ours.
    validation.validate_exp = false;
    validation.validate_nbf = false;
    // The audience is the project of the address, which is compared after the signature.
    validation.validate_aud = false;
    validation.set_required_spec_claims(&["iss", "aud", "exp"]);
    jsonwebtoken::decode(token, &key, &validation).ok().map(|token| token.claims)
}

/// A token lives five minutes at most, and was made about now by our clock.
fn check_times(claims: &DeviceClaims, now_ms: i64) -> Result<(), ApiError> {
    let lives_seconds = claims.exp.saturating_sub(claims.iat);
    if !(0..=MAX_TOKEN_SECONDS).contains(&lives_seconds) {
        return Err(ApiError::new(ProblemCode::Unauthenticated).detail("the token lives too long"));
    }
    let skew_seconds = (now_ms / 1_000).saturating_sub(claims.iat);
    if skew_seconds.saturating_abs() > MAX_CLOCK_SKEW_SECONDS {
        return Err(ApiError::clock_skew(now_ms));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use fieldmerge_protocol::DeviceId;

    use super::*;

    fn check(iat: i64, exp: i64) -> Result<(), ProblemCode> {
        let claims = DeviceClaims { iss: DeviceId([1; 10]), aud: ProjectId([2; 16]), iat, exp };
        check_times(&claims, 1_000_000_000).map_err(|error| error.code())
    }

    #[test]
    fn a_token_is_taken_within_five_minutes_of_our_clock() {
        assert_eq!(check(1_000_000, 1_000_300), Ok(()));
        assert_eq!(check(999_700, 1_000_000), Ok(()));
        assert_eq!(check(1_000_300, 1_000_600), Ok(()));
        assert_eq!(check(999_699, 999_999), Err(ProblemCode::ClockSkew));
        assert_eq!(check(1_000_301, 1_000_400), Err(ProblemCode::ClockSkew));
    }

    #[test]
    fn a_token_that_would_live_too_long_is_refused() {
        assert_eq!(check(1_000_000, 1_000_301), Err(ProblemCode::Unauthenticated));
        assert_eq!(check(1_000_000, 999_999), Err(ProblemCode::Unauthenticated));
        assert_eq!(check(i64::MIN, i64::MAX), Err(ProblemCode::Unauthenticated));
    }
}
