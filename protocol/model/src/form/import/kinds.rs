//! What `fm::kind` may say: as what an answer is kept.

use std::collections::BTreeSet;

use super::Importer;
use super::columns::Column;
use super::finding::{Mistake, Said};
use super::names::survey_place;
use crate::form::filling::{as_truth, kept};
use crate::form::{ChoiceSource, Element, Form, Question, RecordTarget, SUBJECT, Storage};
use crate::types::entry::Entry;

const NO_LOG: Said = Said::Told(
    "Entries go to logs: write attendance, childcare, training or payment in fm::record.",
    "Les entrées vont à des journaux : écrivez attendance, childcare, training ou payment dans fm::record.",
);
const NO_ENTRY: Said = Said::Told(
    "A log holds entries: write entry at the group or repeat of which each instance is one.",
    "Un journal contient des entrées : écrivez entry au groupe ou à la répétition dont chaque instance en est une.",
);
const NO_VALUE: Said = Said::Told(
    "A group or a repeat has no value: its only kind is entry.",
    "Un groupe ou une répétition n'a pas de valeur : son seul genre est entry.",
);
const NO_TYPE: Said = Said::Told(
    "The answer to a question of this type is not such a value: leave it empty.",
    "La réponse à une question de ce type n'est pas une telle valeur : laissez-le vide.",
);
const NO_WAY_BACK: Said = Said::Told(
    "Not every choice of the list comes back from such a value, as 01 does not from 1: leave it empty, or use other choices.",
    "Tous les choix de la liste ne reviennent pas d'une telle valeur, comme 01 de 1 : laissez-le vide, ou prenez d'autres choix.",
);

impl Importer<'_> {
    /// Says which kinds do not fit: entries stand in logs, and logs hold nothing else; what is kept is what was answered.
    pub(super) fn check_kinds(&mut self, form: &Form) {
        let all = || form.elements.iter().enumerate();
        for (at, element) in all() {
            let target = form.target(at);
            let has_entries = || all().any(|(at, other)| other.is_entry() && form.target(at) == target);
            let unfit = match (element.question(), element.ours.storage) {
                (None, Some(Storage::Entry)) => (!target.class.is_log()).then_some(NO_LOG),
                (None, storage) => storage.map(|_| NO_VALUE),
                (Some(_), _) if target.class.is_log() && element.is_kept() && !has_entries() => {
                    Some(NO_ENTRY)
                }
                (Some(question), Some(storage)) if !fits(question, storage) => Some(NO_TYPE),
                (Some(question), Some(storage)) => {
                    (!comes_back(form, question, storage)).then_some(NO_WAY_BACK)
                }
                (Some(_), None) => None,
            };
            if let Some(why) = unfit {
                let values = [Said::from(element.name.as_str()), why];
                self.find(Mistake::KindUnfit, survey_place(element.row, Column::Kind), values);
            } else if let Some(question) = element.question() {
                self.check_entry(form, element, question, target);
            }
        }
    }

    /// Says which answers an entry cannot hold: the fields of entries are small tuples and the same for every form.
    fn check_entry(&mut self, form: &Form, element: &Element, question: &Question, target: &RecordTarget) {
        let path = element.path.as_deref().filter(|path| *path != SUBJECT && element.is_kept());
        let Some((path, fields)) = path.zip(Entry::fields(target.class)) else { return };
        let Some(field) = fields.iter().find(|field| field.name == path) else {
            let names: Vec<&str> = fields.iter().map(|field| field.name).collect();
            let values = [element.name.clone(), target.record_type.clone(), names.join(", ")];
            return self.find(Mistake::EntryFieldUnknown, survey_place(element.row, Column::Name), values);
        };
        let Some(codes) = &field.codes else { return };
        for name in listed(form, question).filter(|name| !codes.contains(name)) {
            let values = [name.to_owned(), field.name.to_owned(), codes.join(", ")];
            self.find(Mistake::EntryCodeUnknown, survey_place(element.row, Column::Type), values);
        }
    }
}

/// Whether answers to a question can be such values.
fn fits(question: &Question, storage: Storage) -> bool {
    let is_file = matches!(
        question,
        Question::Image { .. } | Question::Audio | Question::Video | Question::File | Question::Note
    );
    let is_word = matches!(
        question,
        Question::Text
            | Question::Barcode
            | Question::Hidden
            | Question::Calculate
            | Question::SelectOne(_)
            | Question::Metadata(_)
    );
    match storage {
        Storage::Nowhere | Storage::Entry => true,
        Storage::Sealed => !is_file,
        Storage::Phone | Storage::Language | Storage::Record | Storage::Subject => is_word,
        Storage::Bool => is_word || *question == Question::Acknowledge,
        Storage::Integer => is_word || matches!(question, Question::Integer | Question::Range { .. }),
        Storage::Decimal => {
            is_word || matches!(question, Question::Integer | Question::Decimal | Question::Range { .. })
        }
        Storage::Date | Storage::Month => is_word || *question == Question::Date,
        Storage::DateTime => is_word || *question == Question::DateTime,
    }
}

/// Whether each choice of a question is read back from what it is kept as.
fn comes_back(form: &Form, question: &Question, storage: Storage) -> bool {
    let mut names = listed(form, question);
    if storage != Storage::Bool {
        return names.all(|name| kept(question, storage, name) == name);
    }
    // A truth is read back as the choice that means it.
    let mut meant = BTreeSet::new();
    names.all(|name| as_truth(name).is_some_and(|truth| meant.insert(truth)))
}

/// The names of the choices of a question, where they come from a list.
fn listed<'f>(form: &'f Form, question: &Question) -> impl Iterator<Item = &'f str> {
    let list = match question.choices().map(|choices| &choices.source) {
        Some(ChoiceSource::List(list)) => form.list(list),
        _ => None,
    };
    list.map_or(&[][..], |list| &list.choices).iter().map(|choice| choice.name.as_str())
}
