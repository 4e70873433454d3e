//! The bounds that a constraint states of the answer itself.

use super::ast::{Ast, Axis, Operator, PathStart};
use super::expr::Expr;

/// The bounds of a number or of the characters of a text, both included; a bound that is absent does not bind.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Bounds {
    /// The least number.
    pub min: Option<f64>,
    /// The greatest number.
    pub max: Option<f64>,
    /// The fewest characters.
    pub min_length: Option<f64>,
    /// The most characters.
    pub max_length: Option<f64>,
}

impl Expr {
    /// What the parts of `. >= 1 and . <= 40 and string-length(.) <= 80` say; other parts say nothing. A bound that is
    /// not included, `. > 0`, is taken as the whole number next to it.
    pub fn bounds(&self) -> Bounds {
        let mut bounds = Bounds::default();
        bounds.read(&self.ast);
        bounds
    }
}

/// What a comparison is about.
#[derive(Clone, Copy)]
enum Measure {
    Number,
    Length,
}

impl Bounds {
    fn read(&mut self, ast: &Ast) {
        let Ast::Chain(first, rest) = ast else { return };
        if rest.iter().all(|(operator, _)| *operator == Operator::And) {
            self.read(first);
            for (_, part) in rest {
                self.read(part);
            }
        } else if let [(operator, right)] = rest.as_slice() {
            let forward = measure(first).zip(number(right)).map(|found| (found, *operator));
            let backward = || measure(right).zip(number(first)).map(|found| (found, mirrored(*operator)));
            if let Some(((measure, number), operator)) = forward.or_else(backward) {
                self.bind(measure, operator, number);
            }
        }
    }

    fn bind(&mut self, measure: Measure, operator: Operator, number: f64) {
        let (least, most) = match operator {
            Operator::Equal => (Some(number), Some(number)),
            Operator::Greater => (Some(number.floor() + 1.0), None),
            Operator::GreaterOrEqual => (Some(number), None),
            Operator::Less => (None, Some(number.ceil() - 1.0)),
            Operator::LessOrEqual => (None, Some(number)),
            _ => (None, None),
        };
        let (min, max) = match measure {
            Measure::Number => (&mut self.min, &mut self.max),
            Measure::Length => (&mut self.min_length, &mut self.max_length),
        };
        *min = [*min, least].into_iter().flatten().reduce(f64::max);
        *max = [*max, most].into_iter().flatten().reduce(f64::min);
    }
}

fn measure(ast: &Ast) -> Option<Measure> {
    match ast {
        _ if is_answer(ast) => Some(Measure::Number),
        Ast::Call(function, arguments) if function.name == "string-length" => {
            arguments.iter().all(is_answer).then_some(Measure::Length)
        }
        _ => None,
    }
}

/// Whether an expression is `.`.
fn is_answer(ast: &Ast) -> bool {
    let Ast::Path(path) = ast else { return false };
    let stays = path.steps.iter().all(|step| step.axis == Axis::Itself && step.predicates.is_empty());
    matches!(path.start, PathStart::Context) && stays
}

fn number(ast: &Ast) -> Option<f64> {
    match ast {
        Ast::Number(number) => Some(*number),
        Ast::Negate(operand) => number(operand).map(|number| -number),
        _ => None,
    }
}

fn mirrored(operator: Operator) -> Operator {
    match operator {
        Operator::Less => Operator::Greater,
        Operator::LessOrEqual => Operator::GreaterOrEqual,
        Operator::Greater => Operator::Less,
        Operator::GreaterOrEqual => Operator::LessOrEqual,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_those_that_every_answer_must_keep() {
        let none = Bounds::default();
        for (text, expected) in [
            (". >= 1 and . <= 40", Bounds { min: Some(1.0), max: Some(40.0), ..none }),
            ("1 <= . and 40 >= .", Bounds { min: Some(1.0), max: Some(40.0), ..none }),
            (". > 0", Bounds { min: Some(1.0), ..none }),
            (". < 0.5", Bounds { max: Some(0.0), ..none }),
            (". >= -5 and . >= 2 and . = ${x}", Bounds { min: Some(2.0), ..none }),
            ("string-length(.) <= 80", Bounds { max_length: Some(80.0), ..none }),
            ("(. >= 1 or . = 0) and . <= 9", Bounds { max: Some(9.0), ..none }),
            (". <= today()", none),
            (". >= 1 or . <= 5", none),
            ("${x} >= 1", none),
            ("regex(., 'a')", none),
        ] {
            assert_eq!(Expr::parse(text).expect("it parses").bounds(), expected, "{text}");
        }
    }
}
