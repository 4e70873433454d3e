//! Answers as values of records, and back.

use fieldmerge_protocol::{RecordId, Value};

use super::answer::canonical;
use crate::form::{Question, Storage};
use crate::xpath::number_text;

/// The text that stands for an acknowledgement, as ODK writes it.
const ACKNOWLEDGED: &str = "OK";

/// What an answer is stored as: what stands below the path of its question, and the value there. A set has one for each
/// member; all others have one, at the path itself.
pub(super) fn values(
    question: &Question,
    storage: Option<Storage>,
    text: &str,
) -> Vec<(Option<String>, Value)> {
    if text.is_empty() {
        return Vec::new();
    }
    if let Question::SelectMultiple(_) = question {
        let members = text.split_whitespace();
        return members.map(|member| (Some(member.to_owned()), Value::Bool(true))).collect();
    }
    vec![(None, value(question, storage, text))]
}

/// One value. A text that is none of its kind is stored as it is, and a finding tells of it.
fn value(question: &Question, storage: Option<Storage>, text: &str) -> Value {
    let read = match storage {
        Some(Storage::Bool) => boolean(text).map(Value::Bool),
        Some(Storage::Integer) => text.parse().ok().map(Value::Int),
        Some(Storage::Decimal) => number(text),
        Some(Storage::Record | Storage::Subject) => {
            text.parse::<RecordId>().ok().map(|id| Value::Bytes(id.0.to_vec()))
        }
        Some(Storage::Phone) => Some(Value::str(text.replace([' ', '-', '.', '(', ')', '/'], ""))),
        Some(
            Storage::Month
            | Storage::Language
            | Storage::Date
            | Storage::DateTime
            | Storage::Sealed
            | Storage::Entry,
        ) => None,
        Some(Storage::Nowhere) | None => match question {
            Question::Integer => text.parse().ok().map(Value::Int),
            Question::Range { start, end, step } => {
                let is_whole = [start, end, step].iter().all(|number| number.fract() == 0.0);
                if is_whole { text.parse().ok().map(Value::Int) } else { number(text) }
            }
            Question::Decimal => number(text),
            Question::Acknowledge => Some(Value::Bool(true)),
            _ => None,
        },
    };
    read.unwrap_or_else(|| Value::str(text))
}

/// What an answer reads as when it has been kept.
pub(crate) fn kept(question: &Question, storage: Storage, answer: &str) -> String {
    text(question, Some(storage), &value(question, Some(storage), answer))
}

fn number(text: &str) -> Option<Value> {
    text.parse().ok().filter(|number: &f64| number.is_finite()).map(Value::F64)
}

/// The truth that an answer is, if it is one.
pub(crate) fn boolean(text: &str) -> Option<bool> {
    match text {
        "yes" | "true" | "1" => Some(true),
        "no" | "false" | "0" => Some(false),
        _ => None,
    }
}

/// The answer that a value is.
pub(super) fn text(question: &Question, storage: Option<Storage>, value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::Bool(answer) => return truth(question, storage, *answer).to_owned(),
        Value::Str(text) => text.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Uint(number) => number.to_string(),
        Value::F64(number) => number_text(*number),
        Value::Bytes(bytes) => {
            RecordId::try_from(&bytes[..]).map_or_else(|_| String::new(), |id| id.to_string())
        }
        Value::Timestamp(ms) => crate::types::date::format_moment(*ms).unwrap_or_default(),
    };
    // What is odd is shown as it is.
    canonical(question, &text).unwrap_or(text)
}

fn truth(question: &Question, storage: Option<Storage>, answer: bool) -> &'static str {
    match (question, answer) {
        (Question::Acknowledge, true) => ACKNOWLEDGED,
        (Question::Acknowledge, false) => "",
        (Question::SelectOne(_), true) if storage == Some(Storage::Bool) => "yes",
        (Question::SelectOne(_), false) if storage == Some(Storage::Bool) => "no",
        (_, true) => "true",
        (_, false) => "false",
    }
}
