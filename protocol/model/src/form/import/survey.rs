//! The survey sheet: groups, repeats and questions.

use std::collections::BTreeMap;

use super::Importer;
use super::columns::{Column, Line, Table};
use super::finding::{Mistake, Said};
use super::limits::{MAX_DEPTH, MAX_NAME};
use super::names::is_name;
use super::ours::is_yes;
use super::types::{Container, RowType};
use crate::form::{ChoiceList, Element, Kind};
use crate::nearest::nearest;

const COLUMNS: [Column; 32] = [
    Column::Type,
    Column::Name,
    Column::Label,
    Column::Hint,
    Column::Guidance,
    Column::Image,
    Column::BigImage,
    Column::Audio,
    Column::Video,
    Column::Appearance,
    Column::Parameters,
    Column::Relevant,
    Column::Required,
    Column::RequiredMessage,
    Column::Constraint,
    Column::ConstraintMessage,
    Column::Calculation,
    Column::Default,
    Column::Trigger,
    Column::ReadOnly,
    Column::RepeatCount,
    Column::ChoiceFilter,
    Column::Disabled,
    Column::SaveTo,
    Column::Merge,
    Column::Class,
    Column::Record,
    Column::Write,
    Column::See,
    Column::Match,
    Column::Unit,
    Column::Kind,
];

/// What the survey sheet says.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) elements: Vec<Element>,
    /// The files that come with the form.
    pub(super) files: Vec<String>,
    /// What `save_to` calls an element.
    pub(super) save_to: BTreeMap<usize, String>,
}

/// A group or repeat that is not ended yet.
struct Open {
    container: Container,
    element: usize,
    /// The names in it, in small letters: the name as written, and its row.
    names: BTreeMap<String, Vec<(String, u32)>>,
}

/// Where in the sheet the reading is.
pub(super) struct Reading<'l> {
    pub(super) survey: Survey,
    pub(super) lists: &'l [ChoiceList],
    open: Vec<Open>,
    /// The names outside of any group.
    names: BTreeMap<String, Vec<(String, u32)>>,
    repeats: BTreeMap<String, u32>,
}

