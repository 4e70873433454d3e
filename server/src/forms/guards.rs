//! What some roles alone may write, by the forms that say so.

use std::collections::BTreeSet;

use fieldmerge_model::access::Roles;
use fieldmerge_model::form::filling::Values;
use fieldmerge_protocol::Value;

use super::published::Published;

/// The latest version of a form that says of some questions who alone may answer them.
#[derive(Debug)]
pub struct Guard {
    /// Its place among the versions of the project.
    pub form: usize,
    /// The record types and paths of these questions.
    paths: BTreeSet<(String, String)>,
}

impl Guard {
    /// Those of the versions that a project has published.
    pub(super) fn all(published: &[Published]) -> Vec<Self> {
        let is_latest = |at: usize| {
            let later = published[at + 1..].iter();
            later.map(|later| &later.row.form_id).all(|id| *id != published[at].row.form_id)
        };
        let guard = |form: usize| {
            let definition = &published[form].version.form;
            let guarded = definition.elements.iter().enumerate().filter(|(at, element)| {
                element.question().is_some() && definition.writers(*at) != Roles::ALL
            });
            let paths = guarded.filter_map(|(at, element)| {
                Some((definition.target(at).record_type.clone(), element.path.clone()?))
            });
            Self { form, paths: paths.collect() }
        };
        let latest = (0..published.len()).filter(|at| is_latest(*at)).map(guard);
        latest.filter(|guard| !guard.paths.is_empty()).collect()
    }

    /// Whether a record holds something that it says this of.
    pub fn concerns(&self, record_type: &str, values: &Values) -> bool {
        let answered = values.iter().filter(|(_, value)| **value != Value::Null);
        let mut guarded = answered.flat_map(|(path, _)| path.as_str().split('/'));
        guarded.any(|name| self.paths.contains(&(record_type.to_owned(), name.to_owned())))
    }
}
