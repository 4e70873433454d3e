//! The keys that the server holds for each project, made with the project.

use ed25519_dalek::{Signer, SigningKey};
use fieldmerge_protocol::ProjectId;
use fieldmerge_store::keys::{ServerKey, current, insert};
use fieldmerge_store::{StoreError, Tx};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::ids::Ids;

/// Signs receipts and answers; devices learn its public half when they enrol.
pub const SIGN: &str = "sign";
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
    Ok(())
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
