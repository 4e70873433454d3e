//! What a device may read, and what of it is new to it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use fieldmerge_model::access;
use fieldmerge_protocol::sync::{Cursor, Feed, Hello};
use fieldmerge_protocol::{AreaId, DeviceId, LogId, ProjectId, RecordClass};
use fieldmerge_store::{StoreError, Tx, feeds};

use crate::directory::Directory;

/// The feeds that the device may read.
pub(super) fn readable(directory: &Directory, device: DeviceId) -> Vec<(AreaId, RecordClass)> {
    let areas: Vec<AreaId> = directory.areas.iter().copied().collect();
    access::readable(directory.grants_of(device), directory.project.root_area, &areas)
}

/// The areas of the feeds that a request is about, sorted: those that the device may read, and those that it has read.
pub(super) fn concerned(hello: &Hello, readable: &[(AreaId, RecordClass)]) -> Vec<AreaId> {
    let read = hello.cursors.iter().map(|cursor| cursor.feed.area);
    let areas: BTreeSet<AreaId> = readable.iter().map(|(area, _)| *area).chain(read).collect();
    areas.into_iter().collect()
}

/// The last positions of the feeds of these areas.
pub(super) async fn feed_heads(
    tx: &mut Tx,
    project: ProjectId,
    areas: &[AreaId],
) -> Result<BTreeMap<Feed, u64>, StoreError> {
    let heads = feeds::of_areas(tx, project, areas).await?;
    Ok(heads.into_iter().map(|head| (head.feed, head.head)).collect())
}

/// The last position of a feed.
pub(super) fn head(heads: &BTreeMap<Feed, u64>, feed: Feed) -> u64 {
    heads.get(&feed).copied().unwrap_or_default()
}

/// The feeds in which there is something new for the device, with where each ends. They are read from the last one on.
pub(super) fn to_read(
    hello: &Hello,
    log: LogId,
    readable: Vec<(AreaId, RecordClass)>,
    heads: &BTreeMap<Feed, u64>,
) -> Vec<(Cursor, u64)> {
    let cursors = cursors(hello, log, readable).into_iter();
    // Most feeds have nothing new: they are not even looked into.
    let feeds = cursors.map(|cursor| (cursor, head(heads, cursor.feed)));
    let mut feeds: Vec<(Cursor, u64)> = feeds.filter(|(cursor, head)| cursor.position < *head).collect();
    // The feed of a frame that was cut comes first, which is last here: another one might be cut before it. Then what
    // is urgent: the link may break, and the budget may not suffice.
    feeds.sort_by_key(|(cursor, _)| {
        let begun = hello.partial.as_ref().is_some_and(|begun| begun.feed == cursor.feed);
        (begun, Reverse(cursor.feed.class.urgency()), Reverse(cursor.feed))
    });
    feeds
}

/// Where the device stands in each feed that it may read: at the beginning where it names none, or counts the
/// positions of another log.
fn cursors(hello: &Hello, log: LogId, feeds: Vec<(AreaId, RecordClass)>) -> Vec<Cursor> {
    let known: BTreeMap<Feed, u64> = if hello.life.is_some() || hello.log == Some(log) {
        hello.cursors.iter().map(|cursor| (cursor.feed, cursor.position)).collect()
    } else {
        BTreeMap::new()
    };
    feeds
        .into_iter()
        .map(|(area, class)| Feed { area, class })
        .map(|feed| Cursor { feed, position: known.get(&feed).copied().unwrap_or_default() })
        .collect()
}
