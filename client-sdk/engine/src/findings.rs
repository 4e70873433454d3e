//! What the server found wrong with what this device wrote, shown as while the form is filled.

use std::collections::BTreeMap;
use std::sync::Arc;

use fieldmerge_model::RecordState;
use fieldmerge_model::access::Roles;
use fieldmerge_model::form::compiled::CompiledForm;
use fieldmerge_model::form::filling::{Breach, FORM, Fault, Lacking, Past, StoredRecord, describe, judge};
use fieldmerge_model::form::record_file;
use fieldmerge_model::form::version::FormVersion;
use fieldmerge_protocol::sync::Finding;
use fieldmerge_protocol::{Path, RecordId, Value};

use crate::doc::{Body, Doc};
use crate::engine::Engine;
use crate::memory;
use crate::stage::Stage;
use crate::store::Table;

/// What was worked out for the findings before: versions made ready, by their numbers, and what is wrong with a record by one
/// of them; none where that cannot be.
#[derive(Default)]
struct Known {
    ready: BTreeMap<u64, Option<Arc<CompiledForm>>>,
    breaches: BTreeMap<(u64, RecordId), Option<Vec<Breach>>>,
}

/// An answer that breaks a rule of its form, or the lack of one, as the server has found it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingView {
    /// The record.
    pub record: RecordId,
    /// Where in it.
    pub path: String,
    /// The stable code: `required`, `constraint`, `out-of-range`, `not-offered`, `not-permitted`.
    pub code: String,
    /// The number of the version of the form. Opened with it, the record shows the same.
    pub form: u64,
    /// What is asked there.
    pub question: String,
    /// What is wrong and what to do, in the person's language.
    pub message: String,
    /// Whether it is there no more on this device: the server will find so once it has what was saved since.
    pub is_mended: bool,
}

impl Engine {
    /// What the server has found wrong with what this device wrote, by record and path. The texts are in a language of the
    /// form, or in the form's own.
    pub fn findings(&self, language: &str) -> Vec<FindingView> {
        let mut known = Known::default();
        let all = self.memory.findings.findings.iter();
        all.map(|finding| self.finding(finding, language, &mut known)).collect()
    }

    fn finding(&self, finding: &Finding, language: &str, known: &mut Known) -> FindingView {
        let Finding { record, path, code, form } = finding.clone();
        let mut view = FindingView {
            record,
            path,
            code,
            form,
            question: String::new(),
            message: String::new(),
            is_mended: false,
        };
        let Some(version) = self.form(form) else { return view };
        let spoken = version.form.languages.iter().position(|spoken| spoken.code == language);
        let language = spoken.unwrap_or(version.form.default_language);
        let (Known { ready, breaches }, number) = (known, form);
        let breaches = breaches.entry((form, record)).or_insert_with(|| {
            let compiled = ready.entry(form).or_insert_with(|| self.compiled(form, &version).ok());
            compiled
                .as_ref()
                .and_then(|compiled| self.breaches((number, &version), (compiled, language), record))
        });
        if let Some(breaches) = breaches {
            let is_it = |breach: &&Breach| (&*breach.path, breach.fault.code()) == (&*view.path, &*view.code);
            if let Some(breach) = breaches.iter().find(is_it) {
                (view.question, view.message) = (breach.question.clone(), breach.message.clone());
                return view;
            }
            view.is_mended = true;
        }
        let record_type = self.memory.records.get(&record).map(|row| row.header.record_type.as_str());
        let fault = Fault::from_code(&view.code);
        if let Some((record_type, fault)) = record_type.zip(fault) {
            let described = describe(&version.form, language, (record_type, &view.path), fault);
            (view.question, view.message) = described.unwrap_or_default();
        }
        view
    }

    /// What is wrong with a record as it is here; none where it cannot be opened with the form.
    fn breaches(
        &self,
        (number, version): (u64, &FormVersion),
        (form, language): (&Arc<CompiledForm>, usize),
        record: RecordId,
    ) -> Option<Vec<Breach>> {
        let row = self.memory.records.get(&record)?;
        let own_type = &form.targets().next()?.0.record_type;
        let person = row.header.subject;
        let own = if row.header.record_type == *own_type { record } else { person? };
        let all = self.records_of(form, own, person.unwrap_or(record)).ok()?;
        let place = all.iter().position(|(id, _)| *id == record)?;
        let states: Vec<Option<Box<RecordState>>> = all.iter().map(|(id, _)| self.state(*id)).collect();
        let saved = states.iter().flatten().filter_map(|state| state.last_saved()).map(|(_, time)| time);
        let saved_ms = saved.max().unwrap_or_default();
        let written_ms = |at: usize, path: &str| {
            let author = states[at].as_ref().and_then(|state| state.author(path));
            author.map_or(saved_ms, |(_, time)| time)
        };
        let mut stored: Vec<StoredRecord> = all.into_iter().map(|(_, stored)| stored).collect();
        // What one form found in a record that another one wrote later it finds by its own rules.
        let values = &mut stored[place].values;
        if let Some(Value::Uint(by)) = values.get(FORM)
            && self.form(*by).is_some_and(|by| by.form.id != version.form.id)
        {
            values.extend(Path::new(FORM).ok().map(|path| (path, Value::Uint(number))));
        }
        let partial = record_file::partial(version.record_files(), &self.types());
        let lacking = Lacking { partial, ..Lacking::default() };
        let written_by = |at: usize, path: &str| {
            let author = states[at].as_ref().and_then(|state| state.author(path));
            author.map_or(Roles::NONE, |(actor, _)| memory::roles_of(&self.memory.roles, actor.device()))
        };
        let past = Past {
            form: number,
            saved_ms,
            written_ms: &written_ms,
            written_by: &written_by,
            lacking: &lacking,
        };
        let mut breaches = judge(form, language, &stored, &past);
        breaches.retain(|breach| breach.record == place);
        Some(breaches)
    }

    fn state(&self, record: RecordId) -> Option<Box<RecordState>> {
        match Doc::decode(self.memory.records.get(&record)?).ok()?.body {
            Body::Record(state) => Some(state),
            Body::Log(_) => None,
        }
    }
}

impl Stage<'_> {
    /// Takes what the server has found, as it came, in the place of what it had found before.
    pub(crate) fn set_findings(&mut self, part: Vec<u8>) {
        self.put(Table::Meta, memory::FINDINGS.to_vec(), Some(part.into()));
    }
}
