//! `/v1/projects/{project}/attachments/{hash}`: files that records name by the SHA-256 of their bytes. Uploads are
//! resumable, with the method and headers of tus.

use std::ops::Range;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, RANGE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use fieldmerge_protocol::AttachmentHash;
use fieldmerge_protocol::api::{PIECE_MEDIA_TYPE, UPLOAD_LENGTH, UPLOAD_OFFSET};
use fieldmerge_protocol::limits::MAX_ATTACHMENT_CHUNK_BYTES;
use fieldmerge_protocol::problem::{Problem, ProblemCode};

use super::extract::{content_length, media_type};
use super::{ApiError, Path};
use crate::attachments::{self, Piece, Progress};
use crate::auth::AuthedDevice;
use crate::state::App;

/// Tells how far an attachment has come: `Upload-Offset`, and `Upload-Length` where it is known.
#[utoipa::path(
    head, path = "/v1/projects/{project}/attachments/{hash}", operation_id = "attachment_progress", tag = "devices",
    params(("project" = String, Path, description = "The project's id"),
        ("hash" = String, Path, description = "The SHA-256 of the attachment, hexadecimal")),
    responses(
        (status = 200, description = "The next byte that is wanted",
            headers(("Upload-Offset" = u64, description = "The next byte that is wanted"),
                ("Upload-Length" = u64, description = "How many bytes there are in all"))),
        (status = 404, description = "`not-found`: not here, or none that the device may know of"),
    ),
    security(("device" = [])),
)]
pub async fn progress(
    State(app): State<App>,
    device: AuthedDevice,
    Path((_, hash)): Path<(String, AttachmentHash)>,
) -> Result<Response, ApiError> {
    let progress = detached(async move { attachments::progress(&app, &device, hash).await }).await?;
    Ok((StatusCode::OK, upload_headers(progress)).into_response())
}

/// Brings a piece of an attachment. It is durable when it is acknowledged; the last one is acknowledged when the whole has
/// the hash of the address.
#[utoipa::path(
    patch, path = "/v1/projects/{project}/attachments/{hash}", operation_id = "attachment_append", tag = "devices",
    params(("project" = String, Path, description = "The project's id"),
        ("hash" = String, Path, description = "The SHA-256 of the attachment, hexadecimal"),
        ("Upload-Offset" = u64, Header, description = "The first byte of the piece"),
        ("Upload-Length" = u64, Header, description = "How many bytes the whole attachment has")),
    request_body(content_type = "application/offset+octet-stream", description = "The piece"),
    responses(
        (status = 204, description = "The piece is durable",
            headers(("Upload-Offset" = u64, description = "The next byte that is wanted"))),
        (status = 400, description = "`invalid-request`", body = Problem, content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: the device writes no records", body = Problem,
            content_type = "application/problem+json"),
        (status = 409, description = "`offset-mismatch`: ask for the offset", body = Problem,
            content_type = "application/problem+json"),
        (status = 413, description = "`payload-too-large`", body = Problem, content_type = "application/problem+json"),
        (status = 415, description = "`unsupported-media-type`", body = Problem,
            content_type = "application/problem+json"),
        (status = 422, description = "`attachment-mismatch`: nothing of it is kept", body = Problem,
            content_type = "application/problem+json"),
        (status = 429, description = "`too-many-requests`: the device has brought too much", body = Problem,
            content_type = "application/problem+json"),
    ),
    security(("device" = [])),
)]
pub async fn append(
    State(app): State<App>,
    device: AuthedDevice,
    Path((_, hash)): Path<(String, AttachmentHash)>,
    request: Request,
) -> Result<Response, ApiError> {
    let piece = piece_of(&request, hash)?;
    let body = request.into_body();
    let progress = detached(async move { attachments::append(&app, device, piece, body).await }).await?;
    Ok((StatusCode::NO_CONTENT, upload_headers(progress)).into_response())
}

