//! The record types of a project.

use std::sync::Arc;

use fieldmerge_protocol::RecordClass;

use super::RecordType;

/// The record types of a project, by name. A clone shares them.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordTypes(Arc<[Arc<RecordType>]>);

impl RecordTypes {
    /// These types; of two with one name the first is found.
    pub fn new(types: Vec<RecordType>) -> Self {
        Self(types.into_iter().map(Arc::new).collect())
    }

    /// The type of this name.
    pub fn find(&self, name: &str) -> Option<&Arc<RecordType>> {
        self.0.iter().find(|kind| kind.name == name)
    }

    /// The first type whose records are of this class.
    pub fn of_class(&self, class: RecordClass) -> Option<&Arc<RecordType>> {
        self.0.iter().find(|kind| kind.class == class)
    }

    /// Every type, in the order in which they were given.
    pub fn iter(&self) -> std::slice::Iter<'_, Arc<RecordType>> {
        self.0.iter()
    }

    /// Whether records of a class may refer to attachments.
    pub fn refers(&self, class: RecordClass) -> bool {
        self.iter().any(|kind| kind.class == class && kind.has_attachments())
    }
}

/// Those of a project that has published no form: none.
impl Default for RecordTypes {
    fn default() -> Self {
        Self::new(Vec::new())
    }
}

impl<'a> IntoIterator for &'a RecordTypes {
    type Item = &'a Arc<RecordType>;
    type IntoIter = std::slice::Iter<'a, Arc<RecordType>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}
