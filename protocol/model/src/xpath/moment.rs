//! Dates and moments as texts, in the forms of ODK.
//!
//! A date, or a moment without an offset, is local time. A number of days counts from 1970-01-01 in UTC, so that
//! the midnight that begins a day has a fraction wherever local time is not UTC; differences of dates are whole.

use std::fmt::Write as _;

use crate::types::date::{Date, format_moment, parse_moment};

const DAY_MS: f64 = 86_400_000.0;
const MINUTE_MS: i64 = 60_000;

/// The milliseconds since 1970 of `2026-03-01`, `2026-03-01T07:30`, `…:15.250`, with or without an offset.
pub(crate) fn parse(text: &str, offset_minutes: i32) -> Option<i64> {
    if text.len() < 10 || !text.is_ascii() {
        return None;
    }
    let local = i64::from(offset_minutes) * MINUTE_MS;
    let (date, rest) = text.split_at(10);
    if rest.is_empty() {
        let date: Date = date.parse().ok()?;
        return Some(i64::from(date.days()) * 86_400_000 - local);
    }
    let clock = rest.strip_prefix('T')?;
    let (time, has_offset) = clock_ms(clock)?;
    let date: Date = date.parse().ok()?;
    Some(i64::from(date.days()) * 86_400_000 + time - if has_offset { 0 } else { local })
}

/// The milliseconds since midnight in UTC of a time of day, and whether it said its offset; without one it is local.
pub(crate) fn clock_ms(clock: &str) -> Option<(i64, bool)> {
    if !clock.is_ascii() || clock.len() > 24 {
        return None;
    }
    let offset_at = clock.find(['Z', '+', '-']).unwrap_or(clock.len());
    let (time, offset) = clock.split_at(offset_at);
    let seconds = if time.len() == 5 { ":00" } else { "" };
    let full = match offset.len() {
        0 => "Z".to_owned(),
        3 => format!("{offset}:00"),
        _ => offset.to_owned(),
    };
    let ms = parse_moment(&format!("1970-01-01T{time}{seconds}{full}")).ok()?;
    Some((ms, !offset.is_empty()))
}

/// Whether a text is a time of day.
pub(crate) fn is_time(text: &str) -> bool {
    clock_ms(text).is_some()
}

/// Whether a text is a date with a time of day.
pub(crate) fn is_moment(text: &str) -> bool {
    text.len() > 10 && parse(text, 0).is_some()
}

/// Milliseconds as days with their fraction.
#[expect(clippy::cast_precision_loss, reason = "moments of the years 1 to 9999 fit 53 bits")]
pub(crate) fn days(ms: i64) -> f64 {
    ms as f64 / DAY_MS
}

/// The moment so many days after 1970, if a calendar has it.
#[expect(clippy::cast_possible_truncation, reason = "numbers out of range are sorted out before")]
pub(crate) fn from_days(days: f64) -> Option<i64> {
    // NaN is in no range.
    (-800_000.0..=3_000_000.0).contains(&days).then(|| (days * DAY_MS).round() as i64)
}

/// The local date of a moment.
pub(crate) fn local_date(ms: i64, offset_minutes: i32) -> Option<Date> {
    Date::from_days(local(ms, offset_minutes).div_euclid(86_400_000)).ok()
}

/// The milliseconds since local midnight.
pub(crate) fn local_clock(ms: i64, offset_minutes: i32) -> i64 {
    local(ms, offset_minutes).rem_euclid(86_400_000)
}

/// A moment as ODK writes it, `2026-03-01T07:30:00.250+03:00`, in local time with its offset; UTC as `Z`.
pub(crate) fn local_text(ms: i64, offset_minutes: i32) -> Option<String> {
    let mut text = format_moment(local(ms, offset_minutes))?;
    if offset_minutes != 0 {
        text.pop();
        let (sign, minutes) = (if offset_minutes < 0 { '-' } else { '+' }, offset_minutes.unsigned_abs());
        let _ = write!(text, "{sign}{:02}:{:02}", minutes / 60, minutes % 60);
    }
    Some(text)
}

fn local(ms: i64, offset_minutes: i32) -> i64 {
    ms.saturating_add(i64::from(offset_minutes) * MINUTE_MS)
}
