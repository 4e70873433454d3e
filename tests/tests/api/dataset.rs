//! The merged records as rows: columns by role, conflicts and what is pending, one moment.

use fieldmerge_model::access::Role;
use fieldmerge_protocol::api::{AS_OF_HEADER, AsOf, CasePage};
use fieldmerge_protocol::problem::ProblemCode;
use fieldmerge_protocol::{RecordClass, Value};
use fieldmerge_server::dataset::{Dataset, DatasetRequest, Format};
use fieldmerge_server::forms::publish::publish;
use fieldmerge_tests::database::Kind;
use fieldmerge_tests::persona::Persona;
use fieldmerge_tests::server::{PROJECT, Server, problem_of, refusal};
use fieldmerge_tests::world::visits::{draft, form};

use crate::workers::{PERSONAL, attendance, conflict, record, worker};

/// The rows of a dataset as JSON objects.
async fn rows(server: &Server, key: &str, record_type: &str) -> Vec<serde_json::Value> {
    let response = server.dataset(key, record_type, "jsonl").await;
    assert_eq!(response.headers()["content-type"], "application/jsonl");
    let text = response.text().await.expect("rows arrive");
    text.lines().map(|line| serde_json::from_str(line).expect("a row is JSON")).collect()
}

#[tokio::test]
async fn headquarters_reads_no_personal_value() {
    let server = Server::start().await;
    let mut device = Persona::enrol(&server, 1, &["S1:enumerator"]).await;
    let id = record(1);
    let change = worker(&server, &device, id);
    device.push(&server, RecordClass::Core, &[(id, change)]).await;
    let key = server.key(Role::Analyst).await;
    for format in ["csv", "jsonl"] {
        let text = server.dataset(&key, "worker", format).await.text().await.expect("rows arrive");
        assert!(text.contains("female"), "{text}");
        for hidden in PERSONAL.into_iter().chain([id.to_string().as_str(), "1991"]) {
            assert!(!text.contains(hidden), "{hidden} in {text}");
        }
    }
}

#[tokio::test]
async fn a_person_has_one_pseudonym_in_every_dataset() {
    let server = Server::start().await;
    let mut device = Persona::enrol(&server, 1, &["S1:enumerator", "S1:supervisor"]).await;
    let (person, log) = (record(1), record(2));
    let (change, sheet) = (worker(&server, &device, person), attendance(&server, &device, log, person));
    device.push(&server, RecordClass::Core, &[(person, change)]).await;
    device.push(&server, RecordClass::Attendance, &[(log, sheet)]).await;
    let key = server.key(Role::Analyst).await;
    let (workers, days) = (rows(&server, &key, "worker").await, rows(&server, &key, "attendance").await);
    assert_eq!(workers[0]["_id"], days[0]["_person"]);
    assert_ne!(workers[0]["_id"], person.to_string());
    assert_eq!((&days[0]["work_date"], &days[0]["day_fraction"]), (&"2026-03-02".into(), &1.0.into()));
}

/// A type that no form says is matched may still be of persons.
#[tokio::test]
async fn whatever_may_be_a_person_has_a_pseudonym() {
    let server = Server::start().await;
    publish(&server.app, PROJECT, &draft(&form("1", ""))).await.expect("its form is published");
    let mut a = Persona::enrol(&server, 1, &["S1:enumerator"]).await;
    let mut b = Persona::enrol(&server, 2, &["S1:enumerator"]).await;
    let id = record(1);
    let first = a.new_record(&server, id, "visit", None, &[("rooms", Value::Int(4))]);
    let (brick, straw) = (
        a.edit(id, std::slice::from_ref(&first), &[("wall", Value::str("brick"))]),
        b.edit(id, std::slice::from_ref(&first), &[("wall", Value::str("straw"))]),
    );
    a.push(&server, RecordClass::Core, &[(id, first), (id, brick)]).await;
    b.push(&server, RecordClass::Core, &[(id, straw)]).await;
    let key = server.key(Role::Analyst).await;
    let shown = rows(&server, &key, "visit").await[0]["_id"].clone();
    assert_ne!(shown, id.to_string());
    let cases = server.get(&server.project_url("/cases")).bearer_auth(&key);
    let cases = cases.send().await.expect("answered").bytes().await.expect("whole");
    let cases: CasePage = serde_json::from_slice(&cases).expect("cases");
    assert_eq!(cases.cases.iter().map(|case| case.record.to_string()).collect::<Vec<_>>(), [shown]);
}

