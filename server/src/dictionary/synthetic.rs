//! Bodies of records made up from the form alone: what a dictionary may learn from. No person stands behind any of them,
//! and nothing that a project holds is looked at.

use fieldmerge_model::access::Roles;
use fieldmerge_model::record::{NewRecord, Provenance, RecordState, Save};
use fieldmerge_model::types::{CodeList, Field, Kind, Policy, RecordType};
use fieldmerge_protocol::bundle::{Entry, encode_columns};
use fieldmerge_protocol::{Actor, AreaId, Change, ChangeHash, DeviceId, Incarnation, Path, RecordId, Value};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

/// The first of January 2026: when made-up records are made.
const START_MS: i64 = 1_767_225_600_000;

/// Makes records up.
pub struct Synthetic {
    rng: ChaCha8Rng,
    clock_ms: i64,
}

impl Synthetic {
    /// The same records for the same seed.
    pub fn new(seed: u64) -> Self {
        Self { rng: ChaCha8Rng::seed_from_u64(seed), clock_ms: START_MS }
    }

    /// The body of a frame of a new record of a type, as a phone would pack it.
    pub fn new_record(&mut self, kind: &RecordType) -> Option<Vec<u8>> {
        let (actor, area) = (self.actor(), AreaId(self.bytes()));
        let (id, change, hash) = self.record(kind, actor, area)?;
        encode_columns(&[Entry { record: id, change: &change, hash }], &|_, _| None).ok()
    }

    /// The body of a frame of an edit of a record that the receiver holds.
    pub fn edit(&mut self, kind: &RecordType) -> Option<Vec<u8>> {
        let (actor, area) = (self.actor(), AreaId(self.bytes()));
        let (id, first, known) = self.record(kind, actor, area)?;
        let mut state = RecordState::new(id);
        state.accept(&first, known, Provenance::default());
        let mut puts = self.answers(kind);
        self.shuffle(&mut puts);
        puts.truncate(1 + self.below(3));
        let change = state.build(&Save { actor, time: self.tick(), puts, deletes: Vec::new() }).ok()?;
        let (_, hash) = change.encode();
        let own =
            |record: RecordId, hash: &ChangeHash| ((record, hash) == (id, &known)).then_some((actor, 1));
        encode_columns(&[Entry { record: id, change: &change, hash }], &own).ok()
    }

    fn record(
        &mut self,
        kind: &RecordType,
        actor: Actor,
        area: AreaId,
    ) -> Option<(RecordId, Change, ChangeHash)> {
        let time = self.tick();
        let id = uuid::Builder::from_unix_timestamp_millis(time.unsigned_abs(), &self.bytes());
        let id = RecordId::from(id.into_uuid());
        let subject = kind.about_person.then(|| RecordId(self.bytes()));
        let puts = self.answers(kind);
        let record = NewRecord { actor, time, id, record_type: kind.name.clone(), area, subject, puts };
        let change = record.build().ok()?;
        let (_, hash) = change.encode();
        Some((id, change, hash))
    }

    /// Answers to most questions of the form, in its order.
    fn answers(&mut self, kind: &RecordType) -> Vec<(Path, Value)> {
        let mut answers = Vec::new();
        for field in &kind.fields {
            // Nobody enters what is computed, what some roles alone may write comes later and alone, and not everybody has an
            // answer to everything.
            let is_asked = field.policy != Policy::Derived && field.writes == Roles::ALL;
            if is_asked && self.below(8) > 0 {
                self.answer(field, &mut answers);
            }
        }
        answers
    }

    fn answer(&mut self, field: &Field, answers: &mut Vec<(Path, Value)>) {
        let mut put = |name: &str, value: Value| {
            answers.extend(Path::new(name).ok().map(|path| (path, value)));
        };
        match &field.kind {
            Kind::Set(list) => {
                for _ in 0..=self.below(2) {
                    put(&format!("{}/{}", field.name, self.code(list.as_deref())), Value::Bool(true));
                }
            }
            Kind::Languages => {
                for language in ["fr", "en"] {
                    put(&format!("{}/{language}", field.name), Value::str(self.words()));
                }
            }
            // A ciphertext looks like nothing, and its length is all that there is to learn.
            Kind::Sealed => {
                put(&format!("{}/sealed", field.name), Value::Bytes(vec![0; 32]));
                put(&format!("{}/tag", field.name), Value::Bytes(vec![0; 16]));
            }
            Kind::Entry => {}
            _ => put(&field.name, self.value(field)),
        }
    }

    fn value(&mut self, field: &Field) -> Value {
        match &field.kind {
            Kind::Text => Value::str(self.words()),
            Kind::Phone => Value::str(format!("+{}", 100_000_000_000 + self.number(0, 899_999_999_999))),
            Kind::Code(list) => Value::str(self.code(Some(list))),
            Kind::Bool => Value::Bool(self.below(2) == 0),
            Kind::Int | Kind::Decimal => {
                let (min, max) = (field.range.min.unwrap_or(0), field.range.max.unwrap_or(10_000));
                let number = self.number(i64::from(min), i64::from(max));
                if field.kind == Kind::Int { Value::Int(number) } else { Value::F64(f64::from(min) + 0.5) }
            }
            Kind::Date => Value::str(self.date()),
            Kind::Month => Value::str(&self.date()[..7]),
            Kind::DateTime => Value::str(format!("{}T07:30:00+03:00", self.date())),
            Kind::Geo => {
                let mut degrees = || format!("{}.{:06}", self.number(-80, 80), self.number(0, 999_999));
                Value::str(format!("{} {}", degrees(), degrees()))
            }
            Kind::Uuid => Value::Bytes(self.bytes::<16>().to_vec()),
            _ => Value::str(format!("{:064x}", 0)),
        }
    }

    fn code(&mut self, list: Option<&CodeList>) -> String {
        if let Some(list) = list.filter(|list| !list.codes.is_empty()) {
            return list.codes[self.below(list.codes.len())].code.to_string();
        }
        // One of a file, or of no list: three letters, as those of most standards.
        (0..3).map(|_| char::from(b'a' + self.small(26))).collect()
    }

    fn words(&mut self) -> String {
        let length = 4 + self.below(9);
        (0..length).map(|at| char::from(if at == 0 { b'A' } else { b'a' } + self.small(26))).collect()
    }

    fn date(&mut self) -> String {
        format!("{:04}-{:02}-{:02}", self.number(1950, 2030), 1 + self.below(12), 1 + self.below(28))
    }

    fn actor(&mut self) -> Actor {
        Actor::new(DeviceId(self.bytes()), 0, Incarnation(self.bytes()))
    }

    fn tick(&mut self) -> i64 {
        self.clock_ms += self.number(60_000, 600_000);
        self.clock_ms
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.rng.fill_bytes(&mut bytes);
        bytes
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.rng.next_u64() % bound as u64).unwrap_or(0)
    }

    fn small(&mut self, bound: u8) -> u8 {
        self.rng.next_u32().to_le_bytes()[0] % bound
    }

    fn number(&mut self, min: i64, max: i64) -> i64 {
        min + self.rng.next_u64().cast_signed().rem_euclid((max - min).max(0) + 1)
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            list.swap(last, self.below(last + 1));
        }
    }
}
