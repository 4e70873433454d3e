//! The receipts that were ever given: each is given again, the same.

use std::collections::BTreeMap;

use fieldmerge_model::quarantine::{QuarantineCode, Remedy};
use fieldmerge_protocol::DeviceId;
use fieldmerge_protocol::bundle::PartReader;
use fieldmerge_protocol::limits::MAX_PART_BYTES;
use fieldmerge_protocol::sync::{
    self, Exception, FrameReceipt, FrameRef, FrameStatus, Outcome, ReceiptList, Receipts, tag,
};
use fieldmerge_store::proofs;
use fieldmerge_store::segments::Source;
use fieldmerge_tests::world::link::Reply;
use fieldmerge_tests::world::site::Site;

type Key = (DeviceId, FrameRef, [u8; 8]);

/// Every receipt that left the server and is kept with a proof.
#[derive(Debug, Default)]
pub struct Book {
    given: BTreeMap<Key, FrameReceipt>,
}

impl Book {
    /// Reads the receipts of an answer, as far as it came. Gives those that say otherwise than before.
    pub fn note(&mut self, reply: &Reply) -> Vec<String> {
        let (Reply::Whole(bytes) | Reply::Cut(bytes)) = reply else { return Vec::new() };
        let mut reader = PartReader::new(MAX_PART_BYTES);
        reader.feed(bytes);
        let mut changed = Vec::new();
        while let Some(part) = reader.next_part().expect("an answer of our server is a bundle") {
            if part.tag == tag::RECEIPTS {
                let receipts: Receipts = sync::decode(&part.payload).expect("receipts read");
                let list: ReceiptList = sync::decode(&receipts.list).expect("a list of receipts reads");
                for receipt in list.receipts.into_iter().filter(is_kept) {
                    changed.extend(self.add(list.device, &receipt));
                }
            }
        }
        changed
    }

    fn add(&mut self, device: DeviceId, receipt: &FrameReceipt) -> Option<String> {
        let key = (device, receipt.frame, receipt.digest);
        let before = self.given.insert(key, receipt.clone())?;
        (!follows(&before, receipt)).then(|| format!("{device}: {before:?} became {receipt:?}"))
    }

    /// Those that the server would give otherwise now.
    pub async fn unlike_now(&self, site: &Site) -> Vec<String> {
        let mut tx = site.app.store().read().await.expect("a snapshot can be read");
        let mut unlike = Vec::new();
        for ((device, frame, _), given) in &self.given {
            let FrameRef { incarnation, number } = *frame;
            let source = Source { device: *device, incarnation, frame: number };
            let proof = proofs::find(&mut tx, site.project, source).await.expect("a proof can be read");
            let now: Option<FrameReceipt> =
                proof.map(|proof| sync::decode(&proof.receipt).expect("it reads"));
            if !now.as_ref().is_some_and(|now| follows(given, now)) {
                unlike.push(format!("{device}: {given:?} is {now:?}"));
            }
        }
        tx.rollback().await.expect("a snapshot ends");
        unlike
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.given.len()
    }

    /// A server that was restored may have forgotten what it said.
    pub fn clear(&mut self) {
        self.given.clear();
    }
}

/// Whether the frame's number is spent by it. Of others the server keeps nothing but their bytes.
fn is_kept(receipt: &FrameReceipt) -> bool {
    match receipt.status {
        FrameStatus::Accepted => true,
        FrameStatus::Quarantined => {
            matches!(receipt.code.as_deref(), Some("malformed-frame" | "digest-mismatch"))
        }
        FrameStatus::Forked | FrameStatus::Unresolved => false,
    }
}

/// Whether a receipt says what another one said before it, but that what was held then, or may be taken again, may be
/// settled now.
fn follows(before: &FrameReceipt, now: &FrameReceipt) -> bool {
    let settled = |receipt: &FrameReceipt| -> Vec<Exception> {
        let open = before.exceptions.iter().filter(|exception| is_open(exception));
        let open: Vec<u32> = open.map(|exception| exception.index).collect();
        receipt.exceptions.iter().filter(|exception| !open.contains(&exception.index)).cloned().collect()
    };
    (before.frame, before.status, &before.code, before.digest)
        == (now.frame, now.status, &now.code, now.digest)
        && settled(before) == settled(now)
}

fn is_open(exception: &Exception) -> bool {
    let may_pass =
        |code: QuarantineCode| code == QuarantineCode::HeldExpired || code.remedy() == Remedy::TakenLater;
    let code = exception.code.as_deref().and_then(QuarantineCode::from_code);
    exception.outcome == Outcome::Held || code.is_some_and(may_pass)
}
