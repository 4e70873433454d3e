//! How an answer that cannot be used ends a sync.

use fieldmerge_protocol::bundle::BundleError;
use fieldmerge_protocol::problem::Problem;

use super::answer::AfterAnswer;
use crate::SyncEnd;

pub(super) fn malformed() -> AfterAnswer {
    untrusted("malformed-answer")
}

pub(super) fn untrusted(code: &'static str) -> AfterAnswer {
    AfterAnswer::End(SyncEnd::Untrusted { code })
}

pub(super) fn problem(payload: &[u8]) -> SyncEnd {
    match serde_json::from_slice::<Problem>(payload) {
        Ok(problem) => {
            SyncEnd::Refused { status: problem.status, code: Some(problem.code), retry_after_seconds: None }
        }
        Err(_) => SyncEnd::Refused { status: 500, code: None, retry_after_seconds: None },
    }
}

pub(super) fn code_of(error: &BundleError) -> &'static str {
    match error {
        BundleError::UnknownVersion { .. } => "later-version",
        _ => "malformed-answer",
    }
}
