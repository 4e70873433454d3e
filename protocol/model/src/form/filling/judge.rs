//! What is wrong with records by the rules of the form that writes them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use fieldmerge_protocol::{RecordId, Value};

use super::check::Fault;
use super::instance::TOP;
use super::open::StoredRecord;
use super::unknown::{Lacking, Unknown};
use super::{FORM, Filling, Place, World};
use crate::access::Roles;
use crate::form::compiled::CompiledForm;
use crate::form::{Element, Form, Text};

/// On every day that the calendar shows anywhere on earth at a moment it is that day at one of these, in minutes from UTC.
const OFFSETS: [i32; 3] = [14 * 60, 0, -12 * 60];
/// The most moments at which answers were written that records are judged at; what was written at others is not judged.
const MAX_MOMENTS: usize = 8;

/// An answer in a record that breaks a rule of its form, or the lack of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach {
    /// The place of the record among those that were judged.
    pub record: usize,
    /// Where in it.
    pub path: String,
    /// What is wrong.
    pub fault: Fault,
    /// What is asked there.
    pub question: String,
    /// What to say: the same as while the form is filled.
    pub message: String,
}

/// What is known of records beside what they hold.
#[derive(Clone, Copy)]
pub struct Past<'p> {
    /// The number of the version of the form that judges them.
    pub form: u64,
    /// The last save of any of them, by the clock of its device, in milliseconds since 1970.
    pub saved_ms: i64,
    /// When what stands in a record at a path was written; where nothing does, its last save.
    pub written_ms: &'p dyn Fn(usize, &str) -> i64,
    /// The roles that who wrote what stands in a record at a path ever had.
    pub written_by: &'p dyn Fn(usize, &str) -> Roles,
    /// The files of records that are not whole.
    pub lacking: &'p Lacking,
}

/// Judges records that one form wrote about one thing, by the rules that whoever fills it keeps to: what is required, what is
/// offered, scales and constraints. What is sealed, derived or never stored is not judged, nor is what would stand in
/// records or instances of repeats that are not there, nor what follows from any of these, or from rows of files of records
/// that are not there. A record that another version wrote is not judged; what no form wrote is required of nobody. Of an
/// answer whose question does not apply it is judged whether it is on the scale and on the list, for of those that do not no
/// phone stores any. Texts are in a language of the form.
///
/// Where a rule asks for the day it is that of the last save. Which day that was, where it was saved, nobody knows: what
/// breaks a rule breaks it on every day that it may have been, and broke it when the answer was written.
pub fn judge(
    form: &Arc<CompiledForm>,
    language: usize,
    records: &[StoredRecord],
    past: &Past<'_>,
) -> Vec<Breach> {
    let unknown = Unknown::of(form, records, past.lacking);
    let on = |saved_ms, offset_minutes| {
        let mut world = Saved { saved_ms, offset_minutes };
        judge_in((form, language), records, (&unknown, past), &mut world)
    };
    let mut breaches = on(past.saved_ms, OFFSETS[0]);
    if !form.uses_today || breaches.is_empty() {
        return breaches;
    }
    let written = |breach: &Breach| (past.written_ms)(breach.record, &breach.path);
    let moments: BTreeSet<i64> = breaches.iter().map(written).filter(|at| *at != past.saved_ms).collect();
    let moments: BTreeSet<i64> = moments.into_iter().take(MAX_MOMENTS).chain([past.saved_ms]).collect();
    breaches.retain(|breach| moments.contains(&written(breach)));
    for (moment, offset) in moments.iter().flat_map(|moment| OFFSETS.map(|offset| (*moment, offset))) {
        let then: BTreeSet<(usize, String, Fault)> =
            on(moment, offset).into_iter().map(Breach::what).collect();
        breaches.retain(|breach| {
            let concerns = moment == past.saved_ms || moment == written(breach);
            !concerns || then.contains(&breach.clone().what())
        });
    }
    breaches
}

impl Breach {
    fn what(self) -> (usize, String, Fault) {
        (self.record, self.path, self.fault)
    }
}

