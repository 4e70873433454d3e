//! The column `type`: what a row of the survey is.

use super::features::Feature;
use super::finding::Said;
use crate::form::{Metadata, Question};

/// What a row is by its type.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum RowType {
    /// A group or a repeat begins.
    Begin(Container),
    /// A group or a repeat ends.
    End(Container),
    /// A question that needs nothing else than its type.
    Plain(Question),
    /// A number on a scale, given by its parameters.
    Range,
    /// A question with choices.
    Select {
        /// How they are chosen.
        select: Select,
        /// Where they come from: a list, a file, or a reference to a question in a repeat.
        list: String,
        /// Whether they come from a file.
        from_file: bool,
        /// Whether "other" is offered too.
        or_other: bool,
    },
    /// A file that expressions look at, declared.
    External,
    /// Accepted, and without effect; the sentence says why.
    Ignored(Said),
    /// Not supported; the sentence says what to write instead.
    Unsupported(Said),
    /// A type that needs a list, without one.
    ListMissing,
    /// No type at all.
    Unknown,
}

/// What holds questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Container {
    Group,
    Repeat,
}

impl Container {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Group => "group",
            Self::Repeat => "repeat",
        }
    }
}

/// How choices are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Select {
    One,
    Multiple,
    Rank,
}

/// The types that need nothing else, each with the spellings that XLSForm has had for it.
const PLAIN: [(Question, &[&str]); 28] = [
    (Question::Text, &["text", "string", "q string", "add text prompt"]),
    (Question::Integer, &["integer", "int", "q int", "add integer prompt"]),
    (Question::Decimal, &["decimal", "q decimal", "add decimal prompt"]),
    (Question::Date, &["date", "q date", "add date prompt"]),
    (Question::Time, &["time"]),
    (
        Question::DateTime,
        &[
            "dateTime",
            "datetime",
            "date time",
            "q date time",
            "q dateTime",
            "add date time prompt",
            "add dateTime prompt",
        ],
    ),
    (Question::Geopoint, &["geopoint", "location", "gps", "q geopoint", "q location", "add location prompt"]),
    (Question::Geotrace, &["geotrace", "q geotrace"]),
    (Question::Geoshape, &["geoshape", "q geoshape"]),
    (Question::Barcode, &["barcode", "q barcode", "add barcode prompt"]),
    (
        Question::Image { max_pixels: None },
        &["image", "photo", "q image", "q picture", "add image prompt", "add photo prompt"],
    ),
    (Question::Audio, &["audio", "q audio", "add audio prompt"]),
    (Question::Video, &["video", "q video", "add video prompt"]),
    (Question::File, &["file", "add file prompt"]),
    (Question::Note, &["note", "q note", "add note prompt"]),
    (Question::Acknowledge, &["acknowledge", "trigger", "q acknowledge", "add acknowledge prompt"]),
    (Question::Hidden, &["hidden"]),
    (Question::Calculate, &["calculate", "q calculate", "add calculate prompt"]),
    (Question::Metadata(Metadata::Start), &["start", "start time", "get start time"]),
    (Question::Metadata(Metadata::End), &["end", "end time", "get end time"]),
    (Question::Metadata(Metadata::Today), &["today", "get today"]),
    (
        Question::Metadata(Metadata::DeviceId),
        &["deviceid", "device id", "get device id", "imei", "uri:deviceid"],
    ),
    (Question::Metadata(Metadata::Username), &["username", "uri:username"]),
    (
        Question::Metadata(Metadata::PhoneNumber),
        &["phonenumber", "phone number", "get phone number", "uri:phonenumber"],
    ),
    (Question::Metadata(Metadata::Email), &["email", "uri:email"]),
    (Question::Metadata(Metadata::StartGeopoint), &["start-geopoint"]),
    (Question::Metadata(Metadata::SubscriberId), &["subscriberid", "subscriber id", "get subscriber id"]),
    (Question::Metadata(Metadata::SimSerial), &["simserial", "sim id", "get sim id"]),
];

/// The spellings of the types with choices; whether the choices come from a file.
const SELECTS: [(&str, Select, bool); 15] = [
    ("select_one_from_file", Select::One, true),
    ("select one from file", Select::One, true),
    ("select_multiple_from_file", Select::Multiple, true),
    ("select multiple from file", Select::Multiple, true),
    ("select one from", Select::One, false),
    ("select_one", Select::One, false),
    ("select one", Select::One, false),
    ("select1", Select::One, false),
    ("add select one prompt using", Select::One, false),
    ("select_multiple", Select::Multiple, false),
    ("select all that apply from", Select::Multiple, false),
    ("select all that apply", Select::Multiple, false),
    ("add select multiple prompt using", Select::Multiple, false),
    ("rank", Select::Rank, false),
    ("select multiple from", Select::Multiple, false),
];

const NO_AUDIT: Said = Said::Told(
    "Who changed what is recorded in any case.",
    "Qui a changé quoi est enregistré de toute façon.",
);

/// Types that other tools know, and what to do without them.
const UNSUPPORTED: [(&str, Said); 10] = [
    (
        "xml-external",
        Said::Told(
            "Save the file as CSV and write csv-external.",
            "Enregistrez le fichier en CSV et écrivez csv-external.",
        ),
    ),
    ("background-audio", Said::Told("Nobody is recorded unseen.", "Personne n'est enregistré à son insu.")),
    (
        "background-geopoint",
        Said::Told("Write a question of type geopoint.", "Écrivez une question de type geopoint."),
    ),
    ("osm", Said::Told("Write a question of type geopoint.", "Écrivez une question de type geopoint.")),
    (
        "select_one_external",
        Said::Told("Write select_one with a choice_filter.", "Écrivez select_one avec un choice_filter."),
    ),
    (
        "cascading_select",
        Said::Told("Write select_one with a choice_filter.", "Écrivez select_one avec un choice_filter."),
    ),
    ("begin loop", Said::Told("Write begin_repeat.", "Écrivez begin_repeat.")),
    ("begin_loop", Said::Told("Write begin_repeat.", "Écrivez begin_repeat.")),
    (
        "percentage",
        Said::Told(
            "Write integer with the constraint . >= 0 and . <= 100.",
            "Écrivez integer avec la contrainte . >= 0 and . <= 100.",
        ),
    ),
    (
        "number of days",
        Said::Told(
            "Write integer with a constraint such as . <= 31.",
            "Écrivez integer avec une contrainte comme . <= 31.",
        ),
    ),
];

