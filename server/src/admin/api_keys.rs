//! Keys for headquarters.

use fieldmerge_model::access::Role;
use fieldmerge_store::api_keys::{self, ApiKey};
use uuid::Uuid;

use super::{AdminError, check_name, project};
use crate::auth::api_key::{KEY_ROLES, key_hash, key_text};
use crate::state::App;

/// A key as it is shown, once.
#[derive(Debug, Clone)]
pub struct ShownKey {
    /// Its id, for revoking it.
    pub id: Uuid,
    /// The key.
    pub text: String,
    /// When it stops to work.
    pub expires_ms: i64,
}

/// Makes a key for a project. Only its hash is kept.
pub async fn create(
    app: &App,
    of: &str,
    label: &str,
    role: Role,
    lives_ms: i64,
) -> Result<ShownKey, AdminError> {
    check_name("a key", label)?;
    if !KEY_ROLES.contains(&role) {
        let names = KEY_ROLES.map(Role::name).join(" or ");
        return Err(AdminError::Invalid(format!("a key has the role {names}")));
    }
    let now_ms = app.now_ms();
    let (id, text) = (app.ids().uuid(now_ms), key_text(app.ids().bytes()));
    let expires_ms = now_ms.saturating_add(lives_ms);
    app.store()
        .write(async |mut lent| {
            let tx = &mut *lent;
            let key = ApiKey {
                project: project(tx, of).await?.id,
                id,
                label: label.to_owned(),
                role: role.name().to_owned(),
                key_hash: key_hash(&text),
                created_ms: now_ms,
                expires_ms,
                revoked_ms: None,
            };
            Ok::<_, AdminError>(api_keys::insert(tx, &key).await?)
        })
        .await?;
    Ok(ShownKey { id, text, expires_ms })
}

/// The keys of a project, expired and revoked ones included.
pub async fn list(app: &App, of: &str) -> Result<Vec<ApiKey>, AdminError> {
    let mut tx = app.store().read().await?;
    let project = project(&mut tx, of).await?;
    Ok(api_keys::list(&mut tx, project.id).await?)
}

/// Revokes a key from the next request on. False if it was revoked before.
pub async fn revoke(app: &App, of: &str, id: Uuid) -> Result<bool, AdminError> {
    let now_ms = app.now_ms();
    app.store()
        .write(async |mut lent| {
            let tx = &mut *lent;
            let project = project(tx, of).await?;
            let known = api_keys::list(tx, project.id).await?.iter().any(|key| key.id == id);
            if !known {
                return Err(AdminError::not_found("key", id));
            }
            Ok(api_keys::revoke(tx, project.id, id, now_ms).await?)
        })
        .await
}
