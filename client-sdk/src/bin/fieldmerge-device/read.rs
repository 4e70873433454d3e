//! Commands that show, sync and carry.

use std::fmt::Write as _;

use fieldmerge_sdk::{CandidateView, CaseView, Device, ListQuery, Notice, OutboxState, Summary, SyncOptions};
use serde_json::json;

use super::Failure;
use super::arguments::Carry;
use super::text::{Output, json as value_json, plain, table};
use super::write::record_of;

/// A page of records.
pub async fn list(
    device: &Device,
    output: Output,
    record_type: Option<String>,
    limit: usize,
) -> Result<(), Failure> {
    let query = ListQuery { record_type, limit, ..ListQuery::default() };
    summaries(device, output, &device.records().list(&query).await).await;
    Ok(())
}

/// Records that a text finds.
pub async fn find(device: &Device, output: Output, text: &str) -> Result<(), Failure> {
    let hits = device.records().find(text, 50).await;
    let found: Vec<Summary> = hits.into_iter().map(|hit| hit.summary).collect();
    summaries(device, output, &found).await;
    Ok(())
}

async fn summaries(device: &Device, output: Output, list: &[Summary]) {
    let status = device.status().await;
    let records: Vec<_> = list
        .iter()
        .map(|one| {
            json!({ "record": one.record, "type": one.record_type, "area": status.area_code(one.feed.area),
                "title": one.title, "open_cases": one.open_cases, "pending": one.pending })
        })
        .collect();
    output.show(&json!({ "records": records }), || {
        let rows: Vec<Vec<String>> = list
            .iter()
            .map(|one| {
                let mut marks = Vec::new();
                if one.pending {
                    marks.push("not sent yet".to_owned());
                }
                if one.open_cases > 0 {
                    marks.push(format!("{} in conflict", one.open_cases));
                }
                vec![
                    one.record.to_string(),
                    one.record_type.to_string(),
                    status.area_code(one.feed.area),
                    one.title.clone(),
                    marks.join(", "),
                ]
            })
            .collect();
        table(&rows, "No record.")
    });
}

/// One record.
pub async fn show(device: &Device, output: Output, record: &str) -> Result<(), Failure> {
    let record = record_of(device, record).await?;
    let view = device.records().get(record).await;
    let view = view.ok_or_else(|| Failure::NotFound("this record is not on this device".to_owned()))?;
    let values: serde_json::Map<_, _> =
        view.values.iter().map(|value| (value.path.to_string(), value_json(&value.value))).collect();
    let cases: Vec<_> = view.cases.iter().map(case_json).collect();
    let entries: Vec<_> = view
        .entries
        .iter()
        .map(|entry| {
            let date = entry.entry.as_ref().map(|entry| entry.date().to_string());
            json!({ "n": entry.n, "subject": entry.subject, "date": date })
        })
        .collect();
    let whole = json!({ "record": record, "type": view.summary.record_type, "values": values, "cases": cases,
        "entries": entries });
    output.show(&whole, || {
        let mut rows: Vec<Vec<String>> = view
            .values
            .iter()
            .map(|value| {
                let beside: Vec<String> = value.beside.iter().map(plain).collect();
                let note =
                    if beside.is_empty() { String::new() } else { format!("beside {}", beside.join(", ")) };
                vec![value.path.to_string(), plain(&value.value), note]
            })
            .collect();
        rows.extend(view.entries.iter().map(|entry| {
            let subject = entry.subject.map_or_else(String::new, |subject| subject.to_string());
            let date = entry
                .entry
                .as_ref()
                .map_or_else(|| "unreadable".to_owned(), |entry| entry.date().to_string());
            vec![format!("e/{}", entry.n), date, subject]
        }));
        format!("{} {}\n{}", view.summary.record_type, view.summary.title, table(&rows, "It holds no value."))
    });
    Ok(())
}

