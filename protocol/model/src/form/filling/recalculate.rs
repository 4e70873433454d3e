//! What follows from a change: rules are calculated anew, in their order, where something that they look at changed.

use std::collections::{BTreeMap, BTreeSet};

use super::instance::TOP;
use super::{Filling, MAX_INSTANCES, World, text_of};
use crate::form::compiled::{CompiledForm, Dependent, Purpose};
use crate::xpath::EvalError;

/// How often one rule is calculated after one change. Once is enough unless rules depend on each other in a circle.
const MAX_ROUNDS: u32 = 4;

/// Rules that have to be calculated anew, each with the nodes below which.
#[derive(Debug, Clone, Default)]
pub(super) struct Due(BTreeMap<usize, BTreeSet<u32>>);

impl Due {
    fn add(&mut self, rule: usize, below: u32) {
        self.0.entry(rule).or_default().insert(below);
    }

    /// A rule has to be calculated at these nodes alone.
    pub(super) fn only(&mut self, rule: usize, nodes: BTreeSet<u32>) {
        self.0.insert(rule, nodes);
    }
}

impl Filling {
    /// Calculates what is due, until nothing is.
    pub(super) fn settle(&mut self, world: &mut dyn World) {
        let form = self.form.clone();
        let mut rounds: BTreeMap<usize, u32> = BTreeMap::new();
        while let Some((rule, below)) = self.due.0.pop_first() {
            let round = rounds.entry(rule).or_default();
            *round += 1;
            if *round > MAX_ROUNDS {
                continue;
            }
            for node in self.targets(&form, rule, &below) {
                self.calculate(&form, rule, node, world);
            }
        }
    }

    /// Everything has to be calculated.
    pub(super) fn all_due(&mut self) {
        for (rule, known) in self.form.rules.iter().enumerate() {
            if known.purpose != Purpose::Triggered {
                self.due.add(rule, TOP);
            }
        }
    }

    /// The nodes that a rule is calculated at, of those below these.
    fn targets(&self, form: &CompiledForm, rule: usize, below: &BTreeSet<u32>) -> BTreeSet<u32> {
        let rule = &form.rules[rule];
        let kind = match (rule.purpose, form.schema.nodes[rule.at].parent) {
            (Purpose::Count, Some(parent)) => parent,
            _ => rule.at,
        };
        let there = below.iter().filter(|top| !self.instance.node(**top).removed);
        there.flat_map(|top| self.instance.all_below(&form.schema, *top, kind)).collect()
    }

    fn calculate(&mut self, form: &CompiledForm, rule: usize, node: u32, world: &mut dyn World) {
        let known = &form.rules[rule];
        if known.purpose == Purpose::Calculation && !self.instance.node(node).relevance.whole {
            // It is calculated when it applies.
            return;
        }
        let found = self.evaluate(&known.expr, node, world, |value, view| match known.purpose {
            Purpose::Relevant => Outcome::Truth(value.to_bool()),
            Purpose::Count => Outcome::Number(value.to_number(view, 0)),
            Purpose::Calculation | Purpose::Triggered => Outcome::Text(text_of(&value, view)),
        });
        let outcome = match found {
            Ok(outcome) => {
                self.failures.remove(&(node, rule));
                outcome
            }
            Err(error) => {
                self.failures.insert((node, rule), error);
                known.purpose.without_value()
            }
        };
        match outcome {
            Outcome::Truth(relevant) => {
                if std::mem::replace(&mut self.instance.node_mut(node).relevance.own, relevant) != relevant {
                    self.refresh_relevance(node);
                }
            }
            Outcome::Number(count) => self.resize(form, known.at, node, count, world),
            Outcome::Text(text) => self.put(node, text),
        }
    }

    /// Writes a value, and notes what looks at it.
    pub(super) fn put(&mut self, node: u32, text: String) {
        if self.instance.node(node).value != text {
            self.instance.node_mut(node).value = text;
            self.changed(node);
        }
    }

