//! Reading signs and names of an expression's text.

use super::super::ast::Operator;
use super::super::error::{ParseError, ParseErrorKind};
use super::super::limits::MAX_DEPTH;

pub(super) type Parsed<T> = Result<T, ParseError>;

/// Where the parser stands in a text.
pub(super) struct Scan<'t> {
    pub(super) text: &'t str,
    pub(super) at: usize,
    pub(super) depth: usize,
}

/// Whether a name can begin with the character.
fn begins_name(char: char) -> bool {
    char.is_alphabetic() || char == '_'
}

fn continues_name(char: char) -> bool {
    char.is_alphanumeric() || matches!(char, '_' | '-' | '.') || is_combining(char)
}

/// Signs that stand on or under a letter, as in names in many scripts of Asia.
fn is_combining(char: char) -> bool {
    unicode_normalization::char::is_combining_mark(char)
}

/// Whether the whole text is one name without a colon.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(begins_name) && text.chars().all(continues_name)
}

/// The white space of XML.
pub(super) fn is_space(char: char) -> bool {
    matches!(char, ' ' | '\t' | '\r' | '\n')
}

impl<'t> Scan<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, at: 0, depth: 0 }
    }

    pub(super) fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    /// The next character behind white space, which is skipped.
    pub(super) fn peek(&mut self) -> Option<char> {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches(is_space).len();
        self.rest().chars().next()
    }

    /// Skips white space and then this sign, if it is the next.
    pub(super) fn take(&mut self, sign: &str) -> bool {
        self.peek();
        let found = self.rest().starts_with(sign);
        if found {
            self.at += sign.len();
        }
        found
    }

    /// The name at this place, without a colon; nothing if none begins here.
    pub(super) fn name_here(&self) -> Option<&'t str> {
        let rest = self.rest();
        if !rest.starts_with(begins_name) {
            return None;
        }
        let end = rest.find(|char| !continues_name(char)).unwrap_or(rest.len());
        Some(&rest[..end])
    }

    /// The name at this place with a prefix, as in `jr:itext`.
    pub(super) fn prefixed_name_here(&self) -> Option<&'t str> {
        let first = self.name_here()?;
        let after = &self.rest()[first.len()..];
        let second = after.strip_prefix(':').filter(|rest| rest.starts_with(begins_name));
        let length =
            second.map_or(0, |rest| 1 + rest.find(|char| !continues_name(char)).unwrap_or(rest.len()));
        Some(&self.rest()[..first.len() + length])
    }

    /// Runs a part of the grammar one level deeper.
    pub(super) fn deeper<T>(&mut self, part: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth == MAX_DEPTH {
            return self.fail(ParseErrorKind::TooDeep);
        }
        self.depth += 1;
        let parsed = part(self);
        self.depth -= 1;
        parsed
    }

    pub(super) fn fail<T>(&self, kind: ParseErrorKind) -> Parsed<T> {
        Err(ParseError { at: self.at, kind })
    }

    /// The operator at this place with its length in bytes; nothing if another thing stands here.
    pub(super) fn operator(&mut self) -> Parsed<Option<(Operator, usize)>> {
        let Some(next) = self.peek() else { return Ok(None) };
        if let Some(word) = self.name_here() {
            return Ok(word_operator(word).map(|operator| (operator, word.len())));
        }
        self.refuse_foreign_sign()?;
        let rest = self.rest();
        let found = match next {
            '!' if rest.starts_with("!=") => (Operator::Unequal, 2),
            '=' => (Operator::Equal, 1),
            '<' if rest.starts_with("<=") => (Operator::LessOrEqual, 2),
            '<' => (Operator::Less, 1),
            '>' if rest.starts_with(">=") => (Operator::GreaterOrEqual, 2),
            '>' => (Operator::Greater, 1),
            '+' => (Operator::Plus, 1),
            '-' => (Operator::Minus, 1),
            '*' => (Operator::Times, 1),
            _ => return Ok(None),
        };
        Ok(Some(found))
    }

    /// Says what to write where a sign of another language stands.
    pub(super) fn refuse_foreign_sign(&self) -> Parsed<()> {
        let rest = self.rest();
        if let Some(quote) = rest.chars().next().filter(|char| "“”„‟‘’‚‛«»`´".contains(*char))
        {
            return self.fail(ParseErrorKind::CurlyQuote(quote));
        }
        match FOREIGN.iter().find(|(sign, _)| rest.starts_with(sign)) {
            Some((found, write)) => {
                let found = if *found == "\u{a0}" { "a non-breaking space" } else { found };
                self.fail(ParseErrorKind::WriteInstead { found: found.to_owned(), write })
            }
            None => Ok(()),
        }
    }
}

/// Signs that other languages have, the longer ones first, and what XPath has.
const FOREIGN: [(&str, &str); 22] = [
    ("==", "="),
    ("=>", ">="),
    ("=<", "<="),
    ("<>", "!="),
    ("&&", "and"),
    ("&", "and"),
    ("||", "or"),
    ("≤", "<="),
    ("≥", ">="),
    ("≠", "!="),
    ("×", "*"),
    ("÷", "div"),
    ("%", "mod"),
    ("–", "-"),
    ("—", "-"),
    ("−", "-"),
    (";", "a comma"),
    ("\u{a0}", "an ordinary space"),
    ("{", "${name} for a question, or ( for a bracket"),
    ("#", "${name} for a question"),
    ("^", "pow(number, power)"),
    ("?", "if(condition, then, else)"),
];

fn word_operator(word: &str) -> Option<Operator> {
    match word {
        "or" => Some(Operator::Or),
        "and" => Some(Operator::And),
        "div" => Some(Operator::Divide),
        "mod" => Some(Operator::Modulo),
        _ => None,
    }
}
