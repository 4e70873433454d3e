//! Sealed frames: the server opens them, and nobody else; whatever was done to them on the way harms nobody.

use fieldmerge_protocol::bundle::{BundleWriter, PartReader};
use fieldmerge_protocol::seal::SealingPair;
use fieldmerge_protocol::sync::{self, FrameStatus, ReceiptList, Receipts, tag};
use fieldmerge_protocol::{DeviceId, ProjectId};
use fieldmerge_server::admin::bundles::{self, Taken};
use fieldmerge_server::admin::quarantine::{self, Which};
use fieldmerge_server::admin::{devices, projects};
use fieldmerge_server::keys::{SEAL, SealingKeys};
use fieldmerge_server::sync::push::replay::Replayed;
use fieldmerge_server::verify::verify;
use fieldmerge_store::keys::{self, ServerKey};
use fieldmerge_store::projects::touch_roster;
use fieldmerge_tests::world::raw::Author;
use fieldmerge_tests::world::site::PROJECT;

use crate::place::{Draft, Place, on_both};

on_both!(
    a_frame_is_the_same_sealed_or_clear_by_whatever_hand,
    no_touched_byte_is_taken,
    a_frame_whose_key_is_lost_spends_no_number_and_is_taken_when_the_key_is_found,
    what_was_sealed_to_the_key_before_still_opens,
    strangers_and_the_revoked_are_told_why,
    a_file_is_taken_by_an_administrator_to_its_end_or_its_cut,
);

async fn sealing_key(place: &Place) -> [u8; 32] {
    let mut tx = place.site.app.store().read().await.expect("the database reads");
    let keys = SealingKeys::load(&mut tx, place.site.project).await.expect("the keys read");
    keys.public_key().expect("a project has one")
}

/// A frame with one new worker.
fn worker(place: &Place, author: &mut Author, number: u8) -> Vec<u8> {
    let (draft, change) = Draft::worker(author, place.area(), number, "Rabe");
    author.frame(place.core(), &[(draft.id, change)])
}

async fn assert_good(place: &Place) {
    let report = verify(&place.site.app, Some(PROJECT)).await.expect("it can be verified");
    assert!(report.is_good(), "{}", report.text());
}

async fn a_frame_is_the_same_sealed_or_clear_by_whatever_hand(place: &Place) {
    let (mut author, one, two) = (place.author(1).await, place.author(2).await, place.author(3).await);
    let key = sealing_key(place).await;
    let clear = worker(place, &mut author, 1);
    let sealed = author.seal(&clear, &key, 1);
    // Two carriers and the author herself, and twice in one request.
    let first = one.push(&place.post(), &[sealed.clone(), author.seal(&clear, &key, 2)]).await;
    assert_eq!(first.receipts.len(), 1);
    let (device, receipt) = &first.receipts[0];
    assert_eq!((*device, receipt.status), (author.device, FrameStatus::Accepted));
    for told in [
        two.push(&place.post(), std::slice::from_ref(&sealed)).await,
        author.push(&place.post(), std::slice::from_ref(&clear)).await,
        author.push(&place.post(), std::slice::from_ref(&sealed)).await,
    ] {
        assert_eq!(told.receipt(), receipt, "the same receipt, whoever asks");
    }
    // The other way round: clear first.
    let clear = worker(place, &mut author, 2);
    let receipt = author.push(&place.post(), std::slice::from_ref(&clear)).await.receipt().clone();
    assert_eq!(one.push(&place.post(), &[author.seal(&clear, &key, 3)]).await.receipt(), &receipt);
    let census = place.census().await;
    assert_eq!((census.changes(), census.quarantined.len()), (2, 0));
    assert_good(place).await;
}

async fn no_touched_byte_is_taken(place: &Place) {
    let (mut author, carrier) = (place.author(1).await, place.author(2).await);
    let clear = worker(place, &mut author, 1);
    let sealed = author.seal(&clear, &sealing_key(place).await, 1);
    let flipped = (0..sealed.len()).map(|at| {
        let mut touched = sealed.clone();
        touched[at] ^= 0x81;
        touched
    });
    let cut = (0..sealed.len()).step_by(7).map(|at| sealed[..at].to_vec());
    let touched: Vec<Vec<u8>> = flipped.chain(cut).collect();
    for some in touched.chunks(300) {
        let told = carrier.push(&place.post(), some).await;
        for (_, receipt) in told.receipts {
            assert_eq!(receipt.status, FrameStatus::Quarantined, "{receipt:?}");
        }
    }
    let census = place.census().await;
    assert_eq!(census.changes(), 0);
    let known = ["bad-signature", "malformed-frame", "unknown-device", "wrong-project"];
    assert!(census.quarantined.iter().all(|code| known.contains(&code.as_str())), "{:?}", census.quarantined);
    // What was tried in the author's name has spent none of her numbers.
    let told = carrier.push(&place.post(), &[sealed]).await;
    assert_eq!(told.receipt().status, FrameStatus::Accepted);
    assert_good(place).await;
}

