//! Files are sealed: who carries them reads nothing, changes nothing, and is not harmed by any of them.

use fieldmerge_engine::{Failure, Imported, OutboxState, Outcome, Table};
use fieldmerge_model::access::Role;
use fieldmerge_protocol::bundle::{
    BundleWriter, Compression, FrameHeader, Origin, PartReader, PassedFrame, SealedDraft,
};
use fieldmerge_protocol::seal::SealingPair;
use fieldmerge_protocol::sync::{FrameReceipt, FrameStatus, tag};
use fieldmerge_protocol::{DeviceId, Incarnation, RecordClass};

use crate::carry::pair;
use crate::phone::Phone;
use crate::server::Server;

const DAY_MS: i64 = 86_400_000;

fn parts(file: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut reader = PartReader::new(1 << 20);
    reader.feed(file);
    std::iter::from_fn(|| reader.next_part().expect("a bundle"))
        .map(|part| (part.tag, part.payload))
        .collect()
}

fn file(parts: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut writer = BundleWriter::new();
    for (tag, payload) in parts {
        writer.part(*tag, payload);
    }
    writer.into_bytes()
}

fn taken(outcome: Result<Outcome, Failure>) -> Imported {
    match outcome {
        Ok(Outcome::Imported(taken)) => taken,
        other => panic!("{other:?}"),
    }
}

/// A sealed frame of any size by a device that nobody knows.
fn stranger(server: &Server, number: u64, bytes: usize) -> Vec<u8> {
    let header = FrameHeader {
        origin: Origin {
            project: server.project,
            device: DeviceId([0xee; 10]),
            incarnation: Incarnation([1; 4]),
            number,
            class: RecordClass::Core,
            area: server.site,
        },
        compression: Compression::Stored,
        dictionary: 0,
        count: 1,
        raw_len: 9,
        changes_digest: [7; 32],
    };
    let header = header.to_bytes();
    let length = u8::try_from(header.len()).expect("a short header");
    let payload = [&[length][..], &header, &[0; 64], &[0], &vec![7; bytes]].concat();
    let draft = SealedDraft::seal(&payload, &server.sealing[0].public, [1; 32]).expect("it is a frame");
    draft.finish([0; 64])
}

#[test]
fn a_file_shows_who_wrote_and_nothing_else() {
    let (mut server, mut a, mut b) = pair();
    a.create(server.site, "Rakotoarisoa");
    a.sync_well(&mut server);
    a.create(server.site, "Rasoanirina");
    let exported = a.export();
    let found = |what: &[u8]| exported.windows(what.len()).any(|bytes| bytes == what);
    assert!(found(&a.device.0), "the carrier has to know whose it is");
    assert!(!found(b"Rasoanirina") && !found(b"worker") && !found(&server.site.0));
    assert!(parts(&exported).iter().all(|(tag, _)| matches!(*tag, tag::SEALED_FRAME | tag::END)));
    // Nor does what the carrier keeps of it.
    b.import(&exported).expect("imported");
    let kept: Vec<u8> = b
        .rows
        .iter()
        .filter(|((table, _), _)| *table == Table::Carried)
        .flat_map(|(_, row)| row.to_vec())
        .collect();
    assert!(!kept.is_empty() && !kept.windows(16).any(|bytes| bytes == server.site.0));
    assert_ne!(exported, a.export(), "nothing is sealed twice with the same randomness");
}

#[test]
fn clear_frames_of_older_files_are_taken_and_not_passed_on() {
    let (mut server, mut a, mut b) = pair();
    a.create(server.site, "Rakoto");
    let sealed = a.export();
    let frames = a.rows.iter().filter(|((table, _), _)| *table == Table::Frames);
    let clear: Vec<(u8, Vec<u8>)> = frames
        .map(|(_, row)| {
            let mut decoder = minicbor::Decoder::new(row);
            decoder.map().expect("a row");
            assert_eq!(decoder.u8().expect("a key"), 0);
            (tag::FRAME, decoder.bytes().expect("the frame").to_vec())
        })
        .chain([(tag::END, Vec::new())])
        .collect();
    assert_eq!(taken(b.import(&file(&clear))).frames, 1);
    assert_eq!(taken(b.import(&sealed)).frames, 0, "the same frame, sealed or not");
    assert_eq!(
        parts(&b.export()).len(),
        1,
        "a clear frame is not passed on, for only its author can seal it"
    );
    let report = b.sync_well(&mut server);
    assert_eq!((report.delivered, server.records(RecordClass::Core)), (1, 1));
    // It arrives a second time, by another hand and sealed.
    let mut c = Phone::enrolled(&mut server, 3, &[Role::Enumerator]);
    c.sync_well(&mut server);
    c.import(&sealed).expect("imported");
    assert_eq!(c.sync_well(&mut server).delivered, 1);
    assert_eq!(server.records(RecordClass::Core), 1);
    assert!(server.seen.values().all(|contents| contents.len() == 1), "sealed and clear are one frame");
}