impl RowType {
    /// Reads the column `type`, its spaces made single.
    pub(super) fn read(text: &str) -> Self {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if let Some((question, _)) = PLAIN.iter().find(|(_, spellings)| spellings.contains(&text.as_str())) {
            return Self::Plain(question.clone());
        }
        match text.as_str() {
            "range" => return Self::Range,
            "csv-external" => return Self::External,
            "audit" => return Self::Ignored(NO_AUDIT),
            _ => {}
        }
        let unsupported = || {
            let (_, instead) = UNSUPPORTED.iter().find(|(name, _)| text.starts_with(name))?;
            Some(Self::Unsupported(instead.clone()))
        };
        container(&text).or_else(|| select(&text)).or_else(unsupported).unwrap_or(Self::Unknown)
    }

    /// Every type, those that are not read last.
    pub(super) fn features() -> Vec<Feature> {
        let read = |name, also| Feature { name, also, instead: None };
        let mut all: Vec<Feature> =
            PLAIN.iter().map(|(_, names)| read(names[0], names[1..].to_vec())).collect();
        for (name, select, from_file) in SELECTS {
            let is_same = |known: &&(&str, Select, bool)| known.1 == select && known.2 == from_file;
            let alike = SELECTS.iter().filter(is_same).map(|known| known.0);
            // The documentation writes them with underscores.
            let first = alike.clone().find(|name| name.contains('_')).unwrap_or(name);
            if name == first {
                all.push(read(first, alike.filter(|other| *other != first).collect()));
            }
        }
        all.push(read("range", Vec::new()));
        all.push(read("begin_group", vec!["begin group"]));
        all.push(read("begin_repeat", vec!["begin repeat", "begin lgroup", "begin looped group"]));
        all.push(read("csv-external", Vec::new()));
        all.push(Feature { name: "audit", also: Vec::new(), instead: Some(NO_AUDIT) });
        for (name, instead) in UNSUPPORTED {
            match all.iter_mut().find(|known| known.instead.as_ref() == Some(&instead)) {
                Some(feature) => feature.also.push(name),
                None => all.push(Feature { name, also: Vec::new(), instead: Some(instead) }),
            }
        }
        all
    }

    /// The spellings that the documentation of XLSForm uses.
    pub(super) fn names() -> impl Iterator<Item = &'static str> {
        let others = ["begin_group", "end_group", "begin_repeat", "end_repeat", "range"];
        let selects = ["select_one", "select_multiple", "select_one_from_file", "select_multiple_from_file"];
        PLAIN.iter().map(|(_, spellings)| spellings[0]).chain(others).chain(selects)
    }
}

/// `begin_group`, `begin group`, `end repeat` …
fn container(text: &str) -> Option<RowType> {
    let begins = |rest: &str| rest.strip_prefix([' ', '_']).map(str::to_owned);
    let of = |rest: &str| match rest {
        "group" => Some(Container::Group),
        "repeat" | "lgroup" | "looped group" => Some(Container::Repeat),
        _ => None,
    };
    if let Some(rest) = text.strip_prefix("begin").and_then(begins) {
        return of(&rest).map(RowType::Begin);
    }
    text.strip_prefix("end").and_then(begins).and_then(|rest| of(&rest)).map(RowType::End)
}

/// `select_one list`, `select_multiple list or_other` …
fn select(text: &str) -> Option<RowType> {
    let (name, select, from_file) = SELECTS.into_iter().find(|(name, ..)| {
        text.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
    })?;
    let rest = text[name.len()..].trim_start();
    let (list, other) = rest.split_once(' ').unwrap_or((rest, ""));
    if list.is_empty() {
        return Some(RowType::ListMissing);
    }
    let or_other = matches!(other, "or_other" | "or other" | "or specify other");
    (or_other || other.is_empty()).then(|| RowType::Select {
        select,
        list: list.to_owned(),
        from_file,
        or_other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_spelling_means_one_type() {
        for (question, spellings) in PLAIN {
            for spelling in spellings {
                assert_eq!(RowType::read(spelling), RowType::Plain(question.clone()), "{spelling}");
            }
        }
        for (spelling, select, from_file) in SELECTS {
            let read = RowType::read(&format!("{spelling} colours  or_other"));
            let list = "colours".to_owned();
            assert_eq!(read, RowType::Select { select, list, from_file, or_other: true }, "{spelling}");
            assert_eq!(RowType::read(spelling), RowType::ListMissing, "{spelling}");
        }
        for (text, container) in [
            ("begin group", Container::Group),
            ("begin_repeat", Container::Repeat),
            ("begin  looped group", Container::Repeat),
        ] {
            assert_eq!(RowType::read(text), RowType::Begin(container));
            assert_eq!(RowType::read(&text.replace("begin", "end")), RowType::End(container));
        }
        for text in ["Text", "select_one colours or else", "begin", "endgroup", "begin_groups", "selectone x"]
        {
            assert_eq!(RowType::read(text), RowType::Unknown, "{text}");
        }
    }
}
