use fieldmerge_protocol::{AreaId, DeviceId, Path, RecordClass, RecordId, Value};
use proptest::prelude::*;

use super::*;
use crate::dataset::{Cell, Column, EntryFacts, entry_columns, entry_row};
use crate::pack::himo_types;
use crate::types::Kind;

fn day(text: &str) -> Date {
    text.parse().expect("a date")
}

#[test]
fn the_bytes_of_version_1_do_not_change() {
    let hex = |bytes: Vec<u8>| bytes.iter().fold(String::new(), |all, byte| format!("{all}{byte:02x}"));
    let mut entry = AttendanceEntry::present(3, day("2026-03-02"), 4);
    assert_eq!(hex(entry.encode()), "8a010319502200".to_owned() + "04f6f6f6f6f6");
    entry.hours_hundredths = Some(800);
    entry.corrects = Some(EntryRef { log: Some(RecordId([7; 16])), n: 300 });
    let log = "07".repeat(16);
    assert_eq!(hex(entry.encode()), format!("8a010319502200041903 20f6f619012c50{log}").replace(' ', ""));

    let payment = PaymentEntry {
        person: 0,
        period_start: day("2026-03-02"),
        period_end: day("2026-03-07"),
        gross: 36_000,
        deductions: 0,
        deduction_reason: None,
        paid_on: day("2026-03-10"),
        channel: PayChannel::Cash,
        confirmed: Some(Confirmation::Thumb),
        reverses: None,
    };
    assert_eq!(hex(payment.encode()), "8c010019502205198ca000f6030001f6f6");
    assert_eq!(payment.net(), 36_000);
}

/// Each field that is said to be there is read, so that no answer to it is lost: a value of no kind is refused by its name.
#[test]
fn each_field_of_an_entry_is_read() {
    let good = [
        ("work_date", "2026-03-02"),
        ("status", "present"),
        ("care_date", "2026-03-02"),
        ("age_band", "0-2"),
        ("held_on", "2026-03-02"),
        ("topic", "osh"),
        ("period_start", "2026-03-02"),
        ("period_end", "2026-03-07"),
        ("paid_on", "2026-03-10"),
        ("channel", "cash"),
    ];
    let numbers = ["children_present", "days", "gross_amount"];
    let path = |name: &str| Path::new(name).expect("a path");
    let texts = good.iter().map(|(name, text)| (path(name), Value::str(*text)));
    let all: Vec<_> = texts.chain(numbers.iter().map(|name| (path(name), Value::Int(1)))).collect();
    for class in RecordClass::ALL {
        let Some(fields) = Entry::fields(class) else {
            assert!(!class.is_log(), "{class:?}");
            continue;
        };
        let entry = Entry::from_answers(class, &all).expect("a log");
        assert!(entry.is_ok(), "{class:?}: {entry:?}");
        for field in fields {
            let mut odd = all.clone();
            odd.retain(|(path, _)| path.as_str() != field.name);
            odd.push((path(field.name), Value::Bytes(vec![1])));
            let bad = Entry::from_answers(class, &odd).expect("a log").expect_err(field.name);
            assert_eq!((bad.field, bad.code), (field.name, FindingCode::WrongType), "{class:?}");
        }
    }
}

#[test]
fn an_ordinary_day_is_thirteen_bytes_or_little_more() {
    assert!(AttendanceEntry::present(39, day("2026-03-14"), 4).encode().len() <= 14);
    assert!(AttendanceEntry::absent(7, day("2026-03-14"), Some(AbsenceReason::Care)).encode().len() <= 13);
}

#[test]
fn the_indexes_of_codes_are_those_of_their_lists() {
    fn agree<T: WireCode>() {
        let logs = himo_types().iter().filter(|of| of.class.is_log());
        let kinds = logs.flat_map(|of| &of.fields).map(|field| &field.kind);
        let mut lists = kinds.filter_map(|kind| if let Kind::Code(list) = kind { Some(list) } else { None });
        let list = lists.find(|list| list.name == T::LIST).expect("the pack has it");
        let ours: Vec<&str> = T::ALL.iter().map(|code| code.code()).collect();
        let theirs: Vec<&str> = list.codes.iter().map(|code| code.code.as_str()).collect();
        assert_eq!(ours, theirs, "{}", T::LIST);
        for code in T::ALL {
            assert_eq!(T::from_index(u64::from(code.index())).map(T::code), Some(code.code()));
            assert_eq!(T::from_code(code.code()).map(T::index), Some(code.index()));
        }
        assert!(T::from_index(T::ALL.len() as u64).is_none() && T::from_index(u64::MAX).is_none());
    }
    agree::<AttendanceStatus>();
    agree::<AbsenceReason>();
    agree::<PayChannel>();
    agree::<Confirmation>();
    agree::<DeductionReason>();
    agree::<ChildBand>();
    agree::<CareMode>();
    agree::<TrainingTopic>();
    agree::<TrainingResult>();
}

