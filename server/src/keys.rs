//! The keys that the server holds for each project, made with the project.

use std::collections::BTreeMap;

use ed25519_dalek::{Signer, SigningKey};
use fieldmerge_protocol::ProjectId;
use fieldmerge_protocol::bundle::sealed::key_id;
use fieldmerge_protocol::seal::SealingPair;
use fieldmerge_store::keys::{ServerKey, current, insert, list, retire};
use fieldmerge_store::{StoreError, Tx, projects};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::ids::Ids;
use crate::state::App;

/// Signs receipts and answers; devices learn its public half when they enrol.
pub const SIGN: &str = "sign";
/// Opens what devices seal for the server: files and what they keep for a restored one.
pub const SEAL: &str = "seal";
/// Turns the ids of persons into pseudonyms for readers who may not know them.
pub const PSEUDONYM: &str = "pseudonym";

/// Why a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The project has no such key: it was not made by this program.
    #[error("the project has no key for the purpose {0}")]
    Missing(&'static str),
    /// The stored key is not a key.
    #[error("the stored key for the purpose {0} is not 32 bytes")]
    Corrupt(&'static str),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] StoreError),
}

/// Makes the keys of a new project.
pub async fn create(tx: &mut Tx, project: ProjectId, ids: &Ids, now_ms: i64) -> Result<(), StoreError> {
    let signing = SigningKey::from_bytes(&ids.bytes());
    let pseudonym: [u8; 32] = ids.bytes();
    let made = [
        (SIGN, signing.verifying_key().to_bytes(), signing.to_bytes()),
        // It has no public half; its fingerprint stands there, so that two backups can be compared.
        (PSEUDONYM, Sha256::digest(pseudonym).into(), pseudonym),
    ];
    for (number, (purpose, public_key, secret)) in (1..).zip(made) {
        let purpose = purpose.to_owned();
        let secret_key = secret.to_vec();
        let key = ServerKey { number, purpose, public_key, secret_key, created_ms: now_ms, retired_ms: None };
        insert(tx, project, &key).await?;
    }
    replace_sealing(tx, project, ids, now_ms).await?;
    Ok(())
}

/// Makes a new sealing key and retires the one before, which goes on opening what was sealed to it.
pub async fn replace_sealing(
    tx: &mut Tx,
    project: ProjectId,
    ids: &Ids,
    now_ms: i64,
) -> Result<[u8; 32], StoreError> {
    let known = list(tx, project).await?;
    for key in known.iter().filter(|key| key.purpose == SEAL && key.retired_ms.is_none()) {
        retire(tx, project, key.number, now_ms).await?;
    }
    let pair = SealingPair::derive(&ids.bytes());
    let key = ServerKey {
        number: known.iter().map(|key| key.number).max().unwrap_or_default() + 1,
        purpose: SEAL.to_owned(),
        public_key: pair.public,
        secret_key: pair.secret.to_vec(),
        created_ms: now_ms,
        retired_ms: None,
    };
    insert(tx, project, &key).await?;
    Ok(pair.public)
}

/// Gives a sealing key to each project that was made before there were any.
pub async fn complete(app: &App) -> Result<(), StoreError> {
    let mut tx = app.store().read().await?;
    let mut without = Vec::new();
    for project in projects::list(&mut tx).await? {
        if current(&mut tx, project.id, SEAL).await?.is_none() {
            without.push(project.id);
        }
    }
    tx.rollback().await?;
    for project in without {
        app.store()
            .write(async |mut lent| {
                let tx = &mut *lent;
                // Two programs may have begun at a time; the roster's row lets one of them go first.
                projects::touch_roster(tx, project).await?;
                if current(tx, project, SEAL).await?.is_none() {
                    replace_sealing(tx, project, app.ids(), app.now_ms()).await?;
                }
                Ok::<_, StoreError>(())
            })
            .await?;
    }
    Ok(())
}

/// The sealing keys of a project: the one that devices seal to, and all that ever opened anything.
#[derive(Clone, Default)]
pub struct SealingKeys {
    current: Option<[u8; 32]>,
    secrets: BTreeMap<[u8; 4], [u8; 32]>,
}

impl SealingKeys {
    /// Reads the keys.
    pub async fn load(tx: &mut Tx, project: ProjectId) -> Result<Self, KeyError> {
        let mut keys = Self::default();
        for key in list(tx, project).await?.into_iter().filter(|key| key.purpose == SEAL) {
            let secret = key.secret_key.try_into().map_err(|_| KeyError::Corrupt(SEAL))?;
            keys.secrets.insert(key_id(&key.public_key), secret);
            keys.current = key.retired_ms.is_none().then_some(key.public_key).or(keys.current);
        }
        Ok(keys)
    }

    /// The public half of the key that devices seal to.
    pub fn public_key(&self) -> Option<[u8; 32]> {
        self.current
    }

    /// The secret half of the key with this id.
    pub fn secret(&self, id: [u8; 4]) -> Option<&[u8; 32]> {
        self.secrets.get(&id)
    }
}

impl std::fmt::Debug for SealingKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SealingKeys")
    }
}

