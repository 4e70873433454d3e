//! Conflicts, and what can be done about them.

use fieldmerge_sdk::types::date::format_moment;
use fieldmerge_sdk::{CandidateView, CaseView, Device, DeviceId, RecordId, Value};
use serde_json::json;

use super::Failure;
use super::text::{Output, escaped, json as value_json, plain, quoted, table};

/// The conflicts that wait for a decision.
pub async fn conflicts(device: &Device, output: &Output) -> Result<(), Failure> {
    let open = device.conflicts().await;
    let own = device.status().await.enrolment.map(|enrolment| enrolment.device);
    output.show(&json!({ "conflicts": open.iter().map(case_json).collect::<Vec<_>>() }), || {
        let blocks: Vec<String> = open.iter().map(|case| case_text(case, own, output)).collect();
        if blocks.is_empty() { "No conflict waits for a decision.".to_owned() } else { blocks.join("\n\n") }
    })
}

/// A conflict as JSON.
pub fn case_json(case: &CaseView) -> serde_json::Value {
    let candidate = |one: &CandidateView| {
        json!({ "value": value_json(&one.value), "by": one.label, "device": one.actor.device(),
            "reason": one.reason, "device_ms": one.device_ms, "received_ms": one.received_ms })
    };
    json!({
        "record": case.record, "type": case.record_type, "title": case.title, "field": case.path.as_str(),
        "open": case.open, "approvals": case.approvals, "may_decide": case.may_decide,
        "agreed": case.agreed.as_ref().map(value_json),
        "candidates": case.candidates.iter().map(candidate).collect::<Vec<_>>(),
        "proposals": case.proposals.iter().map(candidate).collect::<Vec<_>>(),
        "decision": case.decision.as_ref().map(candidate),
    })
}

/// The values that stand against each other, and whose they are.
pub fn candidates(case: &CaseView) -> String {
    let each = case.candidates.iter().map(|one| format!("{} by {}", plain(&one.value), author(one)));
    each.collect::<Vec<_>>().join(" or ")
}

fn author(one: &CandidateView) -> String {
    one.label.as_deref().map_or_else(|| one.actor.device().to_string(), escaped)
}

fn case_text(case: &CaseView, own: Option<DeviceId>, output: &Output) -> String {
    let agreed = case.agreed.as_ref().map_or_else(|| "nothing".to_owned(), plain);
    let persons = if case.approvals > 1 { "two persons decide" } else { "one person decides" };
    let about = if case.title.is_empty() {
        case.record.to_string()
    } else {
        format!("{}, {} {}", escaped(&case.title), case.record_type, case.record)
    };
    let written = case.candidates.iter().map(|one| row(one, "written", ""));
    let proposed = case.proposals.iter().map(|one| row(one, "proposed", &one.reason));
    let rows: Vec<Vec<String>> = written.chain(proposed).collect();
    let path = &case.path;
    format!(
        "{about}\n{path}: used until decided {agreed}; {persons}\n{}\n{}",
        table(&rows, ""),
        next(case, own, output)
    )
}

fn row(one: &CandidateView, done: &str, reason: &str) -> Vec<String> {
    let by = author(one);
    let received = match one.received_ms {
        // A device does not learn when the server received what it wrote itself.
        0 => String::new(),
        at => format!("received {}", moment(at)),
    };
    let reason = if reason.is_empty() { String::new() } else { format!("because: {reason}") };
    vec![
        format!("  {}", plain(&one.value)),
        format!("{done} by {by}"),
        format!("{} by its clock", moment(one.device_ms)),
        received,
        reason,
    ]
}

/// The commands that come next, one for each value, ready to be copied.
fn next(case: &CaseView, own: Option<DeviceId>, output: &Output) -> String {
    if !case.may_decide {
        return "This device may not decide about it.".to_owned();
    }
    let others: Vec<&CandidateView> =
        case.proposals.iter().filter(|one| Some(one.actor.device()) != own).collect();
    let (verb, values): (&str, Vec<&Value>) = match (case.approvals, others.is_empty()) {
        (..=1, _) => ("decide", case.candidates.iter().map(|one| &one.value).collect()),
        (_, false) => ("decide", others.iter().map(|one| &one.value).collect()),
        (_, true) if !case.proposals.is_empty() => {
            return "It waits for a second person, who decides the same on another device.".to_owned();
        }
        (_, true) => ("propose", case.candidates.iter().map(|one| &one.value).collect()),
    };
    let lines: Vec<String> = values
        .into_iter()
        .map(|value| {
            let (program, field, value) = (&output.program, case.path.as_str(), quoted(&typed(value)));
            format!("  {program} {verb} {} {field} {value} --reason 'say why'", case.record)
        })
        .collect();
    lines.join("\n")
}

/// A value as it is typed on the command line.
fn typed(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bytes(bytes) => {
            RecordId::try_from(&bytes[..]).map_or_else(|_| plain(value), |record| record.to_string())
        }
        other => plain(other),
    }
}

/// A time for people, to the minute.
fn moment(ms: i64) -> String {
    let text = format_moment(ms).unwrap_or_else(|| ms.to_string());
    text.get(..16).map_or(text.clone(), |minute| format!("{} UTC", minute.replace('T', " ")))
}
