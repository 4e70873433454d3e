//! Commands on a device that a server of one answer has enrolled.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::thread;

use clap::{CommandFactory, Parser};
use fieldmerge_model::pack::HIMO;
use fieldmerge_sdk::{AreaId, Device, NewRecord, Options};

use super::arguments::Cli;
use super::text::{Output, count, escaped, quoted};
use super::{Failure, run};

const ENROLLED: &str = r#"{
    "project": "11111111-1111-1111-1111-111111111111", "project_code": "TEST",
    "device": "0102030405060708090a", "number": 12, "label": "Hery",
    "server_key": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
    "sealing_key": "QxDul9iMwfCIpVdsd6sM9cOseX89lROcbIS1QpxZZiqe4PccqB3PSP4zqkMYcA1Ctmua_pYLSV0wchLyiq63qNOO4ZajOh0E0Vt72opcEdsmKTh5KE87yjFUlD9zakoB",
    "root_area": "22222222-2222-2222-2222-222222222222", "server_ms": 1772000000000
}"#;

/// Answers one request.
fn answer_once(body: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a device");
        let mut reader = BufReader::new(stream.try_clone().expect("a socket"));
        let (mut line, mut length) = (String::new(), 0);
        while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
            if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().expect("a length");
            }
            line.clear();
        }
        reader.read_exact(&mut vec![0; length]).expect("a body");
        let size = body.len();
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n{body}");
        stream.write_all(answer.as_bytes()).expect("answered");
    });
    format!("http://{address}")
}

async fn on(folder: &Path, arguments: &[&str]) -> Result<(), Failure> {
    let folder = folder.to_str().expect("a text");
    let cli = Cli::try_parse_from([&["fieldmerge-device", "--folder", folder], arguments].concat())
        .expect("the arguments are right");
    let output = Output::new(cli.json, &cli.folder);
    run(cli, &output).await
}

async fn refused(folder: &Path, arguments: &[&str]) -> (u8, String) {
    let failure = on(folder, arguments).await.expect_err("it is refused");
    (failure.exit(), failure.to_string())
}

/// A device that has the forms of the pack.
async fn enrolled(folder: &Path) {
    let forms = HIMO.versions();
    drop(Device::open_with(folder, Options { forms, ..Options::default() }).await.expect("it opens"));
    on(folder, &["enrol", &answer_once(ENROLLED), "CODE"]).await.expect("it enrols");
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
    assert_eq!(Cli::command().get_name(), "fieldmerge-device");
}

#[test]
fn texts_are_safe_to_show_and_to_copy() {
    assert_eq!(escaped("a\u{1b}[2J\nb"), "a\\u{1b}[2J\\nb");
    assert_eq!(quoted("it's here"), r"'it'\''s here'");
    assert_eq!(quoted("a/b"), "a/b");
    assert_eq!((count(1_usize, "change"), count(2_u64, "change")), ("1 change".into(), "2 changes".into()));
}

#[tokio::test]
async fn only_enrol_makes_a_folder() {
    let home = tempfile::tempdir().expect("a folder");
    let folder = home.path().join("hery");
    let (exit, text) = refused(&folder, &["status"]).await;
    assert_eq!(exit, 3, "{text}");
    assert!(text.contains("holds no device; `fieldmerge-device --folder"), "{text}");
    for (server, said) in [("127.0.0.1:7400", "http://"), ("http://127.0.0.1:7400", "code")] {
        let (exit, text) = refused(&folder, &["enrol", server]).await;
        assert_eq!(exit, 2, "{text}");
        assert!(text.contains(said), "{text}");
    }
    assert!(!folder.exists());
    let (exit, text) = refused(&folder, &["enrol", &answer_once("<html>"), "CODE"]).await;
    assert_eq!(exit, 4, "{text}");
    assert!(text.contains("not as a Fieldmerge server"), "{text}");
}

