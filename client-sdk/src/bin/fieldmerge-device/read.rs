//! Commands that show, sync and carry.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use fieldmerge_sdk::types::entry::{AttendanceStatus, Entry, WireCode};
use fieldmerge_sdk::{
    Advice, Device, EntryView, ListQuery, Notice, OutboxState, Outgoing, RecordId, RecordView, Summary,
    SyncEnd, SyncOptions,
};
use serde_json::json;

use super::Failure;
use super::answers::record_type as type_of;
use super::cases::{candidates, case_json};
use super::exchange::others;
use super::text::{Output, count, escaped, json as value_json, plain, table};
use super::write::record_of;

/// The most records that a search shows.
const MAX_FOUND: usize = 50;

/// What stands beside what another device gave.
const PROVISIONAL: &str = "from another device, not confirmed yet";

/// A page of records.
pub async fn list(
    device: &Device,
    output: &Output,
    record_type: Option<String>,
    limit: usize,
) -> Result<(), Failure> {
    if let Some(name) = &record_type {
        type_of(&device.types().await, name)?;
    }
    let query = ListQuery { record_type, limit: usize::MAX, ..ListQuery::default() };
    let mut list = device.records().list(&query).await;
    let more = if limit == 0 { 0 } else { list.len().saturating_sub(limit) };
    list.truncate(list.len() - more);
    let hint = (more > 0).then(|| format!("{more} more; --limit 0 shows all"));
    summaries(device, output, &list, hint).await
}

/// Records that a text finds.
pub async fn find(device: &Device, output: &Output, text: &str) -> Result<(), Failure> {
    let hits = device.records().find(text, MAX_FOUND + 1).await;
    let mut found: Vec<Summary> = hits.into_iter().map(|hit| hit.summary).collect();
    let hint =
        (found.len() > MAX_FOUND).then(|| "There are more; say more of the name or number.".to_owned());
    found.truncate(MAX_FOUND);
    summaries(device, output, &found, hint).await
}

