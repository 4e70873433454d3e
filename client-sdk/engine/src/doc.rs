//! A record or log with its merged state decoded.

use fieldmerge_model::log::{self, LogHeading, LogState};
use fieldmerge_model::record::{Provenance, RecordState, Verdict};
use fieldmerge_protocol::sync::Feed;
use fieldmerge_protocol::{Actor, Change, ChangeHash, RecordId};
use smol_str::SmolStr;

use crate::Failure;
use crate::memory::record_row::RecordRow;

/// A record or log, decoded.
#[derive(Debug, Clone)]
pub(crate) struct Doc {
    /// The feed that it belongs to.
    pub(crate) feed: Feed,
    /// Its merged state.
    pub(crate) body: Body,
}

/// The merged state.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    /// A record that many may edit.
    Record(Box<RecordState>),
    /// A log with one writer.
    Log(Box<LogState>),
}

impl Doc {
    /// A record or log of which nothing is known yet, by the class of its feed.
    pub(crate) fn new(record: RecordId, feed: Feed) -> Self {
        let body = if feed.class.is_log() {
            Body::Log(Box::new(LogState::new(record)))
        } else {
            Body::Record(Box::new(RecordState::new(record)))
        };
        Self { feed, body }
    }

    /// Decodes a row.
    pub(crate) fn decode(row: &RecordRow) -> Result<Self, Failure> {
        let corrupt = |_| Failure::Bug("the state of a record does not read");
        let feed = row.header.feed;
        let body = if feed.class.is_log() {
            Body::Log(Box::new(LogState::from_bytes(row.state()).map_err(corrupt)?))
        } else {
            Body::Record(Box::new(RecordState::from_bytes(row.state()).map_err(corrupt)?))
        };
        Ok(Self { feed, body })
    }

    pub(crate) fn accept(&mut self, change: &Change, hash: ChangeHash, provenance: Provenance) -> Verdict {
        match &mut self.body {
            Body::Record(state) => state.accept(change, hash, provenance),
            Body::Log(log) => log.accept(change, hash, provenance),
        }
    }

    /// States how a change came, once that is known.
    pub(crate) fn set_provenance(&mut self, actor: Actor, seq: u64, provenance: Provenance) {
        match &mut self.body {
            Body::Record(state) => state.set_provenance(actor, seq, provenance),
            Body::Log(log) => log.set_provenance(actor, seq, provenance),
        };
    }

    pub(crate) fn find(&self, actor: Actor, seq: u64) -> Option<ChangeHash> {
        match &self.body {
            Body::Record(state) => state.find(actor, seq),
            Body::Log(log) => log.find(actor, seq),
        }
    }

    /// Who wrote the change with this hash, and as which number.
    pub(crate) fn author(&self, hash: &ChangeHash) -> Option<(Actor, u64)> {
        self.changes().find(|(.., known)| known == hash).map(|(actor, seq, _)| (actor, seq))
    }

    /// Every change: who wrote it, as which number, and its hash; of each author the last first.
    pub(crate) fn changes(&self) -> impl Iterator<Item = (Actor, u64, ChangeHash)> {
        let authors: Vec<(Actor, u64)> = match &self.body {
            Body::Record(state) => state.actors().collect(),
            Body::Log(log) => {
                log.heading().map(|heading| (heading.actor, log.last_seq())).into_iter().collect()
            }
        };
        let named = |(actor, last)| (1..=last).rev().map(move |seq| (actor, seq));
        let found = |(actor, seq)| Some((actor, seq, self.find(actor, seq)?));
        authors.into_iter().flat_map(named).filter_map(found)
    }

    pub(crate) fn is_empty(&self) -> bool {
        match &self.body {
            Body::Record(state) => state.is_empty(),
            Body::Log(log) => log.is_empty(),
        }
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        match &self.body {
            Body::Record(state) => state.to_bytes(),
            Body::Log(log) => log.to_bytes(),
        }
    }

    /// The name of the type, as the first change gave it.
    pub(crate) fn record_type(&self) -> SmolStr {
        match &self.body {
            Body::Record(state) => state.identity().map(|identity| identity.record_type),
            Body::Log(log) => log.heading().map(|heading| heading.record_type.clone()),
        }
        .unwrap_or_default()
    }

    /// What the first change of a log says; `None` for a record.
    pub(crate) fn heading(&self) -> Option<&LogHeading> {
        match &self.body {
            Body::Log(log) => log.heading(),
            Body::Record(_) => None,
        }
    }
}

/// The entries that a change puts into a log, as a row of `log_entries` keeps them.
pub(crate) fn entries_row(change: &Change) -> Vec<u8> {
    let entries: Vec<minicbor::bytes::ByteVec> =
        log::entries(change).map(|(_, bytes)| bytes.to_vec().into()).collect();
    fieldmerge_protocol::sync::encode(&entries)
}

/// Reads a row of `log_entries`; one that does not read holds nothing.
pub(crate) fn read_entries(row: &[u8]) -> Vec<Vec<u8>> {
    let entries: Vec<minicbor::bytes::ByteVec> = minicbor::decode(row).unwrap_or_default();
    entries.into_iter().map(Vec::from).collect()
}
