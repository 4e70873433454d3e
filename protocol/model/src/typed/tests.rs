use proptest::prelude::*;

use super::*;
use crate::pack::himo_types;

fn field(of: &str, name: &str) -> &'static Field {
    himo_types().find(of).expect("a record type").field(name).expect("a field")
}

fn codes(of: &str, path: &str, value: &Value) -> Vec<&'static str> {
    let path = Path::new(path).expect("a path");
    let of = himo_types().find(of).expect("a record type");
    check_path(of, &path, value).into_iter().map(|finding| finding.code.code()).collect()
}

#[test]
fn good_values_have_no_finding() {
    for (of, path, value) in [
        ("worker", "sex", Value::str("female")),
        ("worker", "sex", Value::Null),
        ("worker", "birth_date", Value::str("1988-07-14")),
        ("worker", "birth_year", Value::Int(2003)),
        ("worker", "birth_year", Value::Uint(2003)),
        ("worker", "birth_year", Value::F64(2003.0)),
        ("worker", "phone", Value::str("+261340000101")),
        ("worker", "languages/mlg", Value::Bool(true)),
        ("worker", "same_as", Value::Bytes(vec![1; 16])),
        ("worker", "_id", Value::Bytes(vec![1; 16])),
        ("worker", "_decision/sex", Value::Bytes(vec![])),
        ("site", "gps", Value::str("-21.83 46.93 1280 5.5")),
        ("site", "gps", Value::str("-21.83 46.93")),
        ("project", "title/fr", Value::str("Route")),
        ("project", "donors/XM-DAC-1", Value::Bool(true)),
        ("consent", "withdrawn_at", Value::str("2026-03-01T07:30:00+03:00")),
        ("consent", "withdrawn_at", Value::Timestamp(0)),
        ("migration", "departure_date", Value::str("2026-03")),
        ("assignment", "paid_sick_leave", Value::str("unknown")),
        ("assignment", "hours_per_day", Value::Int(8)),
        ("identity", "national_id/sealed", Value::Bytes(vec![0; 28])),
        ("attendance", "e/0", Value::Bytes(vec![])),
        ("attendance", "p/0", Value::Bytes(vec![])),
    ] {
        assert_eq!(codes(of, path, &value), [""; 0], "{path}");
    }
}

#[test]
fn odd_values_are_found() {
    for (of, path, value, code) in [
        ("worker", "sex", Value::str("f"), "unknown-code"),
        ("worker", "sex", Value::Int(1), "wrong-type"),
        ("worker", "birth_date", Value::str("2026-02-30"), "bad-date"),
        ("worker", "birth_year", Value::Int(3), "out-of-range"),
        ("worker", "birth_year", Value::F64(2003.5), "wrong-type"),
        ("worker", "birth_year", Value::Uint(u64::MAX), "out-of-range"),
        ("worker", "phone", Value::str("034 00 001 01"), "bad-shape"),
        ("worker", "family_name", Value::str(""), "out-of-range"),
        ("worker", "family_name", Value::str("é".repeat(81)), "out-of-range"),
        ("worker", "languages/fra", Value::str("yes"), "wrong-type"),
        ("worker", "languages", Value::Bool(true), "unknown-path"),
        ("worker", "hiv_status", Value::str("x"), "refused-name"),
        ("worker", "e/0", Value::Bytes(vec![]), "unknown-path"),
        ("site", "gps", Value::str("91 0"), "bad-shape"),
        ("site", "gps", Value::str("1 2 3 4 5"), "bad-shape"),
        ("site", "gps", Value::str("inf 2"), "bad-shape"),
        ("consent", "withdrawn_at", Value::str("2026-03-01"), "bad-date"),
        ("assignment", "informal_job", Value::Bool(true), "derived-field"),
        ("assignment", "hours_per_day", Value::F64(f64::NAN), "wrong-type"),
        ("identity", "photo", Value::str("abc"), "bad-shape"),
    ] {
        assert_eq!(codes(of, path, &value), [code], "{path}");
    }
    let finding = check(field("worker", "sex"), &Value::str("f"));
    assert_eq!(finding, [Finding { path: "sex".into(), code: FindingCode::UnknownCode }]);
}

