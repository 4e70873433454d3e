//! The children of one worker, in care on one day. Never a child's name.

use super::codec::{EntryError, Reader, Writer, tuple};
use super::{CareMode, ChildBand, EntryRef};
use crate::typed::FindingCode;
use crate::types::date::Date;

/// An entry of a childcare log.
///
/// Version 1, eight elements, 11 bytes for the common one:
///
/// | # | element | bytes | what |
/// |---|---|---|---|
/// | 0 | version | 1 | 1 |
/// | 1 | guardian | 1–2 | index `k` of `p/<k>` |
/// | 2 | `care_date` | 3 | days since 1970-01-01 |
/// | 3 | `children_present` | 1 | how many |
/// | 4 | `age_band` | 1 | index in `CHILD_BAND` |
/// | 5 | `care_mode` | 1 | index in `CARE_MODE`, or null |
/// | 6 | `corrects`, number | 1–3 | number of the entry, or null |
/// | 7 | `corrects`, log | 1 or 17 | its log, or null for this one |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChildcareEntry {
    /// The worker, as an index of the log.
    pub guardian: u32,
    /// The day of care.
    pub care_date: Date,
    /// How many children of this band.
    pub children: u8,
    /// Their age.
    pub band: ChildBand,
    /// Where they were cared for.
    pub mode: Option<CareMode>,
    /// The entry that this one corrects.
    pub corrects: Option<EntryRef>,
}

impl ChildcareEntry {
    /// The version of the tuple.
    pub const VERSION: u32 = 1;
    /// The number of its elements.
    pub const LENGTH: u64 = 8;

    pub(super) fn write(&self, writer: &mut Writer) {
        writer.uint(self.guardian);
        writer.date(self.care_date);
        writer.uint(self.children);
        writer.code(self.band);
        writer.optional(self.mode, Writer::code);
        writer.entry(self.corrects);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, EntryError> {
        Ok(Self {
            guardian: reader.small()?,
            care_date: reader.date()?,
            children: reader.small()?,
            band: reader.code()?,
            mode: reader.optional(Reader::code)?,
            corrects: reader.entry()?,
        })
    }

    pub(super) fn check(&self) -> Vec<(&'static str, FindingCode)> {
        if self.children > 10 { vec![("children_present", FindingCode::OutOfRange)] } else { Vec::new() }
    }
}

tuple!(ChildcareEntry);
