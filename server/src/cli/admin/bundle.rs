//! `fieldmerge admin bundle`.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde::Serialize;

use crate::App;
use crate::admin::bundles::{self, BundleFileError, Taken};
use crate::cli::{Failure, Output};

/// Take bundle files, and change the key that they are sealed to.
#[derive(Debug, Subcommand)]
pub enum BundleCommand {
    /// Take the frames of a bundle file that somebody brought, on a stick for example.
    #[command(after_help = "\
Example:
  fieldmerge admin bundle take ROADS /media/stick/hery.fmb --receipts /media/stick/back.fmb

A phone writes such a file by `fieldmerge-device carry export`. Its frames are sealed: on the way nobody reads them.
Carry the receipts back: `fieldmerge-device carry import` on the same phone, or on any phone that meets it, and it knows
what became of its work. A server may run meanwhile. Taking a file twice does no harm.")]
    Take {
        /// The project, by code or id.
        project: String,
        /// The file.
        file: PathBuf,
        /// Where to write the receipts, as a bundle file.
        #[arg(long, value_name = "FILE")]
        receipts: Option<PathBuf>,
    },
    /// Make a new key for sealing; phones learn it by their next sync, and what is sealed to older ones still opens.
    NewKey {
        /// The project, by code or id.
        project: String,
    },
}

#[derive(Debug, Serialize)]
struct Shown {
    frames: u64,
    accepted: u64,
    aside: u64,
    unresolved: u64,
}

impl From<Taken> for Shown {
    fn from(Taken { frames, accepted, aside, unresolved }: Taken) -> Self {
        Self { frames, accepted, aside, unresolved }
    }
}

#[derive(Debug, Serialize)]
struct Made {
    key: String,
}

impl BundleCommand {
    /// Does it.
    pub async fn run(self, app: &App, output: &Output) -> Result<(), Failure> {
        match self {
            Self::Take { project, file, receipts } => {
                let mut read = File::open(&file).map_err(|error| about("read", &file, error))?;
                let taken = match &receipts {
                    None => bundles::take(app, &project, &mut read, &mut io::sink()).await?,
                    Some(receipts) => {
                        into_file(receipts, async |out| bundles::take(app, &project, &mut read, out).await)
                            .await?
                    }
                };
                output.show(&Shown::from(taken), text)
            }
            Self::NewKey { project } => {
                let id = bundles::replace_key(app, &project).await?;
                let key = format!("{:08x}", u32::from_be_bytes(id));
                output.show(&Made { key }, |made| format!("The new sealing key has the id {}.", made.key))
            }
        }
    }
}

/// Writes beside the place and moves there at the end, whatever came of it, so that a part is never taken for the whole.
async fn into_file(
    place: &Path,
    write: impl AsyncFnOnce(&mut BufWriter<File>) -> Result<Taken, BundleFileError>,
) -> Result<Taken, Failure> {
    let mut part = place.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let made = File::create(&part).map_err(|error| about("write", &part, error))?;
    let mut out = BufWriter::new(made);
    let taken = write(&mut out).await;
    let kept = out.flush().and_then(|()| out.get_ref().sync_all());
    kept.and_then(|()| std::fs::rename(&part, place)).map_err(|error| about("write", place, error))?;
    Ok(taken?)
}

fn about(what: &str, file: &Path, error: io::Error) -> Failure {
    Failure::about(format!("cannot {what} {}", file.display()), error)
}

fn text(shown: &Shown) -> String {
    let mut lines = vec![format!("{} of {} frames are taken.", shown.accepted, shown.frames)];
    if shown.aside > 0 {
        lines.push(format!("{} were set aside: see `fieldmerge admin quarantine list`.", shown.aside));
    }
    if shown.unresolved > 0 {
        lines.push(format!("{} cannot be read here; their authors send them again.", shown.unresolved));
    }
    lines.join("\n")
}
