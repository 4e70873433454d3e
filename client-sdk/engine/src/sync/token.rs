//! The token of a request: a short JWT that the device itself signs.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fieldmerge_protocol::api::DeviceClaims;
use fieldmerge_protocol::limits::MAX_TOKEN_SECONDS;

use crate::Enrolment;

/// A JWT need not say that it is one (RFC 7519 section 5.1), and each request pays for it.
const HEADER: &str = r#"{"alg":"EdDSA"}"#;

/// What the device key signs. `server_ms` is the server's clock as the device has learned it; a clock that was set back
/// may make it a time that no token can name, and then the server tells its own.
pub(crate) fn signing_input(enrolment: &Enrolment, server_ms: i64) -> String {
    let iat = server_ms.max(0).div_euclid(1_000);
    let claims = DeviceClaims {
        iss: enrolment.device,
        aud: enrolment.project,
        iat,
        exp: iat.saturating_add(MAX_TOKEN_SECONDS),
    };
    let claims = serde_json::to_vec(&claims).expect("ids and numbers are always JSON");
    format!("{}.{}", URL_SAFE_NO_PAD.encode(HEADER), URL_SAFE_NO_PAD.encode(claims))
}

/// The value of the header `Authorization`.
pub(crate) fn authorization(signing_input: &str, signature: &[u8; 64]) -> String {
    format!("Bearer {signing_input}.{}", URL_SAFE_NO_PAD.encode(signature))
}
