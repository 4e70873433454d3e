//! What the engine shows, read from memory.

mod cases;
mod find;
mod record;

use std::collections::BTreeSet;
use std::sync::Arc;

use fieldmerge_model::form::version::FormVersion;
use fieldmerge_model::types::RecordTypes;
use fieldmerge_protocol::RecordId;

use crate::engine::Engine;
use crate::memory::record_row::RecordRow;
use crate::{FormView, Notice, OutboxView, Outgoing, Status, Summary};
use smol_str::SmolStr;

impl Engine {
    /// Own changes without a final receipt, and what is carried for others.
    pub fn outbox(&self) -> OutboxView {
        let changes = self.memory.outbox.iter().map(|(number, row)| {
            let record = self.memory.records.get(&row.record);
            Outgoing {
                number: *number,
                record: row.record,
                record_type: record.map(|record| record.header.record_type.clone()).unwrap_or_default(),
                title: record.map(|record| self.title(record)).unwrap_or_default(),
                feed: row.feed,
                device_ms: row.time,
                state: row.view(),
            }
        });
        OutboxView {
            changes: changes.collect(),
            carried_frames: self.memory.carried.len(),
            carried_receipts: self.memory.receipts.len(),
            provisional: self.memory.provisional.len(),
        }
    }

    /// What the engine did on its own and nobody has read.
    pub fn notices(&self) -> Vec<Notice> {
        let notices = self.memory.notices.iter().map(|(number, row)| Notice {
            number: *number,
            at_ms: row.at_ms,
            code: SmolStr::new(&row.code),
            count: row.count,
            records: row.records.clone(),
        });
        notices.collect()
    }

    /// The versions of forms that it has, in the order in which they were published.
    pub fn forms(&self) -> Vec<FormView> {
        let understood = self.memory.forms.all.iter();
        let forms = understood.filter_map(|(number, held)| {
            let form = &held.version.as_ref()?.form;
            Some(FormView {
                number: *number,
                id: SmolStr::new(&form.id),
                version: SmolStr::new(&form.version),
                title: form.title.clone(),
                latest: false,
            })
        });
        let mut forms: Vec<FormView> = forms.collect();
        let mut seen = BTreeSet::new();
        for form in forms.iter_mut().rev() {
            form.latest = seen.insert(form.id.clone());
        }
        forms
    }

    /// A version of a form by its number.
    pub fn form(&self, number: u64) -> Option<Arc<FormVersion>> {
        self.memory.forms.all.get(&number)?.version.clone()
    }

    /// What its records hold, by the forms that it has.
    pub fn types(&self) -> RecordTypes {
        self.memory.forms.types.clone()
    }

    /// What the device knows of itself.
    pub fn status(&self) -> Status {
        let memory = &self.memory;
        let state = memory.state.as_ref();
        let waiting = memory.attachments.waiting();
        Status {
            enrolment: memory.enrolment.clone(),
            incarnation: state.map(|state| state.incarnation),
            records: memory.records.len(),
            outbox: memory.outbox.len(),
            attachments_waiting: waiting.clone().count(),
            attachment_bytes_waiting: waiting.filter_map(|row| row.bytes).sum(),
            roster: memory.roster.version,
            areas: memory.roster.areas.clone(),
            devices: memory.roster.devices.clone(),
            grants: memory.roster.grants.clone(),
            cursors: memory.cursors.iter().map(|(feed, position)| (*feed, *position)).collect(),
            clock_offset_ms: state.map_or(0, |state| state.offset_ms),
            open_cases: memory.records.values().map(|row| row.header.open_cases as usize).sum(),
        }
    }

    /// One line about a record.
    pub(crate) fn summary(&self, record: RecordId, row: &RecordRow) -> Summary {
        Summary {
            record,
            record_type: row.header.record_type.clone(),
            feed: row.header.feed,
            subject: row.header.subject,
            title: self.title(row),
            open_cases: row.header.open_cases,
            pending: self.memory.is_pending(record),
            provisional: self.memory.is_provisional(record),
        }
    }

    /// What a person calls a record: its own name, else that of the person it is about.
    pub(crate) fn title(&self, row: &RecordRow) -> String {
        let subject = row.header.subject.and_then(|subject| self.memory.records.get(&subject));
        match subject.filter(|_| row.header.title.is_empty()) {
            Some(subject) => subject.header.title.to_string(),
            None => row.header.title.to_string(),
        }
    }
}
