//! Values as their field means them: what is odd about one, and when two are the same.
//!
//! Nothing here refuses. A value that breaks its field is accepted and reported, because a change that is
//! refused for its content would hold every later change of its author.

use std::borrow::Cow;

use fieldmerge_protocol::{Path, RecordId, Value};
use smol_str::SmolStr;
use unicode_normalization::{UnicodeNormalization, is_nfc};

use crate::types::date::{Date, is_month, parse_moment};
use crate::types::{CodeList, Field, Kind, Policy, RecordType, refused_name};

/// Something odd about the content of a record. It names the path and never the value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Where.
    pub path: SmolStr,
    /// What.
    pub code: FindingCode,
}

/// What may be odd about a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FindingCode {
    /// No field of the record type has this path.
    UnknownPath,
    /// The path has a name that no field may have.
    RefusedName,
    /// The field is computed and never stored.
    Derived,
    /// The field is written once, and this is a later write; the first value stays.
    Rewritten,
    /// A value of another type than the field's.
    WrongType,
    /// A code that is not in the list.
    UnknownCode,
    /// A date or moment that the calendar does not have.
    BadDate,
    /// A text without the shape of its kind: telephone, point, hash.
    BadShape,
    /// A number beyond its bounds, or a text with too few or too many characters.
    OutOfRange,
    /// A value that another one asks for is absent.
    Missing,
}

impl FindingCode {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::UnknownPath => "unknown-path",
            Self::RefusedName => "refused-name",
            Self::Derived => "derived-field",
            Self::Rewritten => "fixed-rewritten",
            Self::WrongType => "wrong-type",
            Self::UnknownCode => "unknown-code",
            Self::BadDate => "bad-date",
            Self::BadShape => "bad-shape",
            Self::OutOfRange => "out-of-range",
            Self::Missing => "missing",
        }
    }
}

/// What is odd about a value at a path of a record. Names that begin with `_`, and the entries and persons of
/// a log, are judged elsewhere.
pub fn check_path(of: &RecordType, path: &Path, value: &Value) -> Vec<Finding> {
    let log = of.class.is_log() && (path.entry_number().is_some() || path.person_number().is_some());
    if path.is_reserved() || log || of.is_of_instance(path.as_str()) {
        return Vec::new();
    }
    let found = |code| vec![Finding { path: SmolStr::new(path.as_str()), code }];
    let Some((field, below)) = of.place_of(path.as_str()) else {
        return found(if refused_name(path.as_str()) {
            FindingCode::RefusedName
        } else {
            FindingCode::UnknownPath
        });
    };
    if field.policy == Policy::Derived {
        return found(FindingCode::Derived);
    }
    match odd(field, below, value) {
        Some(code) => found(code),
        None => Vec::new(),
    }
}

/// What is odd about the value of a field that has one path. A cleared answer never is.
pub fn check(field: &Field, value: &Value) -> Vec<Finding> {
    let finding = |code| Finding { path: field.name.clone(), code };
    odd(field, None, value).map(finding).into_iter().collect()
}

