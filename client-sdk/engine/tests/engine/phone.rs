//! A phone: an engine with a store in memory that honours its promises, until it crashes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use ed25519_dalek::{Signer, SigningKey};
use fieldmerge_engine::{
    Batch, Edit, Effect, Engine, Failure, Input, LogEntry, Outcome, Refused, Request, SavedEdit, Settlement,
    Snapshot, SyncEnd, SyncOptions, SyncReport, Table,
};
use fieldmerge_model::access::Role;
use fieldmerge_protocol::problem::ProblemCode;
use fieldmerge_protocol::{AreaId, AttachmentHash, DeviceId, Path, RecordId, Value};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;

use crate::forms::forms;
use crate::server::Server;

pub(crate) const NOW_MS: i64 = 1_772_000_000_000;

/// What goes wrong in a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Fault {
    #[default]
    None,
    /// The phone loses power before the nth effect from now on is performed.
    Before(usize),
    /// The phone loses power after the nth effect was performed and before it could say so.
    After(usize),
    /// The store refuses the nth batch from now on.
    Refuse(usize),
}

/// Where a link is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Cut {
    #[default]
    None,
    /// After so many bytes of the request, taken modulo its length: the server takes the frames that arrived whole.
    Request(usize),
    /// After so many bytes of the request, if it is longer.
    RequestBeyond(usize),
    /// After so many bytes of the answer, taken modulo its length.
    Answer(usize),
}

/// The phone lost power.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Crash;

pub(crate) type Rows = BTreeMap<(Table, Vec<u8>), Arc<[u8]>>;

#[derive(Debug)]
pub(crate) struct Phone {
    pub(crate) engine: Engine,
    pub(crate) rows: Rows,
    pub(crate) key: SigningKey,
    pub(crate) device: DeviceId,
    pub(crate) fault: Fault,
    /// The phone's clock minus the true one.
    pub(crate) clock_ms: i64,
    /// What it spends on feeds in one answer.
    pub(crate) budget_bytes: Option<u64>,
    /// What it spends on a sync.
    pub(crate) spend_bytes: Option<u64>,
    /// Bytes of the pieces in which answers arrive.
    pub(crate) piece: usize,
    /// Bytes a second on the way up, if its host measures them.
    pub(crate) rate: Option<u64>,
    /// What it spends on attachments.
    pub(crate) attachment_bytes: Option<u64>,
    /// How many bytes of each attachment its host holds.
    pub(crate) held: BTreeMap<AttachmentHash, u64>,
    rng: ChaCha20Rng,
    tickets: u64,
}

impl Phone {
    pub(crate) fn enrolled(server: &mut Server, number: u8, roles: &[Role]) -> Self {
        let key = SigningKey::from_bytes(&[number; 32]);
        let enrolment = server.enrol(number, key.verifying_key(), roles);
        let mut phone = Self {
            engine: Engine::open(snapshot(&forms())).expect("a store of forms opens"),
            rows: forms(),
            key,
            device: enrolment.device,
            fault: Fault::None,
            clock_ms: 0,
            budget_bytes: None,
            spend_bytes: None,
            piece: 1_000,
            rate: None,
            attachment_bytes: None,
            held: BTreeMap::new(),
            rng: ChaCha20Rng::from_seed([number; 32]),
            tickets: 0,
        };
        let outcome = phone.ask(|ticket| Input::Enrolled { ticket, enrolment: enrolment.clone() });
        assert_eq!(outcome, Ok(Ok(Outcome::Enrolled)));
        phone
    }

    /// Another phone with the same store: a clone, or a restored backup.
    pub(crate) fn copy(&self, seed: u8) -> Self {
        let snapshot = snapshot(&self.rows);
        Self {
            engine: Engine::open(snapshot).expect("the store opens"),
            rows: self.rows.clone(),
            key: self.key.clone(),
            device: self.device,
            fault: Fault::None,
            clock_ms: self.clock_ms,
            budget_bytes: None,
            spend_bytes: None,
            piece: self.piece,
            rate: self.rate,
            attachment_bytes: self.attachment_bytes,
            held: self.held.clone(),
            rng: ChaCha20Rng::from_seed([seed; 32]),
            tickets: 0,
        }
    }

    /// Opens the store again, as after a crash.
    pub(crate) fn reopen(&mut self) {
        self.engine = Engine::open(snapshot(&self.rows)).expect("the store opens");
        self.fault = Fault::None;
    }

    fn write(&mut self, batch: &Batch) {
        for write in &batch.writes {
            let key = (write.table, write.key.clone());
            match &write.value {
                Some(value) => self.rows.insert(key, Arc::clone(value)),
                None => self.rows.remove(&key),
            };
        }
    }

