//! `fieldmerge form codebook`.

use std::process::ExitCode;

use fieldmerge_model::dataset::{Meaning, codebook};
use fieldmerge_model::types::RecordType;
use serde::Serialize;

use super::plain;
use crate::cli::{Failure, Output};
use crate::state::App;
use crate::{admin, forms};

/// What each column of the datasets means: what was asked, which codes stand in it, who sees it, how it merges.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldmerge form codebook --project ROADS > codebook.md
  fieldmerge form codebook --project ROADS --type worker --in fr
  fieldmerge form codebook --project ROADS --json | jq '.[] | .columns[].column'

What it prints for people is Markdown. Exit codes: 0 printed; 2 wrong usage; 3 no such project or record type.")]
pub struct Codebook {
    /// The project, by its code.
    #[arg(long, value_name = "CODE")]
    project: String,

    /// Only this record type.
    #[arg(long = "type", value_name = "TYPE")]
    record_type: Option<String>,

    /// The language of the labels, by its code; where a text lacks it, the form's own language stands.
    #[arg(long = "in", value_name = "LANGUAGE", default_value = "en")]
    shown: String,
}

#[derive(Debug, Serialize)]
struct Book {
    record_type: String,
    columns: Vec<Meaning>,
}

impl Codebook {
    /// Prints the book.
    pub async fn run(self, app: &App, output: Output) -> Result<ExitCode, Failure> {
        let mut tx = app.store().read().await?;
        let project = admin::project(&mut tx, &self.project).await?;
        let types = forms::record_types(&mut tx, project.id).await?;
        tx.rollback().await?;
        let of = |kind: &RecordType| Book { record_type: kind.name.to_string(), columns: codebook(kind) };
        let books: Vec<Book> = match &self.record_type {
            Some(name) => vec![of(types.find(name).ok_or_else(|| {
                let names: Vec<&str> = types.iter().map(|kind| kind.name.as_str()).collect();
                Failure::not_found(format!("there is no record type {name}; there are {}", names.join(", ")))
            })?)],
            None => types.iter().map(|kind| of(kind)).collect(),
        };
        output.show(&books, |books| text(books, &self.shown))?;
        Ok(ExitCode::SUCCESS)
    }
}

fn text(books: &[Book], language: &str) -> String {
    let mut lines = Vec::new();
    for book in books {
        lines.push(format!("## {}\n", book.record_type));
        lines.push("| column | meaning | kind | codes | sensitivity | merges | seen by |".to_owned());
        lines.push("|---|---|---|---|---|---|---|".to_owned());
        lines.extend(book.columns.iter().map(|column| line(column, language)));
        lines.push(String::new());
    }
    lines.join("\n")
}

fn line(meaning: &Meaning, language: &str) -> String {
    let codes = meaning.codes.iter().map(|code| format!("{} {}", code.code, code.labels.get(language)));
    let roles: Vec<&str> = meaning.seen_by.iter().map(|role| role.name()).collect();
    let kind = match meaning.unit.as_str() {
        "" => meaning.kind.to_owned(),
        unit => format!("{}, {unit}", meaning.kind),
    };
    let cells = [
        meaning.column.clone(),
        meaning.labels.get(language).to_owned(),
        kind,
        codes.collect::<Vec<_>>().join("; "),
        format!("{:?}", meaning.sensitivity).to_lowercase(),
        meaning.merge.to_owned(),
        roles.join(", "),
    ];
    let cells = cells.map(|cell| plain(&cell).replace('|', "\\|"));
    format!("| {} |", cells.join(" | "))
}
