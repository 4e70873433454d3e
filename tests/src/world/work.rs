//! What people do with phones: saves that each carry a mark, and the ledger that knows which of them must be found.

use std::collections::{BTreeMap, BTreeSet};

use fieldmerge_engine::{CaseView, Edit, Failure, ListQuery, LogEntry, SavedEdit, Summary, SyncEnd};
use fieldmerge_model::types::date::Date;
use fieldmerge_model::types::entry::{Entry, PayChannel, PaymentEntry};
use fieldmerge_protocol::{AreaId, Path, RecordClass, RecordId, Value};
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

use super::census::Census;
use super::link::Link;
use super::phone::{Died, Phone};
use super::visits::{self, Visit};
use crate::synthetic::{People, path};

/// After so many rounds in peace nothing may move any more.
const SETTLED: u32 = 6;

/// Phones sync over a link that holds, until nothing moves.
pub async fn settle(phones: &mut [&mut Phone], link: &mut impl Link, ledger: &mut Ledger) {
    for round in 0.. {
        let mut moved = 0;
        for phone in phones.iter_mut() {
            let report = phone.sync(link).await.expect("nobody dies in peace");
            assert_eq!(report.end, SyncEnd::Complete, "{}", phone.label);
            assert_eq!(report.repaired, 0, "{}: there is no reason to write anything again", phone.label);
            ledger.note_synced(phone);
            moved += report.sent + report.received;
        }
        if moved == 0 {
            return;
        }
        assert!(round < SETTLED, "after {SETTLED} rounds in peace changes still move");
    }
}

/// What one save leaves behind, wherever it ends up.
#[derive(Debug, Clone, PartialEq)]
pub enum Mark {
    /// Somebody wrote this value there.
    Written(RecordId, Path, Value),
    /// Somebody logged a payment of this amount, which no other payment has.
    Paid(i64),
}

/// A mark, and whose it is.
#[derive(Debug, Clone)]
pub struct Kept {
    /// What was saved.
    pub mark: Mark,
    /// The label of the phone that saved it.
    pub phone: String,
    /// The server has said that it holds it.
    pub acknowledged: bool,
    /// The phone has said that it is saved, and nothing has happened since that takes a phone's memory.
    must: bool,
}

/// Everything that was saved in a world.
#[derive(Debug, Default)]
pub struct Ledger {
    kept: Vec<Kept>,
}

impl Ledger {
    /// Notes a save that the phone confirmed, or that it may have made before it died.
    fn note(&mut self, phone: &Phone, mark: Mark, must: bool) {
        self.kept.push(Kept { mark, phone: phone.label.clone(), acknowledged: false, must });
    }

    /// The last save.
    pub fn last(&self) -> Option<&Mark> {
        self.kept.last().map(|kept| &kept.mark)
    }

    /// How many saves were made.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether nothing was saved.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Notes what has left the outbox of a phone: the server has promised to keep it.
    pub fn note_synced(&mut self, phone: &Phone) {
        let outbox = phone.engine().outbox();
        let waiting: BTreeSet<RecordId> = outbox.changes.iter().map(|change| change.record).collect();
        let pays = outbox.changes.iter().any(|change| change.feed.class == RecordClass::Payment);
        let open = self.kept.iter_mut().filter(|kept| !kept.acknowledged && kept.phone == phone.label);
        for kept in open {
            kept.acknowledged = match &kept.mark {
                Mark::Written(record, ..) => !waiting.contains(record),
                Mark::Paid(_) => !pays,
            };
        }
    }

    /// Notes that a phone has gone back to a backup that was made when the ledger was `since` long: what it saved after
    /// that and the server never acknowledged is lost with its memory.
    pub fn note_restored(&mut self, phone: &Phone, since: usize) {
        for kept in self.kept.iter_mut().skip(since) {
            kept.must &= kept.phone != phone.label || kept.acknowledged;
        }
    }

    /// What must be found and is not.
    pub fn lost(&self, census: &Census) -> Vec<&Kept> {
        let paid = payments(census);
        let found = |mark: &Mark| match mark {
            Mark::Paid(amount) => paid.contains_key(amount),
            Mark::Written(record, path, value) => {
                census.states.get(record).is_some_and(|state| state.was_written(path, value))
            }
        };
        self.kept.iter().filter(|kept| kept.must && !found(&kept.mark)).collect()
    }

    /// Every mark that must be found is found, and no payment stands twice.
    pub fn assert_kept(&self, census: &Census) {
        assert_eq!(doubled(census), Vec::<i64>::new(), "payments were doubled");
        let lost = self.lost(census);
        assert!(lost.is_empty(), "saved, and lost: {lost:?}");
    }
}

/// The amounts that were paid more than once, though no two payments have one amount.
pub fn doubled(census: &Census) -> Vec<i64> {
    payments(census).into_iter().filter(|(_, times)| *times > 1).map(|(amount, _)| amount).collect()
}

