//! Texts as answers: whether a text is one to a question of a type, and how it is written.

use std::collections::BTreeSet;

use fieldmerge_protocol::AttachmentHash;

use crate::form::Question;
use crate::types::date::Date;
use crate::xpath;

/// Why a text is no answer to a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Odd {
    /// No whole number of at most 18 digits.
    #[error("not a whole number")]
    WholeNumber,
    /// No number.
    #[error("not a number")]
    Number,
    /// No date of the calendar, `2026-03-01`.
    #[error("not a date")]
    Date,
    /// No time of day, `07:30`.
    #[error("not a time of day")]
    Time,
    /// No moment, `2026-03-01T07:30:00+03:00`.
    #[error("not a date with a time")]
    Moment,
    /// No point, line or area on earth.
    #[error("not a place")]
    Place,
    /// No hash of an attachment.
    #[error("not a file")]
    File,
    /// A text with characters that no person types.
    #[error("a character that cannot be stored")]
    Character,
    /// Longer than an answer can be.
    #[error("too long")]
    TooLong,
}

/// The longest answer, in bytes.
pub const MAX_ANSWER_BYTES: usize = 16 * 1024;

/// The text as it is written for a question of this type; an empty one is no answer.
pub(super) fn canonical(question: &Question, text: &str) -> Result<String, Odd> {
    if text.len() > MAX_ANSWER_BYTES {
        return Err(Odd::TooLong);
    }
    if text.chars().any(|letter| letter.is_control() && !matches!(letter, '\n' | '\t' | '\r')) {
        return Err(Odd::Character);
    }
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Ok(String::new());
    }
    let as_is = || Ok(trimmed.to_owned());
    match question {
        Question::Integer => whole(trimmed).ok_or(Odd::WholeNumber),
        Question::Decimal | Question::Range { .. } => number(trimmed).ok_or(Odd::Number),
        Question::Date => trimmed.parse::<Date>().map(|date| date.to_string()).map_err(|_| Odd::Date),
        Question::Time => {
            if xpath::is_time(trimmed) {
                as_is()
            } else {
                Err(Odd::Time)
            }
        }
        Question::DateTime => {
            if xpath::is_moment(trimmed) {
                as_is()
            } else {
                Err(Odd::Moment)
            }
        }
        Question::Geopoint => points(trimmed, 1, Some(1)).ok_or(Odd::Place),
        Question::Geotrace => points(trimmed, 2, None).ok_or(Odd::Place),
        Question::Geoshape => points(trimmed, 4, None).filter(|text| is_closed(text)).ok_or(Odd::Place),
        Question::SelectMultiple(_) | Question::Rank(_) => Ok(members(trimmed)),
        Question::Image { .. } | Question::Audio | Question::Video | Question::File => {
            trimmed.parse::<AttachmentHash>().map(|hash| hash.to_string()).map_err(|_| Odd::File)
        }
        Question::Text
        | Question::Barcode
        | Question::Note
        | Question::Acknowledge
        | Question::Hidden
        | Question::Calculate
        | Question::SelectOne(_)
        | Question::Metadata(_) => as_is(),
    }
}

/// The members of a text with spaces between them, each once.
fn members(text: &str) -> String {
    let mut seen = BTreeSet::new();
    let members: Vec<&str> = text.split_whitespace().filter(|member| seen.insert(*member)).collect();
    members.join(" ")
}

fn whole(text: &str) -> Option<String> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || digits.len() > 18 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some(text.parse::<i64>().ok()?.to_string())
}

/// Decimal commas are what many people write.
fn number(text: &str) -> Option<String> {
    let text = text.replace(',', ".");
    let digits = text.strip_prefix(['-', '+']).unwrap_or(&text);
    let is_plain = digits.len() <= 32
        && digits.bytes().any(|byte| byte.is_ascii_digit())
        && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number: f64 = is_plain.then(|| text.parse().ok()).flatten()?;
    Some(xpath::number_text(number))
}

/// Points on earth, with `;` between them: latitude, longitude, and perhaps altitude and accuracy.
fn points(text: &str, least: usize, most: Option<usize>) -> Option<String> {
    let parts: Vec<&str> = text.split(';').map(str::trim).filter(|part| !part.is_empty()).collect();
    if parts.len() < least || most.is_some_and(|most| parts.len() > most) {
        return None;
    }
    let points: Option<Vec<String>> = parts.into_iter().map(point).collect();
    Some(points?.join(";"))
}

fn point(text: &str) -> Option<String> {
    let numbers: Vec<f64> = text.split_whitespace().map(|part| part.parse().ok()).collect::<Option<_>>()?;
    let [latitude, longitude, further @ ..] = numbers.as_slice() else { return None };
    let on_earth = latitude.abs() <= 90.0 && longitude.abs() <= 180.0;
    if !on_earth || further.len() > 2 || further.iter().any(|number| !number.is_finite()) {
        return None;
    }
    let texts: Vec<String> = numbers.iter().map(|number| xpath::number_text(*number)).collect();
    Some(texts.join(" "))
}

fn is_closed(points: &str) -> bool {
    let place = |point: &str| point.split(' ').take(2).map(str::to_owned).collect::<Vec<_>>();
    let first = points.split(';').next().map(place);
    first == points.rsplit(';').next().map(place)
}
