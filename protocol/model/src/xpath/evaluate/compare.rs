//! The rules of comparison (XPath section 3.4). A set of nodes compares if one of its nodes does.

use std::borrow::Cow;
use std::collections::HashSet;

use super::super::ast::Operator;
use super::super::tree::Node;
use super::super::value::{Value, number_of};
use super::{Evaluated, Evaluator};

impl<'a> Evaluator<'a, '_> {
    pub(super) fn compare(
        &mut self,
        operator: Operator,
        left: &Value<'a>,
        right: &Value<'a>,
    ) -> Evaluated<bool> {
        match (left, right) {
            (Value::Nodes(left), Value::Nodes(right)) => {
                self.step((left.len() + right.len()) as u64)?;
                Ok(self.compare_nodes(operator, left, right))
            }
            (Value::Nodes(_), Value::Bool(truth)) => Ok(bools(operator, left.to_bool(), *truth)),
            (Value::Bool(truth), Value::Nodes(_)) => Ok(bools(operator, *truth, right.to_bool())),
            (Value::Nodes(nodes), single) => {
                self.step(nodes.len() as u64)?;
                Ok(nodes.iter().any(|node| self.compare_node(operator, *node, single)))
            }
            (single, Value::Nodes(nodes)) => {
                self.step(nodes.len() as u64)?;
                let turned = turned(operator);
                Ok(nodes.iter().any(|node| self.compare_node(turned, *node, single)))
            }
            _ => Ok(self.compare_single(operator, left, right)),
        }
    }

    /// A node on the left with a number or text on the right.
    fn compare_node(&self, operator: Operator, node: Node, single: &Value<'a>) -> bool {
        let text = self.node_text(node);
        match (operator, single) {
            (Operator::Equal, Value::Text(single)) => text == *single,
            (Operator::Unequal, Value::Text(single)) => text != *single,
            _ => {
                let single = single.to_number(self.tree, self.offset_minutes);
                numbers(operator, number_of(&text, self.offset_minutes), single)
            }
        }
    }

    fn compare_single(&self, operator: Operator, left: &Value<'a>, right: &Value<'a>) -> bool {
        match (operator, left, right) {
            (Operator::Equal | Operator::Unequal, Value::Bool(_), _)
            | (Operator::Equal | Operator::Unequal, _, Value::Bool(_)) => {
                bools(operator, left.to_bool(), right.to_bool())
            }
            (Operator::Equal, Value::Text(left), Value::Text(right)) => left == right,
            (Operator::Unequal, Value::Text(left), Value::Text(right)) => left != right,
            _ => {
                let number = |value: &Value<'a>| value.to_number(self.tree, self.offset_minutes);
                numbers(operator, number(left), number(right))
            }
        }
    }

    /// Whether some pair compares, without looking at each pair.
    fn compare_nodes(&self, operator: Operator, left: &[Node], right: &[Node]) -> bool {
        let text = |node: &Node| self.node_text(*node);
        match operator {
            Operator::Equal if left.len() <= 2 || right.len() <= 2 => {
                left.iter().any(|one| right.iter().any(|other| text(one) == text(other)))
            }
            Operator::Equal => {
                let texts: HashSet<Cow<'_, str>> = right.iter().map(text).collect();
                left.iter().any(|node| texts.contains(&text(node)))
            }
            // Only if both sides say one and the same text throughout is there no pair that differs.
            Operator::Unequal => {
                let Some(first) = left.first().map(text) else { return false };
                !right.is_empty() && left.iter().chain(right).any(|node| text(node) != first)
            }
            _ => {
                let values = |nodes: &[Node]| -> Vec<f64> {
                    nodes.iter().map(|node| number_of(&text(node), self.offset_minutes)).collect()
                };
                let (left, right) = (values(left), values(right));
                // NaN never compares, and `min` and `max` of f64 pass it over.
                let low = |numbers: &[f64]| numbers.iter().copied().fold(f64::NAN, f64::min);
                let high = |numbers: &[f64]| numbers.iter().copied().fold(f64::NAN, f64::max);
                match operator {
                    Operator::Less | Operator::LessOrEqual => numbers(operator, low(&left), high(&right)),
                    _ => numbers(operator, high(&left), low(&right)),
                }
            }
        }
    }
}

/// The operator that says the same with its operands exchanged.
fn turned(operator: Operator) -> Operator {
    match operator {
        Operator::Less => Operator::Greater,
        Operator::LessOrEqual => Operator::GreaterOrEqual,
        Operator::Greater => Operator::Less,
        Operator::GreaterOrEqual => Operator::LessOrEqual,
        other => other,
    }
}

fn bools(operator: Operator, left: bool, right: bool) -> bool {
    numbers(operator, f64::from(u8::from(left)), f64::from(u8::from(right)))
}

#[expect(clippy::float_cmp, reason = "XPath compares numbers exactly")]
fn numbers(operator: Operator, left: f64, right: f64) -> bool {
    match operator {
        Operator::Equal => left == right,
        Operator::Unequal => left != right,
        Operator::Less => left < right,
        Operator::LessOrEqual => left <= right,
        Operator::Greater => left > right,
        _ => left >= right,
    }
}
