//! The entries of logs as rows.

use fieldmerge_protocol::{AreaId, DeviceId, RecordId};

use super::{Cell, Column, ColumnKind, Source};
use crate::types::RecordType;
use crate::types::entry::{Entry, EntryError, EntryRef, WireCode};

/// What is known about an entry beside its tuple.
#[derive(Debug, Clone, Copy)]
pub struct EntryFacts {
    /// The log.
    pub log: RecordId,
    /// The number of the entry in it.
    pub n: u64,
    /// The area of the log: the site.
    pub area: AreaId,
    /// The person that the log names for the entry's index; none where it names nobody.
    pub person: Option<RecordId>,
    /// The device that wrote it.
    pub device: DeviceId,
    /// When it was written, by the clock of that device.
    pub written_ms: i64,
    /// When it was received.
    pub received_ms: i64,
}

/// The columns of a record type whose records are logs.
pub fn entry_columns(of: &RecordType) -> Vec<Column> {
    use ColumnKind::{DateTime, Id, Int, Set};
    let person = Column::meta("_person", ["Person", "Personne"], Id, Source::Subject);
    let mut columns = vec![
        Column::meta("_log", ["Log", "Journal"], Id, Source::Id),
        Column::meta("_n", ["Number in the log", "Numéro dans le journal"], Int, Source::Number),
        Column::meta("_area", ["Site", "Chantier"], Id, Source::Area),
        Column { names_person: true, ..person },
    ];
    // What is derived follows from the entry itself.
    columns.extend(of.fields.iter().map(|field| Column::of(field, Source::Entry(field.clone()))));
    columns.extend([
        Column::meta("_device", ["Device", "Appareil"], Id, Source::Device),
        Column::meta(
            "_written_at",
            ["Written at (device clock)", "Écrit le (horloge de l'appareil)"],
            DateTime,
            Source::Created,
        ),
        Column::meta("_received_at", ["Received at", "Reçu le"], DateTime, Source::Received),
        Column::meta("_findings", ["Findings", "Constats"], Set, Source::Findings),
    ]);
    columns
}

/// The cells of an entry under these columns. One that does not read has only its place, its author and the
/// finding.
pub fn entry_row(columns: &[Column], facts: &EntryFacts, entry: Result<&Entry, EntryError>) -> Vec<Cell> {
    let cell = |column: &Column| match &column.source {
        Source::Id => Cell::id(facts.log),
        Source::Number => i64::try_from(facts.n).map_or(Cell::Null, Cell::Int),
        Source::Area => Cell::id(facts.area),
        Source::Subject => facts.person.map_or(Cell::Null, Cell::id),
        Source::Device => Cell::id(facts.device),
        Source::Created => Cell::at(facts.written_ms),
        Source::Received => Cell::at(facts.received_ms),
        Source::Findings => findings(entry),
        Source::Entry(field) => entry.map_or(Cell::Null, |entry| value(entry, facts.log, &field.name)),
        _ => Cell::Null,
    };
    columns.iter().map(cell).collect()
}

fn findings(entry: Result<&Entry, EntryError>) -> Cell {
    super::set(match entry {
        Ok(entry) => {
            entry.check().into_iter().map(|(field, code)| format!("{field}:{}", code.code())).collect()
        }
        Err(error) => vec![error.code().to_owned()],
    })
}

/// The cell of a field of an entry, by the field's name.
fn value(entry: &Entry, log: RecordId, name: &str) -> Cell {
    match entry {
        Entry::Attendance(entry) => match name {
            "work_date" => Cell::id(entry.work_date),
            "status" => code(Some(entry.status)),
            "day_fraction" => Cell::Decimal(f64::from(entry.quarters) / 4.0),
            "hours_worked" => hundredths(entry.hours_hundredths),
            "task_quantity" => hundredths(entry.task_hundredths),
            "absence_reason" => code(entry.absence_reason),
            "corrects" => reference(entry.corrects, log),
            _ => Cell::Null,
        },
        Entry::Childcare(entry) => match name {
            "care_date" => Cell::id(entry.care_date),
            "children_present" => Cell::Int(i64::from(entry.children)),
            "age_band" => code(Some(entry.band)),
            "care_mode" => code(entry.mode),
            "corrects" => reference(entry.corrects, log),
            _ => Cell::Null,
        },
        Entry::Training(entry) => match name {
            "held_on" => Cell::id(entry.held_on),
            "topic" => code(Some(entry.topic)),
            "days" => Cell::Decimal(f64::from(entry.quarters) / 4.0),
            "certified" => code(entry.result),
            "corrects" => reference(entry.corrects, log),
            _ => Cell::Null,
        },
        Entry::Payment(entry) => match name {
            "period_start" => Cell::id(entry.period_start),
            "period_end" => Cell::id(entry.period_end),
            "gross_amount" => Cell::Int(entry.gross),
            "deductions" => Cell::Int(entry.deductions),
            "deduction_reason" => code(entry.deduction_reason),
            "net_amount" => Cell::Int(entry.net()),
            "paid_on" => Cell::id(entry.paid_on),
            "channel" => code(Some(entry.channel)),
            "payee_confirmed" => code(entry.confirmed),
            "reverses" => reference(entry.reverses, log),
            _ => Cell::Null,
        },
    }
}

fn code(code: Option<impl WireCode>) -> Cell {
    code.map_or(Cell::Null, |code| Cell::Token(code.code().to_owned()))
}

fn hundredths(number: Option<u32>) -> Cell {
    number.map_or(Cell::Null, |number| Cell::Decimal(f64::from(number) / 100.0))
}

/// Another entry as `<log>/<number>`.
fn reference(entry: Option<EntryRef>, log: RecordId) -> Cell {
    entry.map_or(Cell::Null, |entry| Cell::Token(format!("{}/{}", entry.log.unwrap_or(log), entry.n)))
}
