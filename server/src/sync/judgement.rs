//! The rows of a record's cases, from its merged state.

use std::collections::BTreeMap;

use fieldmerge_model::access::{Grant, Roles};
use fieldmerge_model::cases::{Candidate, Case, Judgement, Status, cases};
use fieldmerge_model::form_rules::FormRules;
use fieldmerge_model::record::RecordState;
use fieldmerge_model::types::RecordTypes;
use fieldmerge_protocol::DeviceId;
use fieldmerge_protocol::api::{CandidateView, DecisionView};
use fieldmerge_protocol::sync::Feed;
use fieldmerge_store::cases::CaseRow;

use super::push::json;

/// The kind of case that two values of one field make.
pub const FIELD_CONFLICT: &str = "field_conflict";

/// What a record is judged by.
#[derive(Debug, Clone, Copy)]
pub struct Law<'a> {
    /// What the records of the project hold.
    pub types: &'a RecordTypes,
    /// The standing grants of its devices.
    pub grants: &'a BTreeMap<DeviceId, Vec<Grant>>,
}

/// What is to be written of a record's cases.
#[derive(Debug, Default)]
pub struct Judged {
    /// How many are open.
    pub open: u32,
    /// Rows that are new or changed.
    pub rows: Vec<CaseRow>,
}

/// The cases of a record. `before` are its rows as they stand; a row whose conflict is gone without a decision (equal
/// values met) is closed.
pub fn of_record(now_ms: i64, feed: Feed, state: &RecordState, before: Vec<CaseRow>, law: Law<'_>) -> Judged {
    let record_type = state.identity().map(|identity| identity.record_type.to_string()).unwrap_or_default();
    let roles_of = |device: DeviceId| {
        let held = law.grants.get(&device).into_iter().flatten();
        held.fold(Roles::NONE, |all, grant| all.union(Roles::of(grant.role)))
    };
    let rules = FormRules::new(law.types.find(&record_type).map(|kind| &**kind), roles_of);
    let mut before: BTreeMap<String, CaseRow> =
        before.into_iter().map(|row| (row.path.clone(), row)).collect();
    let mut judged = Judged::default();
    for case in cases(state, &rules) {
        judged.open += u32::from(case.is_open());
        let old = before.remove(case.path.as_str());
        let new = row(now_ms, feed, &record_type, state, &case, old.as_ref());
        if old.as_ref() != Some(&new) {
            judged.rows.push(new);
        }
    }
    for gone in before.into_values().filter(|row| row.closed_ms.is_none()) {
        judged.rows.push(CaseRow { closed_ms: Some(now_ms), ..gone });
    }
    judged
}

fn row(
    now_ms: i64,
    feed: Feed,
    record_type: &str,
    state: &RecordState,
    case: &Case,
    old: Option<&CaseRow>,
) -> CaseRow {
    let candidates: Vec<CandidateView> = case.candidates.iter().map(candidate).collect();
    let decision = match &case.status {
        Status::Open => None,
        Status::Decided(judgement) => Some(decision(judgement)),
    };
    let closed_ms = decision.as_ref().map(|_| old.and_then(|old| old.closed_ms).unwrap_or(now_ms));
    CaseRow {
        record: state.id(),
        kind: FIELD_CONFLICT.to_owned(),
        path: case.path.to_string(),
        feed,
        record_type: record_type.to_owned(),
        state: case.state.0,
        candidates: serde_json::json!(candidates).to_string(),
        agreed: case.agreed.as_ref().map(|value| json(value).to_string()),
        decision: decision.map(|decision| serde_json::json!(decision).to_string()),
        opened_ms: old.map_or(now_ms, |old| old.opened_ms),
        closed_ms,
    }
}

fn candidate(candidate: &Candidate) -> CandidateView {
    CandidateView {
        value: json(&candidate.value),
        device: candidate.op.actor.device(),
        person: candidate.op.actor.person(),
        device_ms: candidate.time,
        received_ms: candidate.received_ms,
    }
}

fn decision(judgement: &Judgement) -> DecisionView {
    DecisionView {
        value: json(&judgement.value),
        device: judgement.op.actor.device(),
        person: judgement.op.actor.person(),
        reason: judgement.reason.clone(),
        device_ms: judgement.time,
    }
}