#[tokio::test]
async fn a_field_in_conflict_shows_what_was_agreed_and_names_what_was_written() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let server = Server::start_on(kind).await;
        let mut a = Persona::enrol(&server, 1, &["S1:enumerator"]).await;
        let mut b = Persona::enrol(&server, 2, &["S1:enumerator"]).await;
        conflict(&server, &mut a, &mut b, record(1)).await;
        let rows = rows(&server, &server.key(Role::Analyst).await, "worker").await;
        assert_eq!(rows[0]["sex"], "female");
        assert_eq!(rows[0]["_conflicts"], serde_json::json!(["birth_year", "sex"]));
        let written = rows[0]["sex__candidates"].as_array().expect("a list");
        assert_eq!(written.len(), 2);
        assert!(written.contains(&"male".into()) && written.contains(&"unknown".into()));
        assert!(rows[0].get("birth_year__candidates").is_none(), "headquarters sees no exact birth");
    }
}

#[tokio::test]
async fn an_observation_is_pending_until_it_comes() {
    let server = Server::start().await;
    let mut device = Persona::enrol(&server, 1, &["S1:enumerator"]).await;
    let (person, observation) = (record(1), record(2));
    let change = worker(&server, &device, person);
    device.push(&server, RecordClass::Core, &[(person, change)]).await;
    let key = server.key(Role::Analyst).await;
    assert_eq!(rows(&server, &key, "worker").await[0]["_pending"], serde_json::json!(["observation"]));
    let answers = [("wg_seeing", Value::str("1"))];
    let change = device.new_record(&server, observation, "observation", Some(person), &answers);
    device.push(&server, RecordClass::Observation, &[(observation, change)]).await;
    assert_eq!(rows(&server, &key, "worker").await[0]["_pending"], serde_json::Value::Null);
    assert_eq!(rows(&server, &key, "observation").await.len(), 1);
}

#[tokio::test]
async fn rows_say_which_point_of_the_log_they_stand_for() {
    let server = Server::start().await;
    let mut device = Persona::enrol(&server, 1, &["S1:enumerator"]).await;
    let changes: Vec<_> = (1..=3).map(|n| (record(n), worker(&server, &device, record(n)))).collect();
    device.push(&server, RecordClass::Core, &changes).await;
    let key = server.key(Role::Analyst).await;
    let response = server.dataset(&key, "worker", "csv").await;
    assert_eq!(response.headers()["content-disposition"], "attachment; filename=\"worker.csv\"");
    let as_of: AsOf =
        serde_json::from_slice(response.headers()[AS_OF_HEADER].as_bytes()).expect("the header is JSON");
    assert_eq!((as_of.log, as_of.class, as_of.changes), (server.project.log_id, RecordClass::Core, 3));
    assert_eq!(as_of.positions.expect("one area is not many").get(&server.area), Some(&3));
    assert_eq!(response.text().await.expect("rows arrive").lines().count(), 4);
}

#[tokio::test]
async fn rows_are_of_one_moment_however_long_the_reading_takes() {
    let server = Server::start().await;
    let mut device = Persona::enrol(&server, 1, &["S1:enumerator"]).await;
    let first = worker(&server, &device, record(1));
    device.push(&server, RecordClass::Core, &[(record(1), first)]).await;
    let request = DatasetRequest {
        project: server.project.clone(),
        record_type: "worker".to_owned(),
        format: Format::Jsonl,
        role: Role::Payroll,
    };
    let mut dataset = Dataset::open(server.app.store(), request, 0).await.expect("a dataset opens");
    let late = worker(&server, &device, record(2));
    device.push(&server, RecordClass::Core, &[(record(2), late)]).await;
    let mut text = String::new();
    while let Some(chunk) = dataset.next_chunk().await.expect("rows are read") {
        text.push_str(std::str::from_utf8(&chunk).expect("rows are text"));
    }
    assert_eq!(text.lines().count(), 1);
    assert!(text.contains(&record(1).to_string()), "payroll knows persons");
    assert!(text.contains("Rasoanirina"));
}

#[tokio::test]
async fn what_a_reader_may_not_list_is_refused() {
    let server = Server::start().await;
    let device = Persona::enrol(&server, 1, &["S1:supervisor"]).await;
    let administrator = server.key(Role::Administrator).await;
    let analyst = server.key(Role::Analyst).await;
    assert_eq!(
        problem_of(server.dataset(&administrator, "worker", "csv").await).await.code,
        ProblemCode::Forbidden
    );
    assert_eq!(
        problem_of(server.dataset(&analyst, "identity", "csv").await).await.code,
        ProblemCode::Forbidden
    );
    assert_eq!(
        problem_of(server.dataset(&device.token(), "worker", "csv").await).await.code,
        ProblemCode::Forbidden
    );
    for (record_type, format) in [("ghost", "csv"), ("worker", "xml"), ("worker&extra=1", "csv")] {
        let problem = problem_of(server.dataset(&analyst, record_type, format).await).await;
        assert_eq!(problem.code, ProblemCode::InvalidRequest);
        assert!(problem.detail.is_some_and(|detail| detail.contains("csv or jsonl")));
    }
    let none = server.get(&server.project_url("/dataset")).bearer_auth(&analyst);
    assert_eq!(refusal(none).await.1, ProblemCode::InvalidRequest);
}