fn judge_in(
    (form, language): (&Arc<CompiledForm>, usize),
    records: &[StoredRecord],
    (unknown, past): (&Unknown<'_>, &Past<'_>),
    world: &mut dyn World,
) -> Vec<Breach> {
    let filling = Filling::as_stored(form.clone(), language, records, world);
    let targets = &filling.form.records.targets;
    let place_of = |record: &StoredRecord| targets.iter().position(|target| *target == record.target);
    let at: BTreeMap<(usize, Option<&str>), usize> = records
        .iter()
        .enumerate()
        .filter_map(|(at, record)| Some(((place_of(record)?, record.key.as_deref()), at)))
        .collect();
    let mut breaches = Vec::new();
    for place in filling.instance.subtree(TOP).into_iter().map(Place) {
        let is_judged = filling.element(place).is_some_and(Element::is_kept)
            && (filling.is_relevant(place) || !filling.value(place).is_empty());
        if !is_judged {
            continue;
        }
        let ((target, key), top) = filling.record_name(place.0);
        let Some(record) = at.get(&(target, key.as_deref())).copied() else { continue };
        let by = records[record].values.get(FORM);
        if by.is_some_and(|by| *by != Value::Uint(past.form)) {
            continue;
        }
        let node = filling.instance.node(place.0);
        let doubts = |fault| match fault {
            Fault::Required if by.is_none() => true,
            Fault::Choice if !node.relevance.whole => true,
            _ => unknown.doubts(node.schema, fault),
        };
        let path = filling.path(place.0, top);
        let is_foreign = || {
            let writers = filling.writers(place.0);
            !filling.value(place).is_empty()
                && writers != Roles::ALL
                && !writers.meets((past.written_by)(record, &path))
        };
        let fault = is_foreign().then_some(Fault::Writer).or_else(|| filling.fault(place, &doubts, world));
        if let Some(fault) = fault {
            let (question, message) = (filling.label(place), filling.message(place, fault));
            breaches.push(Breach { record, path, fault, question, message });
        }
    }
    breaches
}

/// What is asked at a path of a record that a form writes, and what is wrong there, in a language of the form, for who does
/// not have the answers: an ellipsis stands for each that a text names. None where the form asks nothing there.
pub fn describe(
    form: &Form,
    language: usize,
    (record_type, path): (&str, &str),
    fault: Fault,
) -> Option<(String, String)> {
    // In an instance of a repeat a question stands behind the name of the instance.
    let (repeat, name) = match path.split('/').collect::<Vec<_>>()[..] {
        [repeat, _, name] => (Some(repeat), name),
        [name] => (None, name),
        _ => return None,
    };
    let has = |path: &str| form.elements.iter().any(|element| element.path.as_deref() == Some(path));
    let mut all = form.elements.iter().enumerate().filter(|(_, element)| element.question().is_some());
    let (_, element) = all.find(|(at, element)| {
        element.path.as_deref() == Some(name)
            && form.target(*at).record_type == record_type
            && repeat.is_none_or(has)
    })?;
    let text = |text: &Text| plain(text.get(language, form.default_language));
    let own = element.own_message(fault).map_or_else(String::new, text);
    let code = form.languages.get(language).map_or("", |language| language.code.as_str());
    let message = if own.is_empty() { fault.sentence(code).to_owned() } else { own };
    Some((text(&element.label), message))
}

/// A text with an ellipsis for each answer that it names.
fn plain(text: &str) -> String {
    let mut parts = text.split("${");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        shown.push('…');
        shown.push_str(part.split_once('}').map_or(part, |(_, rest)| rest));
    }
    shown
}

/// The world as it was when records were saved. Nothing that is stored by chance is judged.
struct Saved {
    saved_ms: i64,
    offset_minutes: i32,
}

impl World for Saved {
    fn now(&mut self) -> i64 {
        self.saved_ms
    }

    fn offset_minutes(&mut self) -> i32 {
        self.offset_minutes
    }

    fn random(&mut self) -> f64 {
        0.5
    }

    fn uuid(&mut self) -> String {
        self.key()
    }

    fn key(&mut self) -> String {
        RecordId([0; 16]).to_string()
    }

    fn property(&mut self, _name: &str) -> Option<String> {
        None
    }
}
