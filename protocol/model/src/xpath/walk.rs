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
                rest.iter().for_each(|(_, operand)| visit(operand));
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
            Self::Path(path) => {
                let inside: &mut [Self] = match &mut path.start {
                    PathStart::Root | PathStart::Context => &mut [],
                    PathStart::Reference(reference, predicates) => {
                        visit(reference);
                        predicates
                    }
                    PathStart::Filter(inner, predicates) => {
                        inner.each_reference_mut(visit);
                        predicates
                    }
                };
                inside.iter_mut().for_each(|ast| ast.each_reference_mut(visit));
                let predicates = path.steps.iter_mut().flat_map(|step| &mut step.predicates);
                predicates.for_each(|ast| ast.each_reference_mut(visit));
            }
            Self::Union(parts) | Self::Call(_, parts) => {
                parts.iter_mut().for_each(|part| part.each_reference_mut(visit));
            }
            Self::Negate(operand) | Self::Regex(operand, _) => operand.each_reference_mut(visit),
            Self::Chain(first, rest) => {
                first.each_reference_mut(visit);
                rest.iter_mut().for_each(|(_, operand)| operand.each_reference_mut(visit));
            }
            Self::ChoiceName(value, path) => {
                value.each_reference_mut(visit);
                path.each_reference_mut(visit);
            }
        }
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

    fn each_child<'a>(&'a self, visit: &mut dyn FnMut(&'a Ast)) {
        if let PathStart::Filter(inner, _) = &self.start {
            visit(inner);
        }
        self.start_predicates().iter().for_each(&mut *visit);
        let predicates = |step: &'a Step| step.predicates.iter();
        self.steps.iter().flat_map(predicates).for_each(visit);
    }
}
