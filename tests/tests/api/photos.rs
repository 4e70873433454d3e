//! Photos from phone to phone: the SDK, a real server, links that fail, processes that are killed.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;

use fieldmerge_protocol::AttachmentHash;
use fieldmerge_sdk::{
    AreaId, AttachmentState, Device, NewRecord, RecordId, SyncEnd, SyncOptions, SyncReport,
};
use fieldmerge_server::failpoint;
use fieldmerge_server::verify::verify;
use fieldmerge_tests::database::{Database, Kind, folder};
use fieldmerge_tests::server::{PROJECT, Server};
use fieldmerge_tests::world::proxy::{Conditions, Proxy};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::attachments::{hash_of, picture};

const BOTH: [Kind; 2] = [Kind::Sqlite, Kind::Postgres];
const PROGRAM: &str = env!("CARGO_BIN_EXE_fieldmerge_under_test");

async fn enrolled(address: &str, code: &str) -> (Device, TempDir) {
    let folder = folder();
    let device = Device::open(folder.path()).await.expect("a folder opens");
    device.enrol(address, code).await.expect("a fresh code enrols");
    device.sync(SyncOptions::default()).await.expect("the server is there");
    (device, folder)
}

async fn phone(server: &Server, label: &str, grant: &str) -> (Device, TempDir) {
    enrolled(&server.url(""), &server.code(label, &[grant]).await).await
}

/// An identity with a photo and its thumbnail.
async fn photograph(device: &Device, area: AreaId, photo: &[u8], thumbnail: &[u8]) -> [AttachmentHash; 2] {
    let worker = device.records().create(NewRecord::new("worker", area).set("sex", "female")).await;
    let worker: RecordId = worker.expect("a worker is saved");
    let photo = device.attach(photo).await.expect("it is kept");
    let thumbnail = device.attach(thumbnail).await.expect("it is kept");
    let identity = NewRecord::new("identity", area).about(worker).photo("photo", photo, Some(thumbnail));
    device.records().create(identity).await.expect("an identity is saved");
    [photo, thumbnail]
}

fn budget(bytes: u64) -> SyncOptions {
    SyncOptions { attachment_bytes: Some(bytes), ..SyncOptions::default() }
}

async fn sync(device: &Device, options: SyncOptions) -> SyncReport {
    device.sync(options).await.expect("the link is good")
}

async fn state(device: &Device, hash: AttachmentHash) -> AttachmentState {
    let all = device.attachments().await;
    all.into_iter().find(|one| one.hash == hash).expect("the device knows of it").state
}

