//! Feeds and their heads: where positions come from.

use fieldmerge_protocol::sync::Feed;
use fieldmerge_protocol::{AreaId, ProjectId};
use uuid::Uuid;

use crate::row::{FromRow, Row};
use crate::{Result, Tx};

crate::sql::declare! {
    table "feeds";
    ADVANCE = "INSERT INTO feeds (project, area, class, head) VALUES ($1, $2, $3, $4)
        ON CONFLICT (project, area, class) DO UPDATE SET head = feeds.head + excluded.head
        RETURNING area, class, head";
    HEAD = "SELECT area, class, head FROM feeds WHERE project = $1 AND area = $2 AND class = $3";
    OF_AREAS = rows {
        sqlite: "SELECT area, class, head FROM feeds WHERE project = ? AND area IN (", "?", ") ORDER BY area, class";
        postgres: "SELECT area, class, head FROM feeds WHERE project = $1 AND area = ANY($2) ORDER BY area, class"
    };
    LIST = "SELECT area, class, head FROM feeds WHERE project = $1 ORDER BY area, class";
}

/// The positions `from + 1` to `to` of a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Positions {
    /// The position before the first.
    pub from: u64,
    /// The last position.
    pub to: u64,
}

/// A feed and its last position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedHead {
    /// The feed.
    pub feed: Feed,
    /// The position of its last change; 0 if it never had one.
    pub head: u64,
}

impl FromRow for FeedHead {
    fn from_row(row: &Row) -> Result<Self> {
        Ok(Self { feed: feed(row)?, head: row.get("head")? })
    }
}

/// Reads the two columns that name a feed.
pub(crate) fn feed(row: &Row) -> Result<Feed> {
    Ok(Feed { area: row.get("area")?, class: row.get("class")? })
}

/// Gives the next `count` positions of a feed. From here to the end of the transaction nobody else gets positions of
/// this feed, so that the order of commits is the order of positions: call it after all reads, checks and record
/// locks, and then only write what carries the positions. Several feeds must be advanced by one call of
/// [`advance_all`].
pub async fn advance(tx: &mut Tx, project: ProjectId, feed: Feed, count: u64) -> Result<Positions> {
    let query = tx.query(&ADVANCE).bind(project).bind(feed.area).bind(feed.class).bind(count);
    let to = query.fetch_one::<FeedHead>().await?.head;
    Ok(Positions { from: to - count, to })
}

/// Gives positions in several feeds, locking them in the one order that all writers share; the answer stands in the
/// order of the question.
pub async fn advance_all(tx: &mut Tx, project: ProjectId, counts: &[(Feed, u64)]) -> Result<Vec<Positions>> {
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_unstable_by_key(|&index| counts[index].0);
    let mut given = vec![Positions { from: 0, to: 0 }; counts.len()];
    for index in order {
        let (feed, count) = counts[index];
        given[index] = advance(tx, project, feed, count).await?;
    }
    Ok(given)
}

/// The last position of a feed; 0 if it never had one.
pub async fn head(tx: &mut Tx, project: ProjectId, feed: Feed) -> Result<u64> {
    let query = tx.query(&HEAD).bind(project).bind(feed.area).bind(feed.class);
    Ok(query.fetch_optional::<FeedHead>().await?.map_or(0, |found| found.head))
}

/// The feeds of these areas, which must be sorted, that ever had a change, by area and class.
pub async fn of_areas(tx: &mut Tx, project: ProjectId, areas: &[AreaId]) -> Result<Vec<FeedHead>> {
    let areas: Vec<Uuid> = areas.iter().map(|area| area.uuid()).collect();
    tx.fetch_rows(&OF_AREAS, project, &areas).await
}

/// All feeds of a project that ever had a change, by area and class.
pub async fn list(tx: &mut Tx, project: ProjectId) -> Result<Vec<FeedHead>> {
    tx.query(&LIST).bind(project).fetch_all().await
}
