//! What is shown of a filled form: labels with answers in them, and choices.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::instance::TOP;
use super::view::View;
use super::{Filling, Place, World};
use crate::form::compiled::{Piece, pieces, stem};
use crate::form::{ChoiceSource, Choices, Element, Language, Order, Question, Text};
use crate::xpath::{Node, Tree, Value};

/// A choice that is offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offered {
    /// What is stored.
    pub name: String,
    /// What is shown, in the language in use.
    pub label: String,
}

/// What stands for any other choice, where a question has `or_other`.
pub(super) const OTHER: &str = "other";

impl Filling {
    /// What is asked at a place, in the language in use.
    pub fn label(&self, place: Place) -> String {
        self.element(place).map_or_else(String::new, |element| self.text(place, &element.label))
    }

    /// The line below it.
    pub fn hint(&self, place: Place) -> String {
        self.element(place).map_or_else(String::new, |element| self.text(place, &element.hint))
    }

    /// What is shown to who asks for more.
    pub fn guidance(&self, place: Place) -> String {
        self.element(place).map_or_else(String::new, |element| self.text(place, &element.guidance))
    }

    /// A text of the element at a place, with the answers that it names.
    pub(super) fn text(&self, place: Place, text: &Text) -> String {
        let text = text.get(self.language, self.form.form.default_language);
        let shown = pieces(&self.form.schema, text).into_iter().map(|piece| match piece {
            Piece::Plain(text) => text.to_owned(),
            Piece::Answer(kind) => self.answer_beside(place.0, kind),
        });
        shown.collect()
    }

    /// The answer to a question as seen from a node: in the same instance of what both stand in.
    fn answer_beside(&self, node: u32, kind: usize) -> String {
        let schema = &self.form.schema;
        let common = schema.common(self.instance.node(node).schema, kind);
        let top = self.instance.above(node, common).unwrap_or(TOP);
        let found = self.instance.all_below(schema, top, kind).into_iter().next();
        let shown = found.map(|node| self.instance.node(node)).filter(|node| node.relevance.whole);
        shown.map_or_else(String::new, |node| node.value.clone())
    }

    /// The choices that a question offers, in the order in which they are shown; none where it cannot be calculated which.
    pub fn choices(&self, place: Place, world: &mut dyn World) -> Vec<Offered> {
        let Some(choices) = self.choices_of(place) else { return Vec::new() };
        let offered = |node, view: &View<'_>| self.offered(place, choices, node, view);
        let Some(mut offered) = self.each_offered(place, world, offered) else { return Vec::new() };
        if choices.order == Order::Random {
            shuffle(&mut offered, self.seed);
        }
        if choices.or_other && !offered.iter().any(|choice| choice.name == OTHER) {
            offered.push(Offered { name: OTHER.to_owned(), label: self.other_label() });
        }
        offered
    }

    /// Whether a question offers all of these. Where it has no choices, or it cannot be calculated which, nothing is wrong
    /// with an answer.
    pub(super) fn offers(&self, place: Place, names: &[&str], world: &mut dyn World) -> bool {
        let Some(choices) = self.choices_of(place) else { return true };
        let wanted: BTreeSet<&str> = names.iter().copied().collect();
        let which = |node, view: &View<'_>| wanted.get(&*self.offered_name(choices, node, view)).copied();
        let Some(found) = self.each_offered(place, world, which) else { return true };
        let found: BTreeSet<&str> = found.into_iter().flatten().collect();
        wanted.iter().all(|name| found.contains(name) || (choices.or_other && *name == OTHER))
    }

    fn choices_of(&self, place: Place) -> Option<&Choices> {
        self.element(place).and_then(Element::question).and_then(Question::choices)
    }