/// The first thing that is odd about a value; `below` is what stands below the field's name in the path.
pub(crate) fn odd(field: &Field, below: Option<&str>, value: &Value) -> Option<FindingCode> {
    let unless = |good: bool, code| (!good).then_some(code);
    match (&field.kind, value) {
        (_, Value::Null)
        | (Kind::Bool, Value::Bool(_))
        | (Kind::DateTime, Value::Timestamp(_))
        | (Kind::Sealed, Value::Bytes(_)) => None,
        (Kind::Text | Kind::Languages, Value::Str(text)) => {
            let count = u32::try_from(text.chars().count()).map_or(f64::MAX, f64::from);
            unless(field.range.contains(count), FindingCode::OutOfRange)
        }
        (Kind::Code(list), Value::Str(code)) => unless(list.knows(code), FindingCode::UnknownCode),
        (Kind::Set(list), Value::Bool(_)) => unless(knows(list.as_deref(), below), FindingCode::UnknownCode),
        (Kind::Phone, Value::Str(text)) => unless(is_phone(text), FindingCode::BadShape),
        (Kind::Geo, Value::Str(text)) => unless(parse_point(text).is_some(), FindingCode::BadShape),
        (Kind::Blob, Value::Str(text)) => unless(is_sha256(text), FindingCode::BadShape),
        (Kind::Date, Value::Str(text)) => unless(text.parse::<Date>().is_ok(), FindingCode::BadDate),
        (Kind::Month, Value::Str(text)) => {
            unless(text.parse::<Date>().is_ok() || is_month(text), FindingCode::BadDate)
        }
        (Kind::DateTime, Value::Str(text)) => unless(parse_moment(text).is_ok(), FindingCode::BadDate),
        (Kind::Int, _) => match whole(value) {
            Some(number) => unless(field.range.contains(approximately(number)), FindingCode::OutOfRange),
            None => Some(FindingCode::WrongType),
        },
        (Kind::Decimal, _) => match number(value) {
            Some(number) => unless(field.range.contains(number), FindingCode::OutOfRange),
            None => Some(FindingCode::WrongType),
        },
        (Kind::Uuid, _) => unless(record_id(value).is_some(), FindingCode::WrongType),
        _ => Some(FindingCode::WrongType),
    }
}

fn knows(list: Option<&CodeList>, below: Option<&str>) -> bool {
    list.is_none_or(|list| below.is_some_and(|code| list.knows(code)))
}

/// Whether a text is a telephone number: perhaps `+`, then 4 to 15 digits.
pub(crate) fn is_phone(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    (4..=15).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Latitude, longitude and accuracy of a point.
pub(crate) fn parse_point(text: &str) -> Option<(f64, f64, Option<f64>)> {
    let mut parts =
        text.split_ascii_whitespace().map(|part| part.parse().ok().filter(|n: &f64| n.is_finite()));
    let (latitude, longitude) = (parts.next()??, parts.next()??);
    let _altitude: Option<f64> = parts.next().map_or(Some(None), |altitude| altitude.map(Some))?;
    let accuracy = parts.next().map_or(Some(None), |accuracy| accuracy.map(Some))?;
    let on_earth = latitude.abs() <= 90.0 && longitude.abs() <= 180.0 && parts.next().is_none();
    on_earth.then_some((latitude, longitude, accuracy))
}

/// The whole number of a value, whichever type carries it.
pub(crate) fn whole(value: &Value) -> Option<i128> {
    match value {
        Value::Int(number) => Some(i128::from(*number)),
        Value::Uint(number) => Some(i128::from(*number)),
        // Beyond 2^63 a decimal is no longer a count of anything.
        #[expect(clippy::cast_possible_truncation, reason = "the guard keeps it within 64 bits")]
        Value::F64(number) if number.fract() == 0.0 && number.abs() < 9.3e18 => Some(*number as i128),
        _ => None,
    }
}

/// The number of a value, whichever type carries it.
pub(crate) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::F64(number) => Some(*number).filter(|number| number.is_finite()),
        _ => whole(value).map(approximately),
    }
}

#[expect(clippy::cast_precision_loss, reason = "bounds and display of decimals need no more than 53 bits")]
fn approximately(number: i128) -> f64 {
    number as f64
}

/// The record that a value names, as bytes or as text.
pub(crate) fn record_id(value: &Value) -> Option<RecordId> {
    match value {
        Value::Bytes(bytes) => RecordId::try_from(&bytes[..]).ok(),
        Value::Str(text) => text.parse().ok(),
        _ => None,
    }
}