#[tokio::test]
async fn a_photo_comes_to_who_asks_for_it_and_its_thumbnail_by_itself() {
    for kind in BOTH {
        let server = Server::start_on(kind).await;
        let (author, _one) = phone(&server, "Hery", "S1:enumerator").await;
        let (reader, _other) = phone(&server, "Voahangy", "S1:adjudicator").await;
        let (large, small) = (picture(1, 300_000), picture(2, 5_000));
        let [photo, thumbnail] = photograph(&author, server.area, &large, &small).await;
        assert_eq!((photo, thumbnail), (hash_of(&large), hash_of(&small)));

        // The record first: with no budget nothing else leaves the phone.
        let first = sync(&author, budget(0)).await;
        assert_eq!((first.accepted, first.attachments_sent, first.attachment_bytes), (2, 0, 0));
        assert_eq!(author.status().await.attachments_waiting, 2);
        assert_eq!(sync(&reader, SyncOptions::default()).await.attachments_received, 0);
        assert_eq!(state(&reader, thumbnail).await, AttachmentState::Expected);
        assert_eq!(state(&reader, photo).await, AttachmentState::Absent);

        // Budgets are kept to the byte, and the thumbnail goes first.
        let mut sent = Vec::new();
        while author.status().await.attachments_waiting > 0 {
            let report = sync(&author, budget(90_000)).await;
            assert!(report.attachment_bytes <= 90_000, "{report:?}");
            sent.push((report.attachment_bytes, state(&author, thumbnail).await));
        }
        let bytes: Vec<u64> = sent.iter().map(|(bytes, _)| *bytes).collect();
        assert_eq!(bytes, [90_000, 90_000, 90_000, 35_000]);
        assert_eq!(sent[0].1, AttachmentState::Kept);

        // It has been asked for before it was there, so now somebody has to want it.
        reader.want(thumbnail).await.expect("a record names it");
        let report = sync(&reader, SyncOptions::default()).await;
        assert_eq!((report.attachments_received, report.attachment_bytes), (1, 5_000));
        assert_eq!(reader.attachment(thumbnail).await.expect("the disk reads"), Some(small));
        assert_eq!(reader.attachment(photo).await.expect("the disk reads"), None);
        reader.want(photo).await.expect("a record names it");
        let mut pieces = Vec::new();
        while reader.attachment_file(photo).await.is_none() {
            pieces.push(sync(&reader, budget(120_000)).await.attachment_bytes);
        }
        assert_eq!(pieces, [120_000, 120_000, 60_000]);
        assert_eq!(reader.attachment(photo).await.expect("the disk reads"), Some(large));
        let verified = verify(&server.app, Some(PROJECT)).await.expect("the store answers");
        assert!(verified.is_good(), "{}", verified.text());
        assert_eq!(verified.projects[0].attachments, 2);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_that_is_cut_again_and_again_brings_a_photo_in_the_end() {
    for kind in BOTH {
        let server = Server::start_on(kind).await;
        let proxy = Proxy::open(server.address, Conditions::default()).await;
        let (author, folder) = enrolled(&proxy.url(), &server.code("Hery", &["S1:enumerator"]).await).await;
        let (large, small) = (picture(1, 200_000), picture(2, 4_000));
        let [photo, _] = photograph(&author, server.area, &large, &small).await;
        sync(&author, budget(0)).await;
        let mut author = author;
        let mut cuts = 0;
        while author.status().await.attachments_waiting > 0 {
            proxy.allow(Some(21_001), None);
            let report = author.try_sync(SyncOptions::default()).await.expect("the disk is well");
            cuts += u32::from(report.end == SyncEnd::Offline);
            assert!(cuts < 40, "it does not come nearer");
            if cuts.is_multiple_of(3) {
                // The phone is switched off and on.
                drop(author);
                author = Device::open(folder.path()).await.expect("the folder opens again");
            }
        }
        assert!(cuts >= 5, "{cuts}");
        proxy.allow(None, None);
        let (reader, _other) = phone(&server, "Voahangy", "S1:adjudicator").await;
        reader.want(photo).await.expect("a record names it");
        sync(&reader, SyncOptions::default()).await;
        assert_eq!(reader.attachment(photo).await.expect("the disk reads"), Some(large));
    }
}

#[tokio::test]
async fn a_damaged_file_is_refused_alone_and_attached_again() {
    let server = Server::start().await;
    let (author, folder) = phone(&server, "Hery", "S1:enumerator").await;
    let (large, small) = (picture(1, 30_000), picture(2, 4_000));
    let [photo, thumbnail] = photograph(&author, server.area, &large, &small).await;
    let file = folder.path().join("attachments").join(thumbnail.to_string());
    std::fs::write(&file, picture(9, 4_000)).expect("it can be damaged");
    let report = sync(&author, SyncOptions::default()).await;
    assert_eq!((report.accepted, report.attachments_sent), (2, 1), "the other one is not held up");
    assert_eq!(state(&author, photo).await, AttachmentState::Kept);
    let refused = AttachmentState::Refused { code: "attachment-mismatch".into() };
    assert_eq!(state(&author, thumbnail).await, refused);
    assert_eq!(sync(&author, SyncOptions::default()).await.attachment_bytes, 0, "it is not sent for ever");
    author.attach(&small).await.expect("it is kept");
    assert_eq!(sync(&author, SyncOptions::default()).await.attachments_sent, 1);
    // Without its file it is not there, and says so.
    std::fs::remove_file(&file).expect("it is there");
    assert_eq!(author.attachment(thumbnail).await.expect("the disk reads"), None);
}

#[tokio::test]
async fn what_no_record_names_stays_here() {
    let server = Server::start().await;
    let (author, folder) = phone(&server, "Hery", "S1:enumerator").await;
    let hash = author.attach(&picture(1, 3_000)).await.expect("it is kept");
    assert_eq!(sync(&author, SyncOptions::default()).await.attachment_bytes, 0);
    assert_eq!(state(&author, hash).await, AttachmentState::Unnamed);
    for (bytes, code) in [(0, "attachment-size"), ((16 << 20) + 1, "attachment-size")] {
        let error = author.attach(&vec![1; bytes]).await.expect_err("it has no fit size");
        assert_eq!(error.code, code);
    }
    // What a crash left without a row is deleted when the device is opened.
    drop(author);
    let files = folder.path().join("attachments");
    for left in ["new-7".to_owned(), hash_of(b"x").to_string(), format!("{}.part", hash_of(b"y"))] {
        std::fs::write(files.join(left), b"left").expect("it can be written");
    }
    let author = Device::open(folder.path()).await.expect("the folder opens again");
    let names: Vec<_> = std::fs::read_dir(&files).expect("it is there").collect();
    assert_eq!(names.len(), 1);
    assert_eq!(author.attachment(hash).await.expect("the disk reads"), Some(picture(1, 3_000)));
}

/// A server as a process, with its own database and its own place for attachments.
struct Process {
    child: Child,
    address: SocketAddr,
}

impl Process {
    async fn start(database: &str, place: &str, environment: &[(&str, String)]) -> Self {
        let mut command = Command::new(PROGRAM);
        command
            .args([
                "serve",
                "--json",
                "--listen",
                "127.0.0.1:0",
                "--database",
                database,
                "--attachments",
                place,
            ])
            .env("FIELDMERGE_LOG", "off")
            .env_remove("FIELDMERGE_DIE_AT")
            .envs(environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().expect("the server starts");
        let mut lines = BufReader::new(child.stdout.take().expect("it was asked for")).lines();
        let line = lines.next_line().await.expect("it says where it listens").expect("it came up");
        let started: serde_json::Value = serde_json::from_str(&line).expect("it speaks JSON");
        let api = started["api"].as_str().and_then(|api| api.strip_prefix("http://")).expect("an address");
        Self { child, address: api.parse().expect("it is an address") }
    }
}

async fn fieldmerge(
    database: &str,
    place: &str,
    environment: &[(&str, String)],
    arguments: &[&str],
) -> serde_json::Value {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).args(["--json", "--database", database, "--attachments", place]);
    command.envs(environment.iter().map(|(name, value)| (name, value)));
    let output = command.stdin(Stdio::null()).output().await.expect("the program runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said} {}", String::from_utf8_lossy(&output.stdout));
    serde_json::from_slice(&output.stdout).expect("the output is JSON")
}

async fn code(database: &str, place: &str, label: &str, grant: &str) -> String {
    let made =
        fieldmerge(database, place, &[], &["admin", "device", "code", "P", label, "--grant", grant]).await;
    made["code"].as_str().expect("a code").to_owned()
}

/// A project with one site.
async fn found(database: &str, place: &str) {
    fieldmerge(database, place, &[], &["admin", "project", "new", "P", "Project"]).await;
    fieldmerge(database, place, &[], &["admin", "area", "new", "P", "S1", "Site"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_at_any_step_of_an_upload_loses_no_byte_of_it() {
    for kind in BOTH {
        let database = Database::new(kind).await;
        let (database, place) = (&database.url(), folder());
        let place = place.path().join("photos").display().to_string();
        found(database, &place).await;
        let mut server = Process::start(database, &place, &[]).await;
        let proxy = Proxy::open(server.address, Conditions::default()).await;
        let enumerator = code(database, &place, "Hery", "S1:enumerator").await;
        let (author, _one) = enrolled(&proxy.url(), &enumerator).await;
        let area = author.status().await.areas.iter().find(|area| area.code == "S1").expect("the site").area;
        let mut photos = Vec::new();
        for (seed, point) in (1..).zip(failpoint::UPLOAD.iter().flat_map(|point| [(*point, 1), (*point, 2)]))
        {
            let (large, small) = (picture(seed, 150_000), picture(100 + seed, 3_000));
            photos.push((photograph(&author, area, &large, &small).await[0], large));
            sync(&author, budget(0)).await;
            server.child.kill().await.expect("it ends");
            let dies = format!("{}:{}", point.0, point.1);
            server = Process::start(database, &place, &[("FIELDMERGE_DIE_AT", dies)]).await;
            proxy.lead_to(server.address);
            let cut = author.try_sync(SyncOptions::default()).await.expect("the disk is well");
            assert_eq!(cut.end, SyncEnd::Offline, "{point:?}");
            server = Process::start(database, &place, &[]).await;
            proxy.lead_to(server.address);
            let again = sync(&author, SyncOptions::default()).await;
            assert_eq!(author.status().await.attachments_waiting, 0, "{point:?}: {again:?}");
            // Whatever was acknowledged before is not sent again.
            assert!(cut.attachment_bytes + again.attachment_bytes <= 153_000 + 131_072, "{point:?}");
        }
        let adjudicator = code(database, &place, "Voahangy", "S1:adjudicator").await;
        let (reader, _other) = enrolled(&proxy.url(), &adjudicator).await;
        for (photo, bytes) in photos {
            reader.want(photo).await.expect("a record names it");
            sync(&reader, SyncOptions::default()).await;
            assert_eq!(reader.attachment(photo).await.expect("the disk reads"), Some(bytes));
        }
        let report = fieldmerge(database, &place, &[], &["verify"]).await;
        let project = &report["projects"][0];
        let counts = ["attachments", "attachments_missing", "attachments_expected", "difference_count"];
        assert_eq!(counts.map(|name| project[name].as_u64()), [Some(12), Some(0), Some(0), Some(0)]);
    }
}

/// An S3 server over a folder, and the environment that leads to it.
async fn s3(root: &Path) -> Vec<(&'static str, String)> {
    std::fs::create_dir_all(root.join("photos")).expect("a bucket can be made");
    let mut service = s3s::service::S3ServiceBuilder::new(s3s_fs::FileSystem::new(root).expect("a folder"));
    service.set_auth(s3s::auth::SimpleAuth::from_single("key", "secret"));
    let service = service.build();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let address = listener.local_addr().expect("a listener has an address");
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let service = service.clone();
            tokio::spawn(async move {
                let serving = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                // A client that goes away is no concern of the server's.
                _ = serving.serve_connection(TokioIo::new(socket), service).await;
            });
        }
    });
    vec![
        ("AWS_ENDPOINT", format!("http://{address}")),
        ("AWS_ALLOW_HTTP", "true".to_owned()),
        ("AWS_ACCESS_KEY_ID", "key".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "secret".to_owned()),
        ("AWS_REGION", "us-east-1".to_owned()),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn attachments_stand_in_a_bucket_of_s3() {
    let (root, at) = (folder(), folder());
    let environment = s3(root.path()).await;
    let database = format!("sqlite:{}", at.path().join("fieldmerge.db").display());
    let place = "s3://photos/of/programme";
    found(&database, place).await;
    let server = Process::start(&database, place, &environment).await;
    let address = format!("http://{}", server.address);
    let (author, _one) = enrolled(&address, &code(&database, place, "Hery", "S1:enumerator").await).await;
    let (reader, _other) =
        enrolled(&address, &code(&database, place, "Voahangy", "S1:adjudicator").await).await;
    let area = author.status().await.areas.iter().find(|area| area.code == "S1").expect("the site").area;
    // More than one part of S3, and one of a few bytes.
    let (large, small) = (picture(1, 11 << 20), picture(2, 2_000));
    let [photo, thumbnail] = photograph(&author, area, &large, &small).await;
    sync(&author, budget(64 << 20)).await;
    assert_eq!(author.status().await.attachments_waiting, 0);
    reader.sync(SyncOptions::default()).await.expect("the link is good");
    reader.want(photo).await.expect("a record names it");
    sync(&reader, budget(64 << 20)).await;
    assert_eq!(reader.attachment(thumbnail).await.expect("the disk reads"), Some(small));
    assert!(reader.attachment(photo).await.expect("the disk reads") == Some(large), "all of it");
    let name = photo.to_string();
    let projects = std::fs::read_dir(root.path().join("photos/of/programme")).expect("the prefix is there");
    let project = projects.into_iter().next().expect("one project").expect("it reads").path();
    assert!(project.join(&name[..2]).join(&name).is_file());
    let report = fieldmerge(&database, place, &environment, &["verify"]).await;
    assert_eq!(report["projects"][0]["attachments"], 2);
    assert_eq!(report["projects"][0]["difference_count"], 0);
}