#[test]
fn hostile_tuples_are_named_not_believed() {
    let read = |bytes: &[u8]| Entry::read(RecordClass::Attendance, &Value::Bytes(bytes.to_vec()));
    let good = AttendanceEntry::present(3, day("2026-03-02"), 4).encode();
    let with = |index: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[index] = byte;
        bytes
    };
    assert!(read(&good).is_ok());
    assert_eq!(read(&with(1, 2)), Err(EntryError::UnknownVersion));
    assert_eq!(read(&with(6, 9)), Err(EntryError::UnknownCode));
    assert_eq!(read(&with(0, 0x89)), Err(EntryError::Malformed), "a shorter array");
    assert_eq!(read(&with(0, 0x9f)), Err(EntryError::Malformed), "an indefinite array");
    assert_eq!(read(&with(8, 0xf7)), Err(EntryError::Malformed), "undefined is not null");
    assert_eq!(read(&[&good[..], &[0]].concat()), Err(EntryError::Malformed), "bytes after the end");
    assert_eq!(read(&good[..good.len() - 1]), Err(EntryError::Malformed), "an early end");
    let long = [&good[..2], &[0x18, 0x03], &good[3..]].concat();
    assert_eq!(read(&long), Err(EntryError::Malformed), "a number in more bytes than it needs");
    let far = [&good[..3], &[0x1b, 0, 0, 1, 0, 0, 0, 0, 0], &good[6..]].concat();
    assert_eq!(read(&far), Err(EntryError::OutOfRange), "a day outside of the calendar");
    assert_eq!(read(&[]), Err(EntryError::Malformed));
    assert_eq!(Entry::read(RecordClass::Attendance, &Value::Int(1)), Err(EntryError::Malformed));
    assert_eq!(Entry::read(RecordClass::Core, &Value::Bytes(good)), Err(EntryError::NoLog));
}

#[test]
fn odd_entries_read_and_are_reported() {
    let mut entry = AttendanceEntry::absent(0, day("2026-03-02"), None);
    assert_eq!(entry.check(), []);
    entry.quarters = 200;
    entry.hours_hundredths = Some(99_999);
    let findings: Vec<&str> = entry.check().into_iter().map(|(field, _)| field).collect();
    assert_eq!(findings, ["day_fraction", "hours_worked"]);
    assert_eq!(AttendanceEntry::decode(&entry.encode()), Ok(entry));
}

fn dates() -> impl Strategy<Value = Date> {
    (-719_162_i64..=2_932_896).prop_map(|days| Date::from_days(days).expect("in the calendar"))
}

fn codes<T: WireCode + std::fmt::Debug>() -> impl Strategy<Value = T> {
    proptest::sample::select(T::ALL)
}

fn references() -> impl Strategy<Value = Option<EntryRef>> {
    let log = proptest::option::of(any::<[u8; 16]>().prop_map(RecordId));
    proptest::option::of((log, any::<u64>()).prop_map(|(log, n)| EntryRef { log, n }))
}

fn entries() -> impl Strategy<Value = Entry> {
    use proptest::option::of;
    let attendance = (
        any::<u32>(),
        dates(),
        codes(),
        any::<u8>(),
        of(any::<u32>()),
        of(any::<u32>()),
        of(codes()),
        references(),
    )
        .prop_map(|(person, work_date, status, quarters, hours, task, absence_reason, corrects)| {
            let (hours_hundredths, task_hundredths) = (hours, task);
            AttendanceEntry {
                person,
                work_date,
                status,
                quarters,
                hours_hundredths,
                task_hundredths,
                absence_reason,
                corrects,
            }
            .into()
        });
    let childcare = (any::<u32>(), dates(), any::<u8>(), codes(), of(codes()), references()).prop_map(
        |(guardian, care_date, children, band, mode, corrects)| {
            ChildcareEntry { guardian, care_date, children, band, mode, corrects }.into()
        },
    );
    let training = (any::<u32>(), dates(), codes(), any::<u16>(), of(codes()), references()).prop_map(
        |(person, held_on, topic, quarters, result, corrects)| {
            TrainingEntry { person, held_on, topic, quarters, result, corrects }.into()
        },
    );
    let sums = (any::<i64>(), any::<i64>(), of(codes()));
    let payment = (any::<u32>(), dates(), dates(), dates(), sums, codes(), of(codes()), references())
        .prop_map(|(person, period_start, period_end, paid_on, sums, channel, confirmed, reverses)| {
            let (gross, deductions, deduction_reason) = sums;
            PaymentEntry {
                person,
                period_start,
                period_end,
                gross,
                deductions,
                deduction_reason,
                paid_on,
                channel,
                confirmed,
                reverses,
            }
            .into()
        });
    prop_oneof![attendance, childcare, training, payment]
}

const LOGS: [RecordClass; 4] =
    [RecordClass::Attendance, RecordClass::Childcare, RecordClass::Training, RecordClass::Payment];