    /// Performs effects until none is left; those that concern neither store nor key are returned.
    pub(crate) fn drive(&mut self, input: Input) -> Result<Vec<Effect>, Crash> {
        let mut inputs = VecDeque::from([input]);
        let mut left = Vec::new();
        while let Some(input) = inputs.pop_front() {
            let now_ms = NOW_MS + self.clock_ms;
            for effect in self.engine.step(now_ms, &mut self.rng, input) {
                if self.hit(|fault| if let Fault::Before(n) = fault { Some(n) } else { None }) {
                    return Err(Crash);
                }
                match effect {
                    Effect::Store(batch) => {
                        if self.hit(|fault| if let Fault::Refuse(n) = fault { Some(n) } else { None }) {
                            self.fault = Fault::None;
                            inputs.push_back(Input::StoreFailed { batch: batch.id });
                        } else {
                            self.write(&batch);
                            inputs.push_back(Input::Stored { batch: batch.id });
                        }
                    }
                    Effect::Sign(request) => {
                        let sign = |message: &Vec<u8>| self.key.sign(message).to_bytes();
                        let signatures = request.messages.iter().map(sign).collect();
                        inputs.push_back(Input::Signed { id: request.id, signatures });
                    }
                    other => left.push(other),
                }
                if self.hit(|fault| if let Fault::After(n) = fault { Some(n) } else { None }) {
                    return Err(Crash);
                }
            }
        }
        Ok(left)
    }

    /// Counts a fault down; says whether it strikes now.
    fn hit(&mut self, pick: impl Fn(&mut Fault) -> Option<&mut usize>) -> bool {
        let Some(left) = pick(&mut self.fault) else { return false };
        if *left == 0 {
            return true;
        }
        *left -= 1;
        false
    }

    pub(crate) fn ask(&mut self, input: impl Fn(u64) -> Input) -> Result<Result<Outcome, Failure>, Crash> {
        self.tickets += 1;
        let ticket = self.tickets;
        let effects = self.drive(input(ticket))?;
        let done = effects.into_iter().find_map(|effect| match effect {
            Effect::Done { ticket: done, result } if done == ticket => Some(result),
            _ => None,
        });
        Ok(done.expect("every request is answered"))
    }

    pub(crate) fn save(&mut self, edits: &[Edit]) -> Result<Vec<SavedEdit>, Failure> {
        match self.ask(|ticket| Input::Save { ticket, edits: edits.to_vec() }).expect("no crash") {
            Ok(Outcome::Saved(saved)) => Ok(saved),
            Ok(other) => panic!("{other:?}"),
            Err(failure) => Err(failure),
        }
    }

    pub(crate) fn create(&mut self, area: AreaId, name: &str) -> RecordId {
        let saved = self.save(&[worker(area, name)]).expect("a worker is saved");
        let [SavedEdit::Record(record)] = saved[..] else { panic!("{saved:?}") };
        record
    }

    pub(crate) fn set(
        &mut self,
        record: RecordId,
        path: &str,
        value: impl Into<Given>,
    ) -> Result<(), Failure> {
        self.save(&[change(record, path, value)]).map(|_| ())
    }

    pub(crate) fn append(
        &mut self,
        area: AreaId,
        entries: Vec<LogEntry>,
    ) -> Result<Vec<(RecordId, u64)>, Failure> {
        let saved = self.save(&[Edit::Append { area, person: 0, entries }])?;
        let [SavedEdit::Entries(entries)] = &saved[..] else { panic!("{saved:?}") };
        Ok(entries.clone())
    }

    pub(crate) fn settle(&mut self, number: u64, how: Settlement) -> Result<(), Failure> {
        self.ask(|ticket| Input::Settle { ticket, number, how }).expect("no crash").map(|_| ())
    }

