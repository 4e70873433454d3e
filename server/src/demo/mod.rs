//! `fieldmerge demo`: the worked scenario through a real server and two real devices.

pub mod link;
pub mod office;
pub mod scenario;
pub mod story;

use std::net::SocketAddr;
use std::path::Path;

use fieldmerge_model::access::Role;
use fieldmerge_model::pack::HIMO;
use fieldmerge_sdk::{ClientError, Clock as DeviceClock, Device, Options};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use self::link::Link;
use self::story::{Phone, Story, Tell};
use crate::admin::codes::{self, CodeRequest};
use crate::admin::{AdminError, GrantText, ROOT_CODE, projects};
use crate::forms::pack::publish_pack;
use crate::forms::publish::PublishError;
use crate::http::router;
use crate::http::serve::serve;
use crate::state::App;

/// What the phones may do on both sites.
pub const FIELD: [Role; 2] = [Role::Enumerator, Role::Supervisor];
/// The code of the demo project.
pub const PROJECT: &str = "HIMO-MG-DEMO-01";

/// Why the demo could not be told.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The project could not be made.
    #[error("the demo project could not be made")]
    Admin(#[from] AdminError),
    /// Its forms could not be published.
    #[error("the forms of the demo could not be published")]
    Forms(#[from] PublishError),
    /// A device failed.
    #[error("a device of the demo failed")]
    Device(#[from] ClientError),
    /// The link held, although the story needs it to break.
    #[error("the link of the demo did not break in the middle of a sync")]
    LinkHeld,
    /// The machine failed.
    #[error("the demo could not use the network or the disk of this machine")]
    Io(#[from] std::io::Error),
}

/// Tells the story on this server, its devices in `folder`, and returns with everything merged.
///
/// While the story lasts the server listens on a port of its own, behind a link at the address `at` that can be cut:
/// what the phones know is that address, so they find the server there afterwards too.
pub async fn tell(app: &App, folder: &Path, at: SocketAddr, tell: Tell<'_>) -> Result<Story, DemoError> {
    projects::create(app, PROJECT, "Piste rurale Ambalavao / Rural road Ambalavao").await?;
    publish_pack(app, PROJECT, &HIMO).await?;
    projects::create_area(app, PROJECT, "S1", "Iarintsena").await?;
    projects::create_area(app, PROJECT, "S2", "Anjoma").await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let link = Link::open(at, listener.local_addr()?).await?;
    let (stop, stopped) = oneshot::channel::<()>();
    let serving = tokio::spawn(serve(app.clone(), listener, router(app), async {
        _ = stopped.await;
    }));
    let office = [(ROOT_CODE, Role::Analyst)];
    let office = phone(app, "Office", &office, (&link, &folder.join("office"))).await?;
    let both = ["S1", "S2"].map(|area| FIELD.map(|role| (area, role)));
    let a = phone(app, "Hery", both.as_flattened(), (&link, &folder.join("a"))).await?;
    let b = phone(app, "Lalao", both.as_flattened(), (&link, &folder.join("b"))).await?;
    let mut story = Story::new(&office.device, a, b, app.clock().clone()).await?;
    story.tell(&link, tell).await?;
    drop(link);
    _ = stop.send(());
    _ = serving.await;
    Ok(story)
}

/// Enrols a new device with these grants.
pub async fn phone(
    app: &App,
    label: &str,
    grants: &[(&str, Role)],
    (link, folder): (&Link, &Path),
) -> Result<Phone, DemoError> {
    let grant = |(area, role): &(&str, Role)| GrantText { area: (*area).to_owned(), role: *role };
    let grants = grants.iter().map(grant).collect();
    let request = CodeRequest {
        project: PROJECT.to_owned(),
        label: label.to_owned(),
        people: Vec::new(),
        grants,
        lives_ms: 3_600_000,
    };
    let shown = codes::create(app, &request).await?;
    let clock = DeviceClock::fixed(app.now_ms());
    let device = Device::open_with(folder, Options { clock: clock.clone(), ..Options::default() }).await?;
    device.enrol(&link.url(), &shown.code).await?;
    Ok(Phone { device, clock })
}
