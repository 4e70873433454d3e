//! What one holder, a phone or the server, has of each record, in a form that can be compared.

use std::collections::{BTreeMap, BTreeSet};

use fieldmerge_engine::{CaseView, Table};
use fieldmerge_model::access::{self, Grant};
use fieldmerge_model::log::LogState;
use fieldmerge_model::record::{Provenance, RecordState};
use fieldmerge_protocol::sync::Feed;
use fieldmerge_protocol::{Actor, ChangeHash, Path, RecordClass, RecordId, Value};
use fieldmerge_server::sync::push::json;
use minicbor::Decoder;
use minicbor::bytes::ByteVec;
use sha2::{Digest, Sha256};

use super::phone::Phone;

/// What somebody holds of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replica {
    /// A hash over all its changes, in canonical order.
    pub digest: [u8; 32],
    /// How many changes.
    pub changes: usize,
    /// Those that no other depends on.
    pub heads: Vec<ChangeHash>,
    /// The live values of each path, the winner last.
    pub values: BTreeMap<String, Vec<String>>,
    /// The entries of a log.
    pub entries: Vec<Vec<u8>>,
    /// Its cases, by path.
    pub cases: BTreeMap<String, CaseReplica>,
}

/// What somebody knows of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaseReplica {
    /// Whether it waits for a decision.
    pub open: bool,
    /// Its state, which names its candidates.
    pub state: [u8; 32],
    /// The candidates' values.
    pub candidates: Vec<String>,
    /// The last agreed value of an open case.
    pub agreed: Option<String>,
}

/// What a holder has.
pub type Holdings = BTreeMap<RecordId, Replica>;

/// The decoded state of a record or log.
#[derive(Debug, Clone)]
pub enum State {
    /// A record.
    Record(Box<RecordState>),
    /// A log.
    Log(Box<LogState>),
}

impl State {
    /// Nothing yet, of this class.
    pub fn new(id: RecordId, class: RecordClass) -> Self {
        if class.is_log() {
            Self::Log(Box::new(LogState::new(id)))
        } else {
            Self::Record(Box::new(RecordState::new(id)))
        }
    }

    /// Reads stored bytes.
    pub fn read(class: RecordClass, bytes: &[u8]) -> Self {
        if class.is_log() {
            Self::Log(Box::new(LogState::from_bytes(bytes).expect("a stored log reads")))
        } else {
            Self::Record(Box::new(RecordState::from_bytes(bytes).expect("a stored record reads")))
        }
    }

    /// How an author's change came.
    pub fn provenance(&self, actor: Actor, seq: u64) -> Option<Provenance> {
        match self {
            Self::Record(state) => state.provenance(actor, seq),
            Self::Log(log) => log.provenance(actor, seq),
        }
    }

    /// Whether somebody has ever written this value there.
    pub fn was_written(&self, path: &Path, value: &Value) -> bool {
        let Self::Record(state) = self else { return false };
        state.history(path).iter().any(|write| write.value == Some(value))
    }

    /// The identities of all changes with their hashes, ascending.
    pub fn changes(&self) -> Vec<(Actor, u64, ChangeHash)> {
        let named = |actor: Actor, last: u64| (1..=last).map(move |seq| (actor, seq));
        let mut changes: Vec<_> = match self {
            Self::Record(state) => state
                .actors()
                .flat_map(|(actor, last)| named(actor, last))
                .map(|(actor, seq)| {
                    (actor, seq, state.find(actor, seq).expect("an actor's numbers have no gaps"))
                })
                .collect(),
            Self::Log(log) => {
                let actor = log.heading().map(|heading| heading.actor);
                let all = actor.into_iter().flat_map(|actor| named(actor, log.last_seq()));
                all.map(|(actor, seq)| (actor, seq, log.find(actor, seq).expect("a log has no gaps")))
                    .collect()
            }
        };
        changes.sort_unstable();
        changes
    }

