//! Sealed frames, and receipts as files.

use ed25519_dalek::Signer;
use fieldmerge_protocol::DeviceId;
use fieldmerge_protocol::bundle::sealed::key_id;
use fieldmerge_protocol::bundle::{BundleWriter, SealedFrame};
use fieldmerge_protocol::sync::{self, FrameReceipt, FrameStatus, ReceiptList, Receipts, tag};

use super::Server;

impl Server {
    /// Opens a sealed frame and takes what is in it.
    pub(super) fn sealed(&mut self, sealed: &SealedFrame<'_>) -> Option<(DeviceId, FrameReceipt)> {
        let header = sealed.header;
        let author = self.devices.get(&header.device)?.key;
        sealed.verify(&author).expect("the author sealed it");
        let Some(pair) = self.sealing.iter().find(|pair| key_id(&pair.public) == header.key) else {
            let receipt = FrameReceipt {
                frame: header.frame,
                status: FrameStatus::Unresolved,
                exceptions: Vec::new(),
                code: Some("unknown-sealing-key".to_owned()),
                digest: header.digest,
            };
            return Some((header.device, receipt));
        };
        let payload = sealed.open(&pair.secret).expect("it was sealed to this key");
        self.frame(&payload)
    }

    /// A file with a receipt for one frame of a device, signed as every receipt.
    pub(crate) fn receipt_file(&self, device: DeviceId, receipt: FrameReceipt) -> Vec<u8> {
        let list = sync::encode(&ReceiptList { device, receipts: vec![receipt], log: self.log });
        let signature = self.key.sign(&sync::receipts_text(self.project, &list)).to_bytes().to_vec();
        let mut writer = BundleWriter::new();
        writer.part(tag::RECEIPTS, &sync::encode(&Receipts { list, signature })).part(tag::END, &[]);
        writer.into_bytes()
    }
}
