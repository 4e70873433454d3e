//! The rows of the store: how each is written as bytes.
//!
//! Rows are CBOR maps with integer keys, so a later version adds keys. The one exception is a row of `records`: a small
//! CBOR array, then the merged state as it is, so that opening a device reads the array and leaves the state alone.

use std::sync::Arc;

use fieldmerge_protocol::limits::MAX_UNUSED;
use fieldmerge_protocol::sync::Feed;
use fieldmerge_protocol::{Actor, ChangeHash, Incarnation, LifeId, LogId, RecordId};
use minicbor::{Decode, Encode};

use crate::OpenError;

/// Ids of the protocol that are plain bytes in a row.
pub(crate) trait IdBytes: Sized {
    fn bytes(&self) -> &[u8];
    fn read(bytes: &[u8]) -> Option<Self>;
}

macro_rules! id_bytes {
    ($($name:ident),+) => {$(
        impl IdBytes for $name {
            fn bytes(&self) -> &[u8] {
                &self.0
            }
            fn read(bytes: &[u8]) -> Option<Self> {
                bytes.try_into().ok().map($name)
            }
        }
    )+};
}

id_bytes!(RecordId, Actor, ChangeHash);

/// Encodes and decodes [`IdBytes`] and vectors of them, for `#[cbor(with)]`.
pub(crate) mod id {
    use minicbor::decode::{Decoder, Error};
    use minicbor::encode::{self, Encoder, Write};

    use super::IdBytes;

    pub(crate) fn encode<C, T: IdBytes, W: Write>(
        id: &T,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        e.bytes(id.bytes())?.ok()
    }

    pub(crate) fn decode<C, T: IdBytes>(d: &mut Decoder<'_>, _: &mut C) -> Result<T, Error> {
        T::read(d.bytes()?).ok_or_else(|| Error::message("wrong length"))
    }
}

/// The same for lists of ids.
pub(crate) mod ids {
    use minicbor::decode::{Decoder, Error};
    use minicbor::encode::{self, Encoder, Write};

    use super::IdBytes;

    pub(crate) fn encode<C, T: IdBytes, W: Write>(
        ids: &[T],
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), encode::Error<W::Error>> {
        e.array(ids.len() as u64)?;
        for id in ids {
            e.bytes(id.bytes())?;
        }
        Ok(())
    }

    pub(crate) fn decode<C, T: IdBytes>(d: &mut Decoder<'_>, _: &mut C) -> Result<Vec<T>, Error> {
        let count = d.array()?.ok_or_else(|| Error::message("indefinite"))?;
        (0..count).map(|_| T::read(d.bytes()?).ok_or_else(|| Error::message("wrong length"))).collect()
    }
}

/// Counters and flags of the device.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, and a column of the stored row"
)]
pub(crate) struct State {
    /// What changes are written under now.
    #[n(0)]
    pub(crate) incarnation: Incarnation,
    /// The number of the last frame of this incarnation.
    #[n(1)]
    pub(crate) packed: u64,
    /// The same for earlier incarnations of this store whose changes may have to be packed again.
    #[n(2)]
    pub(crate) earlier: Vec<(Incarnation, u64)>,
    /// The highest frame number of this incarnation that has a receipt.
    #[n(3)]
    pub(crate) receipted: u64,
    /// The server's log that the cursors count in.
    #[n(4)]
    pub(crate) log: Option<LogId>,
    /// The next number of an outbox row.
    #[n(5)]
    pub(crate) next_outgoing: u64,
    /// The next number of a notice.
    #[n(6)]
    pub(crate) next_notice: u64,
    /// The next number of a receipt carried for another device.
    #[n(7)]
    pub(crate) next_receipt: u64,
    /// The counter of the last worker number that was given.
    #[n(8)]
    pub(crate) worker_counter: u32,
    /// The server's clock minus the device's.
    #[n(9)]
    pub(crate) offset_ms: i64,
    /// Nothing is known of what the server holds: name every dependency by its whole hash.
    #[n(10)]
    pub(crate) full_hashes: bool,
    /// The next sync asks for the device's own changes too.
    #[n(11)]
    pub(crate) recover: bool,
    /// The server knows another copy of this device: once everything was read, what is in the outbox of earlier
    /// incarnations is written anew.
    #[n(12)]
    pub(crate) repairing: bool,
    /// Frames that could not be used: feed, and the position before them. For each the feed was read again from its
    /// beginning once; doing so at each sync would cost more than it gives.
    #[n(13)]
    pub(crate) reread: Vec<(Feed, u64)>,
    /// The roster came in an answer that was cut before the server signed for it.
    #[n(14)]
    pub(crate) roster_unsigned: bool,
    /// The number of the dictionary to pack with; none until the server has sent one, or where it knows it no more.
    #[n(15)]
    pub(crate) dictionary: Option<u32>,
    /// The latest life of the server's log that is known of.
    #[n(22)]
    pub(crate) life: Option<LifeId>,
    /// Receipts came by file, or in an answer that was not proven: nothing is known of the life in which they were given.
    #[n(23)]
    pub(crate) unsure: Option<bool>,
    /// Numbers of frames of this incarnation that were given out and are not stood by any more, first and last of each
    /// stretch, in order: another copy of this device may have used them.
    #[n(24)]
    pub(crate) unused: Option<Vec<(u64, u64)>>,
    /// Feeds that were not read to their end since the server was restored: nobody knows yet what it lost of them.
    #[n(25)]
    pub(crate) rereading: Option<Vec<Feed>>,
}

