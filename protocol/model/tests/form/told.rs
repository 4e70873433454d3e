//! Forms and what is done to them, as tables tell it.

use std::collections::BTreeMap;
use std::sync::Arc;

use fieldmerge_model::form::Workbook;
use fieldmerge_model::form::compiled::{CompiledForm, Table};
use fieldmerge_model::form::filling::{Filling, Place};
use fieldmerge_model::form::import::import;

use super::act::Act;

/// What stands in a file of tables between two `## `.
pub struct Case<'t> {
    pub title: &'t str,
    pub form: &'t str,
    pub steps: Vec<&'t str>,
}

/// The cases of a file.
pub fn cases(text: &str) -> Vec<Case<'_>> {
    let parts = text.split("\n## ").skip(1);
    let case = |part: &'_ str| -> Option<(usize, usize)> {
        let title = part.find('\n')?;
        Some((title, part.find("\n---\n")?))
    };
    parts
        .map(|part| {
            let (title, line) = case(part).unwrap_or_else(|| panic!("a case has a form and steps: {part}"));
            let steps = part[line + 5..].lines().map(str::trim).filter(|line| !line.is_empty());
            Case { title: &part[..title], form: &part[title..line], steps: steps.collect() }
        })
        .collect()
}

/// The file towns.csv.
pub const TOWNS: [[&str; 4]; 4] = [
    ["name", "label", "side", "label::Français (fr)"],
    ["t1", "Ampany", "n", "Le-Port"],
    ["t2", "Bekopaka", "s", ""],
    ["t3", "Ilaka", "s", "La-Plaine"],
];

/// The file that forms of tables come with.
pub fn towns() -> BTreeMap<String, Table> {
    let [columns, rows @ ..] = TOWNS.map(|row| row.map(str::to_owned).to_vec());
    BTreeMap::from([("towns".to_owned(), Table { columns, rows: rows.to_vec() })])
}

/// The form of a table, which must be without mistakes.
pub fn compiled(text: &str) -> Arc<CompiledForm> {
    compiled_with(text, towns())
}

/// The form of a table with files of its own, by name.
pub fn compiled_with(text: &str, tables: BTreeMap<String, Table>) -> Arc<CompiledForm> {
    let found = import(&Workbook::from_markdown(text), "data", None);
    let findings: Vec<String> = found.findings.iter().map(ToString::to_string).collect();
    let form = found.form.unwrap_or_else(|| panic!("{findings:#?}\n{text}"));
    let files = tables.into_iter().map(|(name, table)| (name, table.into())).collect();
    Arc::new(CompiledForm::new(form, files).unwrap_or_else(|error| panic!("{error}")))
}

/// The place that a step names: `name[2]` is the second of that name.
pub fn place(filling: &Filling, name: &str) -> Result<Place, String> {
    let (name, at) = match name.split_once('[') {
        Some((name, at)) => (name, at.trim_end_matches(']').parse::<usize>().map_err(|_| "no number")? - 1),
        None => (name, 0),
    };
    filling.named(name).get(at).copied().ok_or_else(|| format!("there is no {name} {}", at + 1))
}

/// What a step does, and with what text it is refused.
pub fn act<'s>(filling: &Filling, step: &'s str) -> Result<(Act, Option<&'s str>), String> {
    let (step, refused) = match step.split_once(" ! ") {
        Some((step, text)) => (step.trim(), Some(text.trim())),
        None => (step, None),
    };
    let act = if let Some((name, text)) = step.split_once('=') {
        Act::Answer(place(filling, name.trim())?, text.trim().to_owned())
    } else if let Some(name) = step.strip_suffix('+') {
        let name = name.trim();
        let (parent, repeat) = match name.rsplit_once('/') {
            Some((parent, repeat)) => (place(filling, parent)?, repeat),
            None => (filling.root(), name),
        };
        Act::Add(parent, repeat.to_owned())
    } else {
        let name = step.strip_suffix('-').ok_or("no such step")?;
        Act::Remove(place(filling, name.trim())?)
    };
    Ok((act, refused))
}
