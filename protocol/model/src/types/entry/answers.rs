//! Entries as the answers to a form: a value for each field, as a record would hold it.

use fieldmerge_protocol::{Path, RecordClass, RecordId, Value};

use super::{
    AbsenceReason, AttendanceEntry, AttendanceStatus, CareMode, ChildBand, ChildcareEntry, Confirmation,
    DeductionReason, Entry, EntryRef, PayChannel, PaymentEntry, TrainingEntry, TrainingResult, TrainingTopic,
    WireCode,
};
use crate::typed::FindingCode;
use crate::types::date::Date;

/// An answer that an entry cannot hold, or that it lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {}", code.code())]
pub struct BadAnswer {
    /// The field.
    pub field: &'static str,
    /// What is wrong with it.
    pub code: FindingCode,
}

/// A field of the entries of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryField {
    /// Its name, which is the path of its question.
    pub name: &'static str,
    /// The codes that it takes; none where it takes no code.
    pub codes: Option<Vec<&'static str>>,
}

impl EntryField {
    fn plain(name: &'static str) -> Self {
        Self { name, codes: None }
    }

    fn code<C: WireCode>(name: &'static str) -> Self {
        Self { name, codes: Some(C::ALL.iter().map(|code| code.code()).collect()) }
    }
}

type Read<T> = Result<T, BadAnswer>;

/// The values of the fields of an entry.
struct Answers<'a>(&'a [(Path, Value)]);

impl Entry {
    /// The fields that entries of a log of this class have, beside whom they are about; none where logs of the class have
    /// no entries.
    pub fn fields(class: RecordClass) -> Option<Vec<EntryField>> {
        type Field = EntryField;
        Some(match class {
            RecordClass::Attendance => vec![
                Field::plain("work_date"),
                Field::code::<AttendanceStatus>("status"),
                Field::plain("day_fraction"),
                Field::plain("hours_worked"),
                Field::plain("task_quantity"),
                Field::code::<AbsenceReason>("absence_reason"),
                Field::plain("corrects"),
            ],
            RecordClass::Childcare => vec![
                Field::plain("care_date"),
                Field::plain("children_present"),
                Field::code::<ChildBand>("age_band"),
                Field::code::<CareMode>("care_mode"),
                Field::plain("corrects"),
            ],
            RecordClass::Training => vec![
                Field::plain("held_on"),
                Field::code::<TrainingTopic>("topic"),
                Field::plain("days"),
                Field::code::<TrainingResult>("certified"),
                Field::plain("corrects"),
            ],
            RecordClass::Payment => vec![
                Field::plain("period_start"),
                Field::plain("period_end"),
                Field::plain("gross_amount"),
                Field::plain("deductions"),
                Field::code::<DeductionReason>("deduction_reason"),
                Field::plain("paid_on"),
                Field::code::<PayChannel>("channel"),
                Field::code::<Confirmation>("payee_confirmed"),
                Field::plain("reverses"),
            ],
            _ => return None,
        })
    }

    /// The entry of a log of this class that these values make, at the names of their fields; none where logs of the class
    /// have no entries. The index of its person is 0 until it stands in a log.
    pub fn from_answers(class: RecordClass, values: &[(Path, Value)]) -> Option<Result<Self, BadAnswer>> {
        let answers = Answers(values);
        Some(match class {
            RecordClass::Attendance => answers.attendance().map(Self::Attendance),
            RecordClass::Childcare => answers.childcare().map(Self::Childcare),
            RecordClass::Training => answers.training().map(Self::Training),
            RecordClass::Payment => answers.payment().map(Self::Payment),
            _ => return None,
        })
    }
}

/// A value that an entry cannot be without.
fn needed<T>(field: &'static str, value: Option<T>) -> Read<T> {
    value.ok_or(BadAnswer { field, code: FindingCode::Missing })
}

