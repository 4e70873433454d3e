//! `fieldmerge admin key`.

use clap::Subcommand;
use fieldmerge_model::access::Role;
use fieldmerge_store::api_keys::ApiKey;
use serde::Serialize;
use uuid::Uuid;

use crate::App;
use crate::admin::{api_keys, role_of};
use crate::cli::output::{moment, parse_duration, table};
use crate::cli::{Failure, Output};

/// Make, list and revoke keys of headquarters.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a key, to be sent as `Authorization: Bearer fmk_…`.
    #[command(after_help = "\
Example:
  fieldmerge admin key new ROADS \"Dashboard\" --role analyst --expires 30d
  curl -H \"Authorization: Bearer fmk_…\" 'http://127.0.0.1:7400/v1/projects/ID/dataset?type=worker'

The key is shown once; only its hash is kept. An analyst sees rows without names, telephone numbers, villages and exact
dates of birth, and persons by pseudonyms; an administrator sees no personal value.")]
    New {
        /// The project, by code or id.
        project: String,
        /// Who or what will use it.
        label: String,
        /// `analyst` or `administrator`.
        #[arg(long, value_parser = |name: &str| role_of(name).map_err(|error| error.to_string()))]
        role: Role,
        /// How long it works.
        #[arg(long, value_name = "TIME", default_value = "90d", value_parser = parse_duration)]
        expires: i64,
    },
    /// List the keys of a project.
    List {
        /// The project, by code or id.
        project: String,
    },
    /// Revoke a key: its next request is refused.
    Revoke {
        /// The project, by code or id.
        project: String,
        /// The key's id.
        id: Uuid,
    },
}

#[derive(Debug, Serialize)]
struct Made {
    id: String,
    key: String,
    expires_ms: i64,
}

#[derive(Debug, Serialize)]
struct Row {
    id: String,
    label: String,
    role: String,
    expires_ms: i64,
    revoked_ms: Option<i64>,
}

#[derive(Debug, Serialize)]
struct Revoked {
    revoked: bool,
}

impl From<ApiKey> for Row {
    fn from(key: ApiKey) -> Self {
        let ApiKey { id, label, role, expires_ms, revoked_ms, .. } = key;
        Self { id: id.to_string(), label, role, expires_ms, revoked_ms }
    }
}

impl KeyCommand {
    /// Does it.
    pub async fn run(self, app: &App, output: &Output) -> Result<(), Failure> {
        match self {
            Self::New { project, label, role, expires } => {
                let made = api_keys::create(app, &project, &label, role, expires).await?;
                let made = Made { id: made.id.to_string(), key: made.text, expires_ms: made.expires_ms };
                output.show(&made, |made| {
                    let expires = moment(made.expires_ms);
                    format!(
                        "Key     {}\nId      {}\nExpires {expires}\nThe key is not shown again.",
                        made.key, made.id
                    )
                })
            }
            Self::List { project } => {
                let rows: Vec<Row> =
                    api_keys::list(app, &project).await?.into_iter().map(Row::from).collect();
                output.show(&rows, |rows| text(rows, app.now_ms()))
            }
            Self::Revoke { project, id } => {
                let revoked = api_keys::revoke(app, &project, id).await?;
                output.show(&Revoked { revoked }, |_| {
                    let how = if revoked { "is revoked" } else { "had been revoked before" };
                    format!("The key {how}.")
                })
            }
        }
    }
}

fn text(rows: &[Row], now_ms: i64) -> String {
    let cells = |row: &Row| {
        let state = match row.revoked_ms {
            Some(at) => format!("revoked {}", moment(at)),
            None if row.expires_ms <= now_ms => format!("expired {}", moment(row.expires_ms)),
            None => format!("until {}", moment(row.expires_ms)),
        };
        vec![row.label.clone(), row.role.clone(), state, row.id.clone()]
    };
    table(&["LABEL", "ROLE", "STATE", "ID"], &rows.iter().map(cells).collect::<Vec<_>>(), "No keys.")
}
