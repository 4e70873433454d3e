//! Commands that write. Each returns when what it wrote is on disk.

use fieldmerge_model::typed;
use fieldmerge_sdk::types::date::Date;
use fieldmerge_sdk::types::entry::{AttendanceEntry, Entry, PayChannel, PaymentEntry};
use fieldmerge_sdk::types::{self, RecordType};
use fieldmerge_sdk::{AreaId, Device, LogEntry, NewRecord, RecordEdit, RecordId, Settlement, Value};
use serde_json::json;

use super::Failure;
use super::arguments::{How, Pay};
use super::text::Output;

/// Registers a worker.
pub async fn register(device: &Device, output: Output, area: &str, values: &[String]) -> Result<(), Failure> {
    create(device, output, "worker", area, None, values).await
}

/// Makes a record of any type.
pub async fn create(
    device: &Device,
    output: Output,
    record_type: &str,
    area: &str,
    about: Option<&str>,
    values: &[String],
) -> Result<(), Failure> {
    let kind = types::record_type(record_type).ok_or_else(|| {
        let names: Vec<&str> = types::record_types().iter().map(|kind| kind.name).collect();
        Failure::Usage(format!("there is no record type {record_type}; there are {}", names.join(", ")))
    })?;
    let mut new = NewRecord::new(record_type, area_of(device, area).await?);
    if let Some(person) = about {
        new = new.about(record_of(device, person).await?);
    }
    for (path, value) in answers(kind, values)? {
        new = new.set(path, value);
    }
    let record = device.records().create(new).await?;
    output.show(&json!({ "record": record }), || record.to_string());
    Ok(())
}

/// Changes a record.
pub async fn edit(
    device: &Device,
    output: Output,
    record: &str,
    values: &[String],
    add: &[String],
    remove: &[String],
) -> Result<(), Failure> {
    let record = record_of(device, record).await?;
    let kind = kind_of(device, record).await?;
    let mut edit = RecordEdit::new(record);
    for (path, value) in answers(kind, values)? {
        edit = edit.set(path, value);
    }
    for member in add {
        edit = edit.set(member.as_str(), true);
    }
    for member in remove {
        let (set, code) = member
            .split_once('/')
            .ok_or_else(|| Failure::Usage(format!("{member} is not SET/CODE, such as languages/mlg")))?;
        edit = edit.remove(set, code);
    }
    device.records().edit(edit).await?;
    output.show(&json!({ "record": record }), || "Saved.".to_owned());
    Ok(())
}

/// Logs a day of several workers.
pub async fn attend(
    device: &Device,
    output: Output,
    area: &str,
    date: &str,
    workers: &[String],
    fraction: f64,
    absent: bool,
) -> Result<(), Failure> {
    let area = area_of(device, area).await?;
    let day = day(date)?;
    let quarters =
        [0.25, 0.5, 0.75, 1.0].iter().zip(1_u8..).find(|(part, _)| (**part - fraction).abs() < 1e-9);
    let (_, quarters) =
        quarters.ok_or_else(|| Failure::Usage("a fraction is 0.25, 0.5, 0.75 or 1".to_owned()))?;
    let mut sheet = Vec::with_capacity(workers.len());
    for worker in workers {
        let entry = if absent {
            AttendanceEntry::absent(0, day, None)
        } else {
            AttendanceEntry::present(0, day, quarters)
        };
        sheet.push(LogEntry { subject: record_of(device, worker).await?, entry: Entry::Attendance(entry) });
    }
    logged(output, &device.add_entries(area, sheet).await?);
    Ok(())
}

/// Logs a payment in cash.
pub async fn pay(device: &Device, output: Output, pay: &Pay) -> Result<(), Failure> {
    let area = area_of(device, &pay.area).await?;
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
    logged(output, &[device.add_entry(area, LogEntry { subject, entry: Entry::Payment(entry) }).await?]);
    Ok(())
}

