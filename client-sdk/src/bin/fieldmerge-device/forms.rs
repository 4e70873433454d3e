//! The forms on the device.

use fieldmerge_sdk::Device;
use serde_json::json;

use super::Failure;
use super::text::{Output, table};

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
