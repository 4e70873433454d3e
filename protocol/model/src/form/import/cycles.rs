//! What depends on itself has no value.

use std::collections::{BTreeMap, BTreeSet};

use super::Importer;
use super::columns::Column;
use super::finding::Mistake;
use super::names::survey_place;
use crate::form::{Form, Kind};
use crate::xpath::{Expr, Location, LocationStart, Volatile};

/// What each element depends on, by place.
type Graph = Vec<BTreeSet<usize>>;

impl Importer<'_> {
    /// Finds circles among calculations and relevance. A question that is not relevant has no value, so what is asked
    /// only where it has one depends on that too.
    pub(super) fn check_cycles(&mut self, form: &Form) {
        let mut graph = graph(form);
        while let Some(cycle) = take_cycle(&mut graph) {
            let name = |at: &usize| form.elements[*at].name.as_str();
            let mut names: Vec<&str> = cycle.iter().map(name).collect();
            names.push(names[0]);
            let column = match &form.elements[cycle[0]].logic.calculation {
                Some(_) => Column::Calculation,
                None => Column::Relevant,
            };
            let place = survey_place(form.elements[cycle[0]].row, column);
            self.find(Mistake::Cycle, place, [names.join(" → ")]);
        }
    }
}

fn graph(form: &Form) -> Graph {
    let places: BTreeMap<&str, usize> =
        form.elements.iter().enumerate().map(|(at, element)| (element.name.as_str(), at)).collect();
    let depends = |at: usize| {
        let logic = &form.elements[at].logic;
        let texts = [&logic.calculation, &logic.relevant].into_iter().flatten();
        let mut on: BTreeSet<usize> = texts.flat_map(|text| named(form, &places, at, text)).collect();
        on.extend(form.elements[at].parent);
        on
    };
    (0..form.elements.len()).map(depends).collect()
}

/// The elements that an expression of an element names. What it names of itself in another repeat it may.
fn named(form: &Form, places: &BTreeMap<&str, usize>, at: usize, text: &str) -> BTreeSet<usize> {
    let Ok(expression) = Expr::parse(text) else { return BTreeSet::new() };
    let mut found = BTreeSet::new();
    let is_itself = |location: &Location| {
        matches!(location.start, LocationStart::Context | LocationStart::Current) && location.steps.is_empty()
    };
    let dependencies = expression.dependencies();
    // What once() looks at is the value that it keeps.
    let keeps = dependencies.volatile.contains(&Volatile::Once);
    if !keeps && dependencies.locations.iter().any(is_itself) {
        found.insert(at);
    }
    let in_repeat = form.ancestors(at).any(|above| matches!(form.elements[above].kind, Kind::Repeat { .. }));
    let looked_up = expression.resolve(&mut |usage| {
        let place = places.get(usage.reference.name.as_str()).copied();
        let elsewhere = place == Some(at) && in_repeat && usage.of_indexed_repeat;
        found.extend(place.filter(|_| !usage.reference.last_saved && !elsewhere));
        Some(Location::absolute(["data"]))
    });
    // The paths themselves do not matter here.
    drop(looked_up);
    found
}

/// Takes one circle out of the graph: its elements in the order in which each depends on the next.
fn take_cycle(graph: &mut Graph) -> Option<Vec<usize>> {
    trim(graph);
    let mut at = graph.iter().position(|on| !on.is_empty())?;
    let mut way = Vec::new();
    while !way.contains(&at) {
        way.push(at);
        at = *graph[at].first().expect("what is left depends on something that is left");
    }
    let from = way.iter().position(|seen| *seen == at).expect("it was just found there");
    let mut cycle = way.split_off(from);
    let least = (0..cycle.len()).min_by_key(|place| cycle[*place]).unwrap_or_default();
    cycle.rotate_left(least);
    for at in &cycle {
        graph[*at].clear();
    }
    Some(cycle)
}

/// Takes out what depends on nothing that is left, again and again.
fn trim(graph: &mut Graph) {
    let mut waiting: Vec<usize> = graph.iter().map(BTreeSet::len).collect();
    let mut dependents = vec![Vec::new(); graph.len()];
    for (at, on) in graph.iter().enumerate() {
        for other in on {
            dependents[*other].push(at);
        }
    }
    let mut free: Vec<usize> = (0..graph.len()).filter(|at| waiting[*at] == 0).collect();
    while let Some(at) = free.pop() {
        for dependent in std::mem::take(&mut dependents[at]) {
            graph[dependent].remove(&at);
            waiting[dependent] -= 1;
            if waiting[dependent] == 0 {
                free.push(dependent);
            }
        }
    }
}
