//! RFC 9457 problem documents with stable codes.

use serde::{Deserialize, Serialize};

/// What went wrong, as a stable code. Apps decide by the code, never by the text or the status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum ProblemCode {
    /// The request does not have the form that the endpoint expects.
    InvalidRequest,
    /// The bundle does not parse.
    MalformedBundle,
    /// The bundle has a version that this server does not read.
    UnsupportedVersion,
    /// There is no token, or it does not verify.
    Unauthenticated,
    /// The token's times do not fit the server's clock: learn the offset from `server_ms` and send again.
    ClockSkew,
    /// The device's key was withdrawn.
    DeviceRevoked,
    /// Known, but not allowed.
    Forbidden,
    /// No such thing, or none that may be known.
    NotFound,
    /// The path exists, not with this method.
    MethodNotAllowed,
    /// The upload stands at another offset: ask where, and go on from there.
    OffsetMismatch,
    /// The bytes that arrived do not have the hash that they were sent under; nothing of them is kept.
    AttachmentMismatch,
    /// The attachment has no bytes in this range.
    RangeNotSatisfiable,
    /// The body has no Content-Length.
    LengthRequired,
    /// The body is larger than the published limit.
    PayloadTooLarge,
    /// The body is of another media type.
    UnsupportedMediaType,
    /// The enrolment code is unknown, used or expired.
    EnrolmentCodeInvalid,
    /// Too many requests; wait as long as `Retry-After` says.
    TooManyRequests,
    /// The request took too long to arrive.
    RequestTimeout,
    /// The server is starting, stopping, or its database cannot be reached.
    Unavailable,
    /// A defect of the server; `request_id` finds it in the log.
    Internal,
}

impl ProblemCode {
    /// Every code.
    pub const ALL: [Self; 20] = [
        Self::InvalidRequest,
        Self::MalformedBundle,
        Self::UnsupportedVersion,
        Self::Unauthenticated,
        Self::ClockSkew,
        Self::DeviceRevoked,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::OffsetMismatch,
        Self::AttachmentMismatch,
        Self::RangeNotSatisfiable,
        Self::LengthRequired,
        Self::PayloadTooLarge,
        Self::UnsupportedMediaType,
        Self::EnrolmentCodeInvalid,
        Self::TooManyRequests,
        Self::RequestTimeout,
        Self::Unavailable,
        Self::Internal,
    ];

    /// The code as it stands in the document.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid-request",
            Self::MalformedBundle => "malformed-bundle",
            Self::UnsupportedVersion => "unsupported-version",
            Self::Unauthenticated => "unauthenticated",
            Self::ClockSkew => "clock-skew",
            Self::DeviceRevoked => "device-revoked",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not-found",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::OffsetMismatch => "offset-mismatch",
            Self::AttachmentMismatch => "attachment-mismatch",
            Self::RangeNotSatisfiable => "range-not-satisfiable",
            Self::LengthRequired => "length-required",
            Self::PayloadTooLarge => "payload-too-large",
            Self::UnsupportedMediaType => "unsupported-media-type",
            Self::EnrolmentCodeInvalid => "enrolment-code-invalid",
            Self::TooManyRequests => "too-many-requests",
            Self::RequestTimeout => "request-timeout",
            Self::Unavailable => "unavailable",
            Self::Internal => "internal",
        }
    }

    /// One sentence for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::InvalidRequest => "The request is not well formed.",
            Self::MalformedBundle => "The bundle cannot be read.",
            Self::UnsupportedVersion => {
                "This version of the bundle is not supported; update the app or the server."
            }
            Self::Unauthenticated => "The request is not signed by a known device.",
            Self::ClockSkew => "The device's clock differs too much from the server's.",
            Self::DeviceRevoked => "This device has been revoked.",
            Self::Forbidden => "This is not allowed.",
            Self::NotFound => "There is nothing here.",
            Self::MethodNotAllowed => "This address does not take this method.",
            Self::OffsetMismatch => "The upload stands at another place; ask where.",
            Self::AttachmentMismatch => {
                "What arrived is not the attachment that was announced; nothing was kept."
            }
            Self::RangeNotSatisfiable => "The attachment has no bytes in this range.",
            Self::LengthRequired => "The request must state its length.",
            Self::PayloadTooLarge => "The request is larger than this server takes.",
            Self::UnsupportedMediaType => "The request has a media type that is not taken here.",
            Self::EnrolmentCodeInvalid => {
                "This enrolment code is unknown, used or expired; ask for a new one."
            }
            Self::TooManyRequests => "Too many requests; wait a little.",
            Self::RequestTimeout => "The request took too long to arrive.",
            Self::Unavailable => "The server cannot answer now; try again later.",
            Self::Internal => "The server has made a mistake; nothing that was acknowledged is lost.",
        }
    }
}

/// An RFC 9457 problem document, `application/problem+json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Problem {
    /// `urn:fieldmerge:problem:<code>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// One sentence for people.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The stable code.
    pub code: ProblemCode,
    /// What exactly, without anything that a person typed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Finds the request in the server's log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The server's clock in milliseconds since the epoch, where the code is `clock-skew`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_ms: Option<i64>,
}

impl Problem {
    /// A document with this code and status.
    pub fn new(code: ProblemCode, status: u16) -> Self {
        Self {
            kind: format!("urn:fieldmerge:problem:{}", code.as_str()),
            title: code.title().to_owned(),
            status,
            code,
            detail: None,
            request_id: None,
            server_ms: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_code_is_its_json() {
        for code in ProblemCode::ALL {
            assert_eq!(serde_json::to_value(code).expect("a code is JSON"), code.as_str());
        }
    }
}
