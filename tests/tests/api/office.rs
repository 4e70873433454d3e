//! The commands of an administrator about what devices bring: put aside, on a stick, photos, compaction.

use std::net::Ipv4Addr;
use std::path::Path;

use serde_json::{Value, json};

use crate::attachments::picture;
use crate::devices::Office;

impl Office {
    fn says(&self, arguments: &[&str]) -> String {
        let output = self.admin.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text").trim_end().to_owned()
    }

    /// A command that fails says why in a sentence, for people and for programs.
    fn refuses(&self, arguments: &[&str], exit: i32, sentence: &str) {
        let (code, said) = self.admin.exit(arguments);
        assert_eq!(code, Some(exit), "{arguments:?}: {said}");
        assert!(said.contains(sentence), "{arguments:?}: {said}");
        let (code, said) = self.admin.exit(&[arguments, &["--json"]].concat());
        let said: Value = serde_json::from_str(&said).expect("the error is JSON");
        assert_eq!(code, Some(exit), "{arguments:?}");
        assert!(said["error"].is_string() && said["message"].is_string(), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_put_aside_is_seen_kept_taken_and_given_up() {
    let office = Office::open(Ipv4Addr::new(127, 0, 9, 6)).await;
    let hery = office.device("Hery", "S1:enumerator");
    assert_eq!(office.says(&["admin", "quarantine", "list", "ROADS"]), "Nothing was put aside.");
    office.says(&["admin", "grant", "remove", "ROADS", "1", "S1:enumerator"]);
    hery.says(&["register", "S1", "family_name=Rakoto", "sex=female"]);
    hery.says(&["register", "S1", "family_name=Rasoa", "sex=female"]);
    hery.json(&["sync"]);
    let aside = office.admin.json(&["admin", "quarantine", "list", "ROADS"]);
    let rows = aside.as_array().expect("a list");
    assert_eq!(rows.len(), 2, "{aside}");
    assert!(rows.iter().all(|row| row["code"] == "not-granted" && row["device"] == "Hery"), "{aside}");
    let ids: Vec<&str> = rows.iter().map(|row| row["id"].as_str().expect("an id")).collect();
    let said = office.says(&["admin", "quarantine", "list", "ROADS"]);
    assert!(said.contains(ids[0]) && said.contains("Give the grant, then replay it."), "{said}");
    assert!(!said.contains("Rakoto"), "{said}");

    let file = office.file("item.bin");
    let saved = office.admin.json(&["admin", "quarantine", "save", "ROADS", ids[0], &file]);
    assert_eq!(saved["bytes"], std::fs::metadata(&file).expect("it is there").len());
    let said = office.says(&["admin", "quarantine", "save", "ROADS", ids[0], &file]);
    assert_eq!(said, format!("{} bytes in {file}", saved["bytes"]));
    let replayed = office.admin.json(&["admin", "quarantine", "replay", "ROADS", ids[0]]);
    assert_eq!(replayed, json!([{ "id": ids[0], "outcome": "aside", "code": "not-granted" }]));
    assert_eq!(
        office.says(&["admin", "quarantine", "dismiss", "ROADS", ids[1]]),
        format!("{} is given up.", ids[1])
    );
    office.says(&["admin", "grant", "add", "ROADS", "1", "S1:enumerator"]);
    let said = office.says(&["admin", "quarantine", "replay", "ROADS", "--code", "not-granted"]);
    assert!(said.contains(ids[0]) && said.contains("taken") && !said.contains(ids[1]), "{said}");
    assert_eq!(office.admin.json(&["admin", "quarantine", "list", "ROADS"]), json!([]));
    let said = office.says(&["admin", "quarantine", "replay", "ROADS", "--code", "not-granted"]);
    assert_eq!(said, "Nothing is put aside for this reason.");

    let unknown = "019c9d77-cc80-7001-8002-030405060708";
    for (arguments, exit, sentence) in [
        (&["list", "GHOST"][..], 3, "there is no project `GHOST`"),
        (&["replay", "ROADS"], 2, "required"),
        (&["replay", "ROADS", unknown], 3, "there is no item"),
        (&["replay", "ROADS", "x"], 2, "invalid"),
        (&["replay", "ROADS", ids[0]], 2, "does not stand aside any more"),
        (&["dismiss", "ROADS", unknown], 3, "there is no item"),
        (&["dismiss", "ROADS", ids[1]], 3, "there is no item"),
        (&["save", "ROADS", unknown, &file], 3, "there is no item"),
        (&["save", "ROADS", ids[1], "/nowhere/at/all"], 1, "cannot write /nowhere/at/all"),
    ] {
        office.refuses(&[&["admin", "quarantine"], arguments].concat(), exit, sentence);
    }
    assert_eq!(office.admin.json(&["verify"])["projects"][0]["difference_count"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stick_is_taken_whatever_it_holds() {
    let office = Office::open(Ipv4Addr::new(127, 0, 9, 7)).await;
    let hery = office.device("Hery", "S1:enumerator");
    hery.says(&["register", "S1", "family_name=Rakoto", "sex=female"]);
    let (stick, short, text) = (office.file("hery.fmb"), office.file("short.fmb"), office.file("notes.txt"));
    hery.says(&["carry", "export", &stick]);
    let whole = std::fs::read(&stick).expect("it is there");
    // A file that was cut behind its frame.
    std::fs::write(&short, &whole[..whole.len() - 1]).expect("it is written");
    std::fs::write(&text, "not a bundle").expect("it is written");
    let take = |file| ["admin", "bundle", "take", "ROADS", file];
    let back = office.file("back.fmb");
    office.refuses(&take(&text), 1, "not a bundle");
    assert_eq!(office.admin.json(&["verify"])["projects"][0]["records"], 0);
    let with_receipts = [&take(&short)[..], &["--receipts", &back]].concat();
    let (exit, said) = office.admin.exit(&with_receipts);
    assert!(exit == Some(1) && said.contains("cut"), "{exit:?} {said}");
    assert!(Path::new(&back).exists(), "what stood before the cut counts, and is acknowledged");
    assert_eq!(office.admin.json(&["verify"])["projects"][0]["records"], 1);
    assert_eq!(office.says(&take(&stick)), "1 of 1 frames are taken.");
    assert_eq!(hery.json(&["carry", "import", &back])["receipts"], 1);
    let nowhere = [&take(&stick)[..], &["--receipts", "/nowhere/at/all"]].concat();
    office.refuses(&nowhere, 1, "cannot write");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn photos_and_segments_are_listed_and_put_in_order() {
    let mut office = Office::open(Ipv4Addr::new(127, 0, 9, 8)).await;
    let hery = office.device("Hery", "S1:enumerator");
    let photo = office.file("face.jpg");
    std::fs::write(&photo, picture(1, 9_000)).expect("it is written");
    let list = |more: &[&'static str]| [&["admin", "attachments", "ROADS"], more].concat();
    assert_eq!(office.says(&list(&["--all"])), "No record names an attachment.");
    for name in ["family_name=Rakoto", "family_name=Rasoa"] {
        hery.says(&["register", "S1", name, "sex=female"]);
        hery.json(&["sync"]);
    }
    let identity = hery.says(&["create", "identity", "S1", "--about", "Rakoto"]);
    let attached = hery.json(&["attach", &identity, "photo", &photo]);
    // The records go on a stick, which brings no photos.
    let stick = office.file("hery.fmb");
    hery.says(&["carry", "export", &stick]);
    office.says(&["admin", "bundle", "take", "ROADS", &stick]);
    let listed = office.admin.json(&list(&[]));
    assert_eq!(
        (&listed[0]["sha256"], &listed[0]["stored"], &listed[0]["label"]),
        (&attached["attachment"], &json!(false), &json!("Hery")),
        "{listed}"
    );
    assert!(office.says(&list(&[])).contains("not begun"));
    hery.json(&["sync"]);
    assert_eq!(office.says(&list(&[])), "Every attachment is here.");
    assert!(office.says(&list(&["--all"])).contains("here"));
    assert_eq!(office.says(&list(&["--rebuild"])), "1 references written");
    office.refuses(&["admin", "attachments", "GHOST"], 3, "there is no project `GHOST`");
    office.refuses(&list(&["--rebuild", "--all"]), 2, "cannot be used with");

    // The server may go on serving meanwhile.
    let done = office.admin.json(&["admin", "compact", "ROADS"]);
    assert!(done[0]["segments_after"].as_u64() < done[0]["segments_before"].as_u64(), "{done}");
    let said = office.says(&["admin", "compact"]);
    assert_eq!(said, format!("ROADS: nothing to compact in {} segments", done[0]["segments_after"]));
    assert_eq!(office.admin.json(&["verify"])["projects"][0]["difference_count"], 0);
    let phone = office.device("Lalao", "S1:supervisor");
    assert!(phone.says(&["list"]).contains("Rasoa"));
    office.server.kill();
}
