//! `fieldmerge admin project`.

use clap::Subcommand;
use fieldmerge_model::pack::HIMO;
use fieldmerge_store::projects::Project;
use serde::Serialize;

use crate::App;
use crate::admin::projects;
use crate::cli::output::{moment, table};
use crate::cli::{Failure, Output};
use crate::forms::pack::publish_pack;

/// Make and list projects.
#[derive(Debug, Subcommand)]
pub enum ProjectCommand {
    /// Make a project, with its keys, its forms and the area `all`.
    #[command(after_help = "\
Examples:
  fieldmerge admin project new ROADS \"Rural roads\"
  fieldmerge admin project new WELLS \"Wells\" --forms none
  fieldmerge form publish --project WELLS wells.xlsx

The forms say what records hold: without any, phones register nothing.")]
    New {
        /// A short code: letters, digits, `-`, `_`.
        code: String,
        /// A name for people.
        name: String,
        /// The forms that it begins with.
        #[arg(long, value_enum, default_value_t)]
        forms: Begin,
    },
    /// List the projects.
    List,
}

/// The forms that a project begins with.
#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
pub enum Begin {
    /// Those for labour-intensive public works: workers, assignments, attendance, pay and more.
    #[default]
    Himo,
    /// None: `fieldmerge form publish` publishes your own.
    None,
}

#[derive(Debug, Serialize)]
struct Row {
    id: String,
    code: String,
    name: String,
    created_ms: i64,
}

impl From<Project> for Row {
    fn from(project: Project) -> Self {
        let Project { id, code, name, created_ms, .. } = project;
        Self { id: id.to_string(), code, name, created_ms }
    }
}

impl ProjectCommand {
    /// Does it.
    pub async fn run(self, app: &App, output: &Output) -> Result<(), Failure> {
        match self {
            Self::New { code, name, forms } => {
                let made: Row = projects::create(app, &code, &name).await?.into();
                if let Begin::Himo = forms {
                    publish_pack(app, &code, &HIMO).await?;
                }
                output.show(&made, |made| format!("Made the project {} with the id {}.", made.code, made.id))
            }
            Self::List => {
                let rows: Vec<Row> = projects::list(app).await?.into_iter().map(Row::from).collect();
                output.show(&rows, |rows| text(rows))
            }
        }
    }
}

fn text(rows: &[Row]) -> String {
    let cells = |row: &Row| vec![row.code.clone(), row.name.clone(), row.id.clone(), moment(row.created_ms)];
    let none = "There is no project yet: `fieldmerge admin project new CODE NAME` makes one.";
    table(&["CODE", "NAME", "ID", "MADE"], &rows.iter().map(cells).collect::<Vec<_>>(), none)
}
