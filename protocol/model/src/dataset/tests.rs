use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::pack::himo_types;
use crate::types::entry::{AttendanceEntry, Entry, EntryError, EntryRef, PayChannel, PaymentEntry};

/// A record as a map: the values of its first change, and the live values.
#[derive(Default)]
struct Map {
    first: BTreeMap<String, Value>,
    live: BTreeMap<String, Vec<Value>>,
}

impl Map {
    fn with(mut self, path: &str, live: &[Value]) -> Self {
        self.live.insert(path.to_owned(), live.to_vec());
        self
    }
}

impl View for Map {
    fn live(&self, path: &str) -> Vec<&Value> {
        self.live.get(path).map(|values| values.iter().collect()).unwrap_or_default()
    }

    fn first(&self, path: &str) -> Option<&Value> {
        self.first.get(path)
    }

    fn below(&self, head: &str) -> Vec<&str> {
        let inside = |path: &&str| path.strip_prefix(head).is_some_and(|rest| rest.starts_with('/'));
        self.live.keys().map(String::as_str).filter(inside).collect()
    }
}

fn facts<'a>(conflicts: &'a [Conflict<'a>], pending: &'a [&'a str]) -> Facts<'a> {
    Facts {
        id: RecordId([1; 16]),
        area: AreaId([2; 16]),
        subject: Some(RecordId([3; 16])),
        device: DeviceId([4; 10]),
        created_ms: 0,
        received_ms: 1_772_000_000_000,
        conflicts,
        pending,
    }
}

/// The cells of a record by column.
fn cells(of: &str, map: &Map, facts: &Facts<'_>) -> BTreeMap<String, Cell> {
    let of = himo_types().find(of).expect("a record type");
    let columns = columns(of);
    let row = row(of, &columns, facts, map);
    columns.into_iter().map(|column| column.name).zip(row).collect()
}

fn token(text: &str) -> Cell {
    Cell::Token(text.to_owned())
}

fn members(of: &[&str]) -> Cell {
    Cell::Set(of.iter().map(|member| (*member).to_owned()).collect())
}

#[test]
fn the_columns_of_every_type_have_names_of_their_own() {
    for of in himo_types() {
        let columns = if of.class.is_log() { entry_columns(of) } else { columns(of) };
        let mut names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), columns.len(), "{}", of.name);
        assert!(
            columns.iter().all(|column| ["en", "fr"]
                .map(|of| column.labels.get(of))
                .iter()
                .all(|text| !text.is_empty()))
        );
    }
    let names: Vec<String> = columns(himo_types().find("accommodation").expect("a type"))
        .into_iter()
        .map(|column| column.name)
        .collect();
    let meta = ["_device", "_created_at", "_received_at", "_conflicts", "_pending", "_findings"];
    assert_eq!(names, [&["_id", "_area", "_subject", "accommodation_needed"][..], &meta].concat());
}

#[test]
fn a_record_without_conflict_shows_its_values() {
    let map = Map::default()
        .with("family_name", &[Value::str("Rasoanirina")])
        .with("sex", &[Value::str("female")])
        .with("birth_year", &[Value::Int(1991)])
        .with("phone", &[Value::str("+261340000101")])
        .with("phone_shared", &[Value::Bool(false)])
        .with("languages/mlg", &[Value::Bool(true)])
        .with("languages/fra", &[Value::Bool(true), Value::Bool(true)])
        .with("languages/bam", &[Value::Bool(false)]);
    let cells = cells("worker", &map, &facts(&[], &["observation"]));
    assert_eq!(cells["_id"], token("01010101-0101-0101-0101-010101010101"));
    assert_eq!(cells["family_name"], Cell::Text("Rasoanirina".to_owned()));
    assert_eq!(cells["sex"], token("female"));
    assert_eq!(cells["birth_year"], Cell::Int(1991));
    assert_eq!(cells["birth_date"], Cell::Null);
    assert_eq!(cells["phone"].csv(), "+261340000101");
    assert_eq!(cells["phone_shared"], Cell::Bool(false));
    assert_eq!(cells["languages"], members(&["fra", "mlg"]));
    assert_eq!(cells["languages"].csv(), "fra mlg");
    assert_eq!(cells["_pending"], members(&["observation"]));
    assert_eq!(cells["_conflicts"], Cell::Null);
    assert_eq!(cells["_findings"], Cell::Null);
    assert_eq!(cells["birth_year__candidates"], Cell::Null);
    assert_eq!(cells["_created_at"], token("1970-01-01T00:00:00.000Z"));
}

