//! Everything that a server holds, checked against its own segments, and compared with what phones hold.

use std::collections::{BTreeMap, BTreeSet};

use fieldmerge_model::access::Grant;
use fieldmerge_protocol::sync::Feed;
use fieldmerge_protocol::{DeviceId, ProjectId, RecordId};
use fieldmerge_server::entries::unpack;
use fieldmerge_server::forms::record_types;
use fieldmerge_server::sync::judgement::{self, Law};
use fieldmerge_store::cases::CaseRow;
use fieldmerge_store::records::ValuedRecord;
use fieldmerge_store::{Store, Tx, cases, entries, grants, held, quarantine, records};
use serde_json::Value as Json;

use super::phone::Phone;
use super::replay::Replay;
use super::replica::{CaseReplica, Holdings, Replica, State, doubted, of_phone, readable, states_of_phone};

/// What a server holds.
#[derive(Debug)]
pub struct Census {
    /// Every record.
    pub holdings: Holdings,
    /// The feed of each.
    pub feeds: BTreeMap<RecordId, Feed>,
    /// The last position of each feed.
    pub heads: BTreeMap<Feed, u64>,
    /// The merged state of each record.
    pub states: BTreeMap<RecordId, State>,
    /// How many changes are held.
    pub held: usize,
    /// The codes of what is in quarantine.
    pub quarantined: Vec<String>,
}

impl Census {
    /// Reads everything. Panics where the rows are not what the segments say.
    pub async fn take(store: &Store, project: ProjectId) -> Self {
        let mut tx = store.read().await.expect("a snapshot can be read");
        let rows = all_records(&mut tx, project).await;
        let stored = rows.iter().map(|(id, row)| (*id, State::read(row.row.feed.class, &row.row.state)));
        let replay = Replay::read(&mut tx, project, &stored.collect()).await;
        let cases = all_cases(&mut tx, project).await;
        let grants = all_grants(&mut tx, project).await;
        let types = record_types(&mut tx, project).await.expect("forms can be read");
        let law = Law { types: &types, grants: &grants };
        let rebuilt: BTreeSet<&RecordId> = replay.states.keys().collect();
        assert_eq!(
            rebuilt,
            rows.keys().collect(),
            "there is a row for each record in the segments, and no other"
        );
        let mut by_record: BTreeMap<RecordId, Vec<CaseRow>> = BTreeMap::new();
        for case in cases {
            by_record.entry(case.record).or_default().push(case);
        }
        let mut holdings = Holdings::new();
        for (id, row) in &rows {
            let entries = check_entries(&mut tx, project, *id, &replay).await;
            let of_record = by_record.remove(id).unwrap_or_default();
            check_record(row, &replay, &of_record, law);
            let of_record = of_record.iter().filter_map(case_of).collect();
            holdings.insert(*id, replay.states[id].replica(entries, of_record));
        }
        let held =
            held::older_than(&mut tx, project, i64::MAX, 100_000).await.expect("held changes can be read");
        for change in &held {
            let known = replay.states.get(&change.record).map(State::changes).unwrap_or_default();
            let both = known.iter().any(|(actor, seq, _)| (*actor, *seq) == (change.actor, change.seq));
            assert!(!both, "a change is held and part of its record: {}", change.record);
        }
        let items = quarantine::page(&mut tx, project, None, 100_000).await.expect("quarantine can be read");
        let quarantined = items.into_iter().map(|item| item.code).collect();
        tx.rollback().await.expect("a snapshot ends");
        let Replay { states, feeds, heads, .. } = replay;
        Self { holdings, feeds, heads, states, held: held.len(), quarantined }
    }

    /// How many changes all records have.
    pub fn changes(&self) -> usize {
        self.holdings.values().map(|replica| replica.changes).sum()
    }

    /// Compares with another census: nothing was added, lost or changed.
    pub fn assert_same_as(&self, other: &Self) {
        let ids = |census: &Self| census.holdings.keys().copied().collect::<BTreeSet<_>>();
        assert_eq!(ids(self), ids(other), "the records");
        for (id, replica) in &self.holdings {
            let unequal: Vec<&str> = unequal(replica, &other.holdings[id]).collect();
            assert!(unequal.is_empty(), "{id} changed: {unequal:?}");
        }
        assert_eq!(self.heads, other.heads, "the positions");
    }

