//! From [`Ast`] to [`Value`].

mod compare;
mod path;
mod sought;

use std::borrow::Cow;
use std::rc::Rc;

use super::ast::{Ast, Operator};
use super::error::EvalError;
use super::expr::Expr;
use super::limits::{MAX_RESULT_BYTES, MAX_STEPS};
use super::tree::{Context, Host, Node, Tree};
use super::value::Value;

/// What an evaluation gives.
pub(crate) type Evaluated<T> = Result<T, EvalError>;

/// The context of a part of an expression (XPath section 1).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Point {
    pub(super) node: Node,
    pub(super) position: usize,
    pub(super) size: usize,
    /// Whether a predicate is being evaluated, which many nodes go through.
    pub(super) in_predicate: bool,
}

pub(crate) struct Evaluator<'a, 'h> {
    pub(super) tree: &'a dyn Tree,
    pub(super) host: &'h mut dyn Host,
    pub(super) current: Node,
    pub(super) offset_minutes: i32,
    steps: u64,
    /// Parts of predicates that are the same for each node, by their address, with their value; nothing for parts
    /// that are known to differ.
    memo: Vec<(usize, Option<Rc<Value<'a>>>)>,
}

impl Expr {
    /// The value, seen from a node. References must have been resolved.
    pub fn evaluate<'a>(&'a self, tree: &'a dyn Tree, context: Context<'_>) -> Result<Value<'a>, EvalError> {
        let Context { node, host } = context;
        let offset_minutes = host.offset_minutes();
        let mut evaluator =
            Evaluator { tree, host, current: node, offset_minutes, steps: 0, memo: Vec::new() };
        evaluator.value(&self.ast, Point { node, position: 1, size: 1, in_predicate: false })
    }
}

