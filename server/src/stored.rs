//! Stored segments opened again, and what the records know of the changes in them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use fieldmerge_model::record::Provenance;
use fieldmerge_model::{LogState, RecordState};
use fieldmerge_protocol::bundle::{
    BundleError, Compression, DepRef, Entry, MAX_RAW_BYTES, PackedChange, Resolved, decode_body_behind,
    inflate,
};
use fieldmerge_protocol::{Actor, ChangeHash, ProjectId, RecordId};
use fieldmerge_store::records::RecordRow;
use fieldmerge_store::segments::SegmentHead;
use fieldmerge_store::{StoreError, Tx, dictionaries, records};

/// So many records are in memory at a time.
const PAGE_RECORDS: usize = 256;

/// A change by its record, its author and its number.
pub type ChangeName = (RecordId, Actor, u64);

/// Dictionaries by their numbers.
pub type Dictionaries = BTreeMap<u32, Vec<u8>>;

/// The dictionaries that segments were compressed with, as far as they are known.
pub async fn dictionaries_of(
    tx: &mut Tx,
    project: ProjectId,
    heads: impl IntoIterator<Item = &SegmentHead>,
) -> Result<Dictionaries, StoreError> {
    let numbers: BTreeSet<u32> = heads.into_iter().map(|head| head.dictionary).collect();
    let mut found = Dictionaries::new();
    for number in numbers.into_iter().filter(|number| *number != 0) {
        found.extend(dictionaries::find(tx, project, number).await?.map(|body| (number, body)));
    }
    Ok(found)
}

/// Inflates and decodes the body of a segment.
pub fn unpack(
    head: &SegmentHead,
    body: &[u8],
    dictionaries: &Dictionaries,
) -> Result<Vec<PackedChange>, BundleError> {
    unpack_behind(head, body, dictionaries, 0).map(|(packed, _)| packed)
}

/// The same of what stands behind the first `before` changes, and those where what follows depends on one of them. Gives
/// how many of them came too.
pub fn unpack_behind(
    head: &SegmentHead,
    body: &[u8],
    dictionaries: &Dictionaries,
    before: usize,
) -> Result<(Vec<PackedChange>, usize), BundleError> {
    let compression = Compression::from_number(head.compression)?;
    let dictionary = match head.dictionary {
        0 => &[][..],
        number => dictionaries.get(&number).ok_or(BundleError::UnknownDictionary(number))?,
    };
    let raw = inflate(body, compression, dictionary, head.raw_bytes as usize, MAX_RAW_BYTES)?;
    let (packed, front) = decode_body_behind(&raw, before)?;
    let (count, positions) = ((packed.len() + before - front) as u64, head.to.saturating_sub(head.from));
    if count == u64::from(head.count) && count == positions {
        Ok((packed, front))
    } else {
        Err(BundleError::Malformed("number of changes"))
    }
}

/// A change of a segment, to be packed again; `None` where its hash is not known.
pub fn entry(resolved: &Resolved) -> Option<Entry<'_>> {
    Some(Entry { record: resolved.record, change: &resolved.change, hash: resolved.hash? })
}

/// Does work where it holds up nobody. Nothing comes of work that panics.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}

/// The changes that some changes of a segment name by author and number only.
pub fn named_shortly(packed: &[PackedChange]) -> impl Iterator<Item = ChangeName> {
    packed.iter().flat_map(|PackedChange { record, change, deps }| {
        deps.iter().filter_map(|dep| match dep {
            DepRef::OwnPrevious => Some((*record, change.actor, change.seq.wrapping_sub(1))),
            DepRef::Known { actor, seq, .. } => Some((*record, *actor, *seq)),
            DepRef::InFrame(_) | DepRef::Hash(_) => None,
        })
    })
}

/// The hashes of changes, as far as their records know them.
pub async fn hashes_of(
    tx: &mut Tx,
    project: ProjectId,
    names: &BTreeSet<ChangeName>,
) -> Result<HashMap<ChangeName, ChangeHash>, StoreError> {
    let mut hashes = HashMap::with_capacity(names.len());
    let mut ids: Vec<RecordId> = names.iter().map(|(record, ..)| *record).collect();
    ids.dedup();
    for ids in ids.chunks(PAGE_RECORDS) {
        for (record, state) in states_of(tx, project, ids).await? {
            let first = (record, Actor([0; 16]), 0);
            let of_record = names.range(first..).take_while(|(other, ..)| *other == record);
            hashes.extend(
                of_record.filter_map(|&(record, actor, seq)| {
                    Some(((record, actor, seq), state.find(actor, seq)?))
                }),
            );
        }
    }
    Ok(hashes)
}

/// What a record knows of its changes.
pub enum State {
    /// A record that is merged.
    Record(RecordState),
    /// A log of one writer.
    Log(LogState),
}

impl State {
    /// The state in a row; `None` if it does not parse.
    pub fn of_row(row: &RecordRow) -> Option<Self> {
        if row.feed.class.is_log() {
            LogState::from_bytes(&row.state).ok().map(Self::Log)
        } else {
            RecordState::from_bytes(&row.state).ok().map(Self::Record)
        }
    }

    /// The hash of an author's change.
    pub fn find(&self, actor: Actor, seq: u64) -> Option<ChangeHash> {
        match self {
            Self::Record(state) => state.find(actor, seq),
            Self::Log(state) => state.find(actor, seq),
        }
    }

    /// How an author's change came.
    pub fn provenance(&self, actor: Actor, seq: u64) -> Option<Provenance> {
        match self {
            Self::Record(state) => state.provenance(actor, seq),
            Self::Log(state) => state.provenance(actor, seq),
        }
    }
}

/// The states of records. One that is not there, or does not parse, is left out.
pub async fn states_of(
    tx: &mut Tx,
    project: ProjectId,
    ids: &[RecordId],
) -> Result<BTreeMap<RecordId, State>, StoreError> {
    let found = records::load(tx, project, ids).await?;
    Ok(found.iter().filter_map(|found| Some((found.row.id, State::of_row(&found.row)?))).collect())
}
