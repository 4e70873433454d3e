//! Where the story is played: a server, two phones in folders, and copies of both to play its end several times.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use fieldmerge_engine::Table;
use fieldmerge_model::access::Role;
use fieldmerge_model::pack::HIMO;
use fieldmerge_protocol::DeviceId;
use fieldmerge_protocol::sync::FrameReceipt;
use fieldmerge_sdk::{Clock as PhoneClock, Device, ListQuery, Options, SyncEnd, SyncOptions};
use fieldmerge_server::admin::{ROOT_CODE, projects};
use fieldmerge_server::demo::link::Link;
use fieldmerge_server::demo::story::{BREAKS_AFTER, Phone as StoryPhone, Story};
use fieldmerge_server::demo::{FIELD, PROJECT, phone};
use fieldmerge_server::forms::pack::publish_pack;
use fieldmerge_server::{App, Clock, Config, Ids, Metrics};
use fieldmerge_store::projects::Project;
use fieldmerge_tests::database::{Database, Kind, folder};
use fieldmerge_tests::world::census::Census;
use fieldmerge_tests::world::phone::Phone;
use fieldmerge_tests::world::raw::{Author, Post};
use fieldmerge_tests::world::site::{Listening, Site};
use minicbor::Decoder;
use tempfile::TempDir;

/// 27 February 2026, 08:00 in Antananarivo: when the story begins.
const START_MS: i64 = 1_772_168_400_000;
const DAY_MS: i64 = 86_400_000;

/// A server on this database.
pub async fn app(database: &Database) -> App {
    let ids = Ids::from_seed([5; 32]);
    App::new(database.store().await, Clock::fixed(START_MS), ids, Config::default(), Metrics::default())
}

/// An address for the link of this process that no other one uses, and a port that can be used again.
pub fn address(kind: Kind) -> SocketAddr {
    let [.., high, low] = std::process::id().to_be_bytes();
    SocketAddr::from((Ipv4Addr::new(127, 100 + kind as u8, high, low.max(1)), 0))
}

pub async fn project(app: &App) -> Project {
    let mut tx = app.store().read().await.expect("a snapshot");
    fieldmerge_store::projects::find_by_code(&mut tx, PROJECT)
        .await
        .expect("it reads")
        .expect("the demo made it")
}

/// The phones as they stand in their folders.
pub async fn read_phones(folder: &Path) -> Vec<Phone> {
    let mut phones = Vec::new();
    for name in ["a", "b"] {
        phones.push(Phone::read(name, &copy(&folder.join(name))).await);
    }
    phones
}

/// A copy of a folder: what a backup of a phone at rest holds.
fn copy(from: &Path) -> TempDir {
    let to = folder();
    for entry in std::fs::read_dir(from).expect("our own folder") {
        let path = entry.expect("our own folder").path();
        std::fs::copy(&path, to.path().join(path.file_name().expect("a file"))).expect("it is copied");
    }
    to
}

/// Who syncs first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum First {
    A,
    /// A, over a link that breaks.
    ACut,
    B,
}

/// The story up to the moment in which both phones come back, with all that they have to tell.
pub struct Offline {
    pub story: Story,
    database: Database,
    a: TempDir,
    b: TempDir,
    link: SocketAddr,
}

impl Offline {
    pub async fn begin(kind: Kind) -> Self {
        let database = Database::new(kind).await;
        let app = app(&database).await;
        projects::create(&app, PROJECT, "Piste rurale").await.expect("a project");
        publish_pack(&app, PROJECT, &HIMO).await.expect("its forms");
        for (code, name) in [("S1", "Iarintsena"), ("S2", "Anjoma")] {
            projects::create_area(&app, PROJECT, code, name).await.expect("an area");
        }
        let listening = listen(&app).await;
        let link = Link::open(address(kind), listening.address).await.expect("a link");
        let (home, home_a, home_b) = (folder(), folder(), folder());
        let office = enrol(&app, "Office", &[(ROOT_CODE, Role::Analyst)], (&link, home.path())).await;
        let both = ["S1", "S2"].map(|area| FIELD.map(|role| (area, role)));
        let a = enrol(&app, "Hery", both.as_flattened(), (&link, home_a.path())).await;
        let b = enrol(&app, "Lalao", both.as_flattened(), (&link, home_b.path())).await;
        let mut story = Story::new(&office.device, a, b, app.clock().clone()).await.expect("all sync");
        story.register_before_the_network_ends(&mut |_| {}).await.expect("step 0");
        for phone in [&story.a, &story.b] {
            let query =
                ListQuery { record_type: Some("worker".to_owned()), limit: 100, ..ListQuery::default() };
            assert_eq!(phone.device.records().list(&query).await.len(), 23, "W02 to W24 on both phones");
        }
        let at = link.url().trim_start_matches("http://").parse().expect("an address");
        drop(link);
        listening.stop().await;
        story.work_offline(&mut |_| {}).await.expect("two weeks of work");
        story.edit_offline(&mut |_| {}).await.expect("the edits of both");
        app.close().await;
        Self { database, a: copy(home_a.path()), b: copy(home_b.path()), link: at, story }
    }