fn case_json(case: &CaseView) -> serde_json::Value {
    let candidate = |one: &CandidateView| {
        json!({ "value": value_json(&one.value), "by": one.label, "device": one.actor.device(),
            "device_ms": one.device_ms, "received_ms": one.received_ms })
    };
    json!({
        "record": case.record, "type": case.record_type, "title": case.title, "field": case.path.as_str(),
        "open": case.open, "approvals": case.approvals, "may_decide": case.may_decide,
        "agreed": case.agreed.as_ref().map(value_json),
        "candidates": case.candidates.iter().map(candidate).collect::<Vec<_>>(),
        "decision": case.decision.as_ref().map(candidate),
    })
}

/// The conflicts that wait for a decision.
pub async fn conflicts(device: &Device, output: Output) -> Result<(), Failure> {
    let open = device.conflicts().await;
    output.show(&json!({ "conflicts": open.iter().map(case_json).collect::<Vec<_>>() }), || {
        let blocks: Vec<String> = open.iter().map(case_text).collect();
        if blocks.is_empty() { "No conflict waits for a decision.".to_owned() } else { blocks.join("\n\n") }
    });
    Ok(())
}

fn case_text(case: &CaseView) -> String {
    let agreed = case.agreed.as_ref().map_or_else(|| "nothing".to_owned(), plain);
    let rows: Vec<Vec<String>> = case
        .candidates
        .iter()
        .map(|one| {
            let by = one.label.clone().unwrap_or_else(|| one.actor.device().to_string());
            vec![format!("  {}", plain(&one.value)), format!("by {by}")]
        })
        .collect();
    let persons = if case.approvals > 1 { "two persons decide" } else { "one person decides" };
    let Some(title) = Some(&case.title).filter(|title| !title.is_empty()) else {
        return format!(
            "{} {}: used until decided {agreed}; {persons}\n{}",
            case.record,
            case.path,
            table(&rows, "")
        );
    };
    format!(
        "{title}, {} {}\n{}: used until decided {agreed}; {persons}\n{}",
        case.record_type,
        case.record,
        case.path,
        table(&rows, "")
    )
}

/// What has not left the device.
pub async fn outbox(device: &Device, output: Output) -> Result<(), Failure> {
    let outbox = device.outbox().await;
    let state = |state: &OutboxState| match state {
        OutboxState::Waiting => "waiting".to_owned(),
        OutboxState::Sent => "sent".to_owned(),
        OutboxState::Held => "held".to_owned(),
        OutboxState::Quarantined { code } => format!("quarantined: {code}"),
        OutboxState::Forked => "forked".to_owned(),
    };
    let changes: Vec<_> = outbox
        .changes
        .iter()
        .map(|one| {
            json!({ "number": one.number, "record": one.record, "type": one.record_type, "title": one.title,
                "state": state(&one.state) })
        })
        .collect();
    let whole = json!({ "changes": changes, "carried_frames": outbox.carried_frames });
    output.show(&whole, || {
        let rows: Vec<Vec<String>> = outbox
            .changes
            .iter()
            .map(|one| {
                vec![
                    one.number.to_string(),
                    state(&one.state),
                    one.record_type.to_string(),
                    one.title.clone(),
                ]
            })
            .collect();
        let mut text = table(&rows, "Everything written here has reached the server.");
        if outbox.carried_frames > 0 {
            let _ = write!(text, "\n{} frames of other devices are carried.", outbox.carried_frames);
        }
        text
    });
    Ok(())
}

/// What the device did on its own; shown once.
pub async fn notices(device: &Device, output: Output) -> Result<(), Failure> {
    let notices = device.notices().await;
    let list: Vec<_> = notices
        .iter()
        .map(
            |one| json!({ "code": one.code, "at_ms": one.at_ms, "count": one.count, "records": one.records }),
        )
        .collect();
    output.show(&json!({ "notices": list }), || {
        let lines: Vec<String> = notices.iter().map(notice_text).collect();
        if lines.is_empty() { "Nothing to tell.".to_owned() } else { lines.join("\n") }
    });
    for notice in &notices {
        device.mark_read(notice.number).await?;
    }
    Ok(())
}

