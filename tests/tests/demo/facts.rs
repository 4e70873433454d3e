//! What must be true at the end of the story.

use std::collections::{BTreeMap, BTreeSet};

use fieldmerge_engine::FillRequest;
use fieldmerge_model::access::Role;
use fieldmerge_model::types::entry::{AttendanceStatus, Entry};
use fieldmerge_protocol::{DeviceId, ProjectId, RecordClass, RecordId, Value};
use fieldmerge_sdk::{FillRequest as SdkRequest, SavedEdit};
use fieldmerge_server::App;
use fieldmerge_server::dataset::{Dataset, DatasetRequest, Format};
use fieldmerge_server::demo::scenario::{Scenario, date};
use fieldmerge_server::demo::story::Story;
use fieldmerge_server::findings::judge_all;
use fieldmerge_store::findings;
use fieldmerge_store::projects::Project;
use fieldmerge_tests::world::census::Census;
use fieldmerge_tests::world::phone::Phone;
use fieldmerge_tests::world::replica::{CaseReplica, State, of_phone};
use fieldmerge_tests::world::visits::Chance;
use serde_json::{Value as Json, json};

/// Checks what the server and both phones hold.
pub fn check(census: &Census, phones: &[Phone], story: &Story) {
    cases(census, story);
    values(census, story);
    let device_a = phones[0].enrolment().device;
    attendance(census, story, device_a);
    payments(census, story, device_a);
    let of_class = |class| census.feeds.values().filter(|feed| feed.class == class).count();
    assert_eq!(of_class(RecordClass::Core), 26, "W01 to W24, R25, R26");
    assert_eq!(of_class(RecordClass::Observation), 26);
    assert_eq!(of_class(RecordClass::Assignment), 25, "R26 is not assigned");
    assert_eq!(census.quarantined, Vec::<String>::new());
    sheets(&phones[0], story);
    for phone in phones {
        census.assert_same_on(phone);
        let held: BTreeSet<RecordClass> = of_phone(phone).keys().map(|id| census.feeds[id].class).collect();
        assert!(
            !held.contains(&RecordClass::Observation),
            "observations leave the phone when they were received"
        );
        assert_eq!(phone.engine().conflicts().len(), 2, "{} shows what waits for a decision", phone.label);
    }
}

/// The sheets of attendance and of pay show everybody whose assignment is on the site, by name: the phone looks them up in
/// its own records.
fn sheets(phone: &Phone, story: &Story) {
    let engine = phone.engine();
    let mut chance = Chance::of(1);
    let mut people = |form: &str, site: &str| {
        let form = engine.forms().into_iter().find(|known| known.id == form).expect("the pack has it");
        let request = FillRequest { form: form.number, ..FillRequest::default() };
        let mut filling = engine.fill(&request, &mut chance).expect("it can be filled").filling;
        let place = filling.named("site")[0];
        filling.answer(place, &story.sites[site].to_string(), &mut chance).expect("it is offered");
        let mut names: Vec<String> =
            filling.named("who").into_iter().map(|place| filling.value(place).to_owned()).collect();
        assert!(names.iter().all(|name| name.contains(' ')), "family and given name: {names:?}");
        names.dedup();
        names.len()
    };
    assert_eq!(people("himo_attendance", "S1"), 11, "W01 to W12 but for W10, who has left");
    assert_eq!(people("himo_payment", "S1"), 12, "her days are paid");
    assert_eq!(people("himo_attendance", "S2"), 13, "W13 to W24, and R25");
}

/// Exactly two fields wait for a decision: not the fields that two people edited beside each other, not the set, not the
/// equal values.
fn cases(census: &Census, story: &Story) {
    let open = |values: [i64; 2], agreed: i64| {
        (true, values.map(|value| value.to_string()).to_vec(), Some(agreed.to_string()))
    };
    let expected = BTreeMap::from([
        ((story.people["W03"], "birth_year"), open([2002, 2004], 2003)),
        ((story.assignments["W09"], "wage_rate"), open([6500, 7000], 6000)),
    ]);
    let found: BTreeMap<(RecordId, &str), _> = census
        .holdings
        .iter()
        .flat_map(|(id, replica)| replica.cases.iter().map(|(path, case)| ((*id, path.as_str()), told(case))))
        .collect();
    assert_eq!(found, expected);
}

