//! Synthetic records that tests of datasets and cases read back.

use fieldmerge_model::types::date::Date;
use fieldmerge_model::types::entry::{AttendanceEntry, Entry};
use fieldmerge_protocol::{Change, RecordClass, RecordId, Value};
use fieldmerge_tests::persona::Persona;
use fieldmerge_tests::server::Server;
use uuid::Uuid;

/// Values of the worker that nobody at headquarters may read.
pub const PERSONAL: [&str; 6] =
    ["Rasoanirina", "Voahangy", "Vovo", "+261340000101", "Ambohimena", "1991-04-23"];

/// The id of a record of ours.
pub fn record(number: u128) -> RecordId {
    Uuid::from_u128(0x0195_d6a0_0000_7000_8000_0000_0000_0000 + number).into()
}

/// A worker with every kind of personal value.
pub fn worker(server: &Server, device: &Persona, id: RecordId) -> Change {
    let [family, given, known_as, phone, village, birth] = PERSONAL.map(Value::str);
    device.new_record(
        server,
        id,
        "worker",
        None,
        &[
            ("worker_number", Value::str("1-0001")),
            ("family_name", family),
            ("given_names", given),
            ("known_as", known_as),
            ("sex", Value::str("female")),
            ("birth_date", birth),
            ("birth_year", Value::Int(1991)),
            ("phone", phone),
            ("residence_village", village),
            ("languages/mlg", Value::Bool(true)),
        ],
    )
}

/// Two devices write different birth years and sexes of one worker without knowing of each other.
pub async fn conflict(server: &Server, a: &mut Persona, b: &mut Persona, id: RecordId) {
    let first = worker(server, a, id);
    let by_a = a.edit(
        id,
        std::slice::from_ref(&first),
        &[("birth_year", Value::Int(2002)), ("sex", Value::str("male"))],
    );
    let by_b = b.edit(
        id,
        std::slice::from_ref(&first),
        &[("birth_year", Value::Int(2004)), ("sex", Value::str("unknown"))],
    );
    a.push(server, RecordClass::Core, &[(id, first), (id, by_a)]).await;
    b.push(server, RecordClass::Core, &[(id, by_b)]).await;
}

/// A log with one day of work of a person.
pub fn attendance(server: &Server, device: &Persona, log: RecordId, person: RecordId) -> Change {
    let day: Date = "2026-03-02".parse().expect("a date");
    let entry = Entry::Attendance(AttendanceEntry::present(0, day, 4));
    let Value::Bytes(bytes) = entry.to_value() else { panic!("an entry is bytes") };
    device.new_log(server, log, "attendance", person, bytes)
}
