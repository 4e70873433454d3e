//! What lies behind a cursor inside a stored segment.
//!
//! Devices are sent segments as they are stored. Where compaction joined the one that a cursor ended with others behind
//! it, the whole would be sent again for what may be one change; so what lies behind the cursor is packed anew.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use fieldmerge_protocol::bundle::{Entry, PackedChange, compress, encode_body, resolve};
use fieldmerge_protocol::{Actor, ChangeHash, ProjectId};
use fieldmerge_store::segments::{SegmentHead, Whole};
use fieldmerge_store::{Store, StoreError};
use tokio::sync::Semaphore;

use crate::stored::{ChangeName, blocking, dictionaries_of, entry, hashes_of, named_shortly, unpack_behind};

/// zstd level of tails: they are sent once.
const LEVEL: i32 = 9;
/// Where no more than one of so many changes lies before the cursor the segment is sent whole: packed anew, and at a lower
/// level, the rest would be as large.
const FEW: usize = 10;

/// Packs tails, a few at a time: each takes as much memory as a decoded segment.
#[derive(Debug, Clone)]
pub struct Tails(Arc<Semaphore>);

impl Default for Tails {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Self(Arc::new(Semaphore::new(cores)))
    }
}

impl Tails {
    /// The part of a segment behind a position inside it, for a device that holds all changes up to there. Nothing where
    /// the segment itself is the better answer: it is no larger, or it cannot be read.
    pub async fn behind(
        &self,
        store: &Store,
        project: ProjectId,
        (head, body): (&SegmentHead, &[u8]),
        position: u64,
    ) -> Result<Option<Whole>, StoreError> {
        let before = usize::try_from(position.saturating_sub(head.from)).unwrap_or(usize::MAX);
        if before.saturating_mul(FEW) <= head.count as usize {
            return Ok(None);
        }
        let Ok(_place) = self.0.acquire().await else { return Ok(None) };
        let mut tx = store.read().await?;
        let dictionaries = dictionaries_of(&mut tx, project, [head]).await?;
        tx.rollback().await?;
        let (head, body) = (head.clone(), body.to_vec());
        // What the device holds is not kept in memory, nor hashed, where nothing behind it depends on it: so it is with
        // registrations, and with edits of what is older than the segment.
        let opened =
            blocking(move || unpack_behind(&head, &body, &dictionaries, before).map(|all| (head, all)));
        let Some(Ok((head, (packed, front)))) = opened.await else { return Ok(None) };
        let names: BTreeSet<ChangeName> = named_shortly(&packed).collect();
        let mut known = HashMap::new();
        if !names.is_empty() {
            let mut tx = store.read().await?;
            known = hashes_of(&mut tx, project, &names).await?;
            tx.rollback().await?;
        }
        let stored = head.body_bytes;
        let tail = blocking(move || pack(&head, packed, front, &known)).await.flatten();
        Ok(tail.filter(|(head, _)| head.body_bytes < stored))
    }
}

/// Packs what follows the first `front` changes of the end of a segment. What these changes are is named shortly: the
/// device holds them. So it does what the segment itself named shortly.
fn pack(
    head: &SegmentHead,
    packed: Vec<PackedChange>,
    front: usize,
    known: &HashMap<ChangeName, ChangeHash>,
) -> Option<Whole> {
    let changes = resolve(packed, &mut |record, actor, seq| known.get(&(record, actor, seq)).copied());
    let (front, tail) = changes.split_at_checked(front)?;
    let mut names: HashMap<ChangeHash, (Actor, u64)> =
        front.iter().filter_map(|one| Some((one.hash?, (one.change.actor, one.change.seq)))).collect();
    names.extend(known.iter().map(|((_, actor, seq), hash)| (*hash, (*actor, *seq))));
    let entries: Vec<Entry<'_>> = tail.iter().map(entry).collect::<Option<_>>()?;
    let raw = encode_body(&entries, &|_, hash| names.get(hash).copied()).ok()?;
    let (compression, body) = compress(&raw, LEVEL, &[]).ok()?;
    let head = SegmentHead {
        from: head.to - tail.len() as u64,
        count: u32::try_from(tail.len()).ok()?,
        compression: compression.number(),
        dictionary: 0,
        raw_bytes: u32::try_from(raw.len()).ok()?,
        body_bytes: u32::try_from(body.len()).ok()?,
        ..head.clone()
    };
    Some((head, body.into_owned()))
}