async fn secret(tx: &mut Tx, project: ProjectId, purpose: &'static str) -> Result<[u8; 32], KeyError> {
    let key = current(tx, project, purpose).await?.ok_or(KeyError::Missing(purpose))?;
    key.secret_key.try_into().map_err(|_| KeyError::Corrupt(purpose))
}

/// The key that signs for a project.
#[derive(Clone)]
pub struct ServerSigner(SigningKey);

impl ServerSigner {
    /// Reads the key.
    pub async fn load(tx: &mut Tx, project: ProjectId) -> Result<Self, KeyError> {
        Ok(Self(SigningKey::from_bytes(&secret(tx, project, SIGN).await?)))
    }

    /// Signs a text.
    pub fn sign(&self, text: &[u8]) -> [u8; 64] {
        self.0.sign(text).to_bytes()
    }

    /// The half that devices know.
    pub fn public_key(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }
}

impl std::fmt::Debug for ServerSigner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ServerSigner")
    }
}

/// Replaces the ids of persons, always by the same ones, so that rows of several datasets still belong together.
///
/// It is a permutation of all ids under a key that the server keeps: nobody else can tell whose pseudonym it is, no two
/// persons share one, and the server finds its way back.
#[derive(Clone)]
pub struct Pseudonyms([u8; 32]);

impl Pseudonyms {
    /// Reads the key.
    pub async fn load(tx: &mut Tx, project: ProjectId) -> Result<Self, KeyError> {
        Ok(Self(secret(tx, project, PSEUDONYM).await?))
    }

    /// The pseudonym of an id.
    pub fn of(&self, id: Uuid) -> Uuid {
        let (mut left, mut right) = id.as_u64_pair();
        for round in ROUNDS {
            (left, right) = (right, left ^ self.mix(round, right));
        }
        Uuid::from_u64_pair(left, right)
    }

    /// The id behind a pseudonym.
    pub fn id(&self, pseudonym: Uuid) -> Uuid {
        let (mut left, mut right) = pseudonym.as_u64_pair();
        for round in ROUNDS.into_iter().rev() {
            (left, right) = (right ^ self.mix(round, left), left);
        }
        Uuid::from_u64_pair(left, right)
    }

    /// The round function of a Feistel network, whose halves are those of the id.
    fn mix(&self, round: u8, half: u64) -> u64 {
        let hash = Sha256::new().chain_update(b"fieldmerge-pseudonym-v1\0").chain_update(self.0);
        let digest = hash.chain_update([round]).chain_update(half.to_be_bytes()).finalize();
        u64::from_be_bytes(std::array::from_fn(|index| digest[index]))
    }
}

/// Four rounds of a pseudorandom function make a pseudorandom permutation, also for who sees both directions.
const ROUNDS: [u8; 4] = [0, 1, 2, 3];

impl std::fmt::Debug for Pseudonyms {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pseudonyms")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pseudonym_is_stable_and_of_its_key() {
        let id = Uuid::from_u128(7);
        let (one, other) = (Pseudonyms([1; 32]), Pseudonyms([2; 32]));
        assert_eq!(one.of(id), one.of(id));
        assert_ne!(one.of(id), other.of(id));
        assert_ne!(one.of(id), one.of(Uuid::from_u128(8)));
        assert_eq!(one.id(one.of(id)), id);
    }
}
