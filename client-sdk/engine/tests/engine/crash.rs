//! Any sequence of saves, syncs, cuts and losses of power: what was confirmed is not lost, and all agree in the end.

use std::collections::{BTreeMap, BTreeSet};

use fieldmerge_engine::{Input, Outcome, SavedEdit};
use fieldmerge_model::access::Role;
use fieldmerge_protocol::{RecordClass, RecordId, Value};
use proptest::prelude::*;

use crate::phone::{Cut, Fault, Phone, change, worker};
use crate::saves::present;
use crate::server::Server;

/// One thing that happens to one of two phones.
#[derive(Debug, Clone)]
enum Event {
    Create,
    Edit {
        record: usize,
        year: i64,
    },
    Sheet {
        worker: usize,
        day: u32,
    },
    /// Which request is cut, within it or its answer, and at which byte.
    Sync {
        cut: Option<(usize, bool, usize)>,
    },
    Reopen,
}

/// The phone, what happens to it, and which fault strikes after how many effects.
type Step = (usize, Event, Option<(u8, usize)>);

fn events() -> impl Strategy<Value = Vec<Step>> {
    let event = prop_oneof![
        2 => Just(Event::Create),
        4 => (0_usize..8, 1950_i64..2005).prop_map(|(record, year)| Event::Edit { record, year }),
        2 => (0_usize..8, 1_u32..29).prop_map(|(worker, day)| Event::Sheet { worker, day }),
        4 => proptest::option::of((0_usize..3, any::<bool>(), 0_usize..4_000)).prop_map(|cut| Event::Sync { cut }),
        1 => Just(Event::Reopen),
    ];
    let fault = proptest::option::weighted(0.4, (0_u8..3, 0_usize..8));
    proptest::collection::vec((0_usize..2, event, fault), 1..40)
}

#[derive(Default)]
struct Confirmed {
    workers: Vec<RecordId>,
    /// The last confirmed year of a record by each phone.
    years: BTreeMap<(usize, RecordId), i64>,
    /// Records with an edit that may have been kept although nobody was told.
    unsure: BTreeSet<RecordId>,
    entries: usize,
}

fn fault(kind: u8, after: usize) -> Fault {
    match kind {
        0 => Fault::Before(after),
        1 => Fault::After(after),
        _ => Fault::Refuse(after),
    }
}

fn happen(
    server: &mut Server,
    phone: &mut Phone,
    index: usize,
    event: &Event,
    confirmed: &mut Confirmed,
) -> bool {
    let known: Vec<RecordId> =
        confirmed.workers.iter().copied().filter(|worker| phone.engine.get(*worker).is_some()).collect();
    let pick = |at: usize| known.get(at % known.len().max(1)).copied();
    let save = |phone: &mut Phone, edit: fieldmerge_engine::Edit| match phone
        .ask(|ticket| Input::Save { ticket, edits: vec![edit.clone()] })
    {
        Ok(Ok(Outcome::Saved(saved))) => Ok(Some(saved)),
        Ok(_) => Ok(None),
        Err(crash) => Err(crash),
    };
    match event {
        Event::Create => match save(phone, worker(server.site, "Rakoto")) {
            Ok(Some(saved)) => {
                let [SavedEdit::Record(record)] = saved[..] else { panic!("{saved:?}") };
                confirmed.workers.push(record);
            }
            Ok(None) => {}
            Err(_) => return false,
        },
        Event::Edit { record, year } => {
            let Some(record) = pick(*record) else { return true };
            match save(phone, change(record, "birth_year", *year)) {
                Ok(Some(_)) => _ = confirmed.years.insert((index, record), *year),
                Ok(None) => {}
                Err(_) => {
                    confirmed.unsure.insert(record);
                    return false;
                }
            }
        }
        Event::Sheet { worker, day } => {
            let Some(worker) = pick(*worker) else { return true };
            let entries = vec![present(worker, &format!("2026-03-{day:02}"))];
            match save(phone, fieldmerge_engine::Edit::Append { area: server.site, person: 0, entries }) {
                Ok(Some(_)) => confirmed.entries += 1,
                Ok(None) => {}
                Err(_) => return false,
            }
        }
        Event::Sync { cut } => {
            let mut cut_at = |request: usize| match cut {
                Some((at, true, byte)) if *at == request => Cut::Request(*byte),
                Some((at, false, byte)) if *at == request => Cut::Answer(*byte),
                _ => Cut::None,
            };
            return phone.sync_cut(server, &mut cut_at).is_ok();
        }
        Event::Reopen => phone.reopen(),
    }
    true
}

fn check(server: &Server, phones: &[Phone], confirmed: &Confirmed) {
    assert!(server.seen.values().all(|contents| contents.len() == 1), "a frame number had two contents");
    let records = server.digests(RecordClass::Core);
    for worker in &confirmed.workers {
        assert!(records.contains_key(worker), "a confirmed record is lost");
    }
    assert!(server.entries(RecordClass::Attendance) >= confirmed.entries as u64, "a confirmed entry is lost");
    for phone in phones {
        assert!(phone.engine.outbox().changes.is_empty(), "{:?}", phone.engine.outbox());
        assert!(phone.engine.notices().is_empty(), "{:?}", phone.engine.notices());
        for (record, values) in &records {
            let view = phone.engine.get(*record).expect("every phone holds every record");
            assert_eq!(view.values.len(), values.len());
            for value in view.values {
                assert_eq!(server.value(*record, value.path.as_str()), Some(value.value));
            }
        }
    }
    for record in confirmed.workers.iter().filter(|record| !confirmed.unsure.contains(record)) {
        let written: Vec<i64> =
            confirmed.years.iter().filter(|((_, other), _)| other == record).map(|(_, year)| *year).collect();
        if let [only] = written[..] {
            assert_eq!(server.value(*record, "birth_year"), Some(Value::Int(only)));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn nothing_confirmed_is_lost_and_all_agree(
        events in events(),
        regroups in proptest::option::of(any::<u64>()),
    ) {
        let mut server = Server::new();
        server.regroups = regroups;
        let roles = [Role::Enumerator, Role::Supervisor];
        let mut phones = vec![Phone::enrolled(&mut server, 1, &roles), Phone::enrolled(&mut server, 2, &roles)];
        let mut confirmed = Confirmed::default();
        for (index, event, strike) in &events {
            let phone = &mut phones[*index];
            phone.fault = strike.map_or(Fault::None, |(kind, after)| fault(kind, after));
            if !happen(&mut server, phone, *index, event, &mut confirmed) {
                phone.reopen();
            }
            phone.fault = Fault::None;
        }
        for _ in 0..2 {
            for phone in &mut phones {
                phone.reopen();
                phone.sync_well(&mut server);
            }
        }
        check(&server, &phones, &confirmed);
    }
}
