//! What names the records of a form in lists, and what they are searched by.

use fieldmerge_protocol::RecordClass;
use smol_str::SmolStr;

use super::{Element, Form, Kind, Matching, Question};
use crate::types::{self, RecordType};

/// Calculations within calculations that a title looks through.
const MAX_DEPTH: usize = 8;

/// Adds to a type what this form says of it: the title of the one that came last stands, what one form searches by all do.
pub(super) fn add(of: &mut RecordType, form: &Form) {
    let title = named(form, &of.name);
    for path in title.iter().chain(&matching(form, &of.name)) {
        if !of.searched_fields.contains(path) {
            of.searched_fields.push(path.clone());
        }
    }
    if !title.is_empty() {
        of.title_fields = title;
    }
}

/// Gives a type of which no form says what names its records the first text that it asks for; not what is about a person,
/// for what is told of her names nothing.
pub(super) fn complete(of: &mut RecordType) {
    let is_named = matches!(of.class, RecordClass::Core | RecordClass::Reference | RecordClass::Firm);
    if of.title_fields.is_empty() && is_named {
        let first = of.fields.iter().find(|field| field.kind == types::Kind::Text);
        of.title_fields.extend(first.map(|field| field.name.clone()));
    }
    if of.searched_fields.is_empty() {
        of.searched_fields.clone_from(&of.title_fields);
    }
}

/// The fields that `label` of the sheet entities refers to, else `instance_name` of the settings, in its order. What a
/// calculation gives that no record holds is looked for in what it is calculated from.
fn named(form: &Form, record_type: &str) -> Vec<SmolStr> {
    let mut found = Vec::new();
    if form.record.record_type == record_type
        && let Some(text) = form.record_label.as_ref().or(form.instance_name.as_ref())
    {
        collect(form, text, MAX_DEPTH, &mut found);
    }
    found
}

fn collect(form: &Form, text: &str, depth: usize, found: &mut Vec<SmolStr>) {
    let names = text.split("${").skip(1).filter_map(|rest| rest.split_once('}').map(|(name, _)| name.trim()));
    for name in names {
        let Some(at) = form.elements.iter().position(|element| element.name == name) else { continue };
        let element = &form.elements[at];
        match (kept_path(form, at, element), &element.logic.calculation) {
            (Some(path), _) if !found.contains(&path) => found.push(path),
            (None, Some(calculation)) if depth > 0 => collect(form, calculation, depth - 1, found),
            _ => {}
        }
    }
}

/// The path of an answer that stands by itself in the record of the form.
fn kept_path(form: &Form, at: usize, element: &Element) -> Option<SmolStr> {
    let apart = |above: usize| {
        form.elements[above].is_apart() || matches!(form.elements[above].kind, Kind::Repeat { .. })
    };
    let stands = element.question().is_some_and(|question| !matches!(question, Question::Note))
        && element.is_kept()
        && !form.ancestors(at).any(apart);
    element.path.as_deref().filter(|_| stands).map(SmolStr::from)
}

/// The texts that tell persons apart: who looks for somebody may know any of them.
fn matching(form: &Form, record_type: &str) -> Vec<SmolStr> {
    use Matching::{FamilyName, GivenNames, KnownAs, Phone, Village};
    let elements = form.elements.iter().enumerate().filter(|(at, element)| {
        let is_text =
            matches!(element.ours.matching, Some(FamilyName | GivenNames | KnownAs | Phone | Village));
        is_text && element.is_kept() && form.target(*at).record_type == record_type
    });
    elements.filter_map(|(_, element)| element.path.as_deref().map(SmolStr::from)).collect()
}
