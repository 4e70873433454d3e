//! The arrays that log entries, decisions and proposals are written as: deterministic CBOR (RFC 8949 section 4.2) of
//! scalars, so that equal entries are equal bytes and the bundle codec may split them into columns.

use minicbor::data::Type;
use minicbor::{Decoder, Encoder};
use smol_str::SmolStr;

/// One element of a tuple.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// Nothing.
    Null,
    /// Yes or no.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// An integer beyond those of `Int`.
    Large(u64),
    /// A decimal.
    F64(f64),
    /// Text.
    Str(SmolStr),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// An array of scalars.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tuple(pub Vec<Item>);

/// Bytes that are not the deterministic encoding of an array of scalars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a tuple in its deterministic encoding")]
pub struct TupleError;

impl From<minicbor::decode::Error> for TupleError {
    fn from(_: minicbor::decode::Error) -> Self {
        Self
    }
}

impl Tuple {
    /// The most elements of a tuple.
    pub const MAX_ITEMS: usize = 256;

    /// The deterministic encoding.
    pub fn encode(&self) -> Vec<u8> {
        let mut encoder = Encoder::new(Vec::with_capacity(4 + self.0.len() * 4));
        let mut written = encoder.array(self.0.len() as u64).map(|_| ());
        for item in &self.0 {
            written = written.and_then(|()| match item {
                Item::Null => encoder.null().map(|_| ()),
                Item::Bool(yes) => encoder.bool(*yes).map(|_| ()),
                Item::Int(number) => encoder.i64(*number).map(|_| ()),
                Item::Large(number) => encoder.u64(*number).map(|_| ()),
                Item::F64(number) => {
                    put_float(encoder.writer_mut(), *number);
                    Ok(())
                }
                Item::Str(text) => encoder.str(text).map(|_| ()),
                Item::Bytes(bytes) => encoder.bytes(bytes).map(|_| ()),
            });
        }
        written.expect("memory takes every byte");
        encoder.into_writer()
    }

    /// Reads a tuple. Bytes that would not be encoded again as they are, are none.
    pub fn decode(bytes: &[u8]) -> Result<Self, TupleError> {
        let mut decoder = Decoder::new(bytes);
        let count = decoder.array()?.and_then(|count| usize::try_from(count).ok()).ok_or(TupleError)?;
        if count > Self::MAX_ITEMS {
            return Err(TupleError);
        }
        let items = (0..count).map(|_| item(&mut decoder)).collect::<Result<_, _>>();
        let tuple = Self(items?);
        if decoder.position() == bytes.len() && tuple.encode() == bytes { Ok(tuple) } else { Err(TupleError) }
    }
}

fn item(decoder: &mut Decoder<'_>) -> Result<Item, TupleError> {
    Ok(match decoder.datatype()? {
        Type::Null => {
            decoder.null()?;
            Item::Null
        }
        Type::Bool => Item::Bool(decoder.bool()?),
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => {
            let number = decoder.u64()?;
            i64::try_from(number).map_or(Item::Large(number), Item::Int)
        }
        Type::I8 | Type::I16 | Type::I32 | Type::I64 => Item::Int(decoder.i64()?),
        Type::F16 => Item::F64(half(decoder)?),
        Type::F32 => Item::F64(f64::from(decoder.f32()?)),
        Type::F64 => Item::F64(decoder.f64()?),
        Type::String => Item::Str(SmolStr::new(decoder.str()?)),
        Type::Bytes => Item::Bytes(decoder.bytes()?.to_vec()),
        _ => return Err(TupleError),
    })
}

const HALF: u8 = 0xf9;
const SINGLE: u8 = 0xfa;
const DOUBLE: u8 = 0xfb;

/// Writes the shortest float that keeps the value, NaN as the one quiet half.
fn put_float(out: &mut Vec<u8>, number: f64) {
    #[expect(clippy::cast_possible_truncation, reason = "whether the value survives is what is asked here")]
    let single = number as f32;
    if number.is_nan() {
        out.extend([HALF, 0x7e, 0x00]);
    } else if let Some(bits) = half_bits(number) {
        out.push(HALF);
        out.extend(bits.to_be_bytes());
    } else if f64::from(single).to_bits() == number.to_bits() {
        out.push(SINGLE);
        out.extend(single.to_be_bytes());
    } else {
        out.push(DOUBLE);
        out.extend(number.to_be_bytes());
    }
}

/// The half float with exactly this value.
fn half_bits(number: f64) -> Option<u16> {
    let bits = number.to_bits();
    let sign = u16::try_from(bits >> 63).ok()? << 15;
    let fraction = bits & ((1 << 52) - 1);
    let exponent = i16::try_from(bits >> 52 & 0x7ff).ok()? - 1023;
    let exact =
        |bits: u64, shift: i16| bits.is_multiple_of(1 << shift).then(|| u16::try_from(bits >> shift).ok())?;
    match exponent {
        -1023 if fraction == 0 => Some(sign),
        1024 if fraction == 0 => Some(sign | 0x7c00),
        -14..=15 => Some(sign | u16::try_from(exponent + 15).ok()? << 10 | exact(fraction, 42)?),
        -24..=-15 => Some(sign | exact(fraction | 1 << 52, 28 - exponent)?),
        _ => None,
    }
}

fn half(decoder: &mut Decoder<'_>) -> Result<f64, TupleError> {
    let start = decoder.position();
    let bytes = decoder.input().get(start + 1..start + 3).ok_or(TupleError)?;
    decoder.set_position(start + 3);
    let bits = u16::from(bytes[0]) << 8 | u16::from(bytes[1]);
    let (exponent, fraction) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
    let size = match exponent {
        0 => fraction * 2f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + fraction) * 2f64.powi(exponent - 25),
    };
    Ok(if bits >> 15 == 1 { -size } else { size })
}