    /// What stands for each choice that a question offers; none where it cannot be calculated which.
    fn each_offered<T>(
        &self,
        place: Place,
        world: &mut dyn World,
        read: impl Fn(Node, &View<'_>) -> T,
    ) -> Option<Vec<T>> {
        let expr = self.form.asked[self.instance.node(place.0).schema].choices.as_ref()?;
        let offered = self.evaluate(expr, place.0, world, |value, view| match value {
            Value::Nodes(nodes) => nodes.into_iter().map(|node| read(node, view)).collect(),
            _ => Vec::new(),
        });
        offered.ok()
    }

    fn offered(&self, place: Place, choices: &Choices, node: Node, view: &View<'_>) -> Offered {
        let name = self.offered_name(choices, node, view).into_owned();
        let label = match (&choices.source, self.row(node)) {
            (ChoiceSource::List(list), Some((_, row))) => self.list_label(place, list, row),
            (ChoiceSource::File { label, .. }, Some((table, row))) => {
                self.file_label(table, row, label).to_owned()
            }
            (ChoiceSource::Repeat(_), _) | (_, None) => String::new(),
        };
        Offered { label: if label.is_empty() { name.clone() } else { label }, name }
    }

    fn offered_name<'v>(&'v self, choices: &Choices, node: Node, view: &'v View<'_>) -> Cow<'v, str> {
        let Some((table, row)) = self.row(node) else { return view.text(node) };
        let column = match &choices.source {
            ChoiceSource::File { value, .. } => value,
            ChoiceSource::List(_) | ChoiceSource::Repeat(_) => "name",
        };
        Cow::Borrowed(self.documents.cell(table, row, column))
    }

    /// The row of a table that a node is.
    fn row(&self, node: Node) -> Option<(usize, usize)> {
        let table = View::table(node)?;
        Some((table, self.documents.row(table, node.index)?))
    }

    /// The label of a choice as it is shown at a place.
    fn list_label(&self, place: Place, list: &str, choice: usize) -> String {
        let choice = self.form.form.list(list).and_then(|list| list.choices.get(choice));
        choice.map_or_else(String::new, |choice| self.text(place, &choice.label))
    }

    /// The label of a row of a file: that of the column `label::Français (fr)` in its language, known by its name or its code,
    /// and that of the column itself where there is none.
    fn file_label(&self, table: usize, row: usize, column: &str) -> &str {
        let language = self.form.form.languages.get(self.language);
        let of_language = |language: &Language| {
            let code = format!("({})", language.code);
            let is_its = |heading: &&String| {
                let rest = heading.strip_prefix(column).and_then(|rest| rest.strip_prefix("::"));
                let has_code = |rest: &str| !language.code.is_empty() && rest.ends_with(&code);
                rest.is_some_and(|rest| rest == language.name || has_code(rest))
            };
            let heading = self.documents.columns(table).iter().find(is_its)?;
            Some(self.documents.cell(table, row, heading)).filter(|text| !text.is_empty())
        };
        language.and_then(of_language).unwrap_or_else(|| self.documents.cell(table, row, column))
    }

    /// The label of a choice of a question, whether it is offered or not.
    pub(super) fn choice_label(&self, question: Node, choice: &str) -> Option<String> {
        if View::table(question).is_some() {
            return None;
        }
        let choices = self.element(Place(question.index))?.question()?.choices()?;
        if choices.or_other && choice == OTHER {
            return Some(self.other_label());
        }
        match &choices.source {
            ChoiceSource::List(list) => {
                let at = self.form.form.list(list)?.choices.iter().position(|known| known.name == choice)?;
                Some(self.list_label(Place(question.index), list, at))
            }
            ChoiceSource::File { name, value, label } => {
                let table = self.documents.named(stem(name))?;
                let row = self.documents.find(table, value, choice)?;
                Some(self.file_label(table, row, label).to_owned())
            }
            ChoiceSource::Repeat(_) => Some(choice.to_owned()),
        }
    }

    fn other_label(&self) -> String {
        let code = self.form.form.languages.get(self.language).map_or("", |language| language.code.as_str());
        if code == "fr" { "Autre" } else { "Other" }.to_owned()
    }
}

/// Puts choices in an order that comes from a number between 0 and 1, the same each time.
fn shuffle(offered: &mut [Offered], seed: f64) {
    let mut state = seed.to_bits() | 1;
    for last in (1..offered.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let at = usize::try_from(state % (last as u64 + 1)).unwrap_or_default();
        offered.swap(last, at);
    }
}
