//! Questions: their types, choices and expressions.

use super::columns::{Column, Line};
use super::finding::{Mistake, Said};
use super::names::{is_name, path_name};
use super::ours::is_yes;
use super::parameters::Parameters;
use super::survey::Reading;
use super::types::{RowType, Select};
use super::{Importer, language};
use crate::form::{
    ChoiceSource, Choices, Element, Initial, Kind, Logic, Media, Metadata, Order, Ours, Question, Text,
};
use crate::nearest::nearest;

impl Importer<'_> {
    /// Reads the row of a question, or of a file.
    pub(super) fn question_row(&mut self, reading: &mut Reading<'_>, line: Line<'_, '_>, row_type: &RowType) {
        let example = if *row_type == RowType::Plain(Question::Note) { "note" } else { "age" };
        let name = self.name(reading, line, example);
        let question = match row_type {
            RowType::External => {
                reading.survey.files.push(format!("{name}.csv"));
                return;
            }
            RowType::Plain(question) => self.plain(line, question),
            RowType::Range => self.range(line),
            RowType::Select { select, list, from_file, or_other } => {
                let choices = self.choices_of(reading, line, *select, list, *from_file, *or_other);
                match select {
                    Select::One => Question::SelectOne(choices),
                    Select::Multiple => Question::SelectMultiple(choices),
                    Select::Rank => Question::Rank(choices),
                }
            }
            _ => return,
        };
        let element = self.element(reading, line, name, Kind::Question(question.clone()));
        let says_nothing = element.label.is_empty() && element.hint.is_empty() && element.media.is_empty();
        if question.is_shown() && says_nothing {
            self.find(Mistake::LabelMissing, line.place(Column::Label), [element.name.as_str()]);
        }
        if question == Question::Calculate
            && element.logic.calculation.is_none()
            && !matches!(element.logic.initial, Some(Initial::Expression(_)))
        {
            self.find::<Said>(Mistake::CalculationMissing, line.place(Column::Calculation), []);
        }
        if let Some(saved) = self.save_to(line) {
            reading.survey.save_to.insert(reading.survey.elements.len(), saved);
        }
        let other = question.choices().filter(|choices| choices.or_other).map(|_| self.other(&element));
        reading.survey.elements.push(element);
        if let Some(other) = other {
            self.sibling(reading, line, &other.name);
            reading.survey.elements.push(other);
        }
    }

    /// The text question that `or_other` puts behind a question, named like it.
    fn other(&self, element: &Element) -> Element {
        let label = |name: &String| match language(name).code.as_str() {
            "fr" => "Précisez.".to_owned(),
            _ => "Specify other.".to_owned(),
        };
        let relevant = Some(format!("selected(../{}, 'other')", element.name));
        Element {
            name: format!("{}_other", element.name),
            parent: element.parent,
            row: element.row,
            kind: Kind::Question(Question::Text),
            path: None,
            label: Text(self.languages.iter().map(label).collect()),
            hint: Text::default(),
            guidance: Text::default(),
            media: Media::default(),
            appearance: Vec::new(),
            logic: Logic { relevant, ..Logic::default() },
            ours: Ours::default(),
        }
    }

    fn plain(&mut self, line: Line<'_, '_>, question: &Question) -> Question {
        let name = match question {
            Question::Text => "text",
            Question::Image { .. } => "image",
            Question::Audio => "audio",
            Question::Geopoint => "geopoint",
            Question::Geotrace => "geotrace",
            Question::Geoshape => "geoshape",
            _ => "",
        };
        let parameters = self.parameters(line, name);
        if let Question::Metadata(Metadata::SubscriberId | Metadata::SimSerial) = question {
            let why = Said::Told("Phones do not tell it any more.", "Les téléphones ne le disent plus.");
            let values = [Said::from(line.get(Column::Type)), why];
            self.find(Mistake::TypeIgnored, line.place(Column::Type), values);
        }
        match (question, parameters.get("max-pixels")) {
            (Question::Image { .. }, Some(pixels)) => {
                let max_pixels = pixels.parse().ok();
                if max_pixels.is_none() {
                    let why = Said::Told("Write a whole number.", "Écrivez un nombre entier.");
                    self.wrong_parameter(line, "max-pixels", pixels, why);
                }
                Question::Image { max_pixels }
            }
            _ => question.clone(),
        }
    }

    fn range(&mut self, line: Line<'_, '_>) -> Question {
        let parameters = self.parameters(line, "range");
        let start = self.number_parameter(line, &parameters, "start", 1.0);
        let end = self.number_parameter(line, &parameters, "end", 10.0);
        let step = self.number_parameter(line, &parameters, "step", 1.0);
        if step <= 0.0 || step > (end - start).abs() {
            let why = Said::Told(
                "Write a number above 0 that is not greater than the range.",
                "Écrivez un nombre supérieur à 0 qui ne dépasse pas l'étendue.",
            );
            let written = parameters.get("step").map_or("1", String::as_str);
            self.wrong_parameter(line, "step", written, why);
        }
        Question::Range { start, end, step }
    }

    fn choices_of(
        &mut self,
        reading: &mut Reading<'_>,
        line: Line<'_, '_>,
        select: Select,
        list: &str,
        from_file: bool,
        or_other: bool,
    ) -> Choices {
        let parameters = self.parameters(line, if from_file { "select from file" } else { "select" });
        let filter = line.some(Column::ChoiceFilter);
        if or_other && filter.is_some() {
            self.find::<Said>(Mistake::OtherWithFilter, line.place(Column::ChoiceFilter), []);
        }
        let source = if from_file {
            self.file(reading, line, list, &parameters)
        } else if let Some(name) = list.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) {
            ChoiceSource::Repeat(name.to_owned())
        } else {
            self.check_list(reading, line, select, list);
            ChoiceSource::List(list.to_owned())
        };
        let order = self.order(line, &parameters);
        Choices { source, or_other, filter, order }
    }

    /// A list of the choices sheet must be there, and its names without spaces where several can be chosen.
    fn check_list(&mut self, reading: &Reading<'_>, line: Line<'_, '_>, select: Select, list: &str) {
        let Some(known) = reading.lists.iter().find(|known| known.name == list) else {
            let meant = nearest(list, reading.lists.iter().map(|known| known.name.as_str()));
            self.find_near(Mistake::ListUnknown, line.place(Column::Type), [list], meant);
            return;
        };
        if select != Select::One {
            for choice in known.choices.iter().filter(|choice| choice.name.contains(char::is_whitespace)) {
                let mut place = line.place(Column::Name);
                (place.sheet, place.row) = ("choices".to_owned(), Some(choice.row));
                self.find(Mistake::ChoiceSpace, place, [choice.name.as_str(), list]);
            }
        }
    }

    fn file(
        &mut self,
        reading: &mut Reading<'_>,
        line: Line<'_, '_>,
        file: &str,
        parameters: &Parameters,
    ) -> ChoiceSource {
        let stem = file.strip_suffix(".csv");
        if !stem.is_some_and(|stem| !stem.is_empty() && !stem.contains('.')) {
            self.find(Mistake::ListFile, line.place(Column::Type), [file]);
        }
        let mut column = |key: &str, default: &str| {
            let name = parameters.get(key).map_or(default, String::as_str);
            if !is_name(name) {
                let why = Said::Told("Write the name of a column.", "Écrivez le nom d'une colonne.");
                self.wrong_parameter(line, key, name, why);
            }
            name.to_owned()
        };
        let (value, label) = (column("value", "name"), column("label", "label"));
        if !reading.survey.files.iter().any(|known| known == file) {
            reading.survey.files.push(file.to_owned());
        }
        ChoiceSource::File { name: file.to_owned(), value, label }
    }

    fn order(&mut self, line: Line<'_, '_>, parameters: &Parameters) -> Order {
        let (text, seed) = (parameters.get("randomize"), parameters.get("seed"));
        let is_random = match text.map(|text| (text, is_yes(text))) {
            None => false,
            Some((_, Some(is_random))) => is_random,
            Some((text, None)) => {
                let why = Said::Told("Write true or false.", "Écrivez true ou false.");
                self.wrong_parameter(line, "randomize", text, why);
                false
            }
        };
        if let Some(seed) = seed.filter(|_| !is_random) {
            let why = Said::Told("It needs randomize=true beside it.", "Il lui faut randomize=true à côté.");
            self.wrong_parameter(line, "seed", seed, why);
        }
        match seed {
            _ if !is_random => Order::Listed,
            None => Order::Random,
            Some(seed) => Order::Seeded(seed.clone()),
        }
    }

    /// The expressions of a row.
    pub(super) fn logic(&mut self, line: Line<'_, '_>, kind: &Kind) -> Logic {
        let truth = |column| {
            line.some(column).map(|text| match is_yes(&text) {
                Some(true) => "true()".to_owned(),
                Some(false) => "false()".to_owned(),
                None => text,
            })
        };
        let initial = line.some(Column::Default).map(|text| match kind {
            Kind::Question(question) if super::initial::is_expression(&text, question) => {
                Initial::Expression(text)
            }
            _ => Initial::Value(text),
        });
        Logic {
            relevant: truth(Column::Relevant),
            required: truth(Column::Required),
            required_message: line.text(Column::RequiredMessage),
            constraint: truth(Column::Constraint),
            constraint_message: line.text(Column::ConstraintMessage),
            calculation: truth(Column::Calculation),
            initial,
            read_only: truth(Column::ReadOnly),
            trigger: self.trigger(line),
        }
    }

    /// What the entity of the form calls the answer.
    fn save_to(&mut self, line: Line<'_, '_>) -> Option<String> {
        let name = line.some(Column::SaveTo)?;
        let why = if !is_name(&name) || name.contains('.') {
            Said::Told(
                "Write a name of letters, digits, _ and - that begins with a letter.",
                "Écrivez un nom de lettres, chiffres, _ et - qui commence par une lettre.",
            )
        } else if self.workbook.sheet("entities").is_none() {
            Said::Told("Add the sheet entities.", "Ajoutez la feuille entities.")
        } else {
            return Some(path_name(&name));
        };
        self.find(Mistake::SaveToInvalid, line.place(Column::SaveTo), [Said::from(name), why]);
        None
    }

    fn trigger(&mut self, line: Line<'_, '_>) -> Vec<String> {
        let text = line.get(Column::Trigger);
        let parts: Vec<&str> = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
        let mut names = Vec::new();
        for part in parts {
            let name = part.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')).map(str::trim);
            if let Some(name) = name.filter(|name| is_name(name)) {
                names.push(name.to_owned());
            } else {
                self.find(Mistake::TriggerInvalid, line.place(Column::Trigger), [part]);
            }
        }
        names
    }
}