    /// Compares with a phone that has nothing left to send: what the phone may read it holds, as the server has it;
    /// what it holds beyond that, its own logs, the server has too.
    pub fn assert_same_on(&self, phone: &Phone) {
        self.assert_no_difference(phone, Allowed::default());
    }

    /// The same for a phone that has gone back to a backup. Of its own logs in feeds that it may not read it cannot get
    /// back what it had sent and forgotten: there it holds the beginning.
    pub fn assert_same_on_restored(&self, phone: &Phone) {
        self.assert_no_difference(phone, Allowed { restored: true, ..Allowed::default() });
    }

    fn assert_no_difference(&self, phone: &Phone, allowed: Allowed) {
        let differences = self.differences(phone, allowed);
        assert!(differences.is_empty(), "{}", differences.join("\n"));
    }

    /// What a phone holds otherwise than the server.
    pub fn differences(&self, phone: &Phone, allowed: Allowed) -> Vec<String> {
        let label = &phone.label;
        let mut found = Vec::new();
        let outbox = phone.engine().outbox();
        let waiting: BTreeSet<RecordId> = outbox.changes.iter().map(|change| change.record).collect();
        // A feed that was withdrawn stays for as long as something of it waits.
        let waiting_feeds: BTreeSet<Feed> = outbox.changes.iter().map(|change| change.feed).collect();
        if !allowed.waiting && !waiting.is_empty() {
            found.push(format!("{label}: changes were not acknowledged: {:?}", outbox.changes));
        }
        let readable = readable(phone);
        let held = of_phone(phone);
        let doubted = doubted(phone);
        let beyond: BTreeSet<RecordId> = doubted.keys().copied().filter(|_| allowed.doubted).collect();
        let states = states_of_phone(phone).filter(|(id, _)| beyond.contains(id) && !waiting.contains(id));
        found.extend(states.filter_map(|(id, state)| {
            let here = self.states.get(&id).map(State::changes).unwrap_or_default();
            let mut there = state.changes();
            there.retain(|(actor, seq, _)| !doubted[&id].contains(&(*actor, *seq)));
            (here != there).then(|| format!("{label}: changes of {id} beside those that it doubts"))
        }));
        for id in self.holdings.keys().filter(|id| readable.contains(&self.feeds[*id])) {
            if !held.contains_key(id) {
                found.push(format!("{label}: {id} of {:?} was skipped", self.feeds[id]));
            }
        }
        for (id, replica) in held.iter().filter(|(id, _)| !waiting.contains(id) && !beyond.contains(id)) {
            let Some(here) = self.holdings.get(id) else {
                found.push(format!("{label}: {id} was lost"));
                continue;
            };
            let feed = self.feeds[id];
            let own_log = !readable.contains(&feed) && feed.class.is_log();
            if !readable.contains(&feed) && waiting_feeds.contains(&feed) {
                continue;
            }
            if !readable.contains(&feed) && !own_log {
                found.push(format!("{label}: {id} stays where nobody may read it"));
            }
            if !(allowed.restored && own_log) {
                found.extend(unequal(here, replica).map(|what| format!("{label}: {what} of {id}")));
            } else if !here.entries.starts_with(&replica.entries) {
                found.push(format!("{label}: entries of {id}"));
            }
        }
        found
    }
}

/// In what a phone may differ from the server.
#[derive(Debug, Clone, Copy, Default)]
pub struct Allowed {
    /// It has gone back to a backup.
    pub restored: bool,
    /// It has changes that the server could not take, and holds their records as it sees them.
    pub waiting: bool,
    /// It holds, marked, what a restored server lost and its author did not bring again.
    pub doubted: bool,
}

/// In what two replicas of a record are not one.
fn unequal(one: &Replica, other: &Replica) -> impl Iterator<Item = &'static str> {
    let checks = [
        ("heads", one.heads == other.heads),
        ("changes", one.digest == other.digest),
        ("values", one.values == other.values),
        ("entries", one.entries == other.entries),
        ("cases", one.cases == other.cases),
    ];
    checks.into_iter().filter(|(_, same)| !same).map(|(what, _)| what)
}

async fn all_records(tx: &mut Tx, project: ProjectId) -> BTreeMap<RecordId, ValuedRecord> {
    let mut all = BTreeMap::new();
    loop {
        let last = all.last_key_value().map(|(id, _)| *id);
        let page = records::page(tx, project, None, last, 500).await.expect("records can be read");
        if page.is_empty() {
            return all;
        }
        all.extend(page.into_iter().map(|row| (row.row.id, row)));
    }
}

