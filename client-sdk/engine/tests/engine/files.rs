//! Attachments as a phone's host and a server have them: how many bytes of each is all that the engine can notice.

use std::collections::BTreeMap;

use fieldmerge_engine::{Effect, Input, Refused, Transfer, TransferJob, Transferred};
use fieldmerge_protocol::AttachmentHash;
use fieldmerge_protocol::problem::ProblemCode;

use crate::phone::{Crash, Cut, Phone};

/// What the server holds of attachments.
#[derive(Debug, Clone, Default)]
pub(crate) struct Files {
    /// Bytes received, and bytes in all.
    pub(crate) known: BTreeMap<AttachmentHash, (u64, u64)>,
    /// Those that it refuses to take or to give, and how.
    pub(crate) refuses: BTreeMap<AttachmentHash, (u16, Option<ProblemCode>)>,
    /// Every request.
    pub(crate) jobs: Vec<(AttachmentHash, TransferJob)>,
}

impl Files {
    pub(crate) fn is_whole(&self, hash: AttachmentHash) -> bool {
        self.known.get(&hash).is_some_and(|(received, length)| received == length)
    }

    pub(crate) fn bytes_of(&self, from: usize) -> u64 {
        let bytes = self.jobs[from..].iter().map(|(_, job)| match job {
            TransferJob::Send { bytes, .. } => *bytes,
            _ => 0,
        });
        bytes.sum()
    }
}

fn refused(status: u16, code: Option<ProblemCode>) -> Transferred {
    Transferred::Refused(Refused { status, code, ..Refused::default() })
}

impl Phone {
    /// Performs a request about an attachment.
    pub(crate) fn transfer(
        &mut self,
        files: &mut Files,
        transfer: &Transfer,
        cut: Cut,
    ) -> Result<Vec<Effect>, Crash> {
        let Transfer { id, hash, job, .. } = *transfer;
        files.jobs.push((hash, job));
        let result = match (files.refuses.get(&hash), job) {
            (Some((status, code)), _) => refused(*status, *code),
            (None, TransferJob::Ask) => match cut {
                Cut::None => Transferred::Offset(files.known.get(&hash).map_or(0, |(received, _)| *received)),
                _ => Transferred::Cut { bytes: 0, reached: true },
            },
            (None, TransferJob::Send { offset, bytes, length }) => {
                assert_eq!(self.held.get(&hash), Some(&length), "only what is here is sent");
                assert!(bytes <= 1 << 20 && offset + bytes <= length);
                let known = files.known.entry(hash).or_insert((0, length));
                if known.0 != offset {
                    refused(409, Some(ProblemCode::OffsetMismatch))
                } else if let Cut::Request(at) = cut {
                    known.0 += at as u64 % bytes;
                    Transferred::Cut { bytes: 0, reached: true }
                } else {
                    known.0 += bytes;
                    match cut {
                        Cut::None => Transferred::Offset(known.0),
                        _ => Transferred::Cut { bytes: 0, reached: true },
                    }
                }
            }
            (None, TransferJob::Fetch { most }) => match files.known.get(&hash) {
                Some((received, length)) if received == length => {
                    let held = self.held.entry(hash).or_default();
                    let mut bytes = most.min(length - *held);
                    if let Cut::Request(at) | Cut::Answer(at) = cut {
                        bytes = at as u64 % bytes;
                        *held += bytes;
                        Transferred::Cut { bytes, reached: true }
                    } else {
                        *held += bytes;
                        Transferred::Fetched { bytes, whole: *held == *length, length: Some(*length) }
                    }
                }
                _ => refused(404, Some(ProblemCode::NotFound)),
            },
        };
        self.drive(Input::Transferred { transfer: id, result })
    }
}
