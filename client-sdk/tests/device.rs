//! The device and its folder, with a server that only enrols.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::thread;

use fieldmerge_model::pack::HIMO;
use fieldmerge_sdk::{
    AreaId, ClientError, Clock, Device, ErrorKind, ListQuery, NewRecord, Options, RecordEdit, SyncOptions,
    Value,
};

const AREA: AreaId = AreaId([7; 16]);
const ENROLLED: &str = r#"{
    "project": "11111111-1111-1111-1111-111111111111", "project_code": "TEST",
    "device": "0102030405060708090a", "number": 12, "label": "Hery",
    "server_key": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    "sealing_key": "QxDul9iMwfCIpVdsd6sM9cOseX89lROcbIS1QpxZZiqe4PccqB3PSP4zqkMYcA1Ctmua_pYLSV0wchLyiq63qNOO4ZajOh0E0Vt72opcEdsmKTh5KE87yjFUlD9zakoB",
    "root_area": "22222222-2222-2222-2222-222222222222", "server_ms": 1772000000000
}"#;

/// Answers each request the same way, until the test ends.
fn serve(status: &'static str, body: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut reader = BufReader::new(stream.try_clone().expect("a socket"));
            let (mut line, mut length) = (String::new(), 0);
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().expect("a length");
                }
                line.clear();
            }
            let mut sent = vec![0; length];
            reader.read_exact(&mut sent).expect("a body");
            let head =
                format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            stream
                .write_all(head.as_bytes())
                .and_then(|()| stream.write_all(body.as_bytes()))
                .expect("answered");
        }
    });
    address
}

async fn open(folder: &Path) -> Result<Device, ClientError> {
    let options =
        Options { clock: Clock::fixed(1_772_000_000_000), seed: Some([3; 32]), forms: HIMO.versions() };
    Device::open_with(folder, options).await
}

async fn enrolled(folder: &Path) -> Device {
    let device = open(folder).await.expect("opens");
    let server = serve("200 OK", ENROLLED);
    let enrolment = device.enrol(&format!("http://{server}/"), "CODE").await.expect("enrolled");
    assert_eq!(enrolment.number, 12);
    device
}

fn worker(name: &str) -> NewRecord {
    NewRecord::new("worker", AREA).set("family_name", name).set("sex", "female").add("languages", "mlg")
}

#[tokio::test]
async fn what_was_saved_offline_is_there_after_reopening() {
    let folder = tempfile::tempdir().expect("a folder");
    let device = enrolled(folder.path()).await;
    let record = device.records().create(worker("Rakoto")).await.expect("saved");
    device
        .records()
        .edit(RecordEdit::new(record).set("birth_year", 1991).remove("languages", "mlg"))
        .await
        .expect("saved");
    let (view, outbox) = (device.records().get(record).await, device.outbox().await);
    assert_eq!(outbox.changes.len(), 2);
    drop(device);
    let device = open(folder.path()).await.expect("opens");
    assert_eq!(device.records().get(record).await, view);
    assert_eq!(device.outbox().await, outbox);
    assert_eq!(device.records().list(&ListQuery::default()).await.len(), 1);
    assert_eq!(device.records().find("rak", 5).await[0].summary.record, record);
    let view = view.expect("the record");
    assert!(
        view.values
            .iter()
            .any(|value| value.path.as_str() == "birth_year" && value.value == Value::Int(1991))
    );
}

#[cfg(unix)]
#[tokio::test]
async fn the_key_is_readable_by_its_owner_alone_and_not_in_the_database() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    drop(enrolled(folder.path()).await);
    let file = folder.path().join("device.key");
    let key = std::fs::read(&file).expect("the key");
    assert_eq!(std::fs::metadata(&file).expect("the key").permissions().mode() & 0o777, 0o600);
    for file in ["device.db", "device.db-wal"] {
        let bytes = std::fs::read(folder.path().join(file)).unwrap_or_default();
        assert!(!bytes.windows(key.len()).any(|window| window == key), "{file}");
    }
}

#[tokio::test]
async fn two_programs_do_not_open_one_device() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = enrolled(folder.path()).await;
    let second = open(folder.path()).await.err().expect("refused");
    assert_eq!((second.kind, second.code.as_str()), (ErrorKind::Storage, "in-use"));
    drop(first);
    assert!(open(folder.path()).await.is_ok());
}

