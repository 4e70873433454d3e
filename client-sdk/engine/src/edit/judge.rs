//! Deciding conflicts, and proposing decisions.

use fieldmerge_model::RecordState;
use fieldmerge_model::cases::{self, Act, JudgeError, Rules};
use fieldmerge_model::form_rules::FormRules;
use fieldmerge_model::record::Save;
use fieldmerge_protocol::{Path, PersonNumber, RecordId, Value};
use smol_str::SmolStr;

use super::{Saver, check, not_built};
use crate::Failure;
use crate::doc::Body;
use crate::memory::roles_of;

/// What a person says about a case.
pub(super) struct Judged {
    pub(super) record: RecordId,
    pub(super) path: Path,
    pub(super) value: Value,
    /// The state that the person saw.
    pub(super) state: Option<[u8; 32]>,
    pub(super) reason: String,
}

type Judge = fn(&RecordState, &dyn Rules, &Path, Act) -> Result<Save, JudgeError>;

impl Saver<'_, '_> {
    /// Writes a decision or a proposal, as `judge` makes it.
    pub(super) fn judge(
        &mut self,
        judged: Judged,
        person: PersonNumber,
        judge: Judge,
    ) -> Result<RecordId, Failure> {
        let Judged { record, path, value, state: seen, reason } = judged;
        let (mut doc, kind) = self.open(record)?;
        let Body::Record(state) = &doc.body else { return Err(Failure::Bug("a log was opened as a record")) };
        check(&kind, &path, &value)?;
        let name = SmolStr::new(path.as_str());
        let held = self.stage.roles();
        let rules = FormRules::new(Some(&kind), |device| roles_of(held, device));
        let open = cases::case(state, &rules, &path).filter(cases::Case::is_open);
        let open = open.ok_or_else(|| Failure::NoSuchCase(name.clone()))?;
        if seen.is_some_and(|seen| seen != open.state.0) {
            return Err(Failure::CaseMoved(name));
        }
        let act = Act { actor: self.actor(person)?, time: self.now_ms, value, reason };
        let save = judge(state, &rules, &path, act).map_err(|error| match error {
            JudgeError::NoCase => Failure::NoSuchCase(name),
            JudgeError::NotPermitted => Failure::NotPermitted,
            JudgeError::NeedsProposal => Failure::NeedsProposal,
            JudgeError::ReasonTooLong => {
                Failure::BadValue { path: SmolStr::new_static("reason"), code: "out-of-range" }
            }
            JudgeError::PathTooLong => Failure::TooLarge,
        })?;
        let change = state.build(&save).map_err(|error| not_built(error, record))?;
        self.stage.save(record, &mut doc, &change, 0)?;
        self.stage.set_doc(record, Some(doc));
        Ok(record)
    }
}
