//! One-time codes, and what happens when a device offers one.

use ed25519_dalek::VerifyingKey;
use fieldmerge_model::access::Grant;
use fieldmerge_protocol::sync::sealing_key_text;
use fieldmerge_protocol::{DeviceId, ProjectId};
use fieldmerge_store::codes::{self, DeviceCode};
use fieldmerge_store::devices::{self, Device, DevicePerson, NewDevice};
use fieldmerge_store::projects::{self, Project};
use fieldmerge_store::{StoreError, Tx, grants, people};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::{AdminError, GrantText, area, check_name, project};
use crate::failpoint::failpoint;
use crate::keys::{SealingKeys, ServerSigner};
use crate::state::App;

/// Letters of a code: Crockford's base 32, without those that are read as others.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Letters in a code, 5 bits each: 80 bits cannot be guessed through the API.
const CODE_LETTERS: usize = 16;

/// What a new code is for.
#[derive(Debug, Clone)]
pub struct CodeRequest {
    /// The project, by code or id.
    pub project: String,
    /// What the device will be called.
    pub label: String,
    /// Who will use it, by id; they get the numbers 0, 1, … on the device.
    pub people: Vec<Uuid>,
    /// What it may do.
    pub grants: Vec<GrantText>,
    /// How long the code works.
    pub lives_ms: i64,
}

/// A code as it is shown, once.
#[derive(Debug, Clone)]
pub struct ShownCode {
    /// The project.
    pub project: Project,
    /// The code, in groups of four.
    pub code: String,
    /// When it stops to work.
    pub expires_ms: i64,
    /// The key that the device will know the server by.
    pub server_key: [u8; 32],
}

/// Makes a code. Only its hash is kept.
pub async fn create(app: &App, request: &CodeRequest) -> Result<ShownCode, AdminError> {
    check_name("a device", &request.label)?;
    let (now_ms, code) = (app.now_ms(), code_text(&app.ids().bytes()));
    let expires_ms = now_ms.saturating_add(request.lives_ms);
    app.store()
        .write(async |mut lent| {
            let tx = &mut *lent;
            let project = project(tx, &request.project).await?;
            let row = DeviceCode {
                project: project.id,
                code_hash: code_hash(&code),
                label: request.label.clone(),
                people: json(&people_of(tx, &project, &request.people).await?),
                grants: json(&grants_of(tx, &project, &request.grants).await?),
                created_ms: now_ms,
                expires_ms,
                used_ms: None,
                device: None,
            };
            codes::remove_expired(tx, project.id, now_ms).await?;
            codes::insert(tx, &row).await?;
            let server_key = ServerSigner::load(tx, project.id).await?.public_key();
            Ok(ShownCode { project, code: code.clone(), expires_ms, server_key })
        })
        .await
}

async fn people_of(tx: &mut Tx, project: &Project, ids: &[Uuid]) -> Result<Vec<Uuid>, AdminError> {
    for id in ids {
        people::find(tx, project.id, *id).await?.ok_or_else(|| AdminError::not_found("person", id))?;
    }
    Ok(ids.to_vec())
}

async fn grants_of(tx: &mut Tx, project: &Project, texts: &[GrantText]) -> Result<Vec<Grant>, AdminError> {
    let mut grants = Vec::with_capacity(texts.len());
    for text in texts {
        grants.push(Grant { area: area(tx, project, &text.area).await?.id, role: text.role });
    }
    Ok(grants)
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("ids and roles are JSON")
}

/// A device that has enrolled.
#[derive(Debug, Clone)]
pub struct Enrolled {
    /// The project.
    pub project: Project,
    /// The device.
    pub device: DeviceId,
    /// Its number in the project.
    pub number: u64,
    /// What it is called.
    pub label: String,
    /// The key that it will know the server by.
    pub server_key: [u8; 32],
    /// The key that it seals files to, and the server's signature over it.
    pub sealing_key: Option<([u8; 32], [u8; 64])>,
}

/// Why a device cannot enrol.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// The code is unknown, used or expired: the device is not told which.
    #[error("the code is unknown, used or expired")]
    CodeInvalid,
    /// Anything else.
    #[error(transparent)]
    Admin(#[from] AdminError),
}

impl From<fieldmerge_store::StoreError> for EnrolError {
    fn from(error: fieldmerge_store::StoreError) -> Self {
        Self::Admin(error.into())
    }
}

