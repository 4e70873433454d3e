//! Texts that a record holds in many languages, one of which is in use.

use super::instance::TOP;
use super::{Filling, World};
use crate::form::{Element, Storage};

impl Filling {
    /// Shows labels in another language, by its place in the form. What was written in the one in use stays written in that.
    pub fn speak(&mut self, language: usize, world: &mut dyn World) {
        for node in self.instance.subtree(TOP) {
            if self.element_at(node).is_some_and(is_in_languages) {
                let other = self.elsewhere.remove(&(node, language)).unwrap_or_default();
                let own = std::mem::replace(&mut self.instance.node_mut(node).value, other);
                self.elsewhere.insert((node, self.language), own);
            }
        }
        self.language = language;
        // Labels may stand in calculations.
        self.recalculate(world);
    }

    /// Where the answer to a question stands in its record: at its own path, or below that in each language.
    pub(super) fn bases(&self, element: &Element, base: String) -> Vec<(usize, String)> {
        if !is_in_languages(element) {
            return vec![(self.language, base)];
        }
        let languages = self.form.form.languages.iter().enumerate();
        languages.map(|(at, language)| (at, format!("{base}/{}", language.segment()))).collect()
    }

    /// What is written at a node in a language.
    pub(super) fn text_in(&self, node: u32, language: usize) -> &str {
        if language == self.language {
            return &self.instance.node(node).value;
        }
        self.elsewhere.get(&(node, language)).map_or("", String::as_str)
    }

    pub(super) fn put_text(&mut self, node: u32, language: usize, text: String) {
        if language == self.language {
            self.instance.node_mut(node).value = text;
        } else {
            self.elsewhere.insert((node, language), text);
        }
    }
}

fn is_in_languages(element: &Element) -> bool {
    element.ours.storage == Some(Storage::Language)
}