async fn a_frame_whose_key_is_lost_spends_no_number_and_is_taken_when_the_key_is_found(place: &Place) {
    let (mut author, carrier) = (place.author(1).await, place.author(2).await);
    let lost = SealingPair::derive(&[99; 32]);
    let frames = [worker(place, &mut author, 1), worker(place, &mut author, 2)];
    let sealed = frames.clone().map(|frame| author.seal(&frame, &lost.public, 1));
    let told = carrier.push(&place.post(), &sealed).await;
    for (device, receipt) in &told.receipts {
        let code = receipt.code.as_deref();
        assert_eq!((*device, receipt.status), (author.device, FrameStatus::Unresolved));
        assert_eq!(code, Some("unknown-sealing-key"));
    }
    // Its number is free for the same content and for another.
    let told = author.push(&place.post(), &frames[..1]).await;
    assert_eq!(told.receipt().status, FrameStatus::Accepted);
    let again = carrier.push(&place.post(), &sealed[..1]).await;
    assert_eq!(again.receipt().status, FrameStatus::Accepted, "its author proves it, and it was taken");
    let replay = async || {
        let which = Which::Code("unknown-sealing-key".to_owned());
        let replayed = quarantine::replay(&place.site.app, PROJECT, &which).await;
        replayed.expect("items are offered again").into_iter().map(|(_, one)| one).collect::<Vec<_>>()
    };
    let aside = Replayed::Aside("unknown-sealing-key".to_owned());
    assert_eq!(replay().await, [aside.clone(), aside]);
    let key = ServerKey {
        number: 90,
        purpose: SEAL.to_owned(),
        public_key: lost.public,
        secret_key: lost.secret.to_vec(),
        created_ms: 1,
        retired_ms: Some(2),
    };
    let project = place.site.project;
    let found = place.site.app.store().write(async |mut tx| {
        keys::insert(&mut tx, project, &key).await?;
        touch_roster(&mut tx, project).await
    });
    found.await.expect("somebody puts it back from escrow");
    assert_eq!(replay().await, [Replayed::Taken, Replayed::Taken]);
    let census = place.census().await;
    assert_eq!((census.changes(), census.quarantined.len()), (2, 0));
    assert_good(place).await;
}

async fn what_was_sealed_to_the_key_before_still_opens(place: &Place) {
    let (mut author, carrier) = (place.author(1).await, place.author(2).await);
    let old = sealing_key(place).await;
    bundles::replace_key(&place.site.app, PROJECT).await.expect("a new key is made");
    let new = sealing_key(place).await;
    assert_ne!(old, new);
    let told = carrier.push(&place.post(), &[]).await;
    assert_eq!(told.welcome.roster.and_then(|roster| roster.sealing_key), Some(new), "phones learn of it");
    for (number, key) in [(1, old), (2, new)] {
        let frame = worker(place, &mut author, number);
        let told = carrier.push(&place.post(), &[author.seal(&frame, &key, number)]).await;
        assert_eq!(told.receipt().status, FrameStatus::Accepted);
    }
}

async fn strangers_and_the_revoked_are_told_why(place: &Place) {
    let (mut author, carrier) = (place.author(1).await, place.author(2).await);
    let key = sealing_key(place).await;
    let frame = worker(place, &mut author, 1);
    let mut stranger = author.clone();
    stranger.device = DeviceId([0xab; 10]);
    let mut elsewhere = author.clone();
    elsewhere.project = ProjectId([0xab; 16]);
    let (of_stranger, of_elsewhere) = (worker(place, &mut stranger, 1), worker(place, &mut elsewhere, 1));
    // Sealed and signed by its author, over something that is none of her frames.
    let mut liar = author.seal(&frame, &key, 4);
    let end = liar.len() - 1;
    liar[end] ^= 1;
    let resigned = resign(&author, &liar);
    let sealed = [stranger.seal(&of_stranger, &key, 1), elsewhere.seal(&of_elsewhere, &key, 2), resigned];
    let told = carrier.push(&place.post(), &sealed).await;
    let mut codes: Vec<_> = told.receipts.iter().filter_map(|(_, receipt)| receipt.code.as_deref()).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["does-not-open", "unknown-device", "wrong-project"]);
    devices::revoke(&place.site.app, PROJECT, &author.device.to_string()).await.expect("revoked");
    let told = carrier.push(&place.post(), &[author.seal(&frame, &key, 3)]).await;
    assert_eq!(told.receipt().code.as_deref(), Some("device-revoked"));
    assert_eq!(place.census().await.changes(), 0);
    assert!(projects::list(&place.site.app).await.is_ok());
}

