//! Any sequence of saves, syncs, passes, restored backups, cuts and losses of power: all agree in the end, nothing is lost
//! but what only a lost phone held, nothing is doubled.

use std::collections::{BTreeMap, BTreeSet};

use fieldmerge_engine::{Input, OutboxState, Outcome, Outgoing, SavedEdit};
use fieldmerge_model::access::Role;
use fieldmerge_protocol::{RecordClass, RecordId};
use proptest::prelude::*;

use crate::passing::{agree, world};
use crate::phone::{Cut, Fault, Phone, change, worker};
use crate::saves::present;
use crate::server::Server;

const PHONES: usize = 4;

/// One thing that happens to a phone.
#[derive(Debug, Clone)]
enum Event {
    Create,
    Edit { record: usize, year: i64 },
    Sheet { worker: usize },
    Sync { cut: Option<(usize, bool, usize)> },
    Pass { to: usize },
    Backup,
    Restore,
    Reopen,
}

/// Which phone, what happens to it, and what of its disk or power fails then.
type Happening = (usize, Event, Option<(u8, usize)>);

fn events() -> impl Strategy<Value = Vec<Happening>> {
    let event = prop_oneof![
        3 => Just(Event::Create),
        6 => (0_usize..8, 1950_i64..2005).prop_map(|(record, year)| Event::Edit { record, year }),
        2 => (0_usize..8).prop_map(|worker| Event::Sheet { worker }),
        2 => proptest::option::of((0_usize..3, any::<bool>(), 0_usize..4_000)).prop_map(|cut| Event::Sync { cut }),
        8 => (1..PHONES).prop_map(|to| Event::Pass { to }),
        1 => Just(Event::Backup),
        1 => Just(Event::Restore),
        1 => Just(Event::Reopen),
    ];
    let fault = proptest::option::weighted(0.2, (0_u8..3, 0_usize..8));
    proptest::collection::vec((0..PHONES, event, fault), 1..60)
}

/// What each phone was told is saved, and has not lost by going back to a backup.
#[derive(Debug, Clone, Default)]
struct Saved {
    workers: BTreeSet<RecordId>,
    years: BTreeMap<RecordId, BTreeSet<i64>>,
    entries: usize,
}

struct World {
    server: Server,
    phones: [Phone; PHONES],
    saved: [Saved; PHONES],
    backups: [Option<(Phone, Saved)>; PHONES],
    /// Every entry that was ever written, for its own day.
    entries: usize,
    seed: u8,
}

impl World {
    fn new() -> Self {
        let (server, phones) = world(&[Role::Enumerator, Role::Supervisor]);
        let (saved, backups) = (Default::default(), Default::default());
        Self { server, phones, saved, backups, entries: 0, seed: 100 }
    }

    /// Everybody syncs until nothing moves.
    fn rest(&mut self) {
        for _ in 0..3 {
            for phone in &mut self.phones {
                phone.reopen();
                phone.sync_well(&mut self.server);
            }
        }
    }

    fn known(&self, index: usize, at: usize) -> Option<RecordId> {
        let all: BTreeSet<RecordId> =
            self.saved.iter().flat_map(|saved| saved.workers.iter().copied()).collect();
        let known: Vec<RecordId> =
            all.into_iter().filter(|worker| self.phones[index].engine.get(*worker).is_some()).collect();
        known.get(at % known.len().max(1)).copied()
    }

    fn save(&mut self, index: usize, edit: &fieldmerge_engine::Edit) -> Option<Vec<SavedEdit>> {
        let phone = &mut self.phones[index];
        match phone.ask(|ticket| Input::Save { ticket, edits: vec![edit.clone()] }) {
            Ok(Ok(Outcome::Saved(saved))) => Some(saved),
            Ok(_) => None,
            Err(_) => {
                phone.reopen();
                None
            }
        }
    }

