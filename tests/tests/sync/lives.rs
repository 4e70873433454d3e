//! The lives of a log: whoever has heard what a restored server lost notices, and nobody else does.

use fieldmerge_engine::{Input, Outcome, SyncEnd, SyncOptions};
use fieldmerge_protocol::LifeId;
use fieldmerge_protocol::sync::{Cursor, FrameRange, Hello};
use fieldmerge_tests::database::Database;
use fieldmerge_tests::world::census::Census;
use fieldmerge_tests::world::link::{Link, Reply};
use fieldmerge_tests::world::phone::{Phone, Step};
use fieldmerge_tests::world::raw::{Author, Post, Told};
use fieldmerge_tests::world::site::{START_MS, Site};
use fieldmerge_tests::world::work::{Ledger, Work};

use crate::place::{BOTH, Draft, Place, WRITES, on_both};

on_both!(
    who_has_receipts_before_the_first_proof_is_judged_by_them,
    who_names_the_latest_life_is_told_no_more_than_it,
    a_life_that_nobody_knows_was_lost,
    a_database_that_goes_back_under_a_server_gets_another_life,
);

async fn register(author: &mut Author, place: &Place, number: u8) -> Told {
    let (draft, change) = Draft::worker(author, place.area(), number, "Rakoto");
    let frame = author.frame(place.core(), &[(draft.id, change)]);
    author.push(&place.post(), &[frame]).await
}

async fn say(author: &Author, post: &Post, life: LifeId, cursors: Vec<Cursor>) -> Told {
    let hello = Hello { life: Some(life), cursors, ..author.hello() };
    author.say(post, &hello, &[]).await.expect("the request is well formed")
}

async fn who_names_the_latest_life_is_told_no_more_than_it(place: &Place) {
    let mut author = place.author(1).await;
    register(&mut author, place, 1).await;
    let life = register(&mut author, place, 2).await.welcome.life.expect("a life");
    let cursor = Cursor { feed: place.core(), position: 1 };
    let told = say(&author, &place.post(), life, vec![cursor]).await;
    assert_eq!((told.welcome.life, told.welcome.lost, told.welcome.taken), (Some(life), None, None));
    assert_eq!(told.feeds.len(), 1, "positions count as under a log that was named");
    let unsure = Hello { life: Some(life), unsure: Some(true), ..author.hello() };
    let told = author.say(&place.post(), &unsure, &[]).await.expect("the request is well formed");
    let all = FrameRange { incarnation: author.incarnation, first: 1, last: 2 };
    assert_eq!(told.welcome.taken, Some(vec![all]));
}

async fn who_has_receipts_before_the_first_proof_is_judged_by_them(place: &Place) {
    let mut author = place.author(1).await;
    register(&mut author, place, 1).await;
    let unsure = Hello { receipted: 1, unsure: Some(true), ..author.hello() };
    let told = author.say(&place.post(), &unsure, &[]).await.expect("the request is well formed");
    let all = FrameRange { incarnation: author.incarnation, first: 1, last: 1 };
    assert_eq!((told.welcome.lost, told.welcome.taken), (None, Some(vec![all])));
    let beyond = Hello { receipted: 2, packed: 2, ..author.hello() };
    let told = author.say(&place.post(), &beyond, &[]).await.expect("the request is well formed");
    assert_eq!(told.welcome.lost, Some(true), "a receipt that this log never gave");
}

async fn a_life_that_nobody_knows_was_lost(place: &Place) {
    let mut author = place.author(1).await;
    register(&mut author, place, 1).await;
    let told = say(&author, &place.post(), LifeId([7; 8]), Vec::new()).await;
    assert_eq!((told.welcome.lost, told.feeds.len()), (Some(true), 0));
}

async fn a_database_that_goes_back_under_a_server_gets_another_life(place: &Place) {
    let mut author = place.author(1).await;
    let mut other = place.author(2).await;
    let first = register(&mut author, place, 1).await.welcome.life.expect("a life");
    // The life stays, what it wrote goes: as from a backup that was made when it had just begun.
    let back = "DELETE FROM records; DELETE FROM segments; DELETE FROM proofs; DELETE FROM log_life_heads;
        DELETE FROM feeds;";
    place.database.tamper(back).await;
    let second = register(&mut other, place, 2).await.welcome.life.expect("a life");
    assert_ne!(second, first, "a feed that ends earlier than the server left it");
    let cursor = Cursor { feed: place.core(), position: 1 };
    assert_eq!(say(&author, &place.post(), first, vec![cursor]).await.welcome.lost, Some(true));
    // Now the life itself is unknown.
    let back = "DELETE FROM log_lives WHERE number = (SELECT MAX(number) FROM log_lives);
        UPDATE projects SET life = (SELECT id FROM log_lives WHERE number = 1);";
    place.database.tamper(back).await;
    let third = register(&mut other, place, 3).await.welcome.life.expect("a life");
    assert!(third != second && third != first);
}

/// A server with two phones, that goes back to a backup without anybody saying so.
struct Restored {
    site: Site,
    one: Phone,
    other: Phone,
    ledger: Ledger,
    work: [Work; 2],
}

async fn sync(phone: &mut Phone, site: &Site) -> u64 {
    let report = phone.sync(&mut site.link()).await.expect("phones do not die here");
    assert_eq!(report.end, SyncEnd::Complete, "{}", phone.label);
    report.sent + report.received + report.repaired
}

