//! Changes that reach the server by another phone's hands.

use fieldmerge_engine::{Imported, Input, Outcome, SyncEnd};
use fieldmerge_tests::world::phone::Phone;
use fieldmerge_tests::world::work::{Ledger, Work};

use crate::place::{Place, WRITES, on_both};

on_both!(what_another_phone_carries_arrives_once, a_file_that_was_touched_harms_nobody);

fn export(phone: &mut Phone) -> Vec<u8> {
    match phone.ask(|ticket| Input::Export { ticket }).expect("phones do not die here").expect("it exports") {
        Outcome::Exported { bytes, .. } => bytes,
        other => panic!("{other:?}"),
    }
}

/// Frames, receipts and skipped parts of a file.
fn import(phone: &mut Phone, bytes: Vec<u8>) -> (usize, usize, usize) {
    match phone
        .ask(|ticket| Input::Import { ticket, bytes })
        .expect("phones do not die here")
        .expect("it imports")
    {
        Outcome::Imported(Imported { frames, receipts, skipped, .. }) => (frames, receipts, skipped),
        other => panic!("{other:?}"),
    }
}

async fn what_another_phone_carries_arrives_once(place: &Place) {
    let areas = &place.site.areas[..1];
    let mut alone = place.site.phone("Hery", 1, &WRITES).await;
    let mut carrier = place.site.phone("Lalao", 2, &WRITES).await;
    let mut other = place.site.phone("Tahina", 3, &WRITES).await;
    let (mut ledger, mut link) = (Ledger::default(), place.site.link());
    let mut work = Work::new(1, 0, areas);
    for _ in 0..12 {
        work.save(&mut alone, &mut ledger).expect("phones do not die here");
    }
    // The file goes by two hands, one of them twice.
    let file = export(&mut alone);
    let (frames, ..) = import(&mut carrier, file.clone());
    assert!(frames > 0);
    assert_eq!(import(&mut carrier, file.clone()).0, 0, "the same frames are carried once");
    let passed_on = export(&mut carrier);
    import(&mut other, passed_on);
    for turn in 0..3 {
        let phone = if turn == 1 { &mut other } else { &mut carrier };
        let report = phone.sync(&mut link).await.expect("phones do not die here");
        assert_eq!(report.end, SyncEnd::Complete);
        assert_eq!(phone.engine().outbox().carried_frames, 0, "delivered");
    }
    let census = place.census().await;
    ledger.assert_kept(&census);
    census.assert_same_on(&other);

    // The receipts come back the same way, and the phone that never had a network is done.
    let back = export(&mut carrier);
    let (_, receipts, _) = import(&mut alone, back);
    assert!(receipts > 0);
    assert_eq!(alone.engine().outbox().changes, [], "acknowledged without a network");
    alone.sync(&mut link).await.expect("phones do not die here");
    let after = place.census().await;
    after.assert_same_as(&census);
    after.assert_same_on(&alone);
}

async fn a_file_that_was_touched_harms_nobody(place: &Place) {
    let areas = &place.site.areas[..1];
    let mut alone = place.site.phone("Hery", 1, &WRITES).await;
    let (mut ledger, mut link) = (Ledger::default(), place.site.link());
    let mut work = Work::new(1, 0, areas);
    for _ in 0..4 {
        work.save(&mut alone, &mut ledger).expect("phones do not die here");
    }
    let file = export(&mut alone);
    let mut carrier = place.site.phone("Lalao", 2, &WRITES).await;
    for byte in (4..file.len()).step_by(file.len() / 40) {
        let mut touched = file.clone();
        touched[byte] ^= 0x55;
        // A file whose parts cannot be told apart is refused as a whole; any other is carried, and judged at the end.
        let _ =
            carrier.ask(|ticket| Input::Import { ticket, bytes: touched }).expect("phones do not die here");
    }
    for _ in 0..2 {
        let report = carrier.sync(&mut link).await.expect("phones do not die here");
        assert_eq!(report.end, SyncEnd::Complete);
    }
    let report = alone.sync(&mut link).await.expect("phones do not die here");
    assert_eq!(report.end, SyncEnd::Complete);
    let census = place.census().await;
    ledger.assert_kept(&census);
    census.assert_same_on(&alone);
}
