//! Compaction: many small neighbouring segments of a feed become few large ones.
//!
//! What a phone pushes is stored as it came, in frames of some minutes' work. Thousands of them compress badly and cost a
//! row each. In the background the server makes one segment of neighbours: the same changes at the same positions, in
//! the same order, readable without anybody's state. Reading and packing happen outside any transaction; then one short
//! one removes exactly the rows that were read and appends the one in their place. Where they are not there any more,
//! nothing happens.

pub mod join;
pub mod policy;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::pin::{Pin, pin};
use std::time::Duration;

use fieldmerge_protocol::ProjectId;
use fieldmerge_protocol::sync::Feed;
use fieldmerge_store::feeds::{self, FeedHead};
use fieldmerge_store::segments::{self, SegmentHead, Totals, Whole};
use fieldmerge_store::{StoreError, projects};
use serde::Serialize;

use self::join::{Joined, Opened, Unjoined};
use self::policy::Policy;
use crate::admin::{self, AdminError};
use crate::clock::Stopwatch;
use crate::failpoint::failpoint;
use crate::state::App;
use crate::stored::{Dictionaries, blocking, dictionaries_of, hashes_of};

/// In the background segments grow at least so many times at each step: a change is written about five times in all.
const GROWTH: u64 = 8;
/// Segments looked at together.
const PAGE: u32 = 1_024;
/// After a step in the background the machine is left to others for so many times as long as the step took.
const REST: u32 = 4;

/// What came of a step.
enum Step {
    /// Some segments became one, or it is known now that one stays alone.
    Done,
    /// Nothing is worth it.
    Nothing,
}

/// What is known of a feed.
#[derive(Debug, Default)]
struct Known {
    /// Everything up to here stays as it is.
    settled: u64,
    /// Segments behind that which stay alone, by their last positions.
    alone: BTreeSet<u64>,
    /// The head when nothing was left to do, and when the oldest segment was received that was too young then.
    idle: Option<(u64, Option<i64>)>,
}

/// Works through feeds step by step.
struct Compactor<'a> {
    app: &'a App,
    policy: Policy,
    known: BTreeMap<(ProjectId, Feed), Known>,
}

impl<'a> Compactor<'a> {
    fn new(app: &'a App, growth: u64) -> Self {
        let policy = Policy { received_until_ms: i64::MAX, growth };
        Self { app, policy, known: BTreeMap::new() }
    }

    /// Does the next step in a feed.
    async fn step(&mut self, project: ProjectId, feed: FeedHead) -> Result<Step, StoreError> {
        let until = self.policy.received_until_ms;
        let key = (project, feed.feed);
        let known = self.known.entry(key).or_default();
        if let Some((head, oldest)) = known.idle
            && head == feed.head
            && oldest.is_none_or(|oldest| oldest > until)
        {
            return Ok(Step::Nothing);
        }
        known.idle = None;
        let mut position = known.settled;
        loop {
            let mut tx = self.app.store().read().await?;
            let heads = segments::heads_after(&mut tx, project, feed.feed, position, PAGE).await?;
            tx.rollback().await?;
            let plan = self.policy.plan(&heads, |head| known.alone.contains(&head.to));
            if let Some(last) = plan.settled.checked_sub(1).filter(|_| position == known.settled) {
                known.settled = heads[last].to;
                known.alone = known.alone.split_off(&(known.settled + 1));
            }
            if let Some(join) = plan.join {
                return self.join(key, &heads[join]).await;
            }
            let young = heads.iter().find(|head| head.received_ms > until).map(|head| head.received_ms);
            match heads.last() {
                Some(last) if young.is_none() && heads.len() == PAGE as usize => position = last.to,
                _ => {
                    known.idle = Some((feed.head, young));
                    return Ok(Step::Nothing);
                }
            }
        }
    }

    /// Makes one segment of these.
    async fn join(&mut self, key: (ProjectId, Feed), heads: &[SegmentHead]) -> Result<Step, StoreError> {
        let (project, feed) = key;
        let (Some(first), Some(last)) = (heads.first(), heads.last()) else { return Ok(Step::Nothing) };
        let mut tx = self.app.store().read().await?;
        let whole = segments::between(&mut tx, project, feed, first.from, last.to).await?;
        let dictionaries = dictionaries_of(&mut tx, project, heads).await?;
        tx.rollback().await?;
        failpoint("segments-read");
        if !whole.iter().map(|(head, _)| head).eq(heads) {
            // Another process was faster.
            return Ok(Step::Done);
        }
        match pack(self.app, project, whole, dictionaries).await? {
            Ok(joined) => {
                if replace(self.app, project, &joined).await? {
                    self.app.metrics().compaction.count(joined.replaced.len() as u64);
                }
            }
            Err(alone) => {
                if !matches!(alone, Unjoined::Full(_)) {
                    let error: &dyn std::error::Error = &alone;
                    tracing::warn!(error.chain = %error, "segments are left as they are");
                }
                self.known.entry(key).or_default().alone.insert(alone.to());
            }
        }
        Ok(Step::Done)
    }

