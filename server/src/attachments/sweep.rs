//! What a server left behind that was killed while it wrote an object.
//!
//! In a folder an object is written to a file beside its place, `HASH#NUMBER`, which takes the place when it is whole.
//! In a bucket it is an unfinished upload; `object_store` lists none, so the bucket's own rules drop them.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use fieldmerge_protocol::AttachmentHash;

use crate::state::App;
use crate::stored::blocking;

/// No object takes so long to write.
const OLD: Duration = Duration::from_hours(24);

/// Removes the unfinished files that nobody has written to for a day. Gives how many.
pub async fn now(app: &App) -> io::Result<usize> {
    let Some(folder) = app.objects().folder() else { return Ok(0) };
    let now = Duration::from_millis(app.now_ms().try_into().unwrap_or_default());
    let before = now.saturating_sub(OLD);
    blocking(move || sweep(&folder, before)).await.unwrap_or(Ok(0))
}

/// Looks through `PROJECT/FIRST TWO DIGITS/` for files that were last written to before this time since the epoch.
fn sweep(folder: &Path, before: Duration) -> io::Result<usize> {
    let mut removed = 0;
    for project in entries(folder)? {
        for digits in entries(&project.path())? {
            for file in entries(&digits.path())? {
                let is_old = || {
                    let written = file.metadata()?.modified()?;
                    Ok::<_, io::Error>(written.duration_since(UNIX_EPOCH).unwrap_or_default() < before)
                };
                if is_unfinished(&file.file_name().to_string_lossy()) && is_old()? {
                    std::fs::remove_file(file.path())?;
                    removed += 1;
                }
            }
        }
    }
    Ok(removed)
}

/// What stands in a folder; nothing if it is none, or not there.
fn entries(folder: &Path) -> io::Result<Vec<std::fs::DirEntry>> {
    match std::fs::read_dir(folder) {
        Ok(entries) => entries.collect(),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(Vec::new())
        }
        Err(error) => Err(error),
    }
}

fn is_unfinished(name: &str) -> bool {
    let of = name.split_once('#').filter(|(_, number)| number.bytes().all(|byte| byte.is_ascii_digit()));
    of.is_some_and(|(hash, _)| hash.parse::<AttachmentHash>().is_ok())
}
