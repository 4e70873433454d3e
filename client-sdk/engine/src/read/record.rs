//! One record, decoded for a reader.

use fieldmerge_model::form::filling::FORM;
use fieldmerge_model::log::LogState;
use fieldmerge_model::record::RecordState;
use fieldmerge_model::types::entry::Entry;
use fieldmerge_protocol::{RecordId, Value};

use crate::doc::{Body, Doc, read_entries};
use crate::engine::Engine;
use crate::{EntryView, RecordView, ValueView};

impl Engine {
    /// One record with its values, conflicts and entries.
    pub fn get(&self, record: RecordId) -> Option<RecordView> {
        let row = self.memory.records.get(&record)?;
        let doc = Doc::decode(row).ok()?;
        let summary = self.summary(record, row);
        Some(match &doc.body {
            Body::Record(state) => RecordView {
                cases: self.cases_of(&summary, state),
                values: self.values(record, state),
                entries: Vec::new(),
                form: match state.get(FORM) {
                    Some(Value::Uint(number)) => Some(*number),
                    _ => None,
                },
                summary,
            },
            Body::Log(log) => RecordView {
                cases: Vec::new(),
                values: Vec::new(),
                entries: self.entries_of(record, log, &doc),
                form: None,
                summary,
            },
        })
    }

    fn entries_of(&self, record: RecordId, log: &LogState, doc: &Doc) -> Vec<EntryView> {
        let Some(actor) = log.heading().map(|heading| heading.actor) else { return Vec::new() };
        let label = self.label(actor);
        let mut views = Vec::new();
        for seq in 1..=log.last_seq() {
            let Some(row) = self.memory.log_entries.get(&(record, seq)) else { continue };
            let entries = read_entries(row);
            let first = log.entries_of(seq).start;
            let time = log.change(seq, |n| entries.get(usize::try_from(n - first).ok()?).cloned());
            let device_ms = time.map_or(0, |stored| stored.change.time);
            let provisional = self.memory.provisional.contains_key(&(record, actor, seq));
            for (n, bytes) in (first..).zip(entries) {
                let entry = Entry::read(doc.feed.class, &Value::Bytes(bytes)).ok();
                let subject =
                    entry.as_ref().and_then(|entry| log.persons().get(entry.person() as usize).copied());
                let (label, provisional) = (label.clone(), provisional);
                views.push(EntryView { n, subject, entry, actor, label, device_ms, provisional });
            }
        }
        views
    }

    /// The values of a record that people wrote, by path.
    fn values(&self, record: RecordId, state: &RecordState) -> Vec<ValueView> {
        let paths = state.paths().filter(|path| !path.is_reserved());
        let view = |path: &fieldmerge_protocol::Path| {
            let (op, value) = state.winner(path.as_str())?;
            let live = state.get_all(path.as_str());
            let beside = live.filter(|(other, _)| *other != op).map(|(_, value)| value.clone()).collect();
            let writes = state.history(path);
            let write = writes.iter().find(|write| write.op == op)?;
            let provisional = self.memory.provisional.contains_key(&(record, op.actor, write.seq));
            let (path, value, device_ms) = (path.clone(), value.clone(), write.time);
            Some(ValueView { path, value, beside, actor: op.actor, device_ms, provisional })
        };
        paths.filter_map(view).collect()
    }
}
