//! Making and changing records.

use std::sync::Arc;

use fieldmerge_model::record::{NewRecord, Save};
use fieldmerge_model::types::{Kind, Policy};
use fieldmerge_protocol::sync::Feed;
use fieldmerge_protocol::{AreaId, Path, PersonNumber, RecordClass, RecordId, Value};
use smol_str::SmolStr;

use super::{Saver, check, not_built};
use crate::Failure;
use crate::doc::{Body, Doc};
use crate::number::WorkerNumber;

const WORKER_NUMBER: &str = "worker_number";

/// A record to be made.
pub(super) struct New {
    pub(super) record: Option<RecordId>,
    pub(super) record_type: String,
    pub(super) area: AreaId,
    pub(super) subject: Option<RecordId>,
    pub(super) values: Vec<(Path, Value)>,
}

impl Saver<'_, '_> {
    pub(super) fn create(&mut self, new: New, person: PersonNumber) -> Result<RecordId, Failure> {
        let New { record, record_type, area, subject, mut values } = new;
        let kind =
            self.stage.forms.types.find(&record_type).filter(|kind| !kind.class.is_log()).map(Arc::clone);
        let kind = kind.ok_or_else(|| Failure::WrongType(SmolStr::new(&record_type)))?;
        let feed = Feed { area, class: kind.class };
        self.check_grant(feed)?;
        for (path, value) in &values {
            check(&kind, path, value)?;
            self.check_writer(&kind, path)?;
        }
        if kind.about_person != subject.is_some() {
            let code = if subject.is_some() { "no-subject-here" } else { "missing" };
            return Err(Failure::BadValue { path: SmolStr::new_static("_subject"), code });
        }
        let numbered = kind.field(WORKER_NUMBER).is_some();
        if numbered && !values.iter().any(|(path, _)| path.as_str() == WORKER_NUMBER) {
            values.push(self.next_worker_number()?);
        }
        let id = record.unwrap_or_else(|| self.new_id());
        if self.stage.doc(id)?.is_some() {
            return Err(Failure::BadValue { path: SmolStr::new_static("_id"), code: "second-root" });
        }
        let actor = self.actor(person)?;
        let record_type = SmolStr::new(&record_type);
        let new = NewRecord { actor, time: self.now_ms, id, record_type, area, subject, puts: values };
        let change = new.build().map_err(|error| not_built(error, id))?;
        let mut doc = Doc::new(id, feed);
        self.stage.save(id, &mut doc, &change, 0)?;
        self.stage.set_doc(id, Some(doc));
        Ok(id)
    }

    fn next_worker_number(&mut self) -> Result<(Path, Value), Failure> {
        let device = self.stage.enrolment()?.number;
        let state = &mut self.stage.state;
        let number = WorkerNumber::next(device, state.incarnation, state.worker_counter + 1)
            .ok_or(Failure::NumbersExhausted)?;
        state.worker_counter = number.counter();
        let path = Path::new(WORKER_NUMBER).expect("the name follows the path grammar");
        Ok((path, Value::str(number.to_string())))
    }

    pub(super) fn change(
        &mut self,
        record: RecordId,
        person: PersonNumber,
        puts: Vec<(Path, Value)>,
        deletes: Vec<Path>,
    ) -> Result<RecordId, Failure> {
        let (mut doc, kind) = self.open(record)?;
        if kind.class == RecordClass::Observation {
            return Err(Failure::WriteOnce);
        }
        let Body::Record(state) = &doc.body else { return Err(Failure::Bug("a log was opened as a record")) };
        for (path, value) in &puts {
            check(&kind, path, value)?;
            self.check_writer(&kind, path)?;
            // A second write to such a field would be accepted by everybody and believed by nobody.
            if kind.policy(path.as_str()) == Some(Policy::Fixed) && state.get(path.as_str()).is_some() {
                return Err(Failure::Fixed(SmolStr::new(path.as_str())));
            }
        }
        for path in &deletes {
            let member = kind.field_at(path.as_str()).is_some_and(|field| matches!(field.kind, Kind::Set(_)));
            if !member {
                return Err(Failure::UnknownField(SmolStr::new(path.as_str())));
            }
            self.check_writer(&kind, path)?;
        }
        let save = Save { actor: self.actor(person)?, time: self.now_ms, puts, deletes };
        let change = state.build(&save).map_err(|error| not_built(error, record))?;
        self.stage.save(record, &mut doc, &change, 0)?;
        self.stage.set_doc(record, Some(doc));
        Ok(record)
    }
}