    async fn feeds(&self, project: ProjectId) -> Result<Vec<FeedHead>, StoreError> {
        let mut tx = self.app.store().read().await?;
        let feeds = feeds::list(&mut tx, project).await?;
        tx.rollback().await?;
        Ok(feeds)
    }
}

/// Decodes and packs, where it holds up nobody.
async fn pack(
    app: &App,
    project: ProjectId,
    whole: Vec<Whole>,
    dictionaries: Dictionaries,
) -> Result<Result<Joined, Unjoined>, StoreError> {
    let to = whole.first().map_or(0, |(head, _)| head.to);
    let opened =
        match blocking(move || Opened::open(whole, &dictionaries)).await.unwrap_or(Err(Unjoined::Failed(to)))
        {
            Ok(opened) => opened,
            Err(unjoined) => return Ok(Err(unjoined)),
        };
    let wanted = opened.wanted();
    let mut known = HashMap::new();
    if !wanted.is_empty() {
        let mut tx = app.store().read().await?;
        known = hashes_of(&mut tx, project, &wanted).await?;
        tx.rollback().await?;
    }
    Ok(blocking(move || opened.join(known)).await.unwrap_or(Err(Unjoined::Failed(to))))
}

/// Puts one segment in the place of those that it was made of, if they are still there.
async fn replace(app: &App, project: ProjectId, joined: &Joined) -> Result<bool, StoreError> {
    let replaced = app
        .store()
        .write(async |mut tx| {
            if !segments::remove(&mut tx, project, &joined.replaced).await? {
                return Ok(false);
            }
            failpoint("segments-removed");
            segments::append(&mut tx, project, &joined.head, &joined.body).await?;
            failpoint("segments-replaced");
            Ok::<_, StoreError>(true)
        })
        .await?;
    failpoint("compacted");
    Ok(replaced)
}

/// What became of the segments of a project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Compacted {
    /// The project's code.
    pub project: String,
    /// How many there were.
    pub segments_before: u64,
    /// How many there are.
    pub segments_after: u64,
    /// Bytes of their bodies before.
    pub bytes_before: u64,
    /// Bytes of their bodies now.
    pub bytes_after: u64,
}

/// Compacts one project, or all, as far as they can be, however young the segments are.
pub async fn now(app: &App, project: Option<&str>) -> Result<Vec<Compacted>, AdminError> {
    let mut tx = app.store().read().await?;
    let projects = match project {
        Some(name) => vec![admin::project(&mut tx, name).await?],
        None => projects::list(&mut tx).await?,
    };
    tx.rollback().await?;
    let mut done = Vec::with_capacity(projects.len());
    for project in projects {
        let before = totals(app, project.id).await?;
        let mut compactor = Compactor::new(app, 1);
        for feed in compactor.feeds(project.id).await? {
            while let Step::Done = compactor.step(project.id, feed).await? {}
        }
        let after = totals(app, project.id).await?;
        done.push(Compacted {
            project: project.code,
            segments_before: before.segments,
            segments_after: after.segments,
            bytes_before: before.bytes,
            bytes_after: after.bytes,
        });
    }
    Ok(done)
}

async fn totals(app: &App, project: ProjectId) -> Result<Totals, StoreError> {
    let mut tx = app.store().read().await?;
    let totals = segments::totals(&mut tx, project).await?;
    tx.rollback().await?;
    Ok(totals)
}

/// Compacts in the background until told to stop; a step under way is finished.
pub async fn run(app: App, stop: impl Future<Output = ()>) {
    let mut stop = pin!(stop);
    let mut compactor = Compactor::new(&app, GROWTH);
    while !stops_within(&mut stop, app.config().compact_every).await {
        match round(&mut compactor, &mut stop).await {
            Ok(true) => return,
            Ok(false) => {}
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error.chain = %error, "compaction goes on later");
            }
        }
    }
}

/// One round through all feeds. True if it was told to stop.
async fn round(
    compactor: &mut Compactor<'_>,
    stop: &mut Pin<&mut impl Future<Output = ()>>,
) -> Result<bool, StoreError> {
    let app = compactor.app;
    let age_ms = i64::try_from(app.config().compact_after.as_millis()).unwrap_or(i64::MAX);
    compactor.policy.received_until_ms = app.now_ms().saturating_sub(age_ms);
    let mut tx = app.store().read().await?;
    let projects = projects::list(&mut tx).await?;
    tx.rollback().await?;
    for project in projects {
        for feed in compactor.feeds(project.id).await? {
            loop {
                let stopwatch = Stopwatch::start();
                if let Step::Nothing = compactor.step(project.id, feed).await? {
                    break;
                }
                if stops_within(stop, stopwatch.elapsed() * REST).await {
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}

async fn stops_within(stop: &mut Pin<&mut impl Future<Output = ()>>, time: Duration) -> bool {
    tokio::time::timeout(time, stop.as_mut()).await.is_ok()
}
