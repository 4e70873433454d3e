//! The scalar values that a record may hold.

use smol_str::SmolStr;

/// One scalar, with Automerge's own types. Containers, counters, text objects and marks do not occur.
///
/// Money and integers are `Int` (minor units), decimals `F64` (finite), dates ISO 8601 `Str`, dateTimes `Str` with
/// an offset, files the SHA-256 of their bytes as `Str`.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A cleared answer.
    Null,
    /// Yes or no; `true` for a member of a set.
    Bool(bool),
    /// A signed integer.
    Int(i64),
    /// An unsigned integer. Our own writers use `Int`; a peer's `Uint` is kept as it is.
    Uint(u64),
    /// A finite decimal.
    F64(f64),
    /// Text, codes, dates, coordinates.
    Str(SmolStr),
    /// Opaque bytes: ids, entries, sealed values.
    Bytes(Vec<u8>),
    /// Milliseconds since the epoch.
    Timestamp(i64),
}

impl Value {
    /// A text value.
    pub fn str(text: impl AsRef<str>) -> Self {
        Self::Str(SmolStr::new(text))
    }

    /// The text, if this is one.
    pub fn as_str(&self) -> Option<&str> {
        if let Self::Str(text) = self { Some(text) } else { None }
    }

    /// The bytes, if these are some.
    pub fn as_bytes(&self) -> Option<&[u8]> {
        if let Self::Bytes(bytes) = self { Some(bytes) } else { None }
    }
}
