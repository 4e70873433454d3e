//! Texts and lists of choices. Characters are Unicode's, as XPath says.

use std::borrow::Cow;

use super::{Answer, Ast, Evaluated, Evaluator, Point, Value, built, count, integer};
use crate::xpath::error::EvalError;
use crate::xpath::limits::MAX_RESULT_BYTES;
use crate::xpath::pattern::Pattern;

/// The white space of XML, which separates the choices of a select question.
const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];

pub(crate) fn string<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    Ok(Value::Text(ev.text_or_here(arguments, at)?))
}

pub(crate) fn concat<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    joined(ev, "", arguments, at)
}

pub(crate) fn join<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    let separator = ev.text(&arguments[0], at)?;
    joined(ev, &separator, &arguments[1..], at)
}

fn joined<'a>(ev: &mut Evaluator<'a, '_>, separator: &str, parts: &'a [Ast], at: Point) -> Answer<'a> {
    let mut text = String::new();
    let mut first = true;
    ev.each_value(parts, at, &mut |ev, value| {
        if !std::mem::take(&mut first) {
            ev.append(&mut text, separator)?;
        }
        ev.append(&mut text, &value.to_text(ev.tree))
    })?;
    Ok(built(text))
}

fn two<'a>(
    ev: &mut Evaluator<'a, '_>,
    arguments: &'a [Ast],
    at: Point,
) -> Evaluated<(Cow<'a, str>, Cow<'a, str>)> {
    Ok((ev.text(&arguments[0], at)?, ev.text(&arguments[1], at)?))
}

pub(crate) fn starts_with<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    let (text, part) = two(ev, arguments, at)?;
    Ok(Value::Bool(text.starts_with(&*part)))
}

pub(crate) fn ends_with<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    let (text, part) = two(ev, arguments, at)?;
    Ok(Value::Bool(text.ends_with(&*part)))
}

pub(crate) fn contains<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    let (text, part) = two(ev, arguments, at)?;
    Ok(Value::Bool(text.contains(&*part)))
}

pub(crate) fn substring_before<'a>(
    ev: &mut Evaluator<'a, '_>,
    arguments: &'a [Ast],
    at: Point,
) -> Answer<'a> {
    let (text, part) = two(ev, arguments, at)?;
    Ok(built(text.find(&*part).map_or("", |found| &text[..found]).to_owned()))
}

pub(crate) fn substring_after<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    let (text, part) = two(ev, arguments, at)?;
    Ok(built(text.find(&*part).map_or("", |found| &text[found + part.len()..]).to_owned()))
}

/// Counts from 1 and rounds (XPath section 4.2): the characters at positions p with `start <= p < start + length`.
pub(crate) fn substring<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    let text = ev.text(&arguments[0], at)?;
    let rounded = |number: f64| (number + 0.5).floor();
    let start = rounded(ev.number(&arguments[1], at)?);
    let end = match arguments.get(2) {
        Some(length) => start + rounded(ev.number(length, at)?),
        None => f64::INFINITY,
    };
    let mut position = 0.0;
    let chars = text.chars().filter(|_| {
        position += 1.0;
        position >= start && position < end
    });
    Ok(built(chars.collect()))
}

/// Counts from 0; a negative place counts from the end.
pub(crate) fn substr<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    let text = ev.text(&arguments[0], at)?;
    let length = integer(text.chars().fold(0.0, |count, _| count + 1.0)).unwrap_or_default();
    let mut places = [0, length];
    for (place, argument) in places.iter_mut().zip(&arguments[1..]) {
        let Some(number) = integer(ev.number(argument, at)?) else { return Ok(built(String::new())) };
        let from_start = if number < 0 { number.saturating_add(length) } else { number };
        *place = from_start.clamp(0, length);
    }
    let [start, end] = places.map(|place| usize::try_from(place).unwrap_or_default());
    Ok(built(text.chars().take(end).skip(start).collect()))
}

pub(crate) fn string_length<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    Ok(count(ev.text_or_here(arguments, at)?.chars().count()))
}

pub(crate) fn normalize_space<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    let text = ev.text_or_here(arguments, at)?;
    let words: Vec<&str> = choices(&text).collect();
    Ok(built(words.join(" ")))
}

/// Exchanges characters one for one; those without a counterpart are removed.
pub(crate) fn translate<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    let (text, from) = two(ev, arguments, at)?;
    let to: Vec<char> = ev.text(&arguments[2], at)?.chars().collect();
    let from: Vec<char> = from.chars().collect();
    ev.step((text.len() as u64).saturating_mul(from.len() as u64) / 16)?;
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match from.iter().position(|one| *one == char) {
            None => out.push(char),
            Some(place) => out.extend(to.get(place)),
        }
    }
    // One byte may become four.
    if out.len() > MAX_RESULT_BYTES { Err(EvalError::TooLong) } else { Ok(built(out)) }
}

/// The choices of a list that white space separates.
fn choices(list: &str) -> impl Iterator<Item = &str> {
    list.split(SPACES).filter(|choice| !choice.is_empty())
}

/// Whether a choice is in a list; the empty choice is in the empty list alone, as in ODK Collect.
pub(crate) fn selected<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    let (list, choice) = two(ev, arguments, at)?;
    let choice = choice.trim_matches(SPACES);
    let found = if choice.is_empty() {
        choices(&list).next().is_none()
    } else {
        choices(&list).any(|one| one == choice)
    };
    Ok(Value::Bool(found))
}

/// The choice at a place counted from 0; empty where there is none.
pub(crate) fn selected_at<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    let list = ev.text(&arguments[0], at)?;
    let place = integer(ev.number(&arguments[1], at)?).and_then(|place| usize::try_from(place).ok());
    let found = place.and_then(|place| choices(&list).nth(place));
    Ok(built(found.unwrap_or_default().to_owned()))
}

pub(crate) fn count_selected<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    Ok(count(choices(&ev.text(&arguments[0], at)?).count()))
}

/// With a pattern that is computed; constant ones are compiled when parsing.
pub(crate) fn regex<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    let (text, pattern) = two(ev, arguments, at)?;
    ev.step(1000 + pattern.len() as u64 * 50 + text.len() as u64 / 8)?;
    let pattern = Pattern::new(&pattern).map_err(EvalError::Argument)?;
    Ok(Value::Bool(pattern.matches(&text)))
}

/// Without a length a UUID, with one so many random letters and digits.
pub(crate) fn uuid<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    const SIGNS: &[u8; 36] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let Some(length) = arguments.first() else { return Ok(built(ev.host.uuid())) };
    let length = integer(ev.number(length, at)?).and_then(|length| usize::try_from(length).ok());
    let length = length.unwrap_or_default();
    if length > MAX_RESULT_BYTES {
        return Err(EvalError::TooLong);
    }
    ev.step(length as u64)?;
    let mut sign = || {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "forced into range")]
        let place = (ev.host.random() * 36.0) as usize;
        char::from(SIGNS[place.min(35)])
    };
    Ok(built((0..length).map(|_| sign()).collect()))
}
