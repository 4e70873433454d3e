//! Findings: the server judges what it took by the rules of the forms, as phones do while they are filled.
//!
//! It never refuses anything for what it says. In the background it reads each feed as a device would, judges every record
//! that changed together with those that its form opens beside it, and keeps what is wrong: for headquarters, and for the
//! device that wrote it, which is told at its next sync. A push pays nothing for it, and a server that dies goes on where it
//! was. Where a rule asks for the time, it is that of the last save by the clock of its device.

mod family;
mod judged;
mod page;
mod told;

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use fieldmerge_protocol::{RecordClass, RecordId};
use fieldmerge_store::findings::{self, FindingRow, Unjudged};
use fieldmerge_store::{StoreError, segments};

use self::judged::{Fault, Judged, gathered, judged};
pub use self::page::{Cursor, Wanted, page};
pub use self::told::{of_device, unknown};
use crate::clock::Stopwatch;
use crate::directory::Directory;
use crate::failpoint::failpoint;
use crate::forms::Published;
use crate::state::App;
use crate::stored::{blocking, dictionaries_of, unpack_behind};

/// Changes whose records are judged together: what is in memory, and what is done again after a crash.
const MAX_CHANGES: usize = 500;
/// Records that are judged together once more.
const MAX_AGAIN: u32 = 500;
/// Segments looked at together.
const PAGE: u32 = 64;
/// After a step in the background the machine is left to others for so many times as long as the step took.
const REST: u32 = 4;
/// Other servers of the same database may have taken something without this one knowing.
const LOOKS_AGAIN: Duration = Duration::from_mins(1);

/// Judges what is accepted until told to stop; a step under way is finished.
pub async fn run(app: App, stop: impl Future<Output = ()>) {
    let mut stop = pin!(stop);
    loop {
        let stopwatch = Stopwatch::start();
        let (rest, wakes) = match step(&app).await {
            Ok(true) => (stopwatch.elapsed() * REST, false),
            Ok(false) => (LOOKS_AGAIN, true),
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error.chain = %error, "records are judged later");
                (LOOKS_AGAIN, false)
            }
        };
        let news = async {
            if !wakes {
                std::future::pending::<()>().await;
            }
            app.accepted().notified().await;
        };
        tokio::select! {
            () = &mut stop => return,
            () = news => {}
            () = tokio::time::sleep(rest) => {}
        }
    }
}

/// Judges all that was accepted. Gives how many records were judged, each as often as it changed.
pub async fn judge_all(app: &App) -> Result<u64, StoreError> {
    let before = app.metrics().findings.judged();
    while step(app).await? {}
    Ok(app.metrics().findings.judged() - before)
}

/// Judges the records of some changes of each feed that has new ones. False if there was nothing to do.
async fn step(app: &App) -> Result<bool, StoreError> {
    let mut tx = app.store().read().await?;
    let unjudged = findings::unjudged(&mut tx).await?;
    tx.rollback().await?;
    let (mut did, mut failed) = (false, None);
    for next in unjudged.into_iter().filter(|unjudged| !unjudged.feed.class.is_log()) {
        // One that fails does not hold up the others.
        match advance(app, next).await {
            Ok(()) => did = true,
            Err(error) => failed = Some(error),
        }
    }
    if did { Ok(true) } else { failed.map_or(Ok(false), Err) }
}

/// Judges the records of the next changes of a feed: those of one segment, or of some small ones.
async fn advance(app: &App, mut next: Unjudged) -> Result<(), StoreError> {
    let (changed, end) = changed(app, next).await?;
    for changed in changed.chunks(MAX_CHANGES) {
        let ids: BTreeSet<RecordId> = changed.iter().map(|(_, record)| *record).collect();
        let ids: Vec<RecordId> = ids.into_iter().collect();
        let to = changed.last().map_or(end, |(position, _)| *position);
        let mut tx = app.store().read().await?;
        let Some(directory) = app.directories().get(&mut tx, next.project).await? else { break };
        let gathered = gathered(&mut tx, directory.clone(), &ids).await?;
        tx.rollback().await?;
        // What looks them up is judged again once all that came with them is there.
        let is_last = to == end && end == next.to;
        if is_last && !again(app, next, &directory).await? {
            return Ok(());
        }
        let judged = judged(gathered).await;
        if !keep(app, next, to, &judged).await? {
            // Another server was faster.
            return Ok(());
        }
        app.metrics().findings.count(judged.records.len() as u64);
        next.from = to;
    }
    if next.from < end {
        keep(app, next, end, &Judged::default()).await?;
    }
    Ok(())
}

