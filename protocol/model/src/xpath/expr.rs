//! A parsed expression and what can be asked of it without a tree.

use std::fmt::{self, Display, Formatter};

use super::ast::{Ast, Axis, Path, PathStart, Reference, Step, Test};
use super::dependencies::Dependencies;
use super::error::ParseError;
use super::location::Location;
use super::parse::parse;

/// A parsed expression. Two are equal when they mean the same by their form: white space, needless brackets and
/// places do not count.
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    pub(crate) ast: Ast,
}

/// A reference and the surroundings that decide which path it becomes.
#[derive(Debug, Clone, Copy)]
pub struct ReferenceUse<'a> {
    /// The reference.
    pub reference: &'a Reference,
    /// Whether it stands in a predicate, where the context is another node: a relative path must begin with
    /// `current()`, as those of [`Location::relative`] do.
    pub in_predicate: bool,
    /// Whether it is the question or a repeat of `indexed-repeat()`, which must be all of them: an absolute path.
    pub of_indexed_repeat: bool,
}

impl Expr {
    /// Reads an expression. Functions, numbers of arguments and constant patterns are checked; the first mistake is
    /// the error.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        parse(text).map(|ast| Self { ast })
    }

    /// The items of a choice list that a filter lets through: `instance('list')/root/item[filter]`.
    pub fn filtered_list(list: &str, filter: Self) -> Self {
        let item = |name: &str| Step::plain(Axis::Child, Test::Name(name.into()));
        let mut steps = vec![item("root"), item("item")];
        steps[1].predicates.push(filter.ast);
        let instance = Ast::call("instance", vec![Ast::Text(list.into())]);
        Self { ast: Ast::Path(Path { start: PathStart::Filter(Box::new(instance), Vec::new()), steps }) }
    }

    /// Every reference, from left to right.
    pub fn references(&self) -> Vec<&Reference> {
        let mut found = Vec::new();
        collect(&self.ast, &mut found);
        found
    }

    /// The same expression with a path in the place of each reference. The caller decides on the paths; references
    /// for which it has none are the error, all of them.
    pub fn resolve(
        &self,
        locate: &mut dyn FnMut(ReferenceUse<'_>) -> Option<Location>,
    ) -> Result<Self, Vec<Reference>> {
        let mut resolver = Resolver { locate, missing: Vec::new() };
        let mut ast = self.ast.clone();
        resolver.resolve(&mut ast, false, false);
        if resolver.missing.is_empty() { Ok(Self { ast }) } else { Err(resolver.missing) }
    }

    /// What the value depends on. Resolve the references first: those that are not are left out.
    pub fn dependencies(&self) -> Dependencies {
        Dependencies::of(&self.ast)
    }
}

/// XPath text that parses to the same expression.
impl Display for Expr {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.ast.fmt(f)
    }
}

impl std::str::FromStr for Expr {
    type Err = ParseError;
    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse(text)
    }
}

fn collect<'a>(ast: &'a Ast, found: &mut Vec<&'a Reference>) {
    if let Ast::Path(Path { start: PathStart::Reference(reference, _), .. }) = ast {
        found.push(reference);
    }
    ast.each_child(&mut |child| collect(child, found));
}

struct Resolver<'f> {
    locate: &'f mut dyn FnMut(ReferenceUse<'_>) -> Option<Location>,
    missing: Vec<Reference>,
}

impl Resolver<'_> {
    fn resolve(&mut self, ast: &mut Ast, in_predicate: bool, of_indexed_repeat: bool) {
        match ast {
            Ast::Number(_) | Ast::Text(_) => {}
            Ast::Path(path) => {
                self.resolve_path(path, in_predicate, of_indexed_repeat);
                if let Some(inner) = alone(path) {
                    *ast = inner;
                }
            }
            Ast::Call(function, arguments) => {
                let indexed = function.name == "indexed-repeat";
                for (index, argument) in arguments.iter_mut().enumerate() {
                    let named = indexed && (index == 0 || index % 2 == 1);
                    self.resolve(argument, in_predicate, named);
                }
            }
            Ast::Union(parts) => {
                for part in parts {
                    self.resolve(part, in_predicate, of_indexed_repeat);
                }
            }
            Ast::Negate(operand) | Ast::Regex(operand, _) => self.resolve(operand, in_predicate, false),
            Ast::Chain(first, rest) => {
                self.resolve(first, in_predicate, false);
                for (_, operand) in rest {
                    self.resolve(operand, in_predicate, false);
                }
            }
            Ast::ChoiceName(value, path) => {
                self.resolve(value, in_predicate, false);
                self.resolve(path, in_predicate, false);
            }
        }
    }

    fn resolve_predicates(&mut self, predicates: &mut [Ast]) {
        for predicate in predicates {
            self.resolve(predicate, true, false);
        }
    }

    fn resolve_path(&mut self, path: &mut Path, in_predicate: bool, of_indexed_repeat: bool) {
        for step in &mut path.steps {
            self.resolve_predicates(&mut step.predicates);
        }
        match &mut path.start {
            PathStart::Root | PathStart::Context => {}
            PathStart::Filter(inner, predicates) => {
                self.resolve(inner, in_predicate, of_indexed_repeat);
                self.resolve_predicates(predicates);
            }
            PathStart::Reference(reference, predicates) => {
                self.resolve_predicates(predicates);
                let usage = ReferenceUse { reference, in_predicate, of_indexed_repeat };
                match (self.locate)(usage).and_then(|location| location.path()) {
                    None => self.missing.push(reference.clone()),
                    Some(place) => {
                        let predicates = std::mem::take(predicates);
                        replace(path, place, predicates);
                    }
                }
            }
        }
    }
}

/// What a path consists of when it is nothing but one expression.
fn alone(path: &mut Path) -> Option<Ast> {
    match &mut path.start {
        PathStart::Filter(inner, predicates) if predicates.is_empty() && path.steps.is_empty() => {
            Some(std::mem::replace(inner, Ast::Number(0.0)))
        }
        _ => None,
    }
}

/// Puts the path of a reference before the steps of the path that began with it. Predicates belong to its last step,
/// as if the path had been written in the place of the reference.
fn replace(path: &mut Path, place: Path, predicates: Vec<Ast>) {
    let mut steps = place.steps;
    if !predicates.is_empty() {
        if steps.is_empty() {
            steps.push(Step::plain(Axis::Itself, Test::Node));
        }
        if let Some(last) = steps.last_mut() {
            last.predicates.extend(predicates);
        }
    }
    steps.append(&mut path.steps);
    *path = Path { start: place.start, steps };
}
