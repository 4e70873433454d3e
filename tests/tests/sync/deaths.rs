//! A server that dies over what is rarer than a sync: a device that enrols, a form that is published, what was held too
//! long, the note who was seen. Nothing is half done, and what is asked again is done once.

use std::panic::{AssertUnwindSafe, catch_unwind};

use ed25519_dalek::SigningKey;
use fieldmerge_protocol::Value;
use fieldmerge_protocol::sync::Telemetry;
use fieldmerge_server::admin::{codes, devices};
use fieldmerge_server::failpoint::{self, die_here, has_died};
use fieldmerge_server::forms::publish;
use fieldmerge_server::sync::seen::Told;
use fieldmerge_server::sync::{expire, lives};
use fieldmerge_store::forms;
use fieldmerge_tests::database::{Database, Kind};
use fieldmerge_tests::world::census::Census;
use fieldmerge_tests::world::seeds::runtime;
use fieldmerge_tests::world::site::{PROJECT, START_MS, Site};
use fieldmerge_tests::world::visits;

use crate::place::{BOTH, Draft, Place};

/// What is held then is held no longer.
const LATE_MS: i64 = START_MS + 100 * 86_400_000;

/// A database, and lives of servers on it, one after another.
pub struct Lives {
    database: Database,
    site: Site,
    now_ms: i64,
    count: u64,
}

impl Lives {
    /// A first server does something and ends in peace.
    pub fn begin<T>(kind: Kind, work: impl AsyncFnOnce(&Place) -> T) -> (Self, T) {
        runtime().block_on(async {
            let place = Place::new(kind).await;
            let output = work(&place).await;
            let Place { site, listening, database } = place;
            listening.stop().await;
            site.app.close().await;
            (Self { database, site, now_ms: START_MS, count: 1 }, output)
        })
    }

    /// Another one does something and ends in peace.
    pub fn live<T>(&mut self, work: impl AsyncFnOnce(&Site) -> T) -> T {
        self.count += 1;
        runtime().block_on(async {
            let site = self.site.reopen(&self.database, self.now_ms, self.count).await;
            let output = work(&site).await;
            site.app.close().await;
            output
        })
    }

    /// Another one dies over something, at a point to which it comes.
    pub fn die<T>(&mut self, point: &'static str, work: impl AsyncFnOnce(&Site) -> T) {
        self.count += 1;
        // When it is dropped, every task of the server stops where it stands.
        let runtime = runtime();
        let site = runtime.block_on(self.site.reopen(&self.database, self.now_ms, self.count));
        die_here(Some((point, 1)));
        // Where a task of the server dies, who waits for it is told, and goes on.
        _ = catch_unwind(AssertUnwindSafe(|| runtime.block_on(work(&site))));
        let died = has_died();
        die_here(None);
        assert!(died, "{point} was not come to");
    }
}

#[test]
fn a_device_enrols_once_however_often_the_answer_is_lost() {
    for kind in BOTH {
        for point in failpoint::ENROLMENT {
            let code = async |place: &Place| place.site.code("Hery", &["S1:enumerator"]).await;
            let (mut lives, code) = Lives::begin(kind, code);
            let key = SigningKey::from_bytes(&[7; 32]).verifying_key();
            lives.die(point, async |site| codes::enrol(&site.app, &code, &key).await);
            let enrol = async |site: &Site| codes::enrol(&site.app, &code, &key).await.expect("it enrols");
            let (first, again) = (lives.live(enrol), lives.live(enrol));
            assert_eq!((first.device, first.number), (again.device, again.number), "{point}");
            let (known, _) =
                lives.live(async |site| devices::list(&site.app, PROJECT).await.expect("devices are listed"));
            assert_eq!((known.len(), known[0].grants.len()), (1, 1), "{point}");
        }
    }
}

#[test]
fn a_form_is_published_once() {
    for kind in BOTH {
        for point in failpoint::PUBLISHING {
            let (mut lives, before) = Lives::begin(kind, async |place| count(&place.site).await);
            let draft = visits::draft(&visits::version(1));
            lives.die(point, async |site| publish::publish(&site.app, PROJECT, &draft).await);
            let publish = async |site: &Site| publish::publish(&site.app, PROJECT, &draft).await;
            lives.live(publish).expect("the form is published");
            assert_eq!(lives.live(count), before + 1, "{point}");
        }
    }
}

/// How many versions of forms there are.
async fn count(site: &Site) -> usize {
    let mut tx = site.app.store().read().await.expect("a snapshot can be read");
    let rows = forms::list(&mut tx, site.project).await.expect("forms can be read");
    tx.rollback().await.expect("a snapshot ends");
    rows.len()
}

#[test]
fn what_was_held_too_long_is_put_aside_once() {
    for kind in BOTH {
        for point in failpoint::EXPIRY {
            let hold = async |place: &Place| {
                let mut author = place.author(1).await;
                let (mut draft, _missing) = Draft::worker(&author, place.area(), 9, "Rasoa");
                let edits: Vec<_> = (1990..1993)
                    .map(|year| (draft.id, draft.edit(&author, "birth_year", Value::Int(year))))
                    .collect();
                let frame = author.frame(place.core(), &edits);
                author.push(&place.post(), &[frame]).await;
                assert_eq!(place.census().await.held, 3);
            };
            let (mut lives, ()) = Lives::begin(kind, hold);
            lives.now_ms = LATE_MS;
            lives.die(point, async |site| expire::now(&site.app).await);
            lives.live(async |site| expire::now(&site.app).await).expect("the database does not fail");
            let census = lives.live(async |site| Census::take(site.app.store(), site.project).await);
            assert_eq!((census.held, census.quarantined), (0, vec!["held-expired".to_owned(); 3]), "{point}");
        }
    }
}

#[test]
fn a_life_that_was_not_begun_and_a_note_that_was_not_written_hurt_nobody() {
    for kind in BOTH {
        let (mut lives, ()) = Lives::begin(kind, async |place| _ = place.author(1).await);
        lives.die("life-begun", async |site| lives::begin(&site.app, site.project).await);
        let begin = async |site: &Site| lives::begin(&site.app, site.project).await;
        lives.live(begin).expect("a life is begun");
        let note = async |site: &Site| {
            let (known, _) = devices::list(&site.app, PROJECT).await.expect("devices are listed");
            let told = Told::from(Telemetry { outbox_changes: Some(3), ..Telemetry::default() });
            site.app.seen().note(&site.app, site.project, known[0].device.id, START_MS + 1, Some(told));
            site.app.seen().flush(&site.app).await;
        };
        lives.die("seen-noted", note);
        lives.live(note);
        let (known, _) =
            lives.live(async |site| devices::list(&site.app, PROJECT).await.expect("devices are listed"));
        assert_eq!(known[0].device.last_seen_ms, Some(START_MS + 1));
    }
}
