//! Opens sealed frames. One that opens is from there on the frame that was sealed; one that does not is judged by what
//! stands outside.

use fieldmerge_model::quarantine::QuarantineCode;
use fieldmerge_protocol::ProjectId;
use fieldmerge_protocol::bundle::SealedFrame;
use fieldmerge_protocol::bundle::sealed::SEALED_VERSION;

use super::frames::Checked;
use super::merge::Source;
use super::{Arrival, Authors};
use crate::directory::Directory;
use crate::keys::SealingKeys;

/// Whether a frame with this code was sealed by the author that it names.
pub fn is_proven(code: QuarantineCode) -> bool {
    matches!(code, QuarantineCode::UnknownSealingKey | QuarantineCode::DoesNotOpen)
}

/// Whether a payload may be a sealed frame.
pub fn is_sealed(payload: &[u8]) -> bool {
    payload.first() == Some(&SEALED_VERSION)
}

/// Puts the frames in the places of the sealed ones that open. Costs a signature and a key agreement for each.
pub fn open_all(directory: &Directory, frames: &mut [Vec<u8>]) {
    for payload in frames.iter_mut().filter(|payload| is_sealed(payload)) {
        if let Some(opened) = SealedFrame::parse(payload).ok().and_then(|sealed| open(directory, &sealed)) {
            *payload = opened;
        }
    }
}

fn open(directory: &Directory, sealed: &SealedFrame<'_>) -> Option<Vec<u8>> {
    let header = &sealed.header;
    let author = directory.devices.get(&header.device).filter(|member| !member.revoked)?.key()?;
    let secret = directory.sealing.secret(header.key).filter(|_| header.project == directory.project.id)?;
    sealed.verify(&author).ok()?;
    sealed.open(secret).ok()
}

/// Why a payload that is no frame was not opened.
pub fn unopened(payload: &[u8], project: ProjectId, arrival: &Arrival) -> Checked {
    let Ok(sealed) = SealedFrame::parse(payload) else {
        return Checked::Unproven(None, QuarantineCode::MalformedFrame);
    };
    let header = sealed.header;
    let code = why(&sealed, project, &arrival.authors, &arrival.sealing);
    let source = Source { device: header.device, frame: header.frame, received_ms: arrival.received_ms };
    Checked::Unopened(source, header.digest, code)
}

/// Why a sealed frame was not opened.
pub fn why(
    sealed: &SealedFrame<'_>,
    project: ProjectId,
    authors: &Authors,
    keys: &SealingKeys,
) -> QuarantineCode {
    let header = &sealed.header;
    if header.project != project {
        return QuarantineCode::WrongProject;
    }
    if authors.revoked.contains(&header.device) {
        return QuarantineCode::DeviceRevoked;
    }
    match authors.keys.get(&header.device) {
        None => QuarantineCode::UnknownDevice,
        Some(key) if sealed.verify(key).is_err() => QuarantineCode::BadSignature,
        Some(_) if keys.secret(header.key).is_none() => QuarantineCode::UnknownSealingKey,
        Some(_) => QuarantineCode::DoesNotOpen,
    }
}
