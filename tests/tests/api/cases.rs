//! Cases: who may know of them, and whose values.

use fieldmerge_model::access::Role;
use fieldmerge_protocol::api::{CasePage, CaseView};
use fieldmerge_protocol::problem::ProblemCode;
use fieldmerge_tests::database::Kind;
use fieldmerge_tests::persona::Persona;
use fieldmerge_tests::server::{Server, refusal};
use serde_json::json;

use crate::workers::{conflict, record};

async fn page(server: &Server, token: &str, query: &str) -> CasePage {
    let request = server.get(&server.project_url(&format!("/cases{query}"))).bearer_auth(token);
    let response = request.send().await.expect("the server answers");
    let text = response.text().await.expect("a page arrives");
    serde_json::from_str(&text).expect("a page of cases")
}

async fn server_with_conflict() -> (Server, Persona, Persona) {
    server_with_conflict_on(Kind::Sqlite).await
}

async fn server_with_conflict_on(kind: Kind) -> (Server, Persona, Persona) {
    let server = Server::start_on(kind).await;
    let mut a = Persona::enrol(&server, 1, &["S1:enumerator"]).await;
    let mut b = Persona::enrol(&server, 2, &["S1:enumerator", "S1:supervisor"]).await;
    conflict(&server, &mut a, &mut b, record(1)).await;
    (server, a, b)
}

fn of<'a>(page: &'a CasePage, path: &str) -> &'a CaseView {
    page.cases.iter().find(|case| case.path == path).expect("there is such a case")
}

#[tokio::test]
async fn a_supervisor_sees_both_values_with_their_authors() {
    let (server, a, b) = server_with_conflict().await;
    let page = page(&server, &b.token(), "?open=true").await;
    assert_eq!((page.cases.len(), &page.next), (2, &None));
    let case = of(&page, "birth_year");
    assert_eq!(
        (case.record, case.kind.as_str(), case.open, case.withheld),
        (record(1), "field_conflict", true, false)
    );
    assert_eq!(case.agreed, Some(json!(1991)));
    let written: Vec<_> =
        case.candidates.iter().map(|candidate| (candidate.device, candidate.value.clone())).collect();
    assert!(written.contains(&(a.enrolled.device, json!(2002))));
    assert!(written.contains(&(b.enrolled.device, json!(2004))));
}

#[tokio::test]
async fn an_analyst_learns_of_a_case_and_not_of_a_birth() {
    let (server, ..) = server_with_conflict().await;
    let page = page(&server, &server.key(Role::Analyst).await, "").await;
    let (birth, sex) = (of(&page, "birth_year"), of(&page, "sex"));
    assert!(birth.withheld && birth.agreed.is_none());
    assert!(birth.candidates.iter().all(|candidate| candidate.value.is_null()));
    assert!(!sex.withheld && sex.agreed == Some(json!("female")));
    assert_ne!(sex.record, record(1), "persons have pseudonyms here");
    assert_eq!(sex.record, birth.record);
}

#[tokio::test]
async fn whoever_has_no_grant_for_the_area_sees_nothing() {
    let (server, ..) = server_with_conflict().await;
    let stranger = Persona::enrol(&server, 9, &[]).await;
    assert_eq!(page(&server, &stranger.token(), "").await.cases, Vec::new());
    let administrator = server.key(Role::Administrator).await;
    assert_eq!(page(&server, &administrator, "").await.cases, Vec::new());
}

#[tokio::test]
async fn pages_follow_each_other_and_end() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let (server, _, b) = server_with_conflict_on(kind).await;
        let first = page(&server, &b.token(), "?limit=1").await;
        let next = first.next.clone().expect("there is one more");
        let second = page(&server, &b.token(), &format!("?limit=1&after={next}")).await;
        assert_ne!(first.cases[0].path, second.cases[0].path);
        if let Some(next) = &second.next {
            let third = page(&server, &b.token(), &format!("?limit=1&after={next}")).await;
            assert_eq!((third.cases, third.next), (Vec::new(), None));
        }
    }
}

#[tokio::test]
async fn a_wrong_query_is_told_what_the_right_one_is() {
    let (server, _, b) = server_with_conflict().await;
    for query in ["?limit=0", "?limit=501", "?open=maybe", "?after=x", "?color=red"] {
        let request = server.get(&server.project_url(&format!("/cases{query}"))).bearer_auth(b.token());
        assert_eq!(refusal(request).await.1, ProblemCode::InvalidRequest, "{query}");
    }
}
