//! Dates and times. A value that is no date gives an empty text or NaN, never an error.

use super::{Answer, Ast, Evaluated, Evaluator, Point, Value, built};
use crate::types::date::Date;
use crate::xpath::moment;

pub(crate) fn today<'a>(ev: &mut Evaluator<'a, '_>) -> Value<'a> {
    let now = ev.host.now();
    let date = moment::local_date(now, ev.offset_minutes);
    built(date.map(|date| date.to_string()).unwrap_or_default())
}

pub(crate) fn now<'a>(ev: &mut Evaluator<'a, '_>) -> Value<'a> {
    let now = ev.host.now();
    built(moment::local_text(now, ev.offset_minutes).unwrap_or_default())
}

/// What a value says of time.
enum When {
    Day(Date),
    Moment(i64),
}

/// The date or moment of a value: a text in one of ODK's forms, or a number of days, where a whole number is a day
/// of the calendar and any other a moment.
fn when<'a>(ev: &mut Evaluator<'a, '_>, argument: &'a Ast, at: Point) -> Evaluated<Option<When>> {
    let value = ev.value(argument, at)?;
    Ok(match &value {
        Value::Number(number) => {
            let Some(ms) = moment::from_days(*number) else { return Ok(None) };
            if number.fract() == 0.0 {
                Date::from_days(ms.div_euclid(86_400_000)).ok().map(When::Day)
            } else {
                Some(When::Moment(ms))
            }
        }
        Value::Bool(_) => None,
        text => {
            let text = text.to_text(ev.tree);
            if let Some(day) = loose_date(&text) {
                Some(When::Day(day))
            } else {
                moment::parse(&text, ev.offset_minutes).map(When::Moment)
            }
        }
    })
}

/// A date whose month and day may have one digit, `2026-3-2`.
fn loose_date(text: &str) -> Option<Date> {
    let mut parts = text.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let is_number = |text: &str, longest: usize| {
        (1..=longest).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    if parts.next().is_some()
        || year.len() != 4
        || !is_number(year, 4)
        || !is_number(month, 2)
        || !is_number(day, 2)
    {
        return None;
    }
    Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?).ok()
}

impl When {
    /// Milliseconds since 1970; a day begins at its local midnight.
    fn ms(&self, offset_minutes: i32) -> i64 {
        match self {
            Self::Day(date) => (i64::from(date.days()) * 1440 - i64::from(offset_minutes)) * 60_000,
            Self::Moment(ms) => *ms,
        }
    }

    fn date(&self, offset_minutes: i32) -> Option<Date> {
        match self {
            Self::Day(date) => Some(*date),
            Self::Moment(ms) => moment::local_date(*ms, offset_minutes),
        }
    }
}

pub(crate) fn date<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    let date = when(ev, &arguments[0], at)?.and_then(|when| when.date(ev.offset_minutes));
    Ok(built(date.map(|date| date.to_string()).unwrap_or_default()))
}

pub(crate) fn date_time<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    let when = when(ev, &arguments[0], at)?;
    let text = when.and_then(|when| moment::local_text(when.ms(ev.offset_minutes), ev.offset_minutes));
    Ok(built(text.unwrap_or_default()))
}

pub(crate) fn decimal_date_time<'a>(
    ev: &mut Evaluator<'a, '_>,
    arguments: &'a [Ast],
    at: Point,
) -> Answer<'a> {
    let value = ev.value(&arguments[0], at)?;
    if let Value::Number(number) = value {
        return Ok(Value::Number(number));
    }
    let when = when(ev, &arguments[0], at)?;
    Ok(Value::Number(when.map_or(f64::NAN, |when| moment::days(when.ms(ev.offset_minutes)))))
}

/// The part of the local day that has passed at a time, or at the time of a moment.
pub(crate) fn decimal_time<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    let text = ev.text(&arguments[0], at)?;
    let local = i64::from(ev.offset_minutes) * 60_000;
    let ms = match moment::clock_ms(&text) {
        Some((ms, has_offset)) => Some(ms - if has_offset { 0 } else { local }),
        None => when(ev, &arguments[0], at)?.map(|when| when.ms(ev.offset_minutes)),
    };
    let clock = ms.map(|ms| moment::days(moment::local_clock(ms, ev.offset_minutes)));
    Ok(Value::Number(clock.unwrap_or(f64::NAN)))
}

/// `%Y` and the like of a date or moment in local time; other signs stand for themselves.
pub(crate) fn format<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    let Some(when) = when(ev, &arguments[0], at)? else { return Ok(built(String::new())) };
    let format = ev.text(&arguments[1], at)?;
    let Some(date) = when.date(ev.offset_minutes) else { return Ok(built(String::new())) };
    let clock = moment::local_clock(when.ms(ev.offset_minutes), ev.offset_minutes);
    let mut text = String::new();
    let mut rest = format.chars();
    while let Some(sign) = rest.next() {
        let known = if sign == '%' { rest.clone().next() } else { None };
        match known.and_then(|letter| field(ev, letter, date, clock)) {
            Some(field) => {
                rest.next();
                ev.append(&mut text, &field)?;
            }
            None => ev.append(&mut text, sign.encode_utf8(&mut [0; 4]))?,
        }
    }
    Ok(built(text))
}

fn field(ev: &mut Evaluator<'_, '_>, letter: char, date: Date, clock_ms: i64) -> Option<String> {
    let (year, month, day) = date.parts();
    let minutes = clock_ms / 60_000;
    Some(match letter {
        'Y' => format!("{year:04}"),
        'y' => format!("{:02}", year % 100),
        'm' => format!("{month:02}"),
        'n' => month.to_string(),
        'b' => ev.host.month_name(month),
        'd' => format!("{day:02}"),
        'e' => day.to_string(),
        // 1 January 1970 was a Thursday.
        'a' => ev.host.weekday_name((date.days() + 4).rem_euclid(7).unsigned_abs()),
        'H' => format!("{:02}", minutes / 60),
        'h' => (minutes / 60).to_string(),
        'M' => format!("{:02}", minutes % 60),
        'S' => format!("{:02}", clock_ms / 1000 % 60),
        '3' => format!("{:03}", clock_ms % 1000),
        '%' => "%".to_owned(),
        _ => return None,
    })
}
