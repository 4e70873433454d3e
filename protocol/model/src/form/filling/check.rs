//! What breaks a rule of the form.

use super::instance::TOP;
use super::show::OTHER;
use super::{Filling, Place, World};
use crate::access::Roles;
use crate::form::{ChoiceSource, Element, Question, Text};

/// A rule of the form that an answer breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// Where.
    pub place: Place,
    /// What.
    pub fault: Fault,
    /// What to say, in the language in use.
    pub message: String,
}

/// How an answer breaks a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// It is required and not there.
    Required,
    /// It breaks the constraint of its question.
    Constraint,
    /// It is beyond the ends of its scale, or between its steps.
    Range,
    /// It is no choice that is offered.
    Choice,
    /// Who wrote it may not answer the question.
    Writer,
}

impl Fault {
    /// The stable code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Constraint => "constraint",
            Self::Range => "out-of-range",
            Self::Choice => "not-offered",
            Self::Writer => "not-permitted",
        }
    }

    /// The fault of a code.
    pub fn from_code(code: &str) -> Option<Self> {
        [Self::Required, Self::Constraint, Self::Range, Self::Choice, Self::Writer]
            .into_iter()
            .find(|fault| fault.code() == code)
    }
}

impl Element {
    /// What the form says itself where an answer breaks a rule.
    pub(super) fn own_message(&self, fault: Fault) -> Option<&Text> {
        match fault {
            Fault::Required => Some(&self.logic.required_message),
            Fault::Constraint | Fault::Range => Some(&self.logic.constraint_message),
            Fault::Choice | Fault::Writer => None,
        }
    }
}

impl Filling {
    /// Whether a question has to be answered, as long as it applies.
    pub fn is_required(&self, place: Place, world: &mut dyn World) -> bool {
        let Some(node) = self.there(place) else { return false };
        let required = self.form.asked[node.schema].required.as_ref();
        required.is_some_and(|expr| self.holds(expr, place.0, world, false))
    }

    /// Whether a question can only be read, as a note always can, and what others alone may write.
    pub fn is_read_only(&self, place: Place, world: &mut dyn World) -> bool {
        let Some(node) = self.there(place) else { return false };
        if self.element(place).and_then(Element::question) == Some(&Question::Note)
            || !self.may_write(place.0)
        {
            return true;
        }
        let read_only = self.form.asked[node.schema].read_only.as_ref();
        read_only.is_some_and(|expr| self.holds(expr, place.0, world, false))
    }

    /// What is wrong with the answer at a place; nothing with one that does not apply.
    pub fn complaint(&self, place: Place, world: &mut dyn World) -> Option<Complaint> {
        // Who may not answer a question cannot mend it.
        let concerns = self.is_relevant(place) && self.may_write(place.0);
        let fault = self.fault(place, &|_| false, world).filter(|_| concerns)?;
        Some(Complaint { place, fault, message: self.message(place, fault) })
    }

    /// What to say of a fault at a place, in the language in use.
    pub(super) fn message(&self, place: Place, fault: Fault) -> String {
        let own = self.element(place).and_then(|element| element.own_message(fault));
        let own = own.map_or_else(String::new, |own| self.text(place, own));
        if own.is_empty() { fault.sentence(&self.language_code()).to_owned() } else { own }
    }

    /// What is wrong with the answer at a place, whether or not its question applies; of one that does not, whether it is on
    /// the scale and offered. What is in doubt is not wrong: of a choice whose filter is, it counts whether the list has it.
    pub(super) fn fault(
        &self,
        place: Place,
        doubts: &dyn Fn(Fault) -> bool,
        world: &mut dyn World,
    ) -> Option<Fault> {
        let (node, element) = (self.there(place)?, self.element(place)?);
        let question = element.question()?;
        if node.value.is_empty() {
            let mut languages = 0..self.form.form.languages.len();
            let is_answered = languages.any(|language| !self.text_in(place.0, language).is_empty());
            let asks = *question != Question::Note && !is_answered;
            let is_missing = asks && self.is_required(place, world) && !doubts(Fault::Required);
            return is_missing.then_some(Fault::Required);
        }
        if !within(question, &node.value) {
            return Some(Fault::Range);
        }
        let names: Vec<&str> = chosen(element, &node.value).collect();
        let is_offered = self.offers(place, &names, world)
            || (doubts(Fault::Choice) && self.is_listed(element, &node.value));
        if !is_offered {
            return Some(Fault::Choice);
        }
        // Expressions do not see an answer that does not apply.
        let constraint = self.form.asked[node.schema].constraint.as_ref().filter(|_| node.relevance.whole);
        let holds = constraint.is_none_or(|expr| self.holds(expr, place.0, world, true));
        (!holds && !doubts(Fault::Constraint)).then_some(Fault::Constraint)
    }

    /// Whether who fills the form may answer what stands at a node.
    pub(super) fn may_write(&self, node: u32) -> bool {
        self.writers(node).meets(self.roles)
    }

    /// The roles that may answer what stands at a node.
    pub(super) fn writers(&self, node: u32) -> Roles {
        self.form.writers[self.instance.node(node).schema]
    }

    /// What is wrong with the form as it is, in its order.
    pub fn complaints(&self, world: &mut dyn World) -> Vec<Complaint> {
        let places = self.instance.subtree(TOP);
        places.into_iter().filter_map(|node| self.complaint(Place(node), world)).collect()
    }

    /// Whether a question has the choices of an answer at all, whatever its filter says.
    fn is_listed(&self, element: &Element, value: &str) -> bool {
        let Some(choices) = element.question().and_then(Question::choices) else { return true };
        let is_one = |name: &str| match &choices.source {
            ChoiceSource::List(list) => {
                let list = self.form.form.list(list);
                list.is_some_and(|list| list.choices.iter().any(|choice| choice.name == name))
            }
            // There may have been other rows, or answers.
            ChoiceSource::File { .. } | ChoiceSource::Repeat(_) => true,
        };
        chosen(element, value).all(|name| is_one(name) || (choices.or_other && name == OTHER))
    }

    pub(super) fn language_code(&self) -> String {
        let language = self.form.form.languages.get(self.language);
        language.map(|language| language.code.clone()).unwrap_or_default()
    }
}

/// The choices that an answer names.
fn chosen<'v>(element: &Element, value: &'v str) -> impl Iterator<Item = &'v str> {
    let is_one = matches!(element.question(), Some(Question::SelectOne(_)));
    let one = is_one.then_some(value);
    let many = (!is_one).then(|| value.split_whitespace());
    one.into_iter().chain(many.into_iter().flatten())
}

/// Whether a number lies on its scale.
fn within(question: &Question, value: &str) -> bool {
    let Question::Range { start, end, step } = question else { return true };
    let Ok(number) = value.parse::<f64>() else { return false };
    let (least, most) = if start <= end { (*start, *end) } else { (*end, *start) };
    let steps = (number - start) / step;
    (least..=most).contains(&number) && (*step == 0.0 || (steps - steps.round()).abs() < 1e-6)
}