    pub(crate) fn export(&mut self) -> Vec<u8> {
        match self.ask(|ticket| Input::Export { ticket }).expect("no crash") {
            Ok(Outcome::Exported { bytes, .. }) => bytes,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn import(&mut self, bytes: &[u8]) -> Result<Outcome, Failure> {
        self.ask(|ticket| Input::Import { ticket, bytes: bytes.to_vec() }).expect("no crash")
    }

    /// A sync over a good link.
    pub(crate) fn sync(&mut self, server: &mut Server) -> SyncReport {
        self.sync_cut(server, &mut |_| Cut::None).expect("no crash")
    }

    /// A sync that must go well.
    pub(crate) fn sync_well(&mut self, server: &mut Server) -> SyncReport {
        let report = self.sync(server);
        assert_eq!(report.end, SyncEnd::Complete, "{report:?}");
        report
    }

    /// A sync whose link is cut where `cut` says, request by request.
    pub(crate) fn sync_cut(
        &mut self,
        server: &mut Server,
        cut: &mut dyn FnMut(usize) -> Cut,
    ) -> Result<SyncReport, Crash> {
        let Self { budget_bytes, spend_bytes, attachment_bytes, .. } = *self;
        let options = SyncOptions { budget_bytes, spend_bytes, attachment_bytes, ..SyncOptions::default() };
        let mut effects = self.drive(Input::Sync(options))?;
        let mut count = 0;
        loop {
            let (mut send, mut transfer) = (None, None);
            for effect in effects {
                match effect {
                    Effect::Send(request) => send = Some(request),
                    Effect::Transfer(asked) => transfer = Some(asked),
                    Effect::Discard { hash } => _ = self.held.remove(&hash),
                    Effect::SyncEnded(report) => return Ok(report),
                    _ => {}
                }
            }
            effects = match transfer {
                Some(asked) => self.transfer(&mut server.files, &asked, cut(count))?,
                None => self.exchange(server, &send.expect("a sync sends or ends"), cut(count))?,
            };
            count += 1;
        }
    }

    fn exchange(&mut self, server: &mut Server, request: &Request, cut: Cut) -> Result<Vec<Effect>, Crash> {
        let id = request.id;
        assert!(request.body.len() <= 1 << 20);
        let length = request.body.len();
        if let Some(rate) = self.rate {
            let passes = match cut {
                Cut::RequestBeyond(most) => length <= most,
                other => other == Cut::None,
            };
            let (bytes, answered) = (length as u64, passes);
            self.drive(Input::Uploaded { request: id, bytes, millis: bytes * 1_000 / rate, answered })?;
        }
        let device = match server.admits(&request.authorization, NOW_MS) {
            Ok(device) => device,
            Err(server_ms) => {
                let refused = Refused {
                    status: 401,
                    code: Some(ProblemCode::ClockSkew),
                    server_ms: Some(server_ms),
                    retry_after_seconds: None,
                };
                return self.drive(Input::Refused { request: id, refused });
            }
        };
        let sent = match cut {
            Cut::Request(at) => at % length,
            Cut::RequestBeyond(most) => most.min(length),
            Cut::None | Cut::Answer(_) => length,
        };
        let Some(answer) = server.answer(device, &request.body[..sent], NOW_MS) else {
            return self.drive(Input::Cut { request: id, reached: true });
        };
        let end = if let Cut::Answer(at) = cut { at % (answer.len() + 1) } else { answer.len() };
        self.feed(id, &answer[..end], !matches!(cut, Cut::Answer(_)))
    }

    /// Feeds an answer in pieces, and ends it.
    pub(crate) fn feed(&mut self, request: u64, answer: &[u8], whole: bool) -> Result<Vec<Effect>, Crash> {
        let mut effects = Vec::new();
        for piece in answer.chunks(self.piece) {
            effects.extend(self.drive(Input::Received { request, bytes: piece.to_vec() })?);
            if effects.iter().any(|effect| {
                matches!(effect, Effect::Cancel { .. } | Effect::SyncEnded(_) | Effect::Send(_))
            }) {
                return Ok(effects);
            }
        }
        effects.extend(self.drive(if whole {
            Input::Ended { request }
        } else {
            Input::Cut { request, reached: true }
        })?);
        Ok(effects)
    }

    /// Feeds the beginning of an answer that goes on.
    pub(crate) fn feed_open(&mut self, request: u64, answer: &[u8]) {
        for piece in answer.chunks(self.piece) {
            self.drive(Input::Received { request, bytes: piece.to_vec() }).expect("no crash");
        }
    }

    pub(crate) fn value(&self, record: RecordId, path: &str) -> Option<Value> {
        let view = self.engine.get(record)?;
        view.values.into_iter().find(|value| value.path.as_str() == path).map(|value| value.value)
    }
}

pub(crate) fn snapshot(rows: &Rows) -> Snapshot {
    Snapshot {
        rows: rows.iter().map(|((table, key), value)| (*table, key.clone(), Arc::clone(value))).collect(),
    }
}

/// A value, or the removal of a set's member.
pub(crate) struct Given(pub(crate) Value);

impl From<&str> for Given {
    fn from(text: &str) -> Self {
        Self(Value::str(text))
    }
}

impl From<i64> for Given {
    fn from(number: i64) -> Self {
        Self(Value::Int(number))
    }
}

pub(crate) fn path(text: &str) -> Path {
    Path::new(text).expect("a valid path")
}

pub(crate) fn worker(area: AreaId, name: &str) -> Edit {
    Edit::Create {
        record: None,
        record_type: "worker".to_owned(),
        area,
        subject: None,
        person: 0,
        values: vec![(path("family_name"), Value::str(name)), (path("sex"), Value::str("female"))],
    }
}

pub(crate) fn change(record: RecordId, to: &str, value: impl Into<Given>) -> Edit {
    Edit::Change { record, person: 0, values: vec![(path(to), value.into().0)], removes: Vec::new() }
}