fn told(case: &CaseReplica) -> (bool, Vec<String>, Option<String>) {
    let mut candidates = case.candidates.clone();
    candidates.sort();
    (case.open, candidates, case.agreed.clone())
}

fn values(census: &Census, story: &Story) {
    let person = |name: &str| &census.holdings[&story.people[name]].values;
    let languages: Vec<&str> =
        person("W12").keys().filter_map(|path| path.strip_prefix("languages/")).collect();
    assert_eq!(languages, ["fra", "mlg"], "both are kept");
    assert_eq!(person("W07")["sex"], ["\"female\""], "what A wrote");
    assert_eq!(person("W07")["birth_year"], ["1998"], "what B wrote");
    assert_eq!(person("W02")["phone"].last().map(String::as_str), Some("\"+261340000202\""));
    assert_eq!(person("W03")["birth_year"].iter().collect::<BTreeSet<_>>().len(), 2, "both values stand");
    let withdrawn = &census.holdings[&story.assignments["W10"]].values["assignment_status"];
    assert_eq!(withdrawn, &["\"withdrawn\""]);
}

/// The entries of all logs of a class: whose phone, about whom, what.
fn entries(census: &Census, class: RecordClass, device_a: DeviceId) -> Vec<(&'static str, RecordId, Entry)> {
    let mut all = Vec::new();
    for (id, state) in census.states.iter().filter(|(id, _)| census.feeds[*id].class == class) {
        let State::Log(log) = state else { panic!("{id} is a log") };
        let writer = log.heading().expect("a log has a beginning").actor.device();
        let device = if writer == device_a { "A" } else { "B" };
        for bytes in &census.holdings[id].entries {
            let entry = Entry::read(class, &Value::Bytes(bytes.clone())).expect("an entry reads");
            let k = match &entry {
                Entry::Attendance(entry) => entry.person,
                Entry::Payment(entry) => entry.person,
                other => panic!("{other:?}"),
            };
            all.push((device, log.persons()[k as usize], entry));
        }
    }
    all
}

/// Every day that somebody logged stands once.
fn attendance(census: &Census, story: &Story, device_a: DeviceId) {
    let mut expected = Vec::new();
    for day in &Scenario::load().attendance {
        let device = if day.device == "A" { "A" } else { "B" };
        let present = day.status == "present";
        expected.push((device, story.people[&day.worker], date(&day.date).days(), present, day.quarters()));
    }
    assert_eq!(expected.len(), 267);
    let mut found: Vec<_> = entries(census, RecordClass::Attendance, device_a)
        .into_iter()
        .map(|(device, person, entry)| {
            let Entry::Attendance(entry) = entry else { panic!("an attendance log holds attendance") };
            let present = entry.status == AttendanceStatus::Present;
            (device, person, entry.work_date.days(), present, entry.quarters)
        })
        .collect();
    expected.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, expected);
}

/// Every payment that was made before the phones came back stands as it was entered, the double one too.
fn payments(census: &Census, story: &Story, device_a: DeviceId) {
    let scenario = Scenario::load();
    let last = date("2026-03-14");
    let mut expected = Vec::new();
    for payment in &scenario.payments {
        let Some(paid_on) = payment.paid_on.as_deref().map(date).filter(|day| *day <= last) else { continue };
        let worker = scenario.workers.iter().find(|worker| worker.id == payment.worker);
        let site = worker.map_or("", |worker| worker.device.as_str());
        let device = if site == "A" && !payment.id.ends_with("-bis") { "A" } else { "B" };
        expected.push((device, story.people[&payment.worker], payment.paid, paid_on.days()));
    }
    let mut found: Vec<_> = entries(census, RecordClass::Payment, device_a)
        .into_iter()
        .map(|(device, person, entry)| {
            let Entry::Payment(entry) = entry else { panic!("a payment log holds payments") };
            (device, person, entry.gross, entry.paid_on.days())
        })
        .collect();
    expected.sort_unstable();
    found.sort_unstable();
    assert!(expected.len() > 20);
    assert_eq!(found, expected);
    let of_w02 = found.iter().filter(|(_, person, ..)| *person == story.people["W02"]).count();
    assert_eq!(of_w02, 2, "paid twice for one week, and both are kept");
}

