//! Files that nobody honest writes.

use ed25519_dalek::{Signer, SigningKey};
use fieldmerge_engine::{Failure, Outcome};
use fieldmerge_model::access::Role;
use fieldmerge_protocol::bundle::{BundleWriter, Frame, Part, PartReader};
use fieldmerge_protocol::exchange::{self, ExchangeError};
use fieldmerge_protocol::sync::{self, SignedRoster, roster_text, tag};
use fieldmerge_protocol::{DeviceId, ProjectId};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

use crate::passing::{agree, pass, world};
use crate::phone::{NOW_MS, Phone};
use crate::server::Server;

const BOTH: [Role; 2] = [Role::Enumerator, Role::Supervisor];

pub(crate) fn parts(contents: &[u8]) -> Vec<Part> {
    let mut reader = PartReader::new(1 << 20);
    reader.feed(contents);
    std::iter::from_fn(|| reader.next_part().expect("a bundle")).collect()
}

fn join(parts: &[Part]) -> Vec<u8> {
    let mut writer = BundleWriter::new();
    for part in parts {
        writer.part(part.tag, &part.payload);
    }
    writer.into_bytes()
}

/// The contents with the frames of one author alone.
pub(crate) fn only_of(contents: &[u8], author: DeviceId) -> Vec<u8> {
    let mut kept = parts(contents);
    kept.retain(|part| {
        part.tag != tag::FRAME || Frame::parse(&part.payload).is_ok_and(|f| f.header.origin.device == author)
    });
    join(&kept)
}

fn with_roster(contents: &[u8], signed: &SignedRoster) -> Vec<u8> {
    let mut parts = parts(contents);
    for part in parts.iter_mut().filter(|part| part.tag == tag::SIGNED_ROSTER) {
        part.payload = sync::encode(signed);
    }
    join(&parts)
}

#[test]
fn a_roster_that_the_server_did_not_sign_spoils_the_file() {
    let (server, [mut a, mut b]) = world(&BOTH);
    let one = a.create(server.site, "Rakoto");
    let contents = a.contents_for(&b);
    let forger = SigningKey::from_bytes(&[66; 32]);
    let good = server.signed_roster(NOW_MS);
    let signed_by = |text: Vec<u8>, key: &SigningKey| SignedRoster {
        signature: key.sign(&text).to_bytes().to_vec(),
        ..good.clone()
    };
    let own_text = roster_text(server.project, &good.statement);
    let bad = [
        signed_by(own_text, &forger),
        SignedRoster { statement: [&good.statement[..], &[0]].concat(), ..good.clone() },
        SignedRoster { signature: vec![7; 63], ..good.clone() },
        server.signed_for(ProjectId([99; 16]), NOW_MS),
    ];
    for signed in bad {
        let refused = b.take(&with_roster(&contents, &signed));
        assert!(matches!(refused, Err(Failure::BadFile(_))), "{refused:?}");
    }
    assert!(b.engine.get(one).is_none() && b.engine.outbox().carried_frames == 0);
    assert!(b.take(&with_roster(&contents, &good)).is_ok());
}

#[test]
fn a_frame_is_merged_only_if_its_author_may_write_it() {
    let mut server = Server::new();
    let mut a = Phone::enrolled(&mut server, 1, &BOTH);
    let mut b = Phone::enrolled(&mut server, 2, &BOTH);
    a.sync_well(&mut server);
    let one = a.create(server.site, "Rakoto");
    b.sync_well(&mut server);
    let contents = a.contents_for(&b);
    // The newest statement counts, whoever brings it.
    server.grant(1, &[Role::Payroll]);
    let newer = with_roster(&contents, &server.signed_roster(NOW_MS));
    let Ok(Outcome::Taken { frames: 1, changes: 0, unmerged: 1, .. }) = b.take(&newer) else {
        panic!("it is carried and not merged")
    };
    assert!(b.engine.get(one).is_none());
    server.grant(1, &BOTH);
    // The reader's own right is looked at too.
    server.grant(2, &[Role::Payroll, Role::Adjudicator]);
    server.grant(2, &[Role::Analyst]);
    let reader = with_roster(&contents, &server.signed_roster(NOW_MS));
    let Ok(Outcome::Taken { changes: 0, unmerged: 1, .. }) = b.take(&reader) else { panic!("not merged") };
    server.grant(2, &BOTH);
    let back = with_roster(&contents, &server.signed_roster(NOW_MS));
    let Ok(Outcome::Taken { changes: 1, .. }) = b.take(&back) else { panic!("it is merged now") };
    b.sync_well(&mut server);
    agree(&server, &b);
}

