//! The column `appearance`: how a question or a group is shown.

use super::Importer;
use super::columns::{Column, Line};
use super::features::Feature;
use super::finding::{Mistake, Said};
use crate::form::{Kind, Question};
use crate::nearest::nearest;

/// What an appearance is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum For {
    Text,
    Number,
    Range,
    Select,
    Date,
    Place,
    Image,
    Barcode,
    Group,
}

/// The words that a phone follows, each with what it is for.
const READ: [(&str, &[For]); 34] = [
    ("multiline", &[For::Text]),
    ("numbers", &[For::Text]),
    ("url", &[For::Text]),
    ("masked", &[For::Text, For::Number]),
    ("thousands-sep", &[For::Number, For::Text]),
    ("counter", &[For::Number]),
    ("picker", &[For::Range]),
    ("rating", &[For::Range]),
    ("vertical", &[For::Range]),
    ("no-ticks", &[For::Range]),
    ("minimal", &[For::Select]),
    ("autocomplete", &[For::Select]),
    ("search", &[For::Select]),
    ("quick", &[For::Select]),
    ("columns", &[For::Select]),
    ("columns-pack", &[For::Select]),
    ("columns-n", &[For::Select]),
    ("no-buttons", &[For::Select]),
    ("likert", &[For::Select]),
    ("label", &[For::Select]),
    ("list-nolabel", &[For::Select]),
    ("list", &[For::Select]),
    ("no-calendar", &[For::Date]),
    ("month-year", &[For::Date]),
    ("year", &[For::Date]),
    ("maps", &[For::Place]),
    ("placement-map", &[For::Place]),
    ("new", &[For::Image]),
    ("new-front", &[For::Image]),
    ("signature", &[For::Image]),
    ("draw", &[For::Image]),
    ("front", &[For::Barcode]),
    ("field-list", &[For::Group]),
    ("table-list", &[For::Group]),
];

const CALENDAR: Said = Said::Told(
    "Days are shown in the calendar of the phone.",
    "Les jours sont affichés dans le calendrier du téléphone.",
);
const NO_APP: Said = Said::Told("No other app is asked.", "Aucune autre application n'est sollicitée.");
const LAYOUT: Said = Said::Told(
    "The screen of a phone has one column; write columns where choices stand side by side.",
    "L'écran d'un téléphone a une colonne ; écrivez columns si des choix sont côte à côte.",
);

/// Words of other programs without effect here, and why.
const IGNORED: [(&str, Said); 22] = [
    ("ethiopian", CALENDAR),
    ("coptic", CALENDAR),
    ("islamic", CALENDAR),
    ("bikram-sambat", CALENDAR),
    ("myanmar", CALENDAR),
    ("persian", CALENDAR),
    ("buddhist", CALENDAR),
    ("ex:", NO_APP),
    ("printer:", NO_APP),
    ("printer", NO_APP),
    ("bearing", Said::Told("Write the number down.", "Écrivez le nombre.")),
    ("annotate", Said::Told("Take the picture as it is.", "Prenez l'image telle quelle.")),
    ("hidden-answer", Said::Told("The code that was read is shown.", "Le code lu est affiché.")),
    ("image-map", Said::Told("The choices are shown as a list.", "Les choix sont affichés en liste.")),
    ("map", Said::Told("The choices are shown as a list.", "Les choix sont affichés en liste.")),
    ("search(", Said::Told("Write select_one_from_file.", "Écrivez select_one_from_file.")),
    ("horizontal", LAYOUT),
    ("horizontal-compact", LAYOUT),
    ("compact", LAYOUT),
    ("quickcompact", LAYOUT),
    ("w1", LAYOUT),
    ("pages", LAYOUT),
];

impl Importer<'_> {
    /// Says which words of the appearance have no effect.
    pub(super) fn check_appearance(&mut self, line: Line<'_, '_>, kind: &Kind) {
        let text = line.get(Column::Appearance);
        let place = || line.place(Column::Appearance);
        if let Some((_, why)) = opening(&text) {
            self.find(Mistake::AppearanceIgnored, place(), [Said::from(text.as_str()), why.clone()]);
            return;
        }
        for word in text.split_whitespace() {
            let name = general(word);
            let read = READ.iter().find(|(known, _)| *known == name);
            let ignored = IGNORED.iter().find(|(known, _)| *known == name);
            match (read, ignored) {
                (Some((_, fit)), _) if fit.iter().any(|one| is_for(kind, *one)) => {}
                (Some(_), _) => {
                    let why = Said::Told("It is for other types.", "Elle est pour d'autres types.");
                    self.find(Mistake::AppearanceIgnored, place(), [Said::from(word), why]);
                }
                (None, Some((_, why))) => {
                    self.find(Mistake::AppearanceIgnored, place(), [Said::from(word), why.clone()]);
                }
                (None, None) => {
                    let meant = nearest(word, READ.iter().map(|(name, _)| *name));
                    self.find_near(Mistake::AppearanceUnknown, place(), [word], meant);
                }
            }
        }
    }
}

/// Those that are followed, then those that are not.
pub(super) fn features() -> Vec<Feature> {
    let read = READ.iter().map(|(name, _)| Feature { name, also: Vec::new(), instead: None });
    let mut all: Vec<Feature> = read.collect();
    for (name, why) in &IGNORED {
        match all.iter_mut().find(|known| known.instead.as_ref() == Some(why)) {
            Some(feature) => feature.also.push(name),
            None => all.push(Feature { name, also: Vec::new(), instead: Some(why.clone()) }),
        }
    }
    all
}

/// A call that takes the whole cell: `ex:…`, `printer:…`, `search('…')`.
fn opening(text: &str) -> Option<&'static (&'static str, Said)> {
    IGNORED.iter().find(|(name, _)| name.ends_with([':', '(']) && text.contains(name))
}

/// A word without the number that it may have: `columns-3`, `w4`.
fn general(word: &str) -> &str {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match (word.strip_prefix("columns-"), word.strip_prefix('w')) {
        (Some(number), _) if is_number(number) => "columns-n",
        (_, Some(number)) if is_number(number) => "w1",
        _ => word,
    }
}

fn is_for(kind: &Kind, one: For) -> bool {
    let Kind::Question(question) = kind else { return one == For::Group };
    match question {
        Question::Text | Question::Barcode if one == For::Text => true,
        Question::Integer | Question::Decimal => one == For::Number,
        Question::Range { .. } => one == For::Range,
        Question::SelectOne(_) | Question::SelectMultiple(_) | Question::Rank(_) => one == For::Select,
        Question::Date | Question::DateTime => one == For::Date,
        Question::Geopoint | Question::Geotrace | Question::Geoshape => one == For::Place,
        Question::Image { .. } => one == For::Image,
        Question::Barcode => one == For::Barcode,
        _ => false,
    }
}
