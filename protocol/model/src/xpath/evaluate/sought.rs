//! Look-ups: `instance('worker')/root/item[name = ${person}]` asks the table for the row instead of going through all.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::super::ast::{Ast, Axis, Operator, Path, PathStart, Step, Test};
use super::super::dependencies::Volatile;
use super::super::tree::Node;
use super::super::value::Value;
use super::{Evaluated, Evaluator, Point};

/// The most texts that are asked for one by one.
const MAX_TEXTS: usize = 16;

impl<'a> Evaluator<'a, '_> {
    /// The children of a node that the first predicate of a step can let through, in order, where the tree finds them
    /// without going through all; nothing where it does not, or where the predicate is of another kind.
    pub(super) fn sought(&mut self, node: Node, step: &'a Step) -> Evaluated<Option<Vec<Node>>> {
        let (Axis::Child, Test::Name(name), [predicate, ..]) = (step.axis, &step.test, &*step.predicates)
        else {
            return Ok(None);
        };
        if node.document == 0 {
            return Ok(None);
        }
        let Some((column, wanted)) = predicate.look_up() else { return Ok(None) };
        // Without a value it has none for each child either, if there is one.
        let at = Point { node, position: 1, size: 1, in_predicate: true };
        let Ok(wanted) = self.operand(wanted, at) else { return Ok(None) };
        let texts: BTreeSet<Cow<'_, str>> = match &*wanted {
            Value::Text(text) => BTreeSet::from([text.clone()]),
            Value::Nodes(nodes) if nodes.len() <= MAX_TEXTS => {
                nodes.iter().map(|node| self.node_text(*node)).collect()
            }
            Value::Nodes(_) | Value::Number(_) | Value::Bool(_) => return Ok(None),
        };
        let mut found = Vec::new();
        for text in &texts {
            let Some(children) = self.tree.children_with(node, name, column, text) else { return Ok(None) };
            self.step(1 + children.len() as u64)?;
            found.extend(children);
        }
        if texts.len() > 1 {
            found.sort_unstable_by(|a, b| self.tree.order(*a, *b));
            found.dedup();
        }
        Ok(Some(found))
    }
}

impl Ast {
    /// The name of a child and what its text must be for this predicate to hold: `name = ${person}`, or that and more,
    /// wherever the node stands among others.
    fn look_up(&self) -> Option<(&str, &Self)> {
        let Self::Chain(first, rest) = self else { return None };
        match &**rest {
            [(Operator::Equal, second)] => equality(first, second).or_else(|| equality(second, first)),
            [(Operator::And, _), ..] if !rest.iter().any(|(_, ast)| ast.sees_position()) => {
                let Self::Chain(left, rest) = &**first else { return None };
                let [(Operator::Equal, right)] = &**rest else { return None };
                equality(left, right).or_else(|| equality(right, left))
            }
            _ => None,
        }
    }

    fn sees_position(&self) -> bool {
        let mut sees =
            matches!(self, Self::Call(function, _) if function.volatile == Some(Volatile::Position));
        self.each_child(&mut |child| sees = sees || child.sees_position());
        sees
    }
}

fn equality<'a>(child: &'a Ast, wanted: &'a Ast) -> Option<(&'a str, &'a Ast)> {
    let Ast::Path(Path { start: PathStart::Context, steps }) = child else { return None };
    let [Step { axis: Axis::Child, test: Test::Name(name), predicates }] = &**steps else { return None };
    (predicates.is_empty() && wanted.is_same_everywhere()).then_some((name, wanted))
}