fn logged(output: Output, entries: &[(RecordId, u64)]) {
    let list: Vec<_> = entries.iter().map(|(log, n)| json!({ "log": log, "n": n })).collect();
    output.show(&json!({ "entries": list }), || format!("{} logged.", entries.len()));
}

/// Decides an open conflict, or proposes a value for it.
pub async fn judge(
    device: &Device,
    output: Output,
    (record, field): (&str, &str),
    value: &str,
    reason: &str,
    proposes: bool,
) -> Result<(), Failure> {
    let record = record_of(device, record).await?;
    let open = device.conflicts().await;
    let seen =
        open.iter().find(|case| case.record == record && case.path.as_str() == field).ok_or_else(|| {
            Failure::NotFound("no conflict about this field of this record waits on this device".to_owned())
        })?;
    let kind = kind_of(device, record).await?;
    let (_, value) = answer(kind, &format!("{field}={value}"))?;
    if proposes {
        device.propose(seen, value, reason).await?;
    } else {
        device.decide(seen, value, reason).await?;
    }
    output.show(&json!({ "record": record, "field": field }), || "Saved.".to_owned());
    Ok(())
}

/// Gives a change up, or writes it again.
pub async fn settle(device: &Device, output: Output, number: u64, how: How) -> Result<(), Failure> {
    let how = match how {
        How::Dismiss => Settlement::Dismiss,
        How::Repair => Settlement::Repair,
    };
    device.settle(number, how).await?;
    output.show(&json!({ "number": number }), || "Settled.".to_owned());
    Ok(())
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

async fn kind_of(device: &Device, record: RecordId) -> Result<&'static RecordType, Failure> {
    let view = device.records().get(record).await;
    let view = view.ok_or_else(|| Failure::NotFound("this record is not on this device".to_owned()))?;
    types::record_type(&view.summary.record_type)
        .ok_or_else(|| Failure::Usage("this version does not know the record's type".to_owned()))
}

async fn area_of(device: &Device, code: &str) -> Result<AreaId, Failure> {
    let status = device.status().await;
    if status.enrolment.is_none() {
        return Err(Failure::Usage(
            "this device is not enrolled: fieldmerge-device enrol SERVER CODE".to_owned(),
        ));
    }
    let found = status.areas.iter().find(|area| area.code == code);
    found.map(|area| area.area).ok_or_else(|| {
        let codes: Vec<&str> = status.areas.iter().map(|area| area.code.as_str()).collect();
        let known = if codes.is_empty() { "none yet: sync first".to_owned() } else { codes.join(", ") };
        Failure::NotFound(format!("the device knows no area {code}; it knows {known}"))
    })
}

fn day(text: &str) -> Result<Date, Failure> {
    text.parse().map_err(|_| Failure::Usage(format!("{text} is not a day such as 2026-03-02")))
}

fn answers(kind: &RecordType, values: &[String]) -> Result<Vec<(String, Value)>, Failure> {
    values.iter().map(|text| answer(kind, text)).collect()
}

/// Reads `FIELD=VALUE` as the field stores it. What was typed stands in no message.
fn answer(kind: &RecordType, text: &str) -> Result<(String, Value), Failure> {
    let (path, value) = text
        .split_once('=')
        .ok_or_else(|| Failure::Usage("an answer is FIELD=VALUE, such as sex=female".to_owned()))?;
    let field = kind.field_at(path).ok_or_else(|| {
        let names: Vec<&str> = kind.fields.iter().map(|field| field.name).collect();
        Failure::Usage(format!("{} has no field {path}; it has {}", kind.name, names.join(", ")))
    })?;
    if path.contains('/') && value == "true" {
        return Ok((path.to_owned(), Value::Bool(true)));
    }
    let value = typed::parse(field, value)
        .map_err(|code| Failure::Usage(format!("the value of {path} does not fit: {}", code.code())))?;
    Ok((path.to_owned(), value))
}
