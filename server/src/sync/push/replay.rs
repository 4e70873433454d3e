//! Offers again what was put aside, by an administrator's word: the cause may be gone. What is still not to be taken stays
//! aside, with its bytes.

use std::collections::{BTreeMap, BTreeSet};

use fieldmerge_model::quarantine::QuarantineCode;
use fieldmerge_protocol::bundle::{Frame, SealedFrame, decode_body, resolve};
use fieldmerge_protocol::sync::{self, FrameReceipt, FrameRef, FrameStatus, Outcome};
use fieldmerge_store::quarantine::{self, Quarantined};
use fieldmerge_store::segments::Source as StoredSource;
use fieldmerge_store::{StoreError, Tx, devices, proofs};

use super::frames::check_first;
use super::merge::{Item, Source};
use super::{Arrival, Authors, Plan, Proofs, Push, load, sealed, write};
use crate::dictionary::Dictionaries;

/// What became of an item that was offered again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replayed {
    /// Its changes are part of their records, or were before.
    Taken,
    /// It is a change, and waits now for what it was made on.
    Held,
    /// It stays aside, for the reason of this code.
    Aside(String),
}

impl Push<'_> {
    /// Offers an item again. To be run by [`fieldmerge_store::Store::write`], with no arrivals of its own.
    pub async fn replay(
        &self,
        tx: &mut Tx,
        dictionaries: &Dictionaries,
        item: &Quarantined,
    ) -> Result<Replayed, StoreError> {
        let replayed = match item.record {
            Some(_) => self.replay_change(tx, item).await?,
            None => self.replay_frame(tx, dictionaries, &item.body).await?,
        };
        let resolution = match &replayed {
            Replayed::Taken => "replayed",
            Replayed::Held => "held",
            Replayed::Aside(_) => return Ok(replayed),
        };
        quarantine::resolve(tx, self.project, item.id, self.now_ms, resolution).await?;
        Ok(replayed)
    }

    /// A change was proven when its frame came, and keeps the place in that frame's receipt.
    async fn replay_change(&self, tx: &mut Tx, kept: &Quarantined) -> Result<Replayed, StoreError> {
        let item = unpack(kept)?;
        devices::lock(tx, self.project, &[item.source.device]).await?;
        let ids = BTreeSet::from([item.record]);
        let mut merge = load::records_of(tx, self, ids, BTreeSet::from([item.source.device])).await?;
        let (outcome, code) = merge.again(item);
        let directory = self.directory(tx).await?;
        let life = self.life(tx, &directory).await?;
        write::all(tx, self, life, Plan::default(), merge).await?;
        Ok(match (outcome, code) {
            (Outcome::Accepted | Outcome::Duplicate, _) => Replayed::Taken,
            (Outcome::Held, _) => Replayed::Held,
            (Outcome::Quarantined | Outcome::Forked, code) => {
                Replayed::Aside(code.unwrap_or(QuarantineCode::Forked).into())
            }
        })
    }

    /// A frame is taken as if it arrived now. One that was proven and could not be read spent its number: that is undone
    /// first, in the same transaction.
    async fn replay_frame(
        &self,
        tx: &mut Tx,
        dictionaries: &Dictionaries,
        payload: &[u8],
    ) -> Result<Replayed, StoreError> {
        let directory = self.directory(tx).await?;
        let mut frames = vec![payload.to_vec()];
        sealed::open_all(&directory, &mut frames);
        let Ok(frame) = Frame::parse(&frames[0]) else {
            let Ok(sealed) = SealedFrame::parse(payload) else {
                return Ok(Replayed::Aside(QuarantineCode::MalformedFrame.into()));
            };
            let authors = Authors::of(&directory, [sealed.header.device]);
            let code = sealed::why(&sealed, self.project, &authors, &directory.sealing);
            return Ok(Replayed::Aside(code.into()));
        };
        let origin = frame.header.origin;
        devices::lock(tx, self.project, &[origin.device]).await?;
        let source =
            StoredSource { device: origin.device, incarnation: origin.incarnation, frame: origin.number };
        if let Some(proof) = proofs::find_for_update(tx, self.project, source).await?
            && proof.digest == frame.header.changes_digest
            && sync::decode::<FrameReceipt>(&proof.receipt)
                .is_ok_and(|receipt| receipt.status == FrameStatus::Quarantined)
        {
            proofs::remove(tx, self.project, source).await?;
        }
        let mut arrival = Arrival {
            sender: Some(origin.device),
            authors: Authors::of(&directory, [origin.device]),
            frames: frames.clone(),
            taken: Proofs::new(),
            dictionaries: BTreeMap::new(),
            sealing: directory.sealing.clone(),
            received_ms: self.now_ms,
        };
        let number = frame.header.dictionary;
        let dictionary = dictionaries.find(tx, (self.project, &directory.forms), number).await?;
        arrival.dictionaries.extend(dictionary.map(|bytes| (number, bytes)));
        let checked = check_first(self.project, &arrival);
        let push = Push { arrivals: std::slice::from_ref(&arrival), ..*self };
        let receipts = push.run(tx, vec![checked]).await?.receipts;
        let receipt = receipts.into_iter().flatten().next();
        Ok(match receipt.map(|(_, receipt)| (receipt.status, receipt.code)) {
            Some((FrameStatus::Accepted, _)) => Replayed::Taken,
            Some((FrameStatus::Forked, _)) => Replayed::Aside(QuarantineCode::Forked.into()),
            Some((_, code)) => Replayed::Aside(code.unwrap_or_else(|| "unresolved".to_owned())),
            None => Replayed::Aside(QuarantineCode::MalformedFrame.into()),
        })
    }
}

/// A change that was put aside is stored as a body of one change with full hashes.
fn unpack(kept: &Quarantined) -> Result<Item, StoreError> {
    let corrupt = || StoreError::Corrupt { table: "quarantine", column: "body", key: kept.id.to_string() };
    let packed = decode_body(&kept.body).map_err(|_| corrupt())?;
    let resolved = resolve(packed, &mut |_, _, _| None).pop().ok_or_else(corrupt)?;
    let stored = kept.source.ok_or_else(corrupt)?;
    let source = Source {
        device: stored.device,
        frame: FrameRef { incarnation: stored.incarnation, number: stored.frame },
        received_ms: kept.received_ms,
    };
    let (hash, place) = (resolved.hash.ok_or_else(corrupt)?, kept.frame_index.ok_or_else(corrupt)?);
    Ok(Item { record: resolved.record, change: resolved.change, hash, source, place })
}
