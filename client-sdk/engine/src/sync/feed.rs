//! Merges feed frames: changes that others wrote.

use std::collections::BTreeMap;

use fieldmerge_model::record::{Provenance, Verdict};
use fieldmerge_protocol::bundle::{
    Compression, MAX_RAW_BYTES, Resolved, causal_order, decode_body, inflate, resolve,
};
use fieldmerge_protocol::sync::{Feed, FeedBody, FeedFrame};
use fieldmerge_protocol::{Actor, Change, ChangeHash, RecordId};

use super::answer::Reading;
use crate::doc::Doc;
use crate::exchange::Mark;
use crate::stage::Stage;
use crate::{Failure, exchange, repair};

/// Why a frame cannot be used.
enum Unusable {
    /// With a stable code; the cursor stays.
    Code(&'static str),
    /// The engine cannot go on.
    Failure(Failure),
}

impl From<Failure> for Unusable {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// What a frame does to records: taken over by the stage only if all of it fits.
struct Trial<'a, 'm> {
    stage: &'a Stage<'m>,
    feed: Feed,
    docs: BTreeMap<RecordId, Doc>,
    /// Own changes that the server has, by outbox number.
    confirmed: Vec<u64>,
    /// Entries to keep: log and change.
    entries: Vec<(RecordId, Change)>,
    /// Records whose own unreceived changes gave way to another copy's.
    stripped: Vec<RecordId>,
    /// Provisional changes that the server has.
    received: Vec<Mark>,
    /// Records whose provisional changes gave way to what the server has.
    swept: Vec<RecordId>,
    /// Own changes that stood on those, by outbox number.
    undone: Vec<u64>,
    /// Changes that were new.
    new: u64,
}

impl Reading<'_, '_, '_> {
    /// Merges a frame and moves the cursor of its feed, or leaves both as they are.
    pub(crate) fn feed_frame(&mut self, frame: FeedFrame) -> Result<(), Failure> {
        let FeedFrame { feed, from, to, received_ms, body } = frame;
        let cursor = self.stage.cursor(feed);
        if self.answer.blocked.contains(&feed) || to <= cursor {
            return Ok(());
        }
        if from > cursor {
            self.problem("gap", Some(feed));
            self.answer.blocked.insert(feed);
            return Ok(());
        }
        if let Some(body) = body {
            match self.merge(feed, from, to, received_ms, &body) {
                Ok(()) => {}
                Err(Unusable::Failure(failure)) => return Err(failure),
                Err(Unusable::Code(code)) => {
                    self.unusable(feed, from, code);
                    return Ok(());
                }
            }
        }
        self.answer.progress = true;
        self.stage.set_cursor(feed, Some(to));
        if self.answer.kept.take_if(|kept| kept.feed == feed && kept.from < to).is_some() {
            self.stage.set_partial(None);
        }
        Ok(())
    }

    /// A frame that does not fit: the feed is read again from its beginning, once, with the device's own changes.
    fn unusable(&mut self, feed: Feed, from: u64, code: &'static str) {
        self.problem(code, Some(feed));
        self.answer.blocked.insert(feed);
        let state = &mut self.stage.state;
        if self.reread.insert(feed) && !state.reread.contains(&(feed, from)) {
            state.recover = true;
            state.reread.push((feed, from));
            self.stage.set_cursor(feed, None);
            self.answer.reread = true;
        }
    }

