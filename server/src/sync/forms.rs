//! The versions of forms that a device lacks, and what stands against what it wrote by their rules, on their way to it.

use std::sync::Arc;

use fieldmerge_protocol::sync::{self, FORM_PIECE_BYTES, Findings, FormPiece, FormsHeld, form_check, tag};

use super::writer::{Answer, Gone};
use crate::directory::Directory;
use crate::findings;
use crate::forms::published::Published;
use crate::keys::ServerSigner;

/// What a device lacks beside records.
pub struct Lacking {
    /// What it says that it has; it is sent none where it says nothing.
    pub held: Option<FormsHeld>,
    /// What stands against what it wrote, where it does not know it yet.
    pub findings: Option<Vec<u8>>,
    /// The project.
    pub directory: Arc<Directory>,
}

impl Lacking {
    /// What a device lacks by what it says that it has: of its forms, and of what stands against what it wrote.
    pub fn of(
        held: Option<FormsHeld>,
        (findings, check): (Findings, Option<u32>),
        directory: Arc<Directory>,
    ) -> Self {
        let findings = held.and_then(|_| findings::unknown(&findings, check));
        Self { held, findings, directory }
    }
}

/// The pieces of a version, from the byte on that the device lacks.
fn pieces(published: &Published, held: FormsHeld) -> impl Iterator<Item = FormPiece> {
    let row = &published.row;
    let length = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
    let begun = held.begun.filter(|check| *check == form_check(&row.chain)).and(held.begun_bytes);
    let from = begun.map_or(0, |bytes| bytes as usize).min(row.packed.len());
    let offsets = (from..row.packed.len()).step_by(FORM_PIECE_BYTES);
    offsets.map(move |offset| FormPiece {
        number: row.number,
        chain: row.chain,
        base: row.base,
        raw_bytes: length(published.bytes.len()),
        packed_bytes: length(row.packed.len()),
        offset: length(offset),
        bytes: row.packed[offset..row.packed.len().min(offset + FORM_PIECE_BYTES)].to_vec(),
    })
}

impl Answer {
    /// Sends what stands against what a device wrote, and the forms that it lacks, each as soon as it is written.
    pub async fn forms(
        &mut self,
        (signer, hello): (&ServerSigner, &[u8]),
        Lacking { held, findings, directory }: &Lacking,
    ) -> Result<(), Gone> {
        if let Some(findings) = findings {
            self.prove_before(findings.len(), (signer, hello), directory.project.id);
            self.part(tag::FINDINGS, findings);
        }
        let Some(held) = *held else { return Ok(()) };
        for published in directory.forms.after(held.check) {
            for piece in pieces(published, held) {
                let payload = sync::encode(&piece);
                self.prove_before(payload.len(), (signer, hello), directory.project.id);
                self.part(tag::FORM_PIECE, &payload);
            }
            self.send().await?;
        }
        Ok(())
    }
}
