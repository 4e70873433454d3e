//! Observations that the server has are kept sealed, until a backup holds them: a restored server gets them back.

use fieldmerge_engine::{Edit, Table};
use fieldmerge_model::access::Role;
use fieldmerge_protocol::seal::SealingPair;
use fieldmerge_protocol::{LogId, RecordClass, RecordId, Value};

use crate::phone::{Cut, NOW_MS, Phone, path};
use crate::server::Server;

fn one() -> (Server, Phone, RecordId) {
    let mut server = Server::new();
    server.train(0);
    let mut phone = Phone::enrolled(&mut server, 1, &[Role::Enumerator, Role::Supervisor]);
    phone.sync_well(&mut server);
    let worker = phone.create(server.site, "Rakoto");
    phone.sync_well(&mut server);
    (server, phone, worker)
}

/// An observation of a worker.
pub(crate) fn observe(phone: &mut Phone, server: &Server, worker: RecordId) {
    let observation = Edit::Create {
        record: None,
        record_type: "observation".to_owned(),
        area: server.site,
        subject: Some(worker),
        person: 0,
        values: vec![(path("displacement_status"), Value::str("idp"))],
    };
    phone.save(&[observation]).expect("saved");
}

fn kept(phone: &Phone) -> usize {
    phone.rows.keys().filter(|(table, _)| *table == Table::Kept).count()
}

fn observations(server: &Server) -> usize {
    server.records(RecordClass::Observation)
}

#[test]
fn a_restored_server_gets_the_observations_back() {
    for (tells, cuts) in [(true, false), (false, false), (true, true)] {
        let (mut server, mut phone, worker) = one();
        let mut backup = server.clone();
        for _ in 0..12 {
            observe(&mut phone, &server, worker);
            phone.sync_well(&mut server);
        }
        assert_eq!((observations(&server), kept(&phone)), (12, 12));
        let rows = phone.rows.iter().filter(|((table, _), _)| *table != Table::Forms);
        let rows: Vec<u8> = rows.flat_map(|(_, row)| row.to_vec()).collect();
        assert!(!rows.windows(3).any(|bytes| bytes == b"idp"), "the phone itself reads nothing of it");
        if tells {
            backup.log = LogId([9; 16]);
        }
        server = backup;
        phone.reopen();
        if cuts {
            // Whatever the link does, what was offered and not acknowledged is offered again.
            for at in [150, 900, 2_000, 3_500, 1, 5_000] {
                let mut cut = |request: usize| if request == 1 { Cut::Request(at) } else { Cut::None };
                phone.sync_cut(&mut server, &mut cut).expect("no crash");
                let mut cut = |request: usize| if request == 0 { Cut::Answer(at) } else { Cut::None };
                phone.sync_cut(&mut server, &mut cut).expect("no crash");
                phone.reopen();
            }
        }
        phone.sync_well(&mut server);
        assert_eq!((observations(&server), kept(&phone)), (12, 12), "{tells} {cuts}");
        assert!(
            server.seen.values().all(|contents| contents.len() == 1),
            "they are the frames that they were"
        );
        let before = server.requests;
        phone.sync_well(&mut server);
        assert_eq!(server.requests - before, 1, "and are not offered once more");
    }
}

#[test]
fn they_come_back_in_as_many_requests_as_the_link_takes() {
    let (mut server, mut phone, worker) = one();
    let mut backup = server.clone();
    for _ in 0..80 {
        observe(&mut phone, &server, worker);
        phone.sync_well(&mut server);
    }
    backup.log = LogId([9; 16]);
    server = backup;
    // A link that takes 16 KiB at a time.
    phone.rate = Some(1_000);
    for _ in 0..8 {
        phone.sync_cut(&mut server.clone(), &mut |_| Cut::Answer(0)).expect("no crash");
    }
    server.requests = 0;
    phone.sync_well(&mut server);
    assert_eq!(observations(&server), 80);
    assert!((3..8).contains(&server.requests), "{}", server.requests);
}

#[test]
fn what_a_verified_backup_holds_is_deleted_once_the_server_has_signed_for_it() {
    let (mut server, mut phone, worker) = one();
    observe(&mut phone, &server, worker);
    phone.sync_well(&mut server);
    server.backed_up_ms = Some(NOW_MS - 1);
    phone.sync_well(&mut server);
    assert_eq!(kept(&phone), 1, "it came later than the backup");
    server.backed_up_ms = Some(NOW_MS);
    for at in [60, 120, 200] {
        phone.sync_cut(&mut server, &mut |_| Cut::Answer(at)).expect("no crash");
        assert_eq!(kept(&phone), 1, "who says so is known at the end of the answer");
    }
    phone.sync_well(&mut server);
    assert_eq!(kept(&phone), 0);
}

#[test]
fn what_a_server_without_the_key_cannot_open_is_kept_and_offered_again() {
    let (mut server, mut phone, worker) = one();
    let mut backup = server.clone();
    server.sealing.push(SealingPair::derive(&[78; 32]));
    server.roster += 1;
    phone.sync_well(&mut server);
    observe(&mut phone, &server, worker);
    phone.sync_well(&mut server);
    let lost = server.sealing.pop().expect("two keys");
    backup.log = LogId([9; 16]);
    server = backup;
    phone.sync_well(&mut server);
    assert_eq!((observations(&server), kept(&phone)), (0, 1));
    server.backed_up_ms = Some(NOW_MS + 1);
    phone.sync_well(&mut server);
    assert_eq!(kept(&phone), 1, "no backup holds what the server has not");
    // Somebody finds the key again.
    server.sealing.insert(0, lost);
    server.roster += 7;
    phone.sync_well(&mut server);
    assert_eq!(observations(&server), 1);
    phone.sync_well(&mut server);
    assert_eq!(kept(&phone), 0);
}
