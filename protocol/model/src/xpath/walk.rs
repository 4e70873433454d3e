//! Visiting the parts of an expression.

use super::ast::{Ast, Path, PathStart, Reference, Step};

impl Ast {
    /// Shows each expression that stands directly in this one, predicates included, from left to right.
    pub(crate) fn each_child<'a>(&'a self, visit: &mut dyn FnMut(&'a Self)) {
        match self {
            Self::Number(_) | Self::Text(_) => {}
            Self::Path(path) => path.each_child(visit),
            Self::Union(parts) | Self::Call(_, parts) => parts.iter().for_each(visit),
            Self::Negate(operand) | Self::Regex(operand, _) => visit(operand),
            Self::Chain(first, rest) => {
                visit(first);
                for (_, operand) in rest {
                    visit(operand);
                }
            }
            Self::ChoiceName(value, path) => {
                visit(value);
                visit(path);
            }
        }
    }

    /// Shows each reference, from left to right, so that it can be changed.
    pub(crate) fn each_reference_mut(&mut self, visit: &mut dyn FnMut(&mut Reference)) {
        match self {
            Self::Number(_) | Self::Text(_) => {}
            Self::Path(path) => path.each_reference_mut(visit),
            Self::Union(parts) | Self::Call(_, parts) => each_reference_mut(parts, visit),
            Self::Negate(operand) | Self::Regex(operand, _) => operand.each_reference_mut(visit),
            Self::Chain(first, rest) => {
                first.each_reference_mut(visit);
                for (_, operand) in rest {
                    operand.each_reference_mut(visit);
                }
            }
            Self::ChoiceName(value, path) => {
                value.each_reference_mut(visit);
                path.each_reference_mut(visit);
            }
        }
    }
}

fn each_reference_mut(parts: &mut [Ast], visit: &mut dyn FnMut(&mut Reference)) {
    for part in parts {
        part.each_reference_mut(visit);
    }
}

impl Path {
    /// The predicates at the start of the path.
    pub(crate) fn start_predicates(&self) -> &[Ast] {
        match &self.start {
            PathStart::Root | PathStart::Context => &[],
            PathStart::Reference(_, predicates) | PathStart::Filter(_, predicates) => predicates,
        }
    }

    fn each_reference_mut(&mut self, visit: &mut dyn FnMut(&mut Reference)) {
        match &mut self.start {
            PathStart::Root | PathStart::Context => {}
            PathStart::Reference(reference, predicates) => {
                visit(reference);
                each_reference_mut(predicates, visit);
            }
            PathStart::Filter(inner, predicates) => {
                inner.each_reference_mut(visit);
                each_reference_mut(predicates, visit);
            }
        }
        for step in &mut self.steps {
            each_reference_mut(&mut step.predicates, visit);
        }
    }

    fn each_child<'a>(&'a self, visit: &mut dyn FnMut(&'a Ast)) {
        if let PathStart::Filter(inner, _) = &self.start {
            visit(inner);
        }
        self.start_predicates().iter().for_each(&mut *visit);
        let predicates = |step: &'a Step| step.predicates.iter();
        self.steps.iter().flat_map(predicates).for_each(visit);
    }
}
