//! A feed frame that was cut: how a device names what it holds of it, and how a server finds out whether it has the rest.

use minicbor::{Decode, Decoder, Encode};
use sha2::{Digest, Sha256};

use super::Feed;

/// The beginning of a [`super::FeedFrame`], as the bytes of its part. A server that still has a frame which begins with
/// exactly these bytes sends the rest of it alone; any other sends the frame whole.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Partial {
    /// The frame's feed.
    #[n(0)]
    pub feed: Feed,
    /// The position before its first change.
    #[n(1)]
    pub from: u64,
    /// The position of its last change.
    #[n(2)]
    pub to: u64,
    /// How many bytes of the part's payload the device holds.
    #[n(3)]
    pub bytes: u64,
    /// The first 16 bytes of SHA-256 over these bytes.
    #[n(4)]
    #[cbor(with = "minicbor::bytes")]
    pub digest: [u8; 16],
}

impl Partial {
    /// Names the beginning of a payload; nothing if it does not say yet which frame it is.
    pub fn of(beginning: &[u8]) -> Option<Self> {
        let mut decoder = Decoder::new(beginning);
        decoder.map().ok()?;
        let feed = field(&mut decoder, 0)?;
        let from = field(&mut decoder, 1)?;
        let to = field(&mut decoder, 2)?;
        Some(Self { feed, from, to, bytes: beginning.len() as u64, digest: digest(beginning) })
    }

    /// What a payload holds beyond this beginning; nothing if it begins otherwise.
    pub fn rest<'p>(&self, payload: &'p [u8]) -> Option<&'p [u8]> {
        let (beginning, rest) = payload.split_at_checked(usize::try_from(self.bytes).ok()?)?;
        (digest(beginning) == self.digest).then_some(rest)
    }
}

fn field<'b, T: Decode<'b, ()>>(decoder: &mut Decoder<'b>, key: u32) -> Option<T> {
    (decoder.u32().ok()? == key).then(|| decoder.decode().ok())?
}

fn digest(bytes: &[u8]) -> [u8; 16] {
    Sha256::digest(bytes)[..16].try_into().expect("16 of 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::{FeedBody, FeedFrame, encode};
    use crate::{AreaId, RecordClass};

    #[test]
    fn every_beginning_that_names_its_frame_finds_its_rest() {
        let feed = Feed { area: AreaId([7; 16]), class: RecordClass::Core };
        let bytes: Vec<u8> = (0..=255).collect();
        let body = FeedBody { compression: 1, dictionary: 0, raw_bytes: 9_000, count: 30, bytes };
        let frame = FeedFrame { feed, from: 70_000, to: 70_030, received_ms: 1 << 40, body: Some(body) };
        let payload = encode(&frame);
        let mut named = 0;
        for end in 0..=payload.len() {
            let Some(partial) = Partial::of(&payload[..end]) else { continue };
            named += 1;
            assert_eq!((partial.feed, partial.from, partial.to), (feed, 70_000, 70_030), "{end}");
            assert_eq!(partial.rest(&payload), Some(&payload[end..]));
            let other = encode(&FeedFrame { received_ms: 1 << 41, ..frame.clone() });
            assert_eq!(partial.rest(&other).is_some(), other.starts_with(&payload[..end]));
            assert_eq!(partial.rest(&payload[..end / 2]), None, "shorter than what is held");
        }
        // The map's head, three keys, a feed of 18 bytes, two positions of 5 bytes.
        assert_eq!(named, payload.len() + 1 - 32);
    }

    #[test]
    fn any_bytes_are_read_without_panic() {
        for bytes in [&[][..], &[0xa5], &[0xff; 40], b"not a frame at all, but long enough to be one of them"]
        {
            assert_eq!(Partial::of(bytes), None);
        }
        let mut huge = Partial::of(&encode(&FeedFrame {
            feed: Feed { area: AreaId([7; 16]), class: RecordClass::Core },
            from: 1,
            to: 2,
            received_ms: 3,
            body: None,
        }))
        .expect("it names its frame");
        huge.bytes = u64::MAX;
        assert_eq!(huge.rest(&[0; 100]), None);
    }
}
