//! Requests made by hand, as no phone of ours would make them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer, SigningKey};
use fieldmerge_protocol::api::DeviceClaims;
use fieldmerge_protocol::{DeviceId, ProjectId};

use super::phone::Phone;

/// The value of `Authorization` that a phone would send at this time of the server.
pub fn token(phone: &Phone, server_ms: i64) -> String {
    let enrolment = phone.enrolment();
    token_of(phone.key(), enrolment.device, enrolment.project, server_ms)
}

/// The same of a key.
pub fn token_of(key: &SigningKey, device: DeviceId, project: ProjectId, server_ms: i64) -> String {
    let iat = server_ms.div_euclid(1_000);
    let claims = DeviceClaims { iss: device, aud: project, iat, exp: iat + 300 };
    let claims = serde_json::to_vec(&claims).expect("claims are JSON");
    let header = br#"{"alg":"EdDSA","typ":"JWT"}"#;
    let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let signature = key.sign(text.as_bytes()).to_bytes();
    format!("Bearer {text}.{}", URL_SAFE_NO_PAD.encode(signature))
}
