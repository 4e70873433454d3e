//! Backups of phones, and of the server, are put back at any moment: all agree in the end, and nothing is doubled.

use std::collections::BTreeSet;

use fieldmerge_engine::{Edit, ListQuery};
use fieldmerge_model::access::Role;
use fieldmerge_model::types::date::Date;
use fieldmerge_protocol::{LogId, RecordClass, RecordId};
use proptest::prelude::*;

use crate::phone::{Cut, Phone, change};
use crate::saves::present;
use crate::server::Server;

#[derive(Debug, Clone)]
enum Event {
    Create,
    Edit { record: usize, year: i64 },
    Sheet { worker: usize },
    Sync { cut: Option<(usize, Option<usize>)> },
    Backup,
    Restore,
}

fn events() -> impl Strategy<Value = Vec<(usize, Event)>> {
    let event = prop_oneof![
        2 => Just(Event::Create),
        3 => (0_usize..8, 1950_i64..2005).prop_map(|(record, year)| Event::Edit { record, year }),
        3 => (0_usize..8).prop_map(|worker| Event::Sheet { worker }),
        4 => proptest::option::weighted(0.4, (0_usize..3, proptest::option::weighted(0.6, 0_usize..3_000)))
            .prop_map(|cut| Event::Sync { cut }),
        1 => Just(Event::Backup),
        1 => Just(Event::Restore),
    ];
    proptest::collection::vec((0_usize..2, event), 1..40)
}

struct World {
    server: Server,
    phones: Vec<Phone>,
    backups: Vec<Phone>,
    server_backup: Server,
    workers: Vec<RecordId>,
    days: i64,
    seed: u8,
}

impl World {
    fn new() -> Self {
        let mut server = Server::new();
        server.train(0);
        let roles = [Role::Enumerator, Role::Supervisor];
        let phones: Vec<Phone> = (1..=2).map(|number| Phone::enrolled(&mut server, number, &roles)).collect();
        let backups = phones.iter().map(|phone| phone.copy(50)).collect();
        Self {
            server_backup: server.clone(),
            server,
            phones,
            backups,
            workers: Vec::new(),
            days: 20_500,
            seed: 100,
        }
    }

    fn happen(&mut self, index: usize, event: &Event, restores_server: bool) {
        let Self { server, phones, workers, .. } = self;
        let phone = &mut phones[index];
        let known: Vec<RecordId> =
            workers.iter().copied().filter(|worker| phone.engine.get(*worker).is_some()).collect();
        let pick = |at: usize| known.get(at % known.len().max(1)).copied();
        self.seed = self.seed.wrapping_add(1);
        match event {
            Event::Create => workers.push(phone.create(server.site, "Rakoto")),
            Event::Edit { record, year } => {
                if let Some(record) = pick(*record) {
                    _ = phone.save(&[change(record, "birth_year", *year)]);
                }
            }
            Event::Sheet { worker } => {
                if let Some(worker) = pick(*worker) {
                    self.days += 1;
                    let day = Date::from_days(self.days).expect("a date").to_string();
                    let entries = vec![present(worker, &day)];
                    phone.save(&[Edit::Append { area: server.site, person: 0, entries }]).expect("saved");
                }
            }
            Event::Sync { cut } => {
                let mut cut = |request: usize| match cut {
                    Some((which, at)) if request == *which => at.map_or(Cut::Request(0), Cut::Answer),
                    _ => Cut::None,
                };
                phone.sync_cut(server, &mut cut).expect("no crash");
            }
            Event::Backup if restores_server => self.server_backup = server.clone(),
            Event::Backup => self.backups[index] = phone.copy(50),
            Event::Restore if restores_server => {
                *server = self.server_backup.clone();
                server.log = LogId([self.seed; 16]);
                // Its program may be another one too, which has never seen what phones packed with.
                server.dictionaries.clear();
                server.train(self.seed);
            }
            Event::Restore => *phone = self.backups[index].copy(self.seed),
        }
    }

    fn check(&self) {
        let records = self.server.digests(RecordClass::Core);
        for phone in &self.phones {
            let outbox = phone.engine.outbox();
            assert!(outbox.changes.is_empty(), "{outbox:?} {:?}", self.server.held());
            let mut days = BTreeSet::new();
            let logs = ListQuery {
                record_type: Some("attendance".to_owned()),
                limit: 10_000,
                ..ListQuery::default()
            };
            for log in phone.engine.list(&logs) {
                for entry in phone.engine.get(log.record).expect("a log").entries {
                    let date = entry.entry.expect("an entry that reads").date();
                    assert!(days.insert(date), "a day is doubled");
                }
            }
            assert_eq!(days.len() as u64, self.server.entries(RecordClass::Attendance));
            let workers =
                ListQuery { record_type: Some("worker".to_owned()), limit: 10_000, ..ListQuery::default() };
            assert_eq!(phone.engine.list(&workers).len(), records.len());
            for (record, values) in &records {
                let view = phone.engine.get(*record).expect("every phone holds every record");
                let shown: Vec<String> =
                    view.values.iter().map(|value| format!("{} {:?}", value.path, value.value)).collect();
                let held: Vec<String> = values
                    .iter()
                    .map(|(path, _)| {
                        format!("{path} {:?}", self.server.value(*record, path).expect("a value"))
                    })
                    .collect();
                assert_eq!(shown, held);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn all_agree_after_restores(events in events(), restores_server: bool) {
        let mut world = World::new();
        for (index, event) in &events {
            world.happen(*index, event, restores_server);
        }
        for _ in 0..3 {
            for phone in &mut world.phones {
                phone.sync_well(&mut world.server);
            }
        }
        world.check();
    }
}
