//! Numbers.

use super::{Answer, Ast, Evaluated, Evaluator, Point, Value, integer};
use crate::xpath::value::number_of;

pub(crate) fn number<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    Ok(Value::Number(match arguments.first() {
        Some(argument) => ev.number(argument, at)?,
        None => number_of(&ev.node_text(at.node), ev.offset_minutes),
    }))
}

/// A function of one number.
pub(crate) fn of_one<'a>(
    ev: &mut Evaluator<'a, '_>,
    arguments: &'a [Ast],
    at: Point,
    function: fn(f64) -> f64,
) -> Answer<'a> {
    Ok(Value::Number(function(ev.number(&arguments[0], at)?)))
}

/// A function of two numbers, NaN if one of them is, whatever `powf` says of `1` and of `0`.
pub(crate) fn of_two<'a>(
    ev: &mut Evaluator<'a, '_>,
    arguments: &'a [Ast],
    at: Point,
    function: fn(f64, f64) -> f64,
) -> Answer<'a> {
    let (a, b) = (ev.number(&arguments[0], at)?, ev.number(&arguments[1], at)?);
    Ok(Value::Number(if a.is_nan() || b.is_nan() { f64::NAN } else { function(a, b) }))
}

pub(crate) fn min<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    extreme(ev, arguments, at, f64::min)
}

pub(crate) fn max<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    extreme(ev, arguments, at, f64::max)
}

/// Of all values and nodes given; NaN if there is none or one is no number.
fn extreme<'a>(
    ev: &mut Evaluator<'a, '_>,
    arguments: &'a [Ast],
    at: Point,
    better: fn(f64, f64) -> f64,
) -> Answer<'a> {
    let mut best: Option<f64> = None;
    ev.each_value(arguments, at, &mut |ev, value| {
        let number = value.to_number(ev.tree, ev.offset_minutes);
        best = Some(match best {
            Some(best) if best.is_nan() || number.is_nan() => f64::NAN,
            Some(best) => better(best, number),
            None => number,
        });
        Ok(())
    })?;
    Ok(Value::Number(best.unwrap_or(f64::NAN)))
}

/// To the nearest whole number, or so many places behind the point, or before it if negative; a half goes up.
pub(crate) fn round<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    let number = ev.number(&arguments[0], at)?;
    let Some(places) = places(ev, arguments, at)? else { return Ok(Value::Number(f64::NAN)) };
    Ok(Value::Number(rounded(number, places)))
}

/// The places to round to; nothing if they are no number or absurd.
fn places<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Evaluated<Option<i32>> {
    let Some(places) = arguments.get(1) else { return Ok(Some(0)) };
    let places = integer(ev.number(places, at)?).and_then(|places| i32::try_from(places).ok());
    Ok(places.filter(|places| (-30..=30).contains(places)))
}

/// Rounds the decimal digits that stand for a number, so that 1.005 becomes 1.01 with two places.
fn rounded(number: f64, places: i32) -> f64 {
    if !number.is_finite() {
        return number;
    }
    if places <= 0 {
        let unit = 10_f64.powi(-places);
        return (number / unit + 0.5).floor() * unit;
    }
    let text = number.abs().to_string();
    let Some((whole, fraction)) = text.split_once('.') else { return number };
    let Ok(kept) = usize::try_from(places) else { return number };
    let Some((fraction, rest)) = fraction.split_at_checked(kept) else { return number };
    let half = rest.as_bytes().first().is_some_and(|digit| *digit >= b'5');
    // Exactly one half goes up: away from zero above it, towards zero below.
    let up = half && (number > 0.0 || rest != "5");
    let Ok(digits) = format!("{whole}{fraction}").parse::<u128>() else { return number };
    let digits = digits + u128::from(up);
    let magnitude = format!("{digits}e-{kept}").parse().unwrap_or(number.abs());
    if number < 0.0 { -magnitude } else { magnitude }
}

pub(crate) fn random<'a>(ev: &mut Evaluator<'a, '_>) -> Value<'a> {
    Value::Number(ev.host.random())
}

#[cfg(test)]
mod tests {
    use super::rounded;

    #[test]
    fn halves_and_places() {
        for (number, places, expected) in [
            (2.5, 0, 3.0),
            (-2.5, 0, -2.0),
            (1.005, 2, 1.01),
            (-1.005, 2, -1.0),
            (-1.0051, 2, -1.01),
            (2.675, 2, 2.68),
            (1234.567, -2, 1200.0),
            (1250.0, -2, 1300.0),
            (-1250.0, -2, -1200.0),
            (0.1, 30, 0.1),
            (1e300, 5, 1e300),
            (5e-324, 3, 0.0),
            (0.999, 2, 1.0),
            (9_007_199_254_740_991.0, 2, 9_007_199_254_740_991.0),
        ] {
            assert!((rounded(number, places) - expected).abs() < f64::EPSILON, "{number} {places}");
        }
        assert!(rounded(f64::NAN, 1).is_nan());
    }
}
