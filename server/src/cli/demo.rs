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

use super::output::{quoted, table};
use super::{Failure, Output, address, beside, listen, open};
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
    #[arg(long, value_name = "ADDR", env = "FIELDMERGE_LISTEN", default_value_t = DEFAULT_LISTEN, value_parser = address)]
    pub listen: SocketAddr,

    /// Where the demo keeps its database and its two devices.
    #[arg(long, value_name = "DIR", default_value = "fieldmerge-demo")]
    pub folder: PathBuf,

    /// Tell the story and end, without serving.
    #[arg(long)]
    pub once: bool,
}

const IN_USE: &str =
    "(perhaps an earlier demo) uses it. Stop it, or choose another by --listen and --folder.";

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
        // The link of the story listens there first, and the server in its place afterwards.
        let at = listen(self.listen, IN_USE).await?.local_addr()?;
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
        let merged = demo::tell(&app, &self.folder, at, &mut watch).await?;
        let (cases, names) = (merged.a.device.conflicts().await, merged.names());
        // The phones are closed, so that `fieldmerge-device` can open them while the server goes on.
        drop(merged);
        app.close().await;

        let app = open(&database, Config { attachments: beside(&database), ..Config::default() }).await?;
        let told = self.told(&app, at, cases.len()).await?;
        output.show(&told, |told| {
            let cases = cases_text(&cases, &names);
            let next = if self.once { once_text(told, at) } else { served_text(told) };
            format!("\n{cases}\n\n{next}")
        })?;
        if !self.once {
            telemetry::start(LogFormat::default(), app.metrics().clone());
            let listener = listen(at, IN_USE).await?;
            serve(app.clone(), listener, router(&app), stop_signal()).await;
        }
        app.close().await;
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

    async fn told(&self, app: &App, at: SocketAddr, open_cases: usize) -> Result<Told, Failure> {
        const DAY_MS: i64 = 86_400_000;
        let key = api_keys::create(app, PROJECT, "demo", Role::Analyst, DAY_MS).await?;
        let project = projects::list(app).await?.into_iter().find(|project| project.code == PROJECT);
        Ok(Told {
            api: format!("http://{at}"),
            project: project.map_or_else(String::new, |project| project.id.to_string()),
            key: key.text,
            folder: self.folder.clone(),
            open_cases,
        })
    }
}

fn cases_text(cases: &[CaseView], names: &BTreeMap<RecordId, String>) -> String {
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
    table(&["person", "field", "values", "used until decided"], &rows, "No conflict waits.")
}

fn served_text(told: &Told) -> String {
    let Told { api, project, key, .. } = told;
    format!(
        "The server goes on at {api}. To look at what was merged, as an analyst who sees no names:
  curl -H 'Authorization: Bearer {key}' '{api}/v1/projects/{project}/dataset?type=worker&format=csv'
  curl -H 'Authorization: Bearer {key}' '{api}/v1/projects/{project}/cases'
{}
Stop with ctrl-c.",
        phone_text(told)
    )
}

fn once_text(told: &Told, at: SocketAddr) -> String {
    let database = quoted(&format!("sqlite:{}", told.folder.join("server.db").display()));
    let listen = if at == DEFAULT_LISTEN { String::new() } else { format!(" --listen {at}") };
    format!("To serve it:\n  fieldmerge --database {database} serve{listen}\n{}", phone_text(told))
}

fn phone_text(told: &Told) -> String {
    let phone = quoted(&told.folder.join("a").to_string_lossy());
    format!(
        "As one of the phones:
  fieldmerge-device --folder {phone} list
  fieldmerge-device --folder {phone} conflicts"
    )
}

fn plain(value: &Value) -> String {
    match json(value) {
        serde_json::Value::String(text) => text,
        other => other.to_string(),
    }
}
