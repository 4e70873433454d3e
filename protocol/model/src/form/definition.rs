//! What a form is.

use serde::{Deserialize, Serialize};

use super::ours::{Merge, Ours, RecordTarget, Storage};
use super::text::{Language, Media, Text};
use crate::access::Roles;

/// A form as it was published: plain data that never changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Form {
    /// `form_id` of the settings.
    pub id: String,
    /// `version` of the settings.
    pub version: String,
    /// `form_title` of the settings.
    pub title: String,
    /// The languages of its texts; one without a name where the workbook names none.
    pub languages: Vec<Language>,
    /// The place of the default language.
    pub default_language: usize,
    /// The expression that names a filled form, for lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance_name: Option<String>,
    /// The text, with references, that names the record of a filled form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record_label: Option<String>,
    /// Groups, repeats and questions; each stands behind its parent.
    pub elements: Vec<Element>,
    /// The choice lists.
    pub lists: Vec<ChoiceList>,
    /// The files that come with the form: those that choices come from, and those that expressions look at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// The record type that what stands in no group of its own is written to.
    pub record: RecordTarget,
}

/// A group, a repeat or a question.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Element {
    /// Its name in the workbook.
    pub name: String,
    /// The place of the group or repeat that it stands in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<usize>,
    /// The row of the survey sheet that it comes from.
    pub row: u32,
    /// What it is.
    pub kind: Kind,
    /// The path in its record, or for what stands in a repeat the last part of it; absent for what is never stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What is asked.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub label: Text,
    /// A line below it.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub hint: Text,
    /// What is shown to who asks for more.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub guidance: Text,
    /// Files that go with the label.
    #[serde(default, skip_serializing_if = "Media::is_empty")]
    pub media: Media,
    /// The words of `appearance`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub appearance: Vec<String>,
    /// Its expressions.
    #[serde(default)]
    pub logic: Logic,
    /// What only Fieldmerge knows of it.
    #[serde(default)]
    pub ours: Ours,
}

/// What an element is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Elements that belong together.
    Group,
    /// A group that may stand there many times; the expression of `repeat_count`, if it has one.
    Repeat {
        /// How many there are.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        count: Option<String>,
    },
    /// A question.
    Question(Question),
}

/// The types of questions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// Any text.
    Text,
    /// A whole number.
    Integer,
    /// A decimal number.
    Decimal,
    /// A number on a scale: `start`, `end`, `step`.
    Range {
        /// The least.
        start: f64,
        /// The greatest.
        end: f64,
        /// What lies between two.
        step: f64,
    },
    /// One of a list.
    SelectOne(Choices),
    /// Any of a list.
    SelectMultiple(Choices),
    /// All of a list in an order.
    Rank(Choices),
    /// A date.
    Date,
    /// A time of day.
    Time,
    /// A moment.
    DateTime,
    /// A point.
    Geopoint,
    /// A line.
    Geotrace,
    /// An area.
    Geoshape,
    /// What a barcode says.
    Barcode,
    /// A picture.
    Image {
        /// To how many pixels its longer side is made smaller.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        max_pixels: Option<u32>,
    },
    /// A sound.
    Audio,
    /// A film.
    Video,
    /// Any file.
    File,
    /// A text to read.
    Note,
    /// A box to tick.
    Acknowledge,
    /// A value that is never shown.
    Hidden,
    /// A value that is calculated.
    Calculate,
    /// A value that the phone knows.
    Metadata(Metadata),
}

/// What a phone knows by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metadata {
    /// When the form was begun.
    Start,
    /// When it was finished.
    End,
    /// The day on which it was begun.
    Today,
    /// The device.
    DeviceId,
    /// The person at the device.
    Username,
    /// Her telephone number.
    PhoneNumber,
    /// Her mail address.
    Email,
    /// Where the phone was when the form was begun.
    StartGeopoint,
    /// The number of her contract; phones do not tell it any more.
    SubscriberId,
    /// The number of the SIM card; phones do not tell it any more.
    SimSerial,
}

/// Where the choices of a question come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choices {
    /// The list.
    pub source: ChoiceSource,
    /// Whether "other" is offered with a text to fill.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub or_other: bool,
    /// Which of them are offered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// In which order they are offered.
    #[serde(default)]
    pub order: Order,
}

/// The order of choices.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// That of the list.
    #[default]
    Listed,
    /// Another one each time.
    Random,
    /// The one that the number gives which an expression has.
    Seeded(String),
}