#[test]
fn text_is_read_as_the_field_means_it() {
    for (of, name, text, value) in [
        ("worker", "sex", "female", Ok(Value::str("female"))),
        ("worker", "sex", "f", Err(FindingCode::UnknownCode)),
        ("worker", "family_name", " e\u{301} ", Ok(Value::str("\u{e9}"))),
        ("worker", "family_name", "  ", Ok(Value::Null)),
        ("worker", "birth_year", "2003", Ok(Value::Int(2003))),
        ("worker", "birth_year", "2003.5", Err(FindingCode::WrongType)),
        ("worker", "birth_year", "3", Err(FindingCode::OutOfRange)),
        ("worker", "phone", "+261 34 00 001 01", Ok(Value::str("+261340000101"))),
        ("worker", "phone_shared", "true", Ok(Value::Bool(true))),
        ("worker", "phone_shared", "yes", Err(FindingCode::WrongType)),
        ("worker", "birth_date", "1988-07-14", Ok(Value::str("1988-07-14"))),
        ("worker", "birth_date", "14/07/1988", Err(FindingCode::BadDate)),
        ("worker", "same_as", "x", Err(FindingCode::WrongType)),
        ("worker", "languages", "mlg", Err(FindingCode::WrongType)),
        ("assignment", "hours_per_day", "7.5", Ok(Value::F64(7.5))),
        ("assignment", "hours_per_day", "NaN", Err(FindingCode::WrongType)),
        ("assignment", "informal_job", "true", Err(FindingCode::Derived)),
    ] {
        assert_eq!(parse(field(of, name), text), value, "{name}");
    }
    let id = fieldmerge_protocol::RecordId([7; 16]);
    assert_eq!(parse(field("worker", "same_as"), &id.to_string()), Ok(Value::Bytes(id.0.to_vec())));
}

#[test]
fn equal_answers_are_the_same() {
    let same_in = |of: &str, name: &str, a: Value, b: Value| same(field(of, name), &a, &b);
    assert!(same_in("worker", "birth_year", Value::Int(1), Value::F64(1.0)));
    assert!(same_in("worker", "birth_year", Value::Int(1), Value::Uint(1)));
    assert!(!same_in("worker", "birth_year", Value::Int(2002), Value::Int(2004)));
    assert!(same_in("worker", "family_name", Value::str("\u{e9}"), Value::str("e\u{301} ")));
    assert!(!same_in("worker", "family_name", Value::str("Rabe"), Value::str("rabe")));
    assert!(same_in("worker", "phone", Value::str("+261 34-00.001 01"), Value::str("+261340000101")));
    assert!(same_in("consent", "withdrawn_at", Value::str("1970-01-01T03:00:00+03:00"), Value::Timestamp(0)));
    assert!(same_in("observation", "wg_seeing", Value::Int(1), Value::str("1")));
    let id = fieldmerge_protocol::RecordId([7; 16]);
    assert!(same_in("worker", "same_as", Value::Bytes(id.0.to_vec()), Value::str(id.to_string())));
    assert!(same_in("assignment", "hours_per_day", Value::F64(-0.0), Value::Int(0)));
    assert!(!same_in("worker", "family_name", Value::Null, Value::str("")));
    assert!(!same_untyped(&Value::Int(1), &Value::str("1")));
    assert!(!same_untyped(&Value::Int(i64::MAX), &Value::F64(9.223_372_036_854_775e18)));
    assert!(same_untyped(&Value::F64(f64::NAN), &Value::F64(f64::NAN)));
}

fn values() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        any::<u64>().prop_map(Value::Uint),
        any::<f64>().prop_map(Value::F64),
        "\\PC{0,20}".prop_map(Value::str),
        "[-0-9:TZ+. ]{0,30}".prop_map(Value::str),
        proptest::collection::vec(any::<u8>(), 0..20).prop_map(Value::Bytes),
        any::<i64>().prop_map(Value::Timestamp),
    ]
}

proptest! {
    #[test]
    fn any_value_of_any_field_is_judged(a in values(), b in values()) {
        for field in himo_types().iter().flat_map(|of| &of.fields) {
            let _ = (check(field, &a), odd(field, Some("x"), &a));
            prop_assert!(same(field, &a, &a));
            prop_assert_eq!(same(field, &a, &b), same(field, &b, &a));
        }
    }
}
