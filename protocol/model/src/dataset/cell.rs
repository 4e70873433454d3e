//! One cell of a row, and how it is written.

use std::borrow::Cow;

use fieldmerge_protocol::Value;
use serde_json::json;

use crate::typed::{is_phone, number, odd, record_id, whole};
use crate::types::date::format_moment;
use crate::types::{Field, Kind, is_token};

/// One typed cell.
///
/// | cell | CSV | JSON |
/// |---|---|---|
/// | `Null` | empty | `null` |
/// | `Bool` | `true`, `false` | `true`, `false` |
/// | `Int` | `36000` | `36000` |
/// | `Decimal` | the shortest text that reads back equal, a point before the fraction | the same number |
/// | `Token` | as it is | string |
/// | `Text` | neutralised | string, as it is |
/// | `Set` | its members, sorted, with spaces between | array of strings |
/// | `List` | its cells with ` \| ` between, neutralised | array |
///
/// A **token** is a text whose characters are known to be harmless: a code, an id, a date, a telephone
/// number. Everything else that a person may have typed is **text**.
///
/// A spreadsheet takes a cell that begins with `=`, `+`, `-`, `@`, a tab or a line end for a formula. In CSV
/// such a *text* gets an apostrophe in front. Numbers and tokens do not: `-5` is a number, and
/// `+261340000101` a telephone number that an apostrophe would break for every program that is not a
/// spreadsheet; neither can be more than it is. A code or telephone number with other characters is no token
/// but text. A reader that wants the text back drops the first of the apostrophes that stand before such a
/// character, for a text that began so with apostrophes of its own got one more. JSON is never changed.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// No answer, a cleared one, or one that its field cannot hold.
    Null,
    /// Yes or no.
    Bool(bool),
    /// A whole number; money in minor units.
    Int(i64),
    /// A decimal number.
    Decimal(f64),
    /// A text with harmless characters only.
    Token(String),
    /// Any text.
    Text(String),
    /// Members of a set, sorted.
    Set(Vec<String>),
    /// Several values for one field.
    List(Vec<Cell>),
}

impl Cell {
    /// The cell of a value that stands at the one path of a field. A value of the wrong type, or a date that
    /// does not exist, is `Null`: a column has one type, and a finding tells of the value. An unknown code
    /// and a number beyond its bounds are shown as they are.
    pub fn of(field: &Field, value: &Value) -> Self {
        match field.kind {
            Kind::Int => {
                whole(value).and_then(|number| i64::try_from(number).ok()).map_or(Self::Null, Self::Int)
            }
            Kind::Decimal => number(value).map_or(Self::Null, Self::Decimal),
            Kind::Uuid => record_id(value).map_or(Self::Null, Self::id),
            Kind::Bool => match value {
                Value::Bool(answer) => Self::Bool(*answer),
                _ => Self::Null,
            },
            Kind::Date | Kind::Month | Kind::DateTime => Self::moment(field, value),
            Kind::Sealed | Kind::Set(_) | Kind::Entry => Self::Null,
            Kind::Text | Kind::Languages | Kind::Geo => value.as_str().map_or(Self::Null, Self::text),
            Kind::Phone => match value.as_str() {
                Some(phone) if is_phone(phone) => Self::Token(phone.to_owned()),
                Some(other) => Self::text(other),
                None => Self::Null,
            },
            Kind::Code(_) | Kind::Blob => value.as_str().map_or(Self::Null, Self::code),
        }
    }

    fn moment(field: &Field, value: &Value) -> Self {
        match value {
            Value::Timestamp(ms) if field.kind == Kind::DateTime => Self::at(*ms),
            Value::Str(text) if odd(field, None, value).is_none() => Self::Token(text.as_str().to_owned()),
            _ => Self::Null,
        }
    }

    /// A code: a token if its characters are a code's, else text.
    pub fn code(code: &str) -> Self {
        if is_token(code) { Self::Token(code.to_owned()) } else { Self::text(code) }
    }

    /// Any text; an empty one is no answer.
    pub fn text(text: &str) -> Self {
        if text.is_empty() { Self::Null } else { Self::Text(text.to_owned()) }
    }

    /// An id.
    pub fn id(id: impl std::fmt::Display) -> Self {
        Self::Token(id.to_string())
    }

    /// A moment in milliseconds since the epoch.
    pub fn at(ms: i64) -> Self {
        format_moment(ms).map_or(Self::Null, Self::Token)
    }

    /// The cell as plain text, for a terminal or a screen.
    pub fn plain(&self) -> Cow<'_, str> {
        match self {
            Self::Null => Cow::Borrowed(""),
            Self::Bool(true) => Cow::Borrowed("true"),
            Self::Bool(false) => Cow::Borrowed("false"),
            Self::Int(number) => Cow::Owned(number.to_string()),
            Self::Decimal(number) => Cow::Owned(decimal(*number)),
            Self::Token(text) | Self::Text(text) => Cow::Borrowed(text),
            Self::Set(members) => Cow::Owned(members.join(" ")),
            Self::List(cells) => Cow::Owned(cells.iter().map(Self::plain).collect::<Vec<_>>().join(" | ")),
        }
    }

    /// The cell in a CSV file, before the quoting that a CSV writer does.
    pub fn csv(&self) -> Cow<'_, str> {
        let plain = self.plain();
        match self {
            Self::Text(_) | Self::Set(_) | Self::List(_) if begins_formula(&plain) => {
                Cow::Owned(format!("'{plain}"))
            }
            _ => plain,
        }
    }

    /// The cell in JSON.
    pub fn json(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Bool(answer) => json!(answer),
            Self::Int(number) => json!(number),
            Self::Decimal(number) => json!(number),
            Self::Token(text) | Self::Text(text) => json!(text),
            Self::Set(members) => json!(members),
            Self::List(cells) => cells.iter().map(Self::json).collect(),
        }
    }
}

/// Whether a spreadsheet might take a text for a formula, or a reader might take its own apostrophe for ours.
/// Beside the ASCII signs the full-width ones count, which some spreadsheets read alike.
fn begins_formula(text: &str) -> bool {
    let signs = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];
    text.trim_start_matches('\'').starts_with(signs)
}

/// The shortest text that reads back as the same number; `4.0` is written `4`.
fn decimal(number: f64) -> String {
    // The sign of a negative zero says nothing to anyone.
    if number == 0.0 { "0".to_owned() } else { number.to_string() }
}
