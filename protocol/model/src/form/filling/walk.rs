//! A filled form as lines of text, and answers as they are typed.

use serde::Serialize;

use super::{Filling, Offered, Place, Refusal, World};
use crate::form::{Element, Kind, Question};

/// The least letters at the beginning of a label that name a choice.
const LEAST_OF_LABEL: usize = 3;
/// The most choices of a question that lines show.
const SHOWN_CHOICES: usize = 40;

/// A place of a form, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// In how many others it stands.
    pub depth: usize,
    /// Its name; from the second place of that name on with its number, as [`Filling::give`] reads it.
    pub name: String,
    /// What a workbook calls it.
    pub kind: &'static str,
    /// What is asked; its name where nothing is.
    pub label: String,
    /// The line below it.
    pub hint: String,
    /// Whether it must be answered.
    pub required: bool,
    /// Whether it can only be read.
    pub read_only: bool,
    /// The answer.
    pub value: String,
    /// What can be chosen: the name and the label of each.
    pub choices: Vec<(String, String)>,
    /// What is wrong with the answer.
    pub complaint: Option<String>,
}

/// A form as it is shown: what is asked after these answers, and what is not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Walk {
    /// The places in their order.
    pub shown: Vec<Shown>,
    /// The names of what does not apply.
    pub hidden: Vec<String>,
    /// What was asked and answered and is not kept, for it does not apply any more.
    pub dropped: Vec<String>,
}

/// Why what was typed is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotGiven {
    /// It is not of the form `QUESTION=ANSWER`.
    #[error("an answer is QUESTION=ANSWER, such as sex=female, or sex[2]=female for the second of that name")]
    Form,
    /// The form has no such place.
    #[error("the form has no question {0}")]
    Unknown(String),
    /// The answer was refused.
    #[error("{name}: {refusal}")]
    Refused {
        /// The name of the question.
        name: String,
        /// Why.
        refusal: Refusal,
    },
}

impl Filling {
    /// Everything that is asked as the form is now.
    pub fn walk(&self, world: &mut dyn World) -> Walk {
        let mut walk = Walk::default();
        self.walk_below(self.root(), 0, &mut walk, world);
        walk.dropped = self.dropped().into_iter().map(|dropped| dropped.label).collect();
        walk
    }

    fn walk_below(&self, place: Place, depth: usize, walk: &mut Walk, world: &mut dyn World) {
        for child in self.children(place) {
            let Some(element) = self.element(child) else { continue };
            let kind = match &element.kind {
                Kind::Group => "group",
                Kind::Repeat { .. } => "repeat",
                Kind::Question(question) if question.is_shown() => word(question),
                Kind::Question(_) => continue,
            };
            if !self.is_relevant(child) {
                walk.hidden.push(element.name.clone());
                continue;
            }
            let offered = self.choices(child, world).into_iter();
            let (label, value) = (self.label(child), self.value(child).to_owned());
            walk.shown.push(Shown {
                depth,
                name: self.numbered(child, element),
                kind,
                label: if label.is_empty() { element.name.clone() } else { label },
                hint: self.hint(child),
                required: self.is_required(child, world),
                read_only: self.is_read_only(child, world),
                choices: offered.map(|Offered { name, label }| (name, label)).collect(),
                complaint: self
                    .complaint(child, world)
                    .filter(|_| !value.is_empty())
                    .map(|said| said.message),
                value,
            });
            self.walk_below(child, depth + 1, walk, world);
        }
    }

    fn numbered(&self, place: Place, element: &Element) -> String {
        match self.named(&element.name).iter().position(|other| *other == place) {
            None | Some(0) => element.name.clone(),
            Some(before) => format!("{}[{}]", element.name, before + 1),
        }
    }

