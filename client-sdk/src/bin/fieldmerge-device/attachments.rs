//! Attachments: photos, mostly.

use std::path::Path;

use fieldmerge_sdk::{AttachmentHash, AttachmentState, AttachmentView, Device, RecordEdit, SyncOptions};
use serde_json::json;
use tokio::fs::{self, File};

use super::Failure;
use super::arguments::Attach;
use super::text::{Output, count, escaped, table};
use super::write::{attachment_field, record_of};

/// Puts a file into a field of a record.
pub async fn attach(device: &Device, output: &Output, given: &Attach) -> Result<(), Failure> {
    let record = record_of(device, &given.record).await?;
    attachment_field(device, record, &given.field).await?;
    // Both are looked for before anything is kept.
    let photo = open(&given.file).await?;
    let thumbnail = match &given.thumbnail {
        Some(file) => Some(open(file).await?),
        None => None,
    };
    let photo = device.attach_from(photo).await?;
    let thumbnail = match thumbnail {
        Some(file) => Some(device.attach_from(file).await?),
        None => None,
    };
    device.records().edit(RecordEdit::new(record).photo(&given.field, photo, thumbnail)).await?;
    output
        .show(&json!({ "record": record, "attachment": photo, "thumbnail": thumbnail }), || photo.to_string())
}

/// A file to be attached.
pub async fn open(file: &Path) -> Result<File, Failure> {
    File::open(file).await.map_err(|error| Failure::file(file, error))
}

/// Every attachment that the device has or knows of.
pub async fn list(device: &Device, output: &Output) -> Result<(), Failure> {
    let attachments = device.attachments().await;
    let list: Vec<_> = attachments
        .iter()
        .map(|one| {
            json!({ "attachment": one.hash, "bytes": one.bytes, "thumbnail": one.thumbnail, "here": one.is_here(),
                "state": code(&one.state), "records": one.records })
        })
        .collect();
    output.show(&json!({ "attachments": list }), || {
        let rows: Vec<Vec<String>> = attachments.iter().map(row).collect();
        table(&rows, "No attachment.")
    })
}

fn row(one: &AttachmentView) -> Vec<String> {
    let what = if one.thumbnail { "thumbnail" } else { "original" };
    let bytes = one.bytes.map_or_else(|| "size unknown".to_owned(), |bytes| count(bytes, "byte"));
    let state = match &one.state {
        AttachmentState::Unnamed => "in no record; goes after a day".to_owned(),
        AttachmentState::Waiting => "waits to be sent".to_owned(),
        AttachmentState::Kept => "here, and at the server".to_owned(),
        AttachmentState::Absent => "not here; `fetch` brings it".to_owned(),
        AttachmentState::Expected => "comes with the next syncs".to_owned(),
        AttachmentState::Refused { code } => format!("the server does not take it ({code}); attach another"),
    };
    vec![one.hash.to_string(), what.to_owned(), bytes, state]
}

/// The state of an attachment, for programs.
fn code(state: &AttachmentState) -> String {
    match state {
        AttachmentState::Unnamed => "unnamed".to_owned(),
        AttachmentState::Waiting => "waiting".to_owned(),
        AttachmentState::Kept => "kept".to_owned(),
        AttachmentState::Absent => "absent".to_owned(),
        AttachmentState::Expected => "expected".to_owned(),
        AttachmentState::Refused { code } => format!("refused: {code}"),
    }
}

/// Writes an attachment into a file; fetches it before, if it is not here.
pub async fn fetch(device: &Device, output: &Output, hash: &str, to: &Path) -> Result<(), Failure> {
    let hash: AttachmentHash = hash.parse().map_err(|_| {
        Failure::Usage(
            "an attachment is named by 64 hexadecimal digits, which `attachments` shows".to_owned(),
        )
    })?;
    if fs::try_exists(to).await.unwrap_or(true) {
        return Err(Failure::Usage(format!("{} exists; name another file", to.display())));
    }
    if device.attachment_file(hash).await.is_none() {
        device.want(hash).await?;
        device.sync(SyncOptions { attachment_bytes: Some(u64::MAX), ..SyncOptions::default() }).await?;
    }
    let from = device.attachment_file(hash).await.ok_or_else(|| {
        Failure::NotFound(
            "the server does not have this attachment yet; it is asked again by each sync".to_owned(),
        )
    })?;
    let bytes = fs::copy(&from, to).await.map_err(|error| Failure::file(to, error))?;
    output.show(&json!({ "attachment": hash, "bytes": bytes }), || {
        format!("{} in {}", count(bytes, "byte"), escaped(&to.display().to_string()))
    })
}
