//! LEB128 numbers and the reader that every part of a change is taken from.

use super::ChangeError;

/// Appends an unsigned number.
pub(super) fn write_unsigned(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(low_bits(value) | 0x80);
        value >>= 7;
    }
    out.push(low_bits(value));
}

/// Appends a signed number.
pub(super) fn write_signed(out: &mut Vec<u8>, mut value: i64) {
    loop {
        let byte = low_bits(value.cast_unsigned());
        value >>= 7;
        // The number ends where the bits that remain only repeat the sign bit of this byte.
        if value == if byte & 0x40 == 0 { 0 } else { -1 } {
            return out.push(byte);
        }
        out.push(byte | 0x80);
    }
}

/// Appends the length of some bytes, then the bytes.
pub(super) fn write_prefixed(out: &mut Vec<u8>, bytes: &[u8]) {
    write_unsigned(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn low_bits(value: u64) -> u8 {
    value.to_le_bytes()[0] & 0x7f
}

/// Bytes that are taken from the front; whatever runs over the end is malformed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// What has not been taken yet.
    pub(super) fn rest(self) -> &'a [u8] {
        self.0
    }

    pub(super) fn take(&mut self, length: u64) -> Result<&'a [u8], ChangeError> {
        let length = usize::try_from(length).map_err(|_| ChangeError::Malformed)?;
        let (taken, rest) = self.0.split_at_checked(length).ok_or(ChangeError::Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], ChangeError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(ChangeError::Malformed)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(super) fn prefixed(&mut self) -> Result<&'a [u8], ChangeError> {
        let length = self.unsigned()?;
        self.take(length)
    }

    pub(super) fn text(&mut self) -> Result<&'a str, ChangeError> {
        str::from_utf8(self.prefixed()?).map_err(|_| ChangeError::Malformed)
    }

    fn byte(&mut self) -> Result<u8, ChangeError> {
        let (first, rest) = self.0.split_first().ok_or(ChangeError::Malformed)?;
        self.0 = rest;
        Ok(*first)
    }

    /// An unsigned number in its shortest form.
    pub(super) fn unsigned(&mut self) -> Result<u64, ChangeError> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            if shift == 63 && byte > 1 {
                return Err(ChangeError::Malformed);
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                let overlong = byte == 0 && shift > 0;
                return if overlong { Err(ChangeError::NotCanonical) } else { Ok(value) };
            }
        }
        Err(ChangeError::Malformed)
    }

    /// A signed number in its shortest form.
    pub(super) fn signed(&mut self) -> Result<i64, ChangeError> {
        let (mut value, mut previous) = (0, 0);
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            if shift == 63 && byte != 0 && byte != 0x7f {
                return Err(ChangeError::Malformed);
            }
            value |= i64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                let repeats_the_sign = byte == if previous & 0x40 == 0 { 0 } else { 0x7f };
                if repeats_the_sign && shift > 0 {
                    return Err(ChangeError::NotCanonical);
                }
                let negative = byte & 0x40 != 0 && shift < 63;
                return Ok(if negative { value | (-1 << (shift + 7)) } else { value });
            }
            previous = byte;
        }
        Err(ChangeError::Malformed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_survive_and_only_the_shortest_form_is_read() {
        for value in [0, 1, 63, 64, 127, 128, 8191, 8192, i64::MAX, i64::MIN, -1, -64, -65, -8192, -8193] {
            let mut out = Vec::new();
            write_signed(&mut out, value);
            assert_eq!(Reader::new(&out).signed(), Ok(value), "{out:?}");
            out.clear();
            write_unsigned(&mut out, value.cast_unsigned());
            assert_eq!(Reader::new(&out).unsigned(), Ok(value.cast_unsigned()), "{out:?}");
        }
        let signed = |bytes: &[u8]| Reader::new(bytes).signed();
        assert_eq!(signed(&[0xbf, 0]), Err(ChangeError::NotCanonical));
        assert_eq!(signed(&[0x81, 0xff, 0x7f]), Err(ChangeError::NotCanonical));
        assert_eq!(signed(&[0x90]), Err(ChangeError::Malformed));
        assert_eq!(signed(&[0xff; 12]), Err(ChangeError::Malformed));
        let unsigned = |bytes: &[u8]| Reader::new(bytes).unsigned();
        assert_eq!(unsigned(&[0x81, 0]), Err(ChangeError::NotCanonical));
        assert_eq!(
            unsigned(&[0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 2]),
            Err(ChangeError::Malformed)
        );
        assert_eq!(unsigned(&[]), Err(ChangeError::Malformed));
    }
}
