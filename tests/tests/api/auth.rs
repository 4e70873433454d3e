//! Who is let in, and who is not.

use fieldmerge_model::access::Role;
use fieldmerge_protocol::problem::ProblemCode;
use fieldmerge_server::admin::{api_keys, devices, projects};
use fieldmerge_tests::persona::Persona;
use fieldmerge_tests::server::{PROJECT, START_MS, Server, problem_of, refusal};
use serde_json::{Value, json};

const NOW: i64 = START_MS / 1_000;

/// What the server says to a token that the device signed over these claims.
async fn said(server: &Server, device: &Persona, claims: &Value) -> Result<(), ProblemCode> {
    let request = server.get(&server.project_url("/cases")).bearer_auth(device.token_with(claims));
    let response = request.send().await.expect("the server answers");
    if response.status().is_success() { Ok(()) } else { Err(problem_of(response).await.code) }
}

fn claims(device: &Persona, iat: i64, exp: i64) -> Value {
    json!({ "iss": device.enrolled.device, "aud": device.enrolled.project, "iat": iat, "exp": exp })
}

#[tokio::test]
async fn a_token_counts_within_five_minutes_of_the_servers_clock() {
    let server = Server::start().await;
    let device = Persona::enrol(&server, 1, &["S1:supervisor"]).await;
    for (iat, exp, expected) in [
        (NOW, NOW + 300, Ok(())),
        (NOW - 300, NOW, Ok(())),
        (NOW + 300, NOW + 600, Ok(())),
        (NOW - 301, NOW - 1, Err(ProblemCode::ClockSkew)),
        (NOW + 301, NOW + 302, Err(ProblemCode::ClockSkew)),
        (NOW - 86_400, NOW - 86_100, Err(ProblemCode::ClockSkew)),
        (NOW, NOW + 301, Err(ProblemCode::Unauthenticated)),
        (NOW, NOW - 1, Err(ProblemCode::Unauthenticated)),
    ] {
        assert_eq!(said(&server, &device, &claims(&device, iat, exp)).await, expected, "{iat} {exp}");
    }
}

#[tokio::test]
async fn a_wrong_clock_learns_the_servers_time() {
    let server = Server::start().await;
    let device = Persona::enrol(&server, 1, &["S1:supervisor"]).await;
    let token = device.token_with(&claims(&device, NOW + 31_536_000, NOW + 31_536_300));
    let request = server.get(&server.project_url("/cases")).bearer_auth(token);
    let problem = problem_of(request.send().await.expect("the server answers")).await;
    assert_eq!((problem.code, problem.server_ms), (ProblemCode::ClockSkew, Some(START_MS)));
}

#[tokio::test]
async fn only_the_devices_own_key_signs_for_it() {
    let server = Server::start().await;
    let device = Persona::enrol(&server, 1, &["S1:supervisor"]).await;
    let other = Persona::enrol(&server, 2, &["S1:supervisor"]).await;
    let of_device = claims(&device, NOW, NOW + 300);
    assert_eq!(said(&server, &device, &of_device).await, Ok(()));
    assert_eq!(said(&server, &other, &of_device).await, Err(ProblemCode::Unauthenticated));
    let nobody = json!({ "iss": "00000000000000000000", "aud": device.enrolled.project, "iat": NOW, "exp": NOW + 300 });
    assert_eq!(said(&server, &device, &nobody).await, Err(ProblemCode::Unauthenticated));
}

#[tokio::test]
async fn what_is_no_token_of_ours_is_not_believed() {
    let server = Server::start().await;
    let device = Persona::enrol(&server, 1, &["S1:supervisor"]).await;
    let token = device.token();
    let [_, claims, signature] = token.split('.').collect::<Vec<_>>()[..] else {
        panic!("a token has three parts")
    };
    // {"alg":"none"} and {"alg":"HS256"}: only EdDSA counts, whatever the token asks for.
    for wrong in [
        format!("eyJhbGciOiJub25lIn0.{claims}."),
        format!("eyJhbGciOiJub25lIn0.{claims}.{signature}"),
        format!("eyJhbGciOiJIUzI1NiJ9.{claims}.{signature}"),
        format!("{token}x"),
        "a.b.c".to_owned(),
        "x".repeat(5_000),
        "fmk_unknown".to_owned(),
    ] {
        let request = server.get(&server.project_url("/cases")).bearer_auth(&wrong);
        assert_eq!(refusal(request).await.1, ProblemCode::Unauthenticated, "{wrong}");
    }
    let basic = server.get(&server.project_url("/cases")).basic_auth("admin", Some("admin"));
    assert_eq!(refusal(basic).await.1, ProblemCode::Unauthenticated);
}

#[tokio::test]
async fn another_project_is_not_there() {
    let server = Server::start().await;
    let device = Persona::enrol(&server, 1, &["S1:supervisor"]).await;
    let key = server.key(Role::Analyst).await;
    let other = projects::create(&server.app, "OTHER", "Another").await.expect("a project is made");
    for token in [&device.token(), &key] {
        let request = server.get(&server.url(&format!("/v1/projects/{}/cases", other.id))).bearer_auth(token);
        assert_eq!(refusal(request).await.1, ProblemCode::NotFound);
    }
    // A device that claims the other project is not one of its devices.
    let claims = json!({ "iss": device.enrolled.device, "aud": other.id, "iat": NOW, "exp": NOW + 300 });
    assert_eq!(said(&server, &device, &claims).await, Err(ProblemCode::Unauthenticated));
}

#[tokio::test]
async fn a_revoked_device_is_refused_from_its_next_request_on() {
    let server = Server::start().await;
    let device = Persona::enrol(&server, 1, &["S1:supervisor"]).await;
    let claims = claims(&device, NOW, NOW + 300);
    assert_eq!(said(&server, &device, &claims).await, Ok(()));
    assert!(devices::revoke(&server.app, PROJECT, "1").await.expect("the device is known"));
    assert_eq!(said(&server, &device, &claims).await, Err(ProblemCode::DeviceRevoked));
    assert!(!devices::revoke(&server.app, PROJECT, "1").await.expect("the device is known"));
}

#[tokio::test]
async fn a_key_ends_when_it_expires_or_is_revoked() {
    let server = Server::start().await;
    let url = server.project_url("/cases");
    let made = api_keys::create(&server.app, PROJECT, "dashboard", Role::Analyst, 60_000)
        .await
        .expect("a key is made");
    let ask =
        async || server.get(&url).bearer_auth(&made.text).send().await.expect("the server answers").status();
    assert_eq!(ask().await, 200);
    server.app.clock().advance_ms(60_000);
    assert_eq!(ask().await, 401);
    let key = server.key(Role::Analyst).await;
    let listed = api_keys::list(&server.app, PROJECT).await.expect("keys are listed");
    let id = listed.last().expect("two keys were made").id;
    assert!(api_keys::revoke(&server.app, PROJECT, id).await.expect("the key is known"));
    let refused = refusal(server.get(&url).bearer_auth(&key)).await;
    assert_eq!(refused.1, ProblemCode::Unauthenticated);
}
