//! Opens sealed frames. One that opens is from there on the frame that was sealed; one that does not is judged by what
//! stands outside.

use fieldmerge_protocol::ProjectId;
use fieldmerge_protocol::bundle::SealedFrame;
use fieldmerge_protocol::bundle::sealed::SEALED_VERSION;

use super::frames::Checked;
use super::merge::Source;
use super::{Arrival, Authors};
use crate::directory::Directory;
use crate::keys::SealingKeys;

/// The code of a frame that is sealed to a key which this server does not have.
pub const UNKNOWN_KEY: &str = "unknown-sealing-key";
/// The code of a frame that its author sealed so that it does not open, or that holds another frame than it says.
pub const DOES_NOT_OPEN: &str = "does-not-open";

/// Whether a frame with this code was sealed by the author that it names.
pub fn is_proven(code: &str) -> bool {
    matches!(code, UNKNOWN_KEY | DOES_NOT_OPEN)
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
    let Ok(sealed) = SealedFrame::parse(payload) else { return Checked::Unproven(None, "malformed-frame") };
    let header = sealed.header;
    let code = why(&sealed, project, &arrival.authors, &arrival.sealing);
    let source = Source { device: header.device, frame: header.frame, received_ms: arrival.received_ms };
    Checked::Unopened(source, header.digest, code)
}

/// Why a sealed frame was not opened: a stable code.
pub fn why(
    sealed: &SealedFrame<'_>,
    project: ProjectId,
    authors: &Authors,
    keys: &SealingKeys,
) -> &'static str {
    let header = &sealed.header;
    if header.project != project {
        return "wrong-project";
    }
    if authors.revoked.contains(&header.device) {
        return "device-revoked";
    }
    match authors.keys.get(&header.device) {
        None => "unknown-device",
        Some(key) if sealed.verify(key).is_err() => "bad-signature",
        Some(_) if keys.secret(header.key).is_none() => UNKNOWN_KEY,
        Some(_) => DOES_NOT_OPEN,
    }
}
