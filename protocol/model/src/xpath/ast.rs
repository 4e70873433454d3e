//! The parsed form of an expression.

use std::ops::Range;

use super::function::Function;
use super::pattern::Pattern;

/// One expression. Brackets are not kept: the shape says which operand belongs to which operator.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Ast {
    Number(f64),
    Text(Box<str>),
    Path(Path),
    /// `a | b | c`
    Union(Vec<Ast>),
    Negate(Box<Ast>),
    /// Operators of one precedence from left to right: `a + b - c`. Kept flat, so that a sum of many terms is not
    /// deeply nested.
    Chain(Box<Ast>, Vec<(Operator, Ast)>),
    Call(&'static Function, Vec<Ast>),
    /// `regex(text, 'pattern')` with a pattern that is known when parsing.
    Regex(Box<Ast>, Pattern),
    /// `jr:choice-name(value, 'path')`: the path stands in quotes, yet it is a path.
    ChoiceName(Box<Ast>, Box<Ast>),
}

impl Ast {
    /// Whether the value can be a set of nodes.
    pub(crate) fn may_be_nodes(&self) -> bool {
        match self {
            Self::Path(_) | Self::Union(_) => true,
            Self::Call(function, _) => function.returns_nodes,
            _ => false,
        }
    }

    /// The path of a start alone: `instance('x')`, `current()`.
    pub(crate) fn call(name: &str, arguments: Vec<Self>) -> Self {
        let function = Function::named(name).expect("only names of the table are given");
        Self::Call(function, arguments)
    }
}

/// A location path, or a filter expression with steps after it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Path {
    pub(crate) start: PathStart,
    pub(crate) steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum PathStart {
    /// `/`: the root of the primary document.
    Root,
    /// The context node.
    Context,
    /// `${name}` and the predicates that stand right behind it.
    Reference(Reference, Vec<Ast>),
    /// Any other expression and the predicates that stand right behind it.
    Filter(Box<Ast>, Vec<Ast>),
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Step {
    pub(crate) axis: Axis,
    pub(crate) test: Test,
    pub(crate) predicates: Vec<Ast>,
}

impl Step {
    pub(crate) fn plain(axis: Axis, test: Test) -> Self {
        Self { axis, test, predicates: Vec::new() }
    }

    /// What stands between two slashes of `//`.
    pub(crate) fn is_descent(&self) -> bool {
        self.axis == Axis::DescendantOrSelf && self.test == Test::Node && self.predicates.is_empty()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Axis {
    Child,
    Parent,
    Itself,
    Descendant,
    DescendantOrSelf,
    Ancestor,
    AncestorOrSelf,
    FollowingSibling,
    PrecedingSibling,
    /// There are no attributes: always empty.
    Attribute,
}

impl Axis {
    pub(crate) const ALL: [(&'static str, Self); 10] = [
        ("child", Self::Child),
        ("parent", Self::Parent),
        ("self", Self::Itself),
        ("descendant", Self::Descendant),
        ("descendant-or-self", Self::DescendantOrSelf),
        ("ancestor", Self::Ancestor),
        ("ancestor-or-self", Self::AncestorOrSelf),
        ("following-sibling", Self::FollowingSibling),
        ("preceding-sibling", Self::PrecedingSibling),
        ("attribute", Self::Attribute),
    ];

    pub(crate) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, axis)| *axis == self).map_or("child", |(name, _)| name)
    }

    /// Whether positions are counted against the order of the document (XPath section 2.4).
    pub(crate) fn is_reverse(self) -> bool {
        matches!(self, Self::Ancestor | Self::AncestorOrSelf | Self::PrecedingSibling)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Test {
    Name(Box<str>),
    /// `*`
    Any,
    /// `node()`
    Node,
    /// `text()`
    Text,
}

/// A binary operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Or,
    And,
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Plus,
    Minus,
    Times,
    Divide,
    Modulo,
}

impl Operator {
    /// As it is written.
    pub(crate) fn sign(self) -> &'static str {
        match self {
            Self::Or => "or",
            Self::And => "and",
            Self::Equal => "=",
            Self::Unequal => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Plus => "+",
            Self::Minus => "-",
            Self::Times => "*",
            Self::Divide => "div",
            Self::Modulo => "mod",
        }
    }

    /// How strongly it binds, from 1 (`or`) to 6 (`*`).
    pub(crate) fn precedence(self) -> u8 {
        match self {
            Self::Or => 1,
            Self::And => 2,
            Self::Equal | Self::Unequal => 3,
            Self::Less | Self::LessOrEqual | Self::Greater | Self::GreaterOrEqual => 4,
            Self::Plus | Self::Minus => 5,
            Self::Times | Self::Divide | Self::Modulo => 6,
        }
    }

    /// Whether it compares two values.
    pub(crate) fn compares(self) -> bool {
        matches!(self.precedence(), 3 | 4)
    }
}

/// A reference to a question by its name: `${age}`, `${last-saved#age}`.
#[derive(Debug, Clone)]
pub struct Reference {
    /// The name alone.
    pub name: String,
    /// Whether it means the record that was saved last, `${last-saved#name}`.
    pub last_saved: bool,
    /// Where it stands in the text, in bytes, from `$` to behind `}`.
    pub at: Range<usize>,
}

/// Two references are the same when they mean the same, wherever they stand.
impl PartialEq for Reference {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.last_saved == other.last_saved
    }
}
