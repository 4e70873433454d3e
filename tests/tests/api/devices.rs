//! The commands of a device, as people and programs give them: what passes between devices, and photos.

use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use fieldmerge_tests::database::folder;
use fieldmerge_tests::world::process;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::attachments::picture;
use crate::command::{Fieldmerge, fieldmerge};

const SERVER: &str = env!("CARGO_BIN_EXE_fieldmerge_under_test");

/// A device in a folder of its own.
pub struct Phone(PathBuf);

impl Phone {
    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fieldmerge_device_under_test"));
        command.arg("--folder").arg(&self.0).args(arguments).output().expect("the program runs")
    }

    /// What a command tells people.
    pub fn says(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        String::from_utf8(output.stdout).expect("text").trim_end().to_owned()
    }

    /// What it tells programs.
    pub fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.says(&[&["--json"], arguments].concat())).expect("the output is JSON")
    }

    /// A command that fails says why in a sentence, and its kind by exit code and code.
    pub fn refuses(&self, arguments: &[&str], exit: i32, code: &str, sentence: &str) {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(exit), "{arguments:?}: {said}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        assert!(said.starts_with("error: ") && said.contains(sentence), "{arguments:?}: {said}");
        let output = self.run(&[&["--json"], arguments].concat());
        let said: Value = serde_json::from_slice(&output.stderr).expect("the error is JSON");
        assert_eq!((output.status.code(), &said["error"]), (Some(exit), &json!(code)), "{arguments:?}");
        assert!(
            said["message"].as_str().is_some_and(|text| text.contains(sentence)),
            "{arguments:?}: {said}"
        );
    }
}

/// A project with a site, a server and devices that have synced once.
pub struct Office {
    pub folder: TempDir,
    pub admin: Fieldmerge,
    pub server: process::Server,
}

impl Office {
    pub async fn open(host: Ipv4Addr) -> Self {
        let folder = folder();
        let admin = fieldmerge(folder.path());
        admin.json(&["admin", "project", "new", "ROADS", "Rural roads"]);
        admin.json(&["admin", "area", "new", "ROADS", "S1", "Iarintsena"]);
        let server = process::Server::start(SERVER, &admin.database, host, None).await;
        Self { folder, admin, server }
    }

    /// Kills the server.
    pub async fn stop(&mut self) {
        self.server.kill();
        self.server.ended().await;
    }

    pub fn device(&self, name: &str, grant: &str) -> Phone {
        let url = format!("http://{}", self.server.address);
        let code = ["admin", "device", "code", "ROADS", name, "--grant", grant, "--url", &url];
        let link = self.admin.json(&code)["enrol"].as_str().expect("a link").to_owned();
        let phone = Phone(self.folder.path().join(name));
        assert_eq!(phone.json(&["enrol", &link])["label"], name);
        phone.json(&["sync"]);
        phone
    }

    /// A file that people hand around.
    pub fn file(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().expect("a plain path").to_owned()
    }
}

fn cut(from: &str, to: &str) {
    let whole = std::fs::read(from).expect("it is there");
    std::fs::write(to, &whole[..whole.len() - 7]).expect("it is written");
}

fn give<'a>(to: &'a str, file: &'a str) -> [&'a str; 5] {
    ["exchange", "give", "--to", to, file]
}

fn take(file: &str) -> [&str; 3] {
    ["exchange", "take", file]
}

fn import(file: &str) -> [&str; 3] {
    ["carry", "import", file]
}

fn fetch<'a>(hash: &'a str, file: &'a str) -> [&'a str; 3] {
    ["fetch", hash, file]
}

fn attach<'a>(record: &'a str, field: &'a str, file: &'a str) -> [&'a str; 4] {
    ["attach", record, field, file]
}

