//! What a caller wants to save, before it is checked.

use fieldmerge_engine::Edit;
use fieldmerge_model::types::THUMBNAIL;
use fieldmerge_protocol::{AreaId, AttachmentHash, Path, PersonNumber, RecordId, Value};

use crate::error::Error;

/// What can be given as a value.
pub trait IntoValue {
    /// The value.
    fn into_value(self) -> Value;
}

macro_rules! into_value {
    ($($kind:ty: $given:ident => $value:expr),+ $(,)?) => {$(
        impl IntoValue for $kind {
            fn into_value(self) -> Value {
                let $given = self;
                $value
            }
        }
    )+};
}

into_value! {
    AttachmentHash: hash => Value::str(hash.to_string()),
    Value: value => value,
    &str: text => Value::str(text),
    String: text => Value::str(text),
    bool: answer => Value::Bool(answer),
    i64: number => Value::Int(number),
    i32: number => Value::Int(number.into()),
    u32: number => Value::Int(number.into()),
    f64: number => Value::F64(number),
    RecordId: record => Value::Bytes(record.0.to_vec()),
}

/// A record to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct NewRecord {
    record: Option<RecordId>,
    record_type: String,
    area: AreaId,
    subject: Option<RecordId>,
    person: PersonNumber,
    values: Vec<(String, Value)>,
}

impl NewRecord {
    /// A record of this type in this area.
    pub fn new(record_type: impl Into<String>, area: AreaId) -> Self {
        Self {
            record: None,
            record_type: record_type.into(),
            area,
            subject: None,
            person: 0,
            values: Vec::new(),
        }
    }

    /// Gives the record an id that was made beforehand, so that other records of the same save can name it.
    #[must_use]
    pub fn with_id(self, record: RecordId) -> Self {
        Self { record: Some(record), ..self }
    }

    /// The person that the record is about.
    #[must_use]
    pub fn about(self, subject: RecordId) -> Self {
        Self { subject: Some(subject), ..self }
    }

    /// Who of the people on this device saves; the first one if nobody is named.
    #[must_use]
    pub fn by(self, person: PersonNumber) -> Self {
        Self { person, ..self }
    }

    /// Sets a value.
    #[must_use]
    pub fn set(mut self, path: impl Into<String>, value: impl IntoValue) -> Self {
        self.values.push((path.into(), value.into_value()));
        self
    }

    /// Puts a member into a set.
    #[must_use]
    pub fn add(self, set: &str, member: &str) -> Self {
        self.set(format!("{set}/{member}"), true)
    }

    /// Sets an attachment, and the thumbnail that the app made of it.
    #[must_use]
    pub fn photo(self, field: &str, photo: AttachmentHash, thumbnail: Option<AttachmentHash>) -> Self {
        let with = self.set(field, photo);
        match thumbnail {
            Some(thumbnail) => with.set(thumbnail_path(field), thumbnail),
            None => with,
        }
    }

    pub(crate) fn into_edit(self) -> Result<Edit, Error> {
        let values = checked(self.values)?;
        let Self { record, record_type, area, subject, person, .. } = self;
        Ok(Edit::Create { record, record_type, area, subject, person, values })
    }
}

/// Changes to one record.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordEdit {
    record: RecordId,
    person: PersonNumber,
    values: Vec<(String, Value)>,
    removes: Vec<String>,
}

impl RecordEdit {
    /// An edit of this record.
    pub fn new(record: RecordId) -> Self {
        Self { record, person: 0, values: Vec::new(), removes: Vec::new() }
    }

    /// Who of the people on this device saves; the first one if nobody is named.
    #[must_use]
    pub fn by(self, person: PersonNumber) -> Self {
        Self { person, ..self }
    }

    /// Sets a value.
    #[must_use]
    pub fn set(mut self, path: impl Into<String>, value: impl IntoValue) -> Self {
        self.values.push((path.into(), value.into_value()));
        self
    }

    /// Sets an attachment, and the thumbnail that the app made of it. Without one, that of another picture that stood
    /// there goes.
    #[must_use]
    pub fn photo(self, field: &str, photo: AttachmentHash, thumbnail: Option<AttachmentHash>) -> Self {
        let thumbnail = thumbnail.map_or(Value::Null, IntoValue::into_value);
        self.set(field, photo).set(thumbnail_path(field), thumbnail)
    }

    /// Clears an answer.
    #[must_use]
    pub fn clear(self, path: impl Into<String>) -> Self {
        self.set(path, Value::Null)
    }

    /// Puts a member into a set.
    #[must_use]
    pub fn add(self, set: &str, member: &str) -> Self {
        self.set(format!("{set}/{member}"), true)
    }

    /// Takes a member out of a set.
    #[must_use]
    pub fn remove(mut self, set: &str, member: &str) -> Self {
        self.removes.push(format!("{set}/{member}"));
        self
    }

    pub(crate) fn into_edit(self) -> Result<Edit, Error> {
        let removes = self.removes.iter().map(|path| Path::new(path).map_err(|_| Error::BadPath));
        let removes = removes.collect::<Result<_, _>>()?;
        let Self { record, person, .. } = self;
        Ok(Edit::Change { record, person, values: checked(self.values)?, removes })
    }
}

fn thumbnail_path(field: &str) -> String {
    format!("{field}/{THUMBNAIL}")
}

fn checked(values: Vec<(String, Value)>) -> Result<Vec<(Path, Value)>, Error> {
    let checked =
        values.into_iter().map(|(path, value)| Ok((Path::new(&path).map_err(|_| Error::BadPath)?, value)));
    checked.collect()
}
