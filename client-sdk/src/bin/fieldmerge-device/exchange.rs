//! Files between two devices that meet without a network.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use fieldmerge_sdk::{Device, DeviceId, Status, Taken};
use serde_json::json;

use super::Failure;
use super::arguments::Exchange;
use super::carry::{may_write, write_whole};
use super::text::{Output, count, escaped};

/// Writes or takes a file.
pub async fn exchange(device: &Device, output: &Output, exchange: Exchange) -> Result<(), Failure> {
    match exchange {
        Exchange::Give { to, file } => give(device, output, &to, &file).await,
        Exchange::Take { file } => {
            let bytes = fs::read(&file).map_err(|error| Failure::file(&file, error))?;
            let taken = device.take_exchange(bytes).await?;
            let whole = json!({ "frames": taken.frames, "changes": taken.changes, "waiting": taken.waiting,
                "not_shown": taken.unmerged, "roster_expired": taken.roster_expired, "receipts": taken.receipts,
                "skipped": taken.skipped });
            output.show(&whole, || told(&taken))
        }
    }
}

async fn give(device: &Device, output: &Output, to: &str, file: &Path) -> Result<(), Failure> {
    if !may_write(file).map_err(|error| Failure::file(file, error))? {
        let file = file.display();
        return Err(Failure::Usage(format!("{file} exists and is not a bundle; name another file")));
    }
    let (receiver, label) = named(device, to).await?;
    let given = device.exchange_for(receiver).await?;
    if given.frames + given.receipts == 0 {
        let whole = json!({ "frames": 0, "receipts": 0, "left_out": 0, "bytes": 0 });
        return output
            .show(&whole, || format!("There is nothing for {}; no file was written.", escaped(&label)));
    }
    write_whole(file, &given.bytes).map_err(|error| Failure::file(file, error))?;
    let whole = json!({ "frames": given.frames, "receipts": given.receipts, "left_out": given.left_out,
        "bytes": given.bytes.len(), "to": receiver });
    output.show(&whole, || {
        let mut text = format!(
            "{} for {} in {} ({}).",
            count(given.frames, "frame"),
            escaped(&label),
            file.display(),
            count(given.bytes.len(), "byte")
        );
        if given.left_out > 0 {
            let _ = write!(text, " There was no room for {}: sync soon.", count(given.left_out, "frame"));
        }
        text
    })
}

/// The other devices of the project, whole and in a line.
pub(super) fn others(status: &Status) -> (Vec<serde_json::Value>, String) {
    let own = status.enrolment.as_ref().map(|enrolment| enrolment.device);
    let others = || status.devices.iter().filter(|known| Some(known.device) != own);
    let labels: Vec<String> =
        others().map(|known| format!("{} {}", known.number, escaped(&known.label))).collect();
    let whole = others().map(|known| json!({ "number": known.number, "label": known.label })).collect();
    (whole, if labels.is_empty() { "none".to_owned() } else { labels.join(", ") })
}

/// The device of this label, number or id.
async fn named(device: &Device, name: &str) -> Result<(DeviceId, String), Failure> {
    let known = device.status().await.devices;
    let fits = known.iter().filter(|known| {
        known.label.eq_ignore_ascii_case(name)
            || known.number.to_string() == name
            || known.device.to_string().eq_ignore_ascii_case(name)
    });
    match fits.collect::<Vec<_>>()[..] {
        [one] => Ok((one.device, one.label.clone())),
        [] => {
            Err(Failure::NotFound(format!("no device of the project is called {name}; `status` lists them")))
        }
        _ => Err(Failure::Usage(format!("several devices are called {name}; give the number"))),
    }
}

fn told(taken: &Taken) -> String {
    let changes = count(usize::try_from(taken.changes).unwrap_or(usize::MAX), "change");
    let mut text = format!(
        "Shown from now on, not yet confirmed by the server: {changes}. Carried to the server: {}.",
        count(taken.frames, "frame")
    );
    if taken.waiting > 0 {
        let frames = count(taken.waiting, "frame");
        let _ = write!(text, " {frames} will be shown when what came before has arrived.");
    }
    if taken.roster_expired {
        let _ = write!(text, " What this device knows of others is too old to show them: sync.");
    } else if taken.unmerged > 0 {
        let _ = write!(text, " Carried and not shown: {}.", count(taken.unmerged, "frame"));
    }
    if taken.receipts > 0 {
        let _ = write!(text, " The server has {} of this device.", count(taken.receipts, "frame"));
    }
    if taken.skipped > 0 {
        let _ = write!(text, " Left out: {}.", count(taken.skipped, "part"));
    }
    text
}
