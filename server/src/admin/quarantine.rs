//! What was put aside: nothing that a device brings is thrown away.

use std::collections::BTreeMap;

use fieldmerge_model::quarantine::QuarantineCode;
use fieldmerge_protocol::DeviceId;
use fieldmerge_store::devices;
use fieldmerge_store::quarantine::{self, Quarantined};
use uuid::Uuid;

use super::{AdminError, project};
use crate::state::App;
use crate::sync::push::Push;
use crate::sync::push::replay::Replayed;

/// How many items are read at a time.
const PAGE: u32 = 500;

/// An item with the label of the device whose frame brought it.
#[derive(Debug, Clone)]
pub struct Aside {
    /// The item.
    pub item: Quarantined,
    /// The device's label, if the project knows it.
    pub device: Option<String>,
}

/// The items of a project that nobody has resolved, oldest first.
pub async fn list(app: &App, of: &str) -> Result<Vec<Aside>, AdminError> {
    let mut tx = app.store().read().await?;
    let project = project(&mut tx, of).await?;
    let labels: BTreeMap<DeviceId, String> = devices::list(&mut tx, project.id)
        .await?
        .into_iter()
        .map(|device| (device.id, device.label))
        .collect();
    let mut items = Vec::new();
    loop {
        let page =
            quarantine::page(&mut tx, project.id, items.last().map(|item: &Quarantined| item.id), PAGE)
                .await?;
        if page.is_empty() {
            break;
        }
        items.extend(page);
    }
    items.sort_by_key(|item| (item.received_ms, item.id));
    let labelled = items.into_iter().map(|item| {
        let device = item.source.and_then(|source| labels.get(&source.device).cloned());
        Aside { item, device }
    });
    Ok(labelled.collect())
}

/// One item.
pub async fn find(app: &App, of: &str, id: Uuid) -> Result<Quarantined, AdminError> {
    let mut tx = app.store().read().await?;
    let project = project(&mut tx, of).await?;
    quarantine::find(&mut tx, project.id, id).await?.ok_or_else(|| AdminError::not_found("item", id))
}

/// Which items are offered again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    /// One.
    Item(Uuid),
    /// All that stand aside for the reason of this code.
    Code(String),
}

/// Offers items again, oldest first, each in a transaction of its own: what is taken leaves the quarantine, and what
/// waited for it follows.
pub async fn replay(app: &App, of: &str, which: &Which) -> Result<Vec<(Uuid, Replayed)>, AdminError> {
    let ids: Vec<Uuid> = match which {
        Which::Item(id) => vec![*id],
        Which::Code(code) => {
            let aside = list(app, of).await?.into_iter().filter(|aside| aside.item.code == *code);
            aside.map(|aside| aside.item.id).collect()
        }
    };
    let mut replayed = Vec::new();
    for id in ids {
        let item = find(app, of, id).await?;
        if item.resolved_ms.is_some() {
            return Err(AdminError::Invalid(format!("{id} does not stand aside any more")));
        }
        replayed.push((id, replay_one(app, of, &item).await?));
    }
    Ok(replayed)
}

async fn replay_one(app: &App, of: &str, item: &Quarantined) -> Result<Replayed, AdminError> {
    let replayed = app
        .store()
        .write(async |mut lent| {
            let tx = &mut *lent;
            let project = project(tx, of).await?.id;
            let (directories, lives, now_ms, ids) = (app.directories(), app.lives(), app.now_ms(), app.ids());
            let push = Push { project, directories, lives, arrivals: &[], now_ms, ids };
            Ok::<_, AdminError>(push.replay(tx, app.dictionaries(), item).await?)
        })
        .await?;
    Ok(replayed)
}

/// Gives an item up: nobody is asked about it any more, its bytes stay.
pub async fn dismiss(app: &App, of: &str, id: Uuid) -> Result<(), AdminError> {
    let now_ms = app.now_ms();
    app.store()
        .write(async |mut lent| {
            let tx = &mut *lent;
            let project = project(tx, of).await?.id;
            if quarantine::resolve(tx, project, id, now_ms, "dismissed").await? {
                return Ok(());
            }
            Err(AdminError::not_found("item", id))
        })
        .await
}

/// What an administrator can do about a code, in one sentence.
pub fn advice(code: &str) -> &'static str {
    const SHOWN: &str = "The device shows it to its person, who repairs it or gives it up.";
    let Some(code) = QuarantineCode::from_code(code) else { return SHOWN };
    match code {
        QuarantineCode::DeviceRevoked => "Its author was revoked; ask whoever held the device what it was.",
        QuarantineCode::UnknownDevice => {
            "Its author was never enrolled here; carry it to the server that it belongs to."
        }
        QuarantineCode::WrongProject => "It belongs to another project; carry it to that project's server.",
        QuarantineCode::NotGranted => "Give the grant, then replay it.",
        QuarantineCode::UnknownType => "Publish the form that writes such records, then replay it.",
        QuarantineCode::UnknownArea => "Make the area, then replay it.",
        QuarantineCode::HeldExpired => "What it was made on never came; if it comes still, replay it.",
        QuarantineCode::Withdrawn => "Its author took it back; the device writes it anew or gave it up.",
        QuarantineCode::Forked => {
            "A copy of the device wrote under the same number; the device writes it anew by itself."
        }
        QuarantineCode::HeldLimit => {
            "Too many changes of the device wait for others; replay it when fewer do."
        }
        QuarantineCode::UnknownSealingKey => {
            "It is sealed to a key that this server lacks, perhaps lost in a restore; its author sends it again by itself."
        }
        QuarantineCode::DoesNotOpen => "Its author sealed it wrongly, and sends it again by itself.",
        QuarantineCode::BadSignature | QuarantineCode::MalformedFrame => {
            "The bytes were damaged or forged; an honest device sends them again."
        }
        QuarantineCode::DigestMismatch | QuarantineCode::Refused(_) => SHOWN,
    }
}
