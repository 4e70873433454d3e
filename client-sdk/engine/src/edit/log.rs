//! Adding entries to logs.

use fieldmerge_model::log::NewLog;
use fieldmerge_model::types::date::Date;
use fieldmerge_model::types::entry::Entry;
use fieldmerge_protocol::sync::Feed;
use fieldmerge_protocol::{AreaId, PersonNumber, RecordClass, RecordId, Value};
use smol_str::{SmolStr, format_smolstr};

use super::{Saver, not_built};
use crate::doc::{Body, Doc};
use crate::memory::LogKey;
use crate::{Failure, LogEntry};

/// Entries of one log, with their places in the list that the caller gave.
struct Sheet {
    class: RecordClass,
    month: SmolStr,
    entries: Vec<(usize, LogEntry)>,
}

impl Saver<'_, '_> {
    /// Adds entries: one change for each log that they belong to.
    pub(super) fn append(
        &mut self,
        area: AreaId,
        person: PersonNumber,
        entries: Vec<LogEntry>,
    ) -> Result<Vec<(RecordId, u64)>, Failure> {
        if entries.is_empty() {
            return Err(Failure::NothingToWrite);
        }
        let mut saved = vec![None; entries.len()];
        for sheet in sheets(entries)? {
            self.check_grant(Feed { area, class: sheet.class })?;
            let actor = self.actor(person)?;
            let places: Vec<usize> = sheet.entries.iter().map(|(place, _)| *place).collect();
            let entries = sheet.entries.into_iter().map(|(_, entry)| entry).collect();
            let key = (actor, area, sheet.class, sheet.month);
            let log = self.stage.find_log(&key).unwrap_or_else(|| self.new_id());
            let first = self.write_sheet((log, key), entries, self.now_ms, 0)?;
            for (place, n) in places.into_iter().zip(first..) {
                saved[place] = Some((log, n));
            }
        }
        saved.into_iter().collect::<Option<_>>().ok_or(Failure::Bug("an entry belongs to no log"))
    }

    /// Writes entries into a log, which is begun with this key if there is none. Gives the number of the first.
    pub(crate) fn write_sheet(
        &mut self,
        (id, (actor, area, class, month)): (RecordId, LogKey),
        entries: Vec<LogEntry>,
        time: i64,
        repairs: u8,
    ) -> Result<u64, Failure> {
        let mut doc = self.stage.doc(id)?.unwrap_or_else(|| Doc::new(id, Feed { area, class }));
        let Body::Log(log) = &doc.body else { return Err(Failure::Bug("a record was found as a log")) };
        let mut draft = if log.is_empty() {
            let kind = self.stage.forms.types.of_class(class);
            let record_type = kind.ok_or_else(|| Failure::WrongType(class.name().into()))?.name.clone();
            NewLog { actor, id, record_type, area, month }.draft().ok_or(Failure::Bug("not a month"))?
        } else {
            log.draft().ok_or(Failure::Bug("a log without a first change"))?
        };
        let first = log.next_entry();
        for LogEntry { subject, mut entry } in entries {
            let k = u32::try_from(draft.person(subject)).map_err(|_| Failure::TooLarge)?;
            set_person(&mut entry, k);
            let Value::Bytes(bytes) = entry.to_value() else { return Err(Failure::Bug("an entry is bytes")) };
            draft.entry(bytes);
        }
        let change = draft.build(time).map_err(|error| not_built(error, id))?;
        self.stage.save(id, &mut doc, &change, repairs)?;
        self.stage.set_doc(id, Some(doc));
        Ok(first)
    }
}

/// Sorts entries into logs, in the order in which the logs first occur.
fn sheets(entries: Vec<LogEntry>) -> Result<Vec<Sheet>, Failure> {
    let mut sheets: Vec<Sheet> = Vec::new();
    for (place, given) in entries.into_iter().enumerate() {
        if let Some((field, code)) = given.entry.check().first() {
            return Err(Failure::BadValue { path: SmolStr::new_static(field), code: code.code() });
        }
        let (class, month) = (given.entry.class(), month_of(given.entry.date()));
        match sheets.iter_mut().find(|sheet| sheet.class == class && sheet.month == month) {
            Some(sheet) => sheet.entries.push((place, given)),
            None => sheets.push(Sheet { class, month, entries: vec![(place, given)] }),
        }
    }
    Ok(sheets)
}

/// The month of a date, as `2026-03`.
fn month_of(date: Date) -> SmolStr {
    let (year, month, _) = date.parts();
    format_smolstr!("{year:04}-{month:02}")
}

/// States who an entry is about, as the log counts persons.
pub(crate) fn set_person(entry: &mut Entry, k: u32) {
    match entry {
        Entry::Attendance(entry) => entry.person = k,
        Entry::Childcare(entry) => entry.guardian = k,
        Entry::Training(entry) => entry.person = k,
        Entry::Payment(entry) => entry.person = k,
    }
}
