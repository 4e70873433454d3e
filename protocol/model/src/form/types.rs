//! The record types that forms write: what a record of each may hold, and how each value merges.

use std::collections::BTreeMap;
use std::sync::Arc;

use fieldmerge_protocol::RecordClass;
use smol_str::SmolStr;

use super::titles;
use super::{ChoiceSource, Element, Form, Kind, Matching, Merge, Metadata, Question, SUBJECT, Storage, Text};
use crate::access::{Role, Roles, access};
use crate::types::{self};
use crate::types::{Code, CodeList, Field, Labels, Policy, Range, RecordType, Repeat, Sensitivity};
use crate::xpath::Expr;

/// Two forms, two versions of one, or two questions mean different things by one path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path} of {record_type} is {one} in one place and {other} in another")]
pub struct Clash {
    /// The record type.
    pub record_type: SmolStr,
    /// The path; `_type` where the classes of the records differ.
    pub path: SmolStr,
    /// What it is in the form that comes first.
    pub one: &'static str,
    /// What it is in the other.
    pub other: &'static str,
}

/// The record types that these forms write together, by name: all versions of all forms of a project, in the order in
/// which they were published. Of a path that several have, the last one says what it is called and what its codes are
/// called; codes that it leaves out stay known, and so does who alone may write it where it does not say that. What the path takes, and how it merges, must be the same in all, but that
/// a later form may take more: decimals instead of whole numbers, any text instead of a code or a telephone number.
pub fn record_types(forms: &[&Form]) -> Result<Vec<RecordType>, Vec<Clash>> {
    let (types, clashes) = known_types(forms);
    if clashes.is_empty() { Ok(types) } else { Err(clashes) }
}

/// The same of forms that are published. Of what clashes the meaning that comes first stands: what was published is read
/// whatever a later program would refuse.
pub fn known_types(forms: &[&Form]) -> (Vec<RecordType>, Vec<Clash>) {
    let mut types: BTreeMap<SmolStr, RecordType> = BTreeMap::new();
    let mut clashes = Vec::new();
    for form in forms {
        for (at, element) in form.elements.iter().enumerate() {
            let Some(path) = element.path.as_ref().filter(|path| *path != SUBJECT) else { continue };
            let target = form.target(at);
            let of = types.entry(target.record_type.as_str().into()).or_insert_with(|| RecordType {
                name: target.record_type.as_str().into(),
                class: target.class,
                is_person: false,
                about_person: is_about_person(target.class),
                fields: Vec::new(),
                repeats: Vec::new(),
                attachment_fields: Vec::new(),
                title_fields: Vec::new(),
                searched_fields: Vec::new(),
            });
            if of.class != target.class {
                let (one, other) = (of.class.name(), target.class.name());
                clashes.push(Clash { record_type: of.name.clone(), path: "_type".into(), one, other });
                continue;
            }
            of.is_person |= target.class == RecordClass::Core && element.ours.matching.is_some();
            let repeats = repeats_around(form, at);
            let parent = repeats.first().map(|at| path_of(&form.elements[*at]));
            match &element.kind {
                Kind::Group => {}
                Kind::Repeat { .. } if element.is_apart() => {}
                Kind::Repeat { .. } => add_repeat(of, path, parent),
                Kind::Question(question) => {
                    let field = Arc::new(field(form, at, path, question, target.class));
                    clashes.extend(add_field(of, parent.as_ref(), field));
                }
            }
        }
        for of in types.values_mut() {
            titles::add(of, form);
        }
    }
    for of in types.values_mut() {
        titles::complete(of);
    }
    (types.into_values().collect(), clashes)
}

fn path_of(element: &Element) -> SmolStr {
    element.path.as_deref().unwrap_or_default().into()
}

/// The repeats that an element stands in, from the nearest outwards, as far as they belong to the same record.
fn repeats_around(form: &Form, at: usize) -> Vec<usize> {
    let inside = form.ancestors(at).take_while(|above| !form.elements[*above].is_apart());
    inside.filter(|above| matches!(form.elements[*above].kind, Kind::Repeat { .. })).collect()
}

fn add_repeat(of: &mut RecordType, path: &str, parent: Option<SmolStr>) {
    if !of.repeats.iter().any(|known| known.name == path) {
        of.repeats.push(Repeat { name: path.into(), parent, fields: Vec::new() });
    }
}

