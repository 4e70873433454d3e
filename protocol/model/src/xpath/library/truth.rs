//! Truth, choices between values and lists of conditions.

use super::{Answer, Ast, Evaluator, Point, Value};

pub(crate) fn boolean<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    Ok(Value::Bool(ev.truth(&arguments[0], at)?))
}

pub(crate) fn not<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    Ok(Value::Bool(!ev.truth(&arguments[0], at)?))
}

/// No node of our trees says its language.
pub(crate) fn lang<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    ev.text(&arguments[0], at)?;
    Ok(Value::Bool(false))
}

/// Only the branch that is taken is evaluated.
pub(crate) fn choose<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    let branch = if ev.truth(&arguments[0], at)? { 1 } else { 2 };
    ev.value(&arguments[branch], at)
}

/// The first of two values that is not empty; NaN is empty too.
pub(crate) fn coalesce<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    let first = ev.value(&arguments[0], at)?;
    let empty = match &first {
        Value::Number(number) => number.is_nan(),
        other => other.to_text(ev.tree).is_empty(),
    };
    if empty { ev.value(&arguments[1], at) } else { Ok(first) }
}

/// The value that the context node has, whether relevant or not; if it has none, that of the argument.
pub(crate) fn once<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    let stored = ev.node_text(at.node);
    if stored.is_empty() { ev.value(&arguments[0], at) } else { Ok(Value::Text(stored)) }
}

pub(crate) fn boolean_from_string<'a>(
    ev: &mut Evaluator<'a, '_>,
    arguments: &'a [Ast],
    at: Point,
) -> Answer<'a> {
    let text = ev.text(&arguments[0], at)?;
    Ok(Value::Bool(text == "1" || text == "true"))
}

/// Whether so many of the conditions hold; -1 stands for no least or no most.
pub(crate) fn checklist<'a>(ev: &mut Evaluator<'a, '_>, arguments: &'a [Ast], at: Point) -> Answer<'a> {
    let (least, most) = (ev.number(&arguments[0], at)?, ev.number(&arguments[1], at)?);
    let mut holding = 0.0;
    ev.each_value(&arguments[2..], at, &mut |_, value| {
        holding += f64::from(u8::from(value.to_bool()));
        Ok(())
    })?;
    Ok(Value::Bool(is_between(least, holding, most)))
}

/// As `checklist`, each condition followed by its weight; two sets of nodes pair up node by node.
pub(crate) fn weighted_checklist<'a>(
    ev: &mut Evaluator<'a, '_>,
    arguments: &'a [Ast],
    at: Point,
) -> Answer<'a> {
    let (least, most) = (ev.number(&arguments[0], at)?, ev.number(&arguments[1], at)?);
    let mut sum = 0.0;
    for pair in arguments[2..].chunks_exact(2) {
        let (mut conditions, mut weights) = (Vec::new(), Vec::new());
        ev.each_value(&pair[..1], at, &mut |_, value| {
            conditions.push(value.to_bool());
            Ok(())
        })?;
        ev.each_value(&pair[1..], at, &mut |ev, value| {
            weights.push(value.to_number(ev.tree, ev.offset_minutes));
            Ok(())
        })?;
        sum += conditions
            .iter()
            .zip(&weights)
            .filter(|(holds, _)| **holds)
            .map(|(_, weight)| weight)
            .sum::<f64>();
    }
    Ok(Value::Bool(is_between(least, sum, most)))
}

#[expect(clippy::float_cmp, reason = "-1 is written as such")]
fn is_between(least: f64, value: f64, most: f64) -> bool {
    (least == -1.0 || value >= least) && (most == -1.0 || value <= most)
}
