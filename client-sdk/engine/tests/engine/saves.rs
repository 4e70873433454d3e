//! What a person saves, without any link.

use fieldmerge_engine::number::WorkerNumber;
use fieldmerge_engine::{Edit, Engine, Failure, ListQuery, LogEntry};
use fieldmerge_model::access::Role;
use fieldmerge_model::types::date::Date;
use fieldmerge_model::types::entry::{AttendanceEntry, TrainingEntry, TrainingTopic};
use fieldmerge_protocol::{RecordId, Value};

use crate::phone::{Fault, Phone, change, path, snapshot, worker};
use crate::server::Server;

fn phone() -> (Server, Phone) {
    let mut server = Server::new();
    let phone = Phone::enrolled(&mut server, 7, &[Role::Enumerator, Role::Supervisor]);
    (server, phone)
}

pub(crate) fn present(subject: RecordId, day: &str) -> LogEntry {
    let day: Date = day.parse().expect("a date");
    LogEntry { subject, entry: AttendanceEntry::present(0, day, 4).into() }
}

#[test]
fn the_same_values_saved_twice_at_once_are_two_records() {
    let (server, mut phone) = phone();
    let one = phone.create(server.site, "Rakoto");
    let two = phone.create(server.site, "Rakoto");
    assert_ne!(one, two);
    assert_eq!(phone.engine.outbox().changes.len(), 2);
    assert_ne!(phone.value(one, "worker_number"), phone.value(two, "worker_number"));
}

#[test]
fn a_worker_gets_a_number_that_checks() {
    let (server, mut phone) = phone();
    let record = phone.create(server.site, "Rakoto");
    let number = phone.value(record, "worker_number").expect("a number");
    let number: WorkerNumber = number.as_str().expect("text").parse().expect("a valid number");
    assert_eq!((number.device(), number.counter()), (7, number.counter()));
}

#[test]
fn a_save_that_the_store_refuses_changes_nothing() {
    let (server, mut phone) = phone();
    let record = phone.create(server.site, "Rakoto");
    let before = phone.engine.get(record);
    phone.fault = Fault::Refuse(0);
    assert_eq!(phone.set(record, "family_name", "Rabe"), Err(Failure::StoreFailed));
    assert_eq!(phone.engine.get(record), before);
    assert_eq!(phone.engine.outbox().changes.len(), 1);
    assert_eq!(phone.set(record, "family_name", "Rabe"), Ok(()));
    assert_eq!(phone.value(record, "family_name"), Some(Value::str("Rabe")));
}

#[test]
fn a_save_is_all_or_nothing() {
    let (server, mut phone) = phone();
    let good = worker(server.site, "Rakoto");
    let bad = change(RecordId([8; 16]), "sex", "male");
    assert_eq!(phone.save(&[good, bad]), Err(Failure::UnknownRecord(RecordId([8; 16]))));
    assert!(phone.engine.list(&ListQuery::default()).is_empty());
    assert!(phone.engine.outbox().changes.is_empty());
}

#[test]
fn values_are_checked_against_the_form() {
    let (server, mut phone) = phone();
    let record = phone.create(server.site, "Rakoto");
    let refused = |phone: &mut Phone, to: &str, value: Value| {
        let edit = Edit::Change { record, person: 0, values: vec![(path(to), value)], removes: Vec::new() };
        phone.save(&[edit]).expect_err("refused").code()
    };
    assert_eq!(refused(&mut phone, "no_such_field", Value::str("x")), "unknown-field");
    assert_eq!(refused(&mut phone, "sex", Value::str("x")), "unknown-code");
    assert_eq!(refused(&mut phone, "birth_year", Value::str("x")), "wrong-type");
    assert_eq!(refused(&mut phone, "birth_year", Value::Int(1066)), "out-of-range");
    assert_eq!(refused(&mut phone, "worker_number", Value::str("1")), "fixed-field");
    assert_eq!(refused(&mut phone, "_area", Value::str("1")), "fixed-field");
    assert_eq!(refused(&mut phone, "sex", Value::str("female")), "nothing-to-write");
}

#[test]
fn members_of_sets_come_and_go() {
    let (server, mut phone) = phone();
    let record = phone.create(server.site, "Rakoto");
    let edit = |values, removes| Edit::Change { record, person: 0, values, removes };
    phone.save(&[edit(vec![(path("languages/mlg"), Value::Bool(true))], vec![])]).expect("added");
    assert_eq!(phone.value(record, "languages/mlg"), Some(Value::Bool(true)));
    phone.save(&[edit(vec![], vec![path("languages/mlg")])]).expect("removed");
    assert_eq!(phone.value(record, "languages/mlg"), None);
    assert!(phone.save(&[edit(vec![], vec![path("sex")])]).is_err());
}