    /// Notes what looks at a node.
    fn changed(&mut self, node: u32) {
        let form = self.form.clone();
        for Dependent { rule, through } in &form.dependents[self.instance.node(node).schema] {
            // What was written when its trigger changed stays until that changes again.
            if self.is_opening && form.rules[*rule].purpose == Purpose::Triggered {
                continue;
            }
            let below = self.instance.above(node, *through).unwrap_or(TOP);
            self.due.add(*rule, below);
        }
    }

    /// Says anew of a node and all below it whether it applies.
    pub(super) fn refresh_relevance(&mut self, top: u32) {
        let form = self.form.clone();
        for node in self.instance.subtree(top) {
            let own = self.instance.node(node);
            let relevant =
                own.relevance.own && own.relevance.counted && self.instance.node(own.parent).relevance.whole;
            if own.relevance.whole == relevant {
                continue;
            }
            self.instance.node_mut(node).relevance.whole = relevant;
            self.changed(node);
            let calculation = form.of_node[self.instance.node(node).schema].calculation;
            if let Some(rule) = calculation.filter(|_| relevant) {
                self.due.add(rule, node);
            }
        }
    }

    /// Gives a repeat below a node so many instances. Those that are too many stay, and do not apply.
    fn resize(&mut self, form: &CompiledForm, repeat: usize, parent: u32, count: f64, world: &mut dyn World) {
        let slot = form.schema.nodes[repeat].slot;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is clamped, and NaN gives 0"
        )]
        let count = count.clamp(0.0, f64::from(MAX_INSTANCES)) as usize;
        while !self.is_judged && self.instance.below(parent, slot).len() < count && self.has_room() {
            self.grow(repeat, parent, world);
        }
        for (at, node) in self.instance.below(parent, slot).to_vec().into_iter().enumerate() {
            let counted = at < count;
            if std::mem::replace(&mut self.instance.node_mut(node).relevance.counted, counted) != counted {
                self.moved(node);
                self.refresh_relevance(node);
            }
        }
    }

    /// Adds an instance of a repeat below a node, with what it begins with.
    pub(super) fn grow(&mut self, repeat: usize, parent: u32, world: &mut dyn World) -> u32 {
        let form = self.form.clone();
        let node = self.instance.add(&form.schema, repeat, parent);
        self.instance.node_mut(node).key = Some(world.key().into());
        self.moved(node);
        self.refresh_relevance(node);
        self.begin_below(node, world);
        for at in self.instance.subtree(node) {
            let schema = self.instance.node(at).schema;
            let own = form.of_node[schema];
            for rule in [own.relevant, own.calculation].into_iter().flatten() {
                self.due.add(rule, at);
            }
            for inner in &form.schema.nodes[schema].children {
                if let Some(rule) = form.of_node[*inner].count {
                    self.due.add(rule, at);
                }
            }
        }
        node
    }

    /// An instance of a repeat came or is about to go: notes what looks at it, and what counts where it stands.
    pub(super) fn moved(&mut self, instance: u32) {
        let form = self.form.clone();
        for node in self.instance.subtree(instance) {
            self.changed(node);
        }
        let own = self.instance.node(instance);
        for (rule, known) in form.rules.iter().enumerate().filter(|(_, known)| known.positional) {
            if form.schema.upwards(known.at).any(|above| above == own.schema) {
                self.due.add(rule, own.parent);
            }
        }
    }
}

/// What a rule gives.
enum Outcome {
    Truth(bool),
    Number(f64),
    Text(String),
}

impl Purpose {
    /// What holds where an expression has no value: everything is asked, and nothing is calculated.
    fn without_value(self) -> Outcome {
        match self {
            Self::Relevant => Outcome::Truth(true),
            Self::Count => Outcome::Number(0.0),
            Self::Calculation | Self::Triggered => Outcome::Text(String::new()),
        }
    }
}

/// An evaluation that failed, with the name of the element and what it was for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// The name of the element.
    pub element: String,
    /// What went wrong.
    pub error: EvalError,
}
