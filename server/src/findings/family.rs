//! Which records are judged together: those that one filling of a form would open.

use std::collections::BTreeMap;

use fieldmerge_model::RecordState;
use fieldmerge_model::form::filling::{FORM, StoredRecord, Values};
use fieldmerge_model::form::record_file::Listed;
use fieldmerge_protocol::{RecordId, Value};
use fieldmerge_store::records::{RecordRow, ValuedRecord};

use crate::forms::Forms;

/// A record with what it holds.
#[derive(Debug)]
pub struct Known {
    /// Its row.
    pub row: RecordRow,
    /// Its state.
    pub state: RecordState,
    /// What it holds.
    pub values: Values,
}

/// Records that may be judged, and those around them.
#[derive(Debug, Default)]
pub struct Around {
    records: BTreeMap<RecordId, Known>,
    /// By person and type, the earliest first.
    about: BTreeMap<(RecordId, String), Vec<RecordId>>,
}

/// Records that a form judges together.
#[derive(Debug, Clone, PartialEq)]
pub struct Family {
    /// The place of the version among those of the project.
    pub form: usize,
    /// The records.
    pub members: Vec<(RecordId, StoredRecord)>,
}

impl Around {
    /// Takes records in, but for logs, and for those whose state does not parse: `verify` tells of these.
    pub fn extend(&mut self, rows: impl IntoIterator<Item = ValuedRecord>) {
        for row in rows.into_iter().map(|valued| valued.row) {
            let state = RecordState::from_bytes(&row.state).ok().filter(|_| !row.feed.class.is_log());
            let Some(state) = state.filter(|_| !self.records.contains_key(&row.id)) else { continue };
            if let Some(person) = row.subject {
                let ids = self.about.entry((person, row.record_type.clone())).or_default();
                ids.insert(ids.partition_point(|id| *id < row.id), row.id);
            }
            let values = state.winners().map(|(path, value)| (path.clone(), value.clone())).collect();
            self.records.insert(row.id, Known { row, state, values });
        }
    }

    /// A record.
    pub fn get(&self, record: RecordId) -> Option<&Known> {
        self.records.get(&record)
    }

    /// The persons that records are about or may be.
    pub fn persons(&self) -> Vec<RecordId> {
        self.records.values().map(|known| known.row.subject.unwrap_or(known.row.id)).collect()
    }

    /// What records name by their values.
    pub fn named(&self) -> Vec<RecordId> {
        let values = self.records.values().flat_map(|known| known.values.values());
        let id = |value: &Value| match value {
            Value::Bytes(bytes) => RecordId::try_from(bytes.as_slice()).ok(),
            _ => None,
        };
        values.filter_map(id).collect()
    }

    /// The records of a type, as a form looks things up in them.
    pub fn listed(&self, record_type: &str) -> impl Iterator<Item = Listed> {
        let of_type = self.records.values().filter(move |known| known.row.record_type == record_type);
        of_type.map(|known| Listed {
            record: known.row.id,
            label: String::new(),
            person: known.row.subject,
            values: known.values.clone(),
        })
    }

    /// The records that are judged with one, by the form that wrote it; where that is not known, by the latest that writes
    /// records of its type. None where no form does.
    pub fn family(&self, forms: &Forms, record: RecordId) -> Option<Family> {
        let known = self.get(record)?;
        let first = form_of(forms, known)?;
        let own = self.own(forms, first, known).and_then(|own| self.get(own));
        // Whoever opened the records later did so with a later version.
        let later = own.and_then(|own| form_of(forms, own));
        let form = later.filter(|at| forms.all[*at].row.form_id == forms.all[first].row.form_id);
        let form = form.map_or(first, |later| later.max(first));
        let person = known.row.subject.unwrap_or(record);
        let mut members = Vec::new();
        for (at, (target, is_repeat)) in forms.all[form].compiled()?.targets().enumerate() {
            if target.class.is_log() {
                continue;
            }
            let about =
                || self.about.get(&(person, target.record_type.clone())).map_or(&[][..], Vec::as_slice);
            let ids = match self.own(forms, form, known) {
                own if at == 0 => own.into_iter().collect(),
                _ if is_repeat => about().to_vec(),
                _ if known.row.record_type == target.record_type => vec![record],
                _ => about().last().copied().into_iter().collect(),
            };
            for id in ids {
                let Some(member) = self.get(id).filter(|of| of.row.record_type == target.record_type) else {
                    continue;
                };
                let key = (is_repeat && at > 0).then(|| id.to_string());
                let stored = StoredRecord { target: target.clone(), key, values: member.values.clone() };
                members.push((id, stored));
            }
        }
        Some(Family { form, members })
    }

    /// The record of what stands in no group of its own, where a form is opened with a record.
    fn own(&self, forms: &Forms, form: usize, known: &Known) -> Option<RecordId> {
        let (target, _) = forms.all[form].compiled()?.targets().next()?;
        if known.row.record_type == target.record_type {
            return Some(known.row.id);
        }
        let person = known.row.subject?;
        let is_it = self.get(person).is_some_and(|of| of.row.record_type == target.record_type);
        let latest = || self.about.get(&(person, target.record_type.clone()))?.last().copied();
        is_it.then_some(person).or_else(latest)
    }
}

/// The place of the version of a form that wrote a record.
fn form_of(forms: &Forms, known: &Known) -> Option<usize> {
    let writes = |at: &usize| {
        let compiled = forms.all.get(*at).and_then(|published| published.compiled());
        compiled
            .is_some_and(|form| form.targets().any(|(target, _)| target.record_type == known.row.record_type))
    };
    let named = match known.values.get(FORM) {
        Some(Value::Uint(number)) => usize::try_from(*number).ok().and_then(|number| number.checked_sub(1)),
        _ => None,
    };
    named.filter(writes).or_else(|| (0..forms.all.len()).rev().find(writes))
}
