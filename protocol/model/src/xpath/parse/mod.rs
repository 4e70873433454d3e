//! From text to [`Ast`]: recursive descent over the grammar of XPath 1.0, with `${name}` as a primary expression.

mod path;
mod primary;
mod scan;

use super::ast::{Ast, Operator};
use super::error::{ParseError, ParseErrorKind};
use super::limits::MAX_TEXT_BYTES;
use scan::{Parsed, Scan};

/// Parses a whole text.
pub(super) fn parse(text: &str) -> Result<Ast, ParseError> {
    whole(Scan::new(text))
}

fn whole(mut scan: Scan<'_>) -> Parsed<Ast> {
    let text = scan.text;
    if text.len() > MAX_TEXT_BYTES {
        return scan.fail(ParseErrorKind::TooLong);
    }
    if scan.peek().is_none() {
        return scan.fail(ParseErrorKind::Empty);
    }
    let ast = scan.expression()?;
    if scan.peek().is_some() {
        return scan.unexpected();
    }
    Ok(ast)
}

impl Scan<'_> {
    /// Any expression.
    fn expression(&mut self) -> Parsed<Ast> {
        self.deeper(|scan| scan.operators(1))
    }

    /// Operands joined by operators that bind at least so strongly.
    fn operators(&mut self, weakest: u8) -> Parsed<Ast> {
        let mut left = self.unary()?;
        while let Some((operator, length)) = self.operator()? {
            if operator.precedence() < weakest {
                break;
            }
            self.at += length;
            let right = self.operators(operator.precedence() + 1)?;
            left = chained(left, operator, right);
        }
        Ok(left)
    }

    fn unary(&mut self) -> Parsed<Ast> {
        if self.take("-") {
            let operand = self.deeper(Self::unary)?;
            return Ok(Ast::Negate(Box::new(operand)));
        }
        self.union()
    }

    fn union(&mut self) -> Parsed<Ast> {
        let start = self.at;
        let first = self.path_expression()?;
        if !self.takes_bar()? {
            return Ok(first);
        }
        let mut parts = vec![self.part_of_union(start, first)?];
        loop {
            let start = self.at;
            let part = self.path_expression()?;
            parts.push(self.part_of_union(start, part)?);
            if !self.takes_bar()? {
                return Ok(Ast::Union(parts));
            }
        }
    }

    fn takes_bar(&mut self) -> Parsed<bool> {
        if self.peek() == Some('|') {
            self.refuse_foreign_sign()?;
        }
        Ok(self.take("|"))
    }

    fn part_of_union(&self, start: usize, part: Ast) -> Parsed<Ast> {
        if part.may_be_nodes() {
            return Ok(part);
        }
        let skipped = self.text[start..].len() - self.text[start..].trim_start().len();
        Err(ParseError { at: start + skipped, kind: ParseErrorKind::NotNodes { function: "|" } })
    }

    /// What is wrong when the text goes on where it should have ended.
    fn unexpected<T>(&mut self) -> Parsed<T> {
        let Some(next) = self.peek() else {
            return self.fail(ParseErrorKind::MissingOperand { before: None });
        };
        if matches!(next, ')' | ']' | '}') {
            return self.fail(ParseErrorKind::ExtraBracket(next));
        }
        self.refuse_foreign_sign()?;
        let rest = self.rest();
        for (word, write) in [("or", "or"), ("and", "and"), ("div", "div"), ("mod", "mod")] {
            if self.name_here().is_some_and(|name| name.eq_ignore_ascii_case(word)) {
                let found = rest[..word.len()].to_owned();
                return self.fail(ParseErrorKind::WriteInstead { found, write });
            }
        }
        let found = self.prefixed_name_here().map_or_else(|| next.to_string(), str::to_owned);
        self.fail(ParseErrorKind::MissingOperator(found))
    }
}

/// Joins two operands; a left operand of the same precedence is continued.
fn chained(left: Ast, operator: Operator, right: Ast) -> Ast {
    match left {
        Ast::Chain(first, mut rest)
            if rest.last().is_some_and(|(last, _)| last.precedence() == operator.precedence()) =>
        {
            rest.push((operator, right));
            Ast::Chain(first, rest)
        }
        left => Ast::Chain(Box::new(left), vec![(operator, right)]),
    }
}