/// Reads an attachment, or the one range of it that is asked for.
#[utoipa::path(
    get, path = "/v1/projects/{project}/attachments/{hash}", operation_id = "attachment_read", tag = "devices",
    params(("project" = String, Path, description = "The project's id"),
        ("hash" = String, Path, description = "The SHA-256 of the attachment, hexadecimal"),
        ("Range" = Option<String>, Header, description = "One range, such as `bytes=0-65535`")),
    responses(
        (status = 200, description = "The bytes", content_type = "application/octet-stream"),
        (status = 206, description = "The bytes of the range", content_type = "application/octet-stream"),
        (status = 404, description = "`not-found`: not here, or in no record that the device may read", body = Problem,
            content_type = "application/problem+json"),
        (status = 416, description = "`range-not-satisfiable`", body = Problem,
            content_type = "application/problem+json"),
    ),
    security(("device" = [])),
)]
pub async fn read(
    State(app): State<App>,
    device: AuthedDevice,
    Path((_, hash)): Path<(String, AttachmentHash)>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let length = attachments::readable(&app, &device, hash).await?;
    let asked = headers.get(RANGE).and_then(|range| range.to_str().ok()).and_then(parse_range);
    let range = match asked {
        None => 0..length,
        Some(asked) => {
            within(asked, length).ok_or_else(|| ApiError::new(ProblemCode::RangeNotSatisfiable))?
        }
    };
    let (status, from, to) =
        (if asked.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK }, range.start, range.end);
    let bytes = attachments::content(&app, device.directory.project.id, hash, range).await?;
    let mut response = Body::from_stream(bytes).into_response();
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(CONTENT_LENGTH, (to - from).into());
    if asked.is_some() {
        let stated = format!("bytes {from}-{}/{length}", to - 1);
        headers.insert(CONTENT_RANGE, HeaderValue::from_str(&stated).map_err(ApiError::internal)?);
    }
    Ok(response)
}

/// Does the work whether or not anybody still listens: what has arrived when a link breaks counts.
async fn detached<T: Send + 'static>(
    work: impl Future<Output = Result<T, ApiError>> + Send + 'static,
) -> Result<T, ApiError> {
    tokio::spawn(work).await.map_err(ApiError::internal)?
}

fn upload_headers(progress: Progress) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(HeaderName::from_static(UPLOAD_OFFSET), progress.offset.into());
    if let Some(length) = progress.length {
        headers.insert(HeaderName::from_static(UPLOAD_LENGTH), length.into());
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers
}

/// What a request says of the piece that it brings.
fn piece_of(request: &Request, hash: AttachmentHash) -> Result<Piece, ApiError> {
    if media_type(request.headers().get(CONTENT_TYPE)) != Some(PIECE_MEDIA_TYPE) {
        let detail = format!("send {PIECE_MEDIA_TYPE}");
        return Err(ApiError::new(ProblemCode::UnsupportedMediaType).detail(detail));
    }
    let number = |name: &str| -> Result<u64, ApiError> {
        let stated = request.headers().get(name).and_then(|value| value.to_str().ok()?.parse().ok());
        stated.ok_or_else(|| {
            let detail = "send Upload-Offset and Upload-Length, numbers of bytes";
            ApiError::new(ProblemCode::InvalidRequest).detail(detail)
        })
    };
    let (offset, length) = (number(UPLOAD_OFFSET)?, number(UPLOAD_LENGTH)?);
    match content_length(request) {
        None => Err(ApiError::new(ProblemCode::LengthRequired)),
        Some(bytes) if bytes > MAX_ATTACHMENT_CHUNK_BYTES => Err(ApiError::new(ProblemCode::PayloadTooLarge)),
        Some(bytes) => Ok(Piece { hash, offset, length, bytes }),
    }
}

/// One range as it is asked for: from a byte, to a byte; without the first it is the last so many bytes.
type Asked = (Option<u64>, Option<u64>);

/// Reads a header of one range. One of another unit or form, or of several ranges, is passed over, as RFC 9110 says.
fn parse_range(text: &str) -> Option<Asked> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let number = |text: &str| match text.trim() {
        "" => Some(None),
        digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok().map(Some),
        _ => None,
    };
    match (number(first)?, number(last)?) {
        (None, None) => None,
        (Some(first), Some(last)) if last < first => None,
        asked => Some(asked),
    }
}

/// The bytes that a range names; nothing if there are none.
fn within((first, last): Asked, length: u64) -> Option<Range<u64>> {
    let range = match (first, last) {
        (Some(first), last) => first..last.map_or(length, |last| last.saturating_add(1).min(length)),
        (None, last) => length.saturating_sub(last?)..length,
    };
    (range.start < range.end).then_some(range)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_those_of_http() {
        let bytes = |text: &str| parse_range(text).and_then(|asked| within(asked, 10));
        assert_eq!(bytes("bytes=0-3"), Some(0..4));
        assert_eq!(bytes("bytes=4-"), Some(4..10));
        assert_eq!(bytes("bytes=-3"), Some(7..10));
        assert_eq!(bytes("bytes=-30"), Some(0..10));
        assert_eq!(bytes("bytes=9-18446744073709551615"), Some(9..10));
        assert_eq!(bytes("bytes=10-"), None);
        assert_eq!(bytes("bytes=-0"), None);
    }

    #[test]
    fn what_is_no_single_range_is_passed_over() {
        for text in
            ["bytes=", "bytes=-", "bytes=3-2", "bytes=0-1,4-5", "lines=0-1", "bytes=+1-2", "bytes=a-b"]
        {
            assert_eq!(parse_range(text), None, "{text}");
        }
    }
}
