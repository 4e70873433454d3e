//! Bundle files.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use fieldmerge_sdk::{Device, OutboxState};
use serde_json::json;

use super::Failure;
use super::arguments::Carry;
use super::text::{Output, count};

/// What every bundle file begins with.
const MAGIC: &[u8; 3] = b"FMB";

/// Writes or takes a bundle file.
pub async fn carry(device: &Device, output: &Output, carry: Carry) -> Result<(), Failure> {
    match carry {
        Carry::Export { file } => export(device, output, &file).await,
        Carry::Import { file } => {
            let bytes = fs::read(&file).map_err(|error| Failure::file(&file, error))?;
            let taken = device.import_bundle(bytes).await?;
            output.show(
                &json!({ "frames": taken.frames, "receipts": taken.receipts, "skipped": taken.skipped }),
                || {
                    let frames = count(taken.frames, "frame");
                    let receipts = count(taken.receipts, "receipt");
                    let mut text = format!("Carried from now on: {frames}. Applied: {receipts}.");
                    if taken.skipped > 0 {
                        let _ = write!(
                            text,
                            " Left out, as not of this project: {}.",
                            count(taken.skipped, "part")
                        );
                    }
                    text
                },
            )
        }
    }
}

async fn export(device: &Device, output: &Output, file: &Path) -> Result<(), Failure> {
    if !may_write(file).map_err(|error| Failure::file(file, error))? {
        let file = file.display();
        return Err(Failure::Usage(format!("{file} exists and is not a bundle; name another file")));
    }
    let bytes = device.export_bundle().await?;
    let outbox = device.outbox().await;
    let changes = outbox.count(|state| matches!(state, OutboxState::Waiting | OutboxState::Sent));
    let (frames, receipts) = (outbox.carried_frames, outbox.carried_receipts);
    if changes + frames + receipts == 0 {
        let whole = json!({ "changes": 0, "bytes": 0 });
        return output.show(&whole, || "Nothing waits for the server; no file was written".to_owned());
    }
    write_whole(file, &bytes).map_err(|error| Failure::file(file, error))?;
    let whole = json!({ "changes": changes, "carried_frames": frames, "carried_receipts": receipts,
        "bytes": bytes.len() });
    output.show(&whole, || {
        let mut text = format!(
            "{} for the server in {} ({})",
            count(changes, "change"),
            file.display(),
            count(bytes.len(), "byte")
        );
        if frames + receipts > 0 {
            let (frames, receipts) = (count(frames, "frame"), count(receipts, "receipt"));
            let _ = write!(text, "; for other devices {frames} and {receipts}");
        }
        text
    })
}

/// Whether the file is absent, or a bundle that may give way to a new one.
fn may_write(file: &Path) -> io::Result<bool> {
    let known = match fs::metadata(file) {
        Ok(known) => known,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
    };
    let mut begins = Vec::new();
    if known.is_file() {
        File::open(file)?.take(3).read_to_end(&mut begins)?;
    }
    Ok(begins == MAGIC)
}

/// Writes beside the place and moves there at the end, so that a part is never taken for the whole.
fn write_whole(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut part = file.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let mut writing = File::create(&part)?;
    writing.write_all(bytes)?;
    writing.sync_all()?;
    fs::rename(&part, file)
}
