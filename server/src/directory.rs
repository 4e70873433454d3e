//! The directory of a project: its areas, devices, grants and keys, as one version of the roster has them.
//!
//! Every request needs them and they change rarely, so they stay in memory; one statement tells whether they still
//! stand. Whatever changes an area, a device, a grant or a key counts the roster's version up in its own transaction.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use ed25519_dalek::VerifyingKey;
use fieldmerge_model::access::{Grant, Role, Roles};
use fieldmerge_protocol::{AreaId, DeviceId, ProjectId};
use fieldmerge_store::projects::{self, Project};
use fieldmerge_store::{StoreError, Tx, devices, grants};

use crate::forms::Forms;
use crate::keys::{KeyError, SealingKeys, ServerSigner};
use crate::recent::Recent;

/// The most projects whose directories stay in memory.
const MAX_KEPT: usize = 64;

/// A device of a project.
#[derive(Debug, Clone)]
pub struct Member {
    /// Its Ed25519 key as it was enrolled.
    pub public_key: [u8; 32],
    /// Whether it may do nothing any more.
    pub revoked: bool,
    /// The point of the curve, worked out once: that takes as long as a statement.
    point: OnceLock<Option<VerifyingKey>>,
}

impl Member {
    /// The key by which its frames are verified; none if what was enrolled is no point of the curve.
    pub fn key(&self) -> Option<VerifyingKey> {
        *self.point.get_or_init(|| VerifyingKey::from_bytes(&self.public_key).ok())
    }
}

/// What a request needs to know of its project.
#[derive(Debug)]
pub struct Directory {
    /// The project.
    pub project: Project,
    /// Its areas, the root included.
    pub areas: BTreeSet<AreaId>,
    /// Its devices, those that were revoked included.
    pub devices: BTreeMap<DeviceId, Member>,
    /// Its forms, and what its records hold by them.
    pub forms: Forms,
    /// The standing grants of its devices.
    pub grants: BTreeMap<DeviceId, Vec<Grant>>,
    /// The roles that its devices have or had.
    roles: BTreeMap<DeviceId, Roles>,
    /// The key that signs for it.
    pub signer: ServerSigner,
    /// The keys that open what was sealed for it.
    pub sealing: SealingKeys,
}

impl Directory {
    async fn load(tx: &mut Tx, project: Project) -> Result<Self, StoreError> {
        let id = project.id;
        let areas = projects::list_areas(tx, id).await?.into_iter().map(|area| area.id).collect();
        let devices = devices::list(tx, id).await?.into_iter().map(|device| {
            let (public_key, revoked) = (device.public_key, device.revoked_ms.is_some());
            (device.id, Member { public_key, revoked, point: OnceLock::new() })
        });
        let devices = devices.collect();
        let forms = Forms::load(tx, id).await?;
        let grants = grants_by_device(tx, id).await?;
        let mut roles: BTreeMap<DeviceId, Roles> = BTreeMap::new();
        for row in grants::list(tx, id).await? {
            let held = roles.entry(row.device).or_default();
            *held = row.role.parse().map_or(*held, |role| held.union(Roles::of(role)));
        }
        let unusable = |error| match error {
            KeyError::Store(error) => error,
            _ => StoreError::Corrupt { table: "server_keys", column: "secret_key", key: id.to_string() },
        };
        let signer = ServerSigner::load(tx, id).await.map_err(unusable)?;
        let sealing = SealingKeys::load(tx, id).await.map_err(unusable)?;
        Ok(Self { project, areas, devices, forms, grants, roles, signer, sealing })
    }

    /// The standing grants of a device.
    pub fn grants_of(&self, device: DeviceId) -> &[Grant] {
        self.grants.get(&device).map_or(&[], Vec::as_slice)
    }

    /// The roles that a device has or had: what it wrote with one that was withdrawn later was written rightly.
    pub fn roles_ever_held(&self, device: DeviceId) -> Roles {
        self.roles.get(&device).copied().unwrap_or(Roles::NONE)
    }
}

/// The standing grants of every device of a project. A role that this build does not know grants nothing.
pub async fn grants_by_device(
    tx: &mut Tx,
    project: ProjectId,
) -> Result<BTreeMap<DeviceId, Vec<Grant>>, StoreError> {
    let mut by_device: BTreeMap<DeviceId, Vec<Grant>> = BTreeMap::new();
    for row in grants::list(tx, project).await? {
        if let (None, Ok(role)) = (row.withdrawn_ms, row.role.parse::<Role>()) {
            by_device.entry(row.device).or_default().push(Grant { area: row.area, role });
        }
    }
    Ok(by_device)
}

/// The directories that are in memory.
#[derive(Debug)]
pub struct Directories(Recent<ProjectId, Arc<Directory>>);

impl Default for Directories {
    fn default() -> Self {
        Self(Recent::new(MAX_KEPT))
    }
}

impl Directories {
    /// The directory of a project as this transaction sees it; `None` if there is no such project.
    pub async fn get(&self, tx: &mut Tx, id: ProjectId) -> Result<Option<Arc<Directory>>, StoreError> {
        let Some(project) = projects::find(tx, id).await? else { return Ok(None) };
        if let Some(kept) = self.0.get(id).filter(|kept| kept.project == project) {
            return Ok(Some(kept));
        }
        let directory = Arc::new(Directory::load(tx, project).await?);
        self.0.put(id, Arc::clone(&directory));
        Ok(Some(directory))
    }

    /// The directory of a project as some transaction saw it not long ago, if one did.
    pub fn known(&self, id: ProjectId) -> Option<Arc<Directory>> {
        self.0.get(id)
    }
}
