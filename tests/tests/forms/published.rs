//! `fieldmerge form publish`, `list`, `preview` and `codebook`, as processes.

use std::path::Path;
use std::process::{Command, Output};

use fieldmerge_model::pack::HIMO;
use fieldmerge_tests::database::folder;
use serde_json::Value;

const SITES: &str = "\
| survey |
| | type | name | label::English (en) | label::Français (fr) | relevant | required | constraint | constraint_message::English (en) | constraint_message::Français (fr) |
| | integer | wells | How many wells? | Combien de puits ? | | yes | . <= 9 | At most nine. | Neuf au plus. |
| | select_one_from_file owners.csv | owner | Whose are they? | À qui sont-ils ? | ${wells} > 0 | | | | |
| | note | none | No well, no more questions. | Pas de puits, plus de questions. | ${wells} = 0 | | | | |
| settings |
| | form_id | form_title | fm::record | default_language |
| | wells | Wells | core/well | English (en) |
";

fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fieldmerge_under_test"));
    command.current_dir(folder).args(arguments).output().expect("the program runs")
}

/// What a command prints that succeeds.
fn printed(folder: &Path, arguments: &[&str]) -> String {
    let output = run(folder, arguments);
    assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("it is text")
}

fn refused(folder: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = run(folder, arguments);
    (output.status.code(), String::from_utf8(output.stderr).expect("it is text"))
}

fn put(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).expect("the file is written");
}

#[test]
fn a_form_is_published_once_and_listed() {
    let folder = folder();
    let folder = folder.path();
    let publish = ["form", "publish", "--project", "ROADS", "wells.md"];
    put(folder, "wells.md", SITES);
    assert_eq!(refused(folder, &publish).0, Some(3), "there is no database");
    printed(folder, &["admin", "project", "new", "ROADS", "Rural roads", "--forms", "none"]);
    let (exit, said) = refused(folder, &publish);
    assert!(exit == Some(3) && said.contains("owners.csv: put them beside the workbook"), "{exit:?} {said}");
    std::fs::create_dir(folder.join("files")).expect("a folder is made");
    put(folder, "files/owners.csv", "name,label\nvillage,The village\nschool,The school\n");
    let said = printed(folder, &publish);
    assert!(said.starts_with("Published wells version 1, Wells: "), "{said}");
    assert_eq!(printed(folder, &publish), "wells version 1 was published before\n");
    put(folder, "wells.md", &SITES.replace("integer | wells", "text | wells"));
    let (exit, said) = refused(folder, &publish);
    assert!(
        exit == Some(1) && said.contains("well/wells is int in what is published and text here"),
        "{said}"
    );
    put(folder, "wells.md", &SITES.replace("integer | wells", "integr | wells"));
    let (exit, said) = refused(folder, &publish);
    assert!(exit == Some(1) && said.contains("integr"), "{exit:?} {said}");

    let list: Value =
        serde_json::from_str(&printed(folder, &["form", "list", "--project", "ROADS", "--json"]))
            .expect("JSON");
    assert_eq!(
        (&list[0]["number"], &list[0]["form_id"], &list[0]["version"], list.as_array().map(Vec::len)),
        (&1.into(), &"wells".into(), &"1".into(), Some(1))
    );
    let book = printed(folder, &["form", "codebook", "--project", "ROADS", "--type", "well", "--in", "fr"]);
    assert!(book.contains("| wells | Combien de puits ? | int |"), "{book}");
    assert_eq!(refused(folder, &["form", "codebook", "--project", "ROADS", "--type", "hut"]).0, Some(3));
}

#[test]
fn a_project_begins_with_the_forms_of_public_works() {
    let folder = folder();
    let folder = folder.path();
    printed(folder, &["admin", "project", "new", "ROADS", "Rural roads"]);
    let list = printed(folder, &["form", "list", "--project", "ROADS", "--json"]);
    let list: Value = serde_json::from_str(&list).expect("JSON");
    let ids: Vec<&str> =
        list.as_array().expect("a list").iter().filter_map(|form| form["form_id"].as_str()).collect();
    assert_eq!((ids.len(), ids.contains(&"himo_worker")), (HIMO.workbooks.len(), true));
    // They are those of the folder.
    let himo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../protocol/model/pack/himo");
    for (name, _) in HIMO.workbooks {
        let file = himo.join(name);
        let file = file.to_str().expect("the path is text");
        let said = printed(folder, &["form", "publish", "--project", "ROADS", file]);
        assert!(said.contains("was published before"), "{name}: {said}");
    }
    // A project that began without them gets them later, and each once.
    printed(folder, &["admin", "project", "new", "WELLS", "Wells", "--forms", "none"]);
    for said in ["Published himo_worker version 1", "himo_worker version 1 was published before"] {
        let told = printed(folder, &["form", "publish", "--project", "WELLS", "--pack", "himo"]);
        assert_eq!(told.lines().count(), HIMO.workbooks.len());
        assert!(told.contains(said), "{told}");
    }
    assert_eq!(refused(folder, &["form", "publish", "--project", "WELLS"]).0, Some(2));
}

#[test]
fn a_preview_follows_the_answers() {
    let folder = folder();
    let folder = folder.path();
    put(folder, "wells.md", SITES);
    put(folder, "owners.csv", "name,label\nvillage,The village\nschool,The school\n");
    let walk = |more: &[&str]| printed(folder, &[&["form", "preview", "wells.md"], more].concat());
    insta::assert_snapshot!("preview", walk(&["--answer", "wells=3", "--answer", "owner=school"]));
    insta::assert_snapshot!("preview-fr", walk(&["--in", "fr", "--answer", "wells=12"]));
    let walked: Value = serde_json::from_str(&walk(&["--json", "--answer", "wells=0"])).expect("JSON");
    let shown: Vec<&str> =
        walked["shown"].as_array().expect("a list").iter().filter_map(|one| one["name"].as_str()).collect();
    assert_eq!((shown, &walked["hidden"]), (vec!["wells", "none"], &serde_json::json!(["owner"])));
    for (more, exit) in [
        (["--answer", "wells=many"], 1),
        (["--answer", "pumps=3"], 3),
        (["--answer", "wells"], 2),
        (["--in", "de"], 2),
    ] {
        let output = refused(folder, &[&["form", "preview", "wells.md"], more.as_slice()].concat());
        assert_eq!(output.0, Some(exit), "{more:?}: {}", output.1);
    }
}