/// A partner's program fills a form by the SDK: it is told what is missing, and what it saves stands in the records.
pub async fn fill_through_the_sdk(story: &Story) {
    let device = &story.a.device;
    let mut world = device.world(180).await;
    let form =
        device.forms().await.into_iter().find(|form| form.id == "himo_household").expect("the pack has it");
    let request = SdkRequest { form: form.number, language: "fr".to_owned(), ..SdkRequest::default() };
    let mut fill = device.fill(&request, &mut world).await.expect("it can be filled");
    assert!(!fill.filling.complaints(&mut world).is_empty(), "something must be answered");
    let area = device.status().await.areas.iter().find(|area| area.code == "S1").expect("its site").area;
    let missing = fill.filling.complaints(&mut world);
    for complaint in missing {
        let place = complaint.place;
        let choice = fill.filling.choices(place, &mut world).first().map(|choice| choice.name.clone());
        let answer = choice.unwrap_or_else(|| "1".to_owned());
        fill.filling.answer(place, &answer, &mut world).expect("it is an answer");
    }
    assert_eq!(fill.filling.complaints(&mut world), []);
    let saved = device.save_filled(&mut fill, area, 0, &mut world).await.expect("it is saved");
    let [SavedEdit::Record(record)] = saved[..] else { panic!("{saved:?}") };
    let view = device.records().get(record).await.expect("it is there");
    assert_eq!((&*view.summary.record_type, view.form), ("household", Some(form.number)));
}

/// The dataset shows the agreed value where a decision is awaited, and says so.
pub async fn check_dataset(app: &App, project: Project) {
    let workers = rows(app, project.clone(), "worker", Role::Enumerator).await;
    assert_eq!(workers.len(), 26);
    assert_eq!(marked(&workers, "birth_year"), [json!([["birth_year"], 2003, [2002, 2004]])]);
    let assignments = rows(app, project.clone(), "assignment", Role::Supervisor).await;
    assert_eq!(marked(&assignments, "wage_rate"), [json!([["wage_rate"], 6000, [6500, 7000]])]);
    assert!(workers.iter().all(|row| row["_pending"].is_null()), "every observation has come");
    assert_eq!(rows(app, project, "attendance", Role::Supervisor).await.len(), 267);
}

/// The rows with a conflict: which fields, what is shown of a field, and its candidates in order.
fn marked(rows: &[Json], field: &str) -> Vec<Json> {
    let shown = |row: &Json| {
        let mut candidates: Vec<i64> =
            serde_json::from_value(row[format!("{field}__candidates")].clone()).expect("a list of numbers");
        candidates.sort_unstable();
        json!([row["_conflicts"], row[field], candidates])
    };
    rows.iter().filter(|row| !row["_conflicts"].is_null()).map(shown).collect()
}

async fn rows(app: &App, project: Project, record_type: &str, role: Role) -> Vec<Json> {
    let request =
        DatasetRequest { project, record_type: record_type.to_owned(), format: Format::Jsonl, role };
    let mut dataset = Dataset::open(app.store(), request, app.now_ms()).await.expect("the role may read it");
    let mut bytes = Vec::new();
    while let Some(chunk) = dataset.next_chunk().await.expect("it reads") {
        bytes.extend_from_slice(&chunk);
    }
    let text = String::from_utf8(bytes).expect("JSON is text");
    text.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
}

/// Nothing in the story breaks a rule of its forms.
pub async fn check_findings(app: &App, project: ProjectId) {
    assert!(judge_all(app).await.expect("the database answers") > 0);
    let mut tx = app.store().read().await.expect("the database answers");
    let found = findings::page(&mut tx, project, true, None, 500).await.expect("the database answers");
    tx.rollback().await.expect("the database answers");
    assert_eq!(found, []);
}
