//! Values and how one kind becomes another (XPath section 4, and ODK's dates).

use std::borrow::Cow;

use super::moment;
use super::tree::{Node, Tree};

/// The value of an expression. It borrows from the expression and the tree where it can.
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// Nodes, each once, in the order of the document; `randomize()` alone gives another order.
    Nodes(Vec<Node>),
    /// A number, which may be NaN or infinite.
    Number(f64),
    /// A text; dates and times are texts.
    Text(Cow<'a, str>),
    /// True or false.
    Bool(bool),
}

impl<'a> Value<'a> {
    /// The same value with texts of its own.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Self::Nodes(nodes) => Value::Nodes(nodes),
            Self::Number(number) => Value::Number(number),
            Self::Text(text) => Value::Text(Cow::Owned(text.into_owned())),
            Self::Bool(truth) => Value::Bool(truth),
        }
    }

    /// As `string()` does: of nodes, the text of the first.
    pub fn to_text(&self, tree: &'a dyn Tree) -> Cow<'a, str> {
        match self {
            Self::Nodes(nodes) => nodes.first().map_or(Cow::Borrowed(""), |node| tree.text(*node)),
            Self::Number(number) => Cow::Owned(number_text(*number)),
            Self::Text(text) => text.clone(),
            Self::Bool(truth) => Cow::Borrowed(if *truth { "true" } else { "false" }),
        }
    }

    /// As `number()` does. A date counts as its days since 1970, from midnight where local time is so many minutes
    /// ahead of UTC.
    pub fn to_number(&self, tree: &dyn Tree, offset_minutes: i32) -> f64 {
        match self {
            Self::Nodes(nodes) => {
                nodes.first().map_or(f64::NAN, |node| number_of(&tree.text(*node), offset_minutes))
            }
            Self::Number(number) => *number,
            Self::Text(text) => number_of(text, offset_minutes),
            Self::Bool(truth) => f64::from(u8::from(*truth)),
        }
    }

    /// As `boolean()` does: whether there is a node, a number other than zero, a text.
    pub fn to_bool(&self) -> bool {
        match self {
            Self::Nodes(nodes) => !nodes.is_empty(),
            Self::Number(number) => *number != 0.0 && !number.is_nan(),
            Self::Text(text) => !text.is_empty(),
            Self::Bool(truth) => *truth,
        }
    }
}

/// A number as text, without an exponent (XPath section 4.2).
pub fn number_text(number: f64) -> String {
    if number.is_nan() {
        "NaN".to_owned()
    } else if number.is_infinite() {
        if number > 0.0 { "Infinity".to_owned() } else { "-Infinity".to_owned() }
    } else if number == 0.0 {
        "0".to_owned()
    } else {
        number.to_string()
    }
}

/// The number that a text says, in the grammar of XPath with a minus sign and white space allowed; the days since
/// 1970 of a date or moment; otherwise NaN.
pub(crate) fn number_of(text: &str, offset_minutes: i32) -> f64 {
    let text = text.trim_matches([' ', '\t', '\r', '\n']);
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.starts_with(|char: char| char.is_ascii_digit() || char == '.')
        && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
    {
        return text.parse().unwrap_or(f64::NAN);
    }
    moment::parse(text, offset_minutes).map_or(f64::NAN, moment::days)
}
