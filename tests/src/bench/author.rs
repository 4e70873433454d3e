//! A device that makes load: it writes, packs and signs as the engine does, but keeps no records of its own, so that it
//! leaves the machine to the server.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer, SigningKey};
use fieldmerge_model::record::NewRecord;
use fieldmerge_protocol::api::{BUNDLE_MEDIA_TYPE, DeviceClaims};
use fieldmerge_protocol::bundle::{BundleWriter, Entry, FrameDraft, Origin, Packing, PartReader};
use fieldmerge_protocol::limits::{MAX_PART_BYTES, MAX_TOKEN_SECONDS};
use fieldmerge_protocol::sync::{
    self, Cursor, Dictionary, Feed, FeedFrame, Finish, FrameStatus, Hello, ReceiptList, Receipts, Telemetry,
    Welcome, tag,
};
use fieldmerge_protocol::{
    Actor, AreaId, Change, ChangeHash, DeviceId, Incarnation, LogId, Path, ProjectId, RecordClass, RecordId,
    Value,
};
use fieldmerge_tests::synthetic::People;

use super::edits::Kept;

/// When the devices begin to work: 1 March 2024.
const START_MS: i64 = 1_709_280_000_000;

/// A change that was made, and not sent yet or not known to be received.
#[derive(Debug, Clone)]
pub struct Made {
    /// Its record.
    pub record: RecordId,
    /// The change.
    pub change: Change,
    /// Its hash.
    pub hash: ChangeHash,
}

impl Made {
    /// A change with its hash.
    pub fn new(record: RecordId, change: Change) -> Self {
        let (_, hash) = change.encode();
        Self { record, change, hash }
    }
}

/// What an answer said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Answered {
    /// Frames that were accepted.
    pub frames: u64,
    /// Changes in them that were not, and frames that were not.
    pub exceptions: u64,
    /// Changes in the feed frames that came, own ones left out.
    pub pulled: u64,
    /// Bytes of the bodies of these.
    pub bytes: u64,
    /// The server has more.
    pub more: bool,
}

/// The device.
#[derive(Debug)]
pub struct Author {
    key: SigningKey,
    /// Its id.
    pub device: DeviceId,
    project: ProjectId,
    /// Where it works.
    pub area: AreaId,
    incarnation: Incarnation,
    /// Where its records come from.
    pub people: People,
    clock_ms: i64,
    packed: u64,
    receipted: u64,
    log: Option<LogId>,
    /// Where it stands in each feed.
    pub cursors: BTreeMap<Feed, u64>,
    roster: u64,
    /// The dictionaries that it was sent.
    dictionaries: Vec<u32>,
    /// How many bytes of feeds it asks for at a time.
    pub budget_bytes: Option<u64>,
    /// Of so many registrations it remembers one; 0 for none.
    pub keep_every: usize,
    /// What it remembers.
    pub kept: Vec<Kept>,
    registered: usize,
}

impl Author {
    /// A device that was enrolled.
    pub fn new(seed: u64, key: SigningKey, device: DeviceId, project: ProjectId, area: AreaId) -> Self {
        Self {
            key,
            device,
            project,
            area,
            incarnation: Incarnation([1, 2, 3, 4]),
            people: People::new(seed),
            clock_ms: START_MS,
            packed: 0,
            receipted: 0,
            log: None,
            cursors: BTreeMap::new(),
            roster: 0,
            dictionaries: Vec::new(),
            budget_bytes: None,
            keep_every: 0,
            kept: Vec::new(),
            registered: 0,
        }
    }

    /// The actor of the first person on the device.
    pub fn actor(&self) -> Actor {
        Actor::new(self.device, 0, self.incarnation)
    }

    /// A few minutes later. Nobody works at night.
    pub fn tick(&mut self) -> i64 {
        self.clock_ms += 240_000 + i64::from(self.people.below(360_000));
        if self.clock_ms.rem_euclid(DAY_MS) > 17 * HOUR_MS {
            self.clock_ms += 14 * HOUR_MS;
        }
        self.clock_ms
    }

    /// A new id of the present time.
    pub fn new_id(&mut self) -> RecordId {
        let random = self.people.bytes();
        let millis = u64::try_from(self.clock_ms).unwrap_or_default();
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid().into()
    }

    /// Registers so many workers.
    pub fn register(&mut self, count: usize) -> Vec<Made> {
        (0..count)
            .map(|_| {
                self.tick();
                let values = self.people.worker();
                let made = self.create("worker", None, values);
                self.registered += 1;
                if self.keep_every > 0 && self.registered.is_multiple_of(self.keep_every) {
                    self.kept.push(Kept::new(&made));
                }
                made
            })
            .collect()
    }

    /// Asks each of these workers the inclusion questions.
    pub fn observe(&mut self, workers: &[Made]) -> Vec<Made> {
        workers
            .iter()
            .map(|worker| {
                let values = self.people.observation();
                self.create("observation", Some(worker.record), values)
            })
            .collect()
    }

    fn create(&mut self, record_type: &str, subject: Option<RecordId>, puts: Vec<(Path, Value)>) -> Made {
        let id = self.new_id();
        let (actor, time, area) = (self.actor(), self.clock_ms, self.area);
        let new = NewRecord { actor, time, id, record_type: record_type.into(), area, subject, puts };
        Made::new(id, new.build().expect("a registration is within all limits"))
    }