    fn merge(
        &mut self,
        feed: Feed,
        from: u64,
        to: u64,
        received_ms: i64,
        body: &FeedBody,
    ) -> Result<(), Unusable> {
        let unreadable = |_| Unusable::Code("unreadable-frame");
        let compression = Compression::from_number(body.compression).map_err(unreadable)?;
        let dictionary =
            self.stage.dictionary(body.dictionary).ok_or(Unusable::Code("unknown-dictionary"))?;
        let raw = inflate(&body.bytes, compression, dictionary, body.raw_bytes as usize, MAX_RAW_BYTES)
            .map_err(unreadable)?;
        let packed = decode_body(&raw).map_err(unreadable)?;
        if packed.len() as u64 != u64::from(body.count) || packed.len() as u64 != to.saturating_sub(from) {
            return Err(Unusable::Code("unreadable-frame"));
        }
        let mut trial = Trial {
            stage: &self.stage,
            feed,
            docs: BTreeMap::new(),
            confirmed: Vec::new(),
            entries: Vec::new(),
            stripped: Vec::new(),
            received: Vec::new(),
            swept: Vec::new(),
            undone: Vec::new(),
            new: 0,
        };
        let order = causal_order(&packed);
        let changes = resolve(packed, &mut |record, actor, seq| trial.find(record, actor, seq));
        let count = changes.len();
        for index in order {
            let provenance =
                Provenance { position: from + 1 + u64::from(index), received_ms, ..Provenance::default() };
            trial.change(&changes[index as usize], provenance)?;
        }
        let Trial { docs, confirmed, entries, stripped, received, swept, undone, new, .. } = trial;
        self.merged += count;
        self.report.received += new;
        for (record, doc) in docs {
            self.stage.set_doc(record, Some(doc));
        }
        for (record, change) in entries {
            self.stage.keep_entries(record, feed, &change);
        }
        for number in confirmed {
            self.accepted(number);
        }
        for mark in received {
            self.stage.confirm(mark);
        }
        for record in swept.iter().chain(&stripped) {
            exchange::sweep(&mut self.stage, *record)?;
        }
        exchange::undo(&mut self.stage, self.turn, &undone);
        for record in stripped {
            repair::mark_forked(&mut self.stage, record, self.turn);
        }
        // What could not be used before could be now.
        self.stage.state.reread.retain(|(other, at)| *other != feed || *at >= to);
        Ok(())
    }
}

impl Trial<'_, '_> {
    fn load(&mut self, record: RecordId) -> Result<Option<&mut Doc>, Failure> {
        if let std::collections::btree_map::Entry::Vacant(place) = self.docs.entry(record)
            && let Some(doc) = self.stage.doc(record)?
        {
            place.insert(doc);
        }
        Ok(self.docs.get_mut(&record))
    }

    fn find(&mut self, record: RecordId, actor: Actor, seq: u64) -> Option<ChangeHash> {
        self.load(record).ok()??.find(actor, seq)
    }

    fn change(&mut self, resolved: &Resolved, provenance: Provenance) -> Result<(), Unusable> {
        let Resolved { record, change, hash, .. } = resolved;
        let hash = hash.ok_or(Unusable::Code("missing-dependencies"))?;
        let feed = self.feed;
        if self.load(*record)?.is_none() {
            self.docs.insert(*record, Doc::new(*record, feed));
        }
        let doc = self.docs.get_mut(record).ok_or(Failure::Bug("a record that was loaded"))?;
        // The feed that delivers a record says where it belongs now; what kind of record it is never changes.
        if doc.feed.class != feed.class {
            return Err(Unusable::Code("refused-change"));
        }
        doc.feed = feed;
        let provenance = Provenance { incarnation: change.actor.incarnation(), ..provenance };
        let mut verdict = doc.accept(change, hash, provenance);
        if matches!(verdict, Verdict::Forked | Verdict::Refused(_)) && !self.swept.contains(record) {
            // What another device passed may be in the way.
            let without = exchange::without_provisional(self.stage, *record, doc, &self.received)?;
            if let Some((without, own)) = without {
                *doc = without;
                self.swept.push(*record);
                self.undone.extend(own);
                verdict = doc.accept(change, hash, provenance);
            }
        }
        if matches!(verdict, Verdict::Forked | Verdict::Refused(_)) && !self.stripped.contains(record) {
            // The device's own unreceived changes may be in the way.
            if let Some(without) = repair::without_outgoing(self.stage, *record, doc, &self.confirmed)? {
                *doc = without;
                self.stripped.push(*record);
                verdict = doc.accept(change, hash, provenance);
            }
        }
        let is_provisional = self.stage.is_provisional(*record, change.actor, change.seq, hash);
        match verdict {
            Verdict::Applied => {
                self.new += 1;
                self.entries.push((*record, change.clone()));
            }
            Verdict::Duplicate if is_provisional => doc.set_provenance(change.actor, change.seq, provenance),
            Verdict::Duplicate => {}
            Verdict::Held { .. } => return Err(Unusable::Code("missing-dependencies")),
            Verdict::Forked | Verdict::Refused(_) => return Err(Unusable::Code("refused-change")),
        }
        if is_provisional {
            self.received.push((*record, change.actor, change.seq));
        }
        if let Some(number) = self.stage.outgoing_number(*record, change.actor, change.seq)
            && self.stage.outgoing(number).is_some_and(|row| row.hash == hash)
        {
            self.confirmed.push(number);
        }
        Ok(())
    }
}
