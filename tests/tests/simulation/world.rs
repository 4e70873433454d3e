//! A world: who and what there is in it, and what each event does.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;

use fieldmerge_engine::{Input, Request, SyncEnd, SyncOptions};
use fieldmerge_protocol::sync::FrameRef;
use fieldmerge_protocol::{AreaId, DeviceId};
use fieldmerge_tests::database::Database;
use fieldmerge_tests::world::link::Reply;
use fieldmerge_tests::world::phone::{Died, Phone, Shelf, Step};
use fieldmerge_tests::world::site::START_MS;
use fieldmerge_tests::world::visits;
use fieldmerge_tests::world::work::{Ledger, Mark, Work};

use crate::book::Book;
use crate::dice::Dice;
use crate::event::{DiskFault, Event, Id, Script};
use crate::life::Life;
use crate::tally::Tally;
use crate::template::{Template, grants_of};

/// A request on its way up, or its reply on its way down.
#[derive(Debug, Clone)]
pub struct Flight {
    pub phone: Id,
    /// The life of the phone that waits for it; another one does not know of it.
    pub life: u32,
    pub request: Request,
    /// Absent on the way up.
    pub reply: Option<Reply>,
    /// Nobody waits for what comes of it.
    pub ghost: bool,
}

/// A phone and who works with it.
#[derive(Debug)]
pub struct Member {
    pub phone: Phone,
    pub device: DeviceId,
    /// Its areas.
    pub areas: Vec<AreaId>,
    pub backup: Option<(Shelf, usize)>,
    pub life: u32,
    pub syncing: bool,
    pub skew_ms: i64,
    /// It has gone back to a backup, or is one of two copies.
    pub copied: bool,
}

/// A server's backup, and what its operator knows beside it.
#[derive(Debug)]
pub struct ServerBackup {
    pub database: Database,
    pub revoked: BTreeSet<DeviceId>,
    pub grants: BTreeSet<(DeviceId, String)>,
    /// The same with what was withdrawn before.
    pub ever_granted: BTreeSet<(DeviceId, String)>,
    /// The versions of the form that it holds.
    pub versions: Vec<u32>,
    /// The frames that it holds.
    pub frames: BTreeMap<FrameOf, Vec<u8>>,
}

/// A frame: whose, and which of hers.
pub type FrameOf = (DeviceId, FrameRef);

/// What has happened that explains what would be a defect without it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// A phone went back to a backup, or was cloned.
    Copied,
    /// A grant was withdrawn.
    Withdrawn,
    /// A device was revoked.
    Revoked,
    /// Somebody took a damaged file.
    Damaged,
    /// Something was held too long.
    Expired,
}

/// A world.
pub struct World<'t> {
    /// Whether each event is printed: `TRACE=1`.
    traced: bool,
    pub template: &'t Template,
    pub seed: u64,
    pub database: Database,
    /// Absent while the server is down.
    pub life: Option<Life>,
    pub now_ms: i64,
    pub server_skew_ms: i64,
    pub members: BTreeMap<Id, Member>,
    pub areas: BTreeMap<String, AreaId>,
    pub revoked: BTreeSet<DeviceId>,
    /// What devices may do, as the operator knows it.
    pub grants: BTreeSet<(DeviceId, String)>,
    /// The same with what was withdrawn.
    pub ever_granted: BTreeSet<(DeviceId, String)>,
    /// The versions of the form that the server has, in the order of their numbers.
    pub versions: Vec<u32>,
    /// Every version of every form that it has.
    pub published: Vec<String>,
    pub flights: Vec<Flight>,
    /// Requests that the server has answered, to be played again.
    pub past: Vec<(Id, Request)>,
    pub files: BTreeMap<Id, Vec<u8>>,
    pub backup: Option<ServerBackup>,
    /// For which reasons headquarters had something taken again since.
    pub replayed: BTreeSet<String>,
    /// The server was restored, and not everybody has synced since.
    pub recovering: bool,
    /// How often the server was restored.
    pub restores: usize,
    pub causes: BTreeSet<Cause>,
    pub ledger: Ledger,
    pub book: Book,
    pub tally: Tally,
}

