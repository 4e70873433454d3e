//! The columns that only Fieldmerge reads.

use fieldmerge_protocol::RecordClass;

use super::Importer;
use super::columns::{Column, Line};
use super::finding::{Mistake, Place};
use super::names::path_name;
use crate::access::Role;
use crate::form::{Matching, Merge, Ours, RecordTarget, Storage};
use crate::types::Sensitivity;

/// The words of each column with what they mean.
const MERGES: [(&str, Merge); 7] = [
    ("A", Merge::A),
    ("H", Merge::H),
    ("H2", Merge::H2),
    ("S", Merge::S),
    ("L", Merge::L),
    ("I", Merge::I),
    ("D", Merge::D),
];
const CLASSES: [(&str, Sensitivity); 5] = [
    ("public", Sensitivity::Public),
    ("internal", Sensitivity::Internal),
    ("personal", Sensitivity::Personal),
    ("special", Sensitivity::Special),
    ("sealed", Sensitivity::Sealed),
];
const STORAGES: [(&str, Storage); 13] = [
    ("phone", Storage::Phone),
    ("month", Storage::Month),
    ("bool", Storage::Bool),
    ("record", Storage::Record),
    ("language", Storage::Language),
    ("integer", Storage::Integer),
    ("decimal", Storage::Decimal),
    ("date", Storage::Date),
    ("datetime", Storage::DateTime),
    ("sealed", Storage::Sealed),
    ("subject", Storage::Subject),
    ("entry", Storage::Entry),
    ("none", Storage::Nowhere),
];
const MATCHINGS: [(&str, Matching); 9] = [
    ("family_name", Matching::FamilyName),
    ("given_names", Matching::GivenNames),
    ("known_as", Matching::KnownAs),
    ("sex", Matching::Sex),
    ("birth_date", Matching::BirthDate),
    ("birth_year", Matching::BirthYear),
    ("phone", Matching::Phone),
    ("village", Matching::Village),
    ("identity", Matching::Identity),
];

/// The word for every role.
const EVERYBODY: &str = "all";

/// What `yes`, `no`, `true()` and `false()` mean in any case; nothing for everything else.
pub(super) fn is_yes(text: &str) -> Option<bool> {
    match text.to_lowercase().as_str() {
        "yes" | "true" | "true()" => Some(true),
        "no" | "false" | "false()" => Some(false),
        _ => None,
    }
}

impl Importer<'_> {
    /// Reads the columns of a row.
    pub(super) fn ours(&mut self, line: Line<'_, '_>) -> Ours {
        let record = line.some(Column::Record);
        Ours {
            merge: self.word(line, Column::Merge, &MERGES),
            class: self.word(line, Column::Class, &CLASSES),
            record: record.and_then(|text| self.record(&text, line.place(Column::Record))),
            write: self.roles(line, Column::Write),
            see: self.roles(line, Column::See),
            matching: self.word(line, Column::Match, &MATCHINGS),
            storage: self.word(line, Column::Kind, &STORAGES),
            unit: line.get(Column::Unit),
        }
    }

    fn word<T: Copy>(&mut self, line: Line<'_, '_>, column: Column, words: &[(&str, T)]) -> Option<T> {
        let text = line.some(column)?;
        let found = words.iter().find(|(word, _)| word.eq_ignore_ascii_case(&text)).map(|(_, means)| *means);
        if found.is_none() {
            let all = words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
            self.find(Mistake::ValueUnknown, line.place(column), [text, all]);
        }
        found
    }

    fn roles(&mut self, line: Line<'_, '_>, column: Column) -> Vec<Role> {
        let text = line.get(column);
        let words = text.split(|letter: char| letter.is_whitespace() || letter == ',');
        let mut roles = Vec::new();
        for word in words.filter(|word| !word.is_empty()) {
            let word = word.to_lowercase();
            if word == EVERYBODY {
                roles.extend(Role::ALL);
            } else if let Ok(role) = word.parse::<Role>() {
                roles.push(role);
            } else {
                let all = Role::ALL.map(Role::name).join(", ");
                self.find(Mistake::ValueUnknown, line.place(column), [word, format!("{EVERYBODY}, {all}")]);
            }
        }
        roles.sort_unstable();
        roles.dedup();
        roles
    }

    /// Reads `worker` or `core/worker`: a record type, and the class that it has where that is not named alike.
    pub(super) fn record(&mut self, text: &str, place: Place) -> Option<RecordTarget> {
        let (class, record_type) = match text.split_once('/') {
            Some((class, record_type)) => (RecordClass::from_name(class.trim()), record_type.trim()),
            None => (Some(RecordClass::from_name(text).unwrap_or(RecordClass::Core)), text),
        };
        let is_plain = !record_type.is_empty() && path_name(record_type) == record_type;
        let target = class
            .filter(|_| is_plain)
            .map(|class| RecordTarget { record_type: record_type.to_owned(), class });
        if target.is_none() {
            let all = RecordClass::ALL.map(RecordClass::name).join(", ");
            self.find(Mistake::RecordInvalid, place, [text.to_owned(), all]);
        }
        target
    }
}
