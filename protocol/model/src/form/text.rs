//! What is shown: texts in the languages of a form, and files.

use serde::{Deserialize, Serialize};

/// A language of a form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Language {
    /// As the workbook writes it: `Français (fr)`; empty for texts without a language.
    pub name: String,
    /// The code in brackets at its end: `fr`; empty if there is none.
    pub code: String,
}

impl Language {
    /// What stands for it in the path of a text: its code, `und` where it has none.
    pub fn segment(&self) -> &str {
        if self.code.is_empty() { "und" } else { &self.code }
    }
}

/// A text in the languages of the form, in their order. A language without one has an empty text, a text without any
/// is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Text(pub Vec<String>);

/// Files that go with a label, by language.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Media {
    /// A picture.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub image: Text,
    /// The same, larger.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub big_image: Text,
    /// A sound.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub audio: Text,
    /// A film.
    #[serde(default, skip_serializing_if = "Text::is_empty")]
    pub video: Text,
}

impl Text {
    /// Whether no language has any text.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(String::is_empty)
    }

    /// The text in a language, in the default language where it has none, in any other where that has none either.
    pub fn get(&self, language: usize, default: usize) -> &str {
        let there = |at: usize| self.0.get(at).map(String::as_str).filter(|text| !text.is_empty());
        let any = || self.0.iter().map(String::as_str).find(|text| !text.is_empty());
        there(language).or_else(|| there(default)).or_else(any).unwrap_or_default()
    }
}

impl Media {
    /// Whether there is no file.
    pub fn is_empty(&self) -> bool {
        [&self.image, &self.big_image, &self.audio, &self.video].into_iter().all(Text::is_empty)
    }
}
