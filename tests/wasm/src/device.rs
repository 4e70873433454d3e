//! A device that is enrolled, saves and syncs: what its engine writes to the store and puts on the link.
//!
//! Given are a `seed` for keys and randomness, the clock `now_ms`, the site and a list of saves, each a list of edits:
//! `{"create": …}`, `{"change": …}`, `{"present": …}`. Frames may be compressed natively and never are in a browser, so
//! they are compared by what no compression changes: their bodies as they were before it, their counts and digests.

use std::collections::VecDeque;

use ed25519_dalek::{Signer, SigningKey};
use fieldmerge_engine::{
    Edit, Effect, Engine, Enrolment, Input, LogEntry, Outcome, SavedEdit, Snapshot, SyncOptions, Ticket,
    Write, shipped_forms,
};
use fieldmerge_model::pack::HIMO;
use fieldmerge_model::types::entry::AttendanceEntry;
use fieldmerge_protocol::bundle::{Frame, MAX_RAW_BYTES, PartReader};
use fieldmerge_protocol::sync::tag;
use fieldmerge_protocol::{AreaId, DeviceId, ProjectId};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use crate::answer::single;
use crate::story::puts;
use crate::text;

struct Phone {
    engine: Engine,
    rng: ChaCha20Rng,
    key: SigningKey,
    now_ms: i64,
    last_ticket: Ticket,
}

/// What a host saw while the engine took one input.
#[derive(Default)]
struct Seen {
    /// SHA-256 over the rows of every batch.
    rows: Sha256,
    sent: Vec<Vec<u8>>,
    done: Vec<Outcome>,
}

/// Plays the device and answers each save, and then the sync.
pub(crate) fn answer(given: &Json) -> Result<Json, String> {
    let seed = text::bytes(given["seed"].as_str().unwrap_or_default())?;
    let seed = <[u8; 32]>::try_from(seed).map_err(|_| "a seed has 32 bytes")?;
    let area: AreaId = text::id(&given["area"])?;
    let mut phone = Phone {
        engine: Engine::open(forms()).map_err(|error| error.to_string())?,
        rng: ChaCha20Rng::from_seed(seed),
        key: SigningKey::from_bytes(&seed),
        now_ms: text::number(given, "now_ms")?,
        last_ticket: 0,
    };
    phone.enrol(area)?;
    let saves = given["saves"].as_array().into_iter().flatten();
    let saves: Result<Vec<Json>, String> = saves.map(|edits| phone.save(area, edits)).collect();
    Ok(json!({ "saves": saves?, "request": phone.sync()? }))
}

/// A store that begins with the forms of the pack.
fn forms() -> Snapshot {
    let rows = shipped_forms(&HIMO.versions()).into_iter();
    Snapshot { rows: rows.filter_map(|write| Some((write.table, write.key, write.value?))).collect() }
}

impl Phone {
    fn enrol(&mut self, area: AreaId) -> Result<(), String> {
        let enrolment = Enrolment {
            project: ProjectId([1; 16]),
            project_code: "DEMO".to_owned(),
            device: DeviceId([2; 10]),
            number: 3,
            label: "A".to_owned(),
            server_key: SigningKey::from_bytes(&[4; 32]).verifying_key().to_bytes(),
            sealing_key: None,
            root_area: area,
            address: String::new(),
            server_ms: self.now_ms,
        };
        let ticket = self.ticket();
        self.drive(Input::Enrolled { ticket, enrolment }).map(drop)
    }

    fn save(&mut self, area: AreaId, edits: &Json) -> Result<Json, String> {
        self.now_ms += 60_000;
        let edits = text::list(edits, |json| edit(area, json))?;
        let ticket = self.ticket();
        let seen = self.drive(Input::Save { ticket, edits })?;
        let [Outcome::Saved(saved)] = &seen.done[..] else {
            return Err(format!("not saved: {:?}", seen.done));
        };
        let saved: Vec<String> = saved.iter().map(spelled).collect();
        Ok(json!({ "saved": saved, "rows": text::hex(&seen.rows.finalize()) }))
    }

