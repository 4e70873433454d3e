//! Magic, version and parts: the outer shape of every bundle.
//!
//! `"FMB"`, version byte 1, then parts until the end: `u8 tag, uLEB length, payload`.

use sha2::{Digest, Sha256};

use super::BundleError;
use super::wire::{Uleb, put_len, read_uleb};

/// The first bytes of every bundle.
pub const MAGIC: [u8; 3] = *b"FMB";
/// The version byte after the magic.
pub const BUNDLE_VERSION: u8 = 1;

/// Writes a bundle into memory.
#[derive(Debug, Clone)]
pub struct BundleWriter {
    bytes: Vec<u8>,
    digest: Sha256,
}

impl Default for BundleWriter {
    fn default() -> Self {
        Self::new()
    }
}

impl BundleWriter {
    /// Begins a bundle.
    pub fn new() -> Self {
        let bytes = [MAGIC.as_slice(), &[BUNDLE_VERSION]].concat();
        let digest = Sha256::new_with_prefix(&bytes);
        Self { bytes, digest }
    }

    /// Appends a part.
    pub fn part(&mut self, tag: u8, payload: &[u8]) -> &mut Self {
        self.bytes.reserve(payload.len() + 6);
        let start = self.bytes.len();
        self.bytes.push(tag);
        put_len(&mut self.bytes, payload.len());
        self.bytes.extend_from_slice(payload);
        self.digest.update(&self.bytes[start..]);
        self
    }

    /// SHA-256 over everything written so far, taken or not: what the server signs before its last part.
    pub fn digest(&self) -> [u8; 32] {
        self.digest.clone().finalize().into()
    }

    /// The bytes so far.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Takes what was written since the last call, for answers that are streamed. What was taken is not in
    /// [`BundleWriter::bytes`] any more.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// The whole bundle.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

/// One part of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What it is; see [`crate::sync::tag`].
    pub tag: u8,
    /// Its content.
    pub payload: Vec<u8>,
}

/// Reads a bundle as its bytes arrive.
///
/// Holds at most one incomplete part and what was fed after it: a caller that takes the parts after each feed never
/// holds more than `max_part` bytes and one feed.
#[derive(Debug, Clone)]
pub struct PartReader {
    max_part: usize,
    buffer: Vec<u8>,
    /// Bytes of `buffer` that were handed out already.
    taken: usize,
    opened: bool,
    failed: Option<BundleError>,
    before: Sha256,
    after: Sha256,
}

impl PartReader {
    /// Reads parts of at most `max_part` bytes.
    pub fn new(max_part: usize) -> Self {
        Self {
            max_part,
            buffer: Vec::new(),
            taken: 0,
            opened: false,
            failed: None,
            before: Sha256::new(),
            after: Sha256::new(),
        }
    }

