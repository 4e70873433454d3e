//! What nobody knows of a filled form who has only the records that it was written to.

use std::collections::BTreeSet;

use super::check::Fault;
use super::open::StoredRecord;
use crate::form::compiled::{Beyond, CompiledForm, Dependent, NodeRules, Purpose};
use crate::form::{Element, Kind, Question, Storage};
use crate::xpath::Expr;

/// Files of records of which who judges does not have every row.
#[derive(Debug, Clone, Default)]
pub struct Lacking {
    /// Of these only the rows that the records name.
    pub partial: BTreeSet<String>,
    /// Of these rows are not there that the records name, or rows changed since.
    pub missing: BTreeSet<String>,
}

/// What is not known of a form, by node: what was answered there, and whether it applied. Rules that look at such a node see
/// nothing there, and may have seen something else while the form was filled.
#[derive(Debug)]
pub(super) struct Unknown<'f> {
    form: &'f CompiledForm,
    lacking: &'f Lacking,
    value: Vec<bool>,
    presence: Vec<bool>,
}

impl<'f> Unknown<'f> {
    /// What is not known with these records: answers that are kept nowhere, sealed, or not as they were given, those in records
    /// that are not there, how many instances a repeat had that nothing is stored of, and all that follows from them, from
    /// chance, or from rows of files that are lacking.
    pub(super) fn of(form: &'f CompiledForm, records: &[StoredRecord], lacking: &'f Lacking) -> Self {
        let count = form.schema.nodes.len();
        let mut unknown = Self { form, lacking, value: vec![false; count], presence: vec![false; count] };
        let homes: BTreeSet<usize> =
            records.iter().flat_map(|record| form.records.homes(&record.target)).collect();
        let mut open: Vec<usize> = (0..count).filter(|at| unknown.is_lost(*at, &homes)).collect();
        for at in &open {
            unknown.value[*at] = true;
        }
        for repeat in 0..count {
            if unknown.is_unsaid(repeat, records) {
                unknown.hide(repeat, &mut open);
            }
        }
        let missing = |at: &usize| form.rules[*at].beyond.is_missing(&lacking.partial, &lacking.missing);
        for rule in (0..form.rules.len()).filter(missing) {
            unknown.follow(rule, &mut open);
        }
        for at in 0..count {
            // Instances that are records of their own may not all have come.
            let home = form.records.home(at);
            if form.schema.nodes[home].is_repeat {
                let outside = |rule: &usize| form.records.home(form.rules[*rule].at) != home;
                let rules = form.dependents[at].iter().map(|dependent| dependent.rule).filter(outside);
                rules.for_each(|rule| unknown.follow(rule, &mut open));
            }
        }
        while let Some(at) = open.pop() {
            for Dependent { rule, .. } in &form.dependents[at] {
                unknown.follow(*rule, &mut open);
            }
        }
        unknown
    }

    fn element(&self, at: usize) -> Option<&'f Element> {
        self.form.schema.nodes[at].element.map(|at| &self.form.form.elements[at])
    }

    /// Whether what was answered at a node stands nowhere as it was given, and cannot be calculated.
    fn is_lost(&self, at: usize, homes: &BTreeSet<usize>) -> bool {
        let Some(element) = self.element(at) else {
            // What every form has names this filling of it.
            return true;
        };
        let Some(question) = element.question().filter(|question| **question != Question::Note) else {
            return false;
        };
        let NodeRules { calculation, .. } = self.form.of_node[at];
        let is_there = homes.contains(&self.form.records.home(at)) && element.is_kept();
        calculation.is_none() && (!is_there || is_rewritten(element, question))
    }

    /// Whether nothing is stored of a repeat in whose first instance something may have been asked.
    fn is_unsaid(&self, at: usize, records: &[StoredRecord]) -> bool {
        let Some(element) = self.element(at) else { return false };
        let begins = matches!(element.kind, Kind::Repeat { count: None });
        let Some(path) = element.path.as_deref().filter(|_| begins && self.form.records.home(at) != at)
        else {
            return false;
        };
        let is_of_it =
            |path_there: &str| path_there.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'));
        !records.iter().any(|record| record.values.keys().any(|path| is_of_it(path.as_str())))
    }

    /// What a rule gives is not known.
    fn follow(&mut self, rule: usize, open: &mut Vec<usize>) {
        let known = &self.form.rules[rule];
        match known.purpose {
            // What was written when another answer changed is stored, or it is lost.
            Purpose::Triggered => {}
            Purpose::Calculation => {
                if !std::mem::replace(&mut self.value[known.at], true) {
                    open.push(known.at);
                }
            }
            Purpose::Count | Purpose::Relevant => self.hide(known.at, open),
        }
    }

    /// It is not known whether a node is there, with all below it.
    fn hide(&mut self, top: usize, open: &mut Vec<usize>) {
        for at in self.form.schema.subtree(top) {
            if !std::mem::replace(&mut self.presence[at], true) {
                open.push(at);
            }
        }
    }

    /// Whether it is not known that an answer is wrong in a way.
    pub(super) fn doubts(&self, node: usize, fault: Fault) -> bool {
        let asked = &self.form.asked[node];
        let expr = match fault {
            Fault::Required => &asked.required,
            Fault::Constraint => &asked.constraint,
            Fault::Choice => &asked.choices,
            Fault::Range | Fault::Writer => return false,
        };
        let is_rewritten = fault != Fault::Required && self.value[node];
        self.presence[node] || is_rewritten || expr.as_ref().is_some_and(|expr| self.is_behind(node, expr))
    }

    /// Whether an expression of a node looks at what is not known.
    fn is_behind(&self, node: usize, expr: &Expr) -> bool {
        let own = self.form.records.home(node);
        let is_unknown = |at: usize| {
            let home = self.form.records.home(at);
            let may_lack = home != own && self.form.schema.nodes[home].is_repeat;
            self.value[at] || self.presence[at] || may_lack
        };
        Beyond::of(expr).is_missing(&self.lacking.partial, &self.lacking.missing)
            || self.form.looked_at(node, expr).into_iter().any(is_unknown)
    }
}

/// Whether an answer does not come back from its record as it was given.
fn is_rewritten(element: &Element, question: &Question) -> bool {
    let is_number = matches!(question, Question::Integer | Question::Decimal | Question::Range { .. });
    match element.ours.storage {
        Some(Storage::Phone | Storage::Language) => true,
        Some(Storage::Integer | Storage::Decimal) => !is_number,
        _ => false,
    }
}
