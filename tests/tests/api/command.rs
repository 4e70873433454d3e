//! The command line, as a process.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use fieldmerge_sdk::{Device, NewRecord, SyncOptions, Value as Given};
use fieldmerge_tests::database::folder;
use fieldmerge_tests::world::process;
use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};

/// The program of the server, on a database.
pub struct Fieldmerge {
    pub database: String,
}

impl Fieldmerge {
    pub fn run(&self, arguments: &[&str]) -> Output {
        let program = env!("CARGO_BIN_EXE_fieldmerge_under_test");
        let mut command = Command::new(program);
        command.args(arguments).env("FIELDMERGE_DATABASE", &self.database);
        command.output().expect("the program runs")
    }

    pub fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--json"]].concat());
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{arguments:?}: {err}");
        serde_json::from_str(&out).expect("the output is JSON")
    }

    pub fn exit(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let output = self.run(arguments);
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

pub fn fieldmerge(folder: &Path) -> Fieldmerge {
    Fieldmerge { database: format!("sqlite:{}", folder.join("fieldmerge.db").display()) }
}

#[test]
fn an_administrator_makes_a_project_and_invites_a_device() {
    let folder = folder();
    let it = fieldmerge(folder.path());
    let project = it.json(&["admin", "project", "new", "ROADS", "Rural roads"]);
    assert_eq!(project["code"], "ROADS");
    it.json(&["admin", "area", "new", "ROADS", "S1", "Iarintsena"]);
    let person = it.json(&["admin", "person", "new", "ROADS", "Hery"]);
    let person = person["id"].as_str().expect("an id");
    let code = it.json(&[
        "admin",
        "device",
        "code",
        "ROADS",
        "Hery",
        "--grant",
        "S1:enumerator",
        "--person",
        person,
        "--url",
        "https://x.org",
    ]);
    let enrol = code["enrol"].as_str().expect("a text");
    assert!(enrol.starts_with("fieldmerge://enrol?url=https%3A%2F%2Fx.org&code="), "{enrol}");
    let areas = it.json(&["admin", "area", "list", "ROADS"]);
    let codes: Vec<&str> =
        areas.as_array().expect("a list").iter().filter_map(|area| area["code"].as_str()).collect();
    assert_eq!(codes, ["S1", "all"]);
    let key = it.json(&["admin", "key", "new", "ROADS", "Dashboard", "--role", "analyst"]);
    assert!(key["key"].as_str().is_some_and(|key| key.starts_with("fmk_")));
    let keys = it.json(&["admin", "key", "list", "ROADS"]);
    assert_eq!((&keys[0]["id"], &keys[0]["role"]), (&key["id"], &"analyst".into()));
    assert_eq!(it.json(&["admin", "device", "list", "ROADS"]), serde_json::json!([]));
    assert_eq!(it.json(&["verify"])["projects"][0]["difference_count"], 0);
    let compacted = it.json(&["admin", "compact", "ROADS"]);
    assert_eq!((&compacted[0]["project"], &compacted[0]["segments_after"]), (&"ROADS".into(), &0.into()));
    let said = it.run(&["admin", "compact"]).stdout;
    assert_eq!(String::from_utf8_lossy(&said), "ROADS: nothing to compact in 0 segments\n");
}

#[test]
fn a_failure_says_why_and_by_which_kind() {
    let folder = folder();
    let it = fieldmerge(folder.path());
    it.json(&["admin", "project", "new", "ROADS", "Rural roads"]);
    for (arguments, code, said) in [
        (&["admin", "area", "list", "GHOST"][..], 3, "there is no project `GHOST`"),
        (&["admin", "compact", "GHOST"], 3, "there is no project `GHOST`"),
        (&["admin", "project", "new", "ROADS", "Again"], 4, "the project `ROADS` exists already"),
        (&["admin", "project", "new", "a b", "Again"], 2, "1 to 32 letters"),
        (&["admin", "device", "code", "ROADS", "Hery", "--grant", "S1"], 2, "not AREA:ROLE"),
        (
            &["admin", "device", "code", "ROADS", "Hery", "--grant", "S9:enumerator"],
            3,
            "there is no area `S9`",
        ),
        (&["admin", "grant", "add", "ROADS", "7", "all:enumerator"], 3, "there is no device `7`"),
        (&["admin", "key", "new", "ROADS", "X", "--role", "enumerator"], 2, "analyst or administrator"),
        (&["export", "--project", "ROADS", "--type", "ghost"], 2, "worker"),
        (
            &["export", "--project", "ROADS", "--type", "worker", "--role", "administrator"],
            2,
            "lists no such rows",
        ),
        (&["frobnicate"], 2, "unrecognized subcommand"),
    ] {
        let (exit, text) = it.exit(arguments);
        assert_eq!(exit, Some(code), "{arguments:?}: {text}");
        assert!(text.contains(said), "{arguments:?}: {text}");
    }
    let unknown = Fieldmerge { database: "mysql://x".to_owned() };
    let (exit, text) = unknown.exit(&["admin", "project", "list"]);
    assert_eq!(exit, Some(1));
    assert!(text.contains("neither with sqlite: nor with postgres:"), "{text}");
}

#[test]
fn an_export_appears_when_it_is_complete() {
    let folder = folder();
    let it = fieldmerge(folder.path());
    it.json(&["admin", "project", "new", "ROADS", "Rural roads"]);
    let file = folder.path().join("workers.csv");
    let path = file.to_str().expect("the path is text");
    let output = it.run(&["export", "--project", "ROADS", "--type", "worker", "--output", path]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = std::fs::read_to_string(&file).expect("the file is there");
    assert!(text.starts_with("_id,_area,worker_number") || text.starts_with("_id,_area,"), "{text}");
    assert_eq!(text.lines().count(), 1);
}

#[test]
fn the_document_of_the_api_can_be_printed() {
    let folder = folder();
    let document = fieldmerge(folder.path()).json(&["openapi"]);
    assert_eq!(document["info"]["title"], "Fieldmerge");
    assert!(!folder.path().join("fieldmerge.db").exists(), "no database is needed for that");
}

#[test]
fn a_mistyped_database_is_not_made() {
    let folder = folder();
    let it = fieldmerge(folder.path());
    for arguments in [
        &["admin", "project", "list"][..],
        &["admin", "area", "new", "ROADS", "S1", "Iarintsena"],
        &["export", "--project", "ROADS", "--type", "worker"],
        &["verify"],
    ] {
        let (exit, text) = it.exit(arguments);
        assert_eq!(exit, Some(3), "{arguments:?}: {text}");
        assert!(text.contains("there is no database "), "{arguments:?}: {text}");
        assert!(text.contains("`fieldmerge admin project new` makes one"), "{arguments:?}: {text}");
    }
    assert!(!folder.path().join("fieldmerge.db").exists());
}

#[tokio::test]
async fn the_file_of_another_program_is_left_as_it_is() {
    let folder = folder();
    let file = folder.path().join("fieldmerge.db");
    let options = SqliteConnectOptions::new().filename(&file).create_if_missing(true);
    let mut other = SqliteConnection::connect_with(&options).await.expect("a database");
    sqlx::query("CREATE TABLE meta (key BLOB)").execute(&mut other).await.expect("a table");
    other.close().await.expect("it closes");
    let before = std::fs::read(&file).expect("it reads");
    let (exit, text) = fieldmerge(folder.path()).exit(&["admin", "project", "new", "ROADS", "Rural roads"]);
    assert_eq!(exit, Some(1), "{text}");
    assert!(text.contains("is not a Fieldmerge server database (it holds other tables)"), "{text}");
    assert_eq!(std::fs::read(&file).expect("it reads"), before);
}

#[test]
fn a_failure_in_json_has_a_code_and_a_sentence() {
    let folder = folder();
    let it = fieldmerge(folder.path());
    for (arguments, code) in
        [(&["--json", "frobnicate"][..], "usage"), (&["--json", "admin", "project", "list"], "not-found")]
    {
        let (_, text) = it.exit(arguments);
        let error: Value = serde_json::from_str(&text).expect("the error is JSON");
        assert_eq!(error["error"], code, "{text}");
        assert!(error["message"].is_string(), "{text}");
    }
}

#[tokio::test]
async fn a_phone_of_the_demo_can_be_opened_while_it_serves() {
    let folder = folder();
    let home = folder.path().join("the demo");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let mut command = Command::new(env!("CARGO_BIN_EXE_fieldmerge_under_test"));
    command.args(["demo", "--listen", &address, "--folder"]).arg(&home);
    let used = command.output().expect("the program runs");
    assert_eq!(used.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&used.stderr).contains("choose another by --listen and --folder"));
    assert!(!home.exists());
    drop(listener);
    let mut serving = command.stdout(Stdio::piped()).spawn().expect("the program runs");
    let lines = BufReader::new(serving.stdout.take().expect("a pipe")).lines();
    let told: Vec<String> =
        lines.map(|line| line.expect("text")).take_while(|line| !line.starts_with("Stop with")).collect();
    let opened = Device::open(home.join("a")).await;
    serving.kill().expect("it is stopped");
    serving.wait().expect("it ends");
    assert_eq!(opened.expect("it opens").conflicts().await.len(), 2);
    let text = told.join("\n");
    assert!(text.contains("the link breaks after 2000 bytes. Nothing is lost."), "{text}");
    assert!(
        text.contains(&format!("fieldmerge-device --folder '{}' conflicts", home.join("a").display())),
        "{text}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_never_had_a_network_comes_on_a_stick_and_its_receipts_go_back() {
    let folder = folder();
    let it = fieldmerge(folder.path());
    it.json(&["admin", "project", "new", "ROADS", "Rural roads"]);
    it.json(&["admin", "area", "new", "ROADS", "S1", "Iarintsena"]);
    let program = env!("CARGO_BIN_EXE_fieldmerge_under_test");
    let mut server = process::Server::start(program, &it.database, Ipv4Addr::new(127, 0, 9, 1), None).await;
    let url = format!("http://{}", server.address);
    let mut devices = Vec::new();
    for name in ["Hery", "Lalao"] {
        let code = ["admin", "device", "code", "ROADS", name, "--grant", "S1:enumerator", "--url", &url];
        let link = it.json(&code)["enrol"].as_str().expect("a link").to_owned();
        let device = Device::open(folder.path().join(name)).await.expect("it opens");
        device.enrol_by(&link).await.expect("it enrols");
        device.sync(SyncOptions::default()).await.expect("it learns its areas");
        devices.push(device);
    }
    let [hery, lalao] = &devices[..] else { panic!("two devices") };
    server.kill();

    let area = hery.status().await.areas.iter().find(|area| area.code == "S1").expect("its site").area;
    let worker = || NewRecord::new("worker", area).set("family_name", "Rakotoarisoa").set("sex", "female");
    let record = hery.records().create(worker()).await.expect("saved");
    let secret = *b"what nobody sees";
    let observation = NewRecord::new("observation", area).about(record);
    let observation = observation.set("corrects", Given::Bytes(secret.to_vec()));
    hery.records().create(observation).await.expect("saved");
    let kept = || {
        let files = std::fs::read_dir(folder.path().join("Hery")).expect("its folder");
        let files = files.map(|file| std::fs::read(file.expect("a file").path()).expect("it reads"));
        files.filter(|bytes| bytes.windows(16).any(|bytes| bytes == secret)).count()
    };
    assert!(kept() > 0);
    // One meets the other, who brings the stick to the office.
    lalao.import_bundle(hery.export_bundle().await.expect("exported")).await.expect("imported");
    let [carried] = &lalao.carried().await[..] else { panic!("for one author") };
    assert_eq!((carried.label.as_deref(), carried.frames), (Some("Hery"), 2));
    let (stick, back) = (folder.path().join("stick.fmb"), folder.path().join("back.fmb"));
    let file = lalao.export_bundle().await.expect("exported");
    assert!(!file.windows(12).any(|bytes| bytes == b"Rakotoarisoa"));
    std::fs::write(&stick, file).expect("written");
    let paths = [&stick, &back].map(|path| path.to_str().expect("a plain path"));
    let taken = it.json(&["admin", "bundle", "take", "ROADS", paths[0], "--receipts", paths[1]]);
    assert_eq!(taken, serde_json::json!({ "frames": 2, "accepted": 2, "aside": 0, "unresolved": 0 }));
    assert_eq!(it.json(&["verify"])["projects"][0]["difference_count"], 0);

    for device in [lalao, hery] {
        device.import_bundle(std::fs::read(&back).expect("receipts")).await.expect("imported");
    }
    assert_eq!((lalao.carried().await[0].frames, lalao.carried().await[0].delivered), (0, 2));
    assert_eq!(hery.outbox().await.changes, [], "acknowledged without a network");
    assert_eq!(kept(), 0, "an observation that the server has leaves no trace on the phone");

    it.json(&["admin", "bundle", "new-key", "ROADS"]);
    let noted =
        it.json(&["admin", "backup-verified", "ROADS", "--up-to", "2026-03-02T02:00:00Z"])["backed_up_ms"]
            .clone();
    assert_eq!(noted, 1_772_416_800_000_i64);
    let earlier = it.json(&["admin", "backup-verified", "ROADS", "--up-to", "2026-03-01T02:00:00Z"]);
    assert_eq!(earlier["backed_up_ms"], noted, "what phones were told stands");
    for (arguments, code) in [
        (&["admin", "backup-verified", "ROADS", "--up-to", "9999-03-02T02:00:00Z"][..], 2),
        (&["admin", "backup-verified", "ROADS", "--up-to", "yesterday"], 2),
        (&["admin", "bundle", "take", "ROADS", "/nowhere/at/all"], 1),
        (&["admin", "bundle", "take", "GHOST", paths[0]], 3),
        (&["admin", "bundle", "new-key", "GHOST"], 3),
    ] {
        assert_eq!(it.exit(arguments).0, Some(code), "{arguments:?}");
    }
}