async fn summaries(
    device: &Device,
    output: &Output,
    list: &[Summary],
    hint: Option<String>,
) -> Result<(), Failure> {
    let status = device.status().await;
    let records: Vec<_> = list
        .iter()
        .map(|one| {
            json!({ "record": one.record, "type": one.record_type, "area": status.area_code(one.feed.area),
                "title": one.title, "open_cases": one.open_cases, "pending": one.pending,
                "provisional": one.provisional })
        })
        .collect();
    output.show(&json!({ "records": records, "complete": hint.is_none() }), || {
        let rows: Vec<Vec<String>> = list
            .iter()
            .map(|one| {
                let mut marks = Vec::new();
                if one.pending {
                    marks.push("not confirmed yet".to_owned());
                }
                if one.provisional {
                    marks.push("from another device".to_owned());
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
        let table = table(&rows, "No record.");
        hint.map_or_else(|| table.clone(), |hint| format!("{table}\n{hint}"))
    })
}

/// One record.
pub async fn show(device: &Device, output: &Output, record: &str) -> Result<(), Failure> {
    let record = record_of(device, record).await?;
    let view = device.records().get(record).await;
    let view = view.ok_or_else(|| Failure::NotFound("this record is not on this device".to_owned()))?;
    let values: serde_json::Map<_, _> =
        view.values.iter().map(|value| (value.path.to_string(), value_json(&value.value))).collect();
    let cases: Vec<_> = view.cases.iter().map(case_json).collect();
    let workers = workers(device, &view).await;
    let worker =
        |entry: &EntryView| entry.subject.and_then(|subject| workers.get(&subject).map(String::as_str));
    let entries: Vec<_> = view.entries.iter().map(|entry| entry_json(entry, worker(entry))).collect();
    let provisional: Vec<_> =
        view.values.iter().filter(|value| value.provisional).map(|value| value.path.to_string()).collect();
    let whole = json!({ "record": record, "type": view.summary.record_type, "values": values, "cases": cases,
        "entries": entries, "provisional": provisional });
    output.show(&whole, || {
        let mut rows: Vec<Vec<String>> = view
            .values
            .iter()
            .map(|value| {
                let conflict = view.cases.iter().find(|case| case.open && case.path == value.path);
                let (shown, mut note) = match conflict {
                    Some(case) => (case.agreed.as_ref(), format!("in conflict: {}", candidates(case))),
                    None if value.beside.is_empty() => (Some(&value.value), String::new()),
                    None => {
                        let beside: Vec<String> = value.beside.iter().map(plain).collect();
                        (Some(&value.value), format!("beside {}", beside.join(", ")))
                    }
                };
                if value.provisional {
                    let before = if note.is_empty() { note } else { note + "; " };
                    note = before + PROVISIONAL;
                }
                vec![value.path.to_string(), shown.map(plain).unwrap_or_default(), note]
            })
            .collect();
        rows.extend(view.entries.iter().map(|entry| entry_row(entry, worker(entry))));
        let title = escaped(&view.summary.title);
        format!("{} {title}\n{}", view.summary.record_type, table(&rows, "It holds no value."))
    })
}

/// Name and number of everyone whom the entries of a log are about.
async fn workers(device: &Device, view: &RecordView) -> BTreeMap<RecordId, String> {
    let subjects: BTreeSet<RecordId> = view.entries.iter().filter_map(|entry| entry.subject).collect();
    let mut workers = BTreeMap::new();
    for subject in subjects {
        let found = device.records().get(subject).await;
        let title = found.map(|worker| worker.summary.title).filter(|title| !title.is_empty());
        workers.insert(subject, title.unwrap_or_else(|| subject.to_string()));
    }
    workers
}

fn entry_json(entry: &EntryView, worker: Option<&str>) -> serde_json::Value {
    let date = entry.entry.as_ref().map(|entry| entry.date().to_string());
    let mut whole = json!({ "n": entry.n, "subject": entry.subject, "worker": worker, "date": date,
        "by": entry.label, "device_ms": entry.device_ms, "provisional": entry.provisional });
    let logged = match &entry.entry {
        Some(Entry::Attendance(day)) => {
            json!({ "status": day.status.code(), "fraction": f64::from(day.quarters) / 4.0 })
        }
        Some(Entry::Payment(pay)) => {
            json!({ "amount": pay.gross, "deductions": pay.deductions, "net": pay.net(),
            "from": pay.period_start.to_string(), "to": pay.period_end.to_string() })
        }
        _ => json!({}),
    };
    if let (Some(whole), serde_json::Value::Object(logged)) = (whole.as_object_mut(), logged) {
        whole.extend(logged);
    }
    whole
}

fn entry_row(entry: &EntryView, worker: Option<&str>) -> Vec<String> {
    let number = format!("e/{}", entry.n);
    let Some(logged) = &entry.entry else {
        return vec![number, "unreadable".to_owned()];
    };
    let mut what = match logged {
        Entry::Attendance(day) => match (day.status, day.quarters) {
            (AttendanceStatus::Present, 4) => "present, a whole day".to_owned(),
            (AttendanceStatus::Present, part) => format!("present, {} of a day", f64::from(part) / 4.0),
            (AttendanceStatus::Absent, _) => "absent".to_owned(),
            (AttendanceStatus::Stopped, _) => "the site stood still".to_owned(),
        },
        Entry::Payment(pay) if pay.deductions != 0 => {
            format!("{} less {} for {} to {}", pay.gross, pay.deductions, pay.period_start, pay.period_end)
        }
        Entry::Payment(pay) => format!("{} for {} to {}", pay.gross, pay.period_start, pay.period_end),
        Entry::Childcare(_) => "children in care".to_owned(),
        Entry::Training(_) => "training".to_owned(),
    };
    if let Some(before) = logged.replaces() {
        let _ = write!(what, ", in place of e/{}", before.n);
    }
    let by = entry.label.as_deref().map_or_else(|| entry.actor.to_string(), str::to_owned);
    vec![
        number,
        logged.date().to_string(),
        worker.unwrap_or_default().to_owned(),
        what,
        format!("by {}", escaped(&by)),
        if entry.provisional { PROVISIONAL.to_owned() } else { String::new() },
    ]
}

/// What has not left the device.
pub async fn outbox(device: &Device, output: &Output) -> Result<(), Failure> {
    let outbox = device.outbox().await;
    let changes: Vec<_> = outbox
        .changes
        .iter()
        .map(|one| {
            json!({ "number": one.number, "record": one.record, "type": one.record_type, "title": one.title,
                "state": state_code(&one.state), "advice": advice_code(one.state.advice()) })
        })
        .collect();
    let whole = json!({ "changes": changes, "carried_frames": outbox.carried_frames,
        "provisional": outbox.provisional });
    output.show(&whole, || {
        let rows: Vec<Vec<String>> = outbox
            .changes
            .iter()
            .map(|one| {
                vec![
                    one.number.to_string(),
                    one.record_type.to_string(),
                    one.title.clone(),
                    state_text(one, output),
                ]
            })
            .collect();
        let mut text = table(&rows, "Everything written here has reached the server.");
        if outbox.carried_frames > 0 {
            let _ = write!(text, "\nCarried for other devices: {}.", count(outbox.carried_frames, "frame"));
        }
        if outbox.provisional > 0 {
            let changes = count(outbox.provisional, "change");
            let _ = write!(text, "\nShown from other devices and not confirmed yet: {changes}.");
        }
        text
    })
}

/// The state of a change, for programs.
fn state_code(state: &OutboxState) -> String {
    match state {
        OutboxState::Waiting => "waiting".to_owned(),
        OutboxState::Sent => "sent".to_owned(),
        OutboxState::Held => "held".to_owned(),
        OutboxState::Quarantined { code } => format!("quarantined: {code}"),
        OutboxState::Withdrawn => "withdrawn".to_owned(),
        OutboxState::Forked => "forked".to_owned(),
    }
}

/// What a person can do, for programs.
fn advice_code(advice: Advice) -> &'static str {
    match advice {
        Advice::Sync => "sync",
        Advice::Wait => "wait",
        Advice::AskHeadquarters => "ask-headquarters",
        Advice::WriteAgain => "write-again",
    }
}

/// The state of a change, and what a person can do about it.
fn state_text(one: &Outgoing, output: &Output) -> String {
    let settle = format!("{} settle {}", output.program, one.number);
    let ways = format!("`{settle} repair` writes it again, `{settle} dismiss` gives it up.");
    match &one.state {
        OutboxState::Waiting => "waiting".to_owned(),
        OutboxState::Sent => "not confirmed yet".to_owned(),
        OutboxState::Held => format!("The server holds it until what it builds on arrives. {ways}"),
        OutboxState::Quarantined { code } if one.state.advice() == Advice::AskHeadquarters => format!(
            "The server has put it aside ({code}). Ask headquarters: once they take it, `sync` hears of it. {ways}"
        ),
        OutboxState::Quarantined { code } => format!("The server has put it aside ({code}). {ways}"),
        OutboxState::Withdrawn => "`sync` asks the server for it, then does what you chose.".to_owned(),
        OutboxState::Forked => {
            "Another copy of this device wrote in its place; `sync` writes it again, there is nothing to settle."
                .to_owned()
        }
    }
}

/// What the device did on its own; shown once.
pub async fn notices(device: &Device, output: &Output) -> Result<(), Failure> {
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
    })?;
    for notice in &notices {
        device.mark_read(notice.number).await?;
    }
    Ok(())
}