    /// Takes what was typed: `QUESTION=ANSWER`, where of a choice its name is the answer, its label, or how only its label
    /// begins, of several their names with spaces between; `QUESTION[2]` is the second question of that name. `REPEAT=+` adds
    /// an instance behind the others.
    pub fn give(&mut self, typed: &str, world: &mut dyn World) -> Result<(), NotGiven> {
        let (name, text) = typed.split_once('=').ok_or(NotGiven::Form)?;
        let refused = |refusal| NotGiven::Refused { name: name.to_owned(), refusal };
        let unknown = || NotGiven::Unknown(name.to_owned());
        let (base, number) = match name.strip_suffix(']').and_then(|name| name.split_once('[')) {
            Some((base, number)) => (base, number.parse::<usize>().map_err(|_| NotGiven::Form)?),
            None => (name, 1),
        };
        let is_repeat = |element: &Element| matches!(element.kind, Kind::Repeat { .. });
        let repeat =
            self.form.form.elements.iter().find(|element| element.name == base && is_repeat(element));
        if text == "+"
            && let Some(repeat) = repeat
        {
            let above = repeat.parent.map(|at| self.form.form.elements[at].name.clone());
            let parent = above.map_or(Some(self.root()), |above| self.named(&above).last().copied());
            return self.add(parent.ok_or_else(unknown)?, base, world).map(|_| ()).map_err(refused);
        }
        let place = number.checked_sub(1).and_then(|at| self.named(base).get(at).copied());
        let place = place.ok_or_else(unknown)?;
        let meant = self.meant(place, text, world);
        self.answer(place, meant.as_deref().unwrap_or(text), world).map_err(refused)
    }

    /// The name of the one choice that a text means by its label, where it is the name of none.
    fn meant(&self, place: Place, text: &str, world: &mut dyn World) -> Option<String> {
        let is_one = matches!(self.element(place).and_then(Element::question), Some(Question::SelectOne(_)));
        if !is_one || text.is_empty() {
            return None;
        }
        let offered = self.choices(place, world);
        if offered.iter().any(|choice| choice.name == text) {
            return None;
        }
        let folded = text.to_lowercase();
        let only = |says: &dyn Fn(&str) -> bool| {
            let mut such = offered.iter().filter(|choice| says(&choice.label.to_lowercase()));
            let first = such.next()?;
            such.next().is_none().then(|| first.name.clone())
        };
        let begins = |label: &str| folded.chars().count() >= LEAST_OF_LABEL && label.starts_with(&folded);
        only(&|label| label == folded).or_else(|| only(&begins))
    }
}

impl Walk {
    /// The lines of the walk. Labels and answers stand in them as they are, line breaks too.
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.shown.iter().flat_map(Shown::lines).collect();
        if !self.hidden.is_empty() {
            lines.push(format!("\nNot asked after these answers: {}", self.hidden.join(", ")));
        }
        if !self.dropped.is_empty() {
            lines.push(format!("\nAnswered and not kept: {}", self.dropped.join("; ")));
        }
        lines
    }
}

impl Shown {
    fn lines(&self) -> Vec<String> {
        let indent = "  ".repeat(self.depth);
        let mark = if self.required { " *" } else { "" };
        let value = if self.value.is_empty() { String::new() } else { format!(": {}", self.value) };
        let mut lines = vec![format!("\n{indent}{}{mark}  [{} {}]{value}", self.label, self.kind, self.name)];
        if !self.hint.is_empty() {
            lines.push(format!("{indent}  {}", self.hint));
        }
        let chosen: Vec<&str> = self.value.split_whitespace().collect();
        lines.extend(self.choices.iter().take(SHOWN_CHOICES).map(|(name, label)| {
            let mark = if chosen.contains(&name.as_str()) { "x" } else { " " };
            format!("{indent}  ({mark}) {label}  [{name}]")
        }));
        let rest = self.choices.len().saturating_sub(SHOWN_CHOICES);
        lines.extend((rest > 0).then(|| format!("{indent}  … and {rest} more")));
        lines.extend(self.complaint.iter().map(|said| format!("{indent}  ! {said}")));
        lines
    }
}

/// What a type of questions is called in a workbook.
fn word(question: &Question) -> &'static str {
    match question {
        Question::Text => "text",
        Question::Integer => "integer",
        Question::Decimal => "decimal",
        Question::Range { .. } => "range",
        Question::SelectOne(_) => "select_one",
        Question::SelectMultiple(_) => "select_multiple",
        Question::Rank(_) => "rank",
        Question::Date => "date",
        Question::Time => "time",
        Question::DateTime => "dateTime",
        Question::Geopoint => "geopoint",
        Question::Geotrace => "geotrace",
        Question::Geoshape => "geoshape",
        Question::Barcode => "barcode",
        Question::Image { .. } => "image",
        Question::Audio => "audio",
        Question::Video => "video",
        Question::File => "file",
        Question::Note => "note",
        Question::Acknowledge => "acknowledge",
        Question::Hidden => "hidden",
        Question::Calculate => "calculate",
        Question::Metadata(_) => "metadata",
    }
}
