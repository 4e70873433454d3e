//! The elements of a form as the nodes that a filled one has.

use std::collections::BTreeMap;

use crate::form::{Form, Kind};
use crate::xpath::{Location, LocationStart, LocationStep};

/// The place of the only element below the root.
pub(crate) const DATA: usize = 0;

/// A node that a filled form has, once or, in repeats, many times.
#[derive(Debug, Clone)]
pub(crate) struct SchemaNode {
    pub(crate) name: Box<str>,
    /// The node above; none for `data`.
    pub(crate) parent: Option<usize>,
    /// How many stand above it.
    pub(crate) depth: usize,
    /// Its place among the children of its parent.
    pub(crate) slot: usize,
    /// The element of the form; none for `data`, `meta` and what stands in that.
    pub(crate) element: Option<usize>,
    pub(crate) is_repeat: bool,
    pub(crate) children: Vec<usize>,
    by_name: BTreeMap<Box<str>, usize>,
}

/// All of them. That of element `i` is the one at `i + 1`, behind `data`; those of `meta` are the last.
#[derive(Debug, Clone)]
pub(crate) struct Schema {
    pub(crate) nodes: Vec<SchemaNode>,
    /// By the names that references use; one that two elements have is not there.
    by_name: BTreeMap<Box<str>, usize>,
}

impl Schema {
    pub(crate) fn of(form: &Form) -> Self {
        let mut schema = Self { nodes: Vec::new(), by_name: BTreeMap::new() };
        schema.push("data", None, None, false);
        for (at, element) in form.elements.iter().enumerate() {
            let parent = element.parent.map_or(DATA, |parent| parent + 1);
            let is_repeat = matches!(element.kind, Kind::Repeat { .. });
            schema.push(&element.name, Some(parent), Some(at), is_repeat);
        }
        let meta = schema.push("meta", Some(DATA), None, false);
        schema.push("instanceID", Some(meta), None, false);
        schema.push("instanceName", Some(meta), None, false);
        let mut doubled: Vec<Box<str>> = Vec::new();
        for (at, node) in schema.nodes.iter().enumerate().skip(1) {
            // What the form itself has of a name goes before what every form has.
            let hides = node.element.is_none() && schema.by_name.contains_key(&node.name);
            if !hides && schema.by_name.insert(node.name.clone(), at).is_some() {
                doubled.push(node.name.clone());
            }
        }
        for name in doubled {
            schema.by_name.remove(&name);
        }
        schema
    }

    fn push(&mut self, name: &str, parent: Option<usize>, element: Option<usize>, is_repeat: bool) -> usize {
        let at = self.nodes.len();
        let (mut depth, mut slot) = (0, 0);
        if let Some(parent) = parent {
            let above = &mut self.nodes[parent];
            (depth, slot) = (above.depth + 1, above.children.len());
            above.children.push(at);
            above.by_name.entry(name.into()).or_insert(slot);
        }
        let (children, by_name) = (Vec::new(), BTreeMap::new());
        self.nodes.push(SchemaNode {
            name: name.into(),
            parent,
            depth,
            slot,
            element,
            is_repeat,
            children,
            by_name,
        });
        at
    }

    /// The node that a reference of this name means.
    pub(crate) fn named(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    /// The place among the children of a node at which those of this name stand.
    pub(crate) fn slot(&self, parent: usize, name: &str) -> Option<usize> {
        self.nodes[parent].by_name.get(name).copied()
    }

    /// A node and those above it, from below.
    pub(crate) fn upwards(&self, at: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(at), |at| self.nodes[*at].parent)
    }

    /// A node and everything below it.
    pub(crate) fn subtree(&self, at: usize) -> Vec<usize> {
        let mut all = vec![at];
        let mut next = 0;
        while let Some(at) = all.get(next) {
            all.extend_from_slice(&self.nodes[*at].children);
            next += 1;
        }
        all
    }

