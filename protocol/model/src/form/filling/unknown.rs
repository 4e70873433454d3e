//! What nobody knows of a filled form who has only the records that it was written to.

use std::collections::BTreeSet;

use super::check::Fault;
use super::open::StoredRecord;
use crate::form::compiled::{Beyond, CompiledForm, Dependent, NodeRules, Purpose};
use crate::form::{Element, Question};
use crate::xpath::Expr;

/// What is not known of a form, by node: what was answered there, and whether it applied. Rules that look at such a node see
/// nothing there, and may have seen something else while the form was filled.
#[derive(Debug)]
pub(super) struct Unknown<'f> {
    form: &'f CompiledForm,
    partial: &'f BTreeSet<String>,
    value: Vec<bool>,
    presence: Vec<bool>,
}

impl<'f> Unknown<'f> {
    /// What is not known with these records: answers that are kept nowhere or sealed, those in records that are not there,
    /// and all that follows from them, from chance, or from the rest of the files of which only `partial` rows are there.
    pub(super) fn of(
        form: &'f CompiledForm,
        records: &[StoredRecord],
        partial: &'f BTreeSet<String>,
    ) -> Self {
        let count = form.schema.nodes.len();
        let mut unknown = Self { form, partial, value: vec![false; count], presence: vec![false; count] };
        let homes: BTreeSet<usize> =
            records.iter().flat_map(|record| form.records.homes(&record.target)).collect();
        let mut open: Vec<usize> = (0..count).filter(|at| unknown.is_lost(*at, &homes)).collect();
        for at in &open {
            unknown.value[*at] = true;
        }
        let missing = |at: &usize| form.rules[*at].beyond.is_missing(partial);
        for rule in (0..form.rules.len()).filter(missing) {
            unknown.follow(rule, &mut open);
        }
        while let Some(at) = open.pop() {
            for Dependent { rule, .. } in &form.dependents[at] {
                unknown.follow(*rule, &mut open);
            }
        }
        unknown
    }

    /// Whether what was answered at a node stands nowhere and cannot be calculated.
    fn is_lost(&self, at: usize, homes: &BTreeSet<usize>) -> bool {
        let Some(element) = self.form.schema.nodes[at].element.map(|at| &self.form.form.elements[at]) else {
            // What every form has names this filling of it.
            return true;
        };
        let is_asked = element.question().is_some_and(|question| *question != Question::Note);
        let NodeRules { calculation, .. } = self.form.of_node[at];
        let is_there = homes.contains(&self.form.records.home(at)) && Element::is_kept(element);
        is_asked && !is_there && calculation.is_none()
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
            Purpose::Count | Purpose::Relevant => {
                for at in self.form.schema.subtree(known.at) {
                    if !std::mem::replace(&mut self.presence[at], true) {
                        open.push(at);
                    }
                }
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
            Fault::Range => return false,
        };
        self.presence[node] || expr.as_ref().is_some_and(|expr| self.is_behind(node, expr))
    }

    /// Whether an expression of a node looks at what is not known.
    fn is_behind(&self, node: usize, expr: &Expr) -> bool {
        let looked_at = self.form.looked_at(node, expr);
        Beyond::of(&expr.dependencies()).is_missing(self.partial)
            || looked_at.into_iter().any(|at| self.value[at] || self.presence[at])
    }
}
