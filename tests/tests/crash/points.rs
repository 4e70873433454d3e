//! Each point that is listed is come to, and a server that dies there loses nothing.

use std::net::Ipv4Addr;
use std::time::Duration;

use fieldmerge_server::failpoint;
use fieldmerge_tests::database::Kind;
use fieldmerge_tests::world::link::Wire;
use fieldmerge_tests::world::process::{self, Server};
use fieldmerge_tests::world::seeds::runtime;
use fieldmerge_tests::world::work::Ledger;

use crate::run::{PROGRAM, Template, Worker, settle};

/// Longer than any machine takes: a point that is not come to must not keep the test waiting for ever.
const PATIENCE: Duration = Duration::from_mins(2);

#[test]
fn a_server_dies_at_each_point_that_is_listed() {
    for (kind, third) in [(Kind::Sqlite, 201), (Kind::Postgres, 202)] {
        let template = Template::make(kind);
        for (point, last) in failpoint::SYNC.iter().chain(&failpoint::JUDGING).zip(1..) {
            runtime().block_on(die(&template, point, Ipv4Addr::new(127, 1, third, last)));
        }
        runtime().block_on(die_compacting(&template, Ipv4Addr::new(127, 1, third, 200)));
    }
}

async fn die(template: &Template, point: &'static str, host: Ipv4Addr) {
    let (database, mut ledger) = (template.database.copy().await, Ledger::default());
    let mut workers = [Worker::of(template, 1)];
    let Worker { phone, work } = &mut workers[0];
    let mut server = Server::start(PROGRAM, &database.url(), host, Some((point, 1))).await;
    for _ in 0..4 {
        work.save(phone, &mut ledger).expect("this phone does not die");
    }
    phone.sync(&mut Wire::to(server.address)).await.expect("this phone does not die");
    ledger.note_synced(phone);
    let ended = tokio::time::timeout(PATIENCE, server.ended()).await;
    assert_eq!(ended, Ok(true), "{point} was not come to");
    settle(template, &database, host, &mut workers, ledger).await;
}

async fn die_compacting(template: &Template, host: Ipv4Addr) {
    let (database, mut ledger) = (template.database.copy().await, Ledger::default());
    let mut workers = [Worker::of(template, 1)];
    let Worker { phone, work } = &mut workers[0];
    let mut server = Server::start(PROGRAM, &database.url(), host, None).await;
    for _ in 0..6 {
        work.save(phone, &mut ledger).expect("this phone does not die");
        phone.sync(&mut Wire::to(server.address)).await.expect("this phone does not die");
        ledger.note_synced(phone);
    }
    for point in failpoint::COMPACTION {
        let died = process::compact(PROGRAM, &database.url(), Some((point, 1))).await;
        assert!(died, "{point} was not come to");
    }
    server.kill();
    server.ended().await;
    settle(template, &database, host, &mut workers, ledger).await;
}