impl State {
    pub(crate) fn new(incarnation: Incarnation) -> Self {
        Self {
            incarnation,
            packed: 0,
            earlier: Vec::new(),
            receipted: 0,
            log: None,
            next_outgoing: 1,
            next_notice: 1,
            next_receipt: 1,
            worker_counter: 0,
            offset_ms: 0,
            full_hashes: false,
            recover: false,
            repairing: false,
            reread: Vec::new(),
            roster_unsigned: false,
            dictionary: None,
            life: None,
            unsure: None,
            unused: None,
            rereading: None,
        }
    }

    /// The number of the last frame of an incarnation.
    pub(crate) fn last_frame(&self, incarnation: Incarnation) -> u64 {
        if incarnation == self.incarnation {
            return self.packed;
        }
        self.earlier.iter().find(|(known, _)| *known == incarnation).map_or(0, |(_, packed)| *packed)
    }

    /// States the number of the last frame of an incarnation.
    pub(crate) fn set_last_frame(&mut self, incarnation: Incarnation, number: u64) {
        if incarnation == self.incarnation {
            self.packed = number;
        } else {
            self.earlier.retain(|(known, _)| *known != incarnation);
            self.earlier.push((incarnation, number));
        }
    }

    /// Begins a new incarnation.
    pub(crate) fn begin(&mut self, incarnation: Incarnation) {
        self.earlier.push((self.incarnation, self.packed));
        self.incarnation = incarnation;
        self.packed = 0;
        self.receipted = 0;
        self.unused = None;
    }

    /// Notes that a number of this incarnation is not stood by any more. False if there are too many to tell.
    pub(crate) fn disown(&mut self, number: u64) -> bool {
        let unused = self.unused.get_or_insert_default();
        let at = unused.partition_point(|(first, _)| *first <= number);
        let joins = |(_, last): &mut (u64, u64)| {
            let joins = number <= last.saturating_add(1);
            *last = if joins { number.max(*last) } else { *last };
            joins
        };
        if !unused[..at].last_mut().is_some_and(joins) {
            unused.insert(at, (number, number));
        }
        unused.len() <= MAX_UNUSED
    }

    /// Notes that no number of this incarnation so far is stood by any more.
    pub(crate) fn disown_all(&mut self) {
        self.unused = (self.packed > 0).then(|| vec![(1, self.packed)]);
    }
}

/// The key of a frame: incarnation and number.
pub(crate) type FrameKey = (Incarnation, u64);

pub(crate) fn frame_key((incarnation, number): FrameKey) -> Vec<u8> {
    [incarnation.0.as_slice(), &number.to_be_bytes()].concat()
}

pub(crate) fn read_frame_key(key: &[u8]) -> Option<FrameKey> {
    let (incarnation, number) = key.split_at_checked(4)?;
    Some((Incarnation(incarnation.try_into().ok()?), u64::from_be_bytes(number.try_into().ok()?)))
}

/// Where an own frame stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub(crate) enum FrameStanding {
    /// To be sent, again and again, until its receipt comes.
    #[n(0)]
    Sent,
    /// Received; some of its changes are held or were put aside, so the device asks how they stand.
    #[n(1)]
    Unsettled,
    /// Received and done with; kept so that it can be offered to a server that was restored.
    #[n(2)]
    Kept,
}

/// An own frame.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct FrameRow {
    /// The payload of the frame part, as it was sent.
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    pub(crate) bytes: Vec<u8>,
    /// The outbox numbers of its changes, by their index in the frame.
    #[n(1)]
    pub(crate) changes: Vec<u64>,
    #[n(2)]
    pub(crate) standing: FrameStanding,
    #[n(3)]
    pub(crate) full_hashes: bool,
    /// Where the cursor of its feed stood when the server first said that it waits or was put aside. What the server
    /// takes of it later gets a position behind this one.
    #[n(4)]
    pub(crate) since: Option<u64>,
    /// The indexes of those of its changes that were given up, or written anew in another frame: they are not offered
    /// again to a server that was restored.
    #[n(5)]
    pub(crate) given_up: Option<Vec<u32>>,
    /// The server need not have it: it refused it whole, or lost it when it could not be offered again.
    #[n(6)]
    pub(crate) unowed: Option<bool>,
    /// A restored server may have lost it, and it could not be read to be offered again.
    #[n(7)]
    pub(crate) unread: Option<bool>,
}

/// What a person should know.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct NoticeRow {
    #[n(0)]
    pub(crate) at_ms: i64,
    #[n(1)]
    pub(crate) code: String,
    #[n(2)]
    pub(crate) count: u64,
    #[n(3)]
    #[cbor(with = "ids")]
    pub(crate) records: Vec<RecordId>,
}

/// The bytes of a row.
pub(crate) fn bytes<T: Encode<()>>(row: &T) -> Arc<[u8]> {
    fieldmerge_protocol::sync::encode(row).into()
}

/// Reads the bytes of a row.
pub(crate) fn read<'b, T: Decode<'b, ()>>(table: &'static str, bytes: &'b [u8]) -> Result<T, OpenError> {
    minicbor::decode(bytes).map_err(|_| OpenError::Corrupt { table })
}
