//! The JSON bodies of the HTTP API.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::limits::Limits;
use crate::{AreaId, DeviceId, LogId, ProjectId, RecordClass, RecordId};

/// The media type of bundles.
pub const BUNDLE_MEDIA_TYPE: &str = "application/vnd.fieldmerge.bundle";

/// The media type of a piece of an upload.
pub const PIECE_MEDIA_TYPE: &str = "application/offset+octet-stream";
/// The header that says at which byte an upload stands.
pub const UPLOAD_OFFSET: &str = "upload-offset";
/// The header that says how many bytes the whole upload has.
pub const UPLOAD_LENGTH: &str = "upload-length";

/// `GET /v1/capabilities`: what this server speaks and how much it takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Capabilities {
    /// The server's version.
    pub server: String,
    /// The bundle versions that it reads.
    pub bundle_versions: Vec<u8>,
    /// The compressions of frames that it reads.
    pub compressions: Vec<String>,
    /// Its limits.
    pub limits: Limits,
}

/// `GET /health` and `GET /ready`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Health {
    /// `ok`.
    pub status: String,
}

/// `POST /v1/enrol`: a device offers its key for a one-time code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct EnrolRequest {
    /// The one-time code.
    pub code: String,
    /// The device's Ed25519 public key, base64url without padding.
    pub public_key: String,
}

/// The answer to an enrolment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EnrolAnswer {
    /// The project that the code belongs to.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub project: ProjectId,
    /// The project's code.
    pub project_code: String,
    /// The device's id.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub device: DeviceId,
    /// The device's number in the project.
    pub number: u32,
    /// What the device is called.
    pub label: String,
    /// The server's Ed25519 public key, base64url without padding.
    pub server_key: String,
    /// The key that files are sealed to and, after it, the signature of the server's key over it: 32 and 64 bytes,
    /// base64url without padding. Absent from a server that has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sealing_key: Option<String>,
    /// The project's root area, for reference records.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub root_area: AreaId,
    /// The server's clock, milliseconds since the epoch.
    pub server_ms: i64,
}

/// The claims of the token that a device signs for each request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeviceClaims {
    /// The device.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub iss: DeviceId,
    /// The project.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub aud: ProjectId,
    /// Issued at, seconds since the epoch by the server's clock as the device has learned it.
    pub iat: i64,
    /// Expires, at most five minutes after `iat`.
    pub exp: i64,
}

/// One open or closed case, as `GET /v1/projects/{project}/cases` lists it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CaseView {
    /// The record.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub record: RecordId,
    /// The record's type.
    pub record_type: String,
    /// The field.
    pub path: String,
    /// `field_conflict`.
    pub kind: String,
    /// Whether it waits for a decision.
    pub open: bool,
    /// The state that a decision must name, hexadecimal.
    pub state: String,
    /// The values that stand against each other.
    pub candidates: Vec<CandidateView>,
    /// The last agreed value, if there is one; used until somebody decides.
    pub agreed: Option<serde_json::Value>,
    /// The decided value and why, once closed by a decision.
    pub decision: Option<DecisionView>,
    /// When the server first saw it, milliseconds since the epoch.
    pub opened_ms: i64,
    /// When it was closed.
    pub closed_ms: Option<i64>,
    /// The reader may know of the case but not see its values: they are null here, and the reason is empty.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub withheld: bool,
}

/// One value of a case with its author.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CandidateView {
    /// The value.
    pub value: serde_json::Value,
    /// The device that wrote it.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub device: DeviceId,
    /// The person on that device.
    pub person: u16,
    /// The device's clock when it was written, milliseconds since the epoch. For showing only.
    pub device_ms: i64,
    /// When the server received it.
    pub received_ms: i64,
}

/// How a case was decided.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DecisionView {
    /// The decided value.
    pub value: serde_json::Value,
    /// Who decided.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub device: DeviceId,
    /// The person on that device.
    pub person: u16,
    /// Why.
    pub reason: String,
    /// The device's clock at the decision.
    pub device_ms: i64,
}

/// A page of cases.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CasePage {
    /// The cases, oldest first.
    pub cases: Vec<CaseView>,
    /// Pass it as `after` for the next page; absent on the last.
    pub next: Option<String>,
}

/// An answer that breaks a rule of its form, or the lack of one, as `GET /v1/projects/{project}/findings` lists it. What was
/// answered is not in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FindingView {
    /// The record.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub record: RecordId,
    /// The record's type.
    pub record_type: String,
    /// Where in it.
    pub path: String,
    /// `required`, `constraint`, `out-of-range`, `not-offered` or `not-permitted`.
    pub code: String,
    /// What is asked there, in the language that was asked for or the form's own; an ellipsis stands for an answer in it.
    pub question: String,
    /// What is wrong, in the same language.
    pub message: String,
    /// The id of the form.
    pub form: String,
    /// Its version.
    pub form_version: String,
    /// The device that wrote what stands there; where nothing does, the last one that wrote in the record.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub device: DeviceId,
    /// Whether it stands.
    pub open: bool,
    /// When the server saw it, milliseconds since the epoch.
    pub raised_ms: i64,
    /// When it was there no more.
    pub mended_ms: Option<i64>,
}

/// A page of findings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FindingPage {
    /// The findings, oldest first.
    pub findings: Vec<FindingView>,
    /// Pass it as `after` for the next page; absent on the last.
    pub next: Option<String>,
}

/// The header of a dataset that says what it stands for: an [`AsOf`] as JSON.
pub const AS_OF_HEADER: &str = "fieldmerge-as-of";

/// The point of the log that a dataset stands for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AsOf {
    /// The log that the positions count in.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub log: LogId,
    /// The server's clock when it was read, milliseconds since the epoch.
    pub now_ms: i64,
    /// The record class whose feeds were read.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub class: RecordClass,
    /// How many changes the feeds hold together.
    pub changes: u64,
    /// The last position of each area's feed; absent where it would make the header too long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<std::collections::BTreeMap<String, u64>>))]
    pub positions: Option<BTreeMap<AreaId, u64>>,
}
