//! What happens to the server, and what its operator does.

use std::collections::{BTreeMap, BTreeSet};

use fieldmerge_engine::Table;
use fieldmerge_protocol::sync::{FrameRange, FrameRef};
use fieldmerge_protocol::{DeviceId, LogId};
use fieldmerge_server::admin::quarantine::{self, Which};
use fieldmerge_server::admin::{GrantText, devices, projects};
use fieldmerge_server::compact;
use fieldmerge_server::sync::expire;
use fieldmerge_server::sync::push::replay::Replayed;
use fieldmerge_store::{projects as stored_projects, proofs};
use fieldmerge_tests::world::census::Census;
use fieldmerge_tests::world::phone::Phone;
use fieldmerge_tests::world::site::{PROJECT, Site};

use crate::dice::Dice;
use crate::event::{Death, Id};
use crate::forms;
use crate::life::Life;
use crate::template::grants_of;
use crate::world::{Cause, FrameOf, Member, ServerBackup, World};

const DAY_MS: i64 = 86_400_000;

impl World<'_> {
    /// The server dies where it stands and begins again on what is on its disk.
    pub fn server_dies(&mut self, dice: &mut Dice) {
        self.tally.count("server died");
        self.life = None;
        self.begin_life(dice);
    }

    fn begin_life(&mut self, dice: &mut Dice) {
        let now_ms = self.now_ms + self.server_skew_ms;
        self.life = Some(Life::begin(&self.template.site, &self.database, now_ms, dice.seed()));
    }

    /// Has the server do something over which it dies.
    pub fn die_over<T>(
        &mut self,
        death: Death,
        dice: &mut Dice,
        work: impl FnOnce(Life) -> Option<T>,
    ) -> Option<T> {
        let life = self.life.take().expect("the server was begun again");
        let done = work(life);
        self.tell((death, "done", done.is_some()));
        self.tally.count(if death.point().is_some() { "server died at a point" } else { "server died" });
        self.begin_life(dice);
        done
    }

    pub fn compact(&mut self, death: Option<Death>, dice: &mut Dice) {
        let work = async |site: &Site| {
            site.app.seen().flush(&site.app).await;
            compact::now(&site.app, None).await
        };
        match death {
            Some(death) => _ = self.die_over(death, dice, |life| life.run_until(death, work)),
            None => _ = self.life().run(work).expect("the database does not fail"),
        }
    }

    /// So many days pass for everybody, and the server looks for what was held too long.
    pub fn expire(&mut self, days: u32) {
        let passed = i64::from(days) * DAY_MS;
        self.now_ms += passed;
        self.life().site.app.clock().advance_ms(passed);
        let expired = self.life().run(async |site| expire::now(&site.app).await);
        let expired = expired.expect("the database does not fail");
        if expired > 0 {
            self.causes.insert(Cause::Expired);
        }
        self.tally.add("held too long", expired as u64);
    }

    /// Headquarters has what was put aside for a reason taken again, where it is for a grant with that.
    pub fn replay(&mut self, code: &str) {
        if code == "not-granted" {
            self.give_back();
        }
        let which = Which::Code(code.to_owned());
        let replayed =
            self.life().run(async |site: &Site| quarantine::replay(&site.app, PROJECT, &which).await);
        let replayed = replayed.expect("items are offered again");
        let taken = replayed.iter().filter(|(_, replayed)| *replayed == Replayed::Taken).count();
        self.tell((code, &replayed));
        self.tally.add("replayed and taken", taken as u64);
        self.replayed.insert(code.to_owned());
    }

    pub fn skew_server(&mut self, by_ms: i64) {
        let to_ms = self.now_ms + by_ms;
        let clock = self.life().site.app.clock();
        clock.advance_ms(to_ms - clock.now_ms());
        self.server_skew_ms = by_ms;
    }

    pub fn back_up_server(&mut self, dice: &mut Dice) {
        let frames = self.frames_taken();
        let life = self.life.take().expect("the server was begun again");
        life.close();
        let database = copy(&self.database);
        let (revoked, grants) = (self.revoked.clone(), self.grants.clone());
        let ever_granted = self.ever_granted.clone();
        let versions = self.versions.clone();
        self.replayed.clear();
        self.backup = Some(ServerBackup { database, revoked, grants, ever_granted, versions, frames });
        self.begin_life(dice);
    }

    /// The frames that the server holds, each with its signature: a copy of a device may have another one of its number.
    fn frames_taken(&self) -> BTreeMap<FrameOf, Vec<u8>> {
        let devices: BTreeSet<DeviceId> = self.members.values().map(|member| member.device).collect();
        self.life().run(async |site: &Site| {
            let mut tx = site.app.store().read().await.expect("a snapshot can be read");
            let mut frames = BTreeMap::new();
            for device in devices {
                let ranges = proofs::taken_until(&mut tx, site.project, device, i64::MAX).await;
                for FrameRange { incarnation, first, last } in ranges.expect("proofs can be read") {
                    let proofs =
                        proofs::between(&mut tx, site.project, device, incarnation, first, last).await;
                    for proof in proofs.expect("proofs can be read") {
                        let frame = FrameRef { incarnation, number: proof.source.frame };
                        frames.insert((device, frame), proof.signature);
                    }
                }
            }
            tx.rollback().await.expect("a snapshot ends");
            frames
        })
    }

    /// Whether a phone was told that the server has what the server lost since.
    pub fn is_needed(&self, id: Id) -> bool {
        let Some(member) = self.members.get(&id) else { return false };
        let census = self.life().run(async |site| Census::take(site.app.store(), site.project).await);
        self.ledger.lost(&census).iter().any(|kept| kept.acknowledged && kept.phone == member.phone.label)
    }

    /// Whether all that the server holds stands in its backup, or on a phone that offers it again.
    fn can_be_given_back(&self, backup: &ServerBackup) -> bool {
        let phones = || self.members.values();
        self.frames_taken().iter().all(|(of, signature)| {
            let (device, frame) = of;
            backup.frames.get(of) == Some(signature)
                || phones().any(|member| member.device == *device && keeps(&member.phone, *frame, signature))
        })
    }

    /// The server goes back to its backup. What its operator did since is done again, but for what was taken from
    /// devices: they may offer what they were allowed to write then. What nobody could give back would be gone: then it
    /// does not happen.
    pub fn restore_server(&mut self, told: bool, dice: &mut Dice) {
        let Some(backup) = self.backup.as_ref().filter(|backup| self.can_be_given_back(backup)) else {
            return;
        };
        self.tally.count(if told { "server restored" } else { "server restored, nobody told" });
        self.life = None;
        self.database = copy(&backup.database);
        self.revoked.clone_from(&backup.revoked);
        let given_since = self.ever_granted.difference(&backup.ever_granted);
        self.grants.extend(backup.grants.iter().chain(given_since).cloned());
        self.begin_life(dice);
        let log = LogId(std::array::from_fn(|_| dice.below(256).to_le_bytes()[0]));
        let grants = self.grants.clone();
        let missing = self.missing_versions(dice);
        self.life().run(async |site: &Site| {
            for number in missing {
                forms::publish(site, number).await;
            }
            if told {
                let store = site.app.store();
                let set =
                    store.write(async |mut tx| stored_projects::set_log(&mut tx, site.project, log).await);
                set.await.expect("the log is new");
            }
            for (device, grant) in &grants {
                give(site, &device.to_string(), grant, true).await;
            }
        });
        self.note_versions();
        for code in self.replayed.clone() {
            self.replay(&code);
        }
        self.recovering = true;
        self.restores += 1;
        self.book.clear();
    }

    /// A device joins. A backup that does not know it would be of no use to it.
    pub fn enrol(&mut self, id: Id, dice: &mut Dice) {
        let (label, grants) = (format!("phone {id}"), grants_of(id));
        let seed = dice.seed();
        let mut phone: Phone = self.life().run(async |site| site.phone(&label, seed, grants).await);
        phone.clock_ms = self.now_ms;
        let device = phone.enrolment().device;
        for grant in grants {
            self.note_granted(device, grant);
        }
        let areas = if grants.len() > 2 { &["S1", "S2"][..] } else { &["S1"] };
        let areas = areas.iter().map(|code| self.areas[*code]).collect();
        let member = Member {
            phone,
            device,
            areas,
            backup: None,
            life: 0,
            syncing: false,
            skew_ms: dice.skew_ms(),
            copied: false,
        };
        self.members.insert(id, member);
        self.backup = None;
    }

    fn note_granted(&mut self, device: DeviceId, grant: &str) {
        self.grants.insert((device, grant.to_owned()));
        self.ever_granted.insert((device, grant.to_owned()));
    }

    pub fn revoke(&mut self, id: Id) {
        let Some(member) = self.members.get(&id).filter(|_| !self.recovering) else { return };
        let device = member.device;
        let revoked = self
            .life()
            .run(async |site: &Site| devices::revoke(&site.app, PROJECT, &device.to_string()).await);
        revoked.expect("a device of the project can be revoked");
        self.revoked.insert(device);
        self.causes.insert(Cause::Revoked);
    }

    pub fn grant(&mut self, id: Id, grant: &str, gives: bool) {
        let Some(member) = self.members.get_mut(&id) else { return };
        let (code, _) = grant.split_once(':').expect("a grant is AREA:ROLE");
        let Some(area) = self.areas.get(code).filter(|_| gives || !self.recovering) else { return };
        if gives && !member.areas.contains(area) {
            member.areas.push(*area);
        }
        let (device, entry) = (member.device.to_string(), (member.device, grant.to_owned()));
        self.life().run(async |site: &Site| give(site, &device, grant, gives).await);
        if gives {
            self.note_granted(entry.0, grant);
        } else {
            self.grants.remove(&entry);
            self.causes.insert(Cause::Withdrawn);
        }
    }

    /// The project has a new area. A backup that does not know it would be of no use to it.
    pub fn new_area(&mut self, code: &str) {
        if !self.areas.contains_key(code) {
            let made = self
                .life()
                .run(async |site: &Site| projects::create_area(&site.app, PROJECT, code, code).await);
            self.areas.insert(code.to_owned(), made.expect("an area is made").id);
            self.backup = None;
        }
    }

    /// Everybody has again what was ever withdrawn.
    pub fn give_back(&mut self) {
        let ever = self.ever_granted.clone();
        self.life().run(async |site: &Site| {
            for (device, grant) in &ever {
                give(site, &device.to_string(), grant, true).await;
            }
        });
        self.grants = ever;
    }
}

/// Whether a phone keeps its frame of this number: that with this signature, or one that is sealed.
fn keeps(phone: &Phone, frame: FrameRef, signature: &[u8]) -> bool {
    let key = [frame.incarnation.0.as_slice(), &frame.number.to_be_bytes()].concat();
    let row = |table| phone.shelf().table(table).find(|(of, _)| of[..] == key[..]).map(|(_, row)| row);
    let has_signature = |row: &[u8]| row.windows(signature.len()).any(|bytes| bytes == signature);
    row(Table::Kept).is_some() || row(Table::Frames).is_some_and(has_signature)
}

async fn give(site: &Site, device: &str, grant: &str, gives: bool) {
    let grant: GrantText = grant.parse().expect("a grant is AREA:ROLE");
    let done = if gives {
        devices::give(&site.app, PROJECT, device, &grant).await
    } else {
        devices::withdraw(&site.app, PROJECT, device, &grant).await
    };
    done.expect("grants of devices of the project can be changed");
}

fn copy(database: &fieldmerge_tests::database::Database) -> fieldmerge_tests::database::Database {
    fieldmerge_tests::world::seeds::runtime().block_on(database.copy())
}
