//! One person, one training.

use super::codec::{EntryError, Reader, Writer, tuple};
use super::{EntryRef, TrainingResult, TrainingTopic};
use crate::typed::FindingCode;
use crate::types::date::Date;

/// An entry of a training log.
///
/// Version 1, eight elements, 11 bytes for the common one:
///
/// | # | element | bytes | what |
/// |---|---|---|---|
/// | 0 | version | 1 | 1 |
/// | 1 | person | 1–2 | index `k` of `p/<k>` |
/// | 2 | `held_on` | 3 | days since 1970-01-01 |
/// | 3 | `topic` | 1 | index in `TRAIN_TOPIC` |
/// | 4 | `days` | 1 | quarters of a day |
/// | 5 | `certified` | 1 | index in `CERT_RESULT`, or null |
/// | 6 | `corrects`, number | 1–3 | number of the entry, or null |
/// | 7 | `corrects`, log | 1 or 17 | its log, or null for this one |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrainingEntry {
    /// The person, as an index of the log.
    pub person: u32,
    /// The first day of the training.
    pub held_on: Date,
    /// What it was about.
    pub topic: TrainingTopic,
    /// Quarters of a day; a training of a week is 20.
    pub quarters: u16,
    /// How it ended for the person.
    pub result: Option<TrainingResult>,
    /// The entry that this one corrects.
    pub corrects: Option<EntryRef>,
}

impl TrainingEntry {
    /// The version of the tuple.
    pub const VERSION: u32 = 1;
    /// The number of its elements.
    pub const LENGTH: u64 = 8;

    pub(super) fn write(&self, writer: &mut Writer) {
        writer.uint(self.person);
        writer.date(self.held_on);
        writer.code(self.topic);
        writer.uint(self.quarters);
        writer.optional(self.result, Writer::code);
        writer.entry(self.corrects);
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self, EntryError> {
        Ok(Self {
            person: reader.small()?,
            held_on: reader.date()?,
            topic: reader.code()?,
            quarters: reader.small()?,
            result: reader.optional(Reader::code)?,
            corrects: reader.entry()?,
        })
    }

    pub(super) fn check(&self) -> Vec<(&'static str, FindingCode)> {
        if self.quarters == 0 { vec![("days", FindingCode::OutOfRange)] } else { Vec::new() }
    }
}

tuple!(TrainingEntry);
