//! The frames at rest: no gaps, and each holds the changes that the records name.

use std::collections::BTreeMap;

use fieldmerge_model::{LogState, RecordState};
use fieldmerge_protocol::bundle::{Compression, MAX_RAW_BYTES, decode_body, inflate, resolve};
use fieldmerge_protocol::{Actor, ChangeHash, ProjectId, RecordId};
use fieldmerge_store::feeds::{self, FeedHead};
use fieldmerge_store::segments::{self, SegmentHead};
use fieldmerge_store::{StoreError, Tx, dictionaries, records};

use super::ProjectReport;

/// Bytes of frames read at a time.
const PAGE_BYTES: u64 = 4 << 20;

/// Verifies the frames of every feed of a project.
pub async fn verify(tx: &mut Tx, project: ProjectId, report: &mut ProjectReport) -> Result<(), StoreError> {
    let mut placed = 0;
    for feed in feeds::list(tx, project).await? {
        placed += feed.head;
        verify_feed(tx, project, feed, report).await?;
    }
    if placed != report.changes {
        let changes = report.changes;
        report.differs(|| format!("the feeds hold {placed} changes, the records {changes}"));
    }
    Ok(())
}

async fn verify_feed(
    tx: &mut Tx,
    project: ProjectId,
    feed: FeedHead,
    report: &mut ProjectReport,
) -> Result<(), StoreError> {
    let mut at = 0;
    loop {
        let page = segments::after(tx, project, feed.feed, at, PAGE_BYTES, None).await?;
        for (head, body) in &page.segments {
            report.frames += 1;
            if head.from != at {
                report.differs(|| format!("{}: the frame before it ends at {at}", name(head)));
            }
            at = head.to;
            let body = body.as_deref().unwrap_or_default();
            if let Err(what) = verify_frame(tx, project, head, body).await? {
                report.differs(|| format!("{}: {what}", name(head)));
            }
        }
        if !page.more || page.segments.is_empty() {
            break;
        }
    }
    if at != feed.head {
        report.differs(|| format!("the feed {feed:?} ends at {at}"));
    }
    Ok(())
}

fn name(head: &SegmentHead) -> String {
    format!("the frame {}..{} of area {} and class {:?}", head.from, head.to, head.feed.area, head.feed.class)
}

/// What a record knows of its changes.
enum State {
    Record(RecordState),
    Log(LogState),
}

impl State {
    fn find(&self, actor: Actor, seq: u64) -> Option<ChangeHash> {
        match self {
            Self::Record(state) => state.find(actor, seq),
            Self::Log(state) => state.find(actor, seq),
        }
    }

    fn position(&self, actor: Actor, seq: u64) -> Option<u64> {
        let provenance = match self {
            Self::Record(state) => state.provenance(actor, seq),
            Self::Log(state) => state.provenance(actor, seq),
        };
        provenance.map(|provenance| provenance.position)
    }
}

/// The frame decodes, and its changes are those of the records at its positions; otherwise says what is wrong.
async fn verify_frame(
    tx: &mut Tx,
    project: ProjectId,
    head: &SegmentHead,
    body: &[u8],
) -> Result<Result<(), String>, StoreError> {
    let dictionary = match head.dictionary {
        0 => Vec::new(),
        number => dictionaries::find(tx, project, number).await?.unwrap_or_default(),
    };
    let raw = Compression::from_number(head.compression).and_then(|compression| {
        inflate(body, compression, &dictionary, head.raw_bytes as usize, MAX_RAW_BYTES)
    });
    let packed = match raw.and_then(|raw| decode_body(&raw)) {
        Ok(packed) => packed,
        Err(error) => return Ok(Err(format!("it does not decode: {error}"))),
    };
    let ids: Vec<RecordId> = packed.iter().map(|packed| packed.record).collect();
    let states = states_of(tx, project, &ids).await?;
    let resolved = resolve(packed, &mut |record, actor, seq| states.get(&record)?.find(actor, seq));
    if resolved.len() as u64 != head.to - head.from || resolved.len() != head.count as usize {
        return Ok(Err(format!("it holds {} changes", resolved.len())));
    }
    for (change, position) in resolved.iter().zip(head.from + 1..) {
        let (actor, seq) = (change.change.actor, change.change.seq);
        let state = states.get(&change.record);
        let known = state.and_then(|state| state.find(actor, seq));
        if known.is_none() || known != change.hash {
            return Ok(Err(format!("the change at {position} is not one of record {}", change.record)));
        }
        if state.and_then(|state| state.position(actor, seq)) != Some(position) {
            return Ok(Err(format!("record {} places the change at {position} elsewhere", change.record)));
        }
    }
    Ok(Ok(()))
}

async fn states_of(
    tx: &mut Tx,
    project: ProjectId,
    ids: &[RecordId],
) -> Result<BTreeMap<RecordId, State>, StoreError> {
    let mut states = BTreeMap::new();
    for record in records::load(tx, project, ids).await? {
        let row = record.row;
        // A state that does not parse was told with its record.
        let state = if row.feed.class.is_log() {
            LogState::from_bytes(&row.state).ok().map(State::Log)
        } else {
            RecordState::from_bytes(&row.state).ok().map(State::Record)
        };
        states.extend(state.map(|state| (row.id, state)));
    }
    Ok(states)
}
