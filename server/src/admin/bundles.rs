//! Bundle files that an administrator hands over, and the key that they are sealed to.

use std::io::{self, Read, Write};

use fieldmerge_protocol::ProjectId;
use fieldmerge_protocol::bundle::sealed::key_id;
use fieldmerge_protocol::bundle::{BundleError, BundleWriter, Part, PartReader};
use fieldmerge_protocol::limits::MAX_PART_BYTES;
use fieldmerge_protocol::sync::{FrameStatus, tag};
use fieldmerge_store::projects;

use super::{AdminError, project};
use crate::http::ApiError;
use crate::state::App;
use crate::{keys, sync};

/// So much of a file is read at a time, and frames are written when they are so many bytes.
const READ_BYTES: usize = 64 << 10;
const BATCH_BYTES: usize = 256 << 10;
/// The most frames of one batch: so many receipts are signed as one.
const BATCH_FRAMES: usize = 1_000;

/// Why a file was not taken to its end. What stands before that place in it was taken.
#[derive(Debug, thiserror::Error)]
pub enum BundleFileError {
    /// The project is not known, or the database failed.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// A file cannot be read or written.
    #[error("the file failed")]
    Io(#[from] io::Error),
    /// It is no bundle, or damaged.
    #[error("the file is not a bundle, or is damaged")]
    Damaged(#[from] BundleError),
    /// It has no end.
    #[error("the file ends early: it was cut; what stands before is taken")]
    Cut,
    /// The push failed.
    #[error("the frames could not be written")]
    Push(#[from] ApiError),
}

/// What became of the frames of a file.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Frames in the file that name an author.
    pub frames: u64,
    /// Taken, now or before; single changes in them may be held or set aside.
    pub accepted: u64,
    /// Set aside as a whole, or of another copy of their author.
    pub aside: u64,
    /// Sent again by their authors, because they cannot be read here.
    pub unresolved: u64,
}

/// Takes a bundle file, and writes the receipts as a bundle file of their own, to be carried back. Frames go the way of
/// every push; of the file no more is in memory than a batch.
pub async fn take(
    app: &App,
    of: &str,
    file: &mut impl Read,
    receipts: &mut impl Write,
) -> Result<Taken, BundleFileError> {
    let project = {
        let mut tx = app.store().read().await.map_err(AdminError::Store)?;
        project(&mut tx, of).await?.id
    };
    let mut taking = Taking { app, project, receipts, writer: BundleWriter::new(), taken: Taken::default() };
    let read = taking.file(file).await;
    // Whatever stopped it, what was taken is told.
    taking.writer.part(tag::END, &[]);
    taking.receipts.write_all(&taking.writer.take())?;
    read.map(|()| taking.taken)
}

struct Taking<'a, W> {
    app: &'a App,
    project: ProjectId,
    receipts: &'a mut W,
    writer: BundleWriter,
    taken: Taken,
}

impl<W: Write> Taking<'_, W> {
    async fn file(&mut self, file: &mut impl Read) -> Result<(), BundleFileError> {
        let mut reader = PartReader::new(MAX_PART_BYTES);
        let mut buffer = vec![0; READ_BYTES];
        let (mut frames, mut bytes): (Vec<Vec<u8>>, usize) = (Vec::new(), 0);
        let ended = loop {
            match reader.next_part() {
                Ok(Some(Part { tag: tag::END, .. })) => break Ok(()),
                Ok(Some(Part { tag: tag::FRAME | tag::SEALED_FRAME, payload })) => {
                    bytes += payload.len();
                    frames.push(payload);
                    if bytes >= BATCH_BYTES || frames.len() == BATCH_FRAMES {
                        bytes = 0;
                        self.batch(std::mem::take(&mut frames)).await?;
                    }
                }
                Ok(Some(_)) => {}
                Ok(None) => match file.read(&mut buffer)? {
                    0 => break Err(BundleFileError::Cut),
                    count => reader.feed(&buffer[..count]),
                },
                Err(error) => break Err(error.into()),
            }
        };
        self.batch(frames).await?;
        ended
    }

    async fn batch(&mut self, frames: Vec<Vec<u8>>) -> Result<(), BundleFileError> {
        if frames.is_empty() {
            return Ok(());
        }
        let (receipts, directory) = sync::take_frames(self.app, self.project, frames).await?;
        for (_, receipt) in &receipts {
            self.taken.frames += 1;
            *match receipt.status {
                FrameStatus::Accepted => &mut self.taken.accepted,
                FrameStatus::Quarantined | FrameStatus::Forked => &mut self.taken.aside,
                FrameStatus::Unresolved => &mut self.taken.unresolved,
            } += 1;
        }
        let log = directory.project.log_id;
        sync::put_receipts(&mut self.writer, self.project, &directory.signer, log, receipts);
        Ok(self.receipts.write_all(&self.writer.take())?)
    }
}

/// Makes a new sealing key; phones learn it by their next sync. Gives its id.
pub async fn replace_key(app: &App, of: &str) -> Result<[u8; 4], AdminError> {
    app.store()
        .write(async |mut lent| {
            let tx = &mut *lent;
            let project = project(tx, of).await?;
            projects::touch_roster(tx, project.id).await?;
            let public = keys::replace_sealing(tx, project.id, app.ids(), app.now_ms()).await?;
            Ok(key_id(&public))
        })
        .await
}

/// Notes that a verified backup holds all that was received until a time. Gives the time that stands now: an earlier one
/// changes nothing, for phones may have acted on the later one.
pub async fn backup_verified(app: &App, of: &str, up_to_ms: i64) -> Result<i64, AdminError> {
    if up_to_ms > app.now_ms() {
        return Err(AdminError::Invalid("a backup cannot hold what comes later than now".to_owned()));
    }
    app.store()
        .write(async |mut lent| {
            let tx = &mut *lent;
            let project = project(tx, of).await?;
            projects::set_backed_up(tx, project.id, up_to_ms).await?;
            Ok(project.backed_up_ms.map_or(up_to_ms, |before| before.max(up_to_ms)))
        })
        .await
}