/// How often each amount was paid.
fn payments(census: &Census) -> BTreeMap<i64, usize> {
    let logs = census.holdings.iter().filter(|(id, _)| census.feeds[id].class == RecordClass::Payment);
    let mut paid = BTreeMap::new();
    for amount in logs.flat_map(|(_, replica)| amounts(&replica.entries)) {
        *paid.entry(amount).or_default() += 1;
    }
    paid
}

/// The amounts of a log of payments.
pub fn amounts(entries: &[Vec<u8>]) -> Vec<i64> {
    let amount = |entry: &Vec<u8>| match Entry::read(RecordClass::Payment, &Value::Bytes(entry.clone())) {
        Ok(Entry::Payment(payment)) => payment.gross,
        other => panic!("an entry of a log of payments reads as {other:?}"),
    };
    entries.iter().map(amount).collect()
}

/// Somebody who works.
#[derive(Debug)]
pub struct Work {
    rng: ChaCha8Rng,
    people: People,
    next: i64,
    areas: Vec<AreaId>,
}

/// A save that is about to be made.
type Task = (Vec<Edit>, Box<dyn FnOnce(&[SavedEdit]) -> Mark>);

impl Work {
    /// The work of this seed, in these areas. Nobody else may count from `first`.
    pub fn new(seed: u64, first: i64, areas: &[AreaId]) -> Self {
        Self {
            rng: ChaCha8Rng::seed_from_u64(seed),
            people: People::new(seed),
            next: first,
            areas: areas.to_vec(),
        }
    }

    fn below(&mut self, bound: usize) -> usize {
        self.rng.next_u32() as usize % bound.max(1)
    }

    /// Saves something on a phone. `Err` if it died over it.
    pub fn save(&mut self, phone: &mut Phone, ledger: &mut Ledger) -> Result<(), Died> {
        self.next += 1;
        let n = self.next;
        let workers = self.workers(phone);
        let cases: Vec<CaseView> =
            phone.engine().conflicts().into_iter().filter(|case| case.may_decide).collect();
        let turn = self.below(10);
        let visit = self.visit(phone, n);
        let (edits, mark) = match turn {
            _ if workers.is_empty() => self.register(n),
            _ if let Some(visit) = visit => visit,
            0 | 1 => self.register(n),
            2 | 3 => self.pay(&workers, n),
            4 => self.observe(&workers, n),
            5 if !cases.is_empty() => {
                self.decide(phone, &cases);
                return Ok(());
            }
            6 => self.assign(phone, &workers, n),
            _ => self.edit(&workers, n),
        };
        let id = edits.iter().find_map(|edit| match edit {
            Edit::Create { record, .. } => *record,
            Edit::Change { record, .. } => Some(*record),
            _ => None,
        });
        match phone.save(edits) {
            Ok(Ok(saved)) => ledger.note(phone, mark(&saved), true),
            Ok(Err(failure)) => assert!(is_expected(&failure), "{}: {failure:?}", phone.label),
            Err(Died) => {
                let unconfirmed: Vec<SavedEdit> = id.map(SavedEdit::Record).into_iter().collect();
                ledger.note(phone, mark(&unconfirmed), false);
                return Err(Died);
            }
        }
        Ok(())
    }

    fn workers(&self, phone: &Phone) -> Vec<Summary> {
        let query = ListQuery { record_type: Some("worker".to_owned()), limit: 40, ..ListQuery::default() };
        let here = |summary: &Summary| self.areas.contains(&summary.feed.area);
        phone.engine().list(&query).into_iter().filter(here).collect()
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        let index = self.below(from.len());
        &from[index]
    }

    /// Sometimes a visit, where the phone has forms for it.
    fn visit(&mut self, phone: &Phone, n: i64) -> Option<Task> {
        if !phone.engine().forms().iter().any(|form| form.id == visits::FORM) || self.below(4) > 0 {
            return None;
        }
        let index = self.below(self.areas.len());
        let mark = format!("F{n}");
        let Visit { edits, record, path } =
            visits::fill(phone, self.areas[index], &mark, self.rng.next_u64())?;
        Some((edits, Box::new(move |_| Mark::Written(record, path, Value::str(mark)))))
    }

    fn register(&mut self, n: i64) -> Task {
        let index = self.below(self.areas.len());
        let area = self.areas[index];
        let id = RecordId(self.people.bytes());
        let mut values = self.people.worker();
        values.retain(|(path, _)| path.as_str() != "worker_number");
        let (name, value) = (path("known_as"), Value::str(format!("N{n}")));
        values.push((name.clone(), value.clone()));
        let edit = Edit::Create {
            record: Some(id),
            record_type: "worker".to_owned(),
            area,
            subject: None,
            person: 0,
            values,
        };
        (vec![edit], Box::new(move |_| Mark::Written(id, name, value)))
    }