impl Answers<'_> {
    fn attendance(&self) -> Read<AttendanceEntry> {
        let status = needed("status", self.code("status")?)?;
        // Who is said to be at work, and no more, was there for the whole day.
        let usual = if status == AttendanceStatus::Present { 4 } else { 0 };
        Ok(AttendanceEntry {
            person: 0,
            work_date: needed("work_date", self.date("work_date")?)?,
            status,
            quarters: self.parts("day_fraction", 4.0)?.unwrap_or(usual),
            hours_hundredths: self.parts("hours_worked", 100.0)?,
            task_hundredths: self.parts("task_quantity", 100.0)?,
            absence_reason: self.code("absence_reason")?,
            corrects: self.entry("corrects")?,
        })
    }

    fn childcare(&self) -> Read<ChildcareEntry> {
        Ok(ChildcareEntry {
            guardian: 0,
            care_date: needed("care_date", self.date("care_date")?)?,
            children: needed("children_present", self.parts("children_present", 1.0)?)?,
            band: needed("age_band", self.code("age_band")?)?,
            mode: self.code("care_mode")?,
            corrects: self.entry("corrects")?,
        })
    }

    fn training(&self) -> Read<TrainingEntry> {
        Ok(TrainingEntry {
            person: 0,
            held_on: needed("held_on", self.date("held_on")?)?,
            topic: needed("topic", self.code("topic")?)?,
            quarters: needed("days", self.parts("days", 4.0)?)?,
            result: self.code("certified")?,
            corrects: self.entry("corrects")?,
        })
    }

    fn payment(&self) -> Read<PaymentEntry> {
        Ok(PaymentEntry {
            person: 0,
            period_start: needed("period_start", self.date("period_start")?)?,
            period_end: needed("period_end", self.date("period_end")?)?,
            gross: needed("gross_amount", self.int("gross_amount")?)?,
            deductions: self.int("deductions")?.unwrap_or_default(),
            deduction_reason: self.code("deduction_reason")?,
            paid_on: needed("paid_on", self.date("paid_on")?)?,
            channel: needed("channel", self.code("channel")?)?,
            confirmed: self.code("payee_confirmed")?,
            reverses: self.entry("reverses")?,
        })
    }

    fn get(&self, field: &str) -> Option<&Value> {
        let found = self.0.iter().find(|(path, _)| path.as_str() == field);
        found.map(|(_, value)| value).filter(|value| **value != Value::Null)
    }

    /// What `read` makes of a text; nothing where nothing was answered.
    fn text<T>(
        &self,
        field: &'static str,
        code: FindingCode,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Read<Option<T>> {
        match self.get(field) {
            None => Ok(None),
            Some(Value::Str(text)) => read(text).map(Some).ok_or(BadAnswer { field, code }),
            Some(_) => Err(BadAnswer { field, code: FindingCode::WrongType }),
        }
    }

    fn date(&self, field: &'static str) -> Read<Option<Date>> {
        self.text(field, FindingCode::BadDate, |text| text.parse().ok())
    }

    fn code<C: WireCode>(&self, field: &'static str) -> Read<Option<C>> {
        self.text(field, FindingCode::UnknownCode, C::from_code)
    }

    /// Another entry, as `<log>/<number>`.
    fn entry(&self, field: &'static str) -> Read<Option<EntryRef>> {
        self.text(field, FindingCode::BadShape, |text| {
            let (log, n) = text.split_once('/')?;
            Some(EntryRef { log: Some(log.parse::<RecordId>().ok()?), n: n.parse().ok()? })
        })
    }

    fn int(&self, field: &'static str) -> Read<Option<i64>> {
        match self.get(field) {
            None => Ok(None),
            Some(Value::Int(number)) => Ok(Some(*number)),
            Some(_) => Err(BadAnswer { field, code: FindingCode::WrongType }),
        }
    }

    /// A number as so many parts of one; what lies between two parts is rounded.
    fn parts<N: TryFrom<i64>>(&self, field: &'static str, parts: f64) -> Read<Option<N>> {
        let number = match self.get(field) {
            None => return Ok(None),
            Some(Value::F64(number)) => *number,
            Some(Value::Int(number)) => i32::try_from(*number).map_or(f64::NAN, f64::from),
            Some(_) => return Err(BadAnswer { field, code: FindingCode::WrongType }),
        };
        let beyond = BadAnswer { field, code: FindingCode::OutOfRange };
        let counted = (number * parts).round();
        if !(0.0..=f64::from(i32::MAX)).contains(&counted) {
            return Err(beyond);
        }
        // In bounds, so that the text of the number is one of an integer.
        let counted: i64 = format!("{counted:.0}").parse().map_err(|_| beyond)?;
        N::try_from(counted).map(Some).map_err(|_| beyond)
    }
}
