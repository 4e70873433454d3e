//! S1, S2, S5: what a device sends, counted on the link.

use std::collections::BTreeMap;

use fieldmerge_protocol::RecordClass;
use fieldmerge_server::sync::push::json;
use fieldmerge_tests::database::folder;
use fieldmerge_tests::synthetic::People;

use super::Plan;
use super::author::Answered;
use super::http::Connection;
use super::load;
use super::output::{Limit, Report, count, progress};
use super::sdk::Phone;
use super::server::Server;
use super::site::{Kind, Site};

/// Batch, syncs of it, limit of S1.
const BATCHES: [(usize, usize, f64); 4] =
    [(1_000, 1, 80.0), (100, 3, 110.0), (10, 10, 220.0), (1, 20, 1_000.0)];
/// Records up and down of S5.
const BOTH_WAYS: usize = 1_000;

/// Measures what is wanted of S1, S2 and S5.
pub async fn run(plan: &Plan, report: &mut Report) {
    if !plan.wants_any(&[1, 2, 5]) {
        return;
    }
    progress("S1, S2, S5: a phone on a link that counts");
    let site = Site::found(Kind::Sqlite, 1).await;
    let server = site.serve().await;
    let folder = folder();
    let mut phone = Phone::enrolled(&site, &server, 0, folder.path()).await;
    if plan.wants(1) {
        registrations(&mut phone, report).await;
    }
    if plan.wants(2) {
        edits(&mut phone, report).await;
    }
    if plan.wants(5) {
        both_ways(&site, &server, &mut phone, report).await;
    }
    server.stop().await;
}

async fn registrations(phone: &mut Phone, report: &mut Report) {
    what_it_is(report);
    for (what, with_observation) in [("", false), (" core+observation", true)] {
        for (batch, syncs, limit) in BATCHES {
            let mut up = 0;
            for _ in 0..syncs {
                phone.register(batch, with_observation).await;
                up += phone.sync().await.1.up;
            }
            let limit = if with_observation { Limit::None } else { Limit::AtMost(limit) };
            report.figure(1, &format!("batch={batch}{what}"), count(up) / count(batch * syncs), "B", limit);
        }
    }
}

/// How much a registration is before anything is done to it, to judge the figures by.
fn what_it_is(report: &mut Report) {
    let mut people = People::new(77);
    for (what, with_observation) in [("core", false), ("core+observation", true)] {
        let (mut bytes, mut answers) = (0, 0);
        for _ in 0..1_000 {
            let mut values = people.worker();
            values.extend(with_observation.then(|| people.observation()).into_iter().flatten());
            let json: BTreeMap<&str, serde_json::Value> =
                values.iter().map(|(path, value)| (path.as_str(), json(value))).collect();
            bytes += serde_json::json!(json).to_string().len();
            answers += values.len();
        }
        report.figure(1, &format!("{what}, as JSON"), count(bytes) / 1_000.0, "B", Limit::None);
        report.figure(1, &format!("{what}, answers"), count(answers) / 1_000.0, "answers", Limit::None);
    }
}

async fn edits(phone: &mut Phone, report: &mut Report) {
    let workers = phone.register(1_000, false).await;
    phone.sync().await;
    phone.edit(&workers).await;
    let (_, traffic) = phone.sync().await;
    report.figure(2, "batch=1000", count(traffic.up) / 1_000.0, "B", Limit::AtMost(30.0));
}

async fn both_ways(site: &Site, server: &Server, phone: &mut Phone, report: &mut Report) {
    let mut author = site.author(5, 0, &["S0:enumerator"]).await;
    let mut connection = Connection::to(server.address).await;
    let made = author.register(BOTH_WAYS);
    let frame = author.frame(RecordClass::Core, &made, &BTreeMap::new(), load::PHONE_LEVEL);
    let mut answered = Answered::default();
    load::exchange(&mut connection, &mut author, &[frame], &mut answered).await;
    assert_eq!((answered.frames, answered.exceptions), (1, 0), "the server takes what is down for the phone");
    phone.register(BOTH_WAYS, false).await;
    let (done, traffic) = phone.sync().await;
    assert_eq!(usize::try_from(done.accepted), Ok(BOTH_WAYS), "everything was sent");
    report.figure(5, "1000 up, 1000 down", done.requests.into(), "requests", Limit::AtMost(1.0));
    report.figure(
        5,
        "1000 up, 1000 down, bytes both ways",
        count(traffic.up + traffic.down),
        "B",
        Limit::None,
    );
}