impl<'a> Evaluator<'a, '_> {
    pub(super) fn value(&mut self, ast: &'a Ast, at: Point) -> Evaluated<Value<'a>> {
        self.step(1)?;
        Ok(match ast {
            Ast::Number(number) => Value::Number(*number),
            Ast::Text(text) => Value::Text(Cow::Borrowed(text)),
            Ast::Path(path) => {
                let mut nodes = self.path(path, at, false)?;
                let found = !nodes.is_empty();
                self.keep_relevant(&mut nodes);
                // A question that is not relevant counts as one without an answer, not as none.
                if found && nodes.is_empty() { Value::Text(Cow::Borrowed("")) } else { Value::Nodes(nodes) }
            }
            Ast::Union(parts) => Value::Nodes(self.union(parts, at)?),
            Ast::Negate(operand) => Value::Number(-self.number(operand, at)?),
            Ast::Chain(first, rest) => self.chain(first, rest, at)?,
            Ast::Call(function, arguments) => (function.run)(self, arguments, at)?,
            Ast::Regex(text, pattern) => {
                let text = self.text(text, at)?;
                self.step(text.len() as u64 / 8)?;
                Value::Bool(pattern.matches(&text))
            }
            Ast::ChoiceName(value, path) => self.choice_name(value, path, at)?,
        })
    }

    fn chain(&mut self, first: &'a Ast, rest: &'a [(Operator, Ast)], at: Point) -> Evaluated<Value<'a>> {
        let Some((operator, _)) = rest.first() else { return self.value(first, at) };
        match operator {
            Operator::Or | Operator::And => {
                let decided = *operator == Operator::Or;
                let mut truth = self.truth(first, at)?;
                for (_, operand) in rest {
                    if truth == decided {
                        break;
                    }
                    truth = self.truth(operand, at)?;
                }
                Ok(Value::Bool(truth))
            }
            _ if operator.compares() => {
                let mut left = self.operand(first, at)?;
                for (operator, operand) in rest {
                    let right = self.operand(operand, at)?;
                    left = Rc::new(Value::Bool(self.compare(*operator, &left, &right)?));
                }
                Ok(Rc::unwrap_or_clone(left))
            }
            _ => {
                let mut number = self.number(first, at)?;
                for (operator, operand) in rest {
                    let right = self.number(operand, at)?;
                    number = match operator {
                        Operator::Plus => number + right,
                        Operator::Minus => number - right,
                        Operator::Times => number * right,
                        Operator::Divide => number / right,
                        _ => number % right,
                    };
                }
                Ok(Value::Number(number))
            }
        }
    }

    /// The value of an operand or argument. In a predicate, one that does not depend on the node is found once.
    pub(super) fn operand(&mut self, ast: &'a Ast, at: Point) -> Evaluated<Rc<Value<'a>>> {
        if !at.in_predicate || matches!(ast, Ast::Number(_) | Ast::Text(_)) {
            return self.value(ast, at).map(Rc::new);
        }
        let key = std::ptr::from_ref(ast).addr();
        if let Some((_, known)) = self.memo.iter().find(|(address, _)| *address == key) {
            if let Some(value) = known {
                self.steps += 1;
                return Ok(Rc::clone(value));
            }
            return self.value(ast, at).map(Rc::new);
        }
        let value = Rc::new(self.value(ast, at)?);
        let same = ast.is_same_everywhere().then(|| Rc::clone(&value));
        self.memo.push((key, same));
        Ok(value)
    }

    pub(super) fn text(&mut self, ast: &'a Ast, at: Point) -> Evaluated<Cow<'a, str>> {
        let text = if at.in_predicate {
            self.operand(ast, at)?.to_text(self.tree)
        } else {
            match self.value(ast, at)? {
                Value::Text(text) => text,
                other => other.to_text(self.tree),
            }
        };
        self.step(text.len() as u64 / 64)?;
        Ok(text)
    }

    pub(super) fn number(&mut self, ast: &'a Ast, at: Point) -> Evaluated<f64> {
        if let Ast::Number(number) = ast {
            return Ok(*number);
        }
        let (tree, offset_minutes) = (self.tree, self.offset_minutes);
        Ok(if at.in_predicate {
            self.operand(ast, at)?.to_number(tree, offset_minutes)
        } else {
            self.value(ast, at)?.to_number(tree, offset_minutes)
        })
    }

    pub(super) fn truth(&mut self, ast: &'a Ast, at: Point) -> Evaluated<bool> {
        Ok(self.value(ast, at)?.to_bool())
    }

    /// The nodes of an argument that must be a set of nodes.
    pub(super) fn nodes(&mut self, ast: &'a Ast, at: Point, function: &'static str) -> Evaluated<Vec<Node>> {
        if let Ast::Path(path) = ast {
            self.step(1)?;
            return self.path(path, at, true);
        }
        match self.value(ast, at)? {
            Value::Nodes(nodes) => Ok(nodes),
            _ => Err(EvalError::NotNodes(function)),
        }
    }

    /// The nodes of an argument, those that are not relevant too: for questions of place, not of content.
    pub(super) fn all_nodes(
        &mut self,
        ast: &'a Ast,
        at: Point,
        function: &'static str,
    ) -> Evaluated<Vec<Node>> {
        match ast {
            Ast::Path(path) => self.path(path, at, false),
            other => self.nodes(other, at, function),
        }
    }

    /// The text of a node. Irrelevant nodes are no part of any value, so nobody asks for theirs.
    pub(super) fn node_text(&self, node: Node) -> Cow<'a, str> {
        self.tree.text(node)
    }

    /// Counts work done.
    pub(super) fn step(&mut self, work: u64) -> Evaluated<()> {
        self.steps = self.steps.saturating_add(work);
        if self.steps > MAX_STEPS { Err(EvalError::TooManySteps) } else { Ok(()) }
    }

    /// How much work may still be done.
    fn steps_left(&self) -> u64 {
        MAX_STEPS.saturating_sub(self.steps)
    }

    /// Adds to a text that an evaluation builds.
    pub(super) fn append(&mut self, text: &mut String, more: &str) -> Evaluated<()> {
        self.step(1 + more.len() as u64 / 64)?;
        if text.len() + more.len() > MAX_RESULT_BYTES {
            return Err(EvalError::TooLong);
        }
        text.push_str(more);
        Ok(())
    }

    fn choice_name(&mut self, value: &'a Ast, path: &'a Ast, at: Point) -> Evaluated<Value<'a>> {
        let value = self.text(value, at)?;
        let question = self.all_nodes(path, at, "jr:choice-name")?;
        let label = question.first().and_then(|node| self.host.choice_label(*node, &value));
        Ok(Value::Text(Cow::Owned(label.unwrap_or_default())))
    }
}

impl Ast {
    /// Whether the value is the same for each node of a predicate: it looks at nothing but the document, the current
    /// node and constants.
    fn is_same_everywhere(&self) -> bool {
        use super::ast::{Path, PathStart};
        let starts_here = match self {
            Self::Path(Path { start, .. }) => {
                // Predicates of a path have their own context; what matters is where the path starts.
                return match start {
                    PathStart::Root => true,
                    PathStart::Context | PathStart::Reference(..) => false,
                    PathStart::Filter(inner, _) => inner.is_same_everywhere(),
                };
            }
            Self::Call(function, arguments) => {
                function.volatile.is_some() || (arguments.is_empty() && function.sees_context)
            }
            _ => false,
        };
        let mut same = !starts_here;
        self.each_child(&mut |child| same = same && child.is_same_everywhere());
        same
    }
}
