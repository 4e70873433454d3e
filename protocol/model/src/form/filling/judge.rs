//! What is wrong with records by the rules of the form that writes them.

use std::collections::BTreeSet;
use std::sync::Arc;

use fieldmerge_protocol::RecordId;

use super::check::Fault;
use super::instance::TOP;
use super::open::StoredRecord;
use super::unknown::Unknown;
use super::{FORM, Filling, Place, World};
use crate::form::compiled::CompiledForm;
use crate::form::{Element, Form, Text};

/// The days of the calendar of every place on earth lie between these, in minutes from UTC.
const OFFSETS: (i32, i32) = (14 * 60, -12 * 60);

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

/// When records were saved, by the clocks of the devices, in milliseconds since 1970.
#[derive(Clone, Copy)]
pub struct When<'w> {
    /// The last save of any of them.
    pub saved_ms: i64,
    /// When what stands in a record at a path was written; where nothing does, its last save.
    pub written_ms: &'w dyn Fn(usize, &str) -> i64,
}

/// Judges records that one form wrote about one thing, by the rules that whoever fills it keeps to: what is required, what is
/// offered, scales and constraints. What is sealed, derived or never stored is not judged, nor is what would stand in
/// records or instances of repeats that are not there, nor what follows from any of these, or from more of the files of
/// records than is there: of those in `partial` only the rows that the records name. What no form wrote is required of
/// nobody. Of an answer whose question does not apply it is judged whether it is on the scale and on the list, for of those
/// that do not no phone stores any. Texts are in a language of the form.
///
/// Where a rule asks for the time it is that of the last save. Which day that was, where it was saved, nobody knows: what
/// breaks a rule breaks it on every day that it may have been, and broke it when the answer was written.
pub fn judge(
    form: &Arc<CompiledForm>,
    language: usize,
    records: &[StoredRecord],
    partial: &BTreeSet<String>,
    when: &When<'_>,
) -> Vec<Breach> {
    let unknown = Unknown::of(form, records, partial);
    let on = |saved_ms, offset_minutes| {
        let mut world = Saved { saved_ms, offset_minutes };
        judge_in((form, language), records, &unknown, &mut world)
    };
    let mut breaches = on(when.saved_ms, OFFSETS.0);
    let written = |breach: &Breach| (when.written_ms)(breach.record, &breach.path);
    let mut moments: BTreeSet<i64> = breaches.iter().map(written).collect();
    moments.remove(&when.saved_ms);
    let moments = moments.into_iter().flat_map(|moment| [(moment, OFFSETS.0), (moment, OFFSETS.1)]);
    for (moment, offset) in [(when.saved_ms, OFFSETS.1)].into_iter().chain(moments) {
        if breaches.is_empty() {
            break;
        }
        let then = on(moment, offset);
        let is_it = |one: &Breach, other: &Breach| {
            (one.record, &one.path, one.fault) == (other.record, &other.path, other.fault)
        };
        breaches.retain(|breach| {
            let concerns = moment == when.saved_ms || moment == written(breach);
            !concerns || then.iter().any(|other| is_it(breach, other))
        });
    }
    breaches
}

fn judge_in(
    (form, language): (&Arc<CompiledForm>, usize),
    records: &[StoredRecord],
    unknown: &Unknown<'_>,
    world: &mut dyn World,
) -> Vec<Breach> {
    let filling = Filling::as_stored(form.clone(), language, records, world);
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
        let node = filling.instance.node(place.0);
        let doubts = |fault| match fault {
            Fault::Required if !records[record].values.contains_key(FORM) => true,
            Fault::Choice if !node.relevance.whole => true,
            _ => unknown.doubts(node.schema, fault),
        };
        if let Some(fault) = filling.fault(place, &doubts, world) {
            let path = filling.path(place.0, top);
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
