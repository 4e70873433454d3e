//! Proofs: each is signed by its device, and tells the changes that came in its frame.

use ed25519_dalek::VerifyingKey;
use fieldmerge_protocol::bundle::{FrameHeader, Proof, changes_digest};
use fieldmerge_protocol::sync::{self, FrameReceipt, FrameStatus};
use fieldmerge_protocol::{Incarnation, ProjectId};
use fieldmerge_store::devices::{self, Device};
use fieldmerge_store::proofs::{self, Proof as StoredProof};
use fieldmerge_store::segments::Source;
use fieldmerge_store::{StoreError, Tx};

use super::{BySource, ProjectReport};

/// Proofs read at a time.
const PAGE: u32 = 1_000;

/// Verifies the proofs of every frame that a record names, and of every frame beside them.
pub async fn verify(
    tx: &mut Tx,
    project: ProjectId,
    by_source: &BySource,
    report: &mut ProjectReport,
) -> Result<(), StoreError> {
    let mut proven = 0;
    for device in devices::list(tx, project).await? {
        // Frames count from 1, so this one stands before all others.
        let mut last = Source { device: device.id, incarnation: Incarnation([0; 4]), frame: 0 };
        loop {
            let page = proofs::after(tx, project, last, PAGE).await?;
            for proof in &page {
                report.proofs += 1;
                proven += usize::from(verify_proof(&device, proof, by_source, report));
            }
            match page.last() {
                Some(proof) => last = proof.source,
                None => break,
            }
        }
    }
    if proven != by_source.len() {
        let missing = by_source.len().abs_diff(proven);
        report.differs(|| format!("{missing} frames have changes and no proof, or the reverse"));
    }
    Ok(())
}

/// Checks one proof; says whether any change came in its frame.
fn verify_proof(
    device: &Device,
    stored: &StoredProof,
    by_source: &BySource,
    report: &mut ProjectReport,
) -> bool {
    let source = stored.source;
    let name =
        format!("the proof of frame {} of {} of device {}", source.frame, source.incarnation, device.id);
    let changes = by_source.get(&(source.device, source.incarnation, source.frame));
    match (signed_header(device, stored), sync::decode::<FrameReceipt>(&stored.receipt)) {
        (None, _) => report.differs(|| format!("{name} is not signed by the device")),
        (_, Err(_)) => report.differs(|| format!("{name} has a receipt that does not parse")),
        (Some(header), Ok(receipt)) => {
            // Where something was held, refused or known before, the record does not have it from this frame.
            let whole = receipt.status == FrameStatus::Accepted && receipt.exceptions.is_empty();
            let hashes = changes.into_iter().flatten().copied();
            if whole && changes_digest(hashes) != header.changes_digest {
                report.differs(|| format!("{name} is not about the changes that came in the frame"));
            }
        }
    }
    changes.is_some()
}

/// The header, if the device's signature over it holds.
fn signed_header(device: &Device, stored: &StoredProof) -> Option<FrameHeader> {
    let (header, body_hash) = stored.header.split_last_chunk::<32>()?;
    let proof = Proof {
        header: header.to_vec(),
        body_hash: *body_hash,
        signature: *stored.signature.first_chunk()?,
        cosignatures: Vec::new(),
    };
    let key = VerifyingKey::from_bytes(&device.public_key).ok()?;
    proof.verify(&key).ok()?;
    let header = proof.header().ok()?;
    let (origin, source) = (header.origin, stored.source);
    let is_its_own = (origin.device, origin.incarnation, origin.number)
        == (source.device, source.incarnation, source.frame);
    is_its_own.then_some(header)
}
