//! Literals, references, brackets and function calls.

use super::super::ast::{Ast, Reference};
use super::super::error::{ParseError, ParseErrorKind};
use super::super::function::Function;
use super::super::pattern::Pattern;
use super::scan::{Parsed, Scan, is_name, is_space};
use super::whole;

impl Scan<'_> {
    /// What stands in brackets, the opening one already read at `open`.
    pub(super) fn bracketed(&mut self, open: usize) -> Parsed<Ast> {
        let ast = self.expression()?;
        self.close(open, '(', ")")?;
        Ok(ast)
    }

    /// Reads the closing bracket for the one at `open`.
    pub(super) fn close(&mut self, open: usize, opening: char, closing: &str) -> Parsed<()> {
        if self.take(closing) {
            Ok(())
        } else if self.peek().is_none() {
            Err(ParseError { at: open, kind: ParseErrorKind::OpenBracket(opening) })
        } else {
            self.unexpected()
        }
    }

    /// A text in quotes; a reference inside is refused, because nobody would replace it.
    pub(super) fn literal(&mut self, quote: char) -> Parsed<Ast> {
        let start = self.at;
        let text = self.quoted(quote)?;
        if let Some(inside) = reference_inside(text) {
            let at = start + 1 + inside;
            return Err(ParseError { at, kind: ParseErrorKind::ReferenceInText });
        }
        Ok(Ast::Text(text.into()))
    }

    fn quoted(&mut self, quote: char) -> Parsed<&str> {
        let inside = &self.rest()[1..];
        let Some(length) = inside.find(quote) else {
            return self.fail(ParseErrorKind::OpenText(quote));
        };
        self.at += length + 2;
        Ok(&inside[..length])
    }

    /// A scan of the text in quotes, which counts its depth on from here.
    fn nested(&mut self, quote: char) -> Parsed<Scan<'_>> {
        let depth = self.depth;
        let mut scan = Scan::new(self.quoted(quote)?);
        scan.depth = depth;
        Ok(scan)
    }

    pub(super) fn number(&mut self) -> Parsed<Ast> {
        let rest = self.rest();
        let length = rest.find(|char: char| !char.is_ascii_digit() && char != '.').unwrap_or(rest.len());
        let digits = &rest[..length];
        let number = digits.parse::<f64>().ok().filter(|number| number.is_finite());
        let Some(number) = number.filter(|_| digits.matches('.').count() <= 1) else {
            return self.fail(ParseErrorKind::Number(digits.chars().take(40).collect()));
        };
        self.at += length;
        Ok(Ast::Number(number))
    }

    pub(super) fn reference(&mut self) -> Parsed<Reference> {
        let start = self.at;
        let Some(inside) = self.rest().strip_prefix("${") else {
            return self.fail(ParseErrorKind::WriteInstead {
                found: "$".to_owned(),
                write: "${name} for a question",
            });
        };
        let Some(length) = inside.find('}') else {
            return self.fail(ParseErrorKind::OpenReference);
        };
        let written = &inside[..length];
        let (last_saved, name) = match written.strip_prefix("last-saved#") {
            Some(name) => (true, name),
            None => (false, written),
        };
        if !is_name(name) {
            // An opening without an end swallows the next one's end; say what is really missing.
            let kind = if inside[..length].contains("${") {
                ParseErrorKind::OpenReference
            } else {
                ParseErrorKind::ReferenceName(written.chars().take(80).collect())
            };
            return self.fail(kind);
        }
        self.at += 2 + length + 1;
        Ok(Reference { name: name.to_owned(), last_saved, at: start..self.at })
    }

    /// A call, with the name already known to be followed by a bracket.
    pub(super) fn call(&mut self, name: &str) -> Parsed<Ast> {
        let start = self.at;
        let Some(function) = Function::named(name) else {
            let nearest = Function::nearest(name);
            return self.fail(ParseErrorKind::UnknownFunction { name: name.to_owned(), nearest });
        };
        self.at += name.len();
        self.peek();
        let open = self.at;
        self.at += 1;
        let mut arguments = Vec::new();
        if !self.take(")") {
            loop {
                arguments.push(self.argument(function, arguments.len())?);
                if !self.take(",") {
                    break;
                }
            }
            self.close(open, '(', ")")?;
        }
        if !function.takes(arguments.len()) {
            let kind = ParseErrorKind::Arguments {
                function: function.name,
                takes: function.arguments(),
                given: arguments.len(),
            };
            return Err(ParseError { at: start, kind });
        }
        Ok(finished(function, arguments))
    }

    fn argument(&mut self, function: &'static Function, index: usize) -> Parsed<Ast> {
        self.peek();
        let start = self.at;
        let at_start = |kind| ParseError { at: start, kind };
        if let (Some(quote @ ('\'' | '"')), "jr:choice-name", 1) = (self.peek(), function.name, index) {
            let path = whole(self.nested(quote)?)
                .map_err(|error| ParseError { at: start + 1 + error.at, kind: error.kind })?;
            return if path.may_be_nodes() {
                Ok(shifted(path, start + 1))
            } else {
                Err(at_start(ParseErrorKind::NotNodes { function: function.name }))
            };
        }
        let argument = self.expression()?;
        let wants_nodes = function.nodes.contains(&index)
            || (function.name == "indexed-repeat" && index % 2 == 1)
            || (function.name == "jr:choice-name" && index == 1);
        if wants_nodes && !argument.may_be_nodes() {
            return Err(at_start(ParseErrorKind::NotNodes { function: function.name }));
        }
        if let (Ast::Text(pattern), "regex", 1) = (&argument, function.name, index) {
            Pattern::new(pattern).map_err(|reason| at_start(ParseErrorKind::Pattern(reason)))?;
        }
        Ok(argument)
    }
}

/// The call as a tree; the two functions with arguments of a special kind get a shape of their own.
fn finished(function: &'static Function, mut arguments: Vec<Ast>) -> Ast {
    match (function.name, arguments.as_slice()) {
        ("jr:choice-name", [_, _]) => {
            let path = arguments.remove(1);
            Ast::ChoiceName(Box::new(arguments.remove(0)), Box::new(path))
        }
        ("regex", [_, Ast::Text(text)]) => match Pattern::new(text) {
            Ok(pattern) => Ast::Regex(Box::new(arguments.remove(0)), pattern),
            Err(_) => Ast::Call(function, arguments),
        },
        _ => Ast::Call(function, arguments),
    }
}

/// Where `${name}` stands inside of a quoted text.
fn reference_inside(text: &str) -> Option<usize> {
    text.match_indices("${").map(|(at, _)| at).find(|at| {
        let inside = &text[at + 2..];
        inside.find('}').is_some_and(|end| {
            let name = inside[..end].trim_matches(is_space);
            is_name(name.strip_prefix("last-saved#").unwrap_or(name))
        })
    })
}

/// The same tree with its references so many bytes further on.
fn shifted(mut ast: Ast, by: usize) -> Ast {
    ast.each_reference_mut(&mut |reference| {
        reference.at = reference.at.start + by..reference.at.end + by;
    });
    ast
}