fn notice_text(notice: &Notice) -> String {
    let number = notice.count;
    match notice.code.as_str() {
        "copy-found" => {
            "The server knows another copy of this device: a restored backup or a clone. This one writes \
                         under a new incarnation from now on."
                .to_owned()
        }
        "rewritten" => format!("Written again on the records as they are now: {}.", count(number, "change")),
        "server-restored" => {
            format!("The server was restored; offered to it again: {}.", count(number, "change"))
        }
        "feed-withdrawn" => {
            let records = count(number, "record");
            format!("Taken off this device, which may not hold them any more: {records}.")
        }
        "not-confirmed" => {
            let changes = count(number, "change");
            format!("Taken out again, for the server did not take what another device had given: {changes}.")
        }
        other => format!("{other}: {number}"),
    }
}

/// What the device knows of itself.
pub async fn status(device: &Device, output: &Output) -> Result<(), Failure> {
    let status = device.status().await;
    let areas: Vec<_> = status.areas.iter().map(|area| area.code.clone()).collect();
    let enrolment = status.enrolment.as_ref();
    let (others, named) = others(&status);
    let whole = json!({
        "label": enrolment.map(|e| e.label.clone()), "project": enrolment.map(|e| e.project_code.clone()),
        "server": enrolment.map(|e| e.address.clone()), "records": status.records, "outbox": status.outbox,
        "attachments_waiting": status.attachments_waiting,
        "attachment_bytes_waiting": status.attachment_bytes_waiting, "areas": areas,
        "open_cases": status.open_cases, "clock_offset_ms": status.clock_offset_ms, "other_devices": others,
    });
    output.show(&whole, || match enrolment {
        None => format!("Not enrolled yet: {} enrol SERVER CODE", output.program),
        Some(enrolment) => format!(
            "{}, device {} of {} at {}\n{}, {} not confirmed yet, {} not sent yet, {}; areas: {}\nOther devices: {}",
            escaped(&enrolment.label),
            enrolment.number,
            enrolment.project_code,
            enrolment.address,
            count(status.records, "record"),
            count(status.outbox, "change"),
            count(status.attachments_waiting, "attachment"),
            count(status.open_cases, "conflict"),
            if areas.is_empty() { "none yet, sync first".to_owned() } else { areas.join(", ") },
            named,
        ),
    })
}

