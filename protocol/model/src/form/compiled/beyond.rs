//! What expressions look at that stands in no record of the form.

use std::collections::BTreeSet;

use super::LAST_SAVED;
use crate::xpath::{Expr, Location, LocationStart, LocationStep, Volatile};

/// What an expression looks at that stands in no record of the form. Who judges the records later may not have it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Beyond {
    /// Whether nobody can know it later: chance, the time of day, what was saved last, a table whose name is calculated, the
    /// order in which choices were ticked, or a label, which depends on the language in which the form was filled.
    pub(crate) is_gone: bool,
    /// The files of which it looks at rows that it names.
    pub(crate) named: BTreeSet<String>,
    /// The files of which it looks at more.
    pub(crate) whole: BTreeSet<String>,
}

impl Beyond {
    pub(crate) fn of(expr: &Expr) -> Self {
        let dependencies = expr.dependencies();
        let (locations, counted) = (&dependencies.locations, &dependencies.counted);
        let is_passing = |one: &Volatile| matches!(one, Volatile::Random | Volatile::Uuid | Volatile::Now);
        let text = expr.to_string();
        let is_gone = dependencies.volatile.iter().any(is_passing)
            || ["jr:choice-name(", "selected-at("].iter().any(|function| text.contains(function));
        let mut beyond = Self { is_gone, ..Self::default() };
        for location in locations.iter().chain(counted) {
            match &location.start {
                LocationStart::AnyInstance => beyond.is_gone = true,
                LocationStart::Instance(name) if name == LAST_SAVED => beyond.is_gone = true,
                LocationStart::Instance(name) => {
                    beyond.is_gone |= is_label(location);
                    let by_name = !counted.contains(location) && looks_by_name(&text, name);
                    let files = if by_name { &mut beyond.named } else { &mut beyond.whole };
                    files.insert(name.clone());
                }
                LocationStart::Root | LocationStart::Context | LocationStart::Current => {}
            }
        }
        beyond
    }

    /// Whether it is not there for who has of the `partial` files only the rows that are named, and of the `missing` ones not
    /// even these.
    pub(crate) fn is_missing(&self, partial: &BTreeSet<String>, missing: &BTreeSet<String>) -> bool {
        self.is_gone
            || !self.whole.is_disjoint(partial)
            || !self.whole.is_disjoint(missing)
            || !self.named.is_disjoint(missing)
    }
}

fn is_label(location: &Location) -> bool {
    matches!(location.steps.last(), Some(LocationStep::Child(name)) if name == "label")
}

/// Whether every row of a file that an expression looks at is one that it names: `item[name = …]`, or `'name'` as the key of
/// `pulldata()`. What is not seen to be so is not.
fn looks_by_name(text: &str, file: &str) -> bool {
    let items = format!("instance('{file}')/root/item");
    let rows = text.match_indices(&items).map(|(at, _)| {
        let rest = &text[at + items.len()..];
        rest.strip_prefix("[name = ").is_some_and(|inside| !predicate(inside).contains(" or "))
    });
    let pulled = format!("pulldata('{file}', ");
    let pulls = text
        .match_indices(&pulled)
        .map(|(at, _)| text[at + pulled.len()..].split(", ").nth(1).is_some_and(|key| key == "'name'"));
    let mut all = rows.chain(pulls).peekable();
    all.peek().is_some() && all.all(|by_name| by_name)
}

/// A text up to the bracket that closes it.
fn predicate(text: &str) -> &str {
    let mut open = 1;
    for (at, sign) in text.char_indices() {
        match sign {
            '[' => open += 1,
            ']' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return &text[..at];
        }
    }
    text
}