    /// In a form that can be compared.
    pub fn replica(&self, entries: Vec<Vec<u8>>, cases: BTreeMap<String, CaseReplica>) -> Replica {
        let changes = self.changes();
        let mut hasher = Sha256::new();
        for (actor, seq, hash) in &changes {
            hasher.update(actor.0);
            hasher.update(seq.to_be_bytes());
            hasher.update(hash.0);
        }
        let (heads, values) = match self {
            Self::Record(state) => (state.heads(), values(state)),
            Self::Log(log) => (log.head().into_iter().collect(), BTreeMap::new()),
        };
        Replica { digest: hasher.finalize().into(), changes: changes.len(), heads, values, entries, cases }
    }
}

fn values(state: &RecordState) -> BTreeMap<String, Vec<String>> {
    let all = |path: &str| state.get_all(path).map(|(_, value)| json(value).to_string()).collect();
    state.paths().map(|path| (path.to_string(), all(path.as_str()))).collect()
}

/// What a phone holds, as it stands on its disk.
pub fn of_phone(phone: &Phone) -> Holdings {
    let mut entries: BTreeMap<RecordId, Vec<Vec<u8>>> = BTreeMap::new();
    for (key, row) in phone.shelf().table(Table::LogEntries) {
        let log = RecordId::try_from(&key[..16]).expect("entries stand under their log");
        let run: Vec<ByteVec> = minicbor::decode(row).expect("a row of entries is a list of bytes");
        entries.entry(log).or_default().extend(run.into_iter().map(Vec::from));
    }
    let mut holdings = Holdings::new();
    for (id, state) in states_of_phone(phone) {
        let view = phone.engine().get(id).expect("what is on disk is in memory");
        let cases = view.cases.iter().map(|case| (case.path.to_string(), case_of(case))).collect();
        holdings.insert(id, state.replica(entries.remove(&id).unwrap_or_default(), cases));
    }
    holdings
}

/// The merged states that a phone holds on its disk.
pub fn states_of_phone(phone: &Phone) -> impl Iterator<Item = (RecordId, State)> {
    phone.shelf().table(Table::Records).map(|(key, row)| {
        let id = RecordId::try_from(key).expect("records stand under their id");
        let view = phone.engine().get(id).expect("what is on disk is in memory");
        // A row is a heading, one CBOR array, and then the merged state.
        let mut decoder = Decoder::new(row);
        decoder.skip().expect("a row begins with its heading");
        (id, State::read(view.summary.feed.class, &row[decoder.position()..]))
    })
}

fn case_of(case: &CaseView) -> CaseReplica {
    let candidates = case.candidates.iter().map(|candidate| json(&candidate.value).to_string()).collect();
    let agreed = case.agreed.as_ref().filter(|_| case.open).map(|value| json(value).to_string());
    CaseReplica { open: case.open, state: case.state, candidates, agreed }
}

/// The changes of each record that a phone marks as not confirmed by the server.
pub fn doubted(phone: &Phone) -> BTreeMap<RecordId, BTreeSet<(Actor, u64)>> {
    let mut marks: BTreeMap<RecordId, BTreeSet<(Actor, u64)>> = BTreeMap::new();
    for (key, _) in phone.shelf().table(Table::Provisional) {
        let record = RecordId::try_from(&key[..16]).expect("marks stand under their record");
        let actor = Actor(key[16..32].try_into().expect("an actor has sixteen bytes"));
        let seq = u64::from_be_bytes(key[32..].try_into().expect("a number has eight bytes"));
        marks.entry(record).or_default().insert((actor, seq));
    }
    marks
}

/// The feeds that a phone may read by the roster that it holds.
pub fn readable(phone: &Phone) -> BTreeSet<Feed> {
    let areas: Vec<_> = phone.engine().status().areas.iter().map(|area| area.area).collect();
    let readable = access::readable(&grants(phone), phone.enrolment().root_area, &areas);
    readable.into_iter().map(|(area, class)| Feed { area, class }).collect()
}

/// Whether a phone may write to a feed by the roster that it holds.
pub fn may_write(phone: &Phone, feed: Feed) -> bool {
    access::may_write(&grants(phone), phone.enrolment().root_area, feed.area, feed.class)
}

fn grants(phone: &Phone) -> Vec<Grant> {
    let known = |grant: &fieldmerge_protocol::sync::RosterGrant| {
        Some(Grant { area: grant.area, role: grant.role.parse().ok()? })
    };
    phone.engine().status().grants.iter().filter_map(known).collect()
}
