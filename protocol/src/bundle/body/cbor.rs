//! The entries of logs: arrays of scalars in deterministic CBOR (RFC 8949, section 4.2).
//!
//! What is read here is taken apart only if writing it again gives the same bytes.

use super::super::wire::Reader;

/// More elements than any entry has.
pub(super) const MAX_ELEMENTS: usize = 31;

const UINT: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const ARRAY: u8 = 4;
const SIMPLE: u8 = 7;

/// An element of an entry.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scalar<'a> {
    Null,
    Bool(bool),
    Int(i64),
    /// Above the greatest `Int`.
    Uint(u64),
    F64(f64),
    Text(&'a str),
    Bytes(&'a [u8]),
}

/// Takes an entry apart, if it is an array of scalars and written as [`write`] writes it.
pub(super) fn parse(bytes: &[u8]) -> Option<Vec<Scalar<'_>>> {
    let mut reader = Reader::new(bytes);
    let (major, count) = head(&mut reader)?;
    if major != ARRAY || count > MAX_ELEMENTS as u64 {
        return None;
    }
    let elements = (0..count).map(|_| scalar(&mut reader)).collect::<Option<Vec<_>>>()?;
    reader.finish("entry").ok()?;
    let mut again = Vec::with_capacity(bytes.len());
    write(&mut again, &elements);
    (again == bytes).then_some(elements)
}

/// Writes an entry.
pub(super) fn write(out: &mut Vec<u8>, elements: &[Scalar<'_>]) {
    put_head(out, ARRAY, elements.len() as u64);
    for element in elements {
        match *element {
            Scalar::Null => out.push(0xf6),
            Scalar::Bool(value) => out.push(0xf4 + u8::from(value)),
            Scalar::Int(value) if value < 0 => put_head(out, NEGATIVE, (!value).cast_unsigned()),
            Scalar::Int(value) => put_head(out, UINT, value.cast_unsigned()),
            Scalar::Uint(value) => put_head(out, UINT, value),
            Scalar::F64(value) => put_float(out, value),
            Scalar::Text(text) => {
                put_head(out, TEXT, text.len() as u64);
                out.extend_from_slice(text.as_bytes());
            }
            Scalar::Bytes(bytes) => {
                put_head(out, BYTES, bytes.len() as u64);
                out.extend_from_slice(bytes);
            }
        }
    }
}

/// A major type and its argument. Lengths of floats and simple values are told apart by [`scalar`].
fn head(reader: &mut Reader<'_>) -> Option<(u8, u64)> {
    let first = reader.u8().ok()?;
    let argument = match first & 0x1f {
        small @ 0..=23 => u64::from(small),
        24 => u64::from(reader.u8().ok()?),
        25 => u64::from(u16::from_be_bytes(reader.array().ok()?)),
        26 => u64::from(u32::from_be_bytes(reader.array().ok()?)),
        27 => u64::from_be_bytes(reader.array().ok()?),
        _ => return None,
    };
    Some((first >> 5, argument))
}

fn scalar<'a>(reader: &mut Reader<'a>) -> Option<Scalar<'a>> {
    let width = reader.peek()? & 0x1f;
    let (major, argument) = head(reader)?;
    let bytes = |reader: &mut Reader<'a>| reader.take(usize::try_from(argument).ok()?).ok();
    Some(match (major, width) {
        (UINT, _) => i64::try_from(argument).map_or(Scalar::Uint(argument), Scalar::Int),
        (NEGATIVE, _) => Scalar::Int(!i64::try_from(argument).ok()?),
        (BYTES, _) => Scalar::Bytes(bytes(reader)?),
        (TEXT, _) => Scalar::Text(std::str::from_utf8(bytes(reader)?).ok()?),
        (SIMPLE, 20) => Scalar::Bool(false),
        (SIMPLE, 21) => Scalar::Bool(true),
        (SIMPLE, 22) => Scalar::Null,
        (SIMPLE, 25) => Scalar::F64(from_half(argument as u16)),
        (SIMPLE, 26) => Scalar::F64(f64::from(f32::from_bits(argument as u32))),
        (SIMPLE, 27) => Scalar::F64(f64::from_bits(argument)),
        _ => return None,
    })
}

