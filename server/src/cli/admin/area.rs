//! `fieldmerge admin area`.

use clap::Subcommand;
use fieldmerge_store::projects::Area;
use serde::Serialize;

use crate::App;
use crate::admin::projects;
use crate::cli::output::table;
use crate::cli::{Failure, Output};

/// Make and list the areas of a project.
#[derive(Debug, Subcommand)]
pub enum AreaCommand {
    /// Make an area: a site, whose records go only to devices that have a grant for it.
    #[command(after_help = "Example:\n  fieldmerge admin area new ROADS S1 \"Iarintsena\"")]
    New {
        /// The project, by code or id.
        project: String,
        /// A short code: letters, digits, `-`, `_`.
        code: String,
        /// A name for people.
        name: String,
    },
    /// List the areas of a project.
    List {
        /// The project, by code or id.
        project: String,
    },
}

#[derive(Debug, Serialize)]
struct Row {
    id: String,
    code: String,
    name: String,
}

impl From<Area> for Row {
    fn from(area: Area) -> Self {
        Self { id: area.id.to_string(), code: area.code, name: area.name }
    }
}

impl AreaCommand {
    /// Does it.
    pub async fn run(self, app: &App, output: &Output) -> Result<(), Failure> {
        match self {
            Self::New { project, code, name } => {
                let made: Row = projects::create_area(app, &project, &code, &name).await?.into();
                output.show(&made, |made| format!("Made the area {} with the id {}.", made.code, made.id))
            }
            Self::List { project } => {
                let rows: Vec<Row> =
                    projects::list_areas(app, &project).await?.into_iter().map(Row::from).collect();
                output.show(&rows, |rows| {
                    let cells = |row: &Row| vec![row.code.clone(), row.name.clone(), row.id.clone()];
                    table(&["CODE", "NAME", "ID"], &rows.iter().map(cells).collect::<Vec<_>>(), "No areas.")
                })
            }
        }
    }
}
