//! One column of values for each path and type, across all changes of a frame.

use smol_str::SmolStr;

use super::super::BundleError;
use super::super::wire::zigzag;
use super::blobs::{self, Blobs};
use super::lanes::{LaneReader, Lanes};
use super::shapes::Kind;
use super::{ints, texts};
use crate::Value;

type Result<T> = std::result::Result<T, BundleError>;

/// The most digits after the point of decimals that travel as integers.
const MAX_SCALE: u8 = 9;
/// The scale byte of decimals that travel as their 64 bits.
const BITS: u8 = 0xff;
/// Integers up to here are exact as floats.
const EXACT: i64 = 1 << 53;

/// A column being filled.
#[derive(Debug)]
pub(super) enum Column<'a> {
    /// Kinds that are their own value.
    Nothing,
    /// Bool, Int, Uint, Timestamp.
    Ints(Vec<i64>),
    /// F64.
    Floats(Vec<f64>),
    /// Str.
    Texts(Vec<&'a str>),
    /// Bytes, and the times of their changes.
    Blobs(Vec<&'a [u8]>, Vec<i64>),
}

impl<'a> Column<'a> {
    pub(super) fn new(kind: Kind) -> Self {
        match kind {
            Kind::Bool | Kind::Int | Kind::Uint | Kind::Timestamp => Self::Ints(Vec::new()),
            Kind::F64 => Self::Floats(Vec::new()),
            Kind::Str => Self::Texts(Vec::new()),
            Kind::Bytes => Self::Blobs(Vec::new(), Vec::new()),
            Kind::Delete | Kind::Null | Kind::Entries | Kind::Persons => Self::Nothing,
        }
    }

    /// Adds a value of the column's kind, set by a change of this time.
    pub(super) fn push(&mut self, value: &'a Value, time: i64) {
        match (self, value) {
            (Self::Ints(column), Value::Bool(value)) => column.push(i64::from(*value)),
            (Self::Ints(column), Value::Int(value) | Value::Timestamp(value)) => column.push(*value),
            (Self::Ints(column), Value::Uint(value)) => column.push(value.cast_signed()),
            (Self::Floats(column), Value::F64(value)) => column.push(*value),
            (Self::Texts(column), Value::Str(value)) => column.push(value),
            (Self::Blobs(column, times), Value::Bytes(value)) => {
                column.push(value);
                times.push(time);
            }
            _ => {}
        }
    }

    pub(super) fn put(&self, lanes: &mut Lanes) {
        match self {
            Self::Nothing => {}
            Self::Ints(values) => ints::put(lanes, values),
            Self::Floats(values) => put_floats(lanes, values),
            Self::Texts(values) => texts::put(lanes, values),
            Self::Blobs(values, times) => blobs::put(lanes, values, times),
        }
    }
}

/// Writes decimals: u8 scale s in the meta lane and a column of value × 10^s, or 0xff and a column of the 64 bits.
pub(super) fn put_floats(lanes: &mut Lanes, values: &[f64]) {
    if values.is_empty() {
        return;
    }
    let scaled = (0..=MAX_SCALE).find_map(|scale| {
        let scaled: Option<Vec<i64>> = values.iter().map(|&value| scale_up(value, scale)).collect();
        scaled.map(|scaled| (scale, scaled))
    });
    let bits = || values.iter().map(|value| value.to_bits().cast_signed()).collect();
    let (scale, column) = scaled.unwrap_or_else(|| (BITS, bits()));
    lanes.meta.push(scale);
    ints::put(lanes, &column);
}

/// The value as an integer of units 10^-scale, if that gives back every bit of it.
fn scale_up(value: f64, scale: u8) -> Option<i64> {
    let rounded = (value * power(scale)).round();
    if rounded.abs() > EXACT as f64 || rounded.is_nan() {
        return None;
    }
    let scaled = rounded as i64;
    (scale_down(scaled, scale).to_bits() == value.to_bits()).then_some(scaled)
}

/// Both are exact, so the quotient is the float nearest to the decimal: what parsing it gives.
fn scale_down(scaled: i64, scale: u8) -> f64 {
    scaled as f64 / power(scale)
}

fn power(scale: u8) -> f64 {
    10_u64.pow(u32::from(scale)) as f64
}

/// Reads a column of decimals.
pub(super) fn get_floats(lanes: &mut LaneReader<'_>, count: usize) -> Result<Vec<f64>> {
    if count == 0 {
        return Ok(Vec::new());
    }
    match lanes.meta.u8()? {
        BITS => {
            let bits = ints::get(lanes, count)?;
            Ok(bits.into_iter().map(|bits| f64::from_bits(bits.cast_unsigned())).collect())
        }
        scale if scale <= MAX_SCALE => {
            let scaled = ints::get(lanes, count)?;
            if scaled.iter().any(|&value| zigzag(value) > zigzag(EXACT)) {
                return Err(BundleError::Malformed("decimal column"));
            }
            Ok(scaled.into_iter().map(|value| scale_down(value, scale)).collect())
        }
        _ => Err(BundleError::Malformed("decimal column")),
    }
}

/// Reads a column of booleans.
pub(super) fn boolean(value: i64) -> Result<bool> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(BundleError::Malformed("boolean")),
    }
}

