//! Where the bytes of whole attachments stand: a folder, or a bucket of S3.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use fieldmerge_protocol::{AttachmentHash, ProjectId};
use futures_util::stream::BoxStream;
use object_store::aws::AmazonS3Builder;
use object_store::buffered::BufWriter;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt};
use tokio::io::AsyncWriteExt;

/// What is handed to the object store at a time; S3 takes no smaller part of a larger object.
const PART_BYTES: usize = 5 << 20;

/// How places begin that are no folders.
const MEMORY: &str = "memory:";
const BUCKET: &str = "s3://";

/// Why the object store does not do what it is asked.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// Where attachments are kept cannot be opened.
    #[error("the place of attachments cannot be opened")]
    Folder(#[from] std::io::Error),
    /// The object store failed.
    #[error("the object store failed")]
    Store(#[from] object_store::Error),
}

/// The objects, opened when the first of them is asked for. An object is named by its project and hash, and is there whole
/// or not at all.
#[derive(Debug)]
pub struct Objects {
    place: String,
    opened: OnceLock<Opened>,
}

#[derive(Debug, Clone)]
struct Opened {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
}

impl Objects {
    /// The objects at a place: `s3://BUCKET/PREFIX`, which takes its keys and region from the environment as the tools of
    /// AWS do; `memory:`, which forgets all when the process ends; else a folder, made when the first object comes.
    pub fn at(place: &str) -> Self {
        Self { place: place.to_owned(), opened: OnceLock::new() }
    }

    /// The folder, if it is one; it need not be there yet.
    pub fn folder(&self) -> Option<PathBuf> {
        (self.place != MEMORY && !self.place.starts_with(BUCKET)).then(|| PathBuf::from(&self.place))
    }

    fn open(&self) -> Result<&Opened, ObjectError> {
        if let Some(opened) = self.opened.get() {
            return Ok(opened);
        }
        let opened = open(&self.place)?;
        Ok(self.opened.get_or_init(|| opened))
    }

    fn path(opened: &Opened, project: ProjectId, hash: AttachmentHash) -> Path {
        let name = hash.to_string();
        let parts = [project.to_string(), name[..2].to_owned(), name];
        parts.into_iter().fold(opened.prefix.clone(), Path::join)
    }

    /// How many bytes an object has, if it is there.
    pub async fn size(&self, project: ProjectId, hash: AttachmentHash) -> Result<Option<u64>, ObjectError> {
        let opened = self.open()?;
        match opened.store.head(&Self::path(opened, project, hash)).await {
            Ok(meta) => Ok(Some(meta.size)),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Some bytes of an object as they come; nothing if it is not there.
    pub async fn read(
        &self,
        project: ProjectId,
        hash: AttachmentHash,
        range: Range<u64>,
    ) -> Result<Option<BoxStream<'static, object_store::Result<Bytes>>>, ObjectError> {
        let opened = self.open()?;
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        match opened.store.get_opts(&Self::path(opened, project, hash), options).await {
            Ok(found) => Ok(Some(found.into_stream())),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Begins an object. It is not there until [`Writing::finish`] says so.
    pub fn write(&self, project: ProjectId, hash: AttachmentHash) -> Result<Writing, ObjectError> {
        let opened = self.open()?;
        let path = Self::path(opened, project, hash);
        let writer = BufWriter::with_capacity(Arc::clone(&opened.store), path, PART_BYTES);
        Ok(Writing(writer.with_max_concurrency(1)))
    }
}

/// An object on its way.
#[derive(Debug)]
pub struct Writing(BufWriter);

impl Writing {
    /// Adds bytes.
    pub async fn put(&mut self, bytes: Vec<u8>) -> Result<(), ObjectError> {
        Ok(self.0.put(bytes.into()).await?)
    }

    /// Makes the object: from here on it is there, and would survive a loss of power.
    pub async fn finish(mut self) -> Result<(), ObjectError> {
        Ok(self.0.shutdown().await?)
    }

    /// Leaves nothing of it.
    pub async fn abandon(mut self) -> Result<(), ObjectError> {
        Ok(self.0.abort().await?)
    }
}

fn open(place: &str) -> Result<Opened, ObjectError> {
    if place == MEMORY {
        return Ok(Opened { store: Arc::new(InMemory::new()), prefix: Path::default() });
    }
    if let Some(bucket) = place.strip_prefix(BUCKET) {
        let prefix = bucket.split_once('/').map_or("", |(_, prefix)| prefix);
        let store = AmazonS3Builder::from_env().with_url(place).build()?;
        return Ok(Opened { store: Arc::new(store), prefix: Path::from(prefix) });
    }
    let folder = PathBuf::from(place);
    std::fs::create_dir_all(&folder)?;
    let store = LocalFileSystem::new_with_prefix(folder)?.with_fsync(true);
    Ok(Opened { store: Arc::new(store), prefix: Path::default() })
}
