//! Answers as they are typed, and what a field takes, in words. What was typed as a value stands in no message.

use std::collections::BTreeSet;
use std::sync::Arc;

use fieldmerge_model::typed;
use fieldmerge_sdk::Value;
use fieldmerge_sdk::types::{CodeList, Field, Kind, Policy, RecordType, RecordTypes};

use super::Failure;

/// The most codes of a list that a message names.
const NAMED_CODES: usize = 12;

/// The record type of this name.
pub fn record_type(types: &RecordTypes, name: &str) -> Result<Arc<RecordType>, Failure> {
    types.find(name).map(Arc::clone).ok_or_else(|| {
        let names: Vec<&str> = types.iter().map(|kind| kind.name.as_str()).collect();
        if names.is_empty() {
            return Failure::NotFound(
                "this device has no forms yet; `sync` fetches those of its project".to_owned(),
            );
        }
        Failure::Usage(format!("there is no record type {name}; there are {}", names.join(", ")))
    })
}

/// Reads answers, each `FIELD=VALUE`; none may be given twice.
pub fn answers(kind: &RecordType, values: &[String]) -> Result<Vec<(String, Value)>, Failure> {
    let answers: Vec<_> = values.iter().map(|text| answer(kind, text)).collect::<Result<_, _>>()?;
    once(answers.iter().map(|(path, _)| path.as_str()))?;
    Ok(answers)
}

/// Refuses a field that is named twice.
pub fn once<'a>(paths: impl Iterator<Item = &'a str>) -> Result<(), Failure> {
    let mut seen = BTreeSet::new();
    for path in paths {
        if !seen.insert(path) {
            return Err(Failure::Usage(format!("{path} is given twice")));
        }
    }
    Ok(())
}

/// Reads `FIELD=VALUE` as the field stores it.
pub fn answer(kind: &RecordType, text: &str) -> Result<(String, Value), Failure> {
    let (path, text) = text
        .split_once('=')
        .ok_or_else(|| Failure::Usage("an answer is FIELD=VALUE, such as sex=female".to_owned()))?;
    let field = field(kind, path)?;
    let value = match (&field.kind, path.split_once('/')) {
        (Kind::Set(list), Some((_, member))) => {
            let known = list.as_ref().is_none_or(|list| list.knows(member));
            (text == "true" && known).then_some(Value::Bool(true))
        }
        (Kind::Languages, Some(_)) => Some(Value::str(text)),
        _ => typed::parse(field, text).ok(),
    };
    let value = value.ok_or_else(|| Failure::Usage(takes(field)))?;
    Ok((path.to_owned(), value))
}

fn field<'a>(kind: &'a RecordType, path: &str) -> Result<&'a Field, Failure> {
    if let Some(field) = kind.field_at(path) {
        return Ok(field);
    }
    let head = path.split('/').next().unwrap_or(path);
    Err(Failure::Usage(match kind.field(head) {
        Some(field) if path.contains('/') && !in_parts(&field.kind) => {
            format!("{head} is one field, without /")
        }
        Some(field) => takes(field),
        None => {
            let names: Vec<&str> = kind.fields.iter().map(|field| field.name.as_str()).collect();
            format!("{} has no field {path}; it has {}", kind.name, names.join(", "))
        }
    }))
}

fn in_parts(kind: &Kind) -> bool {
    matches!(kind, Kind::Set(_) | Kind::Languages | Kind::Sealed)
}

/// What a field takes, as a sentence about it.
fn takes(field: &Field) -> String {
    let name = &field.name;
    if field.policy == Policy::Derived {
        return format!("{name} is computed, nobody writes it");
    }
    match &field.kind {
        Kind::Text => format!("{name} is a text{}", between(field, " of ", " characters")),
        Kind::Phone => format!("{name} is a telephone number of 4 to 15 digits, such as +261340000202"),
        Kind::Code(list) => format!("{name} takes {}", codes(list)),
        Kind::Set(list) => {
            let first = list.as_ref().and_then(|list| list.codes.first()).map_or("CODE", |code| &code.code);
            let which = list.as_ref().map_or_else(String::new, |list| format!("; it takes {}", codes(list)));
            format!("{name} takes several answers: {name}/{first}=true{which}")
        }
        Kind::Bool => format!("{name} takes true or false"),
        Kind::Int if field.unit == "year" => format!("{name} is a year{}", between(field, " ", "")),
        Kind::Int => format!("{name} is a whole number{}", between(field, " ", "")),
        Kind::Decimal => format!("{name} is a number{}", between(field, " ", "")),
        Kind::Date => format!("{name} is a day such as 2026-03-02"),
        Kind::Month => format!("{name} is a day or a month, such as 2026-03-02 or 2026-03"),
        Kind::DateTime => format!("{name} is a moment such as 2026-03-01T07:30:00+03:00"),
        Kind::Geo => format!("{name} is a latitude and a longitude with a space between"),
        Kind::Uuid => format!("{name} is the id of a record"),
        Kind::Languages => format!("{name} takes one text a language: {name}/fr=TEXT"),
        Kind::Blob => format!("{name} is the SHA-256 of a file, 64 digits and small letters"),
        Kind::Sealed => format!("{name} is sealed; this program cannot write it"),
        Kind::Entry => format!("{name} is written by `attend` and `pay`"),
    }
}

/// The bounds of a field in words, if it has any.
fn between(field: &Field, before: &str, after: &str) -> String {
    match (field.range.min, field.range.max) {
        (Some(min), Some(max)) if before == " of " => format!("{before}{min} to {max}{after}"),
        (Some(min), Some(max)) => format!("{before}from {min} to {max}{after}"),
        (Some(min), None) => format!("{before}at least {min}{after}"),
        (None, Some(max)) => format!("{before}at most {max}{after}"),
        (None, None) => String::new(),
    }
}

fn codes(list: &CodeList) -> String {
    let named: Vec<&str> = list.codes.iter().take(NAMED_CODES).map(|code| code.code.as_str()).collect();
    let open = list.is_open || list.codes.len() > NAMED_CODES;
    match (named.is_empty(), open) {
        (true, _) => format!("a code of the list {}", list.name),
        (false, true) => format!("a code such as {}", named.join(", ")),
        (false, false) => named.join(", "),
    }
}
