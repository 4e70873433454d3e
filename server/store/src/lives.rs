//! The lives of a project's log: which process began to work on it when, and where the feeds ended then. By them a
//! database that went back to a backup is known, however much was written since.

use fieldmerge_protocol::sync::Feed;
use fieldmerge_protocol::{LifeId, LogId, ProjectId};

use crate::feeds::FeedHead;
use crate::row::{FromRow, Row};
use crate::{Result, Tx};

crate::sql::declare! {
    table "log_lives";
    SET_LATEST = "UPDATE projects SET life = $2 WHERE id = $1";
    BEGIN = "INSERT INTO log_lives (project, number, id, log, begun_ms)
        SELECT id, (SELECT COALESCE(MAX(number), 0) + 1 FROM log_lives WHERE project = $1), life, log_id, $2
        FROM projects WHERE id = $1
        RETURNING number";
    NUMBER = "SELECT number FROM log_lives WHERE project = $1 AND id = $2 AND log = $3";
    ADD_HEAD = "INSERT INTO log_life_heads (project, life, area, class, head) VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (project, life, area, class) DO NOTHING";
    HEADS_SINCE = "SELECT area, class, MIN(head) AS head FROM log_life_heads WHERE project = $1 AND life > $2
        GROUP BY area, class ORDER BY area, class";
}

struct Number(u64);

impl FromRow for Number {
    fn from_row(row: &Row) -> Result<Self> {
        row.get("number").map(Self)
    }
}

/// Begins a life, the latest of the project's log as it is now; gives its number. Who begins another meanwhile waits.
pub async fn begin(tx: &mut Tx, project: ProjectId, id: LifeId, now_ms: i64) -> Result<u64> {
    tx.query(&SET_LATEST).bind(project).bind(id).execute().await?;
    Ok(tx.query(&BEGIN).bind(project).bind(now_ms).fetch_one::<Number>().await?.0)
}

/// The number of a life of this log; `None` if this database knows of none.
pub async fn number(tx: &mut Tx, project: ProjectId, log: LogId, id: LifeId) -> Result<Option<u64>> {
    let query = tx.query(&NUMBER).bind(project).bind(id).bind(log);
    Ok(query.fetch_optional::<Number>().await?.map(|number| number.0))
}

/// Notes where a feed ended when a life first gave positions in it. What was noted before for the same life stays. To be
/// called in the transaction that gives the positions, after they were given.
pub async fn add_head(tx: &mut Tx, project: ProjectId, life: u64, feed: Feed, head: u64) -> Result<()> {
    let query = tx.query(&ADD_HEAD).bind(project).bind(life).bind(feed.area).bind(feed.class);
    query.bind(head).execute().await?;
    Ok(())
}

/// For each feed in which lives later than this one gave positions: where it ended before the first of these.
pub async fn heads_since(tx: &mut Tx, project: ProjectId, life: u64) -> Result<Vec<FeedHead>> {
    tx.query(&HEADS_SINCE).bind(project).bind(life).fetch_all().await
}