async fn all_cases(tx: &mut Tx, project: ProjectId) -> Vec<CaseRow> {
    cases::page(tx, project, false, None, 100_000).await.expect("cases can be read")
}

async fn all_grants(tx: &mut Tx, project: ProjectId) -> BTreeMap<DeviceId, Vec<Grant>> {
    let mut by_device: BTreeMap<DeviceId, Vec<Grant>> = BTreeMap::new();
    for grant in grants::list(tx, project).await.expect("grants can be read") {
        if grant.withdrawn_ms.is_none() {
            let role = grant.role.parse().expect("roles of tests are roles");
            by_device.entry(grant.device).or_default().push(Grant { area: grant.area, role });
        }
    }
    by_device
}

/// The rows of entries are those of the changes, each once, numbered without gaps. Gives them in order.
async fn check_entries(tx: &mut Tx, project: ProjectId, id: RecordId, replay: &Replay) -> Vec<Vec<u8>> {
    let runs = entries::of_record(tx, project, id).await.expect("entries can be read");
    let expected = replay.entries.get(&id).cloned().unwrap_or_default();
    let expected: Vec<_> = expected.into_iter().filter(|(_, _, entries)| !entries.is_empty()).collect();
    let found: Vec<_> = runs
        .iter()
        .map(|run| (run.position, run.seq, unpack(&run.body).expect("a run of entries reads")))
        .collect();
    assert_eq!(found, expected, "the entries of {id} are those of its changes");
    let mut next = 0;
    for run in &runs {
        assert_eq!(run.first_entry, next, "the entries of {id} are numbered without gaps");
        next += u64::from(run.entry_count);
    }
    found.into_iter().flat_map(|(_, _, entries)| entries).collect()
}

/// A row is what the segments make of it.
fn check_record(row: &ValuedRecord, replay: &Replay, cases: &[CaseRow], law: Law<'_>) {
    let ValuedRecord { row, current_values } = row;
    let id = row.id;
    let rebuilt = &replay.states[&id];
    assert_eq!(row.feed, replay.feeds[&id], "the feed of {id}");
    assert_eq!(row.position, replay.positions[&id], "the position of {id}");
    assert_eq!(row.change_count, rebuilt.changes().len() as u64, "the changes of {id}");
    let stored = State::read(row.feed.class, &row.state);
    let bare = |state: &State| state.replica(Vec::new(), BTreeMap::new());
    assert_eq!(bare(&stored), bare(rebuilt), "the state of {id}");
    for (actor, seq, _) in rebuilt.changes() {
        let (stored, rebuilt) = (stored.provenance(actor, seq), rebuilt.provenance(actor, seq));
        assert_eq!(stored, rebuilt, "how change {seq} of {id} came");
    }
    let State::Record(state) = rebuilt else { return };
    let winners: Json = serde_json::from_str(current_values).expect("values are JSON");
    for path in state.paths().filter(|path| !path.is_reserved()) {
        let winner =
            fieldmerge_server::sync::push::json(state.get(path.as_str()).expect("a path that holds a value"));
        assert_eq!(winners[path.as_str()], winner, "{path} of {id}");
    }
    let judged = judgement::of_record(0, row.feed, state, Vec::new(), law);
    assert_eq!(row.open_case_count, judged.open, "the open cases of {id}");
    let told: BTreeMap<String, CaseReplica> = judged.rows.iter().filter_map(case_of).collect();
    let stored: BTreeMap<String, CaseReplica> = cases.iter().filter_map(case_of).collect();
    assert_eq!(told, stored, "the cases of {id}");
}

/// A case that is open or was decided; one whose values met is no case any more.
fn case_of(row: &CaseRow) -> Option<(String, CaseReplica)> {
    let open = row.closed_ms.is_none();
    if !open && row.decision.is_none() {
        return None;
    }
    let candidates: Vec<Json> = serde_json::from_str(&row.candidates).expect("candidates are JSON");
    let candidates = candidates.iter().map(|candidate| candidate["value"].to_string()).collect();
    let agreed = row.agreed.as_ref().filter(|_| open);
    let agreed = agreed.map(|text| serde_json::from_str::<Json>(text).expect("a value is JSON").to_string());
    Some((row.path.clone(), CaseReplica { open, state: row.state, candidates, agreed }))
}
