//! Bundles: parts, and the messages in them.

use fieldmerge_protocol::bundle::{BundleError, Part, PartReader};
use fieldmerge_protocol::limits::MAX_PART_BYTES;
use fieldmerge_protocol::sync::{
    self, Checkpoint, Dictionary, FeedFrame, Finish, Hello, Partial, ReceiptList, Receipts, RosterStatement,
    SignedRoster, Welcome, tag,
};

/// A bundle gives the same parts however it is cut into pieces, and no message in it hurts its reader.
pub fn bundle(bytes: &[u8]) {
    let whole = parts(bytes, bytes.len().max(1));
    let piece = 1 + usize::from(bytes.last().copied().unwrap_or_default() % 16);
    assert_eq!(whole, parts(bytes, piece), "pieces of {piece}");
    for part in whole.0 {
        message(&part);
    }
}

fn parts(bytes: &[u8], piece: usize) -> (Vec<Part>, Option<BundleError>) {
    let mut reader = PartReader::new(MAX_PART_BYTES);
    let mut parts = Vec::new();
    for piece in bytes.chunks(piece) {
        reader.feed(piece);
        loop {
            match reader.next_part() {
                Ok(Some(part)) => parts.push(part),
                Ok(None) => break,
                Err(error) => return (parts, Some(error)),
            }
        }
        if let Some((tag::FEED_FRAME, payload)) = reader.unfinished() {
            _ = Partial::of(payload);
        }
    }
    (parts, None)
}

/// What a message says it says again when it was written anew.
fn message(part: &Part) {
    let payload = &part.payload;
    match part.tag {
        tag::HELLO => again::<Hello>(payload),
        tag::WELCOME => again::<Welcome>(payload),
        tag::RECEIPTS => {
            if let Ok(receipts) = sync::decode::<Receipts>(payload) {
                again::<ReceiptList>(&receipts.list);
            }
        }
        tag::FEED_FRAME => again::<FeedFrame>(payload),
        tag::CHECKPOINT => again::<Checkpoint>(payload),
        tag::FINISH => again::<Finish>(payload),
        tag::SIGNED_ROSTER => {
            if let Ok(signed) = sync::decode::<SignedRoster>(payload) {
                again::<RosterStatement>(&signed.statement);
            }
        }
        tag::DICTIONARY => {
            if let Ok(dictionary) = sync::decode::<Dictionary>(payload) {
                _ = dictionary.unpack();
            }
        }
        tag::FRAME | tag::SEALED_FRAME => super::frame::passed(payload),
        _ => {}
    }
}

fn again<T>(payload: &[u8])
where
    T: for<'b> minicbor::Decode<'b, ()> + minicbor::Encode<()> + PartialEq + std::fmt::Debug,
{
    if let Ok(message) = sync::decode::<T>(payload) {
        assert_eq!(sync::decode::<T>(&sync::encode(&message)).as_ref(), Ok(&message));
    }
}