const RAKOTO: [&str; 5] = ["register", "S1", "family_name=Rakoto", "sex=female", "birth_year=1991"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_devices_exchange_without_a_network() {
    let mut office = Office::open(Ipv4Addr::new(127, 0, 9, 2)).await;
    let (hery, lalao) = (office.device("Hery", "S1:supervisor"), office.device("Lalao", "S1:supervisor"));
    let third = office.device("Third", "S1:supervisor");
    // They have to know of each other.
    hery.refuses(&give("Lalao", "x"), 3, "not-found", "no device of the project is called");
    hery.json(&["sync"]);
    lalao.json(&["sync"]);
    office.stop().await;
    hery.refuses(&["sync"], 4, "offline", "nothing is lost");

    let (there, back) = (office.file("for-lalao.fmx"), office.file("for-hery.fmx"));
    assert_eq!(hery.says(&give("Lalao", &there)), "There is nothing for Lalao; no file was written.");
    assert!(!Path::new(&there).exists());
    hery.says(&RAKOTO);
    let said = hery.says(&give("lalao", &there));
    assert!(said.starts_with(&format!("1 frame for Lalao in {there} (")), "{said}");
    let said = lalao.says(&["exchange", "take", &there]);
    assert_eq!(
        said,
        "Shown from now on, not yet confirmed by the server: 1 change. Carried to the server: 1 frame."
    );
    assert!(lalao.says(&["show", "Rakoto"]).contains("from another device, not confirmed yet"));
    let again = lalao.json(&["exchange", "take", &there]);
    let nothing = json!({ "frames": 0, "changes": 0, "waiting": 0, "not_shown": 0, "roster_expired": false,
        "receipts": 0, "skipped": 0 });
    assert_eq!(again, nothing, "once more does no harm");

    lalao.says(&["edit", "Rakoto", "birth_year=1990"]);
    let given = lalao.json(&give("1", &back));
    assert_eq!((&given["frames"], &given["receipts"], &given["left_out"]), (&json!(1), &json!(0), &json!(0)));
    assert_eq!(given["bytes"], std::fs::metadata(&back).expect("it is there").len());
    assert_eq!(hery.json(&["exchange", "take", &back])["changes"], 1);
    let shown = hery.json(&["show", "Rakoto"]);
    assert_eq!(shown["provisional"], json!(["birth_year"]), "{shown}");

    // What is no file for this device.
    let (short, text, gone) = (office.file("short.fmx"), office.file("notes.txt"), office.file("gone.fmx"));
    cut(&there, &short);
    std::fs::write(&text, "not a bundle").expect("it is written");
    lalao.refuses(&take(&gone), 1, "file", "cannot be read or written");
    lalao.refuses(&take(&short), 5, "bad-file", "not a file from another device, or is damaged");
    lalao.refuses(&take(&text), 5, "bad-file", "not a file from another device");
    third.refuses(&take(&there), 5, "other-device", "meant for another device");
    let mut wrong = std::fs::read(&there).expect("it is there");
    *wrong.last_mut().expect("it has bytes") ^= 1;
    std::fs::write(&short, wrong).expect("it is written");
    lalao.refuses(&take(&short), 5, "damaged-file", "damaged on its way");
    hery.refuses(&give("Hery", &back), 5, "unknown-device", "no such device");
    hery.refuses(&give("Lalao", &text), 2, "usage", "is not a bundle; name another file");
    assert_eq!(std::fs::read(&text).expect("it is there"), b"not a bundle");
    hery.refuses(&give("Lalao", &office.file("no/such/folder")), 1, "file", "cannot be read or written");
    hery.refuses(&["exchange", "give", "x"], 2, "usage", "--to");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_device_carries_what_another_wrote() {
    let mut office = Office::open(Ipv4Addr::new(127, 0, 9, 3)).await;
    let (hery, lalao) = (office.device("Hery", "S1:enumerator"), office.device("Lalao", "S1:enumerator"));
    lalao.json(&["sync"]);
    let (stick, back) = (office.file("hery.fmb"), office.file("back.fmb"));
    assert_eq!(hery.says(&["carry", "export", &stick]), "Nothing waits for the server; no file was written");
    assert_eq!(lalao.says(&["carry", "list"]), "Nothing is carried for other devices");
    hery.says(&RAKOTO);
    let said = hery.says(&["carry", "export", &stick]);
    assert!(said.starts_with(&format!("1 change for the server in {stick} (")), "{said}");
    assert!(!String::from_utf8_lossy(&std::fs::read(&stick).expect("it is there")).contains("Rakoto"));
    let said = lalao.says(&["carry", "import", &stick]);
    assert_eq!(said, "Carried from now on: 1 frame. Applied: 0 receipts.");
    let carried = &lalao.json(&["carry", "list"])[0];
    assert_eq!(
        (&carried["label"], &carried["frames"], &carried["delivered"]),
        (&json!("Hery"), &json!(1), &json!(0))
    );

    let (short, text) = (office.file("short.fmb"), office.file("notes.txt"));
    cut(&stick, &short);
    std::fs::write(&text, "not a bundle").expect("it is written");
    lalao.refuses(&import(&office.file("gone.fmb")), 1, "file", "cannot be read or written");
    lalao.refuses(&import(&short), 5, "bad-file", "ends early");
    lalao.refuses(&import(&text), 5, "bad-file", "not a bundle, or is damaged");
    lalao.refuses(&["carry", "export", &text], 2, "usage", "is not a bundle; name another file");
    // The file of another project is passed over.
    let other = Office::open(Ipv4Addr::new(127, 0, 9, 4)).await;
    let stranger = other.device("Stranger", "S1:enumerator");
    assert_eq!(stranger.json(&import(&stick))["skipped"], 1);
    let said = stranger.says(&import(&stick));
    assert!(said.ends_with("Left out, as not of this project: 1 part."), "{said}");

    lalao.json(&["sync"]);
    let said = lalao.says(&["carry", "list"]);
    assert_eq!(said, "Hery; 1 frame received");
    lalao.says(&["carry", "export", &back]);
    office.stop().await;
    assert_eq!(hery.json(&import(&back))["receipts"], 1);
    assert_eq!(hery.json(&["outbox"])["changes"], json!([]), "acknowledged without a network");
    assert!(lalao.says(&["list"]).contains("Rakoto"), "it came with the feed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_photo_goes_from_one_device_to_another() {
    let office = Office::open(Ipv4Addr::new(127, 0, 9, 5)).await;
    let hery = office.device("Hery", "S1:enumerator");
    let judge = office.device("Judge", "S1:adjudicator");
    assert_eq!(hery.says(&["attachments"]), "No attachment.");
    let (photo, small, copy) = (office.file("face.jpg"), office.file("small.jpg"), office.file("copy.jpg"));
    std::fs::write(&photo, picture(1, 40_000)).expect("it is written");
    std::fs::write(&small, picture(2, 3_000)).expect("it is written");
    hery.says(&RAKOTO);
    let identity = hery.says(&["create", "identity", "S1", "--about", "Rakoto"]);
    let attached = hery.json(&["attach", &identity, "photo", &photo, "--thumbnail", &small]);
    assert_eq!(attached["record"], json!(identity));
    let hash = attached["attachment"].as_str().expect("a hash").to_owned();
    let waiting = hery.says(&["attachments"]);
    assert!(waiting.contains(&hash) && waiting.contains("40000 bytes"), "{waiting}");
    assert_eq!(waiting.matches("waits to be sent").count(), 2, "{waiting}");
    let listed = office.admin.json(&["admin", "attachments", "ROADS"]);
    assert_eq!(listed, json!([]), "the record has not come either");

    hery.json(&["sync"]);
    assert_eq!(hery.says(&["attachments"]).matches("here, and at the server").count(), 2);
    judge.json(&["sync"]);
    let one = |list: &Value, hash: &str| {
        let all = list["attachments"].as_array().expect("a list");
        all.iter().find(|one| one["attachment"] == hash).cloned().expect("it is known")
    };
    let known = judge.json(&["attachments"]);
    assert_eq!(one(&known, &hash)["state"], "absent");
    assert_eq!(one(&known, attached["thumbnail"].as_str().expect("a hash"))["here"], true);
    let said = judge.says(&["fetch", &hash, &copy]);
    assert_eq!(said, format!("40000 bytes in {copy}"));
    assert_eq!(std::fs::read(&copy).expect("it is there"), picture(1, 40_000));

    judge.refuses(&fetch(&hash, &copy), 2, "usage", "exists; name another file");
    judge.refuses(&fetch("photo", &office.file("x")), 2, "usage", "64 hexadecimal digits");
    let unknown = "0".repeat(64);
    judge.refuses(&fetch(&unknown, &office.file("x")), 5, "no-such-attachment", "no record on this device");
    judge.refuses(&fetch(&hash, &office.file("no/folder")), 1, "file", "cannot be read or written");
    hery.refuses(&attach(&identity, "photo", &office.file("gone")), 1, "file", "cannot be read or written");
    hery.refuses(&attach(&identity, "name", &photo), 2, "usage", "no field name for files; it has photo");
    hery.refuses(&attach("Rakoto", "photo", &photo), 2, "usage", "has no field for files");
    hery.refuses(&attach("Nobody", "photo", &photo), 3, "not-found", "no record on this device");
    let (empty, large) = (office.file("empty"), office.file("large"));
    std::fs::write(&empty, "").expect("it is written");
    std::fs::File::create(&large).and_then(|file| file.set_len((16 << 20) + 1)).expect("it is made");
    for file in [&empty, &large] {
        hery.refuses(&attach(&identity, "photo", file), 5, "attachment-size", "make the picture smaller");
    }
    assert_eq!(
        hery.json(&["attachments"])["attachments"].as_array().map(Vec::len),
        Some(2),
        "nothing was kept"
    );
}

/// The office says where there is work; whoever is in the field chooses it by its name, and what she answers is saved once
/// nothing is missing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_form_is_filled_with_what_the_office_wrote_by_another() {
    let mut place = Office::open(Ipv4Addr::new(127, 0, 9, 5)).await;
    let (office, hery) = (place.device("Office", "all:analyst"), place.device("Hery", "S1:enumerator"));
    let answers = ["site_name=Iarintsena", "admin_pcode=iarintsena", "pcode_version=MDG-2018-10-31"];
    let rest = ["asset_type=road", "hazardous=No", "--save", "S1"];
    let site = office.json(&[&["fill", "himo_worksite"][..], &answers, &rest].concat());
    assert_eq!(site["records"].as_array().map(Vec::len), Some(1), "{site}");
    for device in [&office, &hery] {
        device.json(&["sync"]);
    }
    place.stop().await;

    let shown = hery.says(&["fill", "himo_attendance", "site=iarin", "--language", "fr"]);
    assert!(shown.contains("(x) Iarintsena"), "{shown}");
    let (begun, save) = (["fill", "himo_household", "size=4"], ["--save", "S1"]);
    hery.refuses(&[&begun[..], &save].concat(), 1, "incomplete", "Please answer this question.");
    let saved = hery.json(&[&begun[..], &["head_type=couple"], &save].concat());
    let record = saved["records"][0].as_str().expect("a record").to_owned();
    assert!(hery.says(&["show", &record]).contains("couple"), "it is on the device");
    let again =
        hery.json(&["fill", "himo_household", "--record", &record, "head_type=woman_alone", "--save", "S1"]);
    assert_eq!((&again["records"], &again["dropped"]), (&json!([record]), &json!([])));
    assert!(hery.says(&["show", &record]).contains("woman_alone"));
}

/// With what a device came, its office sees.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_device_tells_of_itself_is_listed() {
    let mut place = Office::open(Ipv4Addr::new(127, 0, 9, 6)).await;
    let hery = place.device("Hery", "S1:enumerator");
    hery.says(&RAKOTO);
    hery.json(&["sync"]);
    // A server that stops writes what it noted.
    place.server.stop().await;
    let list = ["admin", "device", "list", "ROADS"];
    let told = place.admin.json(&list)[0]["telemetry"].clone();
    assert_eq!(told["outbox_changes"], json!(1));
    assert!(told["oldest_unsent_s"].as_u64().is_some_and(|age| age < 600), "{told}");
    assert!(told["app"].as_str().is_some_and(|app| app.starts_with("fieldmerge-device")), "{told}");
    let said = String::from_utf8(place.admin.run(&list).stdout).expect("text");
    assert!(said.contains(", came with 1 to send"), "{said}");
}