    /// Adds bytes that arrived.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.failed.is_none() {
            self.buffer.drain(..self.taken);
            self.taken = 0;
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// The next complete part; `None` until more bytes have arrived. An error stays.
    pub fn next_part(&mut self) -> Result<Option<Part>, BundleError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let read = self.read();
        if let Err(error) = &read {
            self.failed = Some(error.clone());
            self.buffer = Vec::new();
            self.taken = 0;
        }
        read
    }

    /// Whether the bytes so far end with a complete part: anything else was cut.
    pub fn is_at_boundary(&self) -> bool {
        self.failed.is_none() && self.opened && self.taken == self.buffer.len()
    }

    /// How many bytes it holds.
    pub fn buffered(&self) -> usize {
        self.buffer.len() - self.taken
    }

    /// The tag of the part that has not arrived whole, and what arrived of its payload. Asked for when
    /// [`PartReader::next_part`] had nothing more.
    pub fn unfinished(&self) -> Option<(u8, &[u8])> {
        let pending = self.buffer.get(self.taken..).filter(|_| self.opened && self.failed.is_none())?;
        let (&tag, rest) = pending.split_first()?;
        match read_uleb(rest) {
            Uleb::Value(_, len_bytes) => Some((tag, &rest[len_bytes..])),
            Uleb::Partial | Uleb::Bad => None,
        }
    }

    /// SHA-256 over all bytes before the part that was returned last: what the server signs at the end of an answer.
    pub fn digest_before(&self) -> [u8; 32] {
        self.before.clone().finalize().into()
    }

    fn read(&mut self) -> Result<Option<Part>, BundleError> {
        if !self.opened && !self.open()? {
            return Ok(None);
        }
        let pending = &self.buffer[self.taken..];
        let Some((&tag, rest)) = pending.split_first() else { return Ok(None) };
        let (len, len_bytes) = match read_uleb(rest) {
            Uleb::Value(len, bytes) => (len, bytes),
            Uleb::Partial => return Ok(None),
            Uleb::Bad => return Err(BundleError::Malformed("part length")),
        };
        let len = usize::try_from(len).ok().filter(|&len| len <= self.max_part);
        let len = len.ok_or(BundleError::TooLarge("part"))?;
        let whole = 1 + len_bytes + len;
        let Some(part) = pending.get(..whole) else { return Ok(None) };
        let payload = part[1 + len_bytes..].to_vec();
        self.before.clone_from(&self.after);
        self.after.update(part);
        self.taken += whole;
        Ok(Some(Part { tag, payload }))
    }

    fn open(&mut self) -> Result<bool, BundleError> {
        let pending = &self.buffer[self.taken..];
        let known = pending.len().min(MAGIC.len());
        if pending[..known] != MAGIC[..known] {
            return Err(BundleError::NotABundle);
        }
        let Some(&version) = pending.get(MAGIC.len()) else { return Ok(false) };
        if version != BUNDLE_VERSION {
            return Err(BundleError::UnknownVersion { what: "bundle", version });
        }
        self.after.update(&pending[..=MAGIC.len()]);
        self.taken += MAGIC.len() + 1;
        self.opened = true;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<u8> {
        let mut writer = BundleWriter::new();
        writer.part(1, b"hello").part(2, &[7; 300]).part(3, b"");
        writer.into_bytes()
    }

    fn read_in_pieces(bytes: &[u8], size: usize) -> Result<(Vec<Part>, bool), BundleError> {
        let mut reader = PartReader::new(1_000);
        let mut parts = Vec::new();
        for piece in bytes.chunks(size) {
            reader.feed(piece);
            while let Some(part) = reader.next_part()? {
                parts.push(part);
            }
        }
        Ok((parts, reader.is_at_boundary()))
    }

    #[test]
    fn parts_are_the_same_however_the_bytes_arrive() {
        let bytes = sample();
        let (whole, _) = read_in_pieces(&bytes, bytes.len()).expect("reads");
        assert_eq!(
            whole.iter().map(|part| (part.tag, part.payload.len())).collect::<Vec<_>>(),
            [(1, 5), (2, 300), (3, 0)]
        );
        for size in 1..20 {
            assert_eq!(read_in_pieces(&bytes, size), Ok((whole.clone(), true)));
        }
    }

    #[test]
    fn a_cut_is_seen() {
        let bytes = sample();
        for cut in 0..bytes.len() {
            let (parts, complete) = read_in_pieces(&bytes[..cut], 64).expect("reads");
            assert_eq!(complete, matches!(cut, 4 | 11 | 314), "{cut}");
            assert!(parts.len() < 3);
            // What is unfinished is the beginning of the part that follows.
            let mut reader = PartReader::new(1_000);
            reader.feed(&bytes[..cut]);
            while reader.next_part().expect("reads").is_some() {}
            let whole = [(1, b"hello".to_vec()), (2, vec![7; 300]), (3, Vec::new())];
            if let Some((tag, payload)) = reader.unfinished() {
                assert_eq!(tag, whole[parts.len()].0, "{cut}");
                assert!(payload.len() < whole[parts.len()].1.len().max(1), "{cut}");
                assert!(whole[parts.len()].1.starts_with(payload), "{cut}");
            } else {
                // Between parts, or within the head of one.
                assert!(matches!(cut, 0..=5 | 11..=13 | 314..=315), "{cut}");
            }
        }
    }

    #[test]
    fn other_files_versions_and_sizes_are_refused() {
        assert_eq!(read_in_pieces(b"PK\x03\x04", 1), Err(BundleError::NotABundle));
        let later = BundleError::UnknownVersion { what: "bundle", version: 2 };
        assert_eq!(read_in_pieces(b"FMB\x02", 4), Err(later));
        assert_eq!(read_in_pieces(b"FMB\x01\x01\xe9\x07", 4), Err(BundleError::TooLarge("part")));
        assert_eq!(read_in_pieces(b"FMB\x01\x01\x80\x00", 4), Err(BundleError::Malformed("part length")));
    }

    #[test]
    fn the_digest_covers_all_before_the_last_part() {
        let bytes = sample();
        let mut reader = PartReader::new(1_000);
        reader.feed(&bytes);
        while reader.next_part().expect("reads").is_some() {}
        let expected: [u8; 32] = Sha256::digest(&bytes[..bytes.len() - 2]).into();
        assert_eq!(reader.digest_before(), expected);
        let mut writer = BundleWriter::new();
        writer.part(1, b"hello");
        writer.take();
        assert_eq!(writer.part(2, &[7; 300]).digest(), expected);
    }
}
