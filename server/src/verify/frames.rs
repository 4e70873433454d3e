//! The frames at rest: no gaps, and each holds the changes that the records name.

use fieldmerge_protocol::bundle::resolve;
use fieldmerge_protocol::{ProjectId, RecordId};
use fieldmerge_store::feeds::{self, FeedHead};
use fieldmerge_store::segments::{self, SegmentHead};
use fieldmerge_store::{StoreError, Tx};

use super::ProjectReport;
use crate::stored::{dictionaries_of, states_of, unpack};

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

/// The frame decodes, and its changes are those of the records at its positions; otherwise says what is wrong.
async fn verify_frame(
    tx: &mut Tx,
    project: ProjectId,
    head: &SegmentHead,
    body: &[u8],
) -> Result<Result<(), String>, StoreError> {
    let dictionaries = dictionaries_of(tx, project, [head]).await?;
    let packed = match unpack(head, body, &dictionaries) {
        Ok(packed) => packed,
        Err(error) => return Ok(Err(format!("it does not decode: {error}"))),
    };
    let ids: Vec<RecordId> = packed.iter().map(|packed| packed.record).collect();
    let states = states_of(tx, project, &ids).await?;
    let resolved = resolve(packed, &mut |record, actor, seq| states.get(&record)?.find(actor, seq));
    for (change, position) in resolved.iter().zip(head.from + 1..) {
        let (actor, seq) = (change.change.actor, change.change.seq);
        let state = states.get(&change.record);
        let known = state.and_then(|state| state.find(actor, seq));
        if known.is_none() || known != change.hash {
            return Ok(Err(format!("the change at {position} is not one of record {}", change.record)));
        }
        let provenance = state.and_then(|state| state.provenance(actor, seq));
        if provenance.map(|provenance| provenance.position) != Some(position) {
            return Ok(Err(format!("record {} places the change at {position} elsewhere", change.record)));
        }
        // Whoever is named as the writer of a segment is never sent it.
        let writer = provenance.map(|provenance| (actor.device(), provenance.incarnation));
        if head.source.is_some_and(|source| Some((source.device, source.incarnation)) != writer) {
            return Ok(Err(format!("the change at {position} is not of the writer that it names")));
        }
    }
    Ok(Ok(()))
}
