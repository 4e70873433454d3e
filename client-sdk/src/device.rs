//! The device: the engine with a store, a key, a clock and a link.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signature, VerifyingKey};
use fieldmerge_engine::{
    Batch, CarriedView, CaseView, Edit, Engine, Enrolment, Imported, Input, LogEntry, Notice, OutboxView,
    Outcome, SavedEdit, Settlement, Status, SyncOptions, SyncReport, shipped_forms,
};
use fieldmerge_protocol::api::EnrolRequest;
use fieldmerge_protocol::sync::sealing_key_text;
use fieldmerge_protocol::{AreaId, DeviceId, PersonNumber, ProjectId, RecordId, Value, exchange};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use tokio::sync::Mutex;

use crate::attachments::Files;
use crate::clock::Clock;
use crate::core::Core;
use crate::error::{ClientError, Error};
use crate::exchange::{Given, Taken};
use crate::records::Records;
use crate::store::Store;
use crate::transport::Transport;
use crate::{key, sync};

/// How a device is opened.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// What time the device believes it is.
    pub clock: Clock,
    /// The seed of everything random; `None` takes one from the operating system. A seed makes a device that can be
    /// replayed, and guessed: it is for tests.
    pub seed: Option<[u8; 32]>,
    /// Versions of forms, their bytes in the order of their numbers, with which a new device begins: an app that brings those
    /// of its project spares every phone their download, and can register before its first sync.
    pub forms: Vec<Vec<u8>>,
}

/// With less free storage a sync tells the server of it, which costs the link 6 bytes.
const LITTLE_FREE_BYTES: u64 = 1 << 30;

/// A device and its folder. Clones share it; every method may be called from any task.
///
/// The folder holds `device.db`, the records and the outbox, `device.key`, the device's key, and `attachments`, the bytes
/// of attachments, a file each.
#[derive(Clone)]
pub struct Device {
    inner: Arc<Inner>,
}

struct Inner {
    core: Arc<Mutex<Core>>,
    files: Files,
    folder: PathBuf,
    /// Held while a sync runs, so that there is one at a time.
    syncing: Mutex<()>,
    transport: Transport,
}

impl Device {
    /// Opens the device in this folder, or makes a new one. A device that is enrolled and has lost its key is not opened.
    pub async fn open(folder: impl AsRef<Path>) -> Result<Self, ClientError> {
        Self::open_with(folder, Options::default()).await
    }

    /// Opens the device in this folder with a clock and a source of randomness.
    pub async fn open_with(folder: impl AsRef<Path>, options: Options) -> Result<Self, ClientError> {
        Ok(Self::assemble(folder.as_ref(), options).await?)
    }