fn notice_text(notice: &Notice) -> String {
    let count = notice.count;
    match notice.code.as_str() {
        "copy-found" => {
            "The server knows another copy of this device: a restored backup or a clone. This one writes \
                         under a new incarnation from now on."
                .to_owned()
        }
        "rewritten" => format!("{count} changes were written again on the records as they are now."),
        "server-restored" => format!("The server was restored; {count} changes are offered to it again."),
        "feed-withdrawn" => {
            format!("{count} records were taken off this device, which may not hold them any more.")
        }
        other => format!("{other}: {count}"),
    }
}

/// What the device knows of itself.
pub async fn status(device: &Device, output: Output) -> Result<(), Failure> {
    let status = device.status().await;
    let areas: Vec<_> = status.areas.iter().map(|area| area.code.clone()).collect();
    let enrolment = status.enrolment.as_ref();
    let whole = json!({
        "label": enrolment.map(|e| e.label.clone()), "project": enrolment.map(|e| e.project_code.clone()),
        "server": enrolment.map(|e| e.address.clone()), "records": status.records, "outbox": status.outbox,
        "areas": areas, "open_cases": status.open_cases, "clock_offset_ms": status.clock_offset_ms,
    });
    output.show(&whole, || match enrolment {
        None => "Not enrolled yet: fieldmerge-device enrol SERVER CODE".to_owned(),
        Some(enrolment) => format!(
            "{}, device {} of {} at {}\n{} records, {} changes not received yet, {} conflicts; areas: {}",
            enrolment.label,
            enrolment.number,
            enrolment.project_code,
            enrolment.address,
            status.records,
            status.outbox,
            status.open_cases,
            if areas.is_empty() { "none yet, sync first".to_owned() } else { areas.join(", ") },
        ),
    });
    Ok(())
}

/// Sends and reads.
pub async fn sync(device: &Device, output: Output) -> Result<(), Failure> {
    let app = Some(concat!("fieldmerge-device ", env!("CARGO_PKG_VERSION")).to_owned());
    let report = device.sync(SyncOptions { app, ..SyncOptions::default() }).await?;
    let whole = json!({
        "requests": report.requests, "bytes_up": report.bytes_up, "bytes_down": report.bytes_down,
        "sent": report.sent, "accepted": report.accepted, "held": report.held,
        "quarantined": report.quarantined, "received": report.received, "delivered": report.delivered,
        "repaired": report.repaired,
    });
    output.show(&whole, || {
        let mut text = format!(
            "{} changes accepted, {} received; {} bytes up, {} bytes down.",
            report.accepted, report.received, report.bytes_up, report.bytes_down
        );
        for (count, what) in [
            (report.held, "held by the server until what they depend on arrives"),
            (report.quarantined, "put aside by the server: see outbox"),
            (report.repaired, "written anew"),
            (report.delivered, "frames delivered for other devices"),
        ] {
            if count > 0 {
                let _ = write!(text, "\n{count} {what}.");
            }
        }
        text
    });
    Ok(())
}

/// Writes or takes a bundle file.
pub async fn carry(device: &Device, output: Output, carry: Carry) -> Result<(), Failure> {
    match carry {
        Carry::Export { file } => {
            let bytes = device.export_bundle().await?;
            std::fs::write(&file, &bytes)?;
            output.show(&json!({ "bytes": bytes.len() }), || format!("{} bytes written.", bytes.len()));
        }
        Carry::Import { file } => {
            let taken = device.import_bundle(std::fs::read(&file)?).await?;
            output.show(
                &json!({ "frames": taken.frames, "receipts": taken.receipts, "skipped": taken.skipped }),
                || {
                    format!(
                        "{} frames are carried from now on, {} receipts applied.",
                        taken.frames, taken.receipts
                    )
                },
            );
        }
    }
    Ok(())
}