    /// Plays the end, in an order, on copies of everything.
    pub async fn come_back(&self, first: First) -> (Census, Vec<Phone>) {
        let database = self.database.copy().await;
        let app = app(&database).await;
        app.clock().advance_ms(16 * DAY_MS);
        let listening = listen(&app).await;
        let link = Link::open(self.link, listening.address).await.expect("the address is free again");
        let (home_a, home_b) = (copy(self.a.path()), copy(self.b.path()));
        let a = open(home_a.path(), START_MS + 16 * DAY_MS).await;
        // Its clock is a year ahead.
        let b = open(home_b.path(), START_MS + (16 + 365) * DAY_MS).await;
        if first == First::ACut {
            link.allow(BREAKS_AFTER);
            let cut = a.try_sync(SyncOptions::default()).await.expect("a broken link is no error");
            assert_eq!(cut.end, SyncEnd::Offline, "the link breaks before all is said");
            link.allow(i64::MAX);
        }
        let order = if first == First::B { [&b, &a, &b] } else { [&a, &b, &a] };
        for device in order {
            device.sync(SyncOptions::default()).await.expect("the sync completes");
        }
        let census = Census::take(app.store(), project(&app).await.id).await;
        let mut phones = Vec::new();
        for (name, home) in [("a", &home_a), ("b", &home_b)] {
            phones.push(Phone::read(name, &copy(home.path())).await);
        }
        drop(link);
        listening.stop().await;
        app.close().await;
        (census, phones)
    }
}

async fn listen(app: &App) -> Listening {
    Site::of(app, &project(app).await).listen().await
}

async fn open(folder: &Path, now_ms: i64) -> Device {
    let options = Options { clock: PhoneClock::fixed(now_ms), ..Options::default() };
    Device::open_with(folder, options).await.expect("the folder opens")
}

async fn enrol(app: &App, label: &str, grants: &[(&str, Role)], at: (&Link, &Path)) -> StoryPhone {
    phone(app, label, grants, at).await.expect("it enrols")
}

/// Every frame that the phones have sent, to be sent again by somebody else.
pub struct Resent {
    carrier: Author,
    frames: Vec<Vec<u8>>,
    listening: Listening,
    post: Post,
}

impl Resent {
    pub async fn new(app: &App, phones: &[Phone]) -> Self {
        let project = project(app).await;
        let site = Site::of(app, &project);
        let listening = site.listen().await;
        let carrier = Author::enrolled_in(&site, PROJECT, "carrier", 9, &["S1:enumerator"]).await;
        let frames: Vec<Vec<u8>> = phones
            .iter()
            .flat_map(|phone| {
                phone.shelf().table(Table::Frames).map(|(_, row)| frame(row)).collect::<Vec<_>>()
            })
            .collect();
        assert!(frames.len() > 4, "phones keep what they have sent");
        let post = Post { to: listening.address, project: project.id, server_ms: app.now_ms() };
        Self { carrier, frames, listening, post }
    }

    pub async fn push(&self) -> Vec<(DeviceId, FrameReceipt)> {
        self.carrier.push(&self.post, &self.frames).await.receipts
    }

    pub async fn end(self) {
        self.listening.stop().await;
    }
}

/// The frame in a row of a phone's store: a map whose first value it is.
fn frame(row: &[u8]) -> Vec<u8> {
    let mut decoder = Decoder::new(row);
    decoder.map().expect("a row is a map");
    assert_eq!(decoder.u8().expect("a key"), 0);
    decoder.bytes().expect("the frame").to_vec()
}