/// Judges once more what was found wrong by forms that look into records of the class of a feed. False if another server was
/// faster.
async fn again(app: &App, next: Unjudged, directory: &Arc<Directory>) -> Result<bool, StoreError> {
    // Who is looked up about a person is judged with her own records.
    let is_common = |file: &str| {
        let kind = directory.forms.types.find(file).filter(|kind| kind.class == next.feed.class);
        kind.is_some_and(|kind| !kind.about_person && kind.class != RecordClass::Core)
    };
    let looks = |form: &&Published| form.version.record_files().any(is_common);
    for form in directory.forms.all.iter().filter(looks) {
        let mut after = None;
        loop {
            let mut tx = app.store().read().await?;
            let ids = findings::of_form(&mut tx, next.project, form.row.number, after, MAX_AGAIN).await?;
            let Some(last) = ids.last() else { break };
            after = Some(*last);
            let gathered = gathered(&mut tx, directory.clone(), &ids).await?;
            tx.rollback().await?;
            if !keep(app, next, next.from, &judged(gathered).await).await? {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// The records that changed behind a position of a feed, each with the position of its change, and where what was read ends.
/// Of a segment that is broken nothing is judged; `verify` tells of it.
async fn changed(app: &App, next: Unjudged) -> Result<(Vec<(u64, RecordId)>, u64), StoreError> {
    let (project, feed) = (next.project, next.feed);
    let mut tx = app.store().read().await?;
    let heads = segments::heads_after(&mut tx, project, feed, next.from, PAGE).await?;
    let mut count = 0;
    let few = heads.iter().take_while(|head| {
        let is_first = count == 0;
        count += head.count as usize;
        is_first || count <= MAX_CHANGES
    });
    let few = few.count();
    let Some(last) = heads[..few].last() else { return Ok((Vec::new(), next.to)) };
    let end = last.to;
    let whole = segments::between(&mut tx, project, feed, heads[0].from, last.to).await?;
    let dictionaries = dictionaries_of(&mut tx, project, &heads[..few]).await?;
    tx.rollback().await?;
    let read = move || {
        let mut changed = Vec::new();
        for (head, body) in &whole {
            let before = usize::try_from(next.from.saturating_sub(head.from)).unwrap_or_default();
            let Ok((packed, front)) = unpack_behind(head, body, &dictionaries, before) else {
                tracing::error!(
                    segment.to = head.to,
                    "a segment does not read: what changed in it is not judged"
                );
                continue;
            };
            let from = head.from + before as u64;
            changed.extend((from + 1..).zip(packed[front..].iter().map(|packed| packed.record)));
        }
        changed
    };
    Ok((blocking(read).await.unwrap_or_default(), end))
}

/// Writes what was found, and that it was. False if somebody else has judged these positions.
async fn keep(app: &App, next: Unjudged, to: u64, judged: &Judged) -> Result<bool, StoreError> {
    let now_ms = app.now_ms();
    let ids: Vec<RecordId> = judged.records.keys().copied().collect();
    let kept = app
        .store()
        .write(async |mut tx| {
            if !findings::advance(&mut tx, next.project, next.feed, (next.from, to)).await? {
                return Ok(false);
            }
            let before = findings::of_records(&mut tx, next.project, &ids).await?;
            findings::upsert(&mut tx, next.project, &changes(&before, judged, now_ms)).await?;
            failpoint("findings-written");
            Ok::<_, StoreError>(true)
        })
        .await?;
    failpoint("findings-kept");
    Ok(kept)
}

/// The rows that are new or changed.
fn changes(before: &[FindingRow], judged: &Judged, now_ms: i64) -> Vec<FindingRow> {
    let mut gone: BTreeMap<_, _> =
        before.iter().map(|row| ((row.record, row.path.as_str(), row.code.as_str()), row)).collect();
    let mut rows = Vec::new();
    for Fault { record, path, code, form, device } in &judged.faults {
        let known = gone.remove(&(*record, path.as_str(), *code));
        let standing = known.filter(|row| row.mended_ms.is_none());
        let row = FindingRow {
            record: *record,
            path: path.clone(),
            code: (*code).to_owned(),
            form: *form,
            device: *device,
            raised_ms: standing.map_or(now_ms, |row| row.raised_ms),
            mended_ms: None,
        };
        rows.extend((known != Some(&row)).then_some(row));
    }
    // What another form found is for that one to find again.
    let by_same =
        |row: &&FindingRow| judged.records.get(&row.record).is_some_and(|forms| forms.contains(&row.form));
    let gone = gone.into_values().filter(|row| row.mended_ms.is_none()).filter(by_same);
    rows.extend(gone.map(|row| FindingRow { mended_ms: Some(now_ms), ..row.clone() }));
    rows
}