fn add_field(of: &mut RecordType, repeat: Option<&SmolStr>, field: Arc<Field>) -> Option<Clash> {
    let is_file = field.kind == types::Kind::Blob;
    if is_file && repeat.is_none() && !of.attachment_fields.contains(&field.name) {
        of.attachment_fields.push(field.name.clone());
    }
    let fields = match repeat {
        Some(repeat) => &mut of.repeats.iter_mut().find(|known| known.name == *repeat)?.fields,
        None => &mut of.fields,
    };
    let Some(known) = fields.iter_mut().find(|known| known.name == field.name) else {
        fields.push(field);
        return None;
    };
    let path = field.name.clone();
    let clash = |one, other| Some(Clash { record_type: of.name.clone(), path, one, other });
    if !takes_all_of(&field.kind, &known.kind) {
        return clash(known.kind.name(), field.kind.name());
    }
    if field.policy != known.policy {
        return clash(known.policy.name(), field.policy.name());
    }
    let kind = with_earlier_codes(&field.kind, &known.kind);
    // Nothing that some alone may write is opened to all by a form that does not say who may.
    let writes = if field.writes == Roles::ALL { known.writes } else { field.writes };
    *known = Arc::new(Field { kind, writes, ..Field::clone(&field) });
    None
}

/// Whether every value that one kind takes may stand where the other is asked for.
fn takes_all_of(kind: &types::Kind, earlier: &types::Kind) -> bool {
    use types::Kind::{Code, Decimal, Int, Phone, Text};
    match (kind, earlier) {
        (Decimal, Int) | (Text, Code(_) | Phone) => true,
        _ => kind.name() == earlier.name(),
    }
}

/// A kind whose list also knows the codes of the earlier one: records may hold them.
fn with_earlier_codes(kind: &types::Kind, earlier: &types::Kind) -> types::Kind {
    let joined = |list: &Arc<CodeList>, earlier: &Arc<CodeList>| {
        let gone = earlier.codes.iter().filter(|code| list.find(&code.code).is_none());
        let codes: Vec<Code> = list.codes.iter().chain(gone).cloned().collect();
        Arc::new(CodeList { name: list.name.clone(), codes, is_open: list.is_open || earlier.is_open })
    };
    match (kind, earlier) {
        (types::Kind::Code(list), types::Kind::Code(earlier)) => types::Kind::Code(joined(list, earlier)),
        (types::Kind::Set(Some(list)), types::Kind::Set(Some(earlier))) => {
            types::Kind::Set(Some(joined(list, earlier)))
        }
        (kind, _) => kind.clone(),
    }
}

/// Whether a record of this class is about the person in its `_subject`.
fn is_about_person(class: RecordClass) -> bool {
    use RecordClass::{Accommodation, Assignment, Consent, Identity, Incident, Migration, Observation};
    matches!(class, Accommodation | Assignment | Consent | Identity | Incident | Migration | Observation)
}

fn field(form: &Form, at: usize, path: &str, question: &Question, class: RecordClass) -> Field {
    let (element, writes) = (&form.elements[at], form.writers(at));
    let kind = kind(form, question, element.ours.storage);
    let policy = policy(element, &kind, class);
    Field {
        name: path.into(),
        labels: labels(form, &element.label, &element.name),
        unit: element.ours.unit.as_str().into(),
        range: range(element, question, &kind),
        policy,
        sensitivity: sensitivity(element, class),
        sees: sees(element, class),
        writes,
        note: element.hint.get(form.default_language, form.default_language).into(),
        kind,
    }
}

/// What a question takes, as records hold it.
fn kind(form: &Form, question: &Question, storage: Option<Storage>) -> types::Kind {
    match storage {
        Some(Storage::Phone) => return types::Kind::Phone,
        Some(Storage::Month) => return types::Kind::Month,
        Some(Storage::Bool) => return types::Kind::Bool,
        Some(Storage::Record | Storage::Subject) => return types::Kind::Uuid,
        Some(Storage::Language) => return types::Kind::Languages,
        Some(Storage::Integer) => return types::Kind::Int,
        Some(Storage::Decimal) => return types::Kind::Decimal,
        Some(Storage::Date) => return types::Kind::Date,
        Some(Storage::DateTime) => return types::Kind::DateTime,
        Some(Storage::Sealed) => return types::Kind::Sealed,
        Some(Storage::Entry) => return types::Kind::Entry,
        Some(Storage::Nowhere) | None => {}
    }
    match question {
        Question::Integer => types::Kind::Int,
        Question::Range { start, end, step } => {
            let whole = [start, end, step].iter().all(|number| number.fract() == 0.0);
            if whole { types::Kind::Int } else { types::Kind::Decimal }
        }
        Question::Decimal => types::Kind::Decimal,
        Question::SelectOne(choices) => types::Kind::Code(code_list(form, &choices.source)),
        Question::SelectMultiple(choices) => types::Kind::Set(Some(code_list(form, &choices.source))),
        Question::Date | Question::Metadata(Metadata::Today) => types::Kind::Date,
        Question::DateTime | Question::Metadata(Metadata::Start | Metadata::End) => types::Kind::DateTime,
        Question::Geopoint | Question::Metadata(Metadata::StartGeopoint) => types::Kind::Geo,
        Question::Image { .. } | Question::Audio | Question::Video | Question::File => types::Kind::Blob,
        Question::Acknowledge => types::Kind::Bool,
        Question::Text
        | Question::Rank(_)
        | Question::Time
        | Question::Geotrace
        | Question::Geoshape
        | Question::Barcode
        | Question::Note
        | Question::Hidden
        | Question::Calculate
        | Question::Metadata(_) => types::Kind::Text,
    }
}

