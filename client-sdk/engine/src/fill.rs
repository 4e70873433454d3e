//! Forms that are filled on the device: the answers come from records and go into records.

use std::collections::BTreeMap;
use std::sync::Arc;

use fieldmerge_model::access;
use fieldmerge_model::form::RecordTarget;
use fieldmerge_model::form::compiled::{CompiledForm, File};
use fieldmerge_model::form::filling::{FORM, Filling, NewEntry, RecordChange, SUBJECT, StoredRecord, World};
use fieldmerge_model::form::record_file::{Listed, RecordFile};
use fieldmerge_model::form::version::FormVersion;
use fieldmerge_model::types::RecordTypes;
use fieldmerge_model::types::entry::Entry;
use fieldmerge_protocol::{AreaId, Path, PersonNumber, RecordId, Value};

use crate::doc::{Body, Doc};
use crate::engine::Engine;
use crate::memory::record_row::RecordRow;
use crate::{Edit, Failure, LogEntry};

/// What a form is filled for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FillRequest {
    /// The number of the version.
    pub form: u64,
    /// The code of the language of its texts; its own default language where it has no such one.
    pub language: String,
    /// The record that is opened with it; none makes a new one.
    pub record: Option<RecordId>,
    /// The person that it is about, where it makes a record about one.
    pub subject: Option<RecordId>,
}

/// A form that is being filled.
#[derive(Debug)]
pub struct Fill {
    /// The answers.
    pub filling: Filling,
    number: u64,
    /// The record of what stands in no group of its own.
    own: RecordId,
    subject: Option<RecordId>,
    records: Vec<(RecordId, StoredRecord)>,
    types: RecordTypes,
    /// The root area of the project; none before the device is enrolled.
    root: Option<AreaId>,
}

impl Engine {
    /// Begins a form, or opens it with a record and what else it writes about the same person. `world` also makes the
    /// id of a new record.
    pub fn fill(&self, request: &FillRequest, world: &mut dyn World) -> Result<Fill, Failure> {
        let version = self.form(request.form).ok_or(Failure::UnknownForm(request.form))?;
        let languages = &version.form.languages;
        let language = languages.iter().position(|known| known.code == request.language);
        let language = language.unwrap_or(version.form.default_language);
        let form = self.compiled(request.form, &version)?;
        let (mut subject, mut records) = (request.subject, Vec::new());
        let own = if let Some(record) = request.record {
            let row = self.memory.records.get(&record).ok_or(Failure::UnknownRecord(record))?;
            subject = row.header.subject.or(subject);
            records = self.records_of(&form, record, subject.unwrap_or(record))?;
            record
        } else {
            world.key().parse().map_err(|_| Failure::Bug("a key is the id of a record"))?
        };
        let filling = if records.is_empty() {
            Filling::begin(form, language, BTreeMap::new(), world)
        } else {
            let stored: Vec<StoredRecord> = records.iter().map(|(_, stored)| stored.clone()).collect();
            Filling::open(form, language, &stored, BTreeMap::new(), world)
        };
        let filling = filling.filled_by(self.memory.own_roles());
        let types = self.memory.forms.types.clone();
        let root = self.memory.root_area();
        Ok(Fill { filling, number: request.form, own, subject, records, types, root })
    }

    /// A version made ready to be filled, with the records on the device that it looks things up in.
    pub(crate) fn compiled(&self, number: u64, version: &FormVersion) -> Result<Arc<CompiledForm>, Failure> {
        let mut files = BTreeMap::new();
        for name in version.record_files() {
            files.insert(name.to_owned(), self.record_file(name));
        }
        version.compile(files).map(Arc::new).map_err(|_| Failure::UnknownForm(number))
    }

    /// The records of a type on the device, as a form looks things up in them. A log is none: it holds entries.
    fn record_file(&self, record_type: &str) -> File {
        let Some(kind) = self.memory.forms.types.find(record_type) else { return File::default() };
        let is_one =
            |row: &RecordRow| row.header.record_type == record_type && !row.header.feed.class.is_log();
        let of_type = self.memory.records.iter().filter(|(_, row)| is_one(row));
        let rows = of_type.map(|(id, row)| Listed { label: self.title(row), record: row.listed(*id) });
        RecordFile::new(kind, rows.collect()).into()
    }

    /// The records that a form reads: the one that it is opened with, and of each other type that it writes the latest
    /// about the person; all of them where each is an instance of a repeat.
    pub(crate) fn records_of(
        &self,
        form: &CompiledForm,
        own: RecordId,
        person: RecordId,
    ) -> Result<Vec<(RecordId, StoredRecord)>, Failure> {
        let mut found = Vec::new();
        for (at, (target, is_repeat)) in form.targets().enumerate() {
            if target.is_written_once() {
                continue;
            }
            if at == 0 {
                found.extend(self.stored(own, target, None)?.map(|stored| (own, stored)));
                continue;
            }
            let about = self.memory.records.iter().rev().filter(|(_, row)| {
                row.header.record_type == target.record_type && row.header.subject == Some(person)
            });
            for (id, _) in about.take(if is_repeat { usize::MAX } else { 1 }) {
                let key = is_repeat.then(|| id.to_string());
                found.extend(self.stored(*id, target, key)?.map(|stored| (*id, stored)));
            }
        }
        Ok(found)
    }