impl<'t> World<'t> {
    /// The beginning of a world.
    pub fn begin(template: &'t Template, database: Database, script: &Script) -> Self {
        let (seed, mut dice) = (script.seed, Dice::of(script.seed, 0));
        let life = Life::begin(&template.site, &database, START_MS, dice.seed());
        let mut members = BTreeMap::new();
        let mut grants = BTreeSet::new();
        for (number, phone) in (0..script.phones).zip(&template.phones) {
            let mut dice = Dice::of(seed, u32::MAX - number);
            let phone = phone.copy(dice.seed());
            let device = phone.enrolment().device;
            grants.extend(grants_of(number).iter().map(|grant| (device, (*grant).to_owned())));
            let areas = if number % 3 == 2 { &template.site.areas[..1] } else { &template.site.areas[..] };
            let (areas, skew_ms) = (areas.to_vec(), dice.skew_ms());
            let member = Member {
                phone,
                device,
                areas,
                skew_ms,
                backup: None,
                life: 0,
                syncing: false,
                copied: false,
            };
            members.insert(number, member);
        }
        let codes = ["S1", "S2"].map(str::to_owned).into_iter();
        Self {
            traced: std::env::var_os("TRACE").is_some(),
            template,
            seed,
            database,
            life: Some(life),
            now_ms: START_MS,
            server_skew_ms: 0,
            members,
            areas: codes.zip(template.site.areas.iter().copied()).collect(),
            revoked: BTreeSet::new(),
            ever_granted: grants.clone(),
            grants,
            versions: Vec::new(),
            published: Vec::new(),
            flights: Vec::new(),
            past: Vec::new(),
            files: BTreeMap::from([(0, template.foreign.clone())]),
            backup: None,
            replayed: BTreeSet::new(),
            recovering: false,
            restores: 0,
            causes: BTreeSet::new(),
            ledger: Ledger::default(),
            book: Book::default(),
            tally: Tally::default(),
        }
    }

    /// One thing happens.
    pub fn act(&mut self, number: u32, event: &Event) {
        let mut dice = Dice::of(self.seed, number);
        self.let_time_pass(&mut dice);
        self.tally.count(event.kind());
        self.tell((number, event));
        match event {
            Event::Save { phone, fault } => self.save(*phone, *fault, number, &mut dice),
            Event::Sync { phone, budget } => self.begin_sync(*phone, *budget, &mut dice),
            Event::Deliver { pick, fate, fault } => self.deliver(*pick, *fate, *fault, &mut dice),
            Event::Restart { phone } => self.restart(*phone),
            Event::BackUp { phone } => self.back_up(*phone),
            Event::Restore { phone } => self.restore(*phone, &mut dice),
            Event::Clone { phone, twin } => self.clone_phone(*phone, *twin, &mut dice),
            Event::Skew { phone, by_ms } => self.skew(*phone, *by_ms),
            Event::Export { phone, file } => self.export(*phone, *file, &mut dice),
            Event::Import { phone, file, damage, fault } => {
                self.import(*phone, *file, *damage, *fault, &mut dice);
            }
            Event::Pass { phone, to, damage, fault } => self.pass(*phone, *to, *damage, *fault, &mut dice),
            Event::Replay { code } => self.replay(code),
            Event::Settle { phone } => _ = self.look_through_outbox(*phone, dice.seed()),
            Event::Enrol { phone } => self.enrol(*phone, &mut dice),
            Event::Revoke { phone } => self.revoke(*phone),
            Event::Grant { phone, grant, give } => self.grant(*phone, grant, *give),
            Event::Area { code } => self.new_area(code),
            Event::Publish { death } => self.publish(*death, &mut dice),
            Event::Compact { death } => self.compact(*death, &mut dice),
            Event::Expire { days } => self.expire(*days),
            Event::ServerSkew { by_ms } => self.skew_server(*by_ms),
            Event::ServerDies => self.server_dies(&mut dice),
            Event::ServerBackUp => self.back_up_server(&mut dice),
            Event::ServerRestore { told } => self.restore_server(*told, &mut dice),
            Event::Peace => self.peace(&mut dice),
        }
    }

    /// Tells what happens, to whoever wants to know why a world ended badly.
    pub fn tell(&self, what: impl Debug) {
        if self.traced {
            eprintln!("{what:?}");
        }
    }

    /// The server that runs.
    pub fn life(&self) -> &Life {
        self.life.as_ref().expect("the server was begun again")
    }

    fn let_time_pass(&mut self, dice: &mut Dice) {
        let passed = i64::from(dice.below(120_000));
        self.now_ms += passed;
        self.life().site.app.clock().advance_ms(passed);
        for member in self.members.values_mut() {
            member.phone.clock_ms = self.now_ms + member.skew_ms;
        }
    }