#[test]
fn a_conflict_shows_what_was_agreed_and_never_the_winner() {
    let (early, late, agreed) = (Value::Int(2002), Value::Int(2004), Value::Int(2003));
    let map = Map::default().with("birth_year", &[early.clone(), late.clone()]);
    let conflict = Conflict { path: "birth_year", agreed: Some(&agreed), candidates: vec![&early, &late] };
    let row = cells("worker", &map, &facts(&[conflict], &[]));
    assert_eq!(row["birth_year"], Cell::Int(2003));
    assert_eq!(row["_conflicts"], members(&["birth_year"]));
    assert_eq!(row["birth_year__candidates"], Cell::List(vec![Cell::Int(2002), Cell::Int(2004)]));
    assert_eq!(row["birth_year__candidates"].csv(), "2002 | 2004");

    let unnamed = cells("worker", &map, &facts(&[], &[]));
    assert_eq!(unnamed["birth_year"], Cell::Null, "a conflict that the caller did not name");
    assert_eq!(unnamed["_conflicts"], members(&["birth_year"]));

    let equal = Map::default().with("birth_year", &[Value::Int(2002), Value::F64(2002.0)]);
    let equal = cells("worker", &equal, &facts(&[], &[]));
    assert_eq!((&equal["birth_year"], &equal["_conflicts"]), (&Cell::Int(2002), &Cell::Null));

    let automatic = Map::default().with("known_as", &[Value::str("Be"), Value::str("Kely")]);
    let automatic = cells("worker", &automatic, &facts(&[], &[]));
    assert_eq!(automatic["known_as"].plain(), "Kely");
    assert_eq!(automatic["_conflicts"], Cell::Null);
}

#[test]
fn a_fixed_field_shows_its_first_value_and_the_rest_is_found() {
    let mut map = Map::default()
        .with("worker_number", &[Value::str("B-9")])
        .with("sex", &[Value::str("f")])
        .with("birth_date", &[Value::str("long ago")])
        .with("isced_level", &[Value::str("=1+1")]);
    map.first.insert("worker_number".to_owned(), Value::str("A-1"));
    let cells = cells("worker", &map, &facts(&[], &[]));
    assert_eq!(cells["worker_number"].plain(), "A-1");
    assert_eq!(cells["sex"], token("f"), "a code that the list does not know is shown");
    assert_eq!(cells["birth_date"], Cell::Null, "a date that is none is not");
    assert_eq!(cells["isced_level"].csv(), "'=1+1");
    let found = [
        "birth_date:bad-date",
        "isced_level:unknown-code",
        "sex:unknown-code",
        "worker_number:fixed-rewritten",
    ];
    assert_eq!(cells["_findings"], members(&found));
}

#[test]
fn sealed_values_points_and_languages_have_their_own_columns() {
    let sealed = Map::default()
        .with("national_id/sealed", &[Value::Bytes(vec![1; 28])])
        .with("national_id/tag", &[Value::Bytes(vec![1; 16]), Value::Bytes(vec![2; 16])]);
    let row = cells("identity", &sealed, &facts(&[], &[]));
    assert_eq!(row["national_id"], Cell::Bool(true));
    assert_eq!(row["_conflicts"], members(&["national_id"]));
    assert_eq!(
        row["national_id__candidates"],
        Cell::List(vec![Cell::Bool(true); 2]),
        "how many, and not what"
    );
    assert!(!row.contains_key("photo"));

    let site = Map::default().with("gps", &[Value::str("-21.83 46.93 1280 5.5")]);
    let row = cells("site", &site, &facts(&[], &[]));
    assert_eq!(row["gps_latitude"].csv(), "-21.83");
    assert_eq!(row["gps_accuracy_m"], Cell::Decimal(5.5));
    let project = Map::default().with("title/fr", &[Value::str("Route")]);
    let row = cells("project", &project, &facts(&[], &[]));
    assert_eq!((row["title_fr"].plain().as_ref(), &row["title_en"]), ("Route", &Cell::Null));
}

