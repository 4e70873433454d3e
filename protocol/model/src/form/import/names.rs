//! Names: which are usable, and under which each answer is stored.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use super::Importer;
use super::columns::Column;
use super::finding::{Mistake, Place};
use crate::form::{Form, Kind, Question, SUBJECT, Storage};
use crate::types::refused_name;

/// Whether a text is a name as XML has them, without a colon: a letter or `_`, then letters, digits, `_`, `-` and points.
pub(super) fn is_name(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next().is_some_and(|first| first.is_alphabetic() || first == '_')
        && letters.all(|letter| {
            letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.') || is_combining_mark(letter)
        })
}

/// The name under which something of this name is stored: small letters of ASCII, digits and `_`. A name of which
/// nothing is left is named by its hash, so that it has the same in every version of a form.
pub(super) fn path_name(name: &str) -> String {
    let plain: String = name
        .nfd()
        .filter(|letter| !is_combining_mark(*letter))
        .flat_map(char::to_lowercase)
        .map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '_' })
        .collect();
    let plain = plain.trim_start_matches('_');
    if plain.bytes().any(|byte| byte != b'_') {
        return plain.to_owned();
    }
    let hash = Sha256::digest(name.as_bytes());
    format!("q_{:02x}{:02x}{:02x}{:02x}", hash[0], hash[1], hash[2], hash[3])
}

/// What an answer is stored under besides its name: the record, and the repeat in it.
type Space = (String, Option<usize>);

impl Importer<'_> {
    /// Gives each question and repeat its path: what an earlier version of the form gave it, what `save_to` says, its
    /// own name, or that and the names of the groups around it.
    pub(super) fn give_paths(
        &mut self,
        form: &mut Form,
        save_to: &BTreeMap<usize, String>,
        earlier: Option<&Form>,
    ) {
        let known = earlier.map(paths_by_place).unwrap_or_default();
        let mut taken: BTreeMap<(Space, String), u32> = BTreeMap::new();
        for element in form.elements.iter_mut().filter(|of| of.ours.storage == Some(Storage::Subject)) {
            element.path = Some(SUBJECT.to_owned());
        }
        let stored = (0..form.elements.len()).filter(|at| is_stored(form, *at));
        let stored: Vec<usize> = stored.collect();
        // What is known keeps its path, so it goes first.
        for at in &stored {
            if let Some(path) = known.get(&place_of(form, *at)) {
                taken.insert((space_of(form, *at), path.clone()), form.elements[*at].row);
                form.elements[*at].path = Some(path.clone());
            }
        }
        for at in stored {
            if form.elements[at].path.is_some() {
                continue;
            }
            let (space, row) = (space_of(form, at), form.elements[at].row);
            let candidates = save_to.get(&at).map_or_else(|| candidates(form, at), |name| vec![name.clone()]);
            let free = candidates.iter().find(|path| !taken.contains_key(&(space.clone(), (*path).clone())));
            if let Some(path) = free {
                taken.insert((space, path.clone()), row);
                form.elements[at].path = Some(path.clone());
            } else if let Some(path) = candidates.last() {
                let other = taken[&(space, path.clone())];
                let place = survey_place(row, Column::Name);
                self.find(Mistake::NameAmbiguous, place, [path.clone(), other.to_string()]);
            }
        }
        self.refuse_names(form);
    }

    fn refuse_names(&mut self, form: &Form) {
        for element in &form.elements {
            let path = element.path.as_deref().unwrap_or_default();
            if refused_name(&element.name) || refused_name(path) {
                let place = survey_place(element.row, Column::Name);
                self.find(Mistake::NameRefused, place, [element.name.as_str()]);
            }
        }
    }
}

/// Where something stands on the survey sheet.
pub(super) fn survey_place(row: u32, column: Column) -> Place {
    Place { sheet: "survey".to_owned(), row: Some(row), column: column.name().to_owned() }
}

fn is_stored(form: &Form, at: usize) -> bool {
    match &form.elements[at].kind {
        Kind::Group => false,
        Kind::Repeat { .. } => true,
        Kind::Question(question) => {
            let storage = form.elements[at].ours.storage;
            *question != Question::Note && !matches!(storage, Some(Storage::Nowhere | Storage::Subject))
        }
    }
}

/// The names from the outermost group to the element itself.
fn place_of(form: &Form, at: usize) -> Vec<&str> {
    let mut names: Vec<&str> = form.ancestors(at).map(|above| form.elements[above].name.as_str()).collect();
    names.reverse();
    names.push(&form.elements[at].name);
    names
}

fn paths_by_place(form: &Form) -> BTreeMap<Vec<&str>, String> {
    let all = form.elements.iter().enumerate();
    all.filter_map(|(at, element)| Some((place_of(form, at), element.path.clone()?))).collect()
}

/// Repeats stand beside each other in their record, however deep they are nested.
fn space_of(form: &Form, at: usize) -> Space {
    let is_repeat = |at: usize| matches!(form.elements[at].kind, Kind::Repeat { .. });
    let record = form.target(at).record_type.clone();
    let inside = form.ancestors(at).take_while(|above| !form.elements[*above].is_apart());
    let repeat = inside.filter(|above| is_repeat(*above)).find(|_| !is_repeat(at));
    (record, repeat)
}

/// The paths that an element may have, the best first: its own name, then with one more group around it each.
fn candidates(form: &Form, at: usize) -> Vec<String> {
    let mut name = form.elements[at].name.clone();
    let mut all = vec![path_name(&name)];
    for above in form.ancestors(at) {
        name = format!("{}_{name}", form.elements[above].name);
        all.push(path_name(&name));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_xml() {
        for name in ["a", "_x", "âge", "q1.2", "Nom-du_père", "اسم", "e\u{301}tat"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "1a", "-a", ".a", "a b", "a:b", "a/b", "a'", "{a}"] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn stored_names_are_plain_and_never_ours() {
        for (name, path) in [
            ("age", "age"),
            ("Âge", "age"),
            ("q1.2", "q1_2"),
            ("__start", "start"),
            ("Nom-du_père", "nom_du_pere"),
        ] {
            assert_eq!(path_name(name), path);
        }
        assert_eq!(path_name("اسم"), path_name("اسم"));
        assert_ne!(path_name("اسم"), path_name("عمر"));
        assert!(path_name("اسم").starts_with("q_"));
    }
}
