//! Devices that save, a server that merges: every byte that would travel, and what stands in the end.
//!
//! A story is a list of steps. `{"new": …}` makes a record and `{"save": …}` edits one, each on the replica of its
//! actor; their answers are the bytes and the hash of the change. `{"sync": …}` lets the actors that it lists push
//! what they made to the server, in this order, and then pull everything; its answer is the body of each push and the
//! merged registers.

use std::collections::BTreeMap;

use fieldmerge_model::record::{NewRecord, Save};
use fieldmerge_model::{Provenance, RecordState, Verdict};
use fieldmerge_protocol::bundle::{self, Entry};
use fieldmerge_protocol::{Actor, Change, ChangeHash, Path, RecordId, Value};
use serde_json::{Value as Json, json};
use smol_str::SmolStr;

use crate::answer::single;
use crate::text;

/// One place that holds records, and the changes in the order in which they came.
#[derive(Default)]
struct Replica {
    records: BTreeMap<RecordId, RecordState>,
    log: Vec<(RecordId, Change, ChangeHash)>,
    /// How many of the changes the server has.
    pushed: usize,
}

impl Replica {
    fn accept(&mut self, record: RecordId, change: &Change, hash: ChangeHash) -> Result<(), String> {
        let state = self.records.entry(record).or_insert_with(|| RecordState::new(record));
        match state.accept(change, hash, Provenance::default()) {
            Verdict::Applied => self.log.push((record, change.clone(), hash)),
            Verdict::Duplicate => {}
            other => return Err(format!("a change of the story is not accepted: {other:?}")),
        }
        Ok(())
    }
}

#[derive(Default)]
struct Story {
    server: Replica,
    devices: BTreeMap<Actor, Replica>,
}

/// Plays a story and answers each step.
pub(crate) fn answer(given: &Json) -> Result<Json, String> {
    let mut story = Story::default();
    let steps = given.as_array().ok_or("a story is a list of steps")?;
    steps.iter().map(|step| story.step(step)).collect()
}

impl Story {
    fn step(&mut self, step: &Json) -> Result<Json, String> {
        match step.as_object().and_then(single) {
            Some(("new", given)) => self.create(given),
            Some(("save", given)) => self.save(given),
            Some(("sync", given)) => self.sync(&text::list(given, text::id)?),
            _ => Err(format!("unknown step {step}")),
        }
    }

    fn create(&mut self, given: &Json) -> Result<Json, String> {
        let new = NewRecord {
            actor: text::id(&given["actor"])?,
            time: text::number(given, "time")?,
            id: text::id(&given["record"])?,
            record_type: SmolStr::new(given["type"].as_str().ok_or("a record has a type")?),
            area: text::id(&given["area"])?,
            subject: given.get("subject").map(text::id).transpose()?,
            puts: puts(given)?,
        };
        let (actor, record) = (new.actor, new.id);
        self.write(actor, record, &new.build().map_err(|error| error.to_string())?)
    }

    fn save(&mut self, given: &Json) -> Result<Json, String> {
        let record: RecordId = text::id(&given["record"])?;
        let save = Save {
            actor: text::id(&given["actor"])?,
            time: text::number(given, "time")?,
            puts: puts(given)?,
            deletes: text::list(&given["deletes"], text::path)?,
        };
        let device = self.devices.entry(save.actor).or_default();
        let state = device.records.get(&record).ok_or("the device does not hold this record")?;
        let change = state.build(&save).map_err(|error| error.to_string())?;
        self.write(save.actor, record, &change)
    }

    fn write(&mut self, actor: Actor, record: RecordId, change: &Change) -> Result<Json, String> {
        let (bytes, hash) = change.encode();
        self.devices.entry(actor).or_default().accept(record, change, hash)?;
        Ok(json!({ "bytes": text::hex(&bytes), "hash": hash.to_string() }))
    }

    fn sync(&mut self, actors: &[Actor]) -> Result<Json, String> {
        let bodies: Result<Vec<Json>, String> = actors.iter().map(|actor| self.push(*actor)).collect();
        for actor in actors {
            let device = self.devices.entry(*actor).or_default();
            for (record, change, hash) in &self.server.log {
                device.accept(*record, change, *hash)?;
            }
            device.pushed = device.log.len();
        }
        let merged: BTreeMap<String, Json> =
            self.server.records.iter().map(|(id, state)| (id.to_string(), registers(state))).collect();
        Ok(json!({ "bodies": bodies?, "records": merged }))
    }

    /// Pushes what a device made since its last sync, as one body that the server decodes and resolves.
    fn push(&mut self, actor: Actor) -> Result<Json, String> {
        let device = self.devices.entry(actor).or_default();
        let entries: Vec<Entry<'_>> = device.log[device.pushed..]
            .iter()
            .map(|(record, change, hash)| Entry { record: *record, change, hash: *hash })
            .collect();
        let server = &self.server.records;
        let acknowledged = |record: RecordId, hash: &ChangeHash| {
            let state = server.get(&record)?;
            let known = state.changes().find(|known| known.hash == *hash)?;
            Some((known.change.actor, known.change.seq))
        };
        let body = bundle::encode_body(&entries, &acknowledged).map_err(|error| error.to_string())?;
        let packed = bundle::decode_body(&body).map_err(|error| error.to_string())?;
        let resolved =
            bundle::resolve(packed, &mut |record, actor, seq| server.get(&record)?.find(actor, seq));
        for change in resolved {
            let hash = change.hash.ok_or("a dependency of the story is missing")?;
            self.server.accept(change.record, &change.change, hash)?;
        }
        Ok(Json::String(text::hex(&body)))
    }
}

pub(crate) fn puts(given: &Json) -> Result<Vec<(Path, Value)>, String> {
    text::list(&given["puts"], |put| Ok((text::path(&put[0])?, text::value(&put[1])?)))
}

/// The live values of every path, the winner last.
fn registers(state: &RecordState) -> Json {
    let live = |path: &Path| -> Vec<String> {
        state
            .get_all(path.as_str())
            .map(|(op, value)| format!("{}@{} {}", op.counter, op.actor, text::spelled(value)))
            .collect()
    };
    let registers: BTreeMap<&str, Vec<String>> =
        state.paths().map(|path| (path.as_str(), live(path))).collect();
    json!(registers)
}
