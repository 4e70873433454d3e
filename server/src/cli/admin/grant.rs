//! `fieldmerge admin grant`.

use clap::{Args, Subcommand};
use serde::Serialize;

use crate::App;
use crate::admin::{GrantText, code_of, devices};
use crate::cli::output::{moment, table};
use crate::cli::{Failure, Output};

/// Say what a device may read and write.
#[derive(Debug, Subcommand)]
pub enum GrantCommand {
    /// Give a device a role in an area.
    #[command(after_help = "Example:\n  fieldmerge admin grant add ROADS 3 S2:enumerator")]
    Add(Which),
    /// Withdraw a role; the device forgets the records that it may no longer read.
    Remove(Which),
    /// List the grants of a project's devices.
    List {
        /// The project, by code or id.
        project: String,
    },
}

/// A device and a grant.
#[derive(Debug, Args)]
pub struct Which {
    /// The project, by code or id.
    project: String,
    /// The device, by number or id.
    device: String,
    /// The area and the role; the area `all` is the whole project.
    #[arg(value_name = "AREA:ROLE")]
    grant: GrantText,
}

#[derive(Debug, Serialize)]
struct Changed {
    changed: bool,
}

#[derive(Debug, Serialize)]
struct Row {
    device: u64,
    label: String,
    area: String,
    role: String,
    given_ms: i64,
    withdrawn_ms: Option<i64>,
}

impl GrantCommand {
    /// Does it.
    pub async fn run(self, app: &App, output: &Output) -> Result<(), Failure> {
        match self {
            Self::Add(which) => {
                let changed = devices::give(app, &which.project, &which.device, &which.grant).await?;
                output.show(&Changed { changed }, |_| {
                    let said = if changed { "Given" } else { "The device had it already" };
                    format!("{said}; it learns of its grants at its next sync.")
                })
            }
            Self::Remove(which) => {
                let changed = devices::withdraw(app, &which.project, &which.device, &which.grant).await?;
                output.show(&Changed { changed }, |_| {
                    let said = if changed { "Withdrawn" } else { "The device did not have it" };
                    format!("{said}; it learns of its grants at its next sync.")
                })
            }
            Self::List { project } => {
                let rows = rows(app, &project).await?;
                output.show(&rows, |rows| text(rows))
            }
        }
    }
}

async fn rows(app: &App, project: &str) -> Result<Vec<Row>, Failure> {
    let (known, areas) = devices::list(app, project).await?;
    let mut rows = Vec::new();
    for device in known {
        rows.extend(device.grants.iter().map(|grant| Row {
            device: device.device.number,
            label: device.device.label.clone(),
            area: code_of(&areas, grant.area),
            role: grant.role.clone(),
            given_ms: grant.given_ms,
            withdrawn_ms: grant.withdrawn_ms,
        }));
    }
    Ok(rows)
}

fn text(rows: &[Row]) -> String {
    let cells = |row: &Row| {
        let state = match row.withdrawn_ms {
            Some(at) => format!("withdrawn {}", moment(at)),
            None => format!("since {}", moment(row.given_ms)),
        };
        vec![row.device.to_string(), row.label.clone(), row.area.clone(), row.role.clone(), state]
    };
    let rows: Vec<_> = rows.iter().map(cells).collect();
    table(&["DEVICE", "LABEL", "AREA", "ROLE", "STATE"], &rows, "No device has any grant.")
}
