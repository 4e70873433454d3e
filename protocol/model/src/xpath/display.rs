//! From [`Ast`] back to text that parses to the same tree.

use std::fmt::{self, Display, Formatter, Write as _};

use super::ast::{Ast, Axis, Path, PathStart, Reference, Step, Test};
use super::value::number_text;

/// How strongly a unary minus binds, above all binary operators.
const UNARY: u8 = 7;
/// How strongly `|` binds.
const UNION: u8 = 8;
/// How strongly paths, calls and literals hold together.
const PRIMARY: u8 = 9;

impl Display for Ast {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => f.write_str(&number_text(*number)),
            Self::Text(text) => quoted(f, text),
            Self::Path(path) => path.fmt(f),
            Self::Union(parts) => {
                for (index, part) in parts.iter().enumerate() {
                    f.write_str(if index == 0 { "" } else { " | " })?;
                    operand(f, part, PRIMARY)?;
                }
                Ok(())
            }
            Self::Negate(inner) => {
                f.write_char('-')?;
                operand(f, inner, UNARY)
            }
            Self::Chain(first, rest) => {
                let own = precedence(self);
                operand(f, first, own)?;
                rest.iter().try_for_each(|(operator, right)| {
                    write!(f, " {} ", operator.sign())?;
                    operand(f, right, own + 1)
                })
            }
            Self::Call(function, arguments) => {
                write!(f, "{}(", function.name)?;
                for (index, argument) in arguments.iter().enumerate() {
                    write!(f, "{}{argument}", if index == 0 { "" } else { ", " })?;
                }
                f.write_char(')')
            }
            Self::Regex(text, pattern) => {
                write!(f, "regex({text}, ")?;
                quoted(f, &pattern.text)?;
                f.write_char(')')
            }
            // Any path may stand there without quotes, too.
            Self::ChoiceName(value, path) => write!(f, "jr:choice-name({value}, {path})"),
        }
    }
}

fn quoted(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    let quote = if text.contains('\'') { '"' } else { '\'' };
    write!(f, "{quote}{text}{quote}")
}

fn precedence(ast: &Ast) -> u8 {
    match ast {
        Ast::Chain(_, rest) => rest.first().map_or(PRIMARY, |(operator, _)| operator.precedence()),
        Ast::Negate(_) => UNARY,
        Ast::Union(_) => UNION,
        _ => PRIMARY,
    }
}

/// An operand, in brackets where it would fall apart without.
fn operand(f: &mut Formatter<'_>, ast: &Ast, at_least: u8) -> fmt::Result {
    // What follows a slash alone would be read as its first step.
    let slash = matches!(ast, Ast::Path(Path { start: PathStart::Root, steps }) if steps.is_empty());
    if slash || precedence(ast) < at_least { write!(f, "({ast})") } else { ast.fmt(f) }
}

impl Display for Path {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.start {
            PathStart::Root if self.steps.is_empty() => f.write_char('/')?,
            PathStart::Root | PathStart::Context => {}
            PathStart::Reference(reference, _) => reference.fmt(f)?,
            PathStart::Filter(inner, _) if matches!(**inner, Ast::Call(..)) => inner.fmt(f)?,
            PathStart::Filter(inner, _) => write!(f, "({inner})")?,
        }
        predicates(f, self.start_predicates())?;
        let mut slash = self.start != PathStart::Context;
        for (index, step) in self.steps.iter().enumerate() {
            // `//` stands between two steps; at the end, or at the start of a relative path, the axis is written out.
            let between = slash && index + 1 < self.steps.len() && step.is_descent();
            f.write_str(if slash { "/" } else { "" })?;
            if !between {
                step.fmt(f)?;
            }
            slash = true;
        }
        Ok(())
    }
}

impl Display for Step {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match (self.axis, &self.test) {
            (Axis::Parent, Test::Node) => f.write_str("..")?,
            (Axis::Itself, Test::Node) => f.write_str(".")?,
            (Axis::Child, test) => test.fmt(f)?,
            (Axis::Attribute, test) => write!(f, "@{test}")?,
            (axis, test) => write!(f, "{}::{test}", axis.name())?,
        }
        predicates(f, &self.predicates)
    }
}

fn predicates(f: &mut Formatter<'_>, predicates: &[Ast]) -> fmt::Result {
    predicates.iter().try_for_each(|predicate| write!(f, "[{predicate}]"))
}

impl Display for Test {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name(name) => name,
            Self::Any => "*",
            Self::Node => "node()",
            Self::Text => "text()",
        })
    }
}

impl Display for Reference {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let prefix = if self.last_saved { "last-saved#" } else { "" };
        write!(f, "${{{prefix}{}}}", self.name)
    }
}
