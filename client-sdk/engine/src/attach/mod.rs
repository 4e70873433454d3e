//! Attachments: files, mostly photos, that records name by the SHA-256 of their bytes.
//!
//! The host keeps the bytes, the engine a row for each attachment and one for each place in a record that names it. What
//! the host has and a record has named is sent after the records; thumbnails that records name are fetched, originals
//! when somebody asks for them. An attachment that no record on the device names any more, and that does not wait to be
//! sent, is let go.

mod judge;
pub(crate) mod rows;
pub(crate) mod transfer;

use std::collections::BTreeSet;

use fieldmerge_model::attachments::{is_thumbnail, references};
use fieldmerge_model::types::RecordTypes;
use fieldmerge_protocol::limits::MAX_ATTACHMENT_BYTES;
use fieldmerge_protocol::{AttachmentHash, Path, RecordId};
use smol_str::SmolStr;

use crate::doc::{Body, Doc};
use crate::engine::{Engine, Staged, Turn};
use crate::memory::rows as encoded;
use crate::stage::Stage;
use crate::store::Table;
use crate::view::{AttachmentState, AttachmentView};
use crate::{Failure, Outcome, SavedEdit, Ticket};
use rows::{AttachmentRow, Standing, reference_key};

/// Bytes that no record has named for so long are let go: whoever took the photo has given the form up.
const UNNAMED_MS: i64 = 86_400_000;

/// The host has the bytes of an attachment, durably.
pub(crate) fn attach(
    stage: &mut Stage<'_>,
    now_ms: i64,
    hash: AttachmentHash,
    bytes: u64,
) -> Result<SavedEdit, Failure> {
    if !(1..=MAX_ATTACHMENT_BYTES).contains(&bytes) {
        return Err(Failure::BadValue { path: SmolStr::new_static("attachment"), code: "out-of-range" });
    }
    let mut row = row(stage, hash)?.unwrap_or_else(|| new_row(stage, now_ms));
    row.bytes = Some(bytes);
    row.own = true;
    if row.standing != Standing::Kept {
        row.standing = Standing::Waiting;
    }
    put(stage, hash, Some(&row));
    Ok(SavedEdit::Attached(hash))
}

fn new_row(stage: &Stage<'_>, now_ms: i64) -> AttachmentRow {
    AttachmentRow::new(
        stage.memory.attachments.rows.values().map(|row| row.number).max().unwrap_or(0) + 1,
        now_ms,
    )
}

/// The row of an attachment as it is on a stage.
fn row(stage: &Stage<'_>, hash: AttachmentHash) -> Result<Option<AttachmentRow>, Failure> {
    match stage.staged(Table::Attachments, &hash.0) {
        Some(staged) => encoded::read("attachments", staged)
            .map(Some)
            .map_err(|_| Failure::Bug("a row that was written does not read")),
        None => Ok(stage.memory.attachments.rows.get(&hash).cloned()),
    }
}

fn put(stage: &mut Stage<'_>, hash: AttachmentHash, row: Option<&AttachmentRow>) {
    stage.put(Table::Attachments, hash.0.to_vec(), row.map(encoded::bytes));
}

/// Notes which attachments a record names, when its row is written.
pub(crate) fn note(stage: &mut Stage<'_>, record: RecordId, doc: Option<&Doc>) -> Result<(), Failure> {
    let before: BTreeSet<(AttachmentHash, Path)> = stage.memory.attachments.named_by(record).collect();
    let named = doc.map(|doc| named(doc, &stage.forms.types)).unwrap_or_default();
    for (hash, path) in before.difference(&named) {
        stage.put(Table::References, reference_key(record, *hash, path), None);
    }
    for (hash, path) in named.difference(&before) {
        stage.put(Table::References, reference_key(record, *hash, path), Some([].as_slice().into()));
        let mut row = row(stage, *hash)?.unwrap_or_else(|| new_row(stage, i64::MIN));
        row.named = true;
        row.thumbnail |= is_thumbnail(path);
        put(stage, *hash, Some(&row));
    }
    Ok(())
}