    fn save(&mut self, id: Id, fault: DiskFault, number: u32, dice: &mut Dice) {
        let Self { members, ledger, .. } = self;
        let Some(member) = members.get_mut(&id) else { return };
        member.phone.reseed(dice.seed());
        member.phone.fault = fault;
        let mut work = Work::new(dice.seed(), 1_000_000 + i64::from(number), &member.areas);
        let before = ledger.len();
        let saved = work.save(&mut member.phone, ledger);
        if let Some(Mark::Written(_, path, _)) = ledger.last().filter(|_| ledger.len() > before) {
            self.tally.add("visit", u64::from(visits::asks(path)));
        }
        self.tell((id, self.ledger.last(), saved));
        if saved == Err(Died) {
            self.reborn(id);
        }
    }

    fn begin_sync(&mut self, id: Id, budget_bytes: Option<u64>, dice: &mut Dice) {
        let Some(member) = self.members.get_mut(&id).filter(|member| !member.syncing) else { return };
        member.syncing = true;
        member.phone.reseed(dice.seed());
        let battery_percent = Some(dice.below(100).to_le_bytes()[0]);
        let options = SyncOptions { budget_bytes, battery_percent, ..SyncOptions::default() };
        let effects = member.phone.drive(Input::Sync(options));
        self.follow(id, effects.map(Step::of));
    }

    /// Goes on with what a phone wants.
    pub fn follow(&mut self, id: Id, step: Result<Step, Died>) {
        let Ok(step) = step else { return self.reborn(id) };
        self.tell((id, &step.report));
        let Some(member) = self.members.get_mut(&id) else { return };
        if let Some(report) = step.report {
            let bad = matches!(&report.end, SyncEnd::Untrusted { .. })
                || matches!(&report.end, SyncEnd::Failed(failure) if is_defect(failure));
            assert!(!bad, "a sync ends well: {}: {:?}", member.phone.label, report.end);
            member.syncing = false;
            self.ledger.note_synced(&member.phone);
        } else if let Some(request) = step.send {
            let life = member.life;
            self.flights.push(Flight { phone: id, life, request, reply: None, ghost: false });
        }
    }

    fn restart(&mut self, id: Id) {
        if let Some(member) = self.members.get_mut(&id) {
            member.phone.restart();
            self.reborn(id);
        }
    }

    /// A phone has begun a new life: it does not know of what was under way.
    pub fn reborn(&mut self, id: Id) {
        self.tell((id, "begins a new life"));
        if let Some(member) = self.members.get_mut(&id) {
            member.life += 1;
            member.syncing = false;
            self.tally.count("phone begun anew");
        }
    }

    fn back_up(&mut self, id: Id) {
        if let Some(member) = self.members.get_mut(&id) {
            member.backup = Some((member.phone.shelf().clone(), self.ledger.len()));
        }
    }

    /// A phone loses its memory. Where the server has lost its own and only this phone could give it back, it would be
    /// gone: that does not happen.
    fn restore(&mut self, id: Id, dice: &mut Dice) {
        if self.recovering && self.is_needed(id) {
            return;
        }
        let Some(member) = self.members.get_mut(&id) else { return };
        let Some((rows, since)) = member.backup.clone() else { return };
        member.phone.restore(rows);
        member.phone.reseed(dice.seed());
        self.ledger.note_restored(&member.phone, since);
        let device = member.device;
        self.mark_copied(device);
        self.reborn(id);
    }

    fn clone_phone(&mut self, id: Id, twin: Id, dice: &mut Dice) {
        let Some(member) = self.members.get(&id) else { return };
        let mut phone = member.phone.copy(dice.seed());
        phone.label = format!("{} copied as {twin}", phone.label);
        let (device, areas) = (member.device, member.areas.clone());
        let member = Member {
            phone,
            device,
            areas,
            backup: None,
            life: 0,
            syncing: false,
            skew_ms: member.skew_ms,
            copied: true,
        };
        self.members.insert(twin, member);
        self.mark_copied(device);
    }

    fn mark_copied(&mut self, device: DeviceId) {
        self.causes.insert(Cause::Copied);
        for member in self.members.values_mut().filter(|member| member.device == device) {
            member.copied = true;
        }
    }

    fn skew(&mut self, id: Id, by_ms: i64) {
        if let Some(member) = self.members.get_mut(&id) {
            member.skew_ms = by_ms;
        }
    }
}

/// Whether the program contradicts itself.
fn is_defect(failure: &fieldmerge_engine::Failure) -> bool {
    failure.kind() == fieldmerge_engine::FailureKind::Bug
}
