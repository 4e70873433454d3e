//! What depends on what, and so in which order rules are calculated.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use super::{Dependent, NodeRules, Purpose, Rule, Schema};
use crate::form::Form;
use crate::xpath::{Dependencies, Location};

/// Rules in order, and how to find them.
pub(super) struct Found {
    pub(super) rules: Vec<Rule>,
    pub(super) of_node: Vec<NodeRules>,
    pub(super) dependents: Vec<Vec<Dependent>>,
}

/// Puts each rule behind those that it depends on. Rules that depend on each other in a circle, which import refuses, go
/// last.
pub(super) fn in_order(schema: &Schema, form: &Form, rules: Vec<Rule>) -> Found {
    let watched = watched(schema, form, &rules);
    let order = sorted(&after(schema, &rules, &watched));
    let mut place = vec![0; rules.len()];
    for (to, from) in order.iter().enumerate() {
        place[*from] = to;
    }
    let mut dependents = vec![Vec::new(); schema.nodes.len()];
    for (rule, watched) in watched.iter().enumerate() {
        for (node, through) in watched {
            dependents[*node].push(Dependent { rule: place[rule], through: *through });
        }
    }
    for all in &mut dependents {
        all.sort_unstable();
        all.dedup();
    }
    let mut slots: Vec<Option<Rule>> = rules.into_iter().map(Some).collect();
    let rules: Vec<Rule> = order.iter().filter_map(|from| slots[*from].take()).collect();
    let mut of_node = vec![NodeRules::default(); schema.nodes.len()];
    for (at, rule) in rules.iter().enumerate() {
        let own = &mut of_node[rule.at];
        match rule.purpose {
            Purpose::Count => own.count = Some(at),
            Purpose::Relevant => own.relevant = Some(at),
            Purpose::Calculation => own.calculation = Some(at),
            Purpose::Triggered => {}
        }
    }
    Found { rules, of_node, dependents }
}

/// The nodes that each rule looks at, with the highest node on the way to each.
fn watched(schema: &Schema, form: &Form, rules: &[Rule]) -> Vec<BTreeSet<(usize, usize)>> {
    rules.iter().map(|rule| watched_by(schema, form, rule)).collect()
}

fn watched_by(schema: &Schema, form: &Form, rule: &Rule) -> BTreeSet<(usize, usize)> {
    let from = match (rule.purpose, schema.nodes[rule.at].parent) {
        (Purpose::Count, Some(parent)) => parent,
        _ => rule.at,
    };
    if rule.purpose == Purpose::Triggered {
        // What else it looks at does not set it off.
        let element = schema.nodes[rule.at].element.map(|element| &form.elements[element]);
        let triggers = element.into_iter().flat_map(|element| &element.logic.trigger);
        let triggers = triggers.filter_map(|name| schema.named(name));
        return triggers.map(|trigger| (trigger, schema.common(trigger, rule.at))).collect();
    }
    looked_at(schema, from, &rule.expr.dependencies())
}

/// The nodes that an expression at the node `from` looks at, with the highest node on the way to each.
pub(super) fn looked_at(
    schema: &Schema,
    from: usize,
    dependencies: &Dependencies,
) -> BTreeSet<(usize, usize)> {
    let mut all = BTreeSet::new();
    for (location, holds_text) in locations(dependencies) {
        let Some(reach) = schema.reach(from, location) else { continue };
        for node in reach.nodes {
            // The text of a group is that of all that stands in it.
            let seen = if holds_text { schema.subtree(node) } else { vec![node] };
            all.extend(seen.into_iter().map(|node| (node, reach.through)));
        }
    }
    all
}

/// Every path that is looked at, and whether for what it holds.
fn locations(dependencies: &Dependencies) -> impl Iterator<Item = (&Location, bool)> {
    let held = dependencies.locations.iter().map(|location| (location, true));
    held.chain(dependencies.counted.iter().map(|location| (location, false)))
}

/// The rules that each rule has to stand behind.
fn after(schema: &Schema, rules: &[Rule], watched: &[BTreeSet<(usize, usize)>]) -> Vec<BTreeSet<usize>> {
    // What decides on a node: its own calculation, and for it and all above it whether they apply and how many they are.
    let mut values: Vec<Vec<usize>> = vec![Vec::new(); schema.nodes.len()];
    let mut presence = values.clone();
    for (at, rule) in rules.iter().enumerate() {
        match rule.purpose {
            Purpose::Calculation | Purpose::Triggered => values[rule.at].push(at),
            Purpose::Count | Purpose::Relevant => presence[rule.at].push(at),
        }
    }
    let mut after: Vec<BTreeSet<usize>> = Vec::with_capacity(rules.len());
    for (at, rule) in rules.iter().enumerate() {
        let mut behind = BTreeSet::new();
        for (node, _) in &watched[at] {
            behind.extend(&values[*node]);
            behind.extend(schema.upwards(*node).flat_map(|above| &presence[above]));
        }
        for above in schema.upwards(rule.at) {
            let counts = presence[above].iter().filter(|other| rules[**other].purpose == Purpose::Count);
            let decides = presence[above].iter().filter(|_| rule.purpose == Purpose::Calculation);
            behind.extend(counts.chain(decides));
        }
        behind.remove(&at);
        after.push(behind);
    }
    after
}

/// The rules in an order in which each stands behind those that it has to, and else in that of the form.
fn sorted(after: &[BTreeSet<usize>]) -> Vec<usize> {
    let mut waiting: Vec<usize> = after.iter().map(BTreeSet::len).collect();
    let mut before = vec![Vec::new(); after.len()];
    for (at, behind) in after.iter().enumerate() {
        for other in behind {
            before[*other].push(at);
        }
    }
    let free = (0..after.len()).filter(|at| waiting[*at] == 0).map(Reverse);
    let mut free: BinaryHeap<Reverse<usize>> = free.collect();
    let mut order = Vec::with_capacity(after.len());
    while let Some(Reverse(at)) = free.pop() {
        order.push(at);
        for next in &before[at] {
            waiting[*next] -= 1;
            if waiting[*next] == 0 {
                free.push(Reverse(*next));
            }
        }
    }
    order.extend((0..after.len()).filter(|at| waiting[*at] > 0));
    order
}
