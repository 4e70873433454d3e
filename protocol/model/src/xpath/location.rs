//! Where a value stands, as a plain path without predicates.

use std::fmt::{self, Display, Formatter};

use super::ast::{Ast, Axis, Path, PathStart, Step, Test};

/// A path without predicates: what a reference means, or what an expression depends on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location {
    /// Where the path begins.
    pub start: LocationStart,
    /// The way from there.
    pub steps: Vec<LocationStep>,
}

/// Where a [`Location`] begins.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LocationStart {
    /// The root of the primary document; the first step is the name of its only element.
    Root,
    /// The node that the expression belongs to, or inside of a predicate the node that is looked at.
    Context,
    /// The node that the expression belongs to, inside of predicates too.
    Current,
    /// The secondary document of that name.
    Instance(String),
    /// A secondary document whose name is computed.
    AnyInstance,
}

/// One step of a [`Location`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LocationStep {
    /// The children of that name.
    Child(String),
    /// `..`
    Parent,
    /// All children, `*`.
    AnyChild,
    /// Itself and everything below, `//`.
    Descendants,
    /// What stands beside, before or above: one of the rare axes.
    Relatives,
}

impl Location {
    /// `/data/group/name`.
    pub fn absolute<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        Self { start: LocationStart::Root, steps: named(names) }
    }

    /// `../../name`: so many parents up from the current node, then down these names. It starts at the current
    /// node, so that it means the same inside of predicates.
    pub fn relative<'a>(parents: usize, names: impl IntoIterator<Item = &'a str>) -> Self {
        let mut steps = vec![LocationStep::Parent; parents];
        steps.extend(named(names));
        Self { start: LocationStart::Current, steps }
    }

    /// `instance('name')/root/…`.
    pub fn instance<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Self {
        Self { start: LocationStart::Instance(name.to_owned()), steps: named(names) }
    }

    /// The path that an expression takes there; nothing where no text says it, as with a computed name.
    pub(crate) fn path(&self) -> Option<Path> {
        let call = |name, arguments| PathStart::Filter(Box::new(Ast::call(name, arguments)), Vec::new());
        let start = match &self.start {
            LocationStart::Root => PathStart::Root,
            LocationStart::Context => PathStart::Context,
            LocationStart::Current => call("current", Vec::new()),
            LocationStart::Instance(name) if !name.contains('\'') => {
                call("instance", vec![Ast::Text(name.as_str().into())])
            }
            LocationStart::Instance(_) | LocationStart::AnyInstance => return None,
        };
        let steps = self.steps.iter().map(LocationStep::step).collect::<Option<Vec<Step>>>()?;
        match (&start, steps.is_empty()) {
            // A relative path has at least one step.
            (PathStart::Context, true) => {
                Some(Path { start, steps: vec![Step::plain(Axis::Itself, Test::Node)] })
            }
            _ => Some(Path { start, steps }),
        }
    }
}

fn named<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<LocationStep> {
    names.into_iter().map(|name| LocationStep::Child(name.to_owned())).collect()
}

impl LocationStep {
    fn step(&self) -> Option<Step> {
        Some(match self {
            Self::Child(name) => Step::plain(Axis::Child, Test::Name(name.as_str().into())),
            Self::Parent => Step::plain(Axis::Parent, Test::Node),
            Self::AnyChild => Step::plain(Axis::Child, Test::Any),
            Self::Descendants => Step::plain(Axis::DescendantOrSelf, Test::Node),
            Self::Relatives => return None,
        })
    }
}

/// As XPath; `Relatives` as `~` and a computed document as `instance(…)`, which no expression can say.
impl Display for Location {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.start {
            LocationStart::Root => {}
            LocationStart::Context => f.write_str(".")?,
            LocationStart::Current => f.write_str("current()")?,
            LocationStart::Instance(name) => write!(f, "instance('{name}')")?,
            LocationStart::AnyInstance => f.write_str("instance(…)")?,
        }
        self.steps.iter().try_for_each(|step| match step {
            LocationStep::Child(name) => write!(f, "/{name}"),
            LocationStep::Parent => f.write_str("/.."),
            LocationStep::AnyChild => f.write_str("/*"),
            LocationStep::Descendants => f.write_str("/"),
            LocationStep::Relatives => f.write_str("/~"),
        })
    }
}