#[test]
fn entries_go_into_the_log_of_their_month() {
    let (server, mut phone) = phone();
    let workers: Vec<RecordId> = ["A", "B", "C"].map(|name| phone.create(server.site, name)).to_vec();
    let sheet = |day: &str| workers.iter().map(|worker| present(*worker, day)).collect::<Vec<_>>();
    let first = phone.append(server.site, sheet("2026-03-02")).expect("saved");
    let second = phone.append(server.site, sheet("2026-03-03")).expect("saved");
    let april = phone.append(server.site, sheet("2026-04-01")).expect("saved");
    assert_eq!(first.iter().map(|(_, n)| *n).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(second.iter().map(|(_, n)| *n).collect::<Vec<_>>(), [3, 4, 5]);
    assert_eq!(first[0].0, second[0].0);
    assert_ne!(first[0].0, april[0].0);
    phone.reopen();
    let view = phone.engine.get(first[0].0).expect("the log");
    assert_eq!(view.entries.len(), 6);
    assert_eq!(view.entries[4].subject, Some(workers[1]));
    let both = [present(workers[0], "2026-03-04"), present(workers[0], "2026-04-02")];
    let mixed = phone.append(server.site, both.to_vec()).expect("saved");
    assert_eq!(mixed, [(first[0].0, 6), (april[0].0, 3)]);
}

#[test]
fn a_log_that_no_form_writes_is_not_begun() {
    let (server, mut phone) = phone();
    let worker = phone.create(server.site, "Rakoto");
    let training = TrainingEntry {
        person: 0,
        held_on: "2026-03-02".parse().expect("a date"),
        topic: TrainingTopic::Osh,
        quarters: 4,
        result: None,
        corrects: None,
    };
    let entry = LogEntry { subject: worker, entry: training.into() };
    let refused = phone.append(server.site, vec![entry]);
    assert!(matches!(&refused, Err(Failure::WrongType(name)) if name == "training"), "{refused:?}");
}

#[test]
fn search_finds_by_beginnings_numbers_and_without_accents() {
    let (server, mut phone) = phone();
    let voahangy = phone.create(server.site, "Rasoanirina Voahangy");
    let hery = phone.create(server.site, "Rakotomalala Héry");
    let found = |phone: &Phone, text: &str| -> Vec<RecordId> {
        phone.engine.find(text, 10).into_iter().map(|hit| hit.summary.record).collect()
    };
    assert_eq!(found(&phone, "hery"), [hery]);
    assert_eq!(found(&phone, "VOA raso"), [voahangy]);
    assert_eq!(found(&phone, "ra").len(), 2);
    assert_eq!(found(&phone, "x"), []);
    assert_eq!(found(&phone, " "), []);
    let number = phone.value(hery, "worker_number").expect("a number");
    assert_eq!(found(&phone, number.as_str().expect("text")), [hery]);
    phone.set(hery, "phone", "+261340000101").expect("saved");
    assert_eq!(found(&phone, "0340000101").len() + found(&phone, "340000101").len(), 1);
}

#[test]
fn what_was_saved_is_there_after_reopening() {
    let (server, mut phone) = phone();
    let record = phone.create(server.site, "Rakoto");
    phone.set(record, "birth_year", 1991).expect("saved");
    let (view, outbox) = (phone.engine.get(record), phone.engine.outbox());
    phone.reopen();
    assert_eq!(phone.engine.get(record), view);
    assert_eq!(phone.engine.outbox(), outbox);
}

#[test]
fn a_device_that_is_not_enrolled_saves_nothing() {
    let (server, mut phone) = phone();
    phone.rows.clear();
    phone.reopen();
    assert_eq!(phone.save(&[worker(server.site, "A")]), Err(Failure::NotEnrolled));
}

#[test]
fn a_later_or_damaged_store_is_not_opened() {
    let (server, mut phone) = phone();
    phone.create(server.site, "Rakoto");
    let whole = snapshot(&phone.rows);
    assert!(Engine::open(whole.clone()).is_ok());
    for row in 0..whole.rows.len() {
        let mut damaged = whole.clone();
        damaged.rows[row].2 = vec![0xff].into();
        assert!(Engine::open(damaged).is_err(), "{:?}", whole.rows[row].0);
    }
}
