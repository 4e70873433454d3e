//! The lives of a log: by them a server that went back to a backup is noticed, however much was written since.
//!
//! A process begins a life of each log that it works on. Where a life first gives positions in a feed it notes where the
//! feed ended; a frame that it takes is noted with its number. A device names the latest life that it knows of. If the
//! database does not know it, what the device has heard since is gone. If it does, later lives tell from where on the
//! positions of each feed are others than those that the device may have read, and which frames were taken before.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use fieldmerge_protocol::sync::{Feed, FrameRange, Hello};
use fieldmerge_protocol::{DeviceId, LifeId, ProjectId};
use fieldmerge_store::feeds::Positions;
use fieldmerge_store::projects::{self, Project};
use fieldmerge_store::{StoreError, Tx, lives, proofs};

use crate::failpoint::failpoint;
use crate::ids::Ids;
use crate::state::App;

/// A device whose frames have more gaps than this is not told of them.
const MAX_RANGES: usize = 4_096;

/// The lives that this process has begun, one for each project.
#[derive(Debug, Default)]
pub struct Lives(Mutex<BTreeMap<ProjectId, Life>>);

/// A life of this process.
#[derive(Debug)]
struct Life {
    id: LifeId,
    number: u64,
    /// The latest life of the log when this one was last known to be part of it.
    latest: LifeId,
    /// Where the feeds end, as far as this life gave them positions that are durable.
    heads: BTreeMap<Feed, u64>,
}

impl Lives {
    /// The number of the life of this process, if the project as it is now says that it is part of its log.
    pub fn standing(&self, project: &Project) -> Option<u64> {
        let own = self.own();
        let life = own.get(&project.id).filter(|life| project.life == Some(life.latest))?;
        Some(life.number)
    }

    /// The number of the life of this process in a project. One begins where there is none, or where the database does
    /// not know it: then it went back to a backup while the process ran.
    pub async fn number(
        &self,
        tx: &mut Tx,
        project: &Project,
        ids: &Ids,
        now_ms: i64,
    ) -> Result<u64, StoreError> {
        if let Some(number) = self.standing(project) {
            return Ok(number);
        }
        let own = self.own().get(&project.id).map(|life| (life.id, life.number));
        if let (Some((id, number)), Some(latest)) = (own, project.life)
            && lives::number(tx, project.id, project.log_id, id).await? == Some(number)
        {
            if let Some(life) = self.own().get_mut(&project.id).filter(|life| life.id == id) {
                life.latest = latest;
            }
            return Ok(number);
        }
        self.begin(tx, project.id, ids, now_ms).await
    }

    /// Begins a life. Where the transaction is undone the next one finds that the database does not know it.
    async fn begin(
        &self,
        tx: &mut Tx,
        project: ProjectId,
        ids: &Ids,
        now_ms: i64,
    ) -> Result<u64, StoreError> {
        let id = LifeId(ids.bytes());
        let number = lives::begin(tx, project, id, now_ms).await?;
        failpoint("life-begun");
        self.own().insert(project, Life { id, number, latest: id, heads: BTreeMap::new() });
        Ok(number)
    }

    /// Notes that a life gives these positions, in the transaction in which it does. Gives the life whose they are: another
    /// one where a feed ends earlier than this one left it, for then the database went back to a backup meanwhile.
    pub async fn give(
        &self,
        tx: &mut Tx,
        (project, mut number): (ProjectId, u64),
        given: &BTreeMap<Feed, Positions>,
        (ids, now_ms): (&Ids, i64),
    ) -> Result<u64, StoreError> {
        let mut known = self.known(project, number, given);
        if given.iter().any(|(feed, positions)| known.get(feed).is_some_and(|head| positions.from < *head)) {
            number = self.begin(tx, project, ids, now_ms).await?;
            known.clear();
        }
        for (feed, positions) in given.iter().filter(|(feed, _)| !known.contains_key(feed)) {
            lives::add_head(tx, project, number, *feed, positions.from).await?;
        }
        Ok(number)
    }

    /// Remembers that positions which a life gave are durable.
    pub fn gave(&self, project: ProjectId, number: u64, given: &BTreeMap<Feed, Positions>) {
        let mut own = self.own();
        if let Some(life) = own.get_mut(&project).filter(|life| life.number == number) {
            for (feed, positions) in given {
                let head = life.heads.entry(*feed).or_default();
                *head = positions.to.max(*head);
            }
        }
    }

    /// Where these feeds end, as far as a life of this process gave them positions.
    fn known(
        &self,
        project: ProjectId,
        number: u64,
        feeds: &BTreeMap<Feed, Positions>,
    ) -> BTreeMap<Feed, u64> {
        let own = self.own();
        let life = own.get(&project).filter(|life| life.number == number);
        let head = |feed: &Feed| Some((*feed, *life?.heads.get(feed)?));
        feeds.keys().filter_map(head).collect()
    }

    fn own(&self) -> MutexGuard<'_, BTreeMap<ProjectId, Life>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Begins a life of this process in a project, unless it has one that stands.
pub async fn begin(app: &App, project: ProjectId) -> Result<(), StoreError> {
    app.store()
        .write(async |mut tx| {
            let project = projects::find(&mut tx, project).await?.ok_or(StoreError::ForeignKey)?;
            app.lives().number(&mut tx, &project, app.ids(), app.now_ms()).await.map(|_| ())
        })
        .await
}

/// What the lives of the log tell of a device.
#[derive(Debug, Default)]
pub struct Judged {
    /// The device has read, or heard of, what this log does not hold.
    pub lost: bool,
    /// The frames of the device that were taken up to the life that it names, where it has to look whether one is missing.
    pub taken: Option<Vec<FrameRange>>,
}

/// Looks for what a device has heard that the log does not hold. A device that names the latest life costs nothing.
pub async fn judge(
    tx: &mut Tx,
    project: &Project,
    device: DeviceId,
    hello: &Hello,
) -> Result<Judged, StoreError> {
    let lost = Judged { lost: true, taken: None };
    let is_unsure = hello.unsure.unwrap_or(false);
    let mut until = i64::MAX;
    let Some(named) = hello.life else {
        if hello.log.is_some_and(|log| log != project.log_id) {
            return Ok(lost);
        }
        // Its first answer was cut behind the receipts.
        return if is_unsure { taken(tx, project.id, device, until).await } else { Ok(Judged::default()) };
    };
    if project.life != Some(named) {
        let Some(number) = lives::number(tx, project.id, project.log_id, named).await? else {
            return Ok(lost);
        };
        let heads = lives::heads_since(tx, project.id, number).await?;
        let heads: BTreeMap<Feed, u64> = heads.into_iter().map(|head| (head.feed, head.head)).collect();
        let is_other = |feed: &Feed, position: u64| heads.get(feed).is_some_and(|head| *head < position);
        if hello.cursors.iter().any(|cursor| is_other(&cursor.feed, cursor.position)) {
            return Ok(lost);
        }
        if !is_unsure {
            until = i64::try_from(number).unwrap_or(i64::MAX);
        }
    } else if !is_unsure {
        return Ok(Judged::default());
    }
    taken(tx, project.id, device, until).await
}

/// The frames of a device that were taken in a life or before.
async fn taken(tx: &mut Tx, project: ProjectId, device: DeviceId, until: i64) -> Result<Judged, StoreError> {
    let taken = proofs::taken_until(tx, project, device, until).await?;
    Ok(Judged { lost: false, taken: (taken.len() <= MAX_RANGES).then_some(taken) })
}