/// Uses up a code and adds the device, in one transaction: of two devices with one code only one enrols. The device that
/// used it is told again as often as it asks, for it may have lost the answer.
pub async fn enrol(app: &App, code: &str, key: &VerifyingKey) -> Result<Enrolled, EnrolError> {
    let (hash, id, now_ms) = (code_hash(code), app.ids().device(), app.now_ms());
    let enrolled = app
        .store()
        .write(async |mut lent| {
            let tx = &mut *lent;
            let found = codes::find(tx, hash).await?.ok_or(EnrolError::CodeInvalid)?;
            if codes::redeem(tx, found.project, hash, now_ms, id).await? {
                let (label, public_key) = (found.label.clone(), key.to_bytes());
                let new = NewDevice { id, label, public_key, created_ms: now_ms };
                devices::insert(tx, found.project, &new).await?;
                equip(tx, &found, id, now_ms).await?;
                failpoint("enrolment-written");
            }
            let device = enrolled_by(tx, hash).await?.ok_or(EnrolError::CodeInvalid)?;
            if device.public_key != key.to_bytes() || device.revoked_ms.is_some() {
                return Err(EnrolError::CodeInvalid);
            }
            let project = known_project(tx, found.project).await?;
            let signer = ServerSigner::load(tx, project.id).await.map_err(AdminError::from)?;
            let sealing = SealingKeys::load(tx, project.id).await.map_err(AdminError::from)?;
            let told = |key: [u8; 32]| (key, signer.sign(&sealing_key_text(project.id, &key)));
            let sealing_key = sealing.public_key().map(told);
            let Device { id: device, number, label, .. } = device;
            Ok(Enrolled { project, device, number, label, server_key: signer.public_key(), sealing_key })
        })
        .await?;
    failpoint("enrolled");
    Ok(enrolled)
}

/// The device that used a code, if one did.
async fn enrolled_by(tx: &mut Tx, code_hash: [u8; 32]) -> Result<Option<Device>, StoreError> {
    let Some(code) = codes::find(tx, code_hash).await? else { return Ok(None) };
    let Some(device) = code.device else { return Ok(None) };
    devices::find(tx, code.project, device).await
}

/// Gives a new device its people and its grants.
async fn equip(tx: &mut Tx, code: &DeviceCode, device: DeviceId, now_ms: i64) -> Result<(), AdminError> {
    let unreadable = |_| AdminError::Invalid("the stored code does not parse".to_owned());
    let people: Vec<Uuid> = serde_json::from_str(&code.people).map_err(unreadable)?;
    for (number, person) in (0..).zip(people) {
        let person = DevicePerson { device, number, person, since_ms: now_ms };
        devices::add_person(tx, code.project, &person).await?;
    }
    let given: Vec<Grant> = serde_json::from_str(&code.grants).map_err(unreadable)?;
    for grant in given {
        grants::give(tx, code.project, device, grant.area, grant.role.name(), now_ms).await?;
    }
    projects::touch_roster(tx, code.project).await?;
    Ok(())
}

async fn known_project(tx: &mut Tx, id: ProjectId) -> Result<Project, AdminError> {
    projects::find(tx, id).await?.ok_or_else(|| AdminError::not_found("project", id))
}

/// The text of a code: `K7QF-2M0X-…`.
fn code_text(random: &[u8; CODE_LETTERS]) -> String {
    let letters: Vec<u8> = random.iter().map(|byte| ALPHABET[usize::from(byte % 32)]).collect();
    let groups = letters.chunks(4).map(|group| String::from_utf8_lossy(group).into_owned());
    groups.collect::<Vec<_>>().join("-")
}

/// What is stored of a code, however it was typed: in small letters, without hyphens, with `O` for zero.
pub fn code_hash(text: &str) -> [u8; 32] {
    let letters = text.chars().filter(char::is_ascii_alphanumeric);
    let plain: String = letters
        .map(|letter| match letter.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            letter => letter,
        })
        .collect();
    Sha256::digest(plain).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_known_however_it_is_typed() {
        let text = code_text(&[0, 1, 31, 10, 0, 0, 0, 0, 5, 5, 5, 5, 255, 32, 33, 64]);
        assert_eq!(text, "01ZA-0000-5555-Z010");
        assert_eq!(code_hash(&text), code_hash(" o1za 0ooo-5555zoio"));
        assert_ne!(code_hash(&text), code_hash("01ZA-0000-5555-Z011"));
    }
}
