//! Keys for headquarters and its programs: shown once, stored as a hash, with a role, a project and an end.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use fieldmerge_model::access::Role;
use fieldmerge_protocol::ProjectId;
use fieldmerge_protocol::problem::ProblemCode;
use fieldmerge_store::api_keys;
use fieldmerge_store::projects::{self, Project};
use sha2::{Digest, Sha256};

use crate::http::ApiError;
use crate::state::App;

/// How every key begins, so that one that leaks is recognised.
pub const KEY_PREFIX: &str = "fmk_";

/// The roles that a key may have.
pub const KEY_ROLES: [Role; 2] = [Role::Analyst, Role::Administrator];

/// The text of a key.
pub fn key_text(secret: [u8; 32]) -> String {
    format!("{KEY_PREFIX}{}", URL_SAFE_NO_PAD.encode(secret))
}

/// What the store knows of a key. The secret has 256 random bits, so a plain hash is enough.
pub fn key_hash(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

/// The project and role of a key that is known, not expired and not revoked.
pub async fn authenticate(app: &App, project: ProjectId, text: &str) -> Result<(Project, Role), ApiError> {
    let unknown = || ApiError::new(ProblemCode::Unauthenticated);
    let mut tx = app.store().read().await?;
    let key = api_keys::find(&mut tx, key_hash(text)).await?.ok_or_else(unknown)?;
    let now_ms = app.now_ms();
    if key.revoked_ms.is_some() || key.expires_ms <= now_ms {
        return Err(unknown());
    }
    if key.project != project {
        return Err(ApiError::new(ProblemCode::NotFound));
    }
    let known =
        projects::find(&mut tx, project).await?.ok_or_else(|| ApiError::new(ProblemCode::NotFound))?;
    tx.rollback().await?;
    let role = key.role.parse().map_err(|_| unknown())?;
    Ok((known, role))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_recognised_by_its_beginning_and_stored_as_a_hash() {
        let text = key_text([9; 32]);
        assert!(text.starts_with(KEY_PREFIX));
        assert_eq!(text.len(), KEY_PREFIX.len() + 43);
        assert_ne!(key_hash(&text), key_hash(&key_text([8; 32])));
    }
}
