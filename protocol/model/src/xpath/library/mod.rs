//! The functions. Each takes its arguments unevaluated and the context they are evaluated in.

pub(super) mod digest;
pub(super) mod nodes;
pub(super) mod number;
pub(super) mod place;
pub(super) mod text;
pub(super) mod time;
pub(super) mod truth;

use std::borrow::Cow;

use super::ast::Ast;
use super::error::EvalError;
use super::evaluate::{Evaluated, Evaluator, Point};
use super::tree::Node;
use super::value::Value;

/// What a function gives.
type Answer<'a> = Evaluated<Value<'a>>;

/// The value of a function that builds a text.
fn built<'a>(text: String) -> Value<'a> {
    Value::Text(Cow::Owned(text))
}

impl<'a> Evaluator<'a, '_> {
    /// The text of the first argument, or of the context node if there is none.
    fn text_or_here(&mut self, arguments: &'a [Ast], at: Point) -> Evaluated<Cow<'a, str>> {
        match arguments.first() {
            Some(argument) => self.text(argument, at),
            None => Ok(self.node_text(at.node)),
        }
    }

    /// Each value of some arguments: every node of a set of nodes, single values as they are.
    fn each_value(
        &mut self,
        arguments: &'a [Ast],
        at: Point,
        visit: &mut dyn FnMut(&mut Self, Value<'a>) -> Evaluated<()>,
    ) -> Evaluated<()> {
        for argument in arguments {
            match self.value(argument, at)? {
                Value::Nodes(nodes) => {
                    for node in nodes {
                        let text = self.node_text(node);
                        self.step(1)?;
                        visit(self, Value::Text(text))?;
                    }
                }
                single => visit(self, single)?,
            }
        }
        Ok(())
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn count<'a>(count: usize) -> Value<'a> {
    Value::Number(count as f64)
}

/// A number of places or characters as an integer; nothing for NaN. Numbers out of range become the nearest.
#[expect(clippy::cast_possible_truncation, reason = "casts of floats saturate")]
fn integer(number: f64) -> Option<i64> {
    (!number.is_nan()).then_some(number as i64)
}
