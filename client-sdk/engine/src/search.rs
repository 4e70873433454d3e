//! Finding records by text: a small folded key for each record, searched word by word.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use fieldmerge_model::RecordState;
use fieldmerge_model::types::RecordType;
use fieldmerge_protocol::Value;

/// Longer keys help nobody and cost memory.
const MAX_KEY_BYTES: usize = 160;
const MAX_TITLE_BYTES: usize = 96;

/// A text as it is compared: small letters without accents, words of letters and digits, one space between.
pub(crate) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for letter in text.nfd().filter(|letter| !is_combining_mark(*letter)) {
        if letter.is_alphanumeric() {
            folded.extend(letter.to_lowercase());
        } else if !matches!(letter, '\'' | '’') && !folded.is_empty() && !folded.ends_with(' ') {
            folded.push(' ');
        }
    }
    folded.truncate(folded.trim_end().len());
    folded
}

/// What a record is found by: every live value of the searched fields of its type, so that both names of a conflict find
/// it.
///
/// Hyphens part words, so a number that is written with them is also kept without.
pub(crate) fn key_of(kind: Option<&RecordType>, state: &RecordState) -> String {
    let mut key = String::new();
    let mut add = |words: &str| {
        if !words.is_empty() && key.len() + words.len() < MAX_KEY_BYTES {
            if !key.is_empty() {
                key.push(' ');
            }
            key.push_str(words);
        }
    };
    for path in kind.iter().flat_map(|kind| &kind.searched_fields) {
        for text in state.get_all(path).filter_map(|(_, value)| text_of(value)) {
            if text.contains('-') && text.contains(|letter: char| letter.is_ascii_digit()) {
                add(&fold(&text.replace('-', "")));
            }
            add(&fold(&text));
        }
    }
    key
}

/// What a person calls a record; empty where it has no name.
pub(crate) fn title_of(kind: Option<&RecordType>, state: &RecordState) -> String {
    let mut title = String::new();
    for path in kind.iter().flat_map(|kind| &kind.title_fields) {
        if let Some(text) = state.get(path).and_then(text_of)
            && !text.is_empty()
            && title.len() + text.len() < MAX_TITLE_BYTES
        {
            if !title.is_empty() {
                title.push(' ');
            }
            title.push_str(&text);
        }
    }
    title
}

/// A value as a person reads it in a line.
fn text_of(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::Str(text) => Some(Cow::Borrowed(text)),
        Value::Int(number) => Some(Cow::Owned(number.to_string())),
        Value::F64(number) => Some(Cow::Owned(number.to_string())),
        _ => None,
    }
}

/// How well a key fits the words of a search.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fit {
    /// Each word begins a word of the key, in the same order.
    InOrder,
    /// Each word begins a word of the key.
    Begins,
    /// Each word stands somewhere in the key.
    Holds,
}

/// How well the key fits folded words; `None` if one of them is not in it.
pub(crate) fn fit(key: &str, words: &[&str]) -> Option<Fit> {
    let (mut begins, mut in_order, mut last) = (true, true, 0);
    for word in words {
        let found = key.find(word)?;
        match first_beginning(key, word, found) {
            Some(place) => {
                in_order &= place >= last;
                last = place;
            }
            None => begins = false,
        }
    }
    Some(match (begins, in_order) {
        (true, true) => Fit::InOrder,
        (true, false) => Fit::Begins,
        (false, _) => Fit::Holds,
    })
}

/// Where the word first begins a word of the key; `from` is where it first stands at all.
fn first_beginning(key: &str, word: &str, from: usize) -> Option<usize> {
    key[from..]
        .match_indices(word)
        .map(|(at, _)| from + at)
        .find(|at| *at == 0 || key.as_bytes()[at - 1] == b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accents_case_and_signs_do_not_matter() {
        assert_eq!(fold("  Râzafy-Ndrîana,  d'Été "), "razafy ndriana dete");
        assert_eq!(fold("+261 34 00 001"), "261 34 00 001");
        assert_eq!(fold("محمد"), "محمد");
    }

    #[test]
    fn beginnings_come_before_middles() {
        let key = "rasoanirina voahangy 71200042a3k 261340000101";
        assert_eq!(fit(key, &["raso", "voa"]), Some(Fit::InOrder));
        assert_eq!(fit(key, &["voa", "raso"]), Some(Fit::Begins));
        assert_eq!(fit(key, &["hangy"]), Some(Fit::Holds));
        assert_eq!(fit(key, &["0101"]), Some(Fit::Holds));
        assert_eq!(fit(key, &["raso", "hery"]), None);
        assert_eq!(fit(key, &[]), Some(Fit::InOrder));
    }
}