    /// Packs and signs a frame. The server has `known` changes already.
    pub fn frame(
        &mut self,
        class: RecordClass,
        made: &[Made],
        known: &BTreeMap<ChangeHash, (Actor, u64)>,
        level: i32,
    ) -> Vec<u8> {
        self.packed += 1;
        let origin = Origin {
            project: self.project,
            device: self.device,
            incarnation: self.incarnation,
            number: self.packed,
            class,
            area: self.area,
        };
        let entries: Vec<Entry<'_>> = made
            .iter()
            .map(|made| Entry { record: made.record, change: &made.change, hash: made.hash })
            .collect();
        let acknowledged = |_: RecordId, hash: &ChangeHash| known.get(hash).copied();
        let packing = Packing { level, ..Packing::default() };
        let draft =
            FrameDraft::pack(origin, &entries, &acknowledged, packing).expect("the changes fit into a frame");
        let signature = self.key.sign(&draft.signing_bytes()).to_bytes();
        draft.finish(signature)
    }

    /// The bytes of a request that brings these frames.
    pub fn request(&self, frames: &[Vec<u8>], now_ms: i64) -> Vec<u8> {
        let hello = Hello {
            incarnation: self.incarnation,
            packed: self.packed,
            receipted: self.receipted,
            log: self.log,
            cursors: self
                .cursors
                .iter()
                .map(|(feed, position)| Cursor { feed: *feed, position: *position })
                .collect(),
            roster: self.roster,
            now_ms,
            budget_bytes: self.budget_bytes,
            recover: None,
            unsettled: None,
            telemetry: Some(Telemetry {
                outbox_changes: Some(100),
                oldest_unsent_s: Some(3_600),
                free_bytes: Some(1 << 30),
                battery_percent: Some(80),
                app: None,
                clock_offset_ms: Some(0),
            }),
            dictionaries: Some(self.dictionaries.clone()),
            partial: None,
            roster_issued_ms: None,
            life: None,
            unsure: None,
            unused: None,
            forms: None,
            findings: None,
            withdraws: None,
        };
        let mut writer = BundleWriter::new();
        writer.part(tag::HELLO, &sync::encode(&hello));
        for frame in frames {
            writer.part(tag::FRAME, frame);
        }
        writer.part(tag::END, &[]);
        let body = writer.into_bytes();
        let head = format!(
            "POST /v1/projects/{}/sync HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n\
             content-type: {BUNDLE_MEDIA_TYPE}\r\ncontent-length: {}\r\n\r\n",
            self.project,
            self.token(now_ms),
            body.len()
        );
        [head.as_bytes(), &body].concat()
    }

    fn token(&self, now_ms: i64) -> String {
        let iat = now_ms / 1_000;
        let claims = DeviceClaims { iss: self.device, aud: self.project, iat, exp: iat + MAX_TOKEN_SECONDS };
        let claims = serde_json::to_vec(&claims).expect("ids and numbers are JSON");
        let header = URL_SAFE_NO_PAD.encode(r#"{"alg":"EdDSA","typ":"JWT"}"#);
        let text = format!("{header}.{}", URL_SAFE_NO_PAD.encode(claims));
        let signature = self.key.sign(text.as_bytes()).to_bytes();
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    /// A reader for the body of an answer.
    pub fn reader() -> PartReader {
        PartReader::new(MAX_PART_BYTES * 4)
    }

    /// Takes what has arrived of an answer.
    pub fn read(&mut self, reader: &mut PartReader, answered: &mut Answered) {
        while let Some(part) = reader.next_part().expect("the server writes bundles") {
            let bytes = part.payload.as_slice();
            match part.tag {
                tag::WELCOME => {
                    let welcome: Welcome = decode(bytes);
                    assert!(!welcome.stale, "a device of the bench is no copy of another");
                    self.log = Some(welcome.log);
                    self.receipted = welcome.committed;
                    self.roster = welcome.roster.map_or(self.roster, |roster| roster.version);
                }
                tag::RECEIPTS => {
                    let receipts: Receipts = decode(bytes);
                    let list: ReceiptList = decode(&receipts.list);
                    for receipt in list.receipts {
                        let accepted = receipt.status == FrameStatus::Accepted;
                        answered.frames += u64::from(accepted);
                        answered.exceptions += receipt.exceptions.len() as u64 + u64::from(!accepted);
                    }
                }
                tag::FEED_FRAME => {
                    let frame: FeedFrame = decode(bytes);
                    self.cursors.insert(frame.feed, frame.to);
                    answered.pulled += frame.body.as_ref().map_or(0, |body| u64::from(body.count));
                    answered.bytes += frame.body.map_or(0, |body| body.bytes.len() as u64);
                }
                tag::DICTIONARY => {
                    let body = decode::<Dictionary>(bytes).unpack().expect("the server packs dictionaries");
                    self.dictionaries.push(Dictionary::number(&body));
                }
                tag::FINISH => answered.more = decode::<Finish>(bytes).more,
                _ => {}
            }
        }
    }
}

const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;

fn decode<'b, T: minicbor::Decode<'b, ()>>(bytes: &'b [u8]) -> T {
    sync::decode(bytes).expect("the server writes what the protocol says")
}
