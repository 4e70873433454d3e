//! `fieldmerge admin attachments`.

use serde::Serialize;

use crate::App;
use crate::admin::attachments::{self, Reference};
use crate::cli::output::table;
use crate::cli::{Failure, Output};

/// List the attachments (photos) that records name and that have not arrived, with the device that has to bring each.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldmerge admin attachments ROADS
  fieldmerge admin attachments ROADS --all --json

An attachment comes after the records, when its device has the time and the budget; one that is missing is no damage.
It lies on the phone that wrote the record until it has arrived.")]
pub struct Attachments {
    /// The project, by code or id.
    project: String,

    /// Also those that are here.
    #[arg(long)]
    all: bool,

    /// Write anew which records name which attachments, from the records themselves, instead of listing them. Nothing
    /// needs it but a difference that `fieldmerge verify` has told.
    #[arg(long, conflicts_with = "all")]
    rebuild: bool,
}

#[derive(Debug, Serialize)]
struct Row {
    record: String,
    path: String,
    sha256: String,
    device: String,
    label: String,
    stored: bool,
    received: u64,
    bytes: Option<u64>,
}

#[derive(Debug, Serialize)]
struct Rebuilt {
    references: usize,
}

impl From<Reference> for Row {
    fn from(Reference { referred, device: label }: Reference) -> Self {
        let (stored, arriving) = (referred.stored, referred.arriving);
        let reference = referred.reference;
        Self {
            record: reference.record.to_string(),
            path: reference.path,
            sha256: reference.hash.to_string(),
            device: reference.device.to_string(),
            label,
            stored: stored.is_some(),
            received: stored.or(arriving.map(|(received, _)| received)).unwrap_or_default(),
            bytes: stored.or(arriving.map(|(_, bytes)| bytes)),
        }
    }
}

impl Attachments {
    /// Lists them.
    pub async fn run(self, app: &App, output: &Output) -> Result<(), Failure> {
        if self.rebuild {
            let references = attachments::rebuild(app, &self.project).await?;
            return output
                .show(&Rebuilt { references }, |it| format!("{} references written", it.references));
        }
        let rows = attachments::list(app, &self.project, self.all).await?;
        let rows: Vec<Row> = rows.into_iter().map(Row::from).collect();
        let none = if self.all { "No record names an attachment." } else { "Every attachment is here." };
        output.show(&rows, |rows| text(rows, none))
    }
}

fn text(rows: &[Row], none: &str) -> String {
    let cells = |row: &Row| {
        let state = match row.bytes {
            _ if row.stored => "here".to_owned(),
            Some(bytes) => format!("{} of {bytes} bytes", row.received),
            None => "not begun".to_owned(),
        };
        vec![row.label.clone(), state, row.path.clone(), row.record.clone(), row.sha256.clone()]
    };
    table(
        &["DEVICE", "STATE", "PATH", "RECORD", "SHA-256"],
        &rows.iter().map(cells).collect::<Vec<_>>(),
        none,
    )
}
