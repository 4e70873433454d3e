//! Names that no field may have.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// Whole words.
const WORDS: &[&str] = &[
    "hiv", "vih", "sida", "aids", "arv", "sogi", "sogiesc", "osiegcs", "lgbt", "lgbti", "lgbtiq", "lgbtq",
    "gay", "queer", "trans", "msm", "race", "raciale", "racial", "caste", "tribe", "tribu", "casier", "foi",
    "faith", "cult", "culte", "penal", "penale",
];

/// Beginnings of words, long enough to mean nothing else.
const STEMS: &[&str] = &[
    "serolog",
    "seropos",
    "seroneg",
    "sexual",
    "sexuel",
    "homosex",
    "bisex",
    "transgen",
    "transsex",
    "intersex",
    "lesb",
    "relig",
    "ethni",
    "indigen",
    "autochton",
    "syndic",
    "syndiq",
    "croyan",
    "belief",
    "condamn",
    "convict",
    "criminal",
    "politi",
    "prostitu",
];

/// Words that are only refused side by side, joined.
const PHRASES: &[&str] = &[
    "genderidentity",
    "identitedegenre",
    "identitegenre",
    "genderexpression",
    "expressiondegenre",
    "unionmember",
    "unionmembership",
    "tradeunion",
    "labourunion",
    "laborunion",
    "memberunion",
    "sexlife",
    "viesexe",
    "sexworker",
    "partymember",
    "partymembership",
    "hivstatus",
    "statutvih",
];

/// What `aids` may stand beside without meaning the disease.
const AIDS_TO: &[&str] = &["hearing", "visual", "mobility", "walking", "teaching", "first", "training"];

/// Whether no form may have a field of this name (domain.md 2.4): HIV, SOGIESC, sex life, beliefs, ethnicity,
/// union membership, convictions. Whole words, stems and phrases are compared without accents and case, so
/// that `résidant` or `hearing_aids` stay free.
///
/// A refused name stops the publication of a form. In a change that a device pushes it is a finding, for
/// structure may be refused but content never.
pub fn refused_name(name: &str) -> bool {
    let words = words(name);
    let refused_word = words.iter().enumerate().any(|(at, word)| {
        let harmless = word == "aids" && at > 0 && AIDS_TO.contains(&words[at - 1].as_str());
        !harmless && (WORDS.contains(&word.as_str()) || STEMS.iter().any(|stem| word.starts_with(stem)))
    });
    refused_word
        || (0..words.len()).any(|from| (from + 1..=words.len()).any(|to| is_phrase(&words[from..to])))
}

fn is_phrase(words: &[String]) -> bool {
    words.len() <= 3 && PHRASES.contains(&words.concat().as_str())
}

/// The words of a name in small letters, without accents and without digits at their ends; `genderIdentity2`,
/// `gender_identity` and `gender-identity` have the same.
fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut after_small = false;
    for letter in name.nfd().filter(|letter| !is_combining_mark(*letter)) {
        let parts = !letter.is_alphanumeric() || (letter.is_uppercase() && after_small);
        if parts && words.last().is_some_and(|word| !word.is_empty()) {
            words.push(String::new());
        }
        if letter.is_alphanumeric() {
            let word = words.last_mut().expect("the list begins with one word and never shrinks");
            word.extend(letter.to_lowercase());
        }
        after_small = letter.is_lowercase();
    }
    for word in &mut words {
        word.truncate(word.trim_end_matches(|letter: char| letter.is_ascii_digit()).len());
    }
    words.retain(|word| !word.is_empty());
    words
}
