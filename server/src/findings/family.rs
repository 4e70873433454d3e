//! Which records are judged together: those that one filling of a form would open.

use std::collections::BTreeMap;
use std::sync::Arc;

use fieldmerge_model::RecordState;
use fieldmerge_model::form::compiled::CompiledForm;
use fieldmerge_model::form::filling::{FORM, StoredRecord, Values};
use fieldmerge_model::form::record_file::{Listed, ListedRecord, RecordFile};
use fieldmerge_model::types::RecordType;
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

/// The most records that are judged together: of more, which no person filled in, none is judged.
const MAX_MEMBERS: usize = 500;

/// Records that a form judges together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Family {
    /// The place of the version among those of the project.
    pub form: usize,
    /// The records.
    pub members: Vec<RecordId>,
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
        self.records.values().map(person_of).collect()
    }

    /// What records name by their values.
    pub fn named(&self) -> Vec<RecordId> {
        self.records.values().flat_map(named_by).collect()
    }

    /// Whether a record names by its values another one that is not here.
    pub fn lacks_named(&self, record: RecordId) -> bool {
        self.get(record).is_some_and(|known| named_by(known).iter().any(|id| !self.records.contains_key(id)))
    }

    /// Whether a record of a type that was there at a moment was saved again behind it.
    pub fn was_edited(&self, record_type: &str, since_ms: i64) -> bool {
        let mut of_type = self.records.values().filter(|known| known.row.record_type == record_type);
        of_type.any(|known| {
            let saved = known.state.last_saved().map(|(_, time)| time);
            known.row.created_ms <= since_ms && saved.is_some_and(|saved| saved > since_ms)
        })
    }

    /// The records of a type, as a form looks things up in them.
    pub fn file(&self, kind: &Arc<RecordType>) -> RecordFile {
        let of_type = self.records.values().filter(|known| known.row.record_type == kind.name);
        let rows = of_type.map(|known| {
            let ids = (known.row.id, known.row.subject);
            let record = Arc::new(ListedRecord::known(kind, ids, known.values.iter()));
            Listed { label: String::new(), record }
        });
        RecordFile::new(kind, rows.collect())
    }

    /// The records that are judged with one, by the version of a form that wrote it; where that is not known, by the latest one
    /// of the form with which its type came. None where no form writes it.
    pub fn family(&self, forms: &Forms, record: RecordId) -> Option<Family> {
        self.family_by(forms, form_of(forms, self.get(record)?)?, record)
    }

    /// The records that are judged with one by a version of a form.
    pub fn family_by(&self, forms: &Forms, form: usize, record: RecordId) -> Option<Family> {
        let known = self.get(record)?;
        let mut members = Vec::new();
        for (at, (target, is_repeat)) in forms.all.get(form)?.compiled()?.targets().enumerate() {
            match &target.record_type {
                _ if target.class.is_log() => {}
                _ if at == 0 => members.extend(self.own(forms, form, known)),
                of_type if is_repeat => members.extend(self.about(known, of_type)),
                of_type => members.extend(self.beside(known, of_type)),
            }
        }
        (members.len() <= MAX_MEMBERS).then_some(Family { form, members })
    }

    /// A record as the form of a family writes it.
    pub fn stored(&self, form: &CompiledForm, record: RecordId) -> Option<StoredRecord> {
        let known = self.get(record)?;
        let mut targets = form.targets().enumerate();
        let (at, (target, is_repeat)) =
            targets.find(|(_, (target, _))| target.record_type == known.row.record_type)?;
        let key = (is_repeat && at > 0).then(|| record.to_string());
        Some(StoredRecord { target: target.clone(), key, values: known.values.clone() })
    }

    /// The records about a person and those about whom she is, that were read.
    pub fn with_person(&self, record: RecordId) -> impl Iterator<Item = RecordId> {
        let person = self.get(record).map(person_of);
        let first = (person.unwrap_or(record), String::new());
        let about = self.about.range(first..).take_while(move |((of, _), _)| Some(*of) == person);
        about.flat_map(|(_, ids)| ids.iter().copied()).chain(person)
    }

    /// The record of what stands in no group of its own, where a form is opened with a record.
    fn own(&self, forms: &Forms, form: usize, known: &Known) -> Option<RecordId> {
        let (target, _) = forms.all[form].compiled()?.targets().next()?;
        if known.row.record_type == target.record_type {
            return Some(known.row.id);
        }
        let person = known.row.subject?;
        let is_it = self.get(person).is_some_and(|of| of.row.record_type == target.record_type);
        is_it.then_some(person).or_else(|| self.beside(known, &target.record_type))
    }

    fn about(&self, known: &Known, record_type: &str) -> &[RecordId] {
        let about = self.about.get(&(person_of(known), record_type.to_owned()));
        about.map_or(&[], Vec::as_slice)
    }

    /// The record of a type that was begun together with one; the only one about the person where it is the only one of its
    /// type too. Of others nobody knows which was filled beside it.
    fn beside(&self, known: &Known, record_type: &str) -> Option<RecordId> {
        if known.row.record_type == record_type {
            return Some(known.row.id);
        }
        let save = |known: &Known| (known.row.author, known.row.created_ms);
        let all = self.about(known, record_type);
        let together = all.iter().rfind(|id| self.get(**id).is_some_and(|other| save(other) == save(known)));
        let is_alone = self.about(known, &known.row.record_type).len() <= 1;
        match all {
            [only] if is_alone => Some(*only),
            _ => together.copied(),
        }
    }
}

/// What a record names by its values: one, many in a text, or as a member of a set.
fn named_by(known: &Known) -> Vec<RecordId> {
    let mut named = Vec::new();
    let in_text = |text: &str| -> Vec<RecordId> {
        text.split_whitespace().filter_map(|word| word.parse().ok()).collect()
    };
    let answers = known.values.iter().filter(|(path, _)| !path.is_reserved());
    for (path, value) in answers {
        match value {
            Value::Bytes(bytes) => named.extend(RecordId::try_from(bytes.as_slice())),
            Value::Str(text) => named.extend(in_text(text)),
            Value::Bool(true) => {
                named.extend(path.as_str().rsplit('/').take(1).flat_map(in_text));
            }
            _ => {}
        }
    }
    named
}

/// Whom a record is about, or who it is.
fn person_of(known: &Known) -> RecordId {
    known.row.subject.unwrap_or(known.row.id)
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
    let id = |at: usize| forms.all[at].row.form_id.as_str();
    let latest_of = |first: usize| (0..forms.all.len()).rev().find(|at| id(*at) == id(first) && writes(at));
    named.filter(writes).or_else(|| (0..forms.all.len()).find(writes).and_then(latest_of))
}
