//! Compression of bodies, behind the cargo feature `zstd`.

use std::borrow::Cow;

use super::BundleError;

/// How a body is compressed. The numbers are on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Compression {
    /// The body as it is.
    Stored = 0,
    /// One zstd frame.
    Zstd = 1,
}

impl Compression {
    /// The compression with this wire number.
    pub fn from_number(number: u8) -> Result<Self, BundleError> {
        match number {
            0 => Ok(Self::Stored),
            1 => Ok(Self::Zstd),
            other => Err(BundleError::UnknownCompression(other)),
        }
    }

    /// The wire number.
    pub fn number(self) -> u8 {
        self as u8
    }
}

/// Compresses a body where that makes it smaller. Level 19 costs about ten times level 9 and saves a tenth; level 0
/// stores the body. A dictionary is used as it is given: the caller states its number in the header.
pub fn compress<'a>(
    body: &'a [u8],
    level: i32,
    dictionary: &[u8],
) -> Result<(Compression, Cow<'a, [u8]>), BundleError> {
    if level == 0 {
        return Ok((Compression::Stored, Cow::Borrowed(body)));
    }
    Ok(match squeeze(body, level, dictionary)? {
        Some(small) if small.len() < body.len() => (Compression::Zstd, Cow::Owned(small)),
        _ => (Compression::Stored, Cow::Borrowed(body)),
    })
}

/// Inflates a body to exactly `raw_len` bytes. No more than that is ever allocated or written, whatever the bytes
/// claim, and nothing before `raw_len` was found to be within `limit`.
pub fn inflate<'a>(
    body: &'a [u8],
    compression: Compression,
    dictionary: &[u8],
    raw_len: usize,
    limit: usize,
) -> Result<Cow<'a, [u8]>, BundleError> {
    if raw_len > limit {
        return Err(BundleError::TooLarge("body"));
    }
    let raw = match compression {
        Compression::Stored => Cow::Borrowed(body),
        Compression::Zstd => Cow::Owned(expand(body, dictionary, raw_len)?),
    };
    if raw.len() == raw_len { Ok(raw) } else { Err(BundleError::Inflate) }
}

/// Trains a dictionary of at most `max_bytes` on samples of what will be compressed. The same samples and the same
/// version of zstd give the same dictionary.
#[cfg(feature = "zstd")]
pub fn train(samples: &[Vec<u8>], max_bytes: usize) -> Result<Vec<u8>, BundleError> {
    zstd::dict::from_samples(samples, max_bytes).map_err(|_| BundleError::Malformed("samples"))
}

#[cfg(feature = "zstd")]
fn squeeze(body: &[u8], level: i32, dictionary: &[u8]) -> Result<Option<Vec<u8>>, BundleError> {
    use zstd::zstd_safe::CParameter;

    let failed = |_| BundleError::TooLarge("body");
    let mut compressor = zstd::bulk::Compressor::with_dictionary(level, dictionary).map_err(failed)?;
    // The header states the length and the digest covers the content: zstd need not do either again.
    for flag in
        [CParameter::ContentSizeFlag(false), CParameter::ChecksumFlag(false), CParameter::DictIdFlag(false)]
    {
        compressor.set_parameter(flag).map_err(failed)?;
    }
    compressor.compress(body).map(Some).map_err(failed)
}

#[cfg(not(feature = "zstd"))]
#[expect(clippy::unnecessary_wraps, reason = "the one with zstd can fail")]
fn squeeze(_: &[u8], _: i32, _: &[u8]) -> Result<Option<Vec<u8>>, BundleError> {
    Ok(None)
}

#[cfg(feature = "zstd")]
fn expand(body: &[u8], dictionary: &[u8], raw_len: usize) -> Result<Vec<u8>, BundleError> {
    let failed = |_| BundleError::Inflate;
    let mut inflater = zstd::bulk::Decompressor::with_dictionary(dictionary).map_err(failed)?;
    let mut raw = Vec::with_capacity(raw_len);
    inflater.decompress_to_buffer(body, &mut raw).map_err(failed)?;
    Ok(raw)
}

#[cfg(not(feature = "zstd"))]
fn expand(_: &[u8], _: &[u8], _: usize) -> Result<Vec<u8>, BundleError> {
    Err(BundleError::CompressionUnavailable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_body_states_its_own_length() {
        assert_eq!(inflate(b"abc", Compression::Stored, &[], 3, 10).as_deref(), Ok(b"abc".as_slice()));
        assert_eq!(inflate(b"abc", Compression::Stored, &[], 4, 10), Err(BundleError::Inflate));
        assert_eq!(inflate(b"abc", Compression::Stored, &[], 11, 10), Err(BundleError::TooLarge("body")));
    }

    #[cfg(feature = "zstd")]
    #[test]
    fn a_zip_bomb_produces_no_more_than_it_states() {
        let bomb = zstd::bulk::compress(&vec![0; 64 << 20], 3).expect("compresses");
        assert!(bomb.len() < 10_000);
        assert_eq!(inflate(&bomb, Compression::Zstd, &[], 1 << 20, 4 << 20), Err(BundleError::Inflate));
        let two = [bomb.clone(), bomb].concat();
        assert_eq!(inflate(&two, Compression::Zstd, &[], 1 << 20, 4 << 20), Err(BundleError::Inflate));
    }

    #[cfg(feature = "zstd")]
    #[test]
    fn a_dictionary_must_be_the_same_on_both_sides() {
        let dictionary: Vec<u8> = (0..2_000_u32).flat_map(|n| n.to_string().into_bytes()).collect();
        let body = &dictionary[1_000..1_400];
        let (compression, small) = compress(body, 19, &dictionary).expect("compresses");
        assert_eq!(compression, Compression::Zstd);
        assert!(small.len() < 40);
        assert_eq!(inflate(&small, compression, &dictionary, 400, 400).as_deref(), Ok(body));
        assert!(inflate(&small, compression, &[], 400, 400).map_or(true, |other| *other != *body));
    }
}