/// The codes of a list. Those of a file and of a repeat are known by their shape alone.
fn code_list(form: &Form, source: &ChoiceSource) -> Arc<CodeList> {
    let ChoiceSource::List(name) = source else {
        let (ChoiceSource::File { name, .. } | ChoiceSource::Repeat(name) | ChoiceSource::List(name)) =
            source;
        return Arc::new(CodeList { name: name.into(), codes: Vec::new(), is_open: true });
    };
    let choices = form.list(name).map(|list| list.choices.as_slice()).unwrap_or_default();
    let code = |choice: &super::Choice| Code {
        code: choice.name.as_str().into(),
        labels: labels(form, &choice.label, &choice.name),
    };
    Arc::new(CodeList { name: name.into(), codes: choices.iter().map(code).collect(), is_open: false })
}

/// The texts by the codes of their languages, that of the form's own language first; the name where there is none.
fn labels(form: &Form, text: &Text, name: &str) -> Labels {
    let own = form.default_language;
    let order = std::iter::once(own).chain((0..form.languages.len()).filter(|at| *at != own));
    let texts = order.filter_map(|at| {
        let text = text.0.get(at).filter(|text| !text.is_empty())?;
        Some((form.languages[at].code.as_str(), text.as_str()))
    });
    let mut texts: Vec<(&str, &str)> = texts.collect();
    if texts.is_empty() {
        texts.push(("", name));
    }
    Labels::new(texts)
}

/// What its scale or its constraint says.
fn range(element: &Element, question: &Question, kind: &types::Kind) -> Range {
    let constraint = element.logic.constraint.as_deref().and_then(|text| Expr::parse(text).ok());
    let bounds = constraint.map(|expr| expr.bounds()).unwrap_or_default();
    let (min, max) = match (question, kind) {
        (Question::Range { start, end, .. }, _) => (Some(start.min(*end)), Some(start.max(*end))),
        (_, types::Kind::Int | types::Kind::Decimal) => (bounds.min, bounds.max),
        _ => (bounds.min_length, bounds.max_length),
    };
    let whole = |number: Option<f64>| {
        let number = number.filter(|number| number.fract() == 0.0 && number.abs() <= f64::from(i32::MAX))?;
        number.to_string().parse().ok()
    };
    Range { min: whole(min), max: whole(max) }
}

/// What `fm::merge` says; else sets merge by their members, what tells persons apart is decided by persons, and the rest
/// merges by itself.
fn policy(element: &Element, kind: &types::Kind, class: RecordClass) -> Policy {
    match element.ours.merge {
        Some(Merge::D) => Policy::Derived,
        _ if class == RecordClass::Observation => Policy::Observation,
        _ if class.is_log() => Policy::Log,
        Some(Merge::H) => Policy::Human { approvals: 1 },
        Some(Merge::H2) => Policy::Human { approvals: 2 },
        Some(Merge::S) => Policy::Set,
        Some(Merge::L) => Policy::Log,
        Some(Merge::I) => Policy::Fixed,
        None if matches!(kind, types::Kind::Set(_)) => Policy::Set,
        None if element.ours.matching.is_some() => Policy::Human { approvals: 1 },
        Some(Merge::A) | None => Policy::Automatic,
    }
}

/// What `fm::class` says; else what stands in reference records, firms and expenditures is internal, observations are of
/// special categories, and the rest is personal.
fn sensitivity(element: &Element, class: RecordClass) -> Sensitivity {
    element.ours.class.unwrap_or(match class {
        RecordClass::Reference | RecordClass::Firm | RecordClass::Expenditure | RecordClass::Task => {
            Sensitivity::Internal
        }
        RecordClass::Observation | RecordClass::Grievance => Sensitivity::Special,
        _ => Sensitivity::Personal,
    })
}

/// What `fm::see` says; else whoever may list the records, but no analyst what tells who a person is.
fn sees(element: &Element, class: RecordClass) -> Roles {
    if !element.ours.see.is_empty() {
        return element.ours.see.iter().copied().collect();
    }
    let names_person = element
        .ours
        .matching
        .is_some_and(|matching| !matches!(matching, Matching::Sex | Matching::BirthYear));
    let may = |role: &Role| access(*role, class).lists() && !(names_person && *role == Role::Analyst);
    Role::ALL.into_iter().filter(may).collect()
}