/// Signs what a sealed frame has become.
fn resign(author: &Author, sealed: &[u8]) -> Vec<u8> {
    use ed25519_dalek::Signer;
    use sha2::{Digest, Sha256};
    let head = 1 + 16 + 10 + 4 + 1 + 8 + 4;
    let body: [u8; 32] = Sha256::digest(&sealed[head + 64..]).into();
    let text = [b"fieldmerge-sealed-v1\0".as_slice(), &sealed[..head], &body].concat();
    [&sealed[..head], &author.key.sign(&text).to_bytes(), &sealed[head + 64..]].concat()
}

async fn a_file_is_taken_by_an_administrator_to_its_end_or_its_cut(place: &Place) {
    let (mut author, key) = (place.author(1).await, sealing_key(place).await);
    let mut writer = BundleWriter::new();
    for number in 1..=5 {
        let frame = worker(place, &mut author, number);
        writer.part(tag::SEALED_FRAME, &author.seal(&frame, &key, number));
    }
    let sixth = worker(place, &mut author, 6);
    writer.part(tag::SEALED_FRAME, &author.seal(&sixth, &SealingPair::derive(&[7; 32]).public, 6));
    writer.part(tag::SEALED_FRAME, b"\x01rubbish");
    let unended = writer.bytes().to_vec();
    writer.part(tag::END, &[]);
    let file = writer.into_bytes();
    let app = &place.site.app;
    let mut receipts = Vec::new();
    let cut = bundles::take(app, PROJECT, &mut &unended[..unended.len() / 2], &mut receipts).await;
    assert!(cut.is_err(), "it has no end");
    let before = read_receipts(place, &author, &receipts);
    assert!((1..5).contains(&before.len()), "what stands whole before the cut is taken: {}", before.len());
    receipts.clear();
    let taken = bundles::take(app, PROJECT, &mut file.as_slice(), &mut receipts).await.expect("it is taken");
    assert_eq!(taken, Taken { frames: 6, accepted: 5, aside: 0, unresolved: 1 });
    let after = read_receipts(place, &author, &receipts);
    assert_eq!(after[..before.len()], before[..], "twice does no harm");
    assert_eq!(after, [true, true, true, true, true, false]);
    let mut ignored = Vec::new();
    for rubbish in [&b"PK\x03\x04"[..], b"", b"FMB\x01\x04\xff\xff\xff\xff\x7f"] {
        assert!(bundles::take(app, PROJECT, &mut &*rubbish, &mut ignored).await.is_err());
    }
    assert!(bundles::take(app, "GHOST", &mut file.as_slice(), &mut ignored).await.is_err());
    let census = place.census().await;
    assert_eq!(census.changes(), 5);
    assert_good(place).await;
}

/// Whether each frame of an author was accepted, by the receipts in a file, whose signatures hold.
fn read_receipts(place: &Place, author: &Author, file: &[u8]) -> Vec<bool> {
    let mut reader = PartReader::new(1 << 20);
    reader.feed(file);
    let mut accepted = Vec::new();
    let mut ended = false;
    while let Some(part) = reader.next_part().expect("receipts are a bundle") {
        ended = part.tag == tag::END;
        if part.tag == tag::RECEIPTS {
            let Receipts { list, signature } = sync::decode(&part.payload).expect("receipts read");
            author.check(&sync::receipts_text(place.site.project, &list), &signature);
            let list: ReceiptList = sync::decode(&list).expect("a list of receipts reads");
            assert_eq!(list.device, author.device);
            accepted.extend(list.receipts.iter().map(|one| one.status == FrameStatus::Accepted));
        }
    }
    assert!(ended, "a receipts file has an end");
    accepted
}
