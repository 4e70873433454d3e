//! Attachments on the disk of the device: a file for each, named by its hash, and one beside it for what has come of one
//! that is being fetched.
//!
//! They stand beside the database and not in it: they are read as they are sent, an answer is appended as it comes, and
//! what is deleted gives its place back at once. A file is written and named durably before its row; a file without a row
//! is deleted when the device is opened.

use std::collections::BTreeSet;
use std::io::SeekFrom;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use fieldmerge_engine::{AttachmentView, Edit, Engine, Input};
use fieldmerge_protocol::AttachmentHash;
use fieldmerge_protocol::limits::MAX_ATTACHMENT_BYTES;
use sha2::{Digest, Sha256};
use tokio::fs::{self, File, OpenOptions};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

use crate::device::Device;
use crate::error::{ClientError, Error};

/// Read and written at a time.
const PIECE_BYTES: usize = 64 << 10;
/// What the name of a file ends with that holds the beginning of an attachment.
const PART: &str = "part";

impl Device {
    /// Keeps the bytes of an attachment, a photo for example, and gives the hash by which a record names it. They are
    /// durable when this returns. They leave the device, after the records, once a record that names them is saved.
    ///
    /// Pictures are not looked into: an app makes them small, and attaches a thumbnail apart, see
    /// [`RecordEdit::photo`](crate::RecordEdit::photo).
    pub async fn attach(&self, bytes: &[u8]) -> Result<AttachmentHash, ClientError> {
        self.attach_from(bytes).await
    }

    /// The same for bytes that are read from somewhere, a file for example.
    pub async fn attach_from(
        &self,
        bytes: impl AsyncRead + Send + Unpin,
    ) -> Result<AttachmentHash, ClientError> {
        let written = self.files().write(bytes).await?;
        let core = Arc::clone(self.core());
        // In a task of its own, as every request of the engine. The file gets its name while nobody else has the engine: a
        // sync may just be deleting the same file, which no record named before.
        let kept = tokio::spawn(async move {
            let mut core = core.lock().await;
            let Written { file, hash, bytes } = written;
            core.files.name(&file, hash).await?;
            core.ask(|ticket| Input::Save { ticket, edits: vec![Edit::Attach { hash, bytes }] }).await?;
            Ok::<_, Error>(hash)
        });
        Ok(kept.await.map_err(|_| Error::NoOutcome)??)
    }

    /// The bytes of an attachment; nothing if they are not here yet. Thumbnails come by themselves, others after
    /// [`Device::want`].
    pub async fn attachment(&self, hash: AttachmentHash) -> Result<Option<Vec<u8>>, ClientError> {
        let file = self.files().whole(hash);
        match fs::read(&file).await {
            Ok(bytes) => Ok(Some(bytes)),
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(Error::Io { path: file, cause }.into()),
        }
    }

    /// The file with the bytes of an attachment, to be read and never written; nothing if they are not here yet.
    pub async fn attachment_file(&self, hash: AttachmentHash) -> Option<PathBuf> {
        let file = self.files().whole(hash);
        fs::metadata(&file).await.is_ok().then_some(file)
    }

    /// Has an attachment fetched with the next sync. Nothing happens if it is here.
    pub async fn want(&self, hash: AttachmentHash) -> Result<(), ClientError> {
        if self.attachment_file(hash).await.is_none() {
            self.ask(move |ticket| Input::Want { ticket, hash }).await?;
        }
        Ok(())
    }

    /// Every attachment that the device has or knows of, in the order in which they came.
    pub async fn attachments(&self) -> Vec<AttachmentView> {
        self.read(Engine::attachments).await
    }
}

/// A file that has no name yet.
struct Written {
    file: PathBuf,
    hash: AttachmentHash,
    bytes: u64,
}

/// The folder of attachments.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    folder: Arc<PathBuf>,
    /// Numbers the files that have no name yet.
    unnamed: Arc<AtomicU64>,
}

impl Files {
    /// Opens the folder, and deletes what the engine does not know.
    pub(crate) async fn open(device: &Path, known: &[AttachmentView]) -> Result<Self, Error> {
        let folder = device.join("attachments");
        let files = Self { folder: Arc::new(folder), unnamed: Arc::default() };
        let known: BTreeSet<AttachmentHash> = known.iter().map(|view| view.hash).collect();
        if let Ok(mut entries) = fs::read_dir(&*files.folder).await {
            while let Some(entry) = entries.next_entry().await.map_err(files.io())? {
                let path = entry.path();
                let hash = path.file_stem().and_then(|name| name.to_str()?.parse().ok());
                if !hash.is_some_and(|hash| known.contains(&hash)) {
                    fs::remove_file(&path).await.map_err(files.io())?;
                }
            }
        }
        Ok(files)
    }