impl Restored {
    /// `before` happens after the backup, and is lost with the server; gives what it made.
    async fn new<T>(database: &Database, before: impl AsyncFn(&mut Self) -> T) -> (Self, T, Database) {
        let site = Site::found(database, 1, &["S1", "S2"]).await;
        let (one, other) = (site.phone("Hery", 1, &WRITES).await, site.phone("Lalao", 2, &WRITES).await);
        let work = [Work::new(1, 0, &site.areas[..1]), Work::new(2, 50_000, &site.areas[..1])];
        let mut all = Self { site, one, other, ledger: Ledger::default(), work };
        // The server has a life of its own before the backup, and goes on in it behind it.
        all.save_both(2);
        sync(&mut all.one, &all.site).await;
        sync(&mut all.other, &all.site).await;
        all.site.app.close().await;
        let backup = database.copy().await;
        all.site = all.site.reopen(database, START_MS + 60_000, 2).await;
        let made = before(&mut all).await;
        all.site.app.close().await;
        all.site = all.site.reopen(&backup, START_MS + 120_000, 3).await;
        (all, made, backup)
    }

    fn save_both(&mut self, times: usize) {
        for _ in 0..times {
            self.work[0].save(&mut self.one, &mut self.ledger).expect("phones do not die here");
            self.work[1].save(&mut self.other, &mut self.ledger).expect("phones do not die here");
        }
    }

    /// Everybody syncs until nothing moves; then all hold the same.
    async fn settle(&mut self) {
        for _ in 0..8 {
            if sync(&mut self.one, &self.site).await + sync(&mut self.other, &self.site).await == 0 {
                let census = Census::take(self.site.app.store(), self.site.project).await;
                self.ledger.assert_kept(&census);
                census.assert_same_on(&self.one);
                census.assert_same_on(&self.other);
                return;
            }
        }
        panic!("changes still move");
    }
}

/// On both databases a server goes back to its backup after `before`; after `meanwhile` everybody settles.
async fn goes_back<T>(before: impl AsyncFn(&mut Restored) -> T, meanwhile: impl AsyncFn(&mut Restored, T)) {
    for kind in BOTH {
        // On the heap: the worlds of these tests are large.
        Box::pin(async {
            let database = Database::new(kind).await;
            let (mut world, made, _backup) = Restored::new(&database, &before).await;
            meanwhile(&mut world, made).await;
            world.settle().await;
            world.site.app.close().await;
        })
        .await;
    }
}

fn ask(phone: &mut Phone, input: impl FnOnce(u64) -> Input) -> Outcome {
    phone.ask(input).expect("phones do not die here").expect("it is done")
}

/// One phone carries what another one has not sent, and brings it.
async fn carry(world: &mut Restored) {
    let out = export(&mut world.one);
    ask(&mut world.other, |ticket| Input::Import { ticket, bytes: out });
    sync(&mut world.other, &world.site).await;
}

fn export(phone: &mut Phone) -> Vec<u8> {
    match ask(phone, |ticket| Input::Export { ticket }) {
        Outcome::Exported { bytes, .. } => bytes,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_that_others_have_overtaken_is_noticed() {
    let saves = async |world: &mut Restored, times: usize| {
        for _ in 0..times {
            world.work[1].save(&mut world.other, &mut world.ledger).expect("phones do not die here");
        }
        sync(&mut world.other, &world.site).await;
    };
    let before = async |world: &mut Restored| {
        saves(world, 1).await;
        sync(&mut world.one, &world.site).await;
    };
    goes_back(before, async |world, ()| saves(world, 9).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn receipts_that_came_by_file_do_not_hide_a_loss() {
    let before = async |world: &mut Restored| {
        world.save_both(3);
        carry(world).await;
        export(&mut world.other)
    };
    goes_back(before, async |world, file| {
        // She hears of the restored server first, and then of what the server before it had said.
        let outbox = world.one.engine().outbox().changes.len();
        world.other.sync(&mut world.site.link()).await.expect("phones do not die here");
        ask(&mut world.one, |ticket| Input::Import { ticket, bytes: file });
        assert!(world.one.engine().outbox().changes.len() < outbox, "the file acknowledged something");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn later_frames_that_somebody_carried_do_not_hide_a_loss() {
    let before = async |world: &mut Restored| {
        world.save_both(2);
        sync(&mut world.one, &world.site).await;
    };
    goes_back(before, async |world, ()| {
        world.save_both(2);
        carry(world).await;
    })
    .await;
}

/// Receipts in an answer that was cut before its proof alarm nobody either, though the life of its log counts for nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_only_began_again_alarms_nobody() {
    for kind in BOTH {
        let database = Database::new(kind).await;
        let mut site = Site::found(&database, 1, &["S1", "S2"]).await;
        let mut phone = site.phone("Hery", 1, &WRITES).await;
        let (mut work, mut ledger) = (Work::new(1, 0, &site.areas[..1]), Ledger::default());
        for life in 2..6 {
            work.save(&mut phone, &mut ledger).expect("phones do not die here");
            sync(&mut phone, &site).await;
            site.app.close().await;
            site = site.reopen(&database, START_MS + 60_000, life).await;
            work.save(&mut phone, &mut ledger).expect("phones do not die here");
            let begun = phone.drive(Input::Sync(SyncOptions::default())).expect("phones do not die here");
            let request = Step::of(begun).send.expect("a request");
            let Reply::Whole(answer) = site.link().post(&request).await else {
                panic!("no link breaks here")
            };
            let cut = Reply::Cut(answer[..answer.len() - 10].to_vec());
            phone.take(request.id, cut).expect("phones do not die here");
            assert_eq!(phone.engine().outbox().changes, [], "it was acknowledged");
            sync(&mut phone, &site).await;
        }
        assert_eq!(phone.engine().notices(), []);
        site.app.close().await;
    }
}
