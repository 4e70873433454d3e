//! What is wrong with records by the rules of the form that writes them.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::check::Fault;
use super::instance::TOP;
use super::open::StoredRecord;
use super::{Filling, Place, World};
use crate::form::Element;
use crate::form::compiled::CompiledForm;

/// An answer in a record that breaks a rule of its form, or the lack of one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Breach {
    /// The place of the record among those that were judged.
    pub record: usize,
    /// Where in it.
    pub path: String,
    /// What is wrong.
    pub fault: Fault,
}

/// Judges records that one form wrote about one thing, by the rules that whoever fills it keeps to: what is required, what is
/// offered, scales and constraints. What is sealed, derived or never stored is not judged, nor is what would stand in
/// records that are not there. Of an answer whose question does not apply it is judged whether it is on the scale and
/// offered: whether it applies may follow from one that is never stored, and of those that do not no phone stores any.
pub fn judge(form: Arc<CompiledForm>, records: &[StoredRecord], world: &mut dyn World) -> Vec<Breach> {
    let language = form.form().default_language;
    let filling = Filling::opened(form, language, records.iter(), BTreeMap::new(), world);
    let mut breaches = Vec::new();
    for place in filling.instance.subtree(TOP).into_iter().map(Place) {
        let is_judged = filling.element(place).is_some_and(Element::is_kept)
            && (filling.is_relevant(place) || !filling.value(place).is_empty());
        if !is_judged {
            continue;
        }
        let ((target, key), top) = filling.record_name(place.0);
        let target = &filling.form.records.targets[target];
        let record = records.iter().position(|record| record.target == *target && record.key == key);
        let Some(record) = record else { continue };
        if let Some(fault) = filling.fault(place, world) {
            breaches.push(Breach { record, path: filling.path(place.0, top), fault });
        }
    }
    breaches
}
