//! Texts: cursors, tokens, bodies in JSON, paths and ids.

use fieldmerge_protocol::api::{self, DeviceClaims, EnrolRequest};
use fieldmerge_protocol::problem::Problem;
use fieldmerge_protocol::{DeviceId, Path, RecordId};
use fieldmerge_server::admin::GrantText;
use fieldmerge_server::auth::device::claims;
use fieldmerge_server::cases::Cursor;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Any text as a cursor.
pub fn cursor(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(cursor) = text.parse::<Cursor>() {
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
    }
}

/// Any text as a token of a device, before anybody knows whether it is signed.
pub fn token(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Some(claims) = claims(text) {
        again::<DeviceClaims>(&serde_json::to_vec(&claims).expect("ids and numbers are JSON"));
    }
}

/// Any bytes as a body in JSON, or one of the texts in it.
pub fn json(bytes: &[u8]) {
    again::<EnrolRequest>(bytes);
    again::<DeviceClaims>(bytes);
    again::<Problem>(bytes);
    again::<api::EnrolAnswer>(bytes);
    again::<api::CasePage>(bytes);
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(path) = Path::new(text) {
        assert_eq!(path.as_str(), text);
    }
    if let Ok(id) = text.parse::<RecordId>() {
        assert_eq!(id.to_string().parse(), Ok(id));
    }
    if let Ok(id) = text.parse::<DeviceId>() {
        assert_eq!(id.to_string().parse(), Ok(id));
    }
    _ = text.parse::<GrantText>();
}

fn again<T: DeserializeOwned + Serialize + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    if let Ok(value) = serde_json::from_slice::<T>(bytes) {
        let written = serde_json::to_vec(&value).expect("what was read can be written");
        assert_eq!(serde_json::from_slice::<T>(&written).expect("what was written can be read"), value);
    }
}