    async fn assemble(folder: &Path, options: Options) -> Result<Self, Error> {
        let mut rng = ChaCha20Rng::from_seed(match options.seed {
            Some(seed) => seed,
            None => system_seed()?,
        });
        std::fs::create_dir_all(folder).map_err(|cause| Error::Io { path: folder.to_owned(), cause })?;
        let mut store = Store::open(&folder.join("device.db")).await?;
        let mut held = store.load().await?;
        if held.rows.is_empty() && !options.forms.is_empty() {
            store.write(&Batch { id: 0, writes: shipped_forms(&options.forms) }).await?;
            held = store.load().await?;
        }
        let engine = Engine::open(held)?;
        let key_file = folder.join("device.key");
        let key = match engine.status().enrolment {
            Some(_) => key::read(&key_file)?,
            None => key::read_or_make(&key_file, &mut rng)?,
        };
        let files = Files::open(folder, &engine.attachments()).await?;
        let core = Core::new(engine, (store, files.clone()), key, options.clock, rng);
        let inner = Inner {
            core: Arc::new(Mutex::new(core)),
            files,
            folder: folder.to_owned(),
            syncing: Mutex::new(()),
            transport: Transport::new()?,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Offers the device's key to a server for a one-time code, and joins its project. Which server that is, only its
    /// address says: where a link was handed over, as text or as a QR code, [`Device::enrol_by`] is the better way.
    pub async fn enrol(&self, address: &str, code: &str) -> Result<Enrolment, ClientError> {
        Ok(self.join(address, code, None).await?)
    }

    /// Joins a project by the link that its administrator hands over. The link names the server's key, so that nobody
    /// on the way can stand in for the server.
    pub async fn enrol_by(&self, link: &str) -> Result<Enrolment, ClientError> {
        let link: EnrolLink = link.parse()?;
        Ok(self.join(&link.address, &link.code, Some(link.server_key)).await?)
    }

    async fn join(&self, address: &str, code: &str, expected: Option<[u8; 32]>) -> Result<Enrolment, Error> {
        let public_key = {
            let locked = self.inner.core.lock().await;
            if locked.engine.status().enrolment.is_some() {
                return Err(Error::Engine(fieldmerge_engine::Failure::AlreadyEnrolled));
            }
            URL_SAFE_NO_PAD.encode(locked.key.verifying_key().as_bytes())
        };
        let offer = EnrolRequest { code: code.to_owned(), public_key };
        let answer = self.inner.transport.enrol(address, &offer).await?;
        let server_key = key_of(&answer.server_key).ok_or(Error::NoServer { address: address.to_owned() })?;
        if expected.is_some_and(|expected| expected != server_key) {
            return Err(Error::OtherServer);
        }
        let sealing_key = match &answer.sealing_key {
            Some(told) => Some(sealing_key(answer.project, &server_key, told).ok_or(Error::OtherServer)?),
            None => None,
        };
        let enrolment = Enrolment {
            project: answer.project,
            project_code: answer.project_code,
            device: answer.device,
            number: answer.number,
            label: answer.label,
            server_key,
            sealing_key,
            root_area: answer.root_area,
            address: address.to_owned(),
            server_ms: answer.server_ms,
        };
        let given = enrolment.clone();
        self.ask(|ticket| Input::Enrolled { ticket, enrolment: given }).await?;
        Ok(enrolment)
    }

    /// Records: make, edit, read, list, find.
    pub fn records(&self) -> Records<'_> {
        Records::of(self)
    }

    /// Saves several edits as one: all of them become durable, or none.
    pub async fn save(&self, edits: Vec<Edit>) -> Result<Vec<SavedEdit>, ClientError> {
        Ok(self.save_edits(edits).await?)
    }

    /// Adds an entry to this device's log of the area and month; answers with the log and the entry's number.
    pub async fn add_entry(&self, area: AreaId, entry: LogEntry) -> Result<(RecordId, u64), ClientError> {
        let entries = self.add_entries(area, vec![entry]).await?;
        Ok(entries.first().copied().ok_or(Error::NoOutcome)?)
    }

    /// Adds entries, a signed sheet for example, in one save.
    pub async fn add_entries(
        &self,
        area: AreaId,
        entries: Vec<LogEntry>,
    ) -> Result<Vec<(RecordId, u64)>, ClientError> {
        let saved = self.save_edits(vec![Edit::Append { area, person: 0, entries }]).await?;
        match saved.into_iter().next() {
            Some(SavedEdit::Entries(entries)) => Ok(entries),
            _ => Err(Error::NoOutcome.into()),
        }
    }

    /// The open conflicts on this device.
    pub async fn conflicts(&self) -> Vec<CaseView> {
        self.read(Engine::conflicts).await
    }

    /// Decides an open conflict. `seen` is the case as the person saw it: if it has changed since, nothing is decided.
    pub async fn decide(&self, seen: &CaseView, value: Value, reason: &str) -> Result<(), ClientError> {
        self.judge(seen, 0, value, reason, false).await
    }

    /// Proposes a value where two persons have to agree.
    pub async fn propose(&self, seen: &CaseView, value: Value, reason: &str) -> Result<(), ClientError> {
        self.judge(seen, 0, value, reason, true).await
    }

    async fn judge(
        &self,
        seen: &CaseView,
        person: PersonNumber,
        value: Value,
        reason: &str,
        proposes: bool,
    ) -> Result<(), ClientError> {
        let (record, path, state) = (seen.record, seen.path.clone(), Some(seen.state));
        let reason = reason.to_owned();
        let edit = if proposes {
            Edit::Propose { record, person, path, value, state, reason }
        } else {
            Edit::Decide { record, person, path, value, state, reason }
        };
        self.save_edits(vec![edit]).await?;
        Ok(())
    }

    /// Own changes that have no final receipt, and what is carried for others.
    pub async fn outbox(&self) -> OutboxView {
        self.read(Engine::outbox).await
    }

    /// What is carried for others, and what became of it as far as this device knows, by author.
    pub async fn carried(&self) -> Vec<CarriedView> {
        self.read(Engine::carried).await
    }

    /// Settles a change of the outbox that was not accepted.
    pub async fn settle(&self, number: u64, how: Settlement) -> Result<(), ClientError> {
        self.ask(move |ticket| Input::Settle { ticket, number, how }).await?;
        Ok(())
    }

    /// What the device did on its own and nobody has read.
    pub async fn notices(&self) -> Vec<Notice> {
        self.read(Engine::notices).await
    }

    /// Marks a notice as read.
    pub async fn mark_read(&self, notice: u64) -> Result<(), ClientError> {
        self.ask(move |ticket| Input::Read { ticket, notice }).await?;
        Ok(())
    }

    /// What the device knows of itself and of its project.
    pub async fn status(&self) -> Status {
        self.read(Engine::status).await
    }

    /// Sends what has not been received and reads what is new. A sync that fails loses nothing, and the report of what
    /// was reached before is in the error's place only where the link itself failed: see [`Device::try_sync`].
    pub async fn sync(&self, options: SyncOptions) -> Result<SyncReport, ClientError> {
        let report = self.try_sync(options).await?;
        let address = self.status().await.enrolment.map(|enrolment| enrolment.address).unwrap_or_default();
        match ClientError::of_sync(&report.end, &address) {
            None => Ok(report),
            Some(error) => Err(error),
        }
    }

    /// Syncs and reports how far it came, whether or not it came to the end.
    pub async fn try_sync(&self, mut options: SyncOptions) -> Result<SyncReport, ClientError> {
        let free_bytes =
            fs4::available_space(&self.inner.folder).ok().filter(|free| *free < LITTLE_FREE_BYTES);
        options.free_bytes = options.free_bytes.or(free_bytes);
        let _alone = self.inner.syncing.lock().await;
        Ok(sync::run(&self.inner.core, &self.inner.transport, options).await?)
    }

    /// A bundle file with everything that this device has for the server: own frames, carried frames, and receipts for
    /// other devices. Any other device, or the server, may import it.
    pub async fn export_bundle(&self) -> Result<Vec<u8>, ClientError> {
        match self.ask(|ticket| Input::Export { ticket }).await? {
            Outcome::Exported { bytes, .. } => Ok(bytes),
            _ => Err(Error::NoOutcome.into()),
        }
    }

    /// Takes a bundle file of another device: its frames are carried to the server with the next sync, and receipts
    /// for this device are applied.
    pub async fn import_bundle(&self, bytes: Vec<u8>) -> Result<Imported, ClientError> {
        let outcome = self.ask(|ticket| Input::Import { ticket, bytes }).await?;
        self.inner.core.lock().await.forget_log().await;
        match outcome {
            Outcome::Imported(taken) => Ok(taken),
            _ => Err(Error::NoOutcome.into()),
        }
    }

    /// A file for another device that is at hand, when there is no network: everything that this device has for the server,
    /// sealed to the other's key; what the other may not read is sealed to the server's key besides. The other one takes it by [`Device::take_exchange`].
    pub async fn exchange_for(&self, device: DeviceId) -> Result<Given, ClientError> {
        match self.ask(move |ticket| Input::Give { ticket, to: device }).await? {
            Outcome::Given { bytes, frames, receipts, left_out } => {
                Ok(Given { bytes, frames, receipts, left_out })
            }
            _ => Err(Error::NoOutcome.into()),
        }
    }

    /// Takes a file that another device made for this one: what it holds is carried to the server with the next sync, and
    /// shown at once as far as the signed roster speaks for it.
    pub async fn take_exchange(&self, file: Vec<u8>) -> Result<Taken, ClientError> {
        let contents = {
            let locked = self.inner.core.lock().await;
            let enrolment = locked.engine.status().enrolment;
            let enrolment = enrolment.ok_or(Error::Engine(fieldmerge_engine::Failure::NotEnrolled))?;
            exchange::open(enrolment.project, enrolment.device, &locked.key, &file)
                .map_err(Error::Exchange)?
        };
        match self.ask(move |ticket| Input::Take { ticket, contents }).await? {
            Outcome::Taken { frames, changes, waiting, unmerged, roster_expired, receipts, skipped } => {
                Ok(Taken { frames, changes, waiting, unmerged, roster_expired, receipts, skipped })
            }
            _ => Err(Error::NoOutcome.into()),
        }
    }

    pub(crate) async fn save_edits(&self, edits: Vec<Edit>) -> Result<Vec<SavedEdit>, Error> {
        match self.ask(|ticket| Input::Save { ticket, edits }).await? {
            Outcome::Saved(saved) => Ok(saved),
            _ => Err(Error::NoOutcome),
        }
    }

    /// Reads from memory.
    pub(crate) async fn read<T>(&self, read: impl FnOnce(&Engine) -> T) -> T {
        read(&self.inner.core.lock().await.engine)
    }

    pub(crate) fn core(&self) -> &Arc<Mutex<Core>> {
        &self.inner.core
    }

    pub(crate) fn files(&self) -> &Files {
        &self.inner.files
    }

    /// Runs in a task of its own: a caller that gives up must not leave the engine waiting for its store.
    pub(crate) async fn ask(
        &self,
        request: impl FnOnce(u64) -> Input + Send + 'static,
    ) -> Result<Outcome, Error> {
        let core = Arc::clone(&self.inner.core);
        let asked = tokio::spawn(async move { core.lock().await.ask(request).await });
        asked.await.map_err(|_| Error::NoOutcome)?
    }
}

/// What an enrolment link says: `fieldmerge://enrol?url=…&code=…&key=…`.
struct EnrolLink {
    address: String,
    code: String,
    server_key: [u8; 32],
}

impl std::str::FromStr for EnrolLink {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let link = reqwest::Url::parse(text.trim()).map_err(|_| Error::BadLink)?;
        let part = |name: &str| {
            let found = link.query_pairs().find(|(key, _)| key == name);
            found.map(|(_, value)| value.into_owned()).ok_or(Error::BadLink)
        };
        if (link.scheme(), link.host_str()) != ("fieldmerge", Some("enrol")) {
            return Err(Error::BadLink);
        }
        let server_key = key_of(&part("key")?).ok_or(Error::BadLink)?;
        Ok(Self { address: part("url")?, code: part("code")?, server_key })
    }
}

/// A public key from its text.
fn key_of(text: &str) -> Option<[u8; 32]> {
    URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()
}

/// The sealing key in its text, if the server's key has signed for it: nobody on the way puts another one there.
fn sealing_key(project: ProjectId, server_key: &[u8; 32], text: &str) -> Option<[u8; 32]> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (key, signature) = bytes.split_first_chunk::<32>()?;
    let signature = Signature::from_slice(signature).ok()?;
    let server = VerifyingKey::from_bytes(server_key).ok()?;
    server.verify_strict(&sealing_key_text(project, key), &signature).ok()?;
    Some(*key)
}

fn system_seed() -> Result<[u8; 32], Error> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|_| Error::NoRandomness)?;
    Ok(seed)
}
