//! A form made ready to be filled: its expressions parsed and resolved, and in which order they are calculated.

mod beyond;
mod build;
mod documents;
mod file;
mod order;
mod records;
mod schema;
mod text;

use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};
use std::sync::Arc;

use super::{Form, RecordTarget};
use crate::access::Roles;
use crate::xpath::{Expr, ParseError};

pub(crate) use beyond::Beyond;
pub use build::stem;
pub(crate) use documents::{Documents, LAST_SAVED};
pub use file::{File, Table};
pub(crate) use records::{Known, Records};
pub(crate) use schema::{DATA, Schema};
pub(crate) use text::{Piece, pieces};

/// A form and everything that filling it needs to know beforehand. Made once for a version of a form.
#[derive(Debug)]
pub struct CompiledForm {
    pub(crate) form: Form,
    pub(crate) schema: Schema,
    /// What is calculated as soon as something changes, each behind what it depends on.
    pub(crate) rules: Vec<Rule>,
    /// The rules of each node, by place in `rules`.
    pub(crate) of_node: Vec<NodeRules>,
    /// Which rules look at each node.
    pub(crate) dependents: Vec<Vec<Dependent>>,
    /// What is calculated when somebody asks, by node.
    pub(crate) asked: Vec<Asked>,
    /// Who may answer what stands at each node.
    pub(crate) writers: Vec<Roles>,
    /// Where it is written.
    pub(crate) records: Records,
    pub(crate) documents: Arc<Documents>,
    /// Whether expressions look at what was saved last.
    pub(crate) uses_last_saved: bool,
    /// Whether expressions ask what day it is.
    pub(crate) uses_today: bool,
}

/// An expression that is calculated as soon as something that it depends on changes.
#[derive(Debug)]
pub(crate) struct Rule {
    /// The node that it belongs to.
    pub(crate) at: usize,
    pub(crate) purpose: Purpose,
    pub(crate) expr: Expr,
    /// Whether it depends on where a node stands among others.
    pub(crate) positional: bool,
    /// Whether it gives something else each time.
    pub(crate) is_fresh: bool,
    pub(crate) beyond: Beyond,
}

/// What a rule gives. The order is that of rules that do not depend on each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Purpose {
    /// How many instances a repeat has; seen from the node that the repeat stands in.
    Count,
    /// Whether a node applies.
    Relevant,
    /// The value of a node.
    Calculation,
    /// The value that a node gets when the answer of another one changes, and only then.
    Triggered,
}

/// The rules of a node.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct NodeRules {
    pub(crate) count: Option<usize>,
    pub(crate) relevant: Option<usize>,
    pub(crate) calculation: Option<usize>,
}

/// A rule that looks at a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Dependent {
    pub(crate) rule: usize,
    /// The node that both stand in: instances below another one of that do not see each other.
    pub(crate) through: usize,
}

/// Expressions of a node that are calculated when somebody asks.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    pub(crate) required: Option<Expr>,
    pub(crate) read_only: Option<Expr>,
    pub(crate) constraint: Option<Expr>,
    pub(crate) initial: Option<Expr>,
    /// The nodes of the choices that are offered.
    pub(crate) choices: Option<Expr>,
}

impl Asked {
    /// Each with what it is for.
    fn expressions(&self) -> impl Iterator<Item = (&'static str, &Expr)> {
        let all = [
            ("required", &self.required),
            ("read_only", &self.read_only),
            ("constraint", &self.constraint),
            ("default", &self.initial),
            ("choices", &self.choices),
        ];
        all.into_iter().filter_map(|(purpose, expr)| Some((purpose, expr.as_ref()?)))
    }
}

/// Why a form cannot be made ready: no form that was imported by this version has it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CompileError {
    /// An expression cannot be read.
    #[error("an expression of {element} cannot be read: {error}")]
    Expression {
        /// The name of the element.
        element: String,
        /// What is wrong with it.
        error: ParseError,
    },
    /// An expression names what is not there.
    #[error("an expression of {element} names what is not there: {name}")]
    Reference {
        /// The name of the element.
        element: String,
        /// What it names.
        name: String,
    },
}

impl CompiledForm {
    /// The form as it was published.
    pub fn form(&self) -> &Form {
        &self.form
    }

    /// The records that the form is written to, each once, and of each whether the instances of a repeat are records of
    /// their own in it. The first is that of what stands in no group of its own.
    pub fn targets(&self) -> impl Iterator<Item = (&RecordTarget, bool)> {
        self.records.targets.iter().map(|target| {
            let homes = self.records.homes(target);
            (target, homes.into_iter().any(|home| self.schema.nodes[home].is_repeat))
        })
    }

    /// The rules in the order in which they are calculated, for people.
    pub fn order(&self) -> impl Iterator<Item = String> {
        self.rules.iter().map(|rule| format!("{}: {}", self.schema.nodes[rule.at].name, rule.purpose))
    }

    /// The nodes that an expression of a node looks at.
    pub(crate) fn looked_at(&self, node: usize, expr: &Expr) -> BTreeSet<usize> {
        let nodes = order::looked_at(&self.schema, node, &expr.dependencies()).into_iter();
        nodes.map(|(node, _)| node).collect()
    }

    /// Every expression as it is evaluated, with paths in the place of references: the place of its element in the form,
    /// what it is for, and its text. That of the form itself is left out.
    pub fn expressions(&self) -> impl Iterator<Item = (usize, String, String)> {
        let rules = self.rules.iter().map(|rule| (rule.at, rule.purpose.to_string(), &rule.expr));
        let asked = self.asked.iter().enumerate();
        let asked = asked.flat_map(|(at, asked)| {
            asked.expressions().map(move |(purpose, expr)| (at, purpose.to_owned(), expr))
        });
        rules.chain(asked).filter_map(|(at, purpose, expr)| {
            Some((self.schema.nodes[at].element?, purpose, expr.to_string()))
        })
    }
}

impl Display for Purpose {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Count => "repeat_count",
            Self::Relevant => "relevant",
            Self::Calculation => "calculation",
            Self::Triggered => "calculation after its trigger",
        })
    }
}
