//! Lists of others as files of choices: what HQ downloads becomes what `select_one_from_file` reads.
//!
//! A list is made from a workbook or a table as its publisher gives it out; nothing of it is shipped here. What a row says
//! twice and differently is told, and the first counts.

mod isco;
mod pcodes;

pub use isco::isco;
pub use pcodes::pcodes;

use std::collections::BTreeMap;

use fieldmerge_model::form::{Row, Sheet};
use serde_json::{Map, Value};

/// In how many rows the headings of a sheet are looked for.
const FIRST_ROWS: usize = 20;

/// The names of languages as columns have them.
const LANGUAGES: [(&str, &str); 8] = [
    ("ar", "العربية"),
    ("bm", "Bamanankan"),
    ("en", "English"),
    ("es", "Español"),
    ("fr", "Français"),
    ("ht", "Kreyòl ayisyen"),
    ("mg", "Malagasy"),
    ("pt", "Português"),
];

/// A list of codes in levels. Empty where no sheet has the columns of such a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct List {
    /// By code.
    groups: BTreeMap<String, Group>,
    /// The codes of the languages that titles have; empty of a title whose language is not said.
    languages: Vec<String>,
    /// What was left out, and what was said twice differently.
    pub findings: Vec<ListFinding>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Group {
    depth: u8,
    level: String,
    parent: String,
    /// With the codes of their languages, as the columns come.
    titles: Vec<(String, String)>,
}

impl Group {
    fn title(&self, language: &str) -> Option<&str> {
        self.titles.iter().find(|(known, _)| known == language).map(|(_, title)| title.as_str())
    }
}

/// A row that is odd.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListFinding {
    /// The sheet; empty for a table of text.
    pub sheet: String,
    /// The row as a spreadsheet counts it, from 1.
    pub row: u32,
    /// The code that it has.
    pub code: String,
    /// What is odd.
    pub oddity: Oddity,
}

/// What is odd about a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oddity {
    /// The code has not the shape of such codes: the row is left out.
    Shape,
    /// A row before it gave the code another parent or another title.
    Contradiction,
}

impl ListFinding {
    /// What is odd, in a language: French for `fr`, English for every other.
    pub fn message(&self, language: &str) -> String {
        let Self { sheet, row, code, .. } = self;
        let sheet = if sheet.is_empty() { String::new() } else { format!("{sheet}, ") };
        match (self.oddity, language) {
            (Oddity::Shape, "fr") => {
                format!("{sheet}ligne {row} : {code} n'est pas un code de cette liste ; laissé de côté")
            }
            (Oddity::Shape, _) => format!("{sheet}row {row}: {code} is no code of such a list; left out"),
            (Oddity::Contradiction, "fr") => {
                format!("{sheet}ligne {row} : {code} a plus haut un autre parent ou intitulé, qui compte")
            }
            (Oddity::Contradiction, _) => {
                format!("{sheet}row {row}: {code} has another parent or title further up, which counts")
            }
        }
    }
}

impl List {
    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// How many codes it has.
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// The file of choices: `name`, `level`, `parent`, `label` and a `label::Français (fr)` for each language; the higher
    /// levels first, each in the order of its codes. `label` is the title in the language that comes first.
    pub fn to_csv(&self) -> Result<String, csv::Error> {
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer.write_record(self.headings())?;
        for row in self.rows() {
            writer.write_record(row)?;
        }
        let bytes = writer.into_inner().map_err(csv::IntoInnerError::into_error)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The rows as JSON, each an object by the headings of the file.
    pub fn to_json(&self) -> Value {
        let headings = self.headings();
        let object = |row: Vec<String>| {
            let cells = row.into_iter().map(Value::String);
            Value::Object(headings.iter().cloned().zip(cells).collect::<Map<_, _>>())
        };
        self.rows().map(object).collect()
    }

    fn headings(&self) -> Vec<String> {
        let labels = self.named_languages().map(|code| {
            let known = LANGUAGES.iter().find(|(known, _)| *known == code);
            format!("label::{} ({code})", known.map_or(code, |(_, name)| name))
        });
        ["name", "level", "parent", "label"].map(str::to_owned).into_iter().chain(labels).collect()
    }

    fn rows(&self) -> impl Iterator<Item = Vec<String>> {
        let mut all: Vec<(&String, &Group)> = self.groups.iter().collect();
        all.sort_by_key(|(_, group)| group.depth);
        all.into_iter().map(|(code, group)| {
            let title = |language: &str| group.title(language).unwrap_or_default().to_owned();
            let first = self.languages.iter().map(|language| title(language)).find(|title| !title.is_empty());
            let own = [code.clone(), group.level.clone(), group.parent.clone(), first.unwrap_or_default()];
            own.into_iter().chain(self.named_languages().map(title)).collect()
        })
    }

    fn named_languages(&self) -> impl Iterator<Item = &str> {
        self.languages.iter().map(String::as_str).filter(|code| !code.is_empty())
    }

    /// Adds a code where it is not known yet, and titles in languages in which it has none.
    fn add(&mut self, sheet: &Sheet, row: &Row, code: &str, group: Group) {
        for (language, _) in &group.titles {
            if !self.languages.contains(language) {
                self.languages.push(language.clone());
            }
        }
        let Some(known) = self.groups.get_mut(code) else {
            self.groups.insert(code.to_owned(), group);
            return;
        };
        let mut differs = known.parent != group.parent;
        for (language, title) in group.titles {
            match known.title(&language) {
                Some(known) => differs |= known != title,
                None => known.titles.push((language, title)),
            }
        }
        if differs {
            self.find(sheet, row, code, Oddity::Contradiction);
        }
    }

    fn find(&mut self, sheet: &Sheet, row: &Row, code: &str, oddity: Oddity) {
        let finding =
            ListFinding { sheet: sheet.name.clone(), row: row.number, code: code.to_owned(), oddity };
        if !self.findings.iter().any(|known| known.code == finding.code && known.oddity == oddity) {
            self.findings.push(finding);
        }
    }
}

/// The first row whose cells are the headings that `read` looks for, and the rows below it.
fn below_headings<T>(sheet: &Sheet, read: impl Fn(&[String]) -> Option<T>) -> Option<(T, &[Row])> {
    sheet.rows.iter().take(FIRST_ROWS).zip(1..).find_map(|(row, below)| {
        let headings = (0..row.cells.len()).map(|at| row.cell(at).to_lowercase());
        Some((read(&headings.collect::<Vec<_>>())?, &sheet.rows[below..]))
    })
}

/// The column of a heading, in small letters.
fn column(headings: &[String], name: &str) -> Option<usize> {
    headings.iter().position(|heading| heading == name)
}
