//! What readers of several languages see.

use serde::ser::{Serialize, SerializeMap, Serializer};
use smol_str::SmolStr;

/// A text in some languages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Labels(Vec<(SmolStr, SmolStr)>);

impl Labels {
    /// Texts by the codes of their languages, the one that stands for missing ones first.
    pub fn new<'a>(texts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self(texts.into_iter().map(|(language, text)| (language.into(), text.into())).collect())
    }

    /// The text in a language; the first one where there is none.
    pub fn get(&self, language: &str) -> &str {
        let known = self.0.iter().find(|(known, text)| known == language && !text.is_empty());
        known.or_else(|| self.0.first()).map_or("", |(_, text)| text)
    }

    /// Every text with its language.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(language, text)| (language.as_str(), text.as_str()))
    }

    /// Each text with this behind it.
    #[must_use]
    pub fn with_suffix(&self, suffix: &str) -> Self {
        let suffixed =
            |(language, text): &(SmolStr, SmolStr)| (language.clone(), format!("{text}{suffix}").into());
        Self(self.0.iter().map(suffixed).collect())
    }
}

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (language, text) in &self.0 {
            map.serialize_entry(language.as_str(), text.as_str())?;
        }
        map.end()
    }
}
