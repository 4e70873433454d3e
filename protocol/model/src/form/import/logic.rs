//! Expressions and references: each must be readable, and name what is there.

use std::collections::{BTreeMap, BTreeSet};

use super::Importer;
use super::columns::Column;
use super::finding::{Mistake, Place, Said};
use super::names::{is_name, survey_place};
use crate::form::compiled::{LAST_SAVED, stem};
use crate::form::{ChoiceSource, Form, Initial, Kind, Order, Text};
use crate::nearest::nearest;
use crate::xpath::{Expr, LocationStart, ParseErrorKind};

/// The name that every form has, besides its own, in its references: the number of the filled form.
const OF_EVERY_FORM: &str = "instanceID";

/// The rows of each name.
type Names<'f> = BTreeMap<&'f str, Vec<u32>>;

impl Importer<'_> {
    /// Reads every expression, and looks for what each reference names.
    pub(super) fn check_expressions(&mut self, form: &Form) {
        let mut names = Names::new();
        for element in &form.elements {
            names.entry(&element.name).or_default().push(element.row);
        }
        for (at, element) in form.elements.iter().enumerate() {
            let place = |column: Column| survey_place(element.row, column);
            for (column, text) in expressions(form, at) {
                self.check_expression(&names, text, place(column));
            }
            for name in &element.logic.trigger {
                self.check_reference(&names, name, place(Column::Trigger));
            }
            if let Kind::Question(question) = &element.kind
                && let Some(ChoiceSource::Repeat(name)) = question.choices().map(|choices| &choices.source)
            {
                self.check_reference(&names, name, place(Column::Type));
            }
            let texts = [
                (Column::Label, &element.label),
                (Column::Hint, &element.hint),
                (Column::Guidance, &element.guidance),
                (Column::Image, &element.media.image),
                (Column::BigImage, &element.media.big_image),
                (Column::Audio, &element.media.audio),
                (Column::Video, &element.media.video),
                (Column::RequiredMessage, &element.logic.required_message),
                (Column::ConstraintMessage, &element.logic.constraint_message),
            ];
            for (column, text) in texts {
                self.check_text(&names, text, &place(column));
            }
        }
        for list in &form.lists {
            for choice in &list.choices {
                let column = Column::Label.name().to_owned();
                let place = Place { sheet: "choices".to_owned(), row: Some(choice.row), column };
                self.check_text(&names, &choice.label, &place);
            }
        }
        let of_settings =
            |column: &str| Place { sheet: "settings".to_owned(), row: None, column: column.to_owned() };
        if let Some(text) = &form.instance_name {
            self.check_expression(&names, text, of_settings("instance_name"));
        }
        if let Some(text) = &form.record_label {
            let place = Place { sheet: "entities".to_owned(), row: None, column: "label".to_owned() };
            self.check_text(&names, &Text(vec![text.clone()]), &place);
        }
    }

    /// Says which files go with labels: no phone gets them.
    pub(super) fn check_media(&mut self, form: &Form) {
        let survey = form.elements.iter().map(|element| ("survey", element.row, &element.media));
        let choices = form.lists.iter().flat_map(|list| &list.choices);
        let choices = choices.map(|choice| ("choices", choice.row, &choice.media));
        for (sheet, row, media) in survey.chain(choices) {
            let columns = [
                (Column::Image, &media.image),
                (Column::BigImage, &media.big_image),
                (Column::Audio, &media.audio),
                (Column::Video, &media.video),
            ];
            for (column, files) in columns {
                let files: BTreeSet<&str> =
                    files.0.iter().map(String::as_str).filter(|file| !file.is_empty()).collect();
                let column = column.name().to_owned();
                for file in files {
                    let place = Place { sheet: sheet.to_owned(), row: Some(row), column: column.clone() };
                    self.find(Mistake::MediaIgnored, place, [file]);
                }
            }
        }
    }

    /// Says which labels are there in one language and not in another.
    pub(super) fn check_translations(&mut self, form: &Form) {
        let survey =
            form.elements.iter().map(|element| ("survey", element.row, &element.name, &element.label));
        let choices = form.lists.iter().flat_map(|list| &list.choices);
        let choices = choices.map(|choice| ("choices", choice.row, &choice.name, &choice.label));
        let labels: Vec<_> = survey.chain(choices).filter(|(.., label)| !label.is_empty()).collect();
        for (sheet, row, name, label) in labels {
            for (at, language) in form.languages.iter().enumerate() {
                if label.0.get(at).is_none_or(String::is_empty) {
                    let column = Column::Label.name().to_owned();
                    let place = Place { sheet: sheet.to_owned(), row: Some(row), column };
                    self.find(Mistake::TranslationMissing, place, [name.as_str(), &language.name]);
                }
            }
        }
    }

    fn check_expression(&mut self, names: &Names<'_>, text: &str, place: Place) {
        match Expr::parse(text) {
            Err(error) => self.find_unread(text, error.at, error.kind, place),
            Ok(expression) => {
                for reference in expression.references() {
                    self.check_reference(names, &reference.name, place.clone());
                }
            }
        }
    }

    fn check_text(&mut self, names: &Names<'_>, text: &Text, place: &Place) {
        for text in &text.0 {
            for (at, opening) in text.match_indices("${") {
                let inside = text[at + opening.len()..].split_once('}').map(|(inside, _)| inside);
                match inside.map(|inside| inside.strip_prefix("last-saved#").unwrap_or(inside)) {
                    Some(name) if is_name(name) => self.check_reference(names, name, place.clone()),
                    Some(name) => {
                        let kind = ParseErrorKind::ReferenceName(name.chars().take(80).collect());
                        self.find_unread(text, at, kind, place.clone());
                    }
                    None => self.find_unread(text, at, ParseErrorKind::OpenReference, place.clone()),
                }
            }
        }
    }

    /// Says why what stands at a byte of a text cannot be read.
    fn find_unread(&mut self, text: &str, at: usize, kind: ParseErrorKind, place: Place) {
        let character = text.get(..at).map_or(0, |before| before.chars().count()) + 1;
        let values = [Said::from(character.to_string()), Said::Unread(kind)];
        self.find(Mistake::ExpressionInvalid, place, values);
    }

    fn check_reference(&mut self, names: &Names<'_>, name: &str, place: Place) {
        match names.get(name).map(Vec::as_slice) {
            Some([_]) => {}
            Some([first, second, ..]) => {
                let values = [name.to_owned(), first.to_string(), second.to_string()];
                self.find(Mistake::ReferenceAmbiguous, place, values);
            }
            _ if name == OF_EVERY_FORM => {}
            _ => {
                let meant = nearest(name, names.keys().copied());
                self.find_near(Mistake::ReferenceUnknown, place, [name], meant);
            }
        }
    }
}

