//! Conflicts, as a person sees them.

use fieldmerge_model::RecordState;
use fieldmerge_model::cases::{self, Candidate, Judgement, Rules, Status};
use fieldmerge_model::form_rules::FormRules;
use fieldmerge_protocol::{Actor, Path, Value};

use crate::doc::{Body, Doc};
use crate::engine::Engine;
use crate::memory::roles_of;
use crate::{CandidateView, CaseView, Summary};

impl Engine {
    /// The open conflicts of all records on the device.
    pub fn conflicts(&self) -> Vec<CaseView> {
        let disputed = self.memory.records.iter().filter(|(_, row)| row.header.open_cases > 0);
        let views = disputed.flat_map(|(record, row)| match Doc::decode(row).map(|doc| doc.body) {
            Ok(Body::Record(state)) => self.cases_of(&self.summary(*record, row), &state),
            _ => Vec::new(),
        });
        views.filter(|case| case.open).collect()
    }

    pub(super) fn cases_of(&self, summary: &Summary, state: &RecordState) -> Vec<CaseView> {
        let kind = self.memory.forms.types.find(&summary.record_type).map(|kind| &**kind);
        let rules = FormRules::new(kind, |device| roles_of(&self.memory.roles, device));
        let view = |case: cases::Case| CaseView {
            record: summary.record,
            record_type: summary.record_type.clone(),
            title: summary.title.clone(),
            open: case.is_open(),
            state: case.state.0,
            candidates: case.candidates.iter().map(|candidate| self.candidate(candidate)).collect(),
            agreed: case.agreed,
            approvals: rules.approvals(&case.path).unwrap_or(1),
            proposals: case.proposals.iter().map(|proposal| self.judgement(proposal)).collect(),
            decision: match &case.status {
                Status::Decided(decision) => Some(self.judgement(decision)),
                Status::Open => None,
            },
            may_decide: self.may_judge(&rules, &case.path),
            path: case.path,
        };
        cases::cases(state, &rules).into_iter().map(view).collect()
    }

    fn may_judge(&self, rules: &impl Rules, path: &Path) -> bool {
        let (Some(enrolment), Some(state)) = (&self.memory.enrolment, &self.memory.state) else {
            return false;
        };
        rules.judge(path, Actor::new(enrolment.device, 0, state.incarnation)).is_some()
    }

    fn candidate(&self, candidate: &Candidate) -> CandidateView {
        let Candidate { op, value, time, received_ms, .. } = candidate;
        self.attributed(op.actor, value, "", (*time, *received_ms))
    }

    fn judgement(&self, judgement: &Judgement) -> CandidateView {
        let Judgement { op, value, time, received_ms, reason, .. } = judgement;
        self.attributed(op.actor, value, reason, (*time, *received_ms))
    }

    fn attributed(
        &self,
        actor: Actor,
        value: &Value,
        reason: &str,
        (device_ms, received_ms): (i64, i64),
    ) -> CandidateView {
        CandidateView {
            value: value.clone(),
            actor,
            label: self.label(actor),
            reason: reason.to_owned(),
            device_ms,
            received_ms,
        }
    }

    /// What the roster calls the device of an actor.
    pub(super) fn label(&self, actor: Actor) -> Option<String> {
        let named = self.memory.roster.devices.iter().find(|known| known.device == actor.device());
        named.map(|known| known.label.clone())
    }
}