    fn io(&self) -> impl Fn(std::io::Error) -> Error + use<> {
        let path = Arc::clone(&self.folder);
        move |cause| Error::Io { path: path.to_path_buf(), cause }
    }

    /// Where the bytes of an attachment are.
    pub(crate) fn whole(&self, hash: AttachmentHash) -> PathBuf {
        self.folder.join(hash.to_string())
    }

    fn part(&self, hash: AttachmentHash) -> PathBuf {
        self.whole(hash).with_extension(PART)
    }

    /// Writes a file that has no name yet; its content is durable when this returns.
    async fn write(&self, bytes: impl AsyncRead + Send + Unpin) -> Result<Written, Error> {
        fs::create_dir_all(&*self.folder).await.map_err(self.io())?;
        let number = self.unnamed.fetch_add(1, Ordering::Relaxed);
        let file = self.folder.join(format!("new-{number}"));
        match self.copy(bytes, &file).await {
            Ok((hash, bytes)) => Ok(Written { file, hash, bytes }),
            Err(error) => {
                // If it stays, it is deleted when the device is opened.
                _ = fs::remove_file(&file).await;
                Err(error)
            }
        }
    }

    async fn copy(
        &self,
        mut bytes: impl AsyncRead + Send + Unpin,
        to: &Path,
    ) -> Result<(AttachmentHash, u64), Error> {
        let mut file = File::create(to).await.map_err(self.io())?;
        let (mut digest, mut length, mut piece) = (Sha256::new(), 0, vec![0; PIECE_BYTES]);
        loop {
            let read = bytes.read(&mut piece).await.map_err(self.io())?;
            length += read as u64;
            if length > MAX_ATTACHMENT_BYTES {
                return Err(Error::AttachmentSize);
            }
            if read == 0 {
                break;
            }
            digest.update(&piece[..read]);
            file.write_all(&piece[..read]).await.map_err(self.io())?;
        }
        if length == 0 {
            return Err(Error::AttachmentSize);
        }
        file.flush().await.map_err(self.io())?;
        file.sync_all().await.map_err(self.io())?;
        Ok((AttachmentHash(digest.finalize().into()), length))
    }

    /// Gives a file that is on disk its name, durably.
    async fn name(&self, file: &Path, hash: AttachmentHash) -> Result<(), Error> {
        fs::rename(file, self.whole(hash)).await.map_err(self.io())?;
        File::open(&*self.folder).await.map_err(self.io())?.sync_all().await.map_err(self.io())
    }

    /// Some bytes of an attachment; nothing if it is not here, or shorter.
    pub(crate) async fn read(&self, hash: AttachmentHash, offset: u64, bytes: u64) -> Option<Vec<u8>> {
        let mut file = File::open(self.whole(hash)).await.ok()?;
        file.seek(SeekFrom::Start(offset)).await.ok()?;
        let mut read = vec![0; usize::try_from(bytes).ok()?];
        file.read_exact(&mut read).await.ok()?;
        Some(read)
    }

    /// What has come of an attachment, to be written on, and how much it is.
    pub(crate) async fn begun(&self, hash: AttachmentHash) -> Result<(File, u64), Error> {
        fs::create_dir_all(&*self.folder).await.map_err(self.io())?;
        let open = OpenOptions::new().append(true).create(true).open(self.part(hash)).await;
        let file = open.map_err(self.io())?;
        let length = file.metadata().await.map_err(self.io())?.len();
        Ok((file, length))
    }

    /// Makes what has come an attachment; false if it does not have the hash. Then nothing of it is kept.
    pub(crate) async fn finish(&self, hash: AttachmentHash) -> Result<bool, Error> {
        let part = self.part(hash);
        let mut file = File::open(&part).await.map_err(self.io())?;
        let (mut digest, mut piece) = (Sha256::new(), vec![0; PIECE_BYTES]);
        loop {
            match file.read(&mut piece).await.map_err(self.io())? {
                0 => break,
                read => digest.update(&piece[..read]),
            }
        }
        if digest.finalize().as_slice() != hash.0 {
            fs::remove_file(&part).await.map_err(self.io())?;
            return Ok(false);
        }
        self.name(&part, hash).await.map(|()| true)
    }

    /// Deletes what has come of an attachment.
    pub(crate) async fn drop_begun(&self, hash: AttachmentHash) {
        // If it stays, what is put together from it will not have the hash.
        _ = fs::remove_file(self.part(hash)).await;
    }

    /// Deletes an attachment, whole or not.
    pub(crate) async fn delete(&self, hash: AttachmentHash) {
        self.drop_begun(hash).await;
        _ = fs::remove_file(self.whole(hash)).await;
    }
}
