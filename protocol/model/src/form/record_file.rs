//! Records as a file that a form looks things up in: `select_one_from_file worker.csv` chooses among the workers on the
//! device. A file is one of records where it is named like their record type.

use std::collections::{BTreeMap, BTreeSet};

use fieldmerge_protocol::{RecordClass, RecordId, Value};

use super::compiled::Table;
use super::filling::Values;
use crate::types::{Kind, RecordType, RecordTypes};
use crate::xpath::number_text;

/// A record of the file.
#[derive(Debug, Clone)]
pub struct Listed {
    /// What is stored where it is chosen.
    pub record: RecordId,
    /// What is shown.
    pub label: String,
    /// The person that it is about, if its type is about one.
    pub person: Option<RecordId>,
    /// What it holds.
    pub values: Values,
}

/// The table of records of one type: `name` is the id, `label` what a list shows, `person` the id of whom it is about, and a
/// column for each field, written as an answer to a question would be.
pub fn table(kind: &RecordType, records: impl IntoIterator<Item = Listed>) -> Table {
    let fields: Vec<&str> = kind.fields.iter().map(|field| field.name.as_str()).collect();
    let fixed = ["name", "label", "person"];
    let columns = fixed.iter().chain(&fields).map(|name| (*name).to_owned()).collect();
    let row = |listed: Listed| {
        let person = listed.person.map(|person| person.to_string()).unwrap_or_default();
        let mut row = vec![listed.record.to_string(), listed.label, person];
        let mut answers = answers(kind, &listed.values);
        row.extend(fields.iter().map(|name| answers.remove(name).unwrap_or_default()));
        row
    };
    Table { columns, rows: records.into_iter().map(row).collect() }
}

/// The files of records of which nobody has all who judges other records by them: those that are written in the field.
pub fn partial<'f>(files: impl Iterator<Item = &'f str>, types: &RecordTypes) -> BTreeSet<String> {
    let is_partial = |file: &&str| types.find(file).is_none_or(|kind| kind.class != RecordClass::Reference);
    files.filter(is_partial).map(str::to_owned).collect()
}

/// The answers that a record holds outside of its repeats, by the names of its fields.
fn answers<'k>(kind: &'k RecordType, values: &Values) -> BTreeMap<&'k str, String> {
    let mut answers: BTreeMap<&str, String> = BTreeMap::new();
    for (path, value) in values {
        let (head, below) =
            path.as_str().split_once('/').map_or((path.as_str(), None), |(a, b)| (a, Some(b)));
        let Some(field) = kind.field(head) else { continue };
        let text = match (&field.kind, below) {
            (Kind::Set(_), Some(member)) if *value == Value::Bool(true) => member.to_owned(),
            (Kind::Set(_) | Kind::Sealed | Kind::Blob, _) => continue,
            (_, _) => text(value),
        };
        if text.is_empty() {
            continue;
        }
        let answer = answers.entry(field.name.as_str()).or_default();
        if !answer.is_empty() {
            answer.push(' ');
        }
        answer.push_str(&text);
    }
    answers
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
