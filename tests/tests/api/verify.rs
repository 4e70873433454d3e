//! `verify` finds what somebody changed behind the server's back.

use fieldmerge_protocol::{RecordClass, Value};
use fieldmerge_server::compact;
use fieldmerge_server::verify::{ProjectReport, verify};
use fieldmerge_tests::database::Kind;
use fieldmerge_tests::persona::Persona;
use fieldmerge_tests::server::{PROJECT, Server};

use crate::workers::{attendance, conflict, record};

/// A server that holds a conflict, an observation and a log.
async fn full_server(kind: Kind) -> Server {
    let server = Server::start_on(kind).await;
    let grants = ["S1:enumerator", "S1:supervisor"];
    let mut a = Persona::enrol(&server, 1, &grants).await;
    let mut b = Persona::enrol(&server, 2, &grants).await;
    conflict(&server, &mut a, &mut b, record(1)).await;
    let answers = [("wg_seeing", Value::str("1"))];
    let observation = a.new_record(&server, record(2), "observation", Some(record(1)), &answers);
    a.push(&server, RecordClass::Observation, &[(record(2), observation)]).await;
    let sheet = attendance(&server, &b, record(3), record(1));
    b.push(&server, RecordClass::Attendance, &[(record(3), sheet)]).await;
    server
}

async fn report(server: &Server) -> ProjectReport {
    let report = verify(&server.app, Some(PROJECT)).await.expect("the store answers");
    report.projects.into_iter().next().expect("one project was asked for")
}

#[tokio::test]
async fn what_the_server_wrote_verifies() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let report = report(&full_server(kind).await).await;
        assert_eq!(report.differences, Vec::<String>::new(), "{kind:?}");
        let ProjectReport { records, changes, entries, cases, frames, proofs, .. } = report;
        assert_eq!((records, changes, entries, cases, frames, proofs), (3, 5, 1, 2, 4, 4));
    }
}

#[tokio::test]
async fn after_compaction_the_author_of_each_change_is_proven() {
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let server = full_server(kind).await;
        compact::now(&server.app, Some(PROJECT)).await.expect("the store answers");
        let report = report(&server).await;
        assert_eq!(report.differences, Vec::<String>::new(), "{kind:?}");
        let ProjectReport { changes, frames, proofs, .. } = report;
        assert_eq!((changes, frames, proofs), (5, 3, 4), "the two of the worker became one");
    }
}

#[tokio::test]
async fn what_somebody_changed_is_found() {
    for (tampering, said) in [
        ("UPDATE records SET current_values = '{}' WHERE record_type = 'worker'", "current values"),
        ("UPDATE records SET change_count = 9 WHERE record_type = 'worker'", "counts 9 changes"),
        ("UPDATE records SET open_case_count = 0", "open cases"),
        ("UPDATE records SET author = zeroblob(16) WHERE record_type = 'worker'", "does not describe"),
        ("UPDATE records SET state = x'00' WHERE record_type = 'observation'", "does not parse"),
        ("DELETE FROM records WHERE record_type = 'observation'", "is not one of record"),
        ("DELETE FROM cases WHERE path = 'sex'", "the case about sex"),
        ("UPDATE cases SET closed_ms = 5 WHERE path = 'sex'", "the case about sex"),
        ("UPDATE cases SET candidates = '[]' WHERE path = 'sex'", "the case about sex"),
        ("DELETE FROM entries", "0 entries of 1"),
        ("UPDATE entries SET body = x'8140'", "encode to its hash"),
        ("DELETE FROM segments WHERE class = 2", "ends at 0"),
        ("UPDATE segments SET body = x'00' WHERE class = 2", "does not decode"),
        ("UPDATE feeds SET head = head + 1 WHERE class = 2", "ends at 1"),
        ("UPDATE segments SET device = zeroblob(10) WHERE class = 2", "not of the writer that it names"),
        ("UPDATE proofs SET signature = zeroblob(64)", "not signed by the device"),
        ("UPDATE proofs SET receipt = x'00'", "receipt that does not parse"),
        ("DELETE FROM proofs WHERE frame = 1", "no proof"),
    ] {
        let server = full_server(Kind::Sqlite).await;
        server.database.tamper(tampering).await;
        let report = report(&server).await;
        let told = report.differences.join("\n");
        assert!(told.contains(said), "{tampering}: {told}");
        for hidden in crate::workers::PERSONAL {
            assert!(!told.contains(hidden), "{told}");
        }
    }
}