    fn sync(&mut self) -> Result<Json, String> {
        let seen = self.drive(Input::Sync(SyncOptions::default()))?;
        let [body] = &seen.sent[..] else { return Err(format!("{} requests", seen.sent.len())) };
        let mut reader = PartReader::new(MAX_RAW_BYTES);
        reader.feed(body);
        let mut parts = Vec::new();
        while let Some(part) = reader.next_part().map_err(|error| error.to_string())? {
            parts.push(match part.tag {
                tag::FRAME => self.frame(&part.payload)?,
                _ => json!({ "tag": part.tag.to_string(), "payload": text::hex(&part.payload) }),
            });
        }
        Ok(Json::Array(parts))
    }

    fn frame(&self, bytes: &[u8]) -> Result<Json, String> {
        let frame = Frame::parse(bytes).map_err(|error| error.to_string())?;
        frame.verify(&self.key.verifying_key()).map_err(|error| error.to_string())?;
        let body = frame.inflate(&[], MAX_RAW_BYTES).map_err(|error| error.to_string())?;
        Ok(json!({
            "frame": frame.header.origin.number.to_string(),
            "class": format!("{:?}", frame.header.origin.class),
            "count": frame.header.count.to_string(),
            "digest": text::hex(&frame.header.changes_digest),
            "body": text::hex(&body),
        }))
    }

    fn ticket(&mut self) -> Ticket {
        self.last_ticket += 1;
        self.last_ticket
    }

    /// Performs effects until none is left.
    fn drive(&mut self, input: Input) -> Result<Seen, String> {
        let mut seen = Seen::default();
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            for effect in self.engine.step(self.now_ms, &mut self.rng, input) {
                match effect {
                    Effect::Store(batch) => {
                        batch.writes.iter().for_each(|write| absorb(&mut seen.rows, write));
                        inputs.push_back(Input::Stored { batch: batch.id });
                    }
                    Effect::Sign(request) => {
                        let sign = |message: &Vec<u8>| self.key.sign(message).to_bytes();
                        let signatures = request.messages.iter().map(sign).collect();
                        inputs.push_back(Input::Signed { id: request.id, signatures });
                    }
                    Effect::Send(request) => {
                        seen.sent.push(request.body);
                        inputs.push_back(Input::Cut { request: request.id, reached: false });
                    }
                    Effect::Done { result, .. } => {
                        seen.done.push(result.map_err(|error| format!("{error:?}"))?);
                    }
                    Effect::Cancel { .. }
                    | Effect::Changed { .. }
                    | Effect::Transfer(_)
                    | Effect::Discard { .. }
                    | Effect::SyncEnded(_) => {}
                }
            }
        }
        Ok(seen)
    }
}

/// Adds one row to a digest; lengths keep the parts apart.
fn absorb(digest: &mut Sha256, write: &Write) {
    digest.update([write.table as u8]);
    for part in [Some(&write.key[..]), write.value.as_deref()] {
        digest.update(part.map_or(u64::MAX, |part| part.len() as u64).to_be_bytes());
        digest.update(part.unwrap_or_default());
    }
}

fn edit(area: AreaId, json: &Json) -> Result<Edit, String> {
    let wrong = || format!("not an edit: {json}");
    let (kind, given) = json.as_object().and_then(single).ok_or_else(wrong)?;
    Ok(match kind {
        "create" => Edit::Create {
            record: given.get("record").map(text::id).transpose()?,
            record_type: given["type"].as_str().ok_or_else(wrong)?.to_owned(),
            area,
            subject: given.get("subject").map(text::id).transpose()?,
            person: 0,
            values: puts(given)?,
        },
        "change" => Edit::Change {
            record: text::id(&given["record"])?,
            person: 0,
            values: puts(given)?,
            removes: text::list(&given["deletes"], text::path)?,
        },
        "present" => {
            let day = given["day"].as_str().and_then(|day| day.parse().ok()).ok_or_else(wrong)?;
            let subject = text::id(&given["subject"])?;
            let entry = AttendanceEntry::present(0, day, 4).into();
            Edit::Append { area, person: 0, entries: vec![LogEntry { subject, entry }] }
        }
        _ => return Err(wrong()),
    })
}

fn spelled(saved: &SavedEdit) -> String {
    match saved {
        SavedEdit::Record(record) => format!("record {record}"),
        SavedEdit::Attached(hash) => format!("attachment {hash}"),
        SavedEdit::Entries(entries) => {
            entries.iter().map(|(log, number)| format!("entry {log} {number}")).collect::<Vec<_>>().join(", ")
        }
    }
}