#[test]
fn an_analyst_sees_no_name_phone_village_or_exact_birth_date() {
    let all = columns(himo_types().find("worker").expect("the worker"));
    let seen: Vec<&str> = all
        .iter()
        .filter(|column| column.seen_by(Role::Analyst))
        .map(|column| column.name.as_str())
        .collect();
    insta::assert_snapshot!(seen.join("\n"), @r"
    _id
    _area
    sex
    residence_pcode
    languages
    birth_country
    isced_level
    in_education_training
    labour_status_before
    scheme_enrolled
    benefit_received
    _device
    _created_at
    _received_at
    _conflicts
    _pending
    _findings
    sex__candidates
    birth_country__candidates
    ");
    let persons: Vec<&str> =
        all.iter().filter(|column| column.names_person).map(|column| column.name.as_str()).collect();
    assert_eq!(persons, ["_id", "same_as", "same_as__candidates"]);
}

#[test]
fn cells_are_written_alike_everywhere() {
    for (cell, csv, json) in [
        (Cell::Null, "", "null"),
        (Cell::Bool(true), "true", "true"),
        (Cell::Int(-5), "-5", "-5"),
        (Cell::Decimal(0.25), "0.25", "0.25"),
        (Cell::Decimal(4.0), "4", "4.0"),
        (Cell::Decimal(-0.0), "0", "-0.0"),
        (Cell::Decimal(1e21), "1000000000000000000000", "1e+21"),
        (token("2026-03-02"), "2026-03-02", "\"2026-03-02\""),
        (members(&["fra", "mlg"]), "fra mlg", "[\"fra\",\"mlg\"]"),
        (members(&["-2", "x"]), "'-2 x", "[\"-2\",\"x\"]"),
        (Cell::List(vec![Cell::Int(-5), Cell::Null]), "'-5 | ", "[-5,null]"),
    ] {
        assert_eq!(cell.csv(), csv);
        assert_eq!(cell.json().to_string(), json);
    }
}

#[test]
fn only_text_is_neutralised() {
    let csv = |text: &str| Cell::text(text).csv().into_owned();
    for text in
        ["=1+1", "+33", "-x", "@a", "\t=1", "\r", "\n", "＝1", "'=1", "''@", "=HYPERLINK(\"http://x\")"]
    {
        assert_eq!(csv(text), format!("'{text}"));
    }
    for text in ["Rabe", "'Ilaisa", " =1", "a=b", "1-2", "Éric", "محمد"] {
        assert_eq!(csv(text), text);
    }
    let phone = himo_types().find("worker").and_then(|of| of.field("phone")).expect("the phone");
    let phone_csv = |text: &str| Cell::of(phone, &Value::str(text)).csv().into_owned();
    assert_eq!(phone_csv("+261340000101"), "+261340000101");
    assert_eq!(phone_csv("0340000101"), "0340000101");
    assert_eq!(phone_csv("+261+cmd|' /C calc'!A0"), "'+261+cmd|' /C calc'!A0");
}

fn entry_facts() -> EntryFacts {
    EntryFacts {
        log: RecordId([1; 16]),
        n: 17,
        area: AreaId([2; 16]),
        person: Some(RecordId([3; 16])),
        device: DeviceId([4; 10]),
        written_ms: 0,
        received_ms: 0,
    }
}

fn entry_cells(of: &str, entry: Result<&Entry, EntryError>) -> BTreeMap<String, String> {
    let columns = entry_columns(himo_types().find(of).expect("a record type"));
    let row = entry_row(&columns, &entry_facts(), entry);
    columns
        .into_iter()
        .map(|column| column.name)
        .zip(row.iter().map(|cell| cell.csv().into_owned()))
        .collect()
}

#[test]
fn entries_are_rows() {
    let mut entry = AttendanceEntry::present(0, "2026-03-02".parse().expect("a date"), 2);
    entry.hours_hundredths = Some(425);
    entry.corrects = Some(EntryRef { log: None, n: 3 });
    let row = entry_cells("attendance", Ok(&entry.into()));
    for (column, csv) in [
        ("_n", "17"),
        ("_person", "03030303-0303-0303-0303-030303030303"),
        ("work_date", "2026-03-02"),
        ("status", "present"),
        ("day_fraction", "0.5"),
        ("hours_worked", "4.25"),
        ("absence_reason", ""),
        ("corrects", "01010101-0101-0101-0101-010101010101/3"),
        ("_findings", ""),
    ] {
        assert_eq!(row[column], csv, "{column}");
    }
    let broken = entry_cells("attendance", Err(EntryError::UnknownVersion));
    assert_eq!((broken["work_date"].as_str(), broken["_n"].as_str()), ("", "17"));
    assert_eq!(broken["_findings"], "entry-version");
}

#[test]
fn every_stored_field_of_a_log_has_its_cell() {
    let day = "2026-03-02".parse().expect("a date");
    let again = Some(EntryRef { log: None, n: 0 });
    let payment = PaymentEntry {
        person: 0,
        period_start: day,
        period_end: day,
        gross: 24_000,
        deductions: 1_000,
        deduction_reason: Some(crate::types::entry::DeductionReason::Advance),
        paid_on: day,
        channel: PayChannel::Cash,
        confirmed: Some(crate::types::entry::Confirmation::Sms),
        reverses: again,
    };
    let row = entry_cells("payment", Ok(&payment.into()));
    assert_eq!(row["net_amount"], "23000");
    let attendance = AttendanceEntry {
        hours_hundredths: Some(1),
        task_hundredths: Some(1),
        absence_reason: Some(crate::types::entry::AbsenceReason::Care),
        corrects: again,
        ..AttendanceEntry::present(0, day, 4)
    };
    let childcare = crate::types::entry::ChildcareEntry {
        guardian: 0,
        care_date: day,
        children: 2,
        band: crate::types::entry::ChildBand::To2,
        mode: Some(crate::types::entry::CareMode::Site),
        corrects: again,
    };
    let training = crate::types::entry::TrainingEntry {
        person: 0,
        held_on: day,
        topic: crate::types::entry::TrainingTopic::Osh,
        quarters: 6,
        result: Some(crate::types::entry::TrainingResult::Certified),
        corrects: again,
    };
    for (of, row) in [
        ("payment", row),
        ("attendance", entry_cells("attendance", Ok(&attendance.into()))),
        ("childcare", entry_cells("childcare", Ok(&childcare.into()))),
        ("training", entry_cells("training", Ok(&training.into()))),
    ] {
        let of = himo_types().find(of).expect("a record type");
        for field in of.fields.iter().filter(|field| field.policy != Policy::Derived) {
            assert_ne!(row[field.name.as_str()], "", "{} of {}", field.name, of.name);
        }
    }
}

/// What a spreadsheet takes for the beginning of a formula.
const SIGNS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'];

proptest! {
    #[test]
    fn no_text_leaves_as_a_formula_and_each_comes_back(text in "['=+@\t\r\n＝a-]{0,6}|\\PC{0,12}") {
        let cell = Cell::text(&text);
        let csv = cell.csv();
        prop_assert!(!csv.starts_with(SIGNS));
        let bare = csv.trim_start_matches('\'');
        let ours = csv.len() > bare.len() && bare.starts_with(SIGNS);
        prop_assert_eq!(if ours { &csv[1..] } else { &csv }, &text);
    }

    #[test]
    fn any_value_makes_a_cell(
        bytes in proptest::collection::vec(any::<u8>(), 0..20),
        text in "\\PC{0,20}",
        number in any::<f64>(),
    ) {
        let values = [Value::Bytes(bytes), Value::str(text), Value::F64(number), Value::Timestamp(i64::MAX)];
        for field in himo_types().iter().flat_map(|of| &of.fields) {
            for value in &values {
                let cell = Cell::of(field, value);
                let _ = (cell.csv().into_owned(), cell.json());
            }
        }
    }
}
