//! `fieldmerge form list`.

use std::process::ExitCode;

use fieldmerge_store::forms::{self, FormRow};
use serde::Serialize;

use super::plain;
use crate::admin;
use crate::cli::output::{moment, table};
use crate::cli::{Failure, Output};
use crate::state::App;

/// What a project has published: every version of every form, in the order in which it was.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  fieldmerge form list --project ROADS")]
pub struct List {
    /// The project, by its code.
    #[arg(long, value_name = "CODE")]
    project: String,
}

#[derive(Debug, Serialize)]
struct Row {
    number: u64,
    form_id: String,
    version: String,
    title: String,
    file_name: String,
    byte_count: u64,
    /// What it costs a phone.
    packed_bytes: usize,
    published_ms: i64,
}

impl From<FormRow> for Row {
    fn from(row: FormRow) -> Self {
        let FormRow { number, form_id, version, title, byte_count, packed, file_name, published_ms, .. } =
            row;
        let packed_bytes = packed.len();
        Self { number, form_id, version, title, file_name, byte_count, packed_bytes, published_ms }
    }
}

impl List {
    /// Prints the list.
    pub async fn run(self, app: &App, output: Output) -> Result<ExitCode, Failure> {
        let mut tx = app.store().read().await?;
        let project = admin::project(&mut tx, &self.project).await?;
        let rows: Vec<Row> = forms::list(&mut tx, project.id).await?.into_iter().map(Row::from).collect();
        tx.rollback().await?;
        output.show(&rows, |rows| text(rows))?;
        Ok(ExitCode::SUCCESS)
    }
}

fn text(rows: &[Row]) -> String {
    let cells = |row: &Row| {
        let texts = [&row.form_id, &row.version, &row.title].map(|text| plain(text));
        let [form_id, version, title] = texts;
        vec![
            row.number.to_string(),
            form_id,
            version,
            title,
            moment(row.published_ms),
            format!("{} B", row.packed_bytes),
        ]
    };
    let rows: Vec<_> = rows.iter().map(cells).collect();
    let none = "Nothing is published yet: `fieldmerge form publish` does it.";
    table(&["number", "form", "version", "title", "published", "for a phone"], &rows, none)
}