#[tokio::test]
async fn a_device_that_has_lost_its_key_gets_no_other() {
    let home = tempfile::tempdir().expect("a folder");
    enrolled(home.path()).await;
    std::fs::remove_file(home.path().join("device.key")).expect("removed");
    let (exit, text) = refused(home.path(), &["status"]).await;
    assert_eq!(exit, 1, "{text}");
    assert!(text.contains("device.key) is missing; put it back from where the folder was copied"), "{text}");
    assert!(!home.path().join("device.key").exists());
}

#[tokio::test]
async fn nothing_is_written_where_nothing_waits_or_something_else_stands() {
    let home = tempfile::tempdir().expect("a folder");
    enrolled(home.path()).await;
    let (bundle, other) = (home.path().join("bundle"), home.path().join("other"));
    let (to_bundle, to_other) = (bundle.to_str().expect("a text"), other.to_str().expect("a text"));
    on(home.path(), &["carry", "export", to_bundle]).await.expect("nothing waits");
    assert!(!bundle.exists());
    std::fs::write(&other, "a letter").expect("written");
    let (exit, text) = refused(home.path(), &["carry", "export", to_other]).await;
    assert_eq!(exit, 2, "{text}");
    assert_eq!(std::fs::read(&other).expect("it reads"), b"a letter");
    let device = Device::open(home.path()).await.expect("it opens");
    let worker = NewRecord::new("worker", AreaId([7; 16])).set("family_name", "Rakoto").set("sex", "male");
    device.records().create(worker).await.expect("saved");
    drop(device);
    for _ in 0..2 {
        on(home.path(), &["carry", "export", to_bundle]).await.expect("a change waits");
        assert!(std::fs::read(&bundle).expect("it reads").starts_with(b"FMB"));
    }
}

#[tokio::test]
async fn what_is_given_twice_or_does_not_fit_is_refused_in_words() {
    let home = tempfile::tempdir().expect("a folder");
    enrolled(home.path()).await;
    let id = "00000000-0000-7000-8000-000000000001";
    for (arguments, said) in [
        (&["register", "S1", "family_name=a", "family_name=b"][..], "family_name is given twice"),
        (&["register", "S1", "birth_year=abc"], "birth_year is a year from 1900 to 2100"),
        (&["register", "S1", "sex=x"], "sex takes female, male"),
        (&["register", "S1", "languages=fra"], "languages takes several answers: languages/"),
        (&["register", "S1", "ghost=1"], "worker has no field ghost"),
        (&["attend", "S1", "2026-03-02", id, id], "is on this sheet twice"),
        (&["decide", id, "sex", "male", "--reason", " "], "say why: --reason needs a sentence"),
        (&["list", "--type", "ghost"], "there is no record type ghost"),
    ] {
        let (exit, text) = refused(home.path(), arguments).await;
        assert_eq!(exit, 2, "{arguments:?}: {text}");
        assert!(text.contains(said), "{arguments:?}: {text}");
    }
}

#[tokio::test]
async fn a_form_is_shown_and_not_saved_before_it_is_right() {
    let home = tempfile::tempdir().expect("a folder");
    enrolled(home.path()).await;
    on(home.path(), &["fill", "himo_household", "--language", "fr"]).await.expect("it is shown");
    for (arguments, exit, said) in [
        (&["fill", "himo_ghost"][..], 3, "there is no form himo_ghost; `fieldmerge-device --folder"),
        (&["fill", "himo_worker", "ghost=1"], 3, "no question ghost"),
        (&["fill", "himo_worker", "sex"], 2, "QUESTION=ANSWER"),
        (&["fill", "himo_worker", "birth_year=soon"], 1, "birth_year: "),
        (&["fill", "himo_worker", "--save", "S1"], 1, "Please answer this question."),
        (&["fill", "himo_worker", "--save", "S1", "--incomplete"], 3, "S1"),
        (&["fill", "himo_assignment", "--about", "ghost"], 3, "no record on this device"),
    ] {
        let (code, text) = refused(home.path(), arguments).await;
        assert_eq!(code, exit, "{arguments:?}: {text}");
        assert!(text.contains(said), "{arguments:?}: {text}");
    }
    let device = Device::open(home.path()).await.expect("it opens");
    assert!(device.outbox().await.changes.is_empty(), "nothing was written");
}