    fn stored(
        &self,
        record: RecordId,
        target: &RecordTarget,
        key: Option<String>,
    ) -> Result<Option<StoredRecord>, Failure> {
        let row = self.memory.records.get(&record).ok_or(Failure::UnknownRecord(record))?;
        if row.header.record_type != target.record_type {
            return Err(Failure::WrongType(row.header.record_type.clone()));
        }
        let Body::Record(state) = Doc::decode(row)?.body else { return Ok(None) };
        let values = state.winners().map(|(path, value)| (path.clone(), value.clone())).collect();
        Ok(Some(StoredRecord { target: target.clone(), key, values }))
    }
}

impl Fill {
    /// The record of what stands in no group of its own.
    pub fn record(&self) -> RecordId {
        self.own
    }

    /// What was answered, as edits to be saved in one; none where nothing was. New records are made in this area, but for
    /// those that stand in the root area of the project alone, and the form ends now.
    pub fn edits(
        &mut self,
        area: AreaId,
        person: PersonNumber,
        world: &mut dyn World,
    ) -> Result<Vec<Edit>, Failure> {
        if !self.filling.to_seal().is_empty() {
            return Err(Failure::NotFillable("sealed values"));
        }
        let edits = self.answered(area, person)?;
        if edits.is_empty() {
            return Ok(edits);
        }
        self.filling.finish(world);
        self.answered(area, person)
    }

    fn answered(&self, area: AreaId, person: PersonNumber) -> Result<Vec<Edit>, Failure> {
        let stored: Vec<StoredRecord> = self.records.iter().map(|(_, stored)| stored.clone()).collect();
        let changes = self.filling.changes(&stored).into_iter();
        let mut edits: Vec<Edit> =
            changes.map(|change| self.edit(change, area, person)).collect::<Result<_, _>>()?;
        let entries: Vec<LogEntry> =
            self.filling.entries().iter().map(|entry| self.entry(entry)).collect::<Result<_, _>>()?;
        if !entries.is_empty() {
            edits.push(Edit::Append { area, person, entries });
        }
        Ok(edits)
    }

    fn entry(&self, made: &NewEntry) -> Result<LogEntry, Failure> {
        let entry = Entry::from_answers(made.target.class, &made.values);
        let entry = entry.ok_or(Failure::NotFillable("entries of such a log"))?;
        let entry =
            entry.map_err(|bad| Failure::BadValue { path: bad.field.into(), code: bad.code.code() })?;
        Ok(LogEntry { subject: self.subject_of(&made.values, true)?, entry })
    }

    fn edit(&self, change: RecordChange, area: AreaId, person: PersonNumber) -> Result<Edit, Failure> {
        let RecordChange { target, key, mut values, removes } = change;
        let held = self.records.iter().find(|(_, stored)| stored.target == target && stored.key == key);
        let by = Path::new(FORM).map_err(|_| Failure::Bug("the name follows the path grammar"))?;
        let written = Value::Uint(self.number);
        if held.is_none_or(|(_, stored)| stored.values.get(&by) != Some(&written)) {
            values.push((by, written));
        }
        if let Some((record, _)) = held {
            values.retain(|(path, _)| path.as_str() != SUBJECT);
            return Ok(Edit::Change { record: *record, person, values, removes });
        }
        let kind = self.types.find(&target.record_type);
        let kind = kind.ok_or_else(|| Failure::WrongType(target.record_type.as_str().into()))?;
        let is_own = self.filling.form().form().record == target && key.is_none();
        let record = match &key {
            Some(key) => key.parse().ok(),
            None => is_own.then_some(self.own),
        };
        let subject = if kind.about_person { Some(self.subject_of(&values, is_own)?) } else { None };
        values.retain(|(path, _)| path.as_str() != SUBJECT);
        let area = access::home(kind.class, self.root.unwrap_or(area), area);
        Ok(Edit::Create { record, record_type: target.record_type, area, subject, person, values })
    }

    /// Whom a new record is about: whom the form says, else whom it was begun for, else the person that it registers.
    fn subject_of(&self, values: &[(Path, Value)], is_own: bool) -> Result<RecordId, Failure> {
        let said = values.iter().find(|(path, _)| path.as_str() == SUBJECT);
        if let Some((_, Value::Bytes(id))) = said {
            return RecordId::try_from(id.as_slice()).map_err(|_| Failure::NoSubject);
        }
        self.subject.or((!is_own).then_some(self.own)).ok_or(Failure::NoSubject)
    }
}
