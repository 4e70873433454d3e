//! `fieldmerge form choices`, as a process.

use std::path::Path;
use std::process::{Command, Output};

use fieldmerge_tests::database::folder;
use serde_json::{Value, json};

use crate::files::excel;

/// Codes stand in it as the numbers that a spreadsheet makes of them.
const ISCO: &str = "\
| Read me |
| | Made up |
| ISCO-08 EN Struct and defin |
| | Level | ISCO 08 Code | Title EN | Definition |
| | 1 | 0 | Guards | |
| | 2 | 01 | Guards of roads | |
| | 3 | 011 | Guards of small roads | |
| | 4 | 0110 | Guards, of paths | |
| | 4 | 9x | Nobody | |
";
const OCCUPATIONS: &str = "\
name,level,parent,label,label::English (en)
0,major,,Guards,Guards
01,sub_major,0,Guards of roads,Guards of roads
011,minor,01,Guards of small roads,Guards of small roads
0110,unit,011,\"Guards, of paths\",\"Guards, of paths\"
";
const PLACES: &str = "\
ADM1_FR,ADM1_PCODE,ADM0_FR,ADM0_PCODE
Nord,QQ1,Pays,QQ

Sud;Est,QQ2A,Pays,QQ
";

fn list(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fieldmerge_under_test"));
    command.current_dir(folder).args(["form", "choices"]).args(arguments).output().expect("the program runs")
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).expect("it is text")
}

#[test]
fn occupations_of_a_spreadsheet_become_choices() {
    let folder = folder();
    std::fs::write(folder.path().join("isco.xlsx"), excel(ISCO)).expect("the file is written");
    let output = list(folder.path(), &["isco", "isco.xlsx"]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), OCCUPATIONS));
    let told = "ISCO-08 EN Struct and defin, row 9: 9x is no code of such a list; left out\n";
    assert_eq!(text(&output.stderr), told);
    let output = list(folder.path(), &["isco", "isco.xlsx", "--language", "fr"]);
    assert!(text(&output.stderr).contains("ligne 9 : 9x n'est pas un code"), "{}", text(&output.stderr));
}

#[test]
fn places_of_a_table_of_text_become_choices() {
    let folder = folder();
    std::fs::write(folder.path().join("adm1.csv"), PLACES).expect("the file is written");
    let output = list(folder.path(), &["pcodes", "adm1.csv"]);
    let expected = "\
name,level,parent,label,label::Français (fr)
QQ,0,,Pays,Pays
QQ1,1,QQ,Nord,Nord
QQ2A,1,QQ,Sud;Est,Sud;Est
";
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), expected));
    let output = list(folder.path(), &["pcodes", "adm1.csv", "--json"]);
    let rows: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let north = json!({ "name": "QQ1", "level": "1", "parent": "QQ", "label": "Nord", "label::Français (fr)": "Nord" });
    assert_eq!(rows[1], north);
}

#[test]
fn a_file_without_the_list_is_told_by_exit() {
    let folder = folder();
    std::fs::write(folder.path().join("adm1.csv"), PLACES).expect("the file is written");
    std::fs::write(folder.path().join("old.xls"), [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1])
        .expect("the file is written");
    for (arguments, exit, said) in [
        (&["isco", "adm1.csv"][..], 1, "adm1.csv: no sheet has the columns of ISCO-08"),
        (&["isco", "adm1.csv", "--language", "fr"], 1, "aucune feuille n'a les colonnes de la CITP-08"),
        (&["pcodes", "old.xls"], 2, "old.xls: "),
        (&["pcodes", "nowhere.xlsx"], 3, "there is no file nowhere.xlsx"),
        (&["places", "adm1.csv"], 2, "unrecognized subcommand"),
    ] {
        let output = list(folder.path(), arguments);
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(exit), ""), "{arguments:?}");
        assert!(text(&output.stderr).contains(said), "{arguments:?}: {}", text(&output.stderr));
    }
}
