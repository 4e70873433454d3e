//! Writing and reading the elements of a tuple.

use std::convert::Infallible;

use fieldmerge_protocol::RecordId;
use minicbor::data::Type;
use minicbor::{Decoder, Encoder};

use super::{EntryRef, WireCode};
use crate::types::date::Date;

/// Why a value is not an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// Not a CBOR array of the expected elements, or not in its deterministic encoding.
    #[error("the bytes are not a tuple of this log")]
    Malformed,
    /// A tuple of a version that this program does not know.
    #[error("the tuple has an unknown version")]
    UnknownVersion,
    /// An index beyond the end of its code list.
    #[error("the tuple has a code that is not in its list")]
    UnknownCode,
    /// A number that its field cannot hold, such as a day outside of the calendar.
    #[error("the tuple has a number beyond its bounds")]
    OutOfRange,
    /// The record is of a class that has no entries.
    #[error("records of this class have no entries")]
    NoLog,
}

impl EntryError {
    /// The stable code of the finding.
    pub fn code(self) -> &'static str {
        match self {
            Self::Malformed => "entry-malformed",
            Self::UnknownVersion => "entry-version",
            Self::UnknownCode => "entry-code",
            Self::OutOfRange => "entry-range",
            Self::NoLog => "entry-no-log",
        }
    }
}

impl From<minicbor::decode::Error> for EntryError {
    fn from(_: minicbor::decode::Error) -> Self {
        Self::Malformed
    }
}

/// The elements of a tuple, written one after another.
pub(super) struct Writer(Encoder<Vec<u8>>);

/// Writing to memory cannot fail, which the error type says but the signature of the encoder does not.
type Written<'a> = Result<&'a mut Encoder<Vec<u8>>, minicbor::encode::Error<Infallible>>;

fn done(written: Written<'_>) {
    written.expect("memory takes every byte");
}

impl Writer {
    /// Begins a tuple of `length` elements, the version among them.
    pub(super) fn new(length: u64, version: u32) -> Self {
        let mut encoder = Encoder::new(Vec::with_capacity(24));
        done(encoder.array(length));
        done(encoder.u32(version));
        Self(encoder)
    }

    pub(super) fn uint(&mut self, number: impl Into<u64>) {
        done(self.0.u64(number.into()));
    }

    pub(super) fn int(&mut self, number: impl Into<i64>) {
        done(self.0.i64(number.into()));
    }

    pub(super) fn date(&mut self, date: Date) {
        self.int(date.days());
    }

    pub(super) fn code(&mut self, code: impl WireCode) {
        self.uint(code.index());
    }

    pub(super) fn optional<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        match value {
            Some(value) => write(self, value),
            None => done(self.0.null()),
        }
    }

    /// Two elements: number, log.
    pub(super) fn entry(&mut self, entry: Option<EntryRef>) {
        self.optional(entry.map(|entry| entry.n), Self::uint);
        self.optional(entry.and_then(|entry| entry.log), |writer, log| done(writer.0.bytes(&log.0)));
    }

    pub(super) fn finish(self) -> Vec<u8> {
        self.0.into_writer()
    }
}

/// The elements of a tuple, read one after another.
pub(super) struct Reader<'b>(Decoder<'b>);

impl<'b> Reader<'b> {
    /// Reads the length and the version.
    pub(super) fn new(bytes: &'b [u8], length: u64, version: u32) -> Result<Self, EntryError> {
        let mut decoder = Decoder::new(bytes);
        let found = decoder.array()?.ok_or(EntryError::Malformed)?;
        if decoder.u32()? != version {
            return Err(EntryError::UnknownVersion);
        }
        if found == length { Ok(Self(decoder)) } else { Err(EntryError::Malformed) }
    }

    pub(super) fn uint(&mut self) -> Result<u64, EntryError> {
        Ok(self.0.u64()?)
    }

    /// A whole number that its field keeps in fewer bits.
    pub(super) fn small<T: TryFrom<u64>>(&mut self) -> Result<T, EntryError> {
        T::try_from(self.uint()?).map_err(|_| EntryError::OutOfRange)
    }

    pub(super) fn int(&mut self) -> Result<i64, EntryError> {
        Ok(self.0.i64()?)
    }

    pub(super) fn date(&mut self) -> Result<Date, EntryError> {
        Date::from_days(self.int()?).map_err(|_| EntryError::OutOfRange)
    }

    /// A date written as the days after another.
    pub(super) fn date_after(&mut self, first: Date) -> Result<Date, EntryError> {
        let days = self.int()?.checked_add(i64::from(first.days())).ok_or(EntryError::OutOfRange)?;
        Date::from_days(days).map_err(|_| EntryError::OutOfRange)
    }

    pub(super) fn code<T: WireCode>(&mut self) -> Result<T, EntryError> {
        T::from_index(self.uint()?).ok_or(EntryError::UnknownCode)
    }

    pub(super) fn optional<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, EntryError>,
    ) -> Result<Option<T>, EntryError> {
        if self.0.datatype()? == Type::Null {
            self.0.null()?;
            return Ok(None);
        }
        read(self).map(Some)
    }

    pub(super) fn entry(&mut self) -> Result<Option<EntryRef>, EntryError> {
        let n = self.optional(Self::uint)?;
        let log =
            self.optional(|reader| RecordId::try_from(reader.0.bytes()?).map_err(|_| EntryError::Malformed))?;
        match (n, log) {
            (Some(n), log) => Ok(Some(EntryRef { log, n })),
            (None, None) => Ok(None),
            (None, Some(_)) => Err(EntryError::Malformed),
        }
    }

    /// Whether the bytes end here.
    pub(super) fn end(self, bytes: &[u8]) -> Result<(), EntryError> {
        if self.0.position() == bytes.len() { Ok(()) } else { Err(EntryError::Malformed) }
    }
}

/// Gives an entry `encode` and `decode` from its `write` and `read`. Decoding refuses what encoding would not
/// have written, so that equal entries have equal bytes.
macro_rules! tuple {
    ($entry:ident) => {
        impl $entry {
            /// The bytes of the tuple.
            pub fn encode(&self) -> Vec<u8> {
                let mut writer = $crate::types::entry::codec::Writer::new(Self::LENGTH, Self::VERSION);
                self.write(&mut writer);
                writer.finish()
            }

            /// Reads a tuple that [`Self::encode`] could have written.
            pub fn decode(bytes: &[u8]) -> Result<Self, $crate::types::entry::EntryError> {
                let mut reader =
                    $crate::types::entry::codec::Reader::new(bytes, Self::LENGTH, Self::VERSION)?;
                let entry = Self::read(&mut reader)?;
                reader.end(bytes)?;
                if entry.encode() == bytes {
                    Ok(entry)
                } else {
                    Err($crate::types::entry::EntryError::Malformed)
                }
            }

            /// The value to put at an entry path.
            pub fn to_value(&self) -> fieldmerge_protocol::Value {
                fieldmerge_protocol::Value::Bytes(self.encode())
            }
        }
    };
}
pub(super) use tuple;