#[tokio::test]
async fn without_a_link_nothing_is_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    // The server that enrolled goes away with its listener's port answering everything alike: not a bundle.
    let device = enrolled(folder.path()).await;
    device.records().create(worker("Rakoto")).await.expect("saved");
    let error = device.sync(SyncOptions::default()).await.expect_err("not a bundle");
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Offline, "malformed-answer"));
    assert!(error.is_retryable());
    assert_eq!(device.outbox().await.changes.len(), 1);
}

#[tokio::test]
async fn a_sync_that_its_caller_gave_up_does_not_stand_in_the_way() {
    let folder = tempfile::tempdir().expect("a folder");
    let device = enrolled(folder.path()).await;
    device.records().create(worker("Rakoto")).await.expect("saved");
    for _ in 0..3 {
        let given_up =
            tokio::time::timeout(std::time::Duration::from_micros(50), device.sync(SyncOptions::default()));
        _ = given_up.await;
    }
    device.records().create(worker("Rabe")).await.expect("a save goes on");
    let report = device.try_sync(SyncOptions::default()).await.expect("a report");
    assert_eq!(report.requests, 1);
    assert_eq!(device.outbox().await.changes.len(), 2);
}

#[tokio::test]
async fn refusals_keep_their_code() {
    let folder = tempfile::tempdir().expect("a folder");
    let device = open(folder.path()).await.expect("opens");
    let error = device.records().create(worker("Rakoto")).await.expect_err("not enrolled");
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::SignedOut, "not-enrolled"));
    assert_eq!(
        device.sync(SyncOptions::default()).await.expect_err("not enrolled").kind,
        ErrorKind::SignedOut
    );
    let problem = r#"{"type": "urn:fieldmerge:problem:enrolment-code-invalid", "title": "", "status": 403,
        "code": "enrolment-code-invalid"}"#;
    let server = serve("403 Forbidden", problem);
    let error = device.enrol(&format!("http://{server}"), "CODE").await.expect_err("refused");
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Refused, "enrolment-code-invalid"));
    let elsewhere = serve("200 OK", ENROLLED);
    let link = |key: &str| format!("fieldmerge://enrol?url=http%3A%2F%2F{elsewhere}&code=CODE&key={key}");
    let error =
        device.enrol_by(&link("IlNDPxd77YLRJwtNlldr6D9xU28S2ImO3LUBpGwGbFg")).await.expect_err("refused");
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Refused, "other-server"));
    assert_eq!(device.enrol_by("fieldmerge://enrol?code=CODE").await.expect_err("refused").code, "bad-link");
    let error = device.enrol("not an address", "CODE").await.expect_err("refused");
    assert_eq!(error.code, "bad-address");
    let nobody = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let error = device.enrol(&format!("http://{nobody}"), "CODE").await.expect_err("nobody there");
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Offline, "offline"));
}

#[tokio::test]
async fn a_file_is_sealed_to_the_key_that_the_server_has_signed() {
    let folder = tempfile::tempdir().expect("a folder");
    let device = enrolled(folder.path()).await;
    device.records().create(worker("Rakotoarisoa")).await.expect("saved");
    let file = device.export_bundle().await.expect("exported");
    assert!(file.starts_with(b"FMB") && !file.windows(12).any(|bytes| bytes == b"Rakotoarisoa"));
    assert_eq!(device.carried().await, [], "its own frames are nobody else's");

    let elsewhere = tempfile::tempdir().expect("a folder");
    let device = open(elsewhere.path()).await.expect("opens");
    // Somebody on the way puts a key of his own there.
    let other = ENROLLED.replace("QxDul9iM", "QxDul9iN");
    let error = device.enrol(&format!("http://{}", serve("200 OK", other.leak())), "CODE").await;
    assert_eq!(error.expect_err("refused").code, "other-server");
    let none = ENROLLED.replace("sealing_key", "other_key");
    device.enrol(&format!("http://{}", serve("200 OK", none.leak())), "CODE").await.expect("an older server");
    device.records().create(worker("Rakoto")).await.expect("saved");
    let error = device.export_bundle().await.expect_err("nothing leaves the device unsealed");
    assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Refused, "no-sealing-key"));
}

#[tokio::test]
async fn the_log_of_the_store_is_empty_after_a_sync() {
    let folder = tempfile::tempdir().expect("a folder");
    let device = enrolled(folder.path()).await;
    device.records().create(worker("Rakoto")).await.expect("saved");
    let log = || std::fs::metadata(folder.path().join("device.db-wal")).map_or(0, |log| log.len());
    assert!(log() > 0);
    device.try_sync(SyncOptions::default()).await.expect("a report");
    assert_eq!(log(), 0);
}
