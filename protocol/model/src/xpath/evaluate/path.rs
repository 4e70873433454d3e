//! Location paths and predicates (XPath section 2).

use super::super::ast::{Ast, Axis, Path, PathStart, Step, Test};
use super::super::error::EvalError;
use super::super::tree::Node;
use super::super::value::Value;
use super::{Evaluated, Evaluator, Point};

impl<'a> Evaluator<'a, '_> {
    /// The nodes that a path leads to, in document order. Nodes of the record that are not relevant are left out at
    /// the end of the path, if only relevant ones are wanted; on the way there they count.
    pub(super) fn path(&mut self, path: &'a Path, at: Point, relevant: bool) -> Evaluated<Vec<Node>> {
        let mut nodes = match &path.start {
            PathStart::Root => vec![self.tree.root()],
            PathStart::Context => vec![at.node],
            PathStart::Reference(reference, _) => {
                return Err(EvalError::Unresolved(reference.name.clone()));
            }
            PathStart::Filter(inner, predicates) => {
                let nodes = match &**inner {
                    Ast::Path(path) => self.path(path, at, false)?,
                    inner => self.nodes(inner, at, "[…]")?,
                };
                self.filtered(nodes, predicates)?
            }
        };
        // Whether one of the nodes may stand inside of another: then children are not found in document order.
        let mut nested = nodes.len() > 1;
        for step in &path.steps {
            nodes = self.step_from(&nodes, step, &mut nested)?;
        }
        if relevant {
            self.keep_relevant(&mut nodes);
        }
        Ok(nodes)
    }

    /// Leaves out the nodes of the record that are not relevant.
    pub(super) fn keep_relevant(&self, nodes: &mut Vec<Node>) {
        nodes.retain(|node| node.document != 0 || self.tree.is_relevant(*node));
    }

    pub(super) fn union(&mut self, parts: &'a [Ast], at: Point) -> Evaluated<Vec<Node>> {
        let mut all = Vec::new();
        for part in parts {
            all.extend(self.nodes(part, at, "|")?);
        }
        self.sort(&mut all);
        Ok(all)
    }

    fn sort(&self, nodes: &mut Vec<Node>) {
        nodes.sort_by(|a, b| a.document.cmp(&b.document).then_with(|| self.tree.order(*a, *b)));
        nodes.dedup();
    }

    fn step_from(&mut self, from: &[Node], step: &'a Step, nested: &mut bool) -> Evaluated<Vec<Node>> {
        let mut found = Vec::new();
        for node in from {
            let start = found.len();
            match self.sought(*node, step)? {
                Some(sought) => found.extend(sought),
                None => self.axis(*node, step, &mut found)?,
            }
            self.step(1 + (found.len() - start) as u64)?;
            if !step.predicates.is_empty() {
                let candidates = found.split_off(start);
                found.extend(self.filtered(candidates, &step.predicates)?);
            }
            if step.axis.is_reverse() {
                found[start..].reverse();
            }
        }
        let single = from.len() <= 1;
        let keeps_order = match step.axis {
            Axis::Child | Axis::Itself | Axis::Attribute => !*nested,
            _ => single,
        };
        if !keeps_order {
            self.sort(&mut found);
        }
        *nested = match step.axis {
            Axis::Child | Axis::Itself | Axis::Attribute => *nested,
            Axis::Parent | Axis::FollowingSibling | Axis::PrecedingSibling => *nested || !single,
            _ => true,
        };
        Ok(found)
    }

    /// Adds what an axis and its test give, nearest first.
    fn axis(&mut self, node: Node, step: &'a Step, found: &mut Vec<Node>) -> Evaluated<()> {
        let tree = self.tree;
        let seen = match (step.axis, &step.test) {
            (Axis::Child, Test::Name(name)) => tree.children_named(node, name, found),
            // Texts are no nodes of their own here: a leaf with a text stands for its text.
            (Axis::Child, Test::Text) => {
                if tree.first_child(node).is_none() && !tree.text(node).is_empty() {
                    found.push(node);
                }
                1
            }
            (_, Test::Text) | (Axis::Attribute, _) => 0,
            (Axis::Child, test) => {
                self.walk(tree.first_child(node), |node| tree.next_sibling(node), test, found)?
            }
            (Axis::Itself, test) => self.walk(Some(node), |_| None, test, found)?,
            (Axis::Parent, test) => self.walk(tree.parent(node), |_| None, test, found)?,
            (Axis::Ancestor, test) => self.walk(tree.parent(node), |node| tree.parent(node), test, found)?,
            (Axis::AncestorOrSelf, test) => self.walk(Some(node), |node| tree.parent(node), test, found)?,
            (Axis::FollowingSibling, test) => {
                self.walk(tree.next_sibling(node), |node| tree.next_sibling(node), test, found)?
            }
            (Axis::PrecedingSibling, test) => {
                self.walk(tree.previous_sibling(node), |node| tree.previous_sibling(node), test, found)?
            }
            (Axis::Descendant, test) => {
                self.walk(tree.first_child(node), |at| self.next_below(node, at), test, found)?
            }
            (Axis::DescendantOrSelf, test) => {
                self.walk(Some(node), |at| self.next_below(node, at), test, found)?
            }
        };
        self.step(seen as u64)
    }

    /// Follows nodes from one to the next, keeps those that pass the test and says how many it saw. Each counts, so
    /// that a walk ends even in a tree that has a ring.
    fn walk(
        &self,
        mut next: Option<Node>,
        follow: impl Fn(Node) -> Option<Node>,
        test: &Test,
        found: &mut Vec<Node>,
    ) -> Evaluated<usize> {
        let mut seen = 0;
        while let Some(node) = next {
            seen += 1;
            if seen as u64 > self.steps_left() {
                return Err(EvalError::TooManySteps);
            }
            let passes = match test {
                Test::Name(name) => self.tree.name(node) == &**name,
                Test::Any => self.tree.parent(node).is_some(),
                Test::Node => true,
                Test::Text => false,
            };
            if passes {
                found.push(node);
            }
            next = follow(node);
        }
        Ok(seen)
    }

    /// The next node in document order that stands below `top`.
    fn next_below(&self, top: Node, at: Node) -> Option<Node> {
        if let Some(child) = self.tree.first_child(at) {
            return Some(child);
        }
        let mut node = at;
        while node != top {
            if let Some(next) = self.tree.next_sibling(node) {
                return Some(next);
            }
            node = self.tree.parent(node)?;
        }
        None
    }

    /// What passes each predicate, in the order given, which positions are counted in.
    fn filtered(&mut self, mut nodes: Vec<Node>, predicates: &'a [Ast]) -> Evaluated<Vec<Node>> {
        for predicate in predicates {
            if let Ast::Number(position) = predicate {
                nodes = at_position(&nodes, *position);
                continue;
            }
            let size = nodes.len();
            let mut kept = Vec::new();
            for (index, node) in nodes.into_iter().enumerate() {
                let at = Point { node, position: index + 1, size, in_predicate: true };
                if self.holds(predicate, at)? {
                    kept.push(node);
                }
            }
            nodes = kept;
        }
        Ok(nodes)
    }

    /// A number is compared with the position, anything else is true or false.
    #[expect(clippy::float_cmp, clippy::cast_precision_loss, reason = "positions are small whole numbers")]
    fn holds(&mut self, predicate: &'a Ast, at: Point) -> Evaluated<bool> {
        Ok(match &*self.operand(predicate, at)? {
            Value::Number(number) => *number == at.position as f64,
            other => other.to_bool(),
        })
    }
}

/// The node at a position counted from 1, if there is one.
#[expect(clippy::float_cmp, clippy::cast_precision_loss, reason = "positions are small whole numbers")]
fn at_position(nodes: &[Node], position: f64) -> Vec<Node> {
    let found = nodes.iter().enumerate().find(|(index, _)| (index + 1) as f64 == position);
    found.map(|(_, node)| *node).into_iter().collect()
}
