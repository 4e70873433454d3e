//! Commands that write. Each returns when what it wrote is on disk.

use std::collections::BTreeSet;
use std::sync::Arc;

use fieldmerge_sdk::types::RecordType;
use fieldmerge_sdk::types::date::Date;
use fieldmerge_sdk::types::entry::{AttendanceEntry, Entry, PayChannel, PaymentEntry};
use fieldmerge_sdk::{AreaId, Device, LogEntry, NewRecord, RecordEdit, RecordId, Settlement};
use serde_json::json;

use super::Failure;
use super::answers::{answer, answers, once, record_type as type_of};
use super::arguments::{How, Pay};
use super::text::Output;

/// Registers a worker.
pub async fn register(
    device: &Device,
    output: &Output,
    area: &str,
    values: &[String],
) -> Result<(), Failure> {
    create(device, output, "worker", area, None, values).await
}

/// Makes a record of any type.
pub async fn create(
    device: &Device,
    output: &Output,
    record_type: &str,
    area: &str,
    about: Option<&str>,
    values: &[String],
) -> Result<(), Failure> {
    let answers = answers(&*type_of(&device.types().await, record_type)?, values)?;
    let mut new = NewRecord::new(record_type, area_of(device, output, area).await?);
    if let Some(person) = about {
        new = new.about(record_of(device, person).await?);
    }
    for (path, value) in answers {
        new = new.set(path, value);
    }
    let record = device.records().create(new).await?;
    output.show(&json!({ "record": record }), || record.to_string())
}

/// Changes a record.
pub async fn edit(
    device: &Device,
    output: &Output,
    record: &str,
    values: &[String],
    add: &[String],
    remove: &[String],
) -> Result<(), Failure> {
    let record = record_of(device, record).await?;
    let kind = kind_of(device, record).await?;
    let mut edit = RecordEdit::new(record);
    let answers = answers(&kind, values)?;
    let sets = add.iter().chain(remove).map(String::as_str);
    once(answers.iter().map(|(path, _)| path.as_str()).chain(sets))?;
    for (path, value) in answers {
        edit = edit.set(path, value);
    }
    for member in add {
        let (path, value) = answer(&kind, &format!("{member}=true"))?;
        edit = edit.set(path, value);
    }
    for member in remove {
        let (set, code) = member
            .split_once('/')
            .ok_or_else(|| Failure::Usage(format!("{member} is not SET/CODE, such as languages/mlg")))?;
        edit = edit.remove(set, code);
    }
    device.records().edit(edit).await?;
    output.show(&json!({ "record": record }), || "Saved.".to_owned())
}

/// Logs a day of several workers.
pub async fn attend(
    device: &Device,
    output: &Output,
    area: &str,
    date: &str,
    workers: &[String],
    fraction: f64,
    absent: bool,
) -> Result<(), Failure> {
    let day = day(date)?;
    let quarters =
        [0.25, 0.5, 0.75, 1.0].iter().zip(1_u8..).find(|(part, _)| (**part - fraction).abs() < 1e-9);
    let (_, quarters) =
        quarters.ok_or_else(|| Failure::Usage("a fraction is 0.25, 0.5, 0.75 or 1".to_owned()))?;
    let subjects = each_once(device, workers).await?;
    let area = area_of(device, output, area).await?;
    let mut sheet = Vec::with_capacity(subjects.len());
    for subject in subjects {
        let entry = if absent {
            AttendanceEntry::absent(0, day, None)
        } else {
            AttendanceEntry::present(0, day, quarters)
        };
        sheet.push(LogEntry { subject, entry: Entry::Attendance(entry) });
    }
    logged(output, &device.add_entries(area, sheet).await?)
}

/// The workers of a sheet, on which nobody stands twice.
async fn each_once(device: &Device, workers: &[String]) -> Result<Vec<RecordId>, Failure> {
    let (mut subjects, mut seen) = (Vec::with_capacity(workers.len()), BTreeSet::new());
    for worker in workers {
        let subject = record_of(device, worker).await?;
        if !seen.insert(subject) {
            return Err(Failure::Usage(format!("{worker} is on this sheet twice")));
        }
        subjects.push(subject);
    }
    Ok(subjects)
}

/// Logs a payment in cash.
pub async fn pay(device: &Device, output: &Output, pay: &Pay) -> Result<(), Failure> {
    let area = area_of(device, output, &pay.area).await?;
    let (period_start, period_end) = (day(&pay.from)?, day(&pay.to)?);
    let paid_on = pay.on.as_deref().map(day).transpose()?.unwrap_or(period_end);
    let entry = PaymentEntry {
        person: 0,
        period_start,
        period_end,
        gross: pay.amount,
        deductions: 0,
        deduction_reason: None,
        paid_on,
        channel: PayChannel::Cash,
        confirmed: None,
        reverses: None,
    };
    let subject = record_of(device, &pay.worker).await?;
    logged(output, &[device.add_entry(area, LogEntry { subject, entry: Entry::Payment(entry) }).await?])
}

