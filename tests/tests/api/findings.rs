//! What is wrong with records by the rules of their forms, as headquarters reads it.

use fieldmerge_model::access::Role;
use fieldmerge_protocol::api::{FindingPage, FindingView};
use fieldmerge_protocol::problem::ProblemCode;
use fieldmerge_protocol::{Change, RecordClass, Value};
use fieldmerge_server::findings::judge_all;
use fieldmerge_server::forms::publish::publish;
use fieldmerge_tests::database::Kind;
use fieldmerge_tests::persona::Persona;
use fieldmerge_tests::server::{PROJECT, Server, refusal};
use fieldmerge_tests::world::visits::draft;

use crate::workers::record;

async fn page(server: &Server, token: &str, query: &str) -> FindingPage {
    let request = server.get(&server.project_url(&format!("/findings{query}"))).bearer_auth(token);
    let text = request.send().await.expect("the server answers").text().await.expect("a page arrives");
    assert!(!text.contains("1800") && !text.contains("zoky"), "no answer is in it: {text}");
    serde_json::from_str(&text).expect("a page of findings")
}

/// A worker of whom two answers are wrong.
fn worker(server: &Server, device: &Persona) -> Change {
    let answers = [
        ("family_name", Value::str("Rasoanirina")),
        ("birth_precision", Value::str("year")),
        ("birth_year", Value::Int(1800)),
        ("sex", Value::str("zoky")),
    ];
    device.new_record(server, record(1), "worker", None, &answers)
}

/// A server that took her.
async fn judged(kind: Kind) -> (Server, Persona) {
    let server = Server::start_on(kind).await;
    let mut device = Persona::enrol(&server, 1, &["S1:enumerator"]).await;
    let (id, change) = (record(1), worker(&server, &device));
    device.push(&server, RecordClass::Core, &[(id, change)]).await;
    judge_all(&server.app).await.expect("the database answers");
    (server, device)
}

fn of<'a>(page: &'a FindingPage, path: &str) -> &'a FindingView {
    page.findings.iter().find(|found| found.path == path).unwrap_or_else(|| panic!("{path} in {page:?}"))
}

#[tokio::test]
async fn headquarters_reads_what_is_wrong_and_no_answer() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let (server, device) = judged(kind).await;
        let colleague = Persona::enrol(&server, 2, &["S1:enumerator"]).await;
        let near = page(&server, &colleague.token(), "?language=fr").await;
        let birth = of(&near, "birth_year");
        assert_eq!((&*birth.code, birth.open, birth.mended_ms), ("constraint", true, None));
        assert_eq!((birth.device, &*birth.record_type), (device.enrolled.device, "worker"));
        assert_eq!((&*birth.form, birth.form_version.is_empty()), ("himo_worker", false));
        assert_eq!(birth.record, record(1));

        let key = server.key(Role::Analyst).await;
        let far = page(&server, &key, "?language=fr").await;
        let sex = of(&far, "sex");
        assert_ne!(sex.record, record(1), "persons have pseudonyms here");
        assert_eq!((&*sex.code, &*sex.message), ("not-offered", "Choisissez parmi les réponses proposées."));
        assert_ne!(
            sex.question,
            of(&page(&server, &key, "").await, "sex").question,
            "the form's own is English"
        );
        let tells_of_birth = far.findings.iter().any(|found| found.path.starts_with("birth"));
        assert!(!tells_of_birth, "what she may not see, she is told nothing of: {far:?}");

        let stranger = Persona::enrol(&server, 3, &[]).await;
        assert_eq!(page(&server, &stranger.token(), "").await.findings, []);
    }
}

#[tokio::test]
async fn a_list_is_read_page_by_page_and_what_was_mended_stays_in_it() {
    let (server, mut device) = judged(Kind::Sqlite).await;
    let key = server.key(Role::Analyst).await;
    let all = page(&server, &key, "").await.findings;
    let (mut read, mut after) = (Vec::new(), String::new());
    loop {
        let FindingPage { findings, next } = page(&server, &key, &format!("?limit=1{after}")).await;
        read.extend(findings);
        let Some(next) = next else { break };
        after = format!("&after={next}");
    }
    assert_eq!(read, all);

    let known = worker(&server, &device);
    let mends = device.edit(record(1), &[known], &[("sex", Value::str("female"))]);
    device.push(&server, RecordClass::Core, &[(record(1), mends)]).await;
    judge_all(&server.app).await.expect("the database answers");
    let open = page(&server, &key, "?open=true").await.findings;
    assert_eq!(open.len(), all.len() - 1);
    let whole = page(&server, &key, "").await;
    let sex = of(&whole, "sex");
    assert!(!sex.open && sex.mended_ms.is_some());
}

#[tokio::test]
async fn what_is_asked_wrongly_is_refused() {
    let server = Server::start().await;
    let key = server.key(Role::Analyst).await;
    for query in ["?limit=0", "?limit=501", "?after=x", "?open=maybe", "?who=me"] {
        let request = server.get(&server.project_url(&format!("/findings{query}"))).bearer_auth(&key);
        assert_eq!(refusal(request).await.1, ProblemCode::InvalidRequest, "{query}");
    }
    let nobody = server.get(&server.project_url("/findings"));
    assert_eq!(refusal(nobody).await.1, ProblemCode::Unauthenticated);
}

const HOUSES: &str = "
| survey |
| | type | name | label |
| | select_multiple colour | walls | Which colours? |
| choices |
| | list_name | name | label |
| | colour | red | Red |
| settings |
| | form_id | fm::record |
| | houses | core/house |
";

#[tokio::test]
async fn a_set_is_told_of_like_every_other_answer() {
    let server = Server::start().await;
    publish(&server.app, PROJECT, &draft(HOUSES)).await.expect("it is published");
    let mut device = Persona::enrol(&server, 1, &["S1:enumerator"]).await;
    let answers = [("walls/blue", Value::Bool(true))];
    let change = device.new_record(&server, record(1), "house", None, &answers);
    device.push(&server, RecordClass::Core, &[(record(1), change)]).await;
    judge_all(&server.app).await.expect("the database answers");
    for token in [device.token(), server.key(Role::Analyst).await] {
        assert_eq!(of(&page(&server, &token, "").await, "walls").code, "not-offered");
    }
}
