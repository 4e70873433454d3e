//! `fieldmerge admin compact`.

use crate::App;
use crate::cli::{Failure, Output};
use crate::compact::{self, Compacted};

/// Join small stored segments into large ones now, the newest too.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  fieldmerge admin compact
  fieldmerge admin compact ROADS --json

A server that runs does this by itself, in the background, with segments older than three days. It may go on serving
meanwhile. A SQLite file does not get smaller: what becomes free in it is used again.")]
pub struct Compact {
    /// One project, by code or id; all of them unless given.
    project: Option<String>,
}

impl Compact {
    /// Does it.
    pub async fn run(self, app: &App, output: &Output) -> Result<(), Failure> {
        let done = compact::now(app, self.project.as_deref()).await?;
        output.show(&done, |done| text(done))
    }
}

fn text(done: &[Compacted]) -> String {
    if done.is_empty() {
        return "There is no project here; nothing was compacted.".to_owned();
    }
    let line = |it: &Compacted| {
        if it.segments_before == it.segments_after {
            return format!("{}: nothing to compact in {} segments", it.project, it.segments_after);
        }
        format!(
            "{}: {} segments became {}, {} bytes became {}",
            it.project, it.segments_before, it.segments_after, it.bytes_before, it.bytes_after
        )
    };
    done.iter().map(line).collect::<Vec<_>>().join("\n")
}