    fn happen(&mut self, index: usize, event: &Event) {
        match event {
            Event::Create => {
                if let Some(saved) = self.save(index, &worker(self.server.site, "Rakoto")) {
                    let [SavedEdit::Record(record)] = saved[..] else { panic!("{saved:?}") };
                    self.saved[index].workers.insert(record);
                }
            }
            Event::Edit { record, year } => {
                if let Some(record) = self.known(index, *record)
                    && self.save(index, &change(record, "birth_year", *year)).is_some()
                {
                    self.saved[index].years.entry(record).or_default().insert(*year);
                }
            }
            Event::Sheet { worker } => {
                let Some(worker) = self.known(index, *worker) else { return };
                let day = format!("2026-03-{:02}", self.entries % 28 + 1);
                self.entries += 1;
                let entries = vec![present(worker, &day)];
                let area = self.server.site;
                if self.save(index, &fieldmerge_engine::Edit::Append { area, person: 0, entries }).is_some() {
                    self.saved[index].entries += 1;
                }
            }
            Event::Sync { cut } => {
                let mut cut_at = |request: usize| match cut {
                    Some((at, true, byte)) if *at == request => Cut::Request(*byte),
                    Some((at, false, byte)) if *at == request => Cut::Answer(*byte),
                    _ => Cut::None,
                };
                if self.phones[index].sync_cut(&mut self.server, &mut cut_at).is_err() {
                    self.phones[index].reopen();
                }
            }
            Event::Pass { to } => self.pass(index, (index + to) % PHONES),
            Event::Backup => {
                self.seed = self.seed.wrapping_add(1);
                self.backups[index] = Some((self.phones[index].copy(self.seed), self.saved[index].clone()));
            }
            Event::Restore => {
                if let Some((phone, saved)) = self.backups[index].take() {
                    self.phones[index] = phone;
                    self.saved[index] = saved;
                }
            }
            Event::Reopen => self.phones[index].reopen(),
        }
    }

    fn pass(&mut self, from: usize, to: usize) {
        let receiver = self.phones[to].device;
        let Ok(Ok(Outcome::Given { bytes, .. })) =
            self.phones[from].ask(|ticket| Input::Give { ticket, to: receiver })
        else {
            self.phones[from].reopen();
            return;
        };
        let fault = std::mem::take(&mut self.phones[from].fault);
        let phone = &mut self.phones[to];
        let opened = fieldmerge_protocol::exchange::open(phone.project(), receiver, &phone.key, &bytes);
        phone.fault = fault;
        if phone.try_take(&opened.expect("it opens")).is_err() {
            phone.reopen();
        }
        phone.fault = Fault::None;
    }

    fn check(&self) {
        let records = self.server.shown(RecordClass::Core);
        for phone in &self.phones {
            agree(&self.server, phone);
        }
        for (saved, phone) in self.saved.iter().zip(&self.phones) {
            // What was written on a record that went with a backup waits for a person, with its values.
            let waiting = phone.engine.outbox().changes;
            let explained = |change: &Outgoing| {
                let is_gone = change.feed.class == RecordClass::Core && !records.contains_key(&change.record);
                is_gone
                    && matches!(&change.state, OutboxState::Quarantined { code } if code == "unrepairable")
            };
            assert!(waiting.iter().all(explained), "{waiting:?}");
            let waits = |record: &RecordId| waiting.iter().any(|change| change.record == *record);
            for worker in &saved.workers {
                assert!(records.contains_key(worker), "a confirmed record is lost");
            }
            for (record, years) in saved.years.iter().filter(|(record, _)| !waits(record)) {
                let written = self.server.ever(*record, "birth_year");
                for year in years {
                    assert!(
                        written.contains(&format!("Int({year})")),
                        "a confirmed edit is lost: {year} {written:?}"
                    );
                }
            }
        }
        let least: usize = self.saved.iter().map(|saved| saved.entries).sum();
        let entries = usize::try_from(self.server.entries(RecordClass::Attendance)).expect("few");
        assert!((least..=self.entries).contains(&entries), "{least} {entries} {}", self.entries);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn phones_that_pass_sync_and_restore_agree_in_the_end(events in events()) {
        let mut world = World::new();
        for (index, event, strike) in &events {
            world.phones[*index].fault = match strike {
                Some((0, after)) => Fault::Before(*after),
                Some((1, after)) => Fault::After(*after),
                Some((_, after)) => Fault::Refuse(*after),
                None => Fault::None,
            };
            world.happen(*index, event);
            world.phones[*index].fault = Fault::None;
        }
        world.rest();
        world.check();
    }
}

#[test]
fn what_was_written_on_a_record_that_went_with_a_backup_waits_for_a_person() {
    let mut world = World::new();
    let edit = Event::Edit { record: 0, year: 1950 };
    let sync = Event::Sync { cut: None };
    // The phone's second record has the number that its first one had, which only another phone still holds.
    for (index, event) in [
        (2, Event::Backup),
        (2, Event::Create),
        (2, Event::Pass { to: 3 }),
        (1, edit),
        (2, Event::Restore),
        (2, Event::Create),
        (2, sync.clone()),
        (1, sync),
    ] {
        world.happen(index, &event);
    }
    world.rest();
    assert_eq!(world.phones[1].engine.outbox().changes.len(), 1);
    world.check();
}
