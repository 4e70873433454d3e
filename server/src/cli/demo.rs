//! `fieldmerge demo`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use fieldmerge_model::access::Role;
use fieldmerge_protocol::{RecordId, Value};
use fieldmerge_sdk::CaseView;
use fieldmerge_store::Store;
use serde::Serialize;

use super::output::table;
use super::{Failure, Output, listen, open};
use crate::admin::{api_keys, projects};
use crate::config::{Config, DEFAULT_LISTEN};
use crate::demo::story::START_MS;
use crate::demo::{self, PROJECT};
use crate::http::router;
use crate::http::serve::{serve, stop_signal};
use crate::sync::push::json;
use crate::telemetry::{self, LogFormat};
use crate::{App, Clock, Ids, Metrics};

/// Load an example and serve it: two phones that were offline for two weeks, edits in conflict, one sync each.
///
/// Real devices register invented people through a real server, work offline, edit the same records and come back. The
/// folder of the demo is made anew each time.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldmerge demo
  fieldmerge demo --listen 127.0.0.1:8080 --folder /tmp/demo

When the demo is served, the phones go on as fieldmerge-device:
  fieldmerge-device --folder fieldmerge-demo/a conflicts")]
pub struct Demo {
    /// Where the API listens.
    #[arg(long, value_name = "ADDR", env = "FIELDMERGE_LISTEN", default_value_t = DEFAULT_LISTEN)]
    pub listen: SocketAddr,

    /// Where the demo keeps its database and its two devices.
    #[arg(long, value_name = "DIR", default_value = "fieldmerge-demo")]
    pub folder: PathBuf,

    /// Tell the story and end, without serving.
    #[arg(long)]
    pub once: bool,
}

/// A file that marks a folder as one of ours, which may be made anew.
const MARK: &str = "made-by-fieldmerge-demo";

/// What the demo leaves behind.
#[derive(Debug, Serialize)]
struct Told {
    api: String,
    project: String,
    key: String,
    folder: PathBuf,
    open_cases: usize,
}

impl Demo {
    /// Loads and serves it.
    pub async fn run(self, output: &Output) -> Result<ExitCode, Failure> {
        self.make_folder()?;
        let database = format!("sqlite:{}", self.folder.join("server.db").display());
        let store = Store::open(&database).await?;
        store.migrate().await?;
        let clock = Clock::fixed(START_MS);
        let app = App::new(store, clock, Ids::from_system()?, Config::default(), Metrics::default());
        let quiet = output.is_json();
        let mut watch = |line: &str| {
            if !quiet {
                _ = output.show(&line, |line| (*line).to_owned());
            }
        };
        let merged = demo::tell(&app, &self.folder, self.listen, &mut watch).await?;
        let (cases, names) = (merged.a.device.conflicts().await, merged.names());
        app.store().close().await;

        let app = open(&database, Config::default()).await?;
        let told = self.told(&app, cases.len()).await?;
        output.show(&told, |told| text(told, &cases, &names))?;
        if !self.once {
            telemetry::start(LogFormat::default(), app.metrics().clone());
            let listener = listen(self.listen).await?;
            serve(app.clone(), listener, router(&app), stop_signal()).await;
        }
        app.store().close().await;
        Ok(ExitCode::SUCCESS)
    }

    /// An empty folder. One that holds anything else than an earlier demo is left alone.
    fn make_folder(&self) -> Result<(), Failure> {
        let mark = self.folder.join(MARK);
        if mark.exists() {
            std::fs::remove_dir_all(&self.folder)?;
        } else if std::fs::read_dir(&self.folder).is_ok_and(|mut inside| inside.next().is_some()) {
            let folder = self.folder.display();
            return Err(Failure::usage(format!(
                "{folder} holds something else; name another folder by --folder"
            )));
        }
        std::fs::create_dir_all(&self.folder)?;
        Ok(std::fs::write(mark, "This folder is made anew by each `fieldmerge demo`.\n")?)
    }

    async fn told(&self, app: &App, open_cases: usize) -> Result<Told, Failure> {
        const DAY_MS: i64 = 86_400_000;
        let key = api_keys::create(app, PROJECT, "demo", Role::Analyst, DAY_MS).await?;
        let project = projects::list(app).await?.into_iter().find(|project| project.code == PROJECT);
        Ok(Told {
            api: format!("http://{}", self.listen),
            project: project.map_or_else(String::new, |project| project.id.to_string()),
            key: key.text,
            folder: self.folder.clone(),
            open_cases,
        })
    }
}

fn text(told: &Told, cases: &[CaseView], names: &BTreeMap<RecordId, String>) -> String {
    let rows: Vec<Vec<String>> = cases
        .iter()
        .map(|case| {
            let values: Vec<String> =
                case.candidates.iter().map(|candidate| plain(&candidate.value)).collect();
            let agreed = case.agreed.as_ref().map_or_else(|| "none".to_owned(), plain);
            let who = names.get(&case.record).cloned().unwrap_or_else(|| case.record.to_string());
            vec![who, case.path.to_string(), values.join(" or "), agreed]
        })
        .collect();
    let cases = table(&["person", "field", "values", "used until decided"], &rows, "No conflict waits.");
    let Told { api, project, key, folder, .. } = told;
    let folder = folder.display();
    format!(
        "
{cases}

The server goes on at {api}. To look at what was merged, as an analyst who sees no names:
  curl -H 'Authorization: Bearer {key}' '{api}/v1/projects/{project}/dataset?type=worker&format=csv'
  curl -H 'Authorization: Bearer {key}' '{api}/v1/projects/{project}/cases'
As one of the phones:
  fieldmerge-device --folder {folder}/a list
  fieldmerge-device --folder {folder}/a conflicts
Stop with ctrl-c."
    )
}

fn plain(value: &Value) -> String {
    match json(value) {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    }
}
