//! Reading the two tables.

use std::sync::Arc;

use super::codes::{Code, CodeList, Shape, code_list};
use super::field::{Field, Kind, Policy, Range, Sensitivity};
use super::{Labels, RECORD_TYPES, RecordType, refused_name};
use crate::access::Roles;

/// A line of a table that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct TableError {
    /// The number of the line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: &'static str,
}

/// The lines of a table that hold something, split, with their numbers.
fn lines<const N: usize>(
    text: &'static str,
) -> impl Iterator<Item = Result<(usize, [&'static str; N]), TableError>> {
    text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#')).map(
        |(index, line)| {
            let mut columns = [""; N];
            let mut parts = line.split('|');
            for column in &mut columns {
                *column = parts.next().ok_or(TableError { line: index + 1, problem: "too few columns" })?;
            }
            if parts.next().is_some() {
                return Err(TableError { line: index + 1, problem: "too many columns" });
            }
            Ok((index + 1, columns))
        },
    )
}

/// Reads `codelists.psv`.
pub(super) fn parse_codes(text: &'static str) -> Result<Vec<CodeList>, TableError> {
    let mut lists: Vec<CodeList> = Vec::new();
    for line in lines::<5>(text) {
        let (line, [name, code, label_en, label_fr, _note]) = line?;
        let bad = |problem| TableError { line, problem };
        if [name, code, label_en, label_fr].contains(&"") {
            return Err(bad("a name, code or label is missing"));
        }
        if lists.last().is_none_or(|list| list.name != name) {
            if lists.iter().any(|list| list.name == name) {
                return Err(bad("the lines of a list stand apart"));
            }
            lists.push(CodeList { name: name.into(), codes: Vec::new(), shape: None });
        }
        let list = lists.last_mut().ok_or(bad("no list"))?;
        if let Some(shape) = code.strip_prefix('=') {
            if list.shape.is_some() {
                return Err(bad("a second shape"));
            }
            list.shape = Some(Shape::named(shape).ok_or(bad("an unknown shape"))?);
        } else if list.find(code).is_some() {
            return Err(bad("a code stands twice"));
        } else if !Shape::Token.fits(code) {
            return Err(bad("a code cannot be a path segment"));
        } else {
            list.codes
                .push(Code { code: code.into(), labels: Labels::new([("en", label_en), ("fr", label_fr)]) });
        }
    }
    Ok(lists)
}

/// Reads `fields.psv`.
pub(super) fn parse_fields(text: &'static str) -> Result<Vec<RecordType>, TableError> {
    let mut types: Vec<RecordType> = RECORD_TYPES
        .map(|(name, class, about_person)| RecordType {
            name: name.into(),
            class,
            about_person,
            fields: Vec::new(),
            repeats: Vec::new(),
            attachment_fields: Vec::new(),
        })
        .into();
    for line in lines::<13>(text) {
        let (line, columns) = line?;
        let field = parse_field(&columns).map_err(|problem| TableError { line, problem })?;
        let of = types.iter_mut().find(|of| of.name == columns[0]);
        let of = of.ok_or(TableError { line, problem: "an unknown record type" })?;
        if of.field(&field.name).is_some() {
            return Err(TableError { line, problem: "a field stands twice" });
        }
        if field.kind == Kind::Blob {
            of.attachment_fields.push(field.name.clone());
        }
        of.fields.push(Arc::new(field));
    }
    Ok(types)
}

fn parse_field(columns: &[&'static str; 13]) -> Result<Field, &'static str> {
    let [_, name, label_en, label_fr, kind, unit, list, min, max, sensitivity, policy, sees, note] = *columns;
    if fieldmerge_protocol::Path::new(name).is_err() || name.contains('/') || name.starts_with('_') {
        return Err("the name is no path");
    }
    if refused_name(name) {
        return Err("a refused name");
    }
    if label_en.is_empty() || label_fr.is_empty() {
        return Err("a label is missing");
    }
    Ok(Field {
        name: name.into(),
        labels: Labels::new([("en", label_en), ("fr", label_fr)]),
        kind: parse_kind(kind, list)?,
        unit: unit.into(),
        range: Range { min: parse_bound(min)?, max: parse_bound(max)? },
        policy: parse_policy(policy)?,
        sensitivity: parse_sensitivity(sensitivity)?,
        sees: parse_roles(sees)?,
        note: note.into(),
    })
}

fn parse_kind(kind: &str, list: &str) -> Result<Kind, &'static str> {
    let codes = if list.is_empty() { None } else { Some(code_list(list).ok_or("an unknown code list")?) };
    let kind = match (kind, codes) {
        ("code", Some(codes)) => return Ok(Kind::Code(codes.clone())),
        ("set", codes) => return Ok(Kind::Set(codes.cloned())),
        (_, Some(_)) => return Err("this kind takes no code list"),
        (kind, None) => kind,
    };
    Ok(match kind {
        "text" => Kind::Text,
        "phone" => Kind::Phone,
        "tri" => Kind::Tri,
        "bool" => Kind::Bool,
        "int" => Kind::Int,
        "decimal" => Kind::Decimal,
        "date" => Kind::Date,
        "month" => Kind::Month,
        "datetime" => Kind::DateTime,
        "geo" => Kind::Geo,
        "uuid" => Kind::Uuid,
        "langs" => Kind::Languages,
        "blob" => Kind::Blob,
        "sealed" => Kind::Sealed,
        "entry" => Kind::Entry,
        _ => return Err("an unknown kind, or a code without its list"),
    })
}

fn parse_bound(text: &str) -> Result<Option<i32>, &'static str> {
    if text.is_empty() { Ok(None) } else { text.parse().map(Some).map_err(|_| "a bound is no number") }
}

fn parse_policy(text: &str) -> Result<Policy, &'static str> {
    Ok(match text {
        "A" => Policy::Automatic,
        "H" => Policy::Human { approvals: 1 },
        "H2" => Policy::Human { approvals: 2 },
        "S" => Policy::Set,
        "L" => Policy::Log,
        "I" => Policy::Fixed,
        "D" => Policy::Derived,
        "O" => Policy::Observation,
        _ => return Err("an unknown policy"),
    })
}

fn parse_sensitivity(text: &str) -> Result<Sensitivity, &'static str> {
    Ok(match text {
        "public" => Sensitivity::Public,
        "internal" => Sensitivity::Internal,
        "personal" => Sensitivity::Personal,
        "special" => Sensitivity::Special,
        "sealed" => Sensitivity::Sealed,
        _ => return Err("an unknown sensitivity"),
    })
}

fn parse_roles(text: &str) -> Result<Roles, &'static str> {
    text.split(',')
        .try_fold(Roles::NONE, |roles, name| Ok(roles.union(Roles::named(name).ok_or("an unknown role")?)))
}
