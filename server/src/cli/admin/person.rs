//! `fieldmerge admin person`.

use clap::Subcommand;
use fieldmerge_store::people::Person;
use serde::Serialize;

use crate::App;
use crate::admin::projects;
use crate::cli::output::table;
use crate::cli::{Failure, Output};

/// Add and list the people who write.
#[derive(Debug, Subcommand)]
pub enum PersonCommand {
    /// Add a person who writes: an enumerator, a supervisor. Workers are registered on devices.
    #[command(after_help = "Example:\n  fieldmerge admin person new ROADS \"Hery\"")]
    New {
        /// The project, by code or id.
        project: String,
        /// The name that colleagues see beside what the person wrote.
        name: String,
    },
    /// List the people of a project.
    List {
        /// The project, by code or id.
        project: String,
    },
}

#[derive(Debug, Serialize)]
struct Row {
    id: String,
    name: String,
}

impl From<Person> for Row {
    fn from(person: Person) -> Self {
        Self { id: person.id.to_string(), name: person.name }
    }
}

impl PersonCommand {
    /// Does it.
    pub async fn run(self, app: &App, output: &Output) -> Result<(), Failure> {
        match self {
            Self::New { project, name } => {
                let made: Row = projects::create_person(app, &project, &name).await?.into();
                output.show(&made, |made| format!("Added {} with the id {}.", made.name, made.id))
            }
            Self::List { project } => {
                let rows: Vec<Row> =
                    projects::list_people(app, &project).await?.into_iter().map(Row::from).collect();
                output.show(&rows, |rows| {
                    let cells = |row: &Row| vec![row.name.clone(), row.id.clone()];
                    table(&["NAME", "ID"], &rows.iter().map(cells).collect::<Vec<_>>(), "Nobody yet.")
                })
            }
        }
    }
}
