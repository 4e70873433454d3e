//! What expressions look at that stands in no record of the form.

use std::collections::BTreeSet;

use super::LAST_SAVED;
use crate::xpath::{Dependencies, Location, LocationStart, LocationStep, Volatile};

/// What an expression looks at that stands in no record of the form. Who judges the records later may not have it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Beyond {
    /// Whether nobody can know it later: chance, what was saved last, a table whose name is calculated.
    pub(crate) is_gone: bool,
    /// The files of which it looks at more than the values of rows by their names.
    pub(crate) files: BTreeSet<String>,
}

impl Beyond {
    pub(crate) fn of(dependencies: &Dependencies) -> Self {
        let Dependencies { locations, counted, volatile } = dependencies;
        let by_chance = volatile.iter().any(|one| matches!(one, Volatile::Random | Volatile::Uuid));
        let mut beyond = Self { is_gone: by_chance, files: BTreeSet::new() };
        for location in locations.iter().chain(counted) {
            match &location.start {
                LocationStart::AnyInstance => beyond.is_gone = true,
                LocationStart::Instance(name) if name == LAST_SAVED => beyond.is_gone = true,
                LocationStart::Instance(name) => {
                    let looks_by_name = locations.contains(&column(name, "name"));
                    if !looks_by_name || counted.contains(location) || *location == column(name, "label") {
                        beyond.files.insert(name.clone());
                    }
                }
                LocationStart::Root | LocationStart::Context | LocationStart::Current => {}
            }
        }
        beyond
    }

    /// Whether it is not there for who has of these files only the rows that are named.
    pub(crate) fn is_missing(&self, partial: &BTreeSet<String>) -> bool {
        self.is_gone || !self.files.is_disjoint(partial)
    }
}

fn column(file: &str, name: &str) -> Location {
    let steps = ["root", "item", name].map(|name| LocationStep::Child(name.to_owned()));
    Location { start: LocationStart::Instance(file.to_owned()), steps: steps.into() }
}