#[test]
fn a_device_that_enrolled_later_is_known_by_the_roster_of_who_passes() {
    let mut server = Server::new();
    let mut b = Phone::enrolled(&mut server, 2, &BOTH);
    b.sync_well(&mut server);
    let mut a = Phone::enrolled(&mut server, 1, &BOTH);
    a.sync_well(&mut server);
    a.create(server.site, "Rakoto");
    assert_eq!(pass(&mut a, &mut b), (1, 0));
    b.sync_well(&mut server);
    agree(&server, &b);
}

#[test]
fn every_damage_is_seen_and_harms_nothing() {
    let (mut server, [mut a, mut b]) = world(&BOTH);
    a.create(server.site, "Rakoto");
    let (file, _) = a.give(b.device).expect("it gives");
    for end in 0..file.len() {
        let cut = exchange::open(b.project(), b.device, &b.key, &file[..end]);
        assert_eq!(cut, Err(ExchangeError::NotAnExchange), "{end}");
    }
    for at in 0..file.len() {
        let mut touched = file.clone();
        touched[at] ^= 1;
        assert!(exchange::open(b.project(), b.device, &b.key, &touched).is_err(), "{at}");
    }
    assert_eq!(exchange::open(a.project(), a.device, &a.key, &file), Err(ExchangeError::OtherDevice));
    let elsewhere = exchange::open(ProjectId([99; 16]), b.device, &b.key, &file);
    assert_eq!(elsewhere, Err(ExchangeError::OtherProject));
    let mut thief = b.copy(3);
    thief.key = SigningKey::from_bytes(&[66; 32]);
    assert_eq!(exchange::open(b.project(), b.device, &thief.key, &file), Err(ExchangeError::Damaged));

    // Who holds the key of the receiver may have sealed anything at all.
    let contents = exchange::open(b.project(), b.device, &b.key, &file).expect("it opens");
    for end in 0..contents.len() {
        assert!(b.take(&contents[..end]).is_err(), "{end}");
    }
    let frame = parts(&contents).into_iter().find(|part| part.tag == tag::FRAME).expect("a frame").payload;
    for at in 4..contents.len() {
        let mut touched = contents.clone();
        touched[at] ^= 0x21;
        let mut other = b.copy(3);
        if let Ok(Outcome::Taken { changes, .. }) = other.take(&touched) {
            let whole = touched.windows(frame.len()).any(|bytes| bytes == frame);
            assert!(changes == 0 || whole, "{at}: a frame with a broken signature was merged");
        }
    }
    b.take(&contents).expect("the whole is taken");
    b.sync_well(&mut server);
    agree(&server, &b);
}

#[test]
fn rubbish_of_any_size_is_refused_at_once() {
    let (_, [_, mut b]) = world(&BOTH);
    let mut rng = ChaCha20Rng::from_seed([5; 32]);
    let mut rubbish = vec![0; 64 << 20];
    rng.fill_bytes(&mut rubbish);
    let opened = |bytes: &[u8]| exchange::open(b.project(), b.device, &b.key, bytes);
    assert_eq!(opened(&rubbish), Err(ExchangeError::TooLarge));
    assert_eq!(opened(&rubbish[..1 << 20]), Err(ExchangeError::NotAnExchange));
    rubbish[..5].copy_from_slice(b"FMB\x01\x05");
    assert_eq!(opened(&rubbish[..1 << 20]), Err(ExchangeError::NotAnExchange));
    assert!(matches!(b.take(&rubbish), Err(Failure::BadFile(_))));
    assert!(matches!(b.take(&rubbish[..1 << 20]), Err(Failure::BadFile(_))));
}
