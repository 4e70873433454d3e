//! One person, one day, one site.

use super::codec::{EntryError, Reader, Writer, tuple};
use super::{AbsenceReason, AttendanceStatus, EntryRef};
use crate::typed::FindingCode;
use crate::types::date::Date;

/// An entry of an attendance log. The site is the area of the log; who wrote and when, the change says.
///
/// Version 1, ten elements; the common one is 13 bytes before columns and compression, 15 with hours:
///
/// | # | element | bytes | what |
/// |---|---|---|---|
/// | 0 | version | 1 | 1 |
/// | 1 | person | 1–2 | index `k` of `p/<k>` |
/// | 2 | `work_date` | 3 | days since 1970-01-01 |
/// | 3 | `status` | 1 | index in `ATT_STATUS` |
/// | 4 | `day_fraction` | 1 | quarters of a day |
/// | 5 | `hours_worked` | 1–3 | hundredths of an hour, or null |
/// | 6 | `task_quantity` | 1–5 | hundredths of the task unit, or null |
/// | 7 | `absence_reason` | 1 | index in `ABS_REASON`, or null |
/// | 8 | `corrects`, number | 1–3 | number of the entry, or null |
/// | 9 | `corrects`, log | 1 or 17 | its log, or null for this one |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttendanceEntry {
    /// The person, as an index of the log.
    pub person: u32,
    /// The day of work, entered by a person and not taken from a clock.
    pub work_date: Date,
    /// Present, absent or stopped.
    pub status: AttendanceStatus,
    /// Quarters of a day: 4 is a whole one, 0 goes with an absence.
    pub quarters: u8,
    /// Hundredths of an hour.
    pub hours_hundredths: Option<u32>,
    /// Hundredths of the task unit.
    pub task_hundredths: Option<u32>,
    /// The category of the reason for an absence.
    pub absence_reason: Option<AbsenceReason>,
    /// The entry that this one corrects.
    pub corrects: Option<EntryRef>,
}

impl AttendanceEntry {
    /// The version of the tuple.
    pub const VERSION: u32 = 1;
    /// The number of its elements.
    pub const LENGTH: u64 = 10;

    /// A person at work for so many quarters of a day.
    pub fn present(person: u32, work_date: Date, quarters: u8) -> Self {
        Self {
            person,
            work_date,
            status: AttendanceStatus::Present,
            quarters,
            hours_hundredths: None,
            task_hundredths: None,
            absence_reason: None,
            corrects: None,
        }
    }

    /// A person not at work.
    pub fn absent(person: u32, work_date: Date, absence_reason: Option<AbsenceReason>) -> Self {
        Self { status: AttendanceStatus::Absent, absence_reason, ..Self::present(person, work_date, 0) }
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        writer.uint(self.person);
        writer.date(self.work_date);
        writer.code(self.status);
        writer.uint(self.quarters);
        writer.optional(self.hours_hundredths, Writer::uint);
        writer.optional(self.task_hundredths, Writer::uint);
        writer.optional(self.absence_reason, Writer::code);
        writer.entry(self.corrects);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, EntryError> {
        Ok(Self {
            person: reader.small()?,
            work_date: reader.date()?,
            status: reader.code()?,
            quarters: reader.small()?,
            hours_hundredths: reader.optional(Reader::small)?,
            task_hundredths: reader.optional(Reader::small)?,
            absence_reason: reader.optional(Reader::code)?,
            corrects: reader.entry()?,
        })
    }

    pub(super) fn check(&self) -> Vec<(&'static str, FindingCode)> {
        let present = self.status == AttendanceStatus::Present;
        let absent = self.status == AttendanceStatus::Absent;
        [
            (
                "day_fraction",
                self.quarters > 4 || (present && self.quarters == 0) || (absent && self.quarters > 0),
            ),
            ("hours_worked", self.hours_hundredths.is_some_and(|hours| hours > 1600)),
            ("absence_reason", self.absence_reason.is_some() && !absent),
        ]
        .into_iter()
        .filter_map(|(field, odd)| odd.then_some((field, FindingCode::OutOfRange)))
        .collect()
    }
}

tuple!(AttendanceEntry);