fn logged(output: &Output, entries: &[(RecordId, u64)]) -> Result<(), Failure> {
    let list: Vec<_> = entries.iter().map(|(log, n)| json!({ "log": log, "n": n })).collect();
    output.show(&json!({ "entries": list }), || {
        let what = if entries.len() == 1 { "entry" } else { "entries" };
        format!("{} {what} logged.", entries.len())
    })
}

/// Decides an open conflict, or proposes a value for it.
pub async fn judge(
    device: &Device,
    output: &Output,
    (record, field): (&str, &str),
    value: &str,
    reason: &str,
    proposes: bool,
) -> Result<(), Failure> {
    if reason.trim().is_empty() {
        return Err(Failure::Usage("say why: --reason needs a sentence".to_owned()));
    }
    let record = record_of(device, record).await?;
    let open = device.conflicts().await;
    let seen =
        open.iter().find(|case| case.record == record && case.path.as_str() == field).ok_or_else(|| {
            Failure::NotFound("no conflict about this field of this record waits on this device".to_owned())
        })?;
    let kind = kind_of(device, record).await?;
    let (_, value) = answer(&kind, &format!("{field}={value}"))?;
    if proposes {
        device.propose(seen, value, reason).await?;
    } else {
        device.decide(seen, value, reason).await?;
    }
    output.show(&json!({ "record": record, "field": field }), || "Saved.".to_owned())
}

/// Gives a change up, or writes it again.
pub async fn settle(device: &Device, output: &Output, number: u64, how: How) -> Result<(), Failure> {
    let how = match how {
        How::Dismiss => Settlement::Dismiss,
        How::Repair => Settlement::Repair,
    };
    device.settle(number, how).await?;
    output.show(&json!({ "number": number }), || "Settled.".to_owned())
}

/// The record of an id, or the only one that a search finds.
pub async fn record_of(device: &Device, text: &str) -> Result<RecordId, Failure> {
    if let Ok(record) = text.parse() {
        return Ok(record);
    }
    let hits = device.records().find(text, 2).await;
    match &hits[..] {
        [one] => Ok(one.summary.record),
        [] => Err(Failure::NotFound("no record on this device has this id, name or number".to_owned())),
        _ => Err(Failure::Usage("several records match; say more, or name it by its id".to_owned())),
    }
}

async fn kind_of(device: &Device, record: RecordId) -> Result<Arc<RecordType>, Failure> {
    let view = device.records().get(record).await;
    let view = view.ok_or_else(|| Failure::NotFound("this record is not on this device".to_owned()))?;
    let types = device.types().await;
    types
        .find(&view.summary.record_type)
        .map(Arc::clone)
        .ok_or_else(|| Failure::Usage("this version does not know the record's type".to_owned()))
}

pub async fn area_of(device: &Device, output: &Output, code: &str) -> Result<AreaId, Failure> {
    let status = device.status().await;
    if status.enrolment.is_none() {
        let program = &output.program;
        return Err(Failure::Usage(format!("this device is not enrolled: {program} enrol SERVER CODE")));
    }
    let found = status.areas.iter().find(|area| area.code == code);
    found.map(|area| area.area).ok_or_else(|| {
        let codes: Vec<&str> = status.areas.iter().map(|area| area.code.as_str()).collect();
        let known = if codes.is_empty() { "none yet; `sync` first".to_owned() } else { codes.join(", ") };
        Failure::NotFound(format!("the device knows no area {code}; it knows {known}"))
    })
}

fn day(text: &str) -> Result<Date, Failure> {
    text.parse().map_err(|_| Failure::Usage(format!("{text} is not a day such as 2026-03-02")))
}

/// Refuses a field that holds no attachment.
pub async fn attachment_field(device: &Device, record: RecordId, field: &str) -> Result<(), Failure> {
    let kind = kind_of(device, record).await?;
    if kind.attachment_fields.iter().any(|known| known == field) {
        return Ok(());
    }
    let (name, fields) = (&kind.name, kind.attachment_fields.join(", "));
    Err(Failure::Usage(match kind.attachment_fields.as_slice() {
        [] => format!("{name} has no field for files; identity has photo"),
        _ => format!("{name} has no field {field} for files; it has {fields}"),
    }))
}
