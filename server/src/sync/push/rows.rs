//! What follows from merged records: their rows, the rows of log entries, their cases.

use std::collections::BTreeMap;

use fieldmerge_model::log::{self, LogState};
use fieldmerge_model::record::RecordState;
use fieldmerge_protocol::sync::Feed;
use fieldmerge_protocol::{Actor, RecordId, Value};
use fieldmerge_store::attachments::ReferenceRow;
use fieldmerge_store::cases::CaseRow;
use fieldmerge_store::entries::EntryRun;
use fieldmerge_store::records::{RecordRow, ValuedRecord};
use serde::{Serialize, Serializer};

use super::Push;
use super::merge::{Merge, Slot, Working};
use crate::attachments::references;
use crate::entries;
use crate::sync::judgement::{self, Law};

/// Rows to be written.
#[derive(Default)]
pub struct Derived {
    /// Records that changed.
    pub records: Vec<ValuedRecord>,
    /// Entries that were added.
    pub entries: Vec<EntryRun>,
    /// Cases that opened, changed or closed.
    pub cases: Vec<CaseRow>,
    /// Records that were stored before, of the types that may refer to attachments.
    pub referring: Vec<RecordId>,
    /// All that the changed records refer to.
    pub references: Vec<ReferenceRow>,
}

/// Derives the rows of every record that changed.
pub fn derive(push: &Push<'_>, merge: &Merge, known: Vec<CaseRow>) -> Derived {
    let mut cases_of: BTreeMap<RecordId, Vec<CaseRow>> = BTreeMap::new();
    for case in known {
        cases_of.entry(case.record).or_default().push(case);
    }
    let mut derived = Derived { entries: entry_runs(merge), ..Derived::default() };
    for (id, working) in merge.records.iter().filter(|(_, working)| working.changed) {
        let Some(feed) = working.feed else { continue };
        match &working.slot {
            Slot::Absent => {}
            Slot::Log(state) => derived.records.push(log_row(push, *id, feed, working, state)),
            Slot::Record(state) => {
                let before = cases_of.remove(id).unwrap_or_default();
                let law = Law { types: &merge.directory.forms.types, grants: &merge.directory.grants };
                let judged = judgement::of_record(push.now_ms, feed, state, before, law);
                let row = record_row(push, *id, feed, working, state, judged.open);
                let kind = merge.directory.forms.types.find(&row.row.record_type);
                if let Some(kind) = kind.filter(|kind| kind.has_attachments()) {
                    // A record that is new refers to nothing yet.
                    derived.referring.extend(working.row.is_some().then_some(*id));
                    derived.references.extend(references::of_record(*id, kind, state));
                }
                derived.records.push(row);
                derived.cases.extend(judged.rows);
            }
        }
    }
    derived
}

fn record_row(
    push: &Push<'_>,
    id: RecordId,
    feed: Feed,
    working: &Working,
    state: &RecordState,
    open_case_count: u32,
) -> ValuedRecord {
    let identity = state.identity();
    let begun = state.begun();
    let row = RecordRow {
        id,
        version: working.row.as_ref().map_or(0, |row| row.version),
        feed,
        record_type: identity.as_ref().map_or_else(String::new, |identity| identity.record_type.to_string()),
        subject: identity.and_then(|identity| identity.subject),
        author: begun.map_or(Actor([0; 16]), |(actor, _)| actor),
        created_ms: begun.map_or(0, |(_, time)| time),
        updated_ms: push.now_ms,
        position: working.position,
        change_count: state.change_count() as u64,
        open_case_count,
        state: state.to_bytes(),
    };
    ValuedRecord { row, current_values: current_values(state) }
}

fn log_row(push: &Push<'_>, id: RecordId, feed: Feed, working: &Working, state: &LogState) -> ValuedRecord {
    let heading = state.heading();
    let row = RecordRow {
        id,
        version: working.row.as_ref().map_or(0, |row| row.version),
        feed,
        record_type: heading.map_or_else(String::new, |heading| heading.record_type.to_string()),
        subject: None,
        author: heading.map_or(Actor([0; 16]), |heading| heading.actor),
        created_ms: working.row.as_ref().map_or(push.now_ms, |row| row.created_ms),
        updated_ms: push.now_ms,
        position: working.position,
        change_count: state.change_count() as u64,
        open_case_count: 0,
        state: state.to_bytes(),
    };
    ValuedRecord { row, current_values: "{}".to_owned() }
}

/// The winners of a record as a JSON object from path to value, without Fieldmerge's own paths. Whoever shows a field
/// with an open case asks the case, not this.
fn current_values(state: &RecordState) -> String {
    let values = state.winners().filter(|(path, _)| !path.is_reserved());
    let values = values.map(|(path, value)| (path.as_str(), Shown(value)));
    let mut text = Vec::with_capacity(1_024);
    // Written as it is read, without a map in between: every accepted record comes through here.
    serde_json::Serializer::new(&mut text).collect_map(values).expect("texts and numbers are JSON");
    String::from_utf8(text).expect("JSON is UTF-8")
}

/// A value as JSON; bytes as hexadecimal text.
pub fn json(value: &Value) -> serde_json::Value {
    serde_json::to_value(Shown(value)).expect("texts and numbers are JSON")
}

/// A value that is written as JSON.
struct Shown<'a>(&'a Value);

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(answer) => serializer.serialize_bool(*answer),
            Value::Int(number) | Value::Timestamp(number) => serializer.serialize_i64(*number),
            Value::Uint(number) => serializer.serialize_u64(*number),
            Value::F64(number) => serializer.serialize_f64(*number),
            Value::Str(text) => serializer.serialize_str(text),
            Value::Bytes(bytes) => serializer.serialize_str(&crate::hex(bytes)),
        }
    }
}

/// One row for the entries of each accepted change of a log.
fn entry_runs(merge: &Merge) -> Vec<EntryRun> {
    let mut runs = Vec::new();
    for run in merge.runs.iter().filter(|run| run.feed.class.is_log()) {
        for (item, position) in run.items.iter().zip(run.from + 1..) {
            let Some((first_entry, _)) = log::entries(&item.change).next() else { continue };
            runs.push(EntryRun {
                record: item.record,
                first_entry,
                entry_count: u32::try_from(log::entries(&item.change).count()).unwrap_or(u32::MAX),
                feed: run.feed,
                seq: item.change.seq,
                made_ms: item.change.time,
                received_ms: item.source.received_ms,
                position,
                body: entries::pack(log::entries(&item.change).map(|(_, entry)| entry)),
            });
        }
    }
    runs
}