/// A source of choices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChoiceSource {
    /// A list of the choices sheet.
    List(String),
    /// A file that comes with the form.
    File {
        /// Its name.
        name: String,
        /// The column of the values.
        value: String,
        /// The column of the labels.
        label: String,
    },
    /// What was answered in a repeat: the name of the question that gives the values.
    Repeat(String),
}

/// The expressions of an element, as they are written. `yes` and `no` stand as `true()` and `false()`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Logic {
    /// Whether it is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relevant: Option<String>,
    /// Whether it must be answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required: Option<String>,
    /// What is said where it was not.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub required_message: Text,
    /// What must hold for an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub constraint: Option<String>,
    /// What is said where it does not.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub constraint_message: Text,
    /// What gives its value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calculation: Option<String>,
    /// What it begins with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial: Option<Initial>,
    /// Whether it cannot be answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_only: Option<String>,
    /// The questions whose answers have it calculated anew.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trigger: Vec<String>,
}

/// What a question begins with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Initial {
    /// This value.
    Value(String),
    /// What an expression gives when the form, or the repeat around it, is begun.
    Expression(String),
}

/// A list of the choices sheet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChoiceList {
    /// `list_name`.
    pub name: String,
    /// Its choices, in their order.
    pub choices: Vec<Choice>,
    /// The further columns that its choices have, for filters.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
}

/// A choice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// What is stored.
    pub name: String,
    /// The row of the choices sheet that it comes from.
    pub row: u32,
    /// What is shown.
    pub label: Text,
    /// Files that go with the label.
    #[serde(default, skip_serializing_if = "Media::is_empty")]
    pub media: Media,
    /// Its values in the further columns of the list, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<String>,
}

impl Form {
    /// The choice list of this name.
    pub fn list(&self, name: &str) -> Option<&ChoiceList> {
        self.lists.iter().find(|list| list.name == name)
    }

    /// Whether each element stands behind its parent, as in every form that was imported: what a person wrote may differ.
    pub fn is_ordered(&self) -> bool {
        let mut elements = self.elements.iter().enumerate();
        elements.all(|(at, element)| element.parent.is_none_or(|parent| parent < at))
    }

    /// The elements that an element stands in, from the nearest outwards.
    pub fn ancestors(&self, element: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(self.elements[element].parent, |at| self.elements[*at].parent)
    }

    /// Who may answer an element: whoever `fm::write` names there, else at what it stands in; everybody where it names nobody.
    pub fn writers(&self, element: usize) -> Roles {
        let mut named = std::iter::once(element).chain(self.ancestors(element));
        let write =
            named.find_map(|at| Some(&self.elements[at].ours.write).filter(|roles| !roles.is_empty()));
        write.map_or(Roles::ALL, |roles| roles.iter().copied().collect())
    }

    /// The records that an element is written to.
    pub fn target(&self, element: usize) -> &RecordTarget {
        let own = self.elements[element].ours.record.as_ref();
        own.or_else(|| self.ancestors(element).find_map(|at| self.elements[at].ours.record.as_ref()))
            .unwrap_or(&self.record)
    }
}

impl Element {
    /// Whether its answer stands in a record as it is: not what is only read, calculated where it is needed, sealed by the
    /// device, or asked to steer the form.
    pub fn is_kept(&self) -> bool {
        self.path.is_some()
            && self.ours.merge != Some(Merge::D)
            && !matches!(self.ours.storage, Some(Storage::Sealed | Storage::Nowhere))
    }

    /// Whether it is a group or a repeat that is written apart: to records of its own, or as entries of a log.
    pub fn is_apart(&self) -> bool {
        self.question().is_none() && (self.ours.record.is_some() || self.is_entry())
    }

    /// Whether it is a group or a repeat of which each instance is an entry of a log.
    pub fn is_entry(&self) -> bool {
        self.question().is_none() && self.ours.storage == Some(Storage::Entry)
    }

    /// The question, if it is one.
    pub fn question(&self) -> Option<&Question> {
        match &self.kind {
            Kind::Question(question) => Some(question),
            Kind::Group | Kind::Repeat { .. } => None,
        }
    }
}

impl Question {
    /// Whether a person sees it.
    pub fn is_shown(&self) -> bool {
        !matches!(self, Self::Hidden | Self::Calculate | Self::Metadata(_))
    }

    /// Whether its answer names an attachment.
    pub fn is_file(&self) -> bool {
        matches!(self, Self::Image { .. } | Self::Audio | Self::Video | Self::File)
    }

    /// Where its choices come from, if it offers some.
    pub fn choices(&self) -> Option<&Choices> {
        match self {
            Self::SelectOne(choices) | Self::SelectMultiple(choices) | Self::Rank(choices) => Some(choices),
            _ => None,
        }
    }
}