impl Importer<'_> {
    /// Reads the survey sheet. Nothing without one.
    pub(super) fn survey(&mut self, lists: &[ChoiceList]) -> Option<Survey> {
        let workbook = self.workbook;
        let table = workbook.sheet("survey").and_then(|sheet| {
            let table = Table::read(self, "survey", sheet, &COLUMNS)?;
            table.report_further(self, &COLUMNS);
            Some(table)
        });
        let Some(table) = table else {
            self.find::<Said>(Mistake::NoSurvey, super::Place::default(), []);
            return None;
        };
        if !table.has(Column::Type) {
            self.find(Mistake::HeaderMissing, table.place(None, "type"), ["type"]);
            return None;
        }
        let mut reading = Reading {
            survey: Survey::default(),
            lists,
            open: Vec::new(),
            names: BTreeMap::new(),
            repeats: BTreeMap::new(),
        };
        for row in table.rows {
            self.survey_row(&mut reading, table.line(row));
        }
        while let Some(open) = reading.open.pop() {
            let element = &reading.survey.elements[open.element];
            let values = [open.container.name(), element.name.as_str()];
            let place = super::names::survey_place(element.row, Column::Type);
            self.find(Mistake::BeginWithoutEnd, place, values);
        }
        Some(reading.survey)
    }

    fn survey_row(&mut self, reading: &mut Reading<'_>, line: Line<'_, '_>) {
        if line.some(Column::Disabled).is_some_and(|text| is_yes(&text) == Some(true)) {
            self.find::<Said>(Mistake::RowDisabled, line.whole(), []);
            return;
        }
        let text = line.get(Column::Type);
        if text.is_empty() {
            let says_nothing = line.get(Column::Name).is_empty() && line.text(Column::Label).is_empty();
            let mistake = if says_nothing { Mistake::RowIgnored } else { Mistake::TypeMissing };
            self.find::<Said>(mistake, line.whole(), []);
            return;
        }
        match RowType::read(&text) {
            RowType::Begin(container) => self.begin(reading, line, container),
            RowType::End(container) => self.end(reading, line, container),
            RowType::Ignored(why) => {
                let values = [Said::from(text), why];
                self.find(Mistake::TypeIgnored, line.place(Column::Type), values);
            }
            RowType::Unsupported(instead) => {
                let values = [Said::from(text), instead];
                self.find(Mistake::TypeUnsupported, line.place(Column::Type), values);
            }
            RowType::ListMissing => self.find(Mistake::ListMissing, line.place(Column::Type), [text]),
            RowType::Unknown => {
                let meant = nearest(&text, RowType::names());
                self.find_near(Mistake::TypeUnknown, line.place(Column::Type), [text.as_str()], meant);
            }
            row_type => self.question_row(reading, line, &row_type),
        }
    }

    fn begin(&mut self, reading: &mut Reading<'_>, line: Line<'_, '_>, container: Container) {
        if reading.open.len() == MAX_DEPTH {
            self.find(Mistake::TooDeep, line.whole(), [MAX_DEPTH.to_string()]);
        }
        let name = self.name(reading, line, container.name());
        let kind = match container {
            Container::Group => Kind::Group,
            Container::Repeat => {
                if let Some(first) = reading.repeats.insert(name.clone(), line.row.number) {
                    let place = line.place(Column::Name);
                    self.find(Mistake::RepeatNameTwice, place, [name.clone(), first.to_string()]);
                }
                Kind::Repeat { count: line.some(Column::RepeatCount) }
            }
        };
        if let Some(saved) = line.some(Column::SaveTo) {
            let why = Said::Told(
                "Only questions are saved: move it to one.",
                "Seules les questions sont enregistrées : déplacez-le vers l'une d'elles.",
            );
            self.find(Mistake::SaveToInvalid, line.place(Column::SaveTo), [Said::from(saved), why]);
        }
        let element = self.element(reading, line, name, kind);
        reading.survey.elements.push(element);
        let element = reading.survey.elements.len() - 1;
        reading.open.push(Open { container, element, names: BTreeMap::new() });
    }

    fn end(&mut self, reading: &mut Reading<'_>, line: Line<'_, '_>, container: Container) {
        if reading.open.last().is_some_and(|open| open.container == container) {
            reading.open.pop();
            return;
        }
        let values = [line.get(Column::Type), container.name().to_owned()];
        self.find(Mistake::EndWithoutBegin, line.place(Column::Type), values);
        // What the row probably ends is ended, so that one mistake is not found many times.
        if let Some(at) = reading.open.iter().rposition(|open| open.container == container) {
            reading.open.truncate(at);
        }
    }

    /// The name of a row, checked against its siblings.
    pub(super) fn name(&mut self, reading: &mut Reading<'_>, line: Line<'_, '_>, example: &str) -> String {
        let name = line.get(Column::Name);
        let place = || line.place(Column::Name);
        if name.is_empty() {
            if example == "note" {
                return format!("generated_note_name_{}", line.row.number);
            }
            self.find(Mistake::NameMissing, place(), [example]);
            return name;
        }
        if !is_name(&name) {
            self.find(Mistake::NameInvalid, place(), [name.as_str()]);
        } else if name.chars().count() > MAX_NAME {
            self.find(Mistake::NameLong, place(), [name.as_str()]);
        }
        if reading.open.is_empty() && name == "meta" {
            self.find(Mistake::NameReserved, place(), [name.as_str()]);
        }
        self.sibling(reading, line, &name);
        name
    }

    /// Adds a name to those of its group, each of which stands there once.
    pub(super) fn sibling(&mut self, reading: &mut Reading<'_>, line: Line<'_, '_>, name: &str) {
        let place = || line.place(Column::Name);
        let siblings = reading.open.last_mut().map_or(&mut reading.names, |open| &mut open.names);
        let alike = siblings.entry(name.to_lowercase()).or_default();
        if let Some((_, other)) = alike.iter().find(|(known, _)| known == name) {
            self.find(Mistake::NameTwice, place(), [name.to_owned(), other.to_string()]);
        } else {
            if let Some((_, other)) = alike.first() {
                self.find(Mistake::NameCase, place(), [name.to_owned(), other.to_string()]);
            }
            alike.push((name.to_owned(), line.row.number));
        }
    }

    /// An element with what stands in the columns that all have.
    pub(super) fn element(
        &mut self,
        reading: &Reading<'_>,
        line: Line<'_, '_>,
        name: String,
        kind: Kind,
    ) -> Element {
        let appearance = line.get(Column::Appearance);
        self.check_appearance(line, &kind);
        Element {
            name,
            parent: reading.open.last().map(|open| open.element),
            row: line.row.number,
            label: line.text(Column::Label),
            hint: line.text(Column::Hint),
            guidance: line.text(Column::Guidance),
            media: line.media(),
            appearance: appearance.split_whitespace().map(str::to_owned).collect(),
            logic: self.logic(line, &kind),
            ours: self.ours(line),
            path: None,
            kind,
        }
    }
}
