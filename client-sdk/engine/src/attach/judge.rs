//! What follows from the answer to a request about an attachment.

use fieldmerge_protocol::AttachmentHash;
use fieldmerge_protocol::problem::ProblemCode;

use super::rows::{AttachmentRow, Standing};
use super::transfer::Transfers;
use crate::Refused;
use crate::effect::TransferJob;
use crate::input::Transferred;

/// How long the server is left alone with an attachment that it did not have: doubled each time, a day at most.
const MISSED_MS: i64 = 600_000;
pub(super) const MAX_MISSED_MS: i64 = 86_400_000;

/// What follows from the answer to a request.
pub(super) enum Judged {
    /// On with the next.
    Next,
    /// On with the next; the row says something else now.
    Changed(AttachmentRow),
    /// The server has all of it.
    Sent(AttachmentRow),
    /// The device has all of it.
    Fetched(AttachmentRow),
    /// The same again in smaller pieces.
    Smaller,
    /// The server is not to be asked for anything now.
    Later,
    /// The link broke.
    Cut(Option<AttachmentRow>),
}

impl Transfers {
    pub(super) fn judge(
        &mut self,
        hash: AttachmentHash,
        row: &AttachmentRow,
        job: TransferJob,
        result: &Transferred,
        now_ms: i64,
    ) -> Judged {
        match result {
            Transferred::Offset(offset) => self.stands_at(hash, row, job, *offset),
            Transferred::Fetched { bytes, whole, length } => {
                self.misses = 0;
                let known = AttachmentRow { bytes: length.or(row.bytes), misses: 0, ..row.clone() };
                if *whole {
                    return Judged::Fetched(AttachmentRow {
                        standing: Standing::Kept,
                        wanted: false,
                        ..known
                    });
                }
                if *bytes == 0 {
                    self.done.insert(hash);
                }
                Judged::Changed(known)
            }
            Transferred::Lost => {
                self.done.insert(hash);
                Judged::Changed(AttachmentRow { standing: Standing::Absent, own: false, ..row.clone() })
            }
            Transferred::Damaged => {
                self.done.insert(hash);
                Judged::Changed(missed(row, now_ms))
            }
            Transferred::Refused(refused) => self.refused(hash, row, job, refused, now_ms),
            Transferred::Cut { .. } => {
                let sending = matches!(job, TransferJob::Send { .. });
                Judged::Cut(sending.then(|| AttachmentRow { begun: true, ..row.clone() }))
            }
        }
    }

    /// The server wants this byte next.
    fn stands_at(
        &mut self,
        hash: AttachmentHash,
        row: &AttachmentRow,
        job: TransferJob,
        offset: u64,
    ) -> Judged {
        let length = row.bytes.unwrap_or_default();
        if offset == length {
            return Judged::Sent(AttachmentRow { standing: Standing::Kept, begun: false, ..row.clone() });
        }
        let moved = match job {
            TransferJob::Send { offset: before, .. } => offset > before,
            TransferJob::Ask | TransferJob::Fetch { .. } => true,
        };
        // A server that does not move, or is beyond the end, is not asked again in this sync.
        if moved && offset < length {
            self.offsets.insert(hash, offset);
        } else {
            self.done.insert(hash);
        }
        // From now on the server is asked first, or what it has already would be sent again by the next sync.
        Judged::Changed(AttachmentRow { begun: true, ..row.clone() })
    }

    fn refused(
        &mut self,
        hash: AttachmentHash,
        row: &AttachmentRow,
        job: TransferJob,
        refused: &Refused,
        now_ms: i64,
    ) -> Judged {
        let fetching = matches!(job, TransferJob::Fetch { .. });
        match (refused.code, refused.status) {
            (Some(ProblemCode::OffsetMismatch), _) if !fetching => {
                self.offsets.remove(&hash);
                if !self.doubtful.insert(hash) {
                    self.done.insert(hash);
                }
                Judged::Changed(AttachmentRow { begun: true, ..row.clone() })
            }
            (Some(code @ (ProblemCode::AttachmentMismatch | ProblemCode::PayloadTooLarge)), _)
                if !fetching =>
            {
                self.done.insert(hash);
                let standing = Standing::Refused(code.as_str().to_owned());
                Judged::Changed(AttachmentRow { standing, ..row.clone() })
            }
            // A proxy that takes less than the server does not say so by a code of ours.
            (None, 413) if !fetching => Judged::Smaller,
            (Some(ProblemCode::Forbidden), _) => {
                self.takes_none = true;
                Judged::Next
            }
            (_, 404 | 410) => {
                self.done.insert(hash);
                if fetching {
                    self.misses += 1;
                    return Judged::Changed(missed(row, now_ms));
                }
                // What was fetched need not be brought back where the device may not bring anything.
                let standing = if row.own { Standing::Waiting } else { Standing::Kept };
                Judged::Changed(AttachmentRow { standing, ..row.clone() })
            }
            (Some(ProblemCode::InvalidRequest | ProblemCode::RangeNotSatisfiable), _) => {
                self.done.insert(hash);
                Judged::Next
            }
            _ => Judged::Later,
        }
    }
}

/// The server does not have it, or not as it should be: it is asked again, each time later.
fn missed(row: &AttachmentRow, now_ms: i64) -> AttachmentRow {
    let pause_ms = MISSED_MS.saturating_mul(1 << row.misses.min(16)).min(MAX_MISSED_MS);
    AttachmentRow {
        misses: row.misses.saturating_add(1),
        at_ms: now_ms.saturating_add(pause_ms),
        ..row.clone()
    }
}
