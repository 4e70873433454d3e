//! The forms on the device, and what the server found by their rules.

use fieldmerge_sdk::{Device, FindingView};
use serde_json::json;

use super::Failure;
use super::text::{Output, escaped, table};

/// The forms that the device asks by.
pub async fn forms(device: &Device, output: &Output) -> Result<(), Failure> {
    let forms = device.forms().await;
    let shown: Vec<_> = forms
        .iter()
        .map(|form| {
            json!({ "number": form.number, "id": form.id, "version": form.version, "title": form.title,
                "latest": form.latest })
        })
        .collect();
    output.show(&json!(shown), || {
        let latest = forms.iter().filter(|form| form.latest);
        let rows: Vec<_> = latest
            .map(|form| vec![form.id.to_string(), form.version.to_string(), form.title.clone()])
            .collect();
        table(&rows, "No form has come yet: `sync` brings those that are published.")
    })
}

/// What the server found wrong with what the device wrote.
pub async fn findings(device: &Device, language: &str, output: &Output) -> Result<(), Failure> {
    let found = device.findings(language).await;
    let shown: Vec<_> = found
        .iter()
        .map(|found| {
            json!({ "record": found.record, "path": found.path, "code": found.code, "form": found.form,
                "question": found.question, "message": found.message, "mended": found.is_mended })
        })
        .collect();
    output.show(&json!({ "findings": shown }), || {
        let text = |found: &FindingView| {
            let question = if found.question.is_empty() { &found.path } else { &found.question };
            let message = if found.message.is_empty() { &found.code } else { &found.message };
            let said = if found.is_mended { "mended here; the next syncs tell the server" } else { message };
            format!("{}\n  {}: {}", found.record, escaped(question), escaped(said))
        };
        let blocks: Vec<String> = found.iter().map(text).collect();
        if blocks.is_empty() {
            "The server found nothing wrong with what this device wrote.".to_owned()
        } else {
            blocks.join("\n")
        }
    })
}