fn put_head(out: &mut Vec<u8>, major: u8, argument: u64) {
    let major = major << 5;
    match argument {
        0..=23 => out.push(major | argument as u8),
        24..=0xff => out.extend_from_slice(&[major | 0x18, argument as u8]),
        0x100..=0xffff => {
            out.push(major | 0x19);
            out.extend_from_slice(&(argument as u16).to_be_bytes());
        }
        0x1_0000..=0xffff_ffff => {
            out.push(major | 0x1a);
            out.extend_from_slice(&(argument as u32).to_be_bytes());
        }
        _ => {
            out.push(major | 0x1b);
            out.extend_from_slice(&argument.to_be_bytes());
        }
    }
}

/// The shortest of the three floats that keeps every bit.
fn put_float(out: &mut Vec<u8>, value: f64) {
    if let Some(half) = to_half(value) {
        out.push(0xf9);
        out.extend_from_slice(&half.to_be_bytes());
    } else if f64::from(value as f32).to_bits() == value.to_bits() {
        out.push(0xfa);
        out.extend_from_slice(&(value as f32).to_bits().to_be_bytes());
    } else {
        out.push(0xfb);
        out.extend_from_slice(&value.to_bits().to_be_bytes());
    }
}

/// The value of a half-precision float.
fn from_half(half: u16) -> f64 {
    let sign = if half & 0x8000 == 0 { 1.0 } else { -1.0 };
    let (exponent, fraction) = (i32::from(half >> 10 & 0x1f), f64::from(half & 0x3ff));
    sign * match exponent {
        0 => fraction * 2_f64.powi(-24),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + fraction) * 2_f64.powi(exponent - 25),
    }
}

/// The half-precision float of exactly this value, by taking its exponent and fraction out of the wider one.
fn to_half(value: f64) -> Option<u16> {
    let bits = value.to_bits();
    let sign = ((bits >> 48) & 0x8000) as u16;
    let exponent = (bits >> 52 & 0x7ff) as i32 - 1023;
    let fraction = bits & ((1 << 52) - 1);
    let half = match exponent {
        1024 if fraction == 0 => 0x7c00,
        -14..=15 => ((exponent + 15) as u16) << 10 | (fraction >> 42) as u16,
        -24..=-15 => (((1 << 52 | fraction) >> 42) >> (-14 - exponent)) as u16,
        _ if bits << 1 == 0 => 0,
        _ => return None,
    };
    (from_half(sign | half).to_bits() == bits).then_some(sign | half)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_half_float_comes_back() {
        for half in 0..=u16::MAX {
            let value = from_half(half);
            if !value.is_nan() {
                assert_eq!(to_half(value), Some(half));
            }
        }
        for other in [0.1, 65_505.0, 1e-9, f64::MIN_POSITIVE, 1.0 + f64::EPSILON, f64::NAN] {
            assert_eq!(to_half(other), None);
        }
    }

    #[test]
    fn only_deterministic_arrays_of_scalars_are_taken_apart() {
        let elements = [
            Scalar::Null,
            Scalar::Bool(true),
            Scalar::Int(-500),
            Scalar::Int(i64::MAX),
            Scalar::Uint(u64::MAX),
            Scalar::F64(0.5),
            Scalar::F64(0.1),
            Scalar::Text("présent"),
            Scalar::Bytes(&[1, 2]),
        ];
        let mut bytes = Vec::new();
        write(&mut bytes, &elements);
        assert_eq!(parse(&bytes).as_deref(), Some(elements.as_slice()));
        for other in [
            b"".as_slice(),
            b"\x01",                     // no array
            b"\x81\x18\x01",             // a longer form than needed
            b"\x81\x81\x01",             // an array inside
            b"\x9f\x01\xff",             // of indefinite length
            b"\x81\x01\x01",             // bytes after it
            b"\x82\x01",                 // cut
            b"\x81\xfa\x3f\x00\x00\x00", // a float that fits a half
            b"\x81\xf7",                 // undefined
            b"\x81\xf8\x16",             // null in two bytes
        ] {
            assert_eq!(parse(other), None, "{other:02x?}");
        }
    }
}