/// The files that expressions look into and nothing else names: whoever writes `pulldata('prices', …)` means `prices.csv`.
pub(super) fn files_of_expressions(form: &Form) -> BTreeSet<String> {
    let of_elements = (0..form.elements.len()).flat_map(|at| expressions(form, at)).map(|(_, text)| text);
    let all = of_elements.chain(form.instance_name.as_deref());
    let known: BTreeSet<&str> = form.lists.iter().map(|list| list.name.as_str()).collect();
    let named: BTreeSet<&str> = form.files.iter().map(|file| stem(file)).collect();
    let mut files = BTreeSet::new();
    for expression in all.filter_map(|text| Expr::parse(text).ok()) {
        let dependencies = expression.dependencies();
        for location in dependencies.locations.into_iter().chain(dependencies.counted) {
            let LocationStart::Instance(name) = &location.start else { continue };
            let name = name.strip_suffix(".csv").unwrap_or(name);
            if name != LAST_SAVED && !known.contains(name) && !named.contains(name) {
                files.insert(format!("{name}.csv"));
            }
        }
    }
    files
}

/// The expressions of an element, with the columns that they stand in.
fn expressions(form: &Form, at: usize) -> Vec<(Column, &str)> {
    let element = &form.elements[at];
    let logic = &element.logic;
    let mut all = vec![
        (Column::Relevant, logic.relevant.as_deref()),
        (Column::Required, logic.required.as_deref()),
        (Column::Constraint, logic.constraint.as_deref()),
        (Column::Calculation, logic.calculation.as_deref()),
        (Column::ReadOnly, logic.read_only.as_deref()),
    ];
    if let Some(Initial::Expression(text)) = &logic.initial {
        all.push((Column::Default, Some(text)));
    }
    match &element.kind {
        Kind::Group => {}
        Kind::Repeat { count } => all.push((Column::RepeatCount, count.as_deref())),
        Kind::Question(question) => {
            if let Some(choices) = question.choices() {
                all.push((Column::ChoiceFilter, choices.filter.as_deref()));
                if let Order::Seeded(seed) = &choices.order {
                    all.push((Column::Parameters, Some(seed)));
                }
            }
        }
    }
    all.into_iter().filter_map(|(column, text)| Some((column, text?))).collect()
}
