//! What a person saves: checked against the form and the grants, and made into changes on a stage.

mod judge;
mod log;
mod record;

use std::sync::Arc;

use fieldmerge_model::access::{self, Roles};
use fieldmerge_model::form::filling::FORM;
use fieldmerge_model::record::BuildError;
use fieldmerge_model::typed::{self, FindingCode};
use fieldmerge_model::types::RecordType;
use fieldmerge_protocol::sync::Feed;
use fieldmerge_protocol::{Actor, Path, PersonNumber, RecordId, Value};
use rand_core::Rng;
use smol_str::SmolStr;

use crate::doc::{Body, Doc};
use crate::stage::Stage;
use crate::{Edit, Failure, SavedEdit, attach};

/// Works edits into a stage.
pub(crate) struct Saver<'s, 'm> {
    pub(crate) stage: &'s mut Stage<'m>,
    pub(crate) now_ms: i64,
    pub(crate) rng: &'s mut dyn Rng,
}

impl Saver<'_, '_> {
    /// Works one edit in. After a failure the stage is to be dropped.
    pub(crate) fn apply(&mut self, edit: Edit) -> Result<SavedEdit, Failure> {
        match edit {
            Edit::Create { record, record_type, area, subject, person, values } => {
                let new = record::New { record, record_type, area, subject, values };
                self.create(new, person).map(SavedEdit::Record)
            }
            Edit::Change { record, person, values, removes } => {
                self.change(record, person, values, removes).map(SavedEdit::Record)
            }
            Edit::Attach { hash, bytes } => attach::attach(self.stage, self.now_ms, hash, bytes),
            Edit::Append { area, person, entries } => {
                self.append(area, person, entries).map(SavedEdit::Entries)
            }
            Edit::Decide { record, person, path, value, state, reason } => {
                let act = judge::Judged { record, path, value, state, reason };
                self.judge(act, person, fieldmerge_model::cases::decide).map(SavedEdit::Record)
            }
            Edit::Propose { record, person, path, value, state, reason } => {
                let act = judge::Judged { record, path, value, state, reason };
                self.judge(act, person, fieldmerge_model::cases::propose).map(SavedEdit::Record)
            }
        }
    }

    /// The actor of a person on this device, under the present incarnation.
    fn actor(&self, person: PersonNumber) -> Result<Actor, Failure> {
        Ok(Actor::new(self.stage.enrolment()?.device, person, self.stage.state.incarnation))
    }

    /// A new record id: a `UUIDv7` of the device's clock.
    fn new_id(&mut self) -> RecordId {
        let mut random = [0; 10];
        self.rng.fill_bytes(&mut random);
        let millis = u64::try_from(self.now_ms).unwrap_or_default();
        uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid().into()
    }

    /// Before the first roster nothing is known of grants, so nothing is forbidden: the server will judge.
    fn check_grant(&self, feed: Feed) -> Result<(), Failure> {
        let root = self.stage.enrolment()?.root_area;
        let unknown = self.stage.roster().version == 0;
        if unknown || access::may_write(&self.stage.memory.grants, root, feed.area, feed.class) {
            Ok(())
        } else {
            Err(Failure::NotGranted)
        }
    }

    /// Whether the people of this device may write what stands at a path at all.
    fn check_writer(&self, kind: &RecordType, path: &Path) -> Result<(), Failure> {
        let writes = kind.field_of(path.as_str()).map_or(Roles::ALL, |field| field.writes);
        if writes.meets(self.stage.memory.own_roles()) { Ok(()) } else { Err(Failure::NotGranted) }
    }

    /// The record and its type, if a person may write into it.
    fn open(&self, record: RecordId) -> Result<(Doc, Arc<RecordType>), Failure> {
        let doc = self.stage.doc(record)?.ok_or(Failure::UnknownRecord(record))?;
        let name = doc.record_type();
        let kind = self.stage.forms.types.find(&name).map(Arc::clone);
        let kind = kind.ok_or_else(|| Failure::WrongType(name.clone()))?;
        if matches!(doc.body, Body::Log(_)) {
            return Err(Failure::WrongType(name));
        }
        self.check_grant(doc.feed)?;
        Ok((doc, kind))
    }
}

/// Checks a value against its field.
fn check(kind: &RecordType, path: &Path, value: &Value) -> Result<(), Failure> {
    let name = || SmolStr::new(path.as_str());
    if path.as_str() == FORM && matches!(value, Value::Uint(_)) {
        return Ok(());
    }
    if path.is_reserved() {
        return Err(Failure::Fixed(name()));
    }
    match typed::check_path(kind, path, value).first().map(|finding| finding.code) {
        None => Ok(()),
        Some(FindingCode::UnknownPath | FindingCode::RefusedName) => Err(Failure::UnknownField(name())),
        Some(FindingCode::Derived) => Err(Failure::Fixed(name())),
        Some(code) => Err(Failure::BadValue { path: name(), code: code.code() }),
    }
}

fn not_built(error: BuildError, record: RecordId) -> Failure {
    match error {
        BuildError::NothingToWrite => Failure::NothingToWrite,
        BuildError::UnknownRecord => Failure::UnknownRecord(record),
        BuildError::TooLarge => Failure::TooLarge,
    }
}
