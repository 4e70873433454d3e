//! What the value of an expression depends on.

use std::collections::BTreeSet;

use super::ast::{Ast, Axis, Path, PathStart, Test};
use super::location::{Location, LocationStart, LocationStep};

/// What the value of an expression depends on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dependencies {
    /// Each path that is looked at, those inside of predicates joined to the path that they filter. References that
    /// are not resolved are left out.
    pub locations: BTreeSet<Location>,
    /// The paths of which only the nodes count, not what they hold: those in `count()` and `position()`, and the repeats of
    /// `indexed-repeat()`.
    pub counted: BTreeSet<Location>,
    /// What else can change the value.
    pub volatile: BTreeSet<Volatile>,
}

/// What can change a value although no answer changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Volatile {
    /// The day, `today()`.
    Today,
    /// The time, `now()`.
    Now,
    /// Chance: `random()`, and `randomize()` without a seed.
    Random,
    /// `uuid()`
    Uuid,
    /// The value that the question itself has, `once()`.
    Once,
    /// Where a node stands among others: `position()`, `last()`. Adding or deleting a repeat changes it.
    Position,
}

impl Dependencies {
    pub(crate) fn of(ast: &Ast) -> Self {
        let mut found = Self::default();
        found.look(ast, &Location { start: LocationStart::Context, steps: Vec::new() });
        found
    }

    fn look(&mut self, ast: &Ast, context: &Location) {
        match ast {
            Ast::Path(_) | Ast::Union(_) => {
                let locations = self.locate(ast, context);
                self.locations.extend(locations);
            }
            Ast::Call(function, arguments) => {
                let seeded = function.name == "randomize" && arguments.len() == 2;
                self.volatile.extend(function.volatile.filter(|_| !seeded));
                self.locations.extend(implied(function.name, arguments, context));
                if let ("count" | "position", [nodes]) = (function.name, arguments.as_slice()) {
                    self.count(nodes, context);
                } else if function.returns_nodes {
                    let locations = self.locate(ast, context);
                    self.locations.extend(locations);
                } else {
                    self.look_each(arguments, context);
                }
            }
            _ => ast.each_child(&mut |child| self.look(child, context)),
        }
    }

    fn look_each(&mut self, parts: &[Ast], context: &Location) {
        for part in parts {
            self.look(part, context);
        }
    }

    /// Notes nodes of which only their number counts; `text()` looks whether there is a text.
    fn count(&mut self, nodes: &Ast, context: &Location) {
        let locations = self.locate(nodes, context);
        if asks_for_text(nodes) {
            self.locations.extend(locations);
        } else {
            self.counted.extend(locations);
        }
    }

    /// Where the nodes of a value stand; what is only looked at on the way is noted.
    fn locate(&mut self, ast: &Ast, context: &Location) -> Vec<Location> {
        match ast {
            Ast::Path(path) => self.locate_path(path, context),
            Ast::Union(parts) => parts.iter().flat_map(|part| self.locate(part, context)).collect(),
            Ast::Call(function, arguments) => match (function.name, arguments.as_slice()) {
                ("current", _) => vec![Location { start: LocationStart::Current, steps: Vec::new() }],
                ("instance", [name]) => {
                    self.look(name, context);
                    vec![Location { start: instance(name), steps: Vec::new() }]
                }
                ("randomize", [nodes, seed @ ..]) => {
                    self.volatile.extend(function.volatile.filter(|_| seed.is_empty()));
                    self.look_each(seed, context);
                    self.locate(nodes, context)
                }
                ("indexed-repeat", [nodes, others @ ..]) => {
                    for pair in others.chunks(2) {
                        self.count(&pair[0], context);
                        self.look_each(&pair[1..], context);
                    }
                    self.locate(nodes, context)
                }
                _ => {
                    self.look_each(arguments, context);
                    Vec::new()
                }
            },
            other => {
                self.look(other, context);
                Vec::new()
            }
        }
    }

    fn locate_path(&mut self, path: &Path, context: &Location) -> Vec<Location> {
        let root = Location { start: LocationStart::Root, steps: Vec::new() };
        let mut found = match &path.start {
            PathStart::Root => vec![root],
            PathStart::Context => vec![context.clone()],
            PathStart::Reference(..) => Vec::new(),
            PathStart::Filter(inner, _) => self.locate(inner, context),
        };
        self.look_inside(path.start_predicates(), &found);
        for step in &path.steps {
            for location in &mut found {
                push(&mut location.steps, step.axis, &step.test);
            }
            self.look_inside(&step.predicates, &found);
        }
        found
    }

    /// The predicates of a step, seen from where the step leads.
    fn look_inside(&mut self, predicates: &[Ast], locations: &[Location]) {
        for predicate in predicates {
            if matches!(predicate, Ast::Number(_)) {
                self.volatile.insert(Volatile::Position);
            }
            for location in locations {
                self.look(predicate, location);
            }
        }
    }
}

fn asks_for_text(ast: &Ast) -> bool {
    let mut found = matches!(ast, Ast::Path(path) if path.steps.iter().any(|step| step.test == Test::Text));
    ast.each_child(&mut |child| found |= asks_for_text(child));
    found
}

fn instance(name: &Ast) -> LocationStart {
    match name {
        Ast::Text(name) => LocationStart::Instance(name.to_string()),
        _ => LocationStart::AnyInstance,
    }
}

/// What a function looks at that is not among its arguments.
fn implied(function: &str, arguments: &[Ast], context: &Location) -> Vec<Location> {
    let here = |given: usize| (arguments.len() == given).then(|| context.clone());
    match (function, arguments) {
        ("string" | "number" | "string-length" | "normalize-space", []) => here(0).into_iter().collect(),
        ("once", _) => vec![context.clone()],
        ("pulldata", [file, column, key, _]) => [column, key]
            .into_iter()
            .map(|name| {
                let last = match name {
                    Ast::Text(name) => LocationStep::Child(name.to_string()),
                    _ => LocationStep::AnyChild,
                };
                let steps = ["root", "item"].map(|name| LocationStep::Child(name.to_owned()));
                let steps = steps.into_iter().chain([last]).collect();
                Location { start: instance(file), steps }
            })
            .collect(),
        _ => Vec::new(),
    }
}

fn push(steps: &mut Vec<LocationStep>, axis: Axis, test: &Test) {
    match (axis, test) {
        // The text of a node is the node for who depends on it.
        (Axis::Itself, _) | (Axis::Child, Test::Text) => {}
        (Axis::Child, Test::Name(name)) => steps.push(LocationStep::Child(name.to_string())),
        (Axis::Child, Test::Any | Test::Node) | (Axis::Attribute, _) => steps.push(LocationStep::AnyChild),
        (Axis::Parent, _) if matches!(steps.last(), Some(LocationStep::Child(_))) => {
            steps.pop();
        }
        (Axis::Parent, _) => steps.push(LocationStep::Parent),
        (Axis::Descendant, Test::Name(name)) => {
            steps.push(LocationStep::Descendants);
            steps.push(LocationStep::Child(name.to_string()));
        }
        (Axis::Descendant | Axis::DescendantOrSelf, _) => steps.push(LocationStep::Descendants),
        _ => steps.push(LocationStep::Relatives),
    }
}
