//! What is shown is there in English and in French, and names nothing that may not be asked.

use fieldmerge_model::form::{Form, Question, Text};
use fieldmerge_model::types::refused_name;

use super::read::forms;

/// The languages that the pack has, as its columns name them.
const LANGUAGES: [&str; 6] = [
    "English (en)",
    "Français (fr)",
    "Kreyòl ayisyen (ht)",
    "Malagasy (mg)",
    "العربية (ar)",
    "Bamanankan (bm)",
];

/// Every text of a form, with where it stands.
fn texts(form: &Form) -> Vec<(String, &Text)> {
    let of_elements = form.elements.iter().flat_map(|element| {
        let texts = [
            ("label", &element.label),
            ("hint", &element.hint),
            ("guidance", &element.guidance),
            ("required_message", &element.logic.required_message),
            ("constraint_message", &element.logic.constraint_message),
        ];
        texts.map(|(column, text)| (format!("{} row {} {column}", form.id, element.row), text))
    });
    let of_choices = form.lists.iter().flat_map(|list| &list.choices);
    let of_choices = of_choices.map(|choice| (format!("{} choice {}", form.id, choice.row), &choice.label));
    of_elements.chain(of_choices).filter(|(_, text)| !text.is_empty()).collect()
}

#[test]
fn every_text_is_there_in_english_and_in_french() {
    for form in forms() {
        let names: Vec<&str> = form.languages.iter().map(|language| language.name.as_str()).collect();
        assert!(names.iter().all(|name| LANGUAGES.contains(name)), "{}: {names:?}", form.id);
        assert_eq!(form.languages[form.default_language].code, "en", "{}", form.id);
        for code in ["en", "fr"] {
            let language = form.languages.iter().position(|language| language.code == code);
            let language = language.unwrap_or_else(|| panic!("{} has no {code}", form.id));
            for (place, text) in texts(&form) {
                let own = text.0.get(language).map(String::as_str).unwrap_or_default();
                assert!(!own.is_empty(), "{place} has no {code}");
            }
        }
    }
}

/// What a worker is asked or told herself is there in each language of the countries that the pack is made for.
#[test]
fn registration_and_attendance_are_there_in_six_languages() {
    for form in forms().iter().filter(|form| ["himo_worker", "himo_attendance"].contains(&form.id.as_str())) {
        assert_eq!(form.languages.len(), LANGUAGES.len());
        for element in
            form.elements.iter().filter(|element| element.question().is_some_and(Question::is_shown))
        {
            let there = element.label.0.iter().filter(|text| !text.is_empty()).count();
            assert_eq!(there, LANGUAGES.len(), "{}", element.name);
        }
    }
}

#[test]
fn nothing_is_named_that_may_not_be_asked() {
    for form in forms() {
        let questions = form.elements.iter().map(|element| element.name.as_str());
        for name in questions.chain(form.elements.iter().filter_map(|element| element.path.as_deref())) {
            assert!(!refused_name(name), "{}: {name}", form.id);
        }
    }
    assert!(refused_name("hiv_status") && refused_name("religion"), "the guard is awake");
}
