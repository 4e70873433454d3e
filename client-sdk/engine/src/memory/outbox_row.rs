//! The rows of the outbox.

use fieldmerge_model::quarantine::{QuarantineCode, Remedy};
use fieldmerge_protocol::sync::Feed;
use fieldmerge_protocol::{Actor, ChangeHash, RecordId};
use minicbor::{Decode, Encode};
use smol_str::SmolStr;

use super::rows::{id, ids};
use crate::{OutboxState, Settlement};

/// Where an outgoing change stands.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) enum Standing {
    #[n(0)]
    Waiting,
    #[n(1)]
    Sent,
    #[n(2)]
    Held,
    #[n(3)]
    Quarantined(#[n(0)] String),
    #[n(4)]
    Forked,
}

/// A change of this device without a final receipt.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct OutboxRow {
    #[n(0)]
    #[cbor(with = "id")]
    pub(crate) record: RecordId,
    #[n(1)]
    pub(crate) feed: Feed,
    #[n(2)]
    #[cbor(with = "id")]
    pub(crate) actor: Actor,
    #[n(3)]
    pub(crate) seq: u64,
    #[n(4)]
    #[cbor(with = "id")]
    pub(crate) hash: ChangeHash,
    /// The device's clock when a person saved it.
    #[n(5)]
    pub(crate) time: i64,
    /// The change's own bytes.
    #[n(6)]
    #[cbor(with = "minicbor::bytes")]
    pub(crate) change: Vec<u8>,
    #[n(7)]
    pub(crate) standing: Standing,
    /// Its next frame names every dependency by its whole hash.
    #[n(8)]
    pub(crate) full_hashes: bool,
    /// How often it was written anew because the server refused it.
    #[n(9)]
    pub(crate) repairs: u8,
    /// The counter of its first operation: among the changes of a record it grows with causality.
    #[n(10)]
    pub(crate) start_op: u64,
    /// What it stood on, where it was taken out of its log with that and waits for a person.
    #[n(11)]
    pub(crate) past: Option<LogPast>,
    /// What its person wants done with it, where the server has to give it back first.
    #[n(12)]
    pub(crate) wish: Option<Settlement>,
}

impl OutboxRow {
    /// Whether the server holds it, or keeps it aside and may yet take it as it is.
    pub(crate) fn is_open(&self) -> bool {
        match &self.standing {
            Standing::Held => true,
            Standing::Quarantined(code) => match QuarantineCode::from_code(code) {
                Some(QuarantineCode::HeldExpired) => true,
                code => code.is_some_and(|code| code.remedy() == Remedy::TakenLater),
            },
            Standing::Waiting | Standing::Sent | Standing::Forked => false,
        }
    }

    pub(crate) fn view(&self) -> OutboxState {
        match &self.standing {
            _ if self.wish.is_some() && self.is_open() => OutboxState::Withdrawn,
            Standing::Waiting => OutboxState::Waiting,
            Standing::Sent => OutboxState::Sent,
            Standing::Held => OutboxState::Held,
            Standing::Quarantined(code) => OutboxState::Quarantined { code: SmolStr::new(code) },
            Standing::Forked => OutboxState::Forked,
        }
    }
}

/// What a change of a log needs of those before it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct LogPast {
    #[n(0)]
    pub(crate) month: String,
    /// The persons that the log names, in order.
    #[n(1)]
    #[cbor(with = "ids")]
    pub(crate) persons: Vec<RecordId>,
}
