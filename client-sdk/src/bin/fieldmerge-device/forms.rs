//! The forms on the device, and what the server found by their rules.

use std::path::Path;

use chrono::TimeZone as _;
use fieldmerge_sdk::form::filling::{Filling, NotGiven};
use fieldmerge_sdk::form::{Element, Question};
use fieldmerge_sdk::{Clock, Device, FillRequest, FindingView, SavedEdit};
use serde_json::json;

use super::Failure;
use super::arguments::Fill;
use super::attachments;
use super::text::{Output, escaped, table};
use super::write::{area_of, record_of};

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

/// Fills a form.
pub async fn fill(device: &Device, output: &Output, given: &Fill) -> Result<(), Failure> {
    let forms = device.forms().await;
    let form = forms.iter().find(|form| form.latest && form.id == given.form);
    let form = form.ok_or_else(|| {
        let program = &output.program;
        Failure::NotFound(format!("there is no form {}; `{program} forms` lists them", given.form))
    })?;
    let mut request =
        FillRequest { form: form.number, language: given.language.clone(), ..FillRequest::default() };
    if let Some(record) = &given.record {
        request.record = Some(record_of(device, record).await?);
    }
    if let Some(person) = &given.about {
        request.subject = Some(record_of(device, person).await?);
    }
    let known = given.known.iter().filter_map(|known| known.split_once('='));
    let world = device.world(offset_minutes()).await;
    let mut world = known.fold(world, |world, (name, value)| world.with(name, value));
    let mut fill = device.fill(&request, &mut world).await?;
    for answer in &given.answers {
        let answer = with_file(device, &fill.filling, answer).await?;
        fill.filling.give(&answer, &mut world).map_err(|error| not_given(&error))?;
    }
    let Some(area) = &given.save else {
        let walk = fill.filling.walk(&mut world);
        return output.show(&json!(walk), || lines(&walk.lines()));
    };
    let complaints = fill.filling.complaints(&mut world);
    if !complaints.is_empty() && !given.incomplete {
        let said = complaints.iter().map(|one| format!("{}: {}", fill.filling.label(one.place), one.message));
        let said: Vec<String> = said.collect();
        return Err(Failure::Incomplete(said.join("; ")));
    }
    let area = area_of(device, output, area).await?;
    let dropped: Vec<String> = fill.filling.dropped().into_iter().map(|dropped| dropped.label).collect();
    let saved = device.save_filled(&mut fill, area, 0, &mut world).await?;
    let mut records = Vec::new();
    for saved in saved {
        match saved {
            SavedEdit::Record(record) => records.push(record),
            SavedEdit::Entries(entries) => records.extend(entries.iter().map(|(log, _)| *log)),
            SavedEdit::Attached(_) => {}
        }
    }
    records.dedup();
    output.show(&json!({ "records": records, "dropped": dropped }), || {
        let mut said: Vec<String> = records.iter().map(ToString::to_string).collect();
        if said.is_empty() {
            said.push("Nothing was answered, so nothing was saved.".to_owned());
        }
        let gone = dropped.iter().map(|label| format!("Not kept, for it does not apply any more: {label}"));
        said.extend(gone);
        lines(&said)
    })
}

/// An answer to a question that takes a file, `QUESTION=@FILE`, with what the file is attached as in its place.
async fn with_file(device: &Device, filling: &Filling, answer: &str) -> Result<String, Failure> {
    let is_file = |question: &str| {
        let name = question.split('[').next().unwrap_or_default();
        let element = filling.named(name).first().and_then(|place| filling.element(*place));
        element.and_then(Element::question).is_some_and(Question::is_file)
    };
    match answer.split_once("=@").filter(|(question, _)| is_file(question)) {
        Some((question, file)) => {
            let file = attachments::open(Path::new(file)).await?;
            Ok(format!("{question}={}", device.attach_from(file).await?))
        }
        None => Ok(answer.to_owned()),
    }
}

/// By how many minutes the clocks of this machine differ from those of Greenwich now.
fn offset_minutes() -> i32 {
    let now = chrono::Local.timestamp_millis_opt(Clock::System.now_ms()).single();
    now.map_or(0, |now| now.offset().local_minus_utc() / 60)
}

fn not_given(error: &NotGiven) -> Failure {
    match error {
        NotGiven::Form => Failure::Usage(error.to_string()),
        NotGiven::Unknown(_) => Failure::NotFound(error.to_string()),
        NotGiven::Refused { .. } => Failure::Incomplete(error.to_string()),
    }
}

/// Lines with what may steer a terminal spelt out; a line break of a label stays one.
fn lines(lines: &[String]) -> String {
    let parts = lines.iter().flat_map(|line| line.split('\n')).map(escaped);
    parts.collect::<Vec<_>>().join("\n").trim_start().to_owned()
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
