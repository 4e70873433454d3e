//! What a restored server may have lost of others' work.
//!
//! Their authors offer it again. Until the feeds bring it, it is provisional like what another device passed, but no frame
//! stands behind its mark: it stays, for nobody else may have it any more. A person whose own change waits for it in vain
//! writes it again together with that change.

use std::collections::BTreeSet;

use fieldmerge_model::access;
use fieldmerge_model::record::StoredChange;
use fieldmerge_protocol::sync::Feed;
use fieldmerge_protocol::{ChangeHash, RecordId};

use super::rows::MarkRow;
use crate::Failure;
use crate::doc::{Body, Doc};
use crate::stage::Stage;

/// Marks everything that the feeds can bring again and that is not in the outbox.
pub(crate) fn doubt_all(stage: &mut Stage<'_>) -> Result<(), Failure> {
    let root = stage.enrolment()?.root_area;
    let mut feeds = BTreeSet::new();
    for record in stage.memory.records.keys() {
        let Some(doc) = stage.doc(*record)? else { continue };
        if !access::may_read(&stage.memory.grants, root, doc.feed.area, doc.feed.class) {
            continue;
        }
        feeds.insert(doc.feed);
        for (actor, seq, hash) in doc.changes() {
            let mark = (*record, actor, seq);
            if stage.outgoing_number(*record, actor, seq).is_none() && stage.mark(&mark).is_none() {
                stage.set_mark(mark, MarkRow { hash, frame: Vec::new() });
            }
        }
    }
    stage.state.rereading = Some(feeds.into_iter().collect());
    Ok(())
}

/// Notes that every feed was read to its end but these: what is marked in the others is not in the server's log.
pub(crate) fn reread(stage: &mut Stage<'_>, unread: &BTreeSet<Feed>) {
    let rereading = stage.state.rereading.take().unwrap_or_default();
    let rest: Vec<Feed> = rereading.into_iter().filter(|feed| unread.contains(feed)).collect();
    stage.state.rereading = (!rest.is_empty()).then_some(rest);
}

/// The changes of a record that nobody has brought again, in an order in which they can be written; none while its feed
/// is still being read. A log has none that another person could write.
pub(crate) fn doubted(stage: &Stage<'_>, record: RecordId) -> Result<Vec<StoredChange>, Failure> {
    let marks = stage.marks_of(record).into_iter().filter(|(_, row)| row.frame.is_empty());
    let lost: BTreeSet<ChangeHash> = marks.map(|(_, row)| row.hash).collect();
    let doc = if lost.is_empty() { None } else { stage.doc(record)? };
    let Some(Doc { body: Body::Record(merged), feed, .. }) = doc else { return Ok(Vec::new()) };
    if stage.state.rereading.as_ref().is_some_and(|feeds| feeds.contains(&feed)) {
        return Ok(Vec::new());
    }
    Ok(merged.changes().filter(|stored| lost.contains(&stored.hash)).collect())
}
