//! Bundle files.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use fieldmerge_sdk::types::date::format_moment;
use fieldmerge_sdk::{CarriedView, Device, Imported, OutboxState};
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
        Carry::Import { file } => import(device, output, &file).await,
        Carry::List => list(device, output).await,
    }
}

async fn import(device: &Device, output: &Output, file: &Path) -> Result<(), Failure> {
    let bytes = fs::read(file).map_err(|error| Failure::file(file, error))?;
    let Imported { frames, receipts, skipped, too_large, full } = device.import_bundle(bytes).await?;
    let whole = json!({ "frames": frames, "receipts": receipts, "skipped": skipped, "too_large": too_large,
        "full": full });
    output.show(&whole, || {
        let (frames, receipts) = (count(frames, "frame"), count(receipts, "receipt"));
        let mut text = format!("Carried from now on: {frames}. Applied: {receipts}.");
        if skipped > 0 {
            let _ = write!(text, " Left out, as not of this project: {}.", count(skipped, "part"));
        }
        if too_large > 0 {
            let large = count(too_large, "frame");
            let _ = write!(text, " Too large to be carried, their author has to bring them: {large}.");
        }
        if full > 0 {
            let full = count(full, "part");
            let _ = write!(
                text,
                " Left out, for this device carries all it may; sync, then take it again: {full}."
            );
        }
        text
    })
}

async fn list(device: &Device, output: &Output) -> Result<(), Failure> {
    let carried = device.carried().await;
    let row = |view: &CarriedView| {
        json!({ "device": view.device, "label": view.label, "frames": view.frames, "bytes": view.bytes,
            "since_ms": view.since_ms, "delivered": view.delivered, "refused": view.refused })
    };
    output.show(&json!(carried.iter().map(row).collect::<Vec<_>>()), || {
        if carried.is_empty() {
            return "Nothing is carried for other devices".to_owned();
        }
        carried.iter().map(line).collect::<Vec<_>>().join("\n")
    })
}

/// For whom, how much, since when, and what became of it.
fn line(view: &CarriedView) -> String {
    let mut text = view.label.clone().unwrap_or_else(|| view.device.to_string());
    if view.frames > 0 {
        let (frames, bytes) = (count(view.frames, "frame"), count(view.bytes, "byte"));
        let since = view.since_ms.and_then(format_moment);
        let since = since.map(|since| format!(" since {since}")).unwrap_or_default();
        let _ = write!(text, ": {frames} ({bytes}) to be delivered{since}");
    }
    if view.delivered > 0 {
        let _ = write!(text, "; {} received", count(view.delivered, "frame"));
    }
    for (code, frames) in &view.refused {
        let _ = write!(text, "; {} not taken ({code})", count(*frames, "frame"));
    }
    text
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
pub(super) fn may_write(file: &Path) -> io::Result<bool> {
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
pub(super) fn write_whole(file: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut part = file.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let mut writing = File::create(&part)?;
    writing.write_all(bytes)?;
    writing.sync_all()?;
    fs::rename(&part, file)
}
