//! One payment to one person for one period.

use super::codec::{EntryError, Reader, Writer, tuple};
use super::{Confirmation, DeductionReason, EntryRef, PayChannel};
use crate::typed::FindingCode;
use crate::types::date::Date;

/// An entry of a payment log. Amounts are minor units of the project's currency; the net amount is what
/// remains and is not stored, so that it cannot contradict. Days are counted from one another, which keeps
/// them in a byte.
///
/// Version 1, twelve elements, 17 bytes for the common one before columns and compression:
///
/// | # | element | bytes | what |
/// |---|---|---|---|
/// | 0 | version | 1 | 1 |
/// | 1 | person | 1–2 | index `k` of `p/<k>` |
/// | 2 | `period_start` | 3 | days since 1970-01-01 |
/// | 3 | `period_end` | 1 | days after `period_start`, 0 for a period of one day |
/// | 4 | `gross_amount` | 1–9 | minor units |
/// | 5 | `deductions` | 1–9 | minor units, their sum |
/// | 6 | `deduction_reason` | 1 | index in `DEDUCTION`, or null |
/// | 7 | `paid_on` | 1–2 | days after `period_end`, negative for pay in advance |
/// | 8 | `channel` | 1 | index in `PAY_CHANNEL` |
/// | 9 | `payee_confirmed` | 1 | index in `CONFIRM_MODE`, or null |
/// | 10 | `reverses`, number | 1–3 | number of the entry, or null |
/// | 11 | `reverses`, log | 1 or 17 | its log, or null for this one |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentEntry {
    /// The person, as an index of the log.
    pub person: u32,
    /// The first day of the period.
    pub period_start: Date,
    /// The last day of the period.
    pub period_end: Date,
    /// Minor units before deductions.
    pub gross: i64,
    /// Minor units kept back.
    pub deductions: i64,
    /// Why they were kept back.
    pub deduction_reason: Option<DeductionReason>,
    /// The day on which pay was handed over.
    pub paid_on: Date,
    /// How pay was handed over.
    pub channel: PayChannel,
    /// How the worker confirmed it.
    pub confirmed: Option<Confirmation>,
    /// The payment that this one reverses.
    pub reverses: Option<EntryRef>,
}

impl PaymentEntry {
    /// The version of the tuple.
    pub const VERSION: u32 = 1;
    /// The number of its elements.
    pub const LENGTH: u64 = 12;

    /// Minor units that the person received: what remains of the gross amount.
    pub fn net(&self) -> i64 {
        self.gross.saturating_sub(self.deductions)
    }

    pub(super) fn write(&self, writer: &mut Writer) {
        writer.uint(self.person);
        writer.date(self.period_start);
        writer.int(self.period_end.days() - self.period_start.days());
        writer.int(self.gross);
        writer.int(self.deductions);
        writer.optional(self.deduction_reason, Writer::code);
        writer.int(self.paid_on.days() - self.period_end.days());
        writer.code(self.channel);
        writer.optional(self.confirmed, Writer::code);
        writer.entry(self.reverses);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, EntryError> {
        let person = reader.small()?;
        let period_start = reader.date()?;
        let period_end = reader.date_after(period_start)?;
        Ok(Self {
            person,
            period_start,
            period_end,
            gross: reader.int()?,
            deductions: reader.int()?,
            deduction_reason: reader.optional(Reader::code)?,
            paid_on: reader.date_after(period_end)?,
            channel: reader.code()?,
            confirmed: reader.optional(Reader::code)?,
            reverses: reader.entry()?,
        })
    }

    pub(super) fn check(&self) -> Vec<(&'static str, FindingCode)> {
        [
            ("period_end", self.period_end < self.period_start, FindingCode::OutOfRange),
            ("gross_amount", self.gross < 0, FindingCode::OutOfRange),
            ("deductions", self.deductions < 0 || self.deductions > self.gross, FindingCode::OutOfRange),
            (
                "deduction_reason",
                self.deductions > 0 && self.deduction_reason.is_none(),
                FindingCode::Missing,
            ),
        ]
        .into_iter()
        .filter_map(|(field, odd, code)| odd.then_some((field, code)))
        .collect()
    }
}

tuple!(PaymentEntry);
