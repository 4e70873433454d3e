//! Values on their way into statements and out of rows.

use fieldmerge_protocol::{
    Actor, AreaId, AttachmentHash, DeviceId, Incarnation, LifeId, LogId, ProjectId, RecordClass, RecordId,
};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgHasArrayType, PgRow, PgTypeInfo};
use sqlx::sqlite::{SqliteArgumentsBuffer, SqliteRow, SqliteTypeInfo};
use sqlx::types::Json;
use sqlx::{Decode, Encode, Postgres, Row as _, Sqlite, Type};
use uuid::Uuid;

use crate::tx::Bind;
use crate::{Result, StoreError};

/// A value of ours that a statement takes.
pub(crate) trait Param {
    /// What the drivers see.
    type Raw: Bind;

    /// The value for the drivers.
    fn raw(self) -> Result<Self::Raw, BoxDynError>;
}

/// A value of ours that a row gives.
pub(crate) trait Column: Sized {
    /// What the drivers see.
    type Raw: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres>;

    /// Our value, unless the row is corrupt.
    fn from_raw(raw: Self::Raw) -> Option<Self>;
}

/// A typed row.
pub(crate) trait FromRow: Sized {
    /// Reads the columns by their names.
    fn from_row(row: &Row) -> Result<Self>;
}

/// A row of either database.
pub(crate) struct Row {
    table: &'static str,
    inner: Inner,
}

enum Inner {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Row {
    pub(crate) fn sqlite(table: &'static str, row: SqliteRow) -> Self {
        Self { table, inner: Inner::Sqlite(row) }
    }

    pub(crate) fn postgres(table: &'static str, row: PgRow) -> Self {
        Self { table, inner: Inner::Postgres(row) }
    }

    /// Reads one column.
    pub(crate) fn get<T: Column>(&self, column: &'static str) -> Result<T> {
        self.try_get(column).ok_or_else(|| self.corrupt(column))
    }

    fn try_get<T: Column>(&self, column: &'static str) -> Option<T> {
        let raw = match &self.inner {
            Inner::Sqlite(row) => row.try_get::<T::Raw, _>(column),
            Inner::Postgres(row) => row.try_get::<T::Raw, _>(column),
        };
        T::from_raw(raw.ok()?)
    }

