//! What the records of the pack hold stands in `held.psv`, so that nothing of it changes without being seen: forms may be
//! published beside earlier versions only where each path still means the same. `BLESS=1` writes the table anew.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use fieldmerge_model::access::Role;
use fieldmerge_model::form::types::record_types;
use fieldmerge_model::pack::{HIMO, himo_types};
use fieldmerge_model::types::{Field, Kind, RecordType};

use super::read::{folder, forms, names};

fn table() -> String {
    let mut text =
        "record|class|field|kind|unit|list|min|max|sensitivity|policy|sees|label_en|label_fr\n".to_owned();
    for of in himo_types() {
        for field in &of.fields {
            line(&mut text, of, "", field);
        }
        for repeat in &of.repeats {
            for field in &repeat.fields {
                line(&mut text, of, &format!("{}/*/", repeat.name), field);
            }
        }
    }
    text
}

fn line(text: &mut String, of: &RecordType, above: &str, field: &Field) {
    let bound = |bound: Option<i32>| bound.map(|bound| bound.to_string()).unwrap_or_default();
    let list = match &field.kind {
        Kind::Code(list) | Kind::Set(Some(list)) => list.name.as_str(),
        _ => "",
    };
    let sensitivity = format!("{:?}", field.sensitivity).to_lowercase();
    let sees: Vec<&str> = field.sees.iter().map(Role::name).collect();
    let cells = [
        of.name.as_str(),
        of.class.name(),
        &format!("{above}{}", field.name),
        field.kind.name(),
        field.unit.as_str(),
        list,
        &bound(field.range.min),
        &bound(field.range.max),
        &sensitivity,
        field.policy.name(),
        &sees.join(" "),
        field.labels.get("en"),
        field.labels.get("fr"),
    ];
    writeln!(text, "{}", cells.join("|")).expect("text can be written to");
}

#[test]
fn records_hold_what_the_table_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pack/held.psv");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, table()).expect("the table can be written");
    }
    let kept = std::fs::read_to_string(&path).expect("the table is kept");
    let again = "if it is meant, run the test with BLESS=1";
    for (kept, now) in kept.lines().zip(table().lines()) {
        assert_eq!(kept, now, "{again}");
    }
    assert_eq!(kept.lines().count(), table().lines().count(), "{again}");
}

/// Each record type is written by one form, so that nobody has to look in two for what a record holds; but of a worker
/// others decide on the age than those who register her.
#[test]
fn each_record_type_has_one_form() {
    let mut writers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for form in forms() {
        for of in record_types(&[&form]).expect("it agrees with itself") {
            writers.entry(of.name.to_string()).or_default().push(form.id.clone());
        }
    }
    assert_eq!(writers.len(), 19);
    assert_eq!(writers.remove("worker").expect("it is written"), ["himo_age", "himo_worker"]);
    assert!(writers.values().all(|forms| forms.len() == 1), "{writers:?}");
}

/// The program carries every workbook and every file of the folder, and each is read without a mistake.
#[test]
fn nothing_is_left_out() {
    let carried = |texts: &[(&str, &str)]| {
        let mut names: Vec<String> = texts.iter().map(|(name, _)| (*name).to_owned()).collect();
        names.sort();
        names
    };
    let named = |ending: &str, folder: &Path| -> Vec<String> {
        names(folder, ending).iter().map(|name| format!("{name}.{ending}")).collect()
    };
    assert_eq!(carried(HIMO.workbooks), named("md", &folder()));
    assert_eq!(carried(HIMO.files), named("csv", &folder().join("files")));
    assert_eq!(HIMO.forms().len(), HIMO.workbooks.len());
}
