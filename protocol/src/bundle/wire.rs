//! Reading and writing the smallest things: bytes, uLEB128, zigzag. A reader never runs over its bytes.

use super::BundleError;

type Result<T> = std::result::Result<T, BundleError>;

/// Maps a signed number to an unsigned one so that small magnitudes stay small.
pub(crate) fn zigzag(value: i64) -> u64 {
    (value.cast_unsigned() << 1) ^ (value >> 63).cast_unsigned()
}

/// The inverse of [`zigzag`].
pub(crate) fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}

/// The number of bytes of a uLEB128.
pub(crate) fn uleb_len(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// Appends a uLEB128.
pub(crate) fn put_uleb(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(0x80 | (value & 0x7f) as u8);
        value >>= 7;
    }
    out.push((value & 0x7f) as u8);
}

/// Appends a length.
pub(crate) fn put_len(out: &mut Vec<u8>, len: usize) {
    put_uleb(out, len as u64);
}

/// Appends a zigzag uLEB128.
pub(crate) fn put_zigzag(out: &mut Vec<u8>, value: i64) {
    put_uleb(out, zigzag(value));
}

/// What uLEB128 bytes at a place turned out to be.
pub(crate) enum Uleb {
    /// A value, and how many bytes it took.
    Value(u64, usize),
    /// The bytes end inside it.
    Partial,
    /// Over-long or over 64 bits.
    Bad,
}

/// Reads a uLEB128. Only the shortest form is one: a value has one spelling.
pub(crate) fn read_uleb(bytes: &[u8]) -> Uleb {
    let mut value = 0_u64;
    for (index, &byte) in bytes.iter().enumerate().take(10) {
        if index == 9 && byte > 1 {
            return Uleb::Bad;
        }
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return if byte == 0 && index > 0 { Uleb::Bad } else { Uleb::Value(value, index + 1) };
        }
    }
    if bytes.len() >= 10 { Uleb::Bad } else { Uleb::Partial }
}

/// A place in some bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// How many bytes are left.
    pub(crate) fn left(&self) -> usize {
        self.rest.len()
    }

    /// All that is left.
    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// Refuses bytes after the end.
    pub(crate) fn finish(&self, what: &'static str) -> Result<()> {
        if self.rest.is_empty() { Ok(()) } else { Err(BundleError::Malformed(what)) }
    }

    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(BundleError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(BundleError::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// The next byte, left where it is.
    pub(crate) fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    pub(crate) fn u8(&mut self) -> Result<u8> {
        let (&byte, rest) = self.rest.split_first().ok_or(BundleError::Truncated)?;
        self.rest = rest;
        Ok(byte)
    }

    pub(crate) fn uleb(&mut self) -> Result<u64> {
        if let Some((&byte, rest)) = self.rest.split_first()
            && byte < 0x80
        {
            self.rest = rest;
            return Ok(u64::from(byte));
        }
        match read_uleb(self.rest) {
            Uleb::Value(value, len) => {
                self.rest = &self.rest[len..];
                Ok(value)
            }
            Uleb::Partial => Err(BundleError::Truncated),
            Uleb::Bad => Err(BundleError::Malformed("number")),
        }
    }

    pub(crate) fn zigzag(&mut self) -> Result<i64> {
        self.uleb().map(unzigzag)
    }

    /// A count or length of at most `max`.
    pub(crate) fn count(&mut self, max: usize, what: &'static str) -> Result<usize> {
        match usize::try_from(self.uleb()?) {
            Ok(count) if count <= max => Ok(count),
            _ => Err(BundleError::TooLarge(what)),
        }
    }

    /// A count of things that take at least one byte each of this reader: never more than it has left.
    pub(crate) fn count_here(&mut self, max: usize, what: &'static str) -> Result<usize> {
        let count = self.count(max, what)?;
        if count > self.rest.len() { Err(BundleError::Truncated) } else { Ok(count) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_one_spelling() {
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            let mut out = Vec::new();
            put_uleb(&mut out, value);
            assert_eq!(out.len(), uleb_len(value));
            assert_eq!(Reader::new(&out).uleb(), Ok(value));
            out.pop();
            assert_eq!(Reader::new(&out).uleb(), Err(BundleError::Truncated));
        }
        assert_eq!(Reader::new(&[0x80, 0]).uleb(), Err(BundleError::Malformed("number")));
        assert_eq!(Reader::new(&[0xff; 10]).uleb(), Err(BundleError::Malformed("number")));
        for value in [0, -1, 1, i64::MIN, i64::MAX] {
            assert_eq!(unzigzag(zigzag(value)), value);
        }
    }
}