/// A value as its field means it. Two values are the same answer exactly if these are equal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Typed<'a> {
    /// A cleared answer.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A whole number, from whichever type.
    Whole(i128),
    /// Another number, as its bits.
    Fraction(u64),
    /// A text in Unicode NFC, without space around it.
    Text(Cow<'a, str>),
    /// A moment in milliseconds since the epoch, wherever its clock stood.
    Moment(i64),
    /// An id, whether bytes or text carried it.
    Id(RecordId),
    /// Bytes.
    Bytes(&'a [u8]),
}

/// A value as a field means it; of a path that no field has, as its own type says.
pub fn typed<'a>(field: Option<&Field>, value: &'a Value) -> Typed<'a> {
    match (field.map(|field| &field.kind), value) {
        (Some(Kind::Code(_)), Value::Int(_) | Value::Uint(_)) => {
            whole(value).map_or(Typed::Null, |code| Typed::Text(Cow::Owned(code.to_string())))
        }
        (Some(Kind::Phone), Value::Str(text)) => {
            let spacing =
                |letter: char| letter.is_whitespace() || matches!(letter, '-' | '.' | '(' | ')' | '/');
            Typed::Text(Cow::Owned(text.chars().filter(|letter| !spacing(*letter)).collect()))
        }
        (Some(Kind::DateTime), Value::Str(text)) => match parse_moment(text) {
            Ok(ms) => Typed::Moment(ms),
            Err(_) => plain(value),
        },
        (Some(Kind::Uuid), Value::Bytes(_) | Value::Str(_)) => match record_id(value) {
            Some(id) => Typed::Id(id),
            None => plain(value),
        },
        _ => plain(value),
    }
}

fn plain(value: &Value) -> Typed<'_> {
    match value {
        Value::Null => Typed::Null,
        Value::Bool(answer) => Typed::Bool(*answer),
        Value::Str(text) => {
            let text = text.trim();
            Typed::Text(if is_nfc(text) { Cow::Borrowed(text) } else { Cow::Owned(text.nfc().collect()) })
        }
        Value::Bytes(bytes) => Typed::Bytes(bytes),
        Value::Timestamp(ms) => Typed::Moment(*ms),
        Value::Int(_) | Value::Uint(_) | Value::F64(_) => match (whole(value), value) {
            (Some(number), _) => Typed::Whole(number),
            (None, Value::F64(number)) => Typed::Fraction(number.to_bits()),
            (None, _) => Typed::Null,
        },
    }
}

/// Whether two values are the same answer to a field: 1 and 1.0, `é` in one or two characters, one moment on
/// two clocks, a telephone number with and without spaces. Equal answers are no conflict.
pub fn same(field: &Field, a: &Value, b: &Value) -> bool {
    typed(Some(field), a) == typed(Some(field), b)
}

/// [`same`] for a path that no field has.
pub fn same_untyped(a: &Value, b: &Value) -> bool {
    typed(None, a) == typed(None, b)
}

/// Reads a text, as a person types it on a command line or as a file of rows holds it, into the value that a
/// field stores. An empty text clears the answer. The members of a set and the parts of a sealed value have
/// no one text.
pub fn parse(field: &Field, text: &str) -> Result<Value, FindingCode> {
    let text = text.trim();
    if field.policy == Policy::Derived {
        return Err(FindingCode::Derived);
    }
    if text.is_empty() {
        return Ok(Value::Null);
    }
    let value = match field.kind {
        Kind::Int => text.parse().ok().map(Value::Int),
        Kind::Decimal => text.parse().ok().filter(|number: &f64| number.is_finite()).map(Value::F64),
        Kind::Bool => text.parse().ok().map(Value::Bool),
        Kind::Uuid => text.parse().ok().map(|id: RecordId| Value::Bytes(id.0.to_vec())),
        Kind::Set(_) | Kind::Languages | Kind::Sealed | Kind::Entry => None,
        _ => Some(text_value(field, text)),
    };
    let value = value.ok_or(FindingCode::WrongType)?;
    odd(field, None, &value).map_or(Ok(value), Err)
}

/// A text as it is stored: in NFC, and a telephone number without its spacing.
fn text_value(field: &Field, text: &str) -> Value {
    match typed(Some(field), &Value::str(text)) {
        Typed::Text(text) => Value::str(text),
        _ => Value::str(text),
    }
}

#[cfg(test)]
mod tests;