    /// The nearest node that both stand in or are.
    pub(crate) fn common(&self, mut one: usize, mut other: usize) -> usize {
        while one != other {
            let (a, b) = (&self.nodes[one], &self.nodes[other]);
            if a.depth >= b.depth {
                one = a.parent.unwrap_or(DATA);
            } else {
                other = b.parent.unwrap_or(DATA);
            }
        }
        one
    }

    /// The names from below `top` down to a node.
    pub(crate) fn names(&self, top: usize, at: usize) -> Vec<&str> {
        let below = self.upwards(at).take_while(|at| *at != top);
        let mut names: Vec<&str> = below.map(|at| &*self.nodes[at].name).collect();
        names.reverse();
        names
    }

    /// The path from the root: every node of that kind.
    pub(crate) fn absolute(&self, at: usize) -> Location {
        Location::absolute(std::iter::once("data").chain(self.names(DATA, at)))
    }

    /// The path that a reference becomes in an expression that is evaluated at the node `from`: where that is or stands in
    /// a repeat that holds both, the way within it, as pyxform writes it; otherwise the path from the root.
    pub(crate) fn location(&self, from: usize, to: usize) -> Location {
        let of_target: Vec<usize> = self.upwards(to).skip(1).collect();
        let shares = self.upwards(from).any(|at| self.nodes[at].is_repeat && of_target.contains(&at));
        if !shares {
            return self.absolute(to);
        }
        // Who stands in the repeat that is named means all of its instances.
        let mut common = self.common(from, to);
        if common == to && self.nodes[to].is_repeat {
            common = self.nodes[to].parent.unwrap_or(DATA);
        }
        Location::relative(self.nodes[from].depth - self.nodes[common].depth, self.names(common, to))
    }

    /// The nodes that a path leads to from the node `from`, those that it passes on its way down, and the highest that
    /// it goes up to. `None` where it leads out of the record.
    pub(crate) fn reach(&self, from: usize, location: &Location) -> Option<Reach> {
        let (mut here, mut through) = match location.start {
            LocationStart::Root => (vec![None], DATA),
            LocationStart::Context | LocationStart::Current => (vec![Some(from)], from),
            LocationStart::Instance(_) | LocationStart::AnyInstance => return None,
        };
        for step in &location.steps {
            here = match step {
                LocationStep::Child(name) => {
                    here.into_iter().filter_map(|at| self.child(at, name).map(Some)).collect()
                }
                LocationStep::AnyChild => {
                    here.into_iter().flat_map(|at| self.children(at)).map(Some).collect()
                }
                LocationStep::Parent => {
                    let up: Vec<Option<usize>> =
                        here.into_iter().filter_map(|at| Some(self.nodes[at?].parent)).collect();
                    through = self.highest(through, &up);
                    up
                }
                LocationStep::Descendants => {
                    here.into_iter().flat_map(|at| self.subtree(at.unwrap_or(DATA))).map(Some).collect()
                }
                LocationStep::Relatives => {
                    through = DATA;
                    (0..self.nodes.len()).map(Some).collect()
                }
            };
            here.sort_unstable();
            here.dedup();
        }
        Some(Reach { nodes: here.into_iter().flatten().collect(), through })
    }

    /// The higher of `through` and the nodes that a path went up to.
    fn highest(&self, through: usize, up: &[Option<usize>]) -> usize {
        up.iter().fold(through, |through, at| self.common(through, at.unwrap_or(DATA)))
    }

    fn child(&self, at: Option<usize>, name: &str) -> Option<usize> {
        match at {
            None => (*self.nodes[DATA].name == *name).then_some(DATA),
            Some(at) => Some(self.nodes[at].children[self.slot(at, name)?]),
        }
    }

    fn children(&self, at: Option<usize>) -> Vec<usize> {
        at.map_or_else(|| vec![DATA], |at| self.nodes[at].children.clone())
    }
}

/// Where a path leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reach {
    /// The nodes at its end.
    pub(crate) nodes: Vec<usize>,
    /// The highest node that it goes up to: instances below another one of that do not see each other by it.
    pub(crate) through: usize,
}