    fn observe(&mut self, workers: &[Summary], n: i64) -> Task {
        let worker = self.pick(workers).clone();
        let id = RecordId(self.people.bytes());
        let mut values = self.people.observation();
        let date = Date::from_days(20_000 + n % 10_000).expect("a day of this century");
        values.push((path("observed_on"), Value::str(date.to_string())));
        let (name, value) = values.last().cloned().expect("it was just added");
        let edit = Edit::Create {
            record: Some(id),
            record_type: "observation".to_owned(),
            area: worker.feed.area,
            subject: Some(worker.record),
            person: 0,
            values,
        };
        (vec![edit], Box::new(move |_| Mark::Written(id, name, value)))
    }

    /// An assignment for somebody, or another wage in one that exists.
    fn assign(&mut self, phone: &Phone, workers: &[Summary], n: i64) -> Task {
        let query =
            ListQuery { record_type: Some("assignment".to_owned()), limit: 40, ..ListQuery::default() };
        let known = phone.engine().list(&query);
        let wage = (path("wage_rate"), Value::Int(5_000 + n));
        if !known.is_empty() && self.below(2) == 0 {
            let record = self.pick(&known).record;
            let edit = Edit::Change { record, person: 0, values: vec![wage.clone()], removes: Vec::new() };
            return (vec![edit], Box::new(move |_| Mark::Written(record, wage.0, wage.1)));
        }
        let worker = self.pick(workers).clone();
        let id = RecordId(self.people.bytes());
        let edit = Edit::Create {
            record: Some(id),
            record_type: "assignment".to_owned(),
            area: worker.feed.area,
            subject: Some(worker.record),
            person: 0,
            values: vec![(path("assignment_status"), Value::str("active")), wage.clone()],
        };
        (vec![edit], Box::new(move |_| Mark::Written(id, wage.0, wage.1)))
    }

    fn edit(&mut self, workers: &[Summary], n: i64) -> Task {
        // Some people are known by everybody: there edits meet.
        let known = workers.iter().map(|worker| worker.record).min().expect("somebody is registered");
        let record = if self.below(2) == 0 { known } else { self.pick(workers).record };
        let mark = (path("residence_village"), Value::str(format!("V{n}")));
        let mut values = vec![mark.clone()];
        let mut removes = Vec::new();
        let language = path(["languages/mlg", "languages/fra", "languages/ara"][self.below(3)]);
        match self.below(6) {
            0 | 1 => values.push((
                path("birth_year"),
                Value::Int(1_990 + i64::try_from(self.below(3)).unwrap_or_default()),
            )),
            2 => values.push((path("sex"), Value::str(["female", "male"][self.below(2)]))),
            3 => values.push((language, Value::Bool(true))),
            4 => removes.push(language),
            _ => {}
        }
        let edit = Edit::Change { record, person: 0, values, removes };
        (vec![edit], Box::new(move |_| Mark::Written(record, mark.0, mark.1)))
    }

    fn pay(&mut self, workers: &[Summary], n: i64) -> Task {
        let worker = self.pick(workers).clone();
        let day = Date::from_days(20_514 + i64::try_from(self.below(50)).unwrap_or_default())
            .expect("a day of 2026");
        let entry = PaymentEntry {
            person: 0,
            period_start: day,
            period_end: day,
            gross: n,
            deductions: 0,
            deduction_reason: None,
            paid_on: day,
            channel: PayChannel::Cash,
            confirmed: None,
            reverses: None,
        };
        let entries = vec![LogEntry { subject: worker.record, entry: Entry::Payment(entry) }];
        (vec![Edit::Append { area: worker.feed.area, person: 0, entries }], Box::new(move |_| Mark::Paid(n)))
    }

    /// Decides a conflict, or proposes where two have to agree. Who else acts first makes it fail, which is right.
    fn decide(&mut self, phone: &mut Phone, cases: &[CaseView]) {
        let case = self.pick(cases).clone();
        let value = self.pick(&case.candidates).value.clone();
        let (record, path, state) = (case.record, case.path, Some(case.state));
        let reason = "seen on paper".to_owned();
        let edit = if case.approvals > 1 && self.below(2) == 0 {
            Edit::Propose { record, person: 0, path, value, state, reason }
        } else {
            Edit::Decide { record, person: 0, path, value, state, reason }
        };
        if let Ok(Err(failure)) = phone.save(vec![edit]) {
            assert!(is_expected(&failure), "{}: {failure:?}", phone.label);
        }
    }
}

/// Refusals that work runs into: the engine's right answer to what somebody tried.
fn is_expected(failure: &Failure) -> bool {
    matches!(
        failure,
        Failure::NothingToWrite
            | Failure::NoSuchCase(_)
            | Failure::CaseMoved(_)
            | Failure::NeedsProposal
            | Failure::NotPermitted
            | Failure::NotGranted
            | Failure::StoreFailed
    )
}
