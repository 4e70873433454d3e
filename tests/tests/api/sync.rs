//! The frame of a sync: its headers, and that it answers. What it merges is tested elsewhere.

use fieldmerge_protocol::RecordClass;
use fieldmerge_protocol::api::BUNDLE_MEDIA_TYPE;
use fieldmerge_tests::persona::{Persona, receipts_of};
use fieldmerge_tests::server::Server;

use crate::workers::{record, worker};

#[tokio::test]
async fn an_answer_is_a_bundle_that_no_proxy_keeps_back() {
    let server = Server::start().await;
    let device = Persona::enrol(&server, 1, &["S1:enumerator"]).await;
    let answer = device.sync(&server, device.empty_body()).send().await.expect("the server answers");
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], BUNDLE_MEDIA_TYPE);
    assert_eq!(answer.headers()["x-accel-buffering"], "no");
    assert!(receipts_of(answer).await.is_empty());
}

#[tokio::test]
async fn what_was_pushed_is_counted_and_verifies() {
    let server = Server::start().await;
    let mut device = Persona::enrol(&server, 1, &["S1:enumerator"]).await;
    let changes: Vec<_> = (1..=5).map(|n| (record(n), worker(&server, &device, record(n)))).collect();
    device.push(&server, RecordClass::Core, &changes).await;
    let metrics = server.app.metrics().to_text();
    assert!(metrics.contains("fieldmerge_sync_changes_total{outcome=\"accepted\"} 5"), "{metrics}");
    assert!(
        metrics.contains("fieldmerge_http_requests_total{method=\"POST\",route=\"/v1/projects/{project}/sync\",status=\"200\"} 1"),
        "{metrics}"
    );
    let report = fieldmerge_server::verify::verify(&server.app, None).await.expect("the store answers");
    assert!(report.is_good(), "{}", report.text());
    assert_eq!(
        (report.projects[0].records, report.projects[0].changes, report.projects[0].proofs),
        (5, 5, 1)
    );
}
