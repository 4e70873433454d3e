//! Disks that are full, or that lost the end of what was written to them.

use std::fs::OpenOptions;
use std::io::Write;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use fieldmerge_engine::SyncEnd;
use fieldmerge_protocol::problem::ProblemCode;
use fieldmerge_tests::database::{Database, Kind};
use fieldmerge_tests::world::link::Wire;
use fieldmerge_tests::world::process::Server;
use fieldmerge_tests::world::seeds::{self, runtime};
use fieldmerge_tests::world::work::Ledger;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};

use crate::AGAIN;
use crate::run::{PROGRAM, Template, Worker, settle};

/// A file of the database.
fn file(database: &Database, end: &str) -> PathBuf {
    let url = database.url();
    PathBuf::from(format!("{}{end}", url.strip_prefix("sqlite:").expect("a database of SQLite")))
}

fn bytes(database: &Database, end: &str) -> u64 {
    std::fs::metadata(file(database, end)).map_or(0, |file| file.len())
}

/// Saves and syncs, and tells how the sync ended.
async fn round(worker: &mut Worker, server: &Server, ledger: &mut Ledger) -> SyncEnd {
    for _ in 0..8 {
        worker.work.save(&mut worker.phone, ledger).expect("this phone does not die");
    }
    let report = worker.phone.sync(&mut Wire::to(server.address)).await.expect("this phone does not die");
    ledger.note_synced(&worker.phone);
    report.end
}

/// What is acknowledged is there when the disk has room again, and until then the server answers.
#[test]
fn a_server_whose_disk_is_full_loses_nothing() {
    let template = Template::make(Kind::Sqlite);
    runtime().block_on(async {
        let (database, mut ledger) = (template.database.copy().await, Ledger::default());
        let (host, mut workers) = (Ipv4Addr::new(127, 1, 203, 1), [Worker::of(&template, 1)]);
        let kib = bytes(&database, "").div_ceil(1024) + 100;
        let mut server = Server::start_on_full_disk(PROGRAM, &database.url(), host, kib).await;
        let (mut taken, mut refused) = (0, 0);
        while refused < 5 {
            match round(&mut workers[0], &server, &mut ledger).await {
                SyncEnd::Complete => taken += 1,
                SyncEnd::Refused { code: Some(ProblemCode::Unavailable), .. } => refused += 1,
                other => panic!("after {taken} syncs: {other:?}"),
            }
        }
        assert!(taken > 0, "it was full from the beginning");
        server.make_room();
        let end = round(&mut workers[0], &server, &mut ledger).await;
        assert_eq!(end, SyncEnd::Complete, "nobody has to start it anew");
        server.kill();
        server.ended().await;
        settle(&template, &database, host, &mut workers, ledger).await;
    });
}

/// A server that is killed after three syncs, for each seed; `damage` is done to the log of its database before it is started
/// anew. What the phone did is all there in the end.
fn power_goes(first: u64, count: u64, block: u8, damage: impl Fn(&mut ChaCha8Rng, &Path) + Sync) {
    let template = Template::make(Kind::Sqlite);
    seeds::run(first, count, AGAIN, |seed| {
        runtime().block_on(async {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let (database, mut ledger) = (template.database.copy().await, Ledger::default());
            let host = Ipv4Addr::new(127, 1, block, 1 + u8::try_from(seed % 200).expect("small"));
            let mut workers = [Worker::of(&template, rng.next_u64())];
            let mut server = Server::start(PROGRAM, &database.url(), host, None).await;
            for _ in 0..3 {
                assert_eq!(round(&mut workers[0], &server, &mut ledger).await, SyncEnd::Complete);
            }
            server.kill();
            server.ended().await;
            damage(&mut rng, &file(&database, "-wal"));
            settle(&template, &database, host, &mut workers, ledger).await;
        });
    });
}

/// What was being written when the power went is not whole, and counts as never written; all before it stands.
#[test]
fn a_log_of_the_database_that_ends_in_pieces_loses_nothing() {
    power_goes(0, 12, 204, |rng, path| {
        let log = std::fs::read(path).expect("a server that was killed leaves its log");
        let from = rng.next_u32() as usize % log.len();
        let to = (from + rng.next_u32() as usize % 20_000).min(log.len());
        // Pages that stood there before, of a transaction that was never ended.
        let mut torn = OpenOptions::new().append(true).open(path).expect("it opens");
        torn.write_all(&log[from..to]).expect("it is written");
    });
}

/// A disk that lies about what it has written loses the last seconds of a server with the power. Phones notice, and bring it
/// all again.
#[test]
fn what_a_disk_lost_with_the_power_the_phones_bring_again() {
    power_goes(1_000, 24, 205, |rng, path| {
        let log = OpenOptions::new().write(true).open(path).expect("it opens");
        let length = log.metadata().expect("a server that was killed leaves its log").len();
        log.set_len(rng.next_u64() % length).expect("it is cut");
    });
}
