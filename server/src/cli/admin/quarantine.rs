//! `fieldmerge admin quarantine`.

use std::path::PathBuf;

use clap::Subcommand;
use serde::Serialize;
use uuid::Uuid;

use crate::App;
use crate::admin::AdminError;
use crate::admin::quarantine::{self, Aside, Which, advice};
use crate::cli::output::{moment, table};
use crate::cli::{Failure, Output};
use crate::sync::push::replay::Replayed;

/// See what was put aside.
#[derive(Debug, Subcommand)]
pub enum QuarantineCommand {
    /// List what was put aside, with the reason and what to do.
    #[command(after_help = "\
Example:
  fieldmerge admin quarantine list ROADS

Nothing that a device brings is thrown away: what cannot be taken is kept as it came, and harms nothing beside it.")]
    List {
        /// The project, by code or id.
        project: String,
    },
    /// Offer what was put aside again, once its cause is gone.
    #[command(after_help = "\
Examples:
  fieldmerge admin quarantine replay ROADS 019c9d77-cc80-7001-8002-030405060708
  fieldmerge admin quarantine replay ROADS --code not-granted

What is taken now leaves the list, and the devices hear of it at their next sync. What is still not to be taken stays.")]
    Replay {
        /// The project, by code or id.
        project: String,
        /// The item's id.
        #[arg(required_unless_present = "code", conflicts_with = "code")]
        id: Option<Uuid>,
        /// All items with this reason.
        #[arg(long)]
        code: Option<String>,
    },
    /// Give an item up: it leaves the list, its bytes stay in the database.
    Dismiss {
        /// The project, by code or id.
        project: String,
        /// The item's id.
        id: Uuid,
    },
    /// Write the bytes of an item to a file, as they came.
    Save {
        /// The project, by code or id.
        project: String,
        /// The item's id.
        id: Uuid,
        /// The file.
        file: PathBuf,
    },
}

#[derive(Debug, Serialize)]
struct Row {
    id: String,
    code: String,
    advice: &'static str,
    received_ms: i64,
    device: Option<String>,
    device_id: Option<String>,
    frame: Option<u64>,
    frame_index: Option<u32>,
    record: Option<String>,
    bytes: usize,
}

impl From<Aside> for Row {
    fn from(aside: Aside) -> Self {
        let Aside { item, device } = aside;
        Self {
            advice: advice(&item.code),
            id: item.id.to_string(),
            code: item.code,
            received_ms: item.received_ms,
            device,
            device_id: item.source.map(|source| source.device.to_string()),
            frame: item.source.map(|source| source.frame),
            frame_index: item.frame_index,
            record: item.record.map(|record| record.to_string()),
            bytes: item.body.len(),
        }
    }
}

/// What became of an item that was offered again.
#[derive(Debug, Serialize)]
struct Offered {
    id: Uuid,
    outcome: &'static str,
    code: Option<String>,
}

impl From<(Uuid, Replayed)> for Offered {
    fn from((id, replayed): (Uuid, Replayed)) -> Self {
        let (outcome, code) = match replayed {
            Replayed::Taken => ("taken", None),
            Replayed::Held => ("held", None),
            Replayed::Aside(code) => ("aside", Some(code)),
        };
        Self { id, outcome, code }
    }
}

fn outcomes(rows: &[Offered]) -> String {
    let what = |row: &Offered| match (row.outcome, &row.code) {
        ("taken", _) => "taken".to_owned(),
        ("held", _) => "held until what it was made on arrives".to_owned(),
        (_, code) => format!("still aside: {}", code.as_deref().unwrap_or_default()),
    };
    let cells: Vec<_> = rows.iter().map(|row| vec![row.id.to_string(), what(row)]).collect();
    table(&["ID", "OUTCOME"], &cells, "Nothing is put aside for this reason.")
}

#[derive(Debug, Serialize)]
struct Dismissed {
    dismissed: Uuid,
}

#[derive(Debug, Serialize)]
struct Saved {
    bytes: usize,
}

impl QuarantineCommand {
    /// Does it.
    pub async fn run(self, app: &App, output: &Output) -> Result<(), Failure> {
        match self {
            Self::List { project } => {
                let rows: Vec<Row> =
                    quarantine::list(app, &project).await?.into_iter().map(Row::from).collect();
                output.show(&rows, |rows| text(rows))
            }
            Self::Replay { project, id, code } => {
                let which = id.map(Which::Item).or(code.map(Which::Code)).ok_or_else(|| {
                    Failure::from(AdminError::Invalid("name an item, or a reason with --code".to_owned()))
                })?;
                let replayed = quarantine::replay(app, &project, &which).await?;
                output
                    .show(&replayed.into_iter().map(Offered::from).collect::<Vec<_>>(), |rows| outcomes(rows))
            }
            Self::Dismiss { project, id } => {
                quarantine::dismiss(app, &project, id).await?;
                output.show(&Dismissed { dismissed: id }, |_| format!("{id} is given up."))
            }
            Self::Save { project, id, file } => {
                let item = quarantine::find(app, &project, id).await?;
                std::fs::write(&file, &item.body)
                    .map_err(|error| Failure::about(format!("cannot write {}", file.display()), error))?;
                output.show(&Saved { bytes: item.body.len() }, |saved| {
                    format!("{} bytes in {}", saved.bytes, file.display())
                })
            }
        }
    }
}

fn text(rows: &[Row]) -> String {
    let cells = |row: &Row| {
        let device =
            row.device.clone().or_else(|| row.device_id.clone()).unwrap_or_else(|| "unknown".to_owned());
        let what = match &row.record {
            Some(record) => format!("a change of {record}"),
            None => format!("a frame of {} bytes", row.bytes),
        };
        vec![moment(row.received_ms), device, row.code.clone(), what, row.id.clone()]
    };
    let heads = ["RECEIVED", "DEVICE", "REASON", "WHAT", "ID"];
    let list = table(&heads, &rows.iter().map(cells).collect::<Vec<_>>(), "Nothing was put aside.");
    let mut codes: Vec<&str> = rows.iter().map(|row| row.code.as_str()).collect();
    codes.sort_unstable();
    codes.dedup();
    let advised = codes.into_iter().map(|code| format!("{code}: {}", advice(code)));
    [list].into_iter().chain(advised).collect::<Vec<_>>().join("\n\n")
}