#[test]
fn a_row_of_the_first_version_is_carried_on() {
    let (mut server, mut a, mut b) = pair();
    a.create(server.site, "Rakoto");
    b.import(&a.export()).expect("imported");
    for ((table, _), row) in &mut b.rows {
        if *table == Table::Carried {
            let mut decoder = minicbor::Decoder::new(row);
            decoder.map().expect("a row");
            decoder.u8().expect("a key");
            *row = decoder.bytes().expect("the frame").into();
        }
    }
    b.reopen();
    assert_eq!(b.engine.carried()[0].since_ms, None);
    assert_eq!(b.sync_well(&mut server).delivered, 1);
}

#[test]
fn a_sealed_frame_that_was_touched_at_any_byte_is_not_taken_for_its_authors() {
    let (server, mut a, mut b) = pair();
    a.create(server.site, "Rakoto");
    let whole = parts(&a.export());
    let sealed = &whole[0].1;
    for at in 0..sealed.len() {
        for bit in [1, 0x80] {
            let mut touched = sealed.clone();
            touched[at] ^= bit;
            let file = file(&[(tag::SEALED_FRAME, touched.clone()), (tag::END, Vec::new())]);
            let taken = taken(b.import(&file));
            if let Ok(frame) = PassedFrame::parse(&touched) {
                let known =
                    b.engine.status().devices.iter().any(|known| known.device == frame.header().device);
                assert!(!known || taken.frames == 0, "{at}");
            }
        }
        let cut = file(&[(tag::SEALED_FRAME, sealed[..at].to_vec()), (tag::END, Vec::new())]);
        assert_eq!(taken(b.import(&cut)).frames, 0, "{at}");
    }
}

#[test]
fn a_rotated_key_goes_on_opening_and_a_lost_one_makes_the_author_send_again() {
    let (mut server, mut a, mut b) = pair();
    a.create(server.site, "Rakoto");
    let old = a.export();
    server.sealing.push(SealingPair::derive(&[78; 32]));
    server.roster += 1;
    b.import(&old).expect("imported");
    assert_eq!(b.sync_well(&mut server).delivered, 1);
    assert_eq!(server.records(RecordClass::Core), 1);
    a.sync_well(&mut server);

    a.create(server.site, "Rasoa");
    let file = a.export();
    server.sealing.pop();
    b.import(&file).expect("imported");
    b.sync_well(&mut server);
    assert_eq!(server.records(RecordClass::Core), 1, "nobody can open it");
    let carried = b.engine.carried();
    assert_eq!((carried[0].delivered, carried[0].refused["unknown-sealing-key"]), (1, 1));
    // She learns of it, and sends the same change under another number.
    assert_eq!(taken(a.import(&b.export())).receipts, 2);
    assert_eq!(a.engine.outbox().count(|state| *state == OutboxState::Waiting), 1);
    a.sync_well(&mut server);
    assert_eq!(server.records(RecordClass::Core), 2);
    assert!(a.engine.outbox().changes.is_empty());
}

#[test]
fn what_became_of_forged_bytes_says_nothing_about_the_authors_frame() {
    let (mut server, mut a, _) = pair();
    a.create(server.site, "Rakoto");
    let sealed = parts(&a.export());
    let header = PassedFrame::parse(&sealed[0].1).expect("a frame").header();
    for code in ["bad-signature", "unknown-device", "device-revoked", "wrong-project"] {
        let receipt = FrameReceipt {
            frame: header.frame,
            status: FrameStatus::Quarantined,
            exceptions: Vec::new(),
            code: Some(code.to_owned()),
            digest: header.digest,
        };
        assert_eq!(taken(a.import(&server.receipt_file(a.device, receipt))).receipts, 0);
    }
    assert_eq!(a.engine.outbox().count(|state| *state == OutboxState::Sent), 1);
    assert_eq!(a.sync_well(&mut server).accepted, 1);
}

#[test]
fn a_carrier_knows_for_whom_since_when_and_what_became_of_it() {
    let (mut server, mut a, mut b) = pair();
    a.create(server.site, "Rakoto");
    b.import(&a.export()).expect("imported");
    let [view] = &b.engine.carried()[..] else { panic!("one author") };
    assert_eq!((view.device, view.label.as_deref(), view.frames), (a.device, Some("phone 1"), 1));
    assert_eq!((view.since_ms, view.delivered), (Some(crate::phone::NOW_MS), 0));
    assert!(view.bytes > 200);
    b.sync_well(&mut server);
    let [view] = &b.engine.carried()[..] else { panic!("one author") };
    assert_eq!((view.frames, view.bytes, view.delivered, view.refused.len()), (0, 0, 1, 0));
}

