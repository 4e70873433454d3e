//! What is carried, for whom, and what became of it.

use std::collections::BTreeMap;

use fieldmerge_protocol::DeviceId;
use fieldmerge_protocol::bundle::PassedFrame;
use fieldmerge_protocol::sync::{self, FrameStatus, ReceiptList, Receipts};

use crate::CarriedView;
use crate::engine::Engine;

impl Engine {
    /// What this device carries for others, and what it knows of what became of it, by author.
    pub fn carried(&self) -> Vec<CarriedView> {
        let mut views: BTreeMap<DeviceId, CarriedView> = BTreeMap::new();
        for row in self.memory.carried.values() {
            let Ok(frame) = PassedFrame::parse(&row.payload) else { continue };
            let view = self.view_of(&mut views, frame.header().device);
            view.frames += 1;
            view.bytes += row.payload.len();
            view.since_ms = [view.since_ms, row.since_ms].into_iter().flatten().min();
        }
        for payload in self.memory.receipts.values() {
            // Receipts were verified before they were kept.
            let Ok(receipts) = sync::decode::<Receipts>(payload) else { continue };
            let Ok(list) = sync::decode::<ReceiptList>(&receipts.list) else { continue };
            let view = self.view_of(&mut views, list.device);
            for receipt in list.receipts {
                match receipt.status {
                    FrameStatus::Accepted => view.delivered += 1,
                    status => {
                        let code = receipt.code.as_deref().unwrap_or(match status {
                            FrameStatus::Forked => "forked",
                            FrameStatus::Unresolved => "unresolved",
                            _ => "quarantined",
                        });
                        *view.refused.entry(code.into()).or_default() += 1;
                    }
                }
            }
        }
        views.into_values().collect()
    }

    fn view_of<'v>(
        &self,
        views: &'v mut BTreeMap<DeviceId, CarriedView>,
        device: DeviceId,
    ) -> &'v mut CarriedView {
        views.entry(device).or_insert_with(|| {
            let known = self.memory.roster.devices.iter().find(|known| known.device == device);
            CarriedView {
                device,
                label: known.map(|known| known.label.clone()),
                frames: 0,
                bytes: 0,
                since_ms: None,
                delivered: 0,
                refused: BTreeMap::new(),
            }
        })
    }
}