/// The attachments that a record names.
fn named(doc: &Doc, types: &RecordTypes) -> BTreeSet<(AttachmentHash, Path)> {
    // Few types have such fields, and every record that is written comes through here.
    let may = types.refers(doc.feed.class);
    let Body::Record(state) = &doc.body else { return BTreeSet::new() };
    let identity = if may { state.identity() } else { None };
    let kind = identity.and_then(|identity| types.find(&identity.record_type));
    let all = kind.map(|kind| references(kind, state)).unwrap_or_default();
    all.into_iter().map(|reference| (reference.hash, reference.path)).collect()
}

/// The server has lost what came after a backup: what is here is offered again.
pub(crate) fn offer_again(stage: &mut Stage<'_>) {
    let memory = stage.memory;
    for (hash, row) in &memory.attachments.rows {
        if row.standing == Standing::Kept {
            put(
                stage,
                *hash,
                Some(&AttachmentRow { standing: Standing::Waiting, begun: true, ..row.clone() }),
            );
        }
    }
}

/// What the device need not hold any more; its rows go, and then its bytes.
fn swept(stage: &mut Stage<'_>, now_ms: i64) -> Vec<AttachmentHash> {
    let memory = stage.memory;
    let unnamed = memory.attachments.rows.iter().filter(|(hash, _)| !memory.attachments.is_named(**hash));
    let gone = unnamed.filter(|(_, row)| match row.standing {
        Standing::Kept | Standing::Absent => true,
        // A clock that was set back keeps it for longer.
        Standing::Waiting | Standing::Refused(_) => {
            !row.named && now_ms.saturating_sub(row.at_ms) > UNNAMED_MS
        }
    });
    let gone: Vec<AttachmentHash> = gone.map(|(hash, _)| *hash).collect();
    for hash in &gone {
        put(stage, *hash, None);
    }
    gone
}

impl Engine {
    /// Somebody wants to see an attachment that the host does not have: it is fetched with the next sync.
    pub(crate) fn want(&mut self, ticket: Ticket, hash: AttachmentHash, turn: &mut Turn<'_>) {
        let staged = self.wanted(hash).map(|staged| (staged, Outcome::Settled));
        self.answer_with(ticket, staged, turn);
    }

    fn wanted(&self, hash: AttachmentHash) -> Result<Staged, Failure> {
        let mut stage = Stage::new(&self.memory)?;
        let known = row(&stage, hash)?.ok_or(Failure::NoSuchAttachment)?;
        let standing = Standing::Absent;
        let wanted =
            AttachmentRow { standing, own: false, wanted: true, misses: 0, at_ms: i64::MIN, ..known };
        put(&mut stage, hash, Some(&wanted));
        stage.finish()
    }

    /// Every attachment that the device knows of, in the order in which they came.
    pub fn attachments(&self) -> Vec<AttachmentView> {
        let known = &self.memory.attachments;
        let mut views: Vec<(u64, AttachmentView)> =
            known.rows.iter().map(|(hash, row)| (row.number, self.attachment_view(*hash, row))).collect();
        views.sort_unstable_by_key(|(number, _)| *number);
        views.into_iter().map(|(_, view)| view).collect()
    }

    /// What the device knows of an attachment; nothing if no record names it and nobody attached it.
    pub fn attachment(&self, hash: AttachmentHash) -> Option<AttachmentView> {
        self.memory.attachments.rows.get(&hash).map(|row| self.attachment_view(hash, row))
    }

    fn attachment_view(&self, hash: AttachmentHash, row: &AttachmentRow) -> AttachmentView {
        AttachmentView {
            hash,
            bytes: row.bytes,
            thumbnail: row.thumbnail,
            state: match &row.standing {
                Standing::Waiting if row.named => AttachmentState::Waiting,
                Standing::Waiting => AttachmentState::Unnamed,
                Standing::Kept => AttachmentState::Kept,
                Standing::Absent if row.is_expected() => AttachmentState::Expected,
                Standing::Absent => AttachmentState::Absent,
                Standing::Refused(code) => AttachmentState::Refused { code: SmolStr::new(code) },
            },
            records: self.memory.attachments.naming(hash),
        }
    }
}
