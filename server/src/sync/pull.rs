//! Reads what a device lacks, feed by feed, as the frames stand in the store.

use fieldmerge_protocol::sync::{Cursor, Feed, FeedBody, FeedFrame};
use fieldmerge_protocol::{LifeId, ProjectId};
use fieldmerge_store::segments::{self, Own, SegmentHead};
use fieldmerge_store::{Store, StoreError, projects};

use super::tail::Tails;

/// How many bytes of bodies are read at a time: what one answer holds in memory.
const PAGE_BYTES: u64 = 512 << 10;

/// What is left to read for one answer.
#[derive(Debug)]
pub struct Pull {
    /// The project.
    pub project: ProjectId,
    /// The feeds that the device may read, and how far it has read them, with where each ends.
    pub feeds: Vec<(Cursor, u64)>,
    /// How many bytes of bodies may still be sent.
    pub budget_bytes: u64,
    /// The device whose own frames are told as ranges only.
    pub own: Option<Own>,
    /// The latest life of the log when each feed ended there: no position of a later one is sent.
    pub life: Option<LifeId>,
}

impl Pull {
    /// The next frames, a page of one feed at most; nothing when the device has all, or the budget is spent.
    ///
    /// Each page is a snapshot of its own: positions are given in commit order, so what is committed later stands behind
    /// every position that was read. What was committed since the answer began is left for the next; in the same life it
    /// may come with what was there before.
    pub async fn next_page(&mut self, store: &Store, tails: &Tails) -> Result<Vec<FeedFrame>, StoreError> {
        while let Some((cursor, end)) = self.feeds.last().copied() {
            if self.budget_bytes == 0 {
                break;
            }
            let mut tx = store.read().await?;
            let limit = PAGE_BYTES.min(self.budget_bytes);
            let own = self.own.as_ref();
            let mut page =
                segments::after(&mut tx, self.project, cursor.feed, cursor.position, limit, own).await?;
            let mut within = page.segments.iter().take_while(|(head, _)| head.to <= end).count();
            if page.segments.get(within).is_some_and(|(head, _)| head.from < end) {
                // It was joined meanwhile with what came later.
                let project = projects::find(&mut tx, self.project).await?;
                within += usize::from(project.is_some_and(|project| project.life == self.life));
            }
            tx.rollback().await?;
            page.more &= within == page.segments.len();
            page.segments.truncate(within);
            if let Some((head, Some(body))) = page.segments.first_mut()
                && let Some(tail) = tails.behind(store, self.project, (head, body), cursor.position).await?
            {
                (*head, *body) = tail;
            }
            match (page.more, page.segments.last(), self.feeds.last_mut()) {
                (true, Some((head, _)), Some((cursor, _))) => cursor.position = head.to,
                _ => _ = self.feeds.pop(),
            }
            let frames = frames(page.segments);
            if !frames.is_empty() {
                let bytes: u64 =
                    frames.iter().filter_map(|frame| Some(frame.body.as_ref()?.bytes.len() as u64)).sum();
                self.budget_bytes = self.budget_bytes.saturating_sub(bytes);
                return Ok(frames);
            }
        }
        Ok(Vec::new())
    }

    /// Reads nothing more of a feed in this answer.
    pub fn leave_out(&mut self, feed: Feed) {
        self.feeds.retain(|(cursor, _)| cursor.feed != feed);
    }

    /// Whether the budget was spent before every feed was read to its end.
    pub fn has_more(&self) -> bool {
        !self.feeds.is_empty()
    }
}

/// Frames of a page; neighbouring stretches of the device's own changes become one.
fn frames(segments: Vec<(SegmentHead, Option<Vec<u8>>)>) -> Vec<FeedFrame> {
    let mut frames: Vec<FeedFrame> = Vec::with_capacity(segments.len());
    for (head, body) in segments {
        if body.is_none()
            && let Some(last) = frames.last_mut()
            && last.body.is_none()
            && last.feed == head.feed
        {
            last.to = head.to;
            continue;
        }
        frames.push(frame(head.feed, &head, body));
    }
    frames
}

fn frame(feed: Feed, head: &SegmentHead, body: Option<Vec<u8>>) -> FeedFrame {
    FeedFrame {
        feed,
        from: head.from,
        to: head.to,
        received_ms: head.received_ms,
        body: body.map(|bytes| FeedBody {
            compression: head.compression,
            dictionary: head.dictionary,
            raw_bytes: head.raw_bytes,
            count: head.count,
            bytes,
        }),
    }
}