proptest! {
    #[test]
    fn what_is_written_reads_again(entry in entries()) {
        prop_assert_eq!(Entry::read(entry.class(), &entry.to_value()), Ok(entry.clone()));
        let _ = (entry.check(), entry.date(), entry.person(), entry.replaces());
    }

    #[test]
    fn what_reads_is_written_alike(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        for class in LOGS {
            if let Ok(entry) = Entry::read(class, &Value::Bytes(bytes.clone())) {
                prop_assert_eq!(entry.to_value(), Value::Bytes(bytes.clone()));
            }
        }
    }

    #[test]
    fn a_broken_tuple_never_panics(entry in entries(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let Value::Bytes(mut bytes) = entry.to_value() else { unreachable!("entries are bytes") };
        let at = at.index(bytes.len());
        bytes[at] = byte;
        if let Ok(read) = Entry::read(entry.class(), &Value::Bytes(bytes.clone())) {
            prop_assert_eq!(read.to_value(), Value::Bytes(bytes));
        }
    }
}

/// What the columns of a dataset say of an entry, as answers to the questions of these names.
fn answers(entry: &Entry, log: RecordId) -> Vec<(Path, Value)> {
    let of = himo_types().iter().find(|of| of.class == entry.class()).expect("a log");
    let columns = entry_columns(of);
    let area = AreaId([1; 16]);
    let device = DeviceId([2; 10]);
    let facts = EntryFacts { log, n: 0, area, person: None, device, written_ms: 0, received_ms: 0 };
    let cells = entry_row(&columns, &facts, Ok(entry));
    let answer = |(column, cell): (&Column, Cell)| {
        column.field()?;
        let value = match cell {
            Cell::Token(text) => Value::str(text),
            Cell::Int(number) => Value::Int(number),
            Cell::Decimal(number) => Value::F64(number),
            _ => return None,
        };
        Some((Path::new(&column.name).expect("a field is a path"), value))
    };
    columns.iter().zip(cells).filter_map(answer).collect()
}

/// The entry before it stands in a log: its person has no index, and entries are named with their log.
fn outside(entry: &Entry, log: RecordId) -> Entry {
    let named = |of: Option<EntryRef>| of.map(|of| EntryRef { log: of.log.or(Some(log)), ..of });
    match entry.clone() {
        Entry::Attendance(entry) => {
            AttendanceEntry { person: 0, corrects: named(entry.corrects), ..entry }.into()
        }
        Entry::Childcare(entry) => {
            ChildcareEntry { guardian: 0, corrects: named(entry.corrects), ..entry }.into()
        }
        Entry::Training(entry) => {
            TrainingEntry { person: 0, corrects: named(entry.corrects), ..entry }.into()
        }
        Entry::Payment(entry) => PaymentEntry { person: 0, reverses: named(entry.reverses), ..entry }.into(),
    }
}

proptest! {
    #[test]
    fn an_entry_is_made_of_what_its_columns_say(entry in entries()) {
        if let Entry::Attendance(entry) = &entry {
            let counts = [entry.hours_hundredths, entry.task_hundredths];
            prop_assume!(counts.into_iter().flatten().all(|count| i32::try_from(count).is_ok()));
        }
        let log = RecordId([9; 16]);
        let made = Entry::from_answers(entry.class(), &answers(&entry, log));
        prop_assert_eq!(made, Some(Ok(outside(&entry, log))));
    }
}

#[test]
fn what_an_entry_lacks_or_cannot_hold_is_named() {
    let of = |answers: &[(&str, Value)]| {
        let answers: Vec<(Path, Value)> =
            answers.iter().map(|(name, value)| (Path::new(name).expect("a path"), value.clone())).collect();
        let made = Entry::from_answers(RecordClass::Attendance, &answers).expect("a log has entries");
        made.map_err(|bad| bad.to_string())
    };
    let day_of = ("work_date", Value::str("2026-03-02"));
    let present = ("status", Value::str("present"));
    let usual = AttendanceEntry::present(0, day("2026-03-02"), 4);
    assert_eq!(of(&[day_of.clone(), present.clone()]), Ok(usual.into()));
    let absent = AttendanceEntry::absent(0, day("2026-03-02"), None);
    assert_eq!(of(&[day_of.clone(), ("status", Value::str("absent"))]), Ok(absent.into()));
    for (more, said) in [
        (vec![present.clone()], "work_date: missing"),
        (vec![day_of.clone()], "status: missing"),
        (vec![day_of.clone(), ("status", Value::str("late"))], "status: unknown-code"),
        (vec![("work_date", Value::str("2 March")), present.clone()], "work_date: bad-date"),
        (vec![("work_date", Value::Int(2)), present.clone()], "work_date: wrong-type"),
        (
            vec![day_of.clone(), present.clone(), ("day_fraction", Value::F64(-0.5))],
            "day_fraction: out-of-range",
        ),
        (
            vec![day_of.clone(), present.clone(), ("day_fraction", Value::F64(f64::NAN))],
            "day_fraction: out-of-range",
        ),
        (
            vec![day_of.clone(), present.clone(), ("day_fraction", Value::Int(99))],
            "day_fraction: out-of-range",
        ),
        (vec![day_of, present, ("corrects", Value::str("7"))], "corrects: bad-shape"),
    ] {
        assert_eq!(of(&more), Err(said.to_owned()));
    }
    assert_eq!(Entry::from_answers(RecordClass::Core, &[]), None);
}