#[test]
fn what_is_carried_for_too_long_is_given_up_and_nothing_is_lost() {
    let (mut server, mut a, mut b) = pair();
    a.create(server.site, "Rakoto");
    b.import(&a.export()).expect("imported");
    let empty = file(&[(tag::END, Vec::new())]);
    b.clock_ms = -400 * DAY_MS;
    b.import(&empty).expect("a clock that was set back holds everything");
    b.clock_ms = 179 * DAY_MS;
    b.import(&empty).expect("imported");
    assert_eq!(b.engine.outbox().carried_frames, 1);
    b.clock_ms = 181 * DAY_MS;
    b.import(&empty).expect("imported");
    assert_eq!(b.engine.outbox().carried_frames, 0);
    let notices = b.engine.notices();
    assert_eq!((notices[0].code.as_str(), notices[0].count), ("carried-expired", 1));
    assert_eq!(a.sync_well(&mut server).accepted, 1);
}

#[test]
fn no_file_fills_a_carrier_nor_holds_it_up() {
    let (mut server, mut a, mut b) = pair();
    a.create(server.site, "Rakoto");
    let genuine = parts(&a.export());
    let large = (1..=25).map(|number| (tag::SEALED_FRAME, stranger(&server, number, 800_000)));
    let huge = (tag::SEALED_FRAME, stranger(&server, 99, 1_000_000));
    let all: Vec<(u8, Vec<u8>)> = large.chain([huge]).chain(genuine.clone()).collect();
    let outcome = taken(b.import(&file(&all)));
    // 16 MiB of one author, and room for others beside it.
    assert_eq!((outcome.frames, outcome.full, outcome.too_large), (21, 5, 1));
    assert_eq!(b.sync_well(&mut server).delivered, 1, "the one of a device that the server knows");
    assert_eq!(b.engine.outbox().carried_frames, 0, "nobody will ever acknowledge a stranger's");
    // Many small parts cost no more than so many signatures.
    let rubbish: Vec<(u8, Vec<u8>)> = (1..=30_000)
        .map(|number: u32| (tag::SEALED_FRAME, [&[1][..], &number.to_be_bytes()].concat()))
        .chain([(tag::END, Vec::new())])
        .collect();
    let outcome = taken(b.import(&file(&rubbish)));
    assert_eq!((outcome.frames, outcome.skipped, outcome.full), (0, 20_000, 10_000));
    assert!(matches!(b.import(&vec![0; 81 << 20]), Err(Failure::BadFile(_))));
}

#[test]
fn a_carrier_that_is_restored_delivers_again_and_nothing_is_doubled() {
    let (mut server, mut a, mut b) = pair();
    a.create(server.site, "Rakoto");
    b.import(&a.export()).expect("imported");
    let mut backup = b.copy(60);
    b.sync_well(&mut server);
    backup.sync_well(&mut server);
    assert_eq!((server.records(RecordClass::Core), backup.engine.outbox().carried_frames), (1, 0));
    a.sync_well(&mut server);
    assert!(a.engine.outbox().changes.is_empty());
}

#[test]
fn forged_bytes_do_not_stand_in_the_way_of_the_frame_that_they_claim_to_be() {
    let (mut server, mut a, _) = pair();
    let mut late = Phone::enrolled(&mut server, 3, &[Role::Enumerator]);
    a.create(server.site, "Rakoto");
    let genuine = a.export();
    let sealed = parts(&genuine)[0].1.clone();
    let forged = (0..9_u8).map(|number| {
        let mut forged = sealed.clone();
        let end = forged.len() - 1;
        forged[end] ^= 1 + number;
        (tag::SEALED_FRAME, forged)
    });
    let forged: Vec<(u8, Vec<u8>)> = forged.chain([(tag::END, Vec::new())]).collect();
    // A carrier that has never synced knows nobody's key.
    assert_eq!(taken(late.import(&file(&forged))).frames, 9);
    assert_eq!(taken(late.import(&genuine)).frames, 1);
    // The receipt of a forged one, brought by somebody else, is not held against the genuine one.
    let mut b = Phone::enrolled(&mut server, 2, &[Role::Enumerator]);
    b.sync_well(&mut server);
    b.import(&genuine).expect("imported");
    let header = PassedFrame::parse(&sealed).expect("a frame").header();
    let receipt = FrameReceipt {
        frame: header.frame,
        status: FrameStatus::Quarantined,
        exceptions: Vec::new(),
        code: Some("bad-signature".to_owned()),
        digest: header.digest,
    };
    b.import(&server.receipt_file(a.device, receipt)).expect("imported");
    assert_eq!((b.engine.outbox().carried_frames, b.engine.outbox().carried_receipts), (1, 1));
    assert_eq!(b.sync_well(&mut server).delivered, 1);
    assert_eq!(b.engine.outbox().carried_frames, 0);
    // One who knows the author from the beginning takes none of them.
    let mut knows = Phone::enrolled(&mut server, 4, &[Role::Enumerator]);
    knows.sync_well(&mut server);
    assert_eq!(taken(knows.import(&file(&forged))), Imported { skipped: 9, ..Imported::default() });
    assert_eq!(server.records(RecordClass::Core), 1);
}