/// A column that was read.
#[derive(Debug)]
pub(super) enum Cells {
    Delete,
    Null,
    Bools(std::vec::IntoIter<i64>),
    Ints(std::vec::IntoIter<i64>),
    Uints(std::vec::IntoIter<i64>),
    Timestamps(std::vec::IntoIter<i64>),
    Floats(std::vec::IntoIter<f64>),
    Texts(std::vec::IntoIter<SmolStr>),
    Blobs(Blobs),
}

impl Cells {
    /// Reads a column of `count` values.
    pub(super) fn get(lanes: &mut LaneReader<'_>, kind: Kind, count: usize) -> Result<Self> {
        let mut ints = || ints::get(lanes, count).map(Vec::into_iter);
        Ok(match kind {
            Kind::Bool => Self::Bools(ints()?),
            Kind::Int => Self::Ints(ints()?),
            Kind::Uint => Self::Uints(ints()?),
            Kind::Timestamp => Self::Timestamps(ints()?),
            Kind::F64 => Self::Floats(get_floats(lanes, count)?.into_iter()),
            Kind::Str => Self::Texts(texts::get(lanes, count, &|text| SmolStr::new(text))?.into_iter()),
            Kind::Bytes => Self::Blobs(Blobs::get(lanes, count)?),
            Kind::Delete => Self::Delete,
            Kind::Null | Kind::Entries | Kind::Persons => Self::Null,
        })
    }

    /// The next value, set by a change of this time; `None` for a delete.
    pub(super) fn next(&mut self, time: i64) -> Result<Option<Value>> {
        const SHORT: BundleError = BundleError::Malformed("column");
        Ok(Some(match self {
            Self::Delete => return Ok(None),
            Self::Null => Value::Null,
            Self::Bools(cells) => Value::Bool(boolean(cells.next().ok_or(SHORT)?)?),
            Self::Ints(cells) => Value::Int(cells.next().ok_or(SHORT)?),
            Self::Uints(cells) => Value::Uint(cells.next().ok_or(SHORT)?.cast_unsigned()),
            Self::Timestamps(cells) => Value::Timestamp(cells.next().ok_or(SHORT)?),
            Self::Floats(cells) => Value::F64(cells.next().ok_or(SHORT)?),
            Self::Texts(cells) => Value::Str(cells.next().ok_or(SHORT)?),
            Self::Blobs(cells) => Value::Bytes(cells.next(time).ok_or(SHORT)?),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_is_scaled_only_if_every_bit_comes_back() {
        assert_eq!(scale_up(0.1, 1), Some(1));
        assert_eq!(scale_up(-18.91, 2), Some(-1_891));
        assert_eq!(scale_up(0.1 + 0.2, 1), None);
        for odd in [-0.0, f64::NAN, f64::INFINITY, f64::MAX, 1e300] {
            assert_eq!(scale_up(odd, 0), None, "{odd}");
        }
    }
}
