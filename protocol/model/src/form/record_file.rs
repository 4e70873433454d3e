//! Records as a file that a form looks things up in: `select_one_from_file worker.csv` chooses among the workers on the
//! device. A file is one of records where it is named like their record type.

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use fieldmerge_protocol::{Path, RecordClass, RecordId, Value};

use crate::record::RecordState;
use crate::types::{Kind, RecordType, RecordTypes};
use crate::xpath::number_text;

/// The columns before those of the fields: the id, what a list shows, and the id of whom it is about.
const FIXED: [&str; 3] = ["name", "label", "person"];

/// The records of one type: a column for each field, written as an answer to a question would be, behind `name`, `label`
/// and `person`.
#[derive(Debug, Clone)]
pub struct RecordFile {
    kind: Arc<RecordType>,
    columns: Vec<String>,
    rows: Vec<Listed>,
}

/// A record of a file.
#[derive(Debug, Clone)]
pub struct Listed {
    /// What is shown where it is chosen.
    pub label: String,
    /// What else it says.
    pub record: Arc<ListedRecord>,
}

/// What a record says in a file. Its answers are read when somebody looks at them for the first time: of thousands of people
/// a form looks at one.
#[derive(Debug)]
pub struct ListedRecord {
    name: String,
    person: String,
    /// The bytes behind a place of which its merged state is; none where the answers are known.
    state: Option<(Arc<[u8]>, usize)>,
    answers: OnceLock<Answers>,
}

/// The answers to the fields of a record type: one behind the other, and where each ends.
#[derive(Debug)]
struct Answers {
    texts: Box<str>,
    ends: Box<[usize]>,
}

impl RecordFile {
    /// These records of a type.
    pub fn new(kind: &Arc<RecordType>, rows: Vec<Listed>) -> Self {
        let fields = kind.fields.iter().map(|field| field.name.as_str());
        let columns = FIXED.into_iter().chain(fields).map(str::to_owned).collect();
        Self { kind: Arc::clone(kind), columns, rows }
    }

    /// The names of its columns.
    pub(crate) fn columns(&self) -> &[String] {
        &self.columns
    }

    /// How many records it has.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// What a record says in a column; empty where it says nothing.
    pub(crate) fn cell(&self, row: usize, column: usize) -> &str {
        let Some(Listed { label, record }) = self.rows.get(row) else { return "" };
        match column {
            0 => &record.name,
            1 => label,
            2 => &record.person,
            _ => record.answer(&self.kind, column - FIXED.len()),
        }
    }
}

impl ListedRecord {
    /// A record of which the answers are read from its merged state, which stands behind a place in bytes; `person` is whom it
    /// is about, if its type is about one. A state that does not read has no answers.
    pub fn stored(record: RecordId, person: Option<RecordId>, state: (Arc<[u8]>, usize)) -> Self {
        let person = person.map(|person| person.to_string()).unwrap_or_default();
        Self { name: record.to_string(), person, state: Some(state), answers: OnceLock::new() }
    }

    /// A record of which the values are known.
    pub fn known<'v>(
        kind: &RecordType,
        (record, person): (RecordId, Option<RecordId>),
        values: impl Iterator<Item = (&'v Path, &'v Value)>,
    ) -> Self {
        let person = person.map(|person| person.to_string()).unwrap_or_default();
        let answers = OnceLock::from(Answers::of(kind, values));
        Self { name: record.to_string(), person, state: None, answers }
    }

    fn answer(&self, kind: &RecordType, field: usize) -> &str {
        let answers = self.answers.get_or_init(|| {
            let bytes = self.state.as_ref().and_then(|(row, from)| row.get(*from..)).unwrap_or_default();
            let state = RecordState::from_bytes(bytes).ok();
            Answers::of(kind, state.iter().flat_map(RecordState::winners))
        });
        answers.get(field)
    }
}

impl Answers {
    /// What stands outside of repeats, by the fields of a type.
    fn of<'v>(kind: &RecordType, values: impl Iterator<Item = (&'v Path, &'v Value)>) -> Self {
        let mut answers = vec![String::new(); kind.fields.len()];
        for (path, value) in values {
            let (head, below) =
                path.as_str().split_once('/').map_or((path.as_str(), None), |(a, b)| (a, Some(b)));
            let Some(at) = kind.fields.iter().position(|field| field.name == head) else { continue };
            let text = match (&kind.fields[at].kind, below) {
                (Kind::Set(_), Some(member)) if *value == Value::Bool(true) => member.to_owned(),
                (Kind::Set(_) | Kind::Sealed | Kind::Blob, _) => continue,
                (_, _) => text(value),
            };
            if !answers[at].is_empty() && !text.is_empty() {
                answers[at].push(' ');
            }
            answers[at].push_str(&text);
        }
        let mut end = 0;
        let ends = answers.iter().map(|answer| {
            end += answer.len();
            end
        });
        Self { ends: ends.collect(), texts: answers.concat().into() }
    }

    fn get(&self, field: usize) -> &str {
        let from = field.checked_sub(1).map_or(Some(0), |before| self.ends.get(before).copied());
        let to = self.ends.get(field).copied();
        from.zip(to).and_then(|(from, to)| self.texts.get(from..to)).unwrap_or_default()
    }
}

/// The files of records of which nobody has all who judges other records by them: those that are written in the field.
pub fn partial<'f>(files: impl Iterator<Item = &'f str>, types: &RecordTypes) -> BTreeSet<String> {
    let is_partial = |file: &&str| types.find(file).is_none_or(|kind| kind.class != RecordClass::Reference);
    files.filter(is_partial).map(str::to_owned).collect()
}

/// A value as an answer.
fn text(value: &Value) -> String {
    match value {
        Value::Str(text) => text.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Uint(number) => number.to_string(),
        Value::F64(number) => number_text(*number),
        Value::Bool(truth) => if *truth { "yes" } else { "no" }.to_owned(),
        Value::Bytes(bytes) => {
            RecordId::try_from(bytes.as_slice()).map_or_else(|_| String::new(), |id| id.to_string())
        }
        _ => String::new(),
    }
}
