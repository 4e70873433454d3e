//! Record types: what a record of each type may hold, and how each value merges. The forms of a project say it, see
//! [`crate::form::types`].

mod codes;
pub mod date;
pub mod entry;
mod field;
mod labels;
mod refused;
mod registry;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use fieldmerge_protocol::RecordClass;
use smol_str::SmolStr;

pub use codes::{Code, CodeList, is_pcode, is_token};
pub use field::{Field, Kind, Policy, Range, Sensitivity, THUMBNAIL};
pub use labels::Labels;
pub use refused::refused_name;
pub use registry::RecordTypes;

/// What records of one type hold.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordType {
    /// The name that `_type` of a record carries.
    pub name: SmolStr,
    /// The class, and so the feed, of its records.
    pub class: RecordClass,
    /// Whether each record is a person of whom observations are expected: one of the class `core` of which a form says what
    /// tells persons apart (`fm::match`).
    pub is_person: bool,
    /// Whether a record is about a person, named by its `_subject`.
    pub about_person: bool,
    /// Its fields, in the order of the form and of the dataset.
    pub fields: Vec<Arc<Field>>,
    /// Its repeats.
    pub repeats: Vec<Repeat>,
    /// The names of those that hold attachments, those in repeats aside; of most types none.
    pub attachment_fields: Vec<SmolStr>,
    /// The names of those that together name a record in lists, in their order; of some types none.
    pub title_fields: Vec<SmolStr>,
    /// The names of those whose values a person may search records by.
    pub searched_fields: Vec<SmolStr>,
}

/// A group of questions that a record holds many times: `children/<id>/age`. Those of one that stands in another one say
/// in `<name>/<id>/_parent` in which instance.
#[derive(Debug, Clone, PartialEq)]
pub struct Repeat {
    /// The first part of its paths.
    pub name: SmolStr,
    /// The repeat that it stands in.
    pub parent: Option<SmolStr>,
    /// Its fields, by the last part of their paths.
    pub fields: Vec<Arc<Field>>,
}

impl RecordType {
    /// Whether its records may refer to attachments.
    pub fn has_attachments(&self) -> bool {
        let mut in_repeats = self.repeats.iter().flat_map(|repeat| &repeat.fields);
        !self.attachment_fields.is_empty() || in_repeats.any(|field| field.is_file())
    }

    /// The field of this name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name).map(|field| &**field)
    }

    /// The field that a path belongs to, if the path has the form that this field's kind asks for: `sex`,
    /// `languages/mlg`, `title/fr`, `national_id/sealed`, `children/<id>/age`. Entries, persons and names that begin with `_` are
    /// no fields.
    pub fn field_at(&self, path: &str) -> Option<&Field> {
        self.place_of(path).map(|(field, _)| field)
    }

    /// The field that a path belongs to, whether or not a value may stand there: `languages` as well as `languages/mlg`.
    pub fn field_of(&self, path: &str) -> Option<&Field> {
        self.part_of(path).map(|(field, _)| field)
    }

    /// The field that a path belongs to, and what stands below the field's name in it.
    pub(crate) fn place_of<'p>(&self, path: &'p str) -> Option<(&Field, Option<&'p str>)> {
        self.part_of(path).filter(|(field, below)| field.kind.takes(*below))
    }

    fn part_of<'p>(&self, path: &'p str) -> Option<(&Field, Option<&'p str>)> {
        let (head, below) = split(path);
        let repeat = self.repeats.iter().find(|repeat| repeat.name == head);
        let (field, below) = match repeat {
            None => (self.field(head)?, below),
            Some(repeat) => {
                let (_id, question) = below?.split_once('/')?;
                let (name, below) = split(question);
                (&**repeat.fields.iter().find(|field| field.name == name)?, below)
            }
        };
        Some((field, below))
    }

    /// Whether a path says something of an instance of a repeat itself: `children/<id>/_removed`, or `_parent` where the
    /// repeat stands in another one.
    pub fn is_of_instance(&self, path: &str) -> bool {
        let Some((head, below)) = path.split_once('/') else { return false };
        let Some(repeat) = self.repeats.iter().find(|repeat| repeat.name == head) else { return false };
        let last = below.split_once('/').map(|(_id, last)| last);
        last == Some("_removed") || (last == Some("_parent") && repeat.parent.is_some())
    }

    /// How concurrent values of a path merge; `None` for a path that no field has.
    ///
    /// The two halves of a sealed value differ: equal values have equal tags but never equal ciphertexts, so
    /// a case can only be seen on the tag.
    pub fn policy(&self, path: &str) -> Option<Policy> {
        let field = self.field_at(path)?;
        if field.kind == Kind::Sealed && path.ends_with("/sealed") {
            return Some(Policy::Automatic);
        }
        Some(field.policy)
    }
}

/// The first name of a path, and the rest.
fn split(path: &str) -> (&str, Option<&str>) {
    path.split_once('/').map_or((path, None), |(head, below)| (head, Some(below)))
}
