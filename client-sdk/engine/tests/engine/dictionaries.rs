//! Dictionaries: a device packs with what the server sent, and without where the server does not know it.

use fieldmerge_model::access::Role;
use fieldmerge_protocol::bundle::Frame;
use fieldmerge_protocol::limits::MAX_DICTIONARIES;
use fieldmerge_protocol::sync::Dictionary;
use fieldmerge_protocol::{LogId, RecordClass};

use crate::phone::Phone;
use crate::server::Server;

/// The dictionaries that the frames that came name, in their order.
fn named(server: &Server) -> Vec<u32> {
    let frames = server.seen.values().flatten();
    frames.map(|frame| Frame::parse(frame).expect("a frame").header.dictionary).collect()
}

fn current(server: &Server) -> u32 {
    Dictionary::number(server.dictionaries.last().expect("it has one"))
}

#[test]
fn a_device_packs_with_the_dictionary_that_it_was_sent() {
    let mut server = Server::new();
    server.train(1);
    let mut a = Phone::enrolled(&mut server, 1, &[Role::Enumerator]);
    let mut b = Phone::enrolled(&mut server, 2, &[Role::Enumerator]);
    a.create(server.site, "Rakoto");
    a.sync_well(&mut server);
    assert_eq!(named(&server), [0], "it did not know it yet");
    let record = a.create(server.site, "Rakoto");
    a.sync_well(&mut server);
    assert_eq!(named(&server), [0, current(&server)]);
    assert_eq!(b.sync_well(&mut server).received, 2);
    assert!(b.engine.get(record).is_some());
    // A restart forgets nothing.
    let mut a = a.copy(9);
    let first = a.sync_well(&mut server);
    assert!(first.bytes_down < 400, "it is not sent again: {first:?}");
    server.train(2);
    assert_eq!(b.sync_well(&mut server).requests, 1);
    b.create(server.site, "Rabe");
    b.sync_well(&mut server);
    assert!(named(&server).contains(&current(&server)), "a later one takes its place");
}

#[test]
fn what_the_server_cannot_read_is_packed_without() {
    let mut server = Server::new();
    server.train(1);
    let mut a = Phone::enrolled(&mut server, 1, &[Role::Enumerator]);
    a.sync_well(&mut server);
    server.dictionaries.clear();
    let record = a.create(server.site, "Rakoto");
    let report = a.sync_well(&mut server);
    assert_eq!((report.accepted, report.requests), (1, 2));
    assert!(a.engine.outbox().changes.is_empty());
    assert!(server.value(record, "family_name").is_some());
    // A server that has one again is believed again.
    server.train(1);
    a.sync_well(&mut server);
    a.create(server.site, "Rabe");
    assert_eq!(a.sync_well(&mut server).requests, 1);
    assert!(named(&server).contains(&current(&server)));
}

#[test]
fn what_any_of_many_dictionaries_packed_goes_to_a_restored_server_again() {
    let mut server = Server::new();
    let mut a = Phone::enrolled(&mut server, 1, &[Role::Enumerator]);
    a.sync_well(&mut server);
    let backup = server.clone();
    let many = 20;
    assert!(usize::from(many) > MAX_DICTIONARIES);
    for seed in 1..=many {
        server.train(seed);
        a.sync_well(&mut server);
        a.create(server.site, "Rakoto");
        let report = a.sync_well(&mut server);
        assert_eq!((report.accepted, report.requests), (1, 1), "{seed}");
        assert!(named(&server).contains(&current(&server)), "{seed}: it packs with the last one");
    }
    server = backup;
    server.log = LogId([79; 16]);
    a.sync_well(&mut server);
    assert_eq!(server.records(RecordClass::Core), usize::from(many));
}