    /// An error that names this row. Only ids go in: they say nothing about a person.
    pub(crate) fn corrupt(&self, column: &'static str) -> StoreError {
        let id = ["id", "record", "area"].into_iter().find_map(|name| self.try_get::<Uuid>(name));
        let device = || ["id", "device"].into_iter().find_map(|name| self.try_get::<DeviceId>(name));
        let key = match id {
            Some(id) => id.to_string(),
            None => device().map_or_else(|| "of unknown id".to_owned(), |device| device.to_string()),
        };
        StoreError::Corrupt { table: self.table, column, key }
    }
}

macro_rules! as_is {
    ($($type:ty),+) => {$(
        impl Param for $type {
            type Raw = Self;
            fn raw(self) -> Result<Self, BoxDynError> {
                Ok(self)
            }
        }

        impl Column for $type {
            type Raw = Self;
            fn from_raw(raw: Self) -> Option<Self> {
                Some(raw)
            }
        }
    )+};
}

macro_rules! as_uuid {
    ($($type:ty),+) => {$(
        impl Param for $type {
            type Raw = Uuid;
            fn raw(self) -> Result<Uuid, BoxDynError> {
                Ok(self.uuid())
            }
        }

        impl Column for $type {
            type Raw = Uuid;
            fn from_raw(raw: Uuid) -> Option<Self> {
                Some(raw.into())
            }
        }
    )+};
}

macro_rules! as_bytes {
    ($($type:ty),+) => {$(
        impl Param for $type {
            type Raw = Vec<u8>;
            fn raw(self) -> Result<Vec<u8>, BoxDynError> {
                Ok(self.0.to_vec())
            }
        }

        impl Column for $type {
            type Raw = Vec<u8>;
            fn from_raw(raw: Vec<u8>) -> Option<Self> {
                Self::try_from(raw.as_slice()).ok()
            }
        }
    )+};
}

macro_rules! as_integer {
    ($($type:ty),+) => {$(
        impl Param for $type {
            type Raw = i64;
            fn raw(self) -> Result<i64, BoxDynError> {
                Ok(i64::try_from(self)?)
            }
        }

        impl Column for $type {
            type Raw = i64;
            fn from_raw(raw: i64) -> Option<Self> {
                Self::try_from(raw).ok()
            }
        }
    )+};
}

as_is!(Uuid, i64, bool, String, Vec<u8>);
as_uuid!(ProjectId, AreaId, RecordId, LogId);
as_bytes!(DeviceId, Incarnation, LifeId, Actor, AttachmentHash);
as_integer!(u8, u16, u32, u64);

impl Param for &str {
    type Raw = String;
    fn raw(self) -> Result<String, BoxDynError> {
        Ok(self.to_owned())
    }
}

impl Param for &[u8] {
    type Raw = Vec<u8>;
    fn raw(self) -> Result<Vec<u8>, BoxDynError> {
        Ok(self.to_vec())
    }
}

impl<const N: usize> Param for [u8; N] {
    type Raw = Vec<u8>;
    fn raw(self) -> Result<Vec<u8>, BoxDynError> {
        Ok(self.to_vec())
    }
}

impl<const N: usize> Column for [u8; N] {
    type Raw = Vec<u8>;
    fn from_raw(raw: Vec<u8>) -> Option<Self> {
        raw.try_into().ok()
    }
}

impl Param for RecordClass {
    type Raw = i64;
    fn raw(self) -> Result<i64, BoxDynError> {
        Ok(self.number().into())
    }
}

impl Column for RecordClass {
    type Raw = i64;
    fn from_raw(raw: i64) -> Option<Self> {
        Self::from_number(u8::try_from(raw).ok()?)
    }
}

impl<T: Param> Param for Option<T>
where
    Option<T::Raw>: Bind,
{
    type Raw = Option<T::Raw>;
    fn raw(self) -> Result<Self::Raw, BoxDynError> {
        self.map(Param::raw).transpose()
    }
}

impl<T: Column> Column for Option<T>
where
    Option<T::Raw>: for<'r> Decode<'r, Sqlite> + Type<Sqlite> + for<'r> Decode<'r, Postgres> + Type<Postgres>,
{
    type Raw = Option<T::Raw>;
    fn from_raw(raw: Self::Raw) -> Option<Self> {
        raw.map_or(Some(None), |raw| T::from_raw(raw).map(Some))
    }
}

/// JSON text on its way in and out: `JSON` on PostgreSQL, `TEXT` on SQLite. It is not parsed here.
#[derive(Debug, Clone, Copy)]
pub(crate) struct JsonText<T>(pub T);

/// The numbers that PostgreSQL gives to `JSON` and its array type.
const JSON_OID: Oid = Oid(114);
const JSON_ARRAY_OID: Oid = Oid(199);

impl<T: AsRef<str>> Type<Sqlite> for JsonText<T> {
    fn type_info() -> SqliteTypeInfo {
        <str as Type<Sqlite>>::type_info()
    }
}

impl<T: AsRef<str>> Encode<'_, Sqlite> for JsonText<T> {
    fn encode_by_ref(&self, buffer: &mut SqliteArgumentsBuffer) -> Result<IsNull, BoxDynError> {
        <&str as Encode<'_, Sqlite>>::encode_by_ref(&self.0.as_ref(), buffer)
    }
}

impl<T: AsRef<str>> Type<Postgres> for JsonText<T> {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(JSON_OID)
    }
}

impl<T: AsRef<str>> PgHasArrayType for JsonText<T> {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(JSON_ARRAY_OID)
    }
}

impl<T: AsRef<str>> Encode<'_, Postgres> for JsonText<T> {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        buffer.extend_from_slice(self.0.as_ref().as_bytes());
        Ok(IsNull::No)
    }
}

impl<T: AsRef<str>> Param for JsonText<T> {
    type Raw = JsonText<String>;
    fn raw(self) -> Result<Self::Raw, BoxDynError> {
        Ok(JsonText(self.0.as_ref().to_owned()))
    }
}

impl Column for JsonText<String> {
    type Raw = Json<Box<serde_json::value::RawValue>>;
    fn from_raw(raw: Self::Raw) -> Option<Self> {
        Some(Self(Box::<str>::from(raw.0).into_string()))
    }
}