/// Sends and reads.
pub async fn sync(device: &Device, output: &Output, spend_bytes: Option<u64>) -> Result<(), Failure> {
    let app = Some(concat!("fieldmerge-device ", env!("CARGO_PKG_VERSION")).to_owned());
    let report = device.sync(SyncOptions { app, spend_bytes, ..SyncOptions::default() }).await?;
    let whole = json!({
        "requests": report.requests, "bytes_up": report.bytes_up, "bytes_down": report.bytes_down,
        "sent": report.sent, "accepted": report.accepted, "held": report.held,
        "quarantined": report.quarantined, "received": report.received, "delivered": report.delivered,
        "repaired": report.repaired, "spent": report.end == SyncEnd::Spent,
        "attachments_sent": report.attachments_sent,
        "attachments_received": report.attachments_received, "attachment_bytes": report.attachment_bytes,
    });
    output.show(&whole, || {
        let mut text = format!(
            "{} accepted, {} received; {} up, {} down.",
            count(report.accepted, "change"),
            report.received,
            count(report.bytes_up, "byte"),
            count(report.bytes_down, "byte")
        );
        for (number, thing, what) in [
            (report.held, "change", "held by the server until what they depend on arrives"),
            (report.quarantined, "change", "put aside by the server; `outbox` shows what to do"),
            (report.repaired, "change", "written anew"),
            (report.delivered, "frame", "delivered for other devices"),
            (report.attachments_sent, "attachment", "sent"),
            (report.attachments_received, "attachment", "fetched"),
        ] {
            if number > 0 {
                let _ = write!(text, "\n{} {what}.", count(number, thing));
            }
        }
        if report.end == SyncEnd::Spent {
            text.push_str("\nMore waits: these were the bytes that this sync might cost.");
        }
        text
    })
}
