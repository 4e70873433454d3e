//! A code makes one device, once, in time.

use ed25519_dalek::SigningKey;
use fieldmerge_protocol::api::EnrolAnswer;
use fieldmerge_protocol::problem::ProblemCode;
use fieldmerge_server::admin::devices;
use fieldmerge_tests::persona::{Persona, public_key};
use fieldmerge_tests::server::{PROJECT, START_MS, Server, refusal};
use serde_json::json;

fn request(code: &str, seed: u8) -> serde_json::Value {
    json!({ "code": code, "public_key": public_key(&SigningKey::from_bytes(&[seed; 32])) })
}

#[tokio::test]
async fn devices_get_numbers_in_turn_and_learn_the_server() {
    let server = Server::start().await;
    for number in 1..=3 {
        let device = Persona::enrol(&server, number, &["S1:enumerator"]).await;
        let EnrolAnswer { number: given, project, project_code, root_area, label, server_ms, .. } =
            device.enrolled;
        assert_eq!(given, u32::from(number));
        assert_eq!((project, root_area), (server.project.id, server.project.root_area));
        assert_eq!((project_code.as_str(), label.as_str(), server_ms), (PROJECT, "Hery", START_MS));
    }
}

#[tokio::test]
async fn of_sixteen_that_offer_one_code_one_enrols() {
    let server = std::sync::Arc::new(Server::start().await);
    let code = server.code("Hery", &["S1:enumerator"]).await;
    let tries: Vec<_> = (0..16)
        .map(|seed| {
            let (server, body) = (server.clone(), request(&code, seed));
            tokio::spawn(async move {
                let answer = server.post_json(&server.url("/v1/enrol"), &body).send().await;
                answer.expect("the server answers").status().as_u16()
            })
        })
        .collect();
    let mut statuses = Vec::new();
    for each in tries {
        statuses.push(each.await.expect("no try panics"));
    }
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| matches!(status, 200 | 403)), "{statuses:?}");
    let (known, _) = devices::list(&server.app, PROJECT).await.expect("devices are listed");
    assert_eq!(known.len(), 1);
    assert_eq!(known[0].grants.len(), 1);
}

/// A link that drops the answer must not cost the code: who asks again with the same key is told the same.
#[tokio::test]
async fn who_has_enrolled_is_told_again() {
    let server = Server::start().await;
    let code = server.code("Hery", &["S1:enumerator"]).await;
    let url = server.url("/v1/enrol");
    let enrol = async || {
        let answer = server.post_json(&url, &request(&code, 1)).send().await.expect("the server answers");
        let bytes = answer.bytes().await.expect("the answer is whole");
        serde_json::from_slice::<EnrolAnswer>(&bytes).expect("it enrols")
    };
    let first = enrol().await;
    server.app.clock().advance_ms(86_400_000);
    let again = enrol().await;
    assert_eq!(EnrolAnswer { server_ms: first.server_ms, ..again }, first);
    let other = refusal(server.post_json(&url, &request(&code, 2))).await.1;
    assert_eq!(other, ProblemCode::EnrolmentCodeInvalid, "with another key the code is used up");
    devices::revoke(&server.app, PROJECT, &first.device.to_string()).await.expect("it is revoked");
    let revoked = refusal(server.post_json(&url, &request(&code, 1))).await.1;
    assert_eq!(revoked, ProblemCode::EnrolmentCodeInvalid);
}

#[tokio::test]
async fn a_code_that_is_late_is_as_unknown_as_one_that_never_was() {
    let server = Server::start().await;
    let code = server.code("Hery", &["S1:enumerator"]).await;
    server.app.clock().advance_ms(3_600_000);
    let url = server.url("/v1/enrol");
    let late = refusal(server.post_json(&url, &request(&code, 1))).await;
    let never = refusal(server.post_json(&url, &request("0000-0000-0000-0000", 1))).await;
    assert_eq!(late.1, ProblemCode::EnrolmentCodeInvalid);
    assert_eq!(late, never);
}

#[tokio::test]
async fn a_code_is_taken_however_it_is_typed() {
    let server = Server::start().await;
    let code = server.code("Hery", &["S1:enumerator"]).await.to_lowercase().replace('-', " ");
    let answer = server.post_json(&server.url("/v1/enrol"), &request(&code, 1)).send().await;
    assert_eq!(answer.expect("the server answers").status(), 200);
}

#[tokio::test]
async fn a_key_that_is_none_does_not_use_the_code_up() {
    let server = Server::start().await;
    let code = server.code("Hery", &["S1:enumerator"]).await;
    let url = server.url("/v1/enrol");
    // Not base64url, too short, no point of the curve, and the neutral point, which verifies anything.
    let neutral = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    for key in ["", "++++", "AAAA", &"/".repeat(43), "AgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", neutral] {
        let body = json!({ "code": code, "public_key": key });
        assert_eq!(refusal(server.post_json(&url, &body)).await.1, ProblemCode::InvalidRequest, "{key}");
    }
    let answer = server.post_json(&url, &request(&code, 1)).send().await.expect("the server answers");
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn guessing_ends_after_twenty_wrong_codes_a_minute() {
    let server = Server::start().await;
    let url = server.url("/v1/enrol");
    for _ in 0..20 {
        assert_eq!(
            refusal(server.post_json(&url, &request("x", 1))).await.1,
            ProblemCode::EnrolmentCodeInvalid
        );
    }
    let response = server.post_json(&url, &request("x", 1)).send().await.expect("the server answers");
    assert_eq!(
        (response.status().as_u16(), response.headers()["retry-after"].to_str().ok()),
        (429, Some("60"))
    );
    server.app.clock().advance_ms(60_000);
    assert_eq!(refusal(server.post_json(&url, &request("x", 1))).await.1, ProblemCode::EnrolmentCodeInvalid);
}
