//! A link that breaks at every byte of a request and of an answer: the next sync completes.

use fieldmerge_engine::SyncEnd;
use fieldmerge_tests::world::link::Wire;
use fieldmerge_tests::world::phone::Phone;
use fieldmerge_tests::world::work::{Ledger, Work};

use crate::place::{Place, on_both};

on_both!(a_link_cut_at_any_byte_loses_nothing);

/// Two phones that write about the same people, and everything they saved.
struct Pair {
    one: Phone,
    other: Phone,
    work: [Work; 2],
    ledger: Ledger,
}

async fn a_link_cut_at_any_byte_loses_nothing(place: &Place) {
    let both = ["S1:enumerator", "S1:supervisor"];
    let areas = &place.site.areas[..1];
    let mut pair = Pair {
        one: place.site.phone("Hery", 1, &both).await,
        other: place.site.phone("Lalao", 2, &both).await,
        work: [Work::new(1, 0, areas), Work::new(2, 100_000, areas)],
        ledger: Ledger::default(),
    };
    // The first answer brings the roster and the dictionary, of which the engine's own tests try every byte.
    pair.round(place, None, None).await;
    let (request, answer) = pair.round(place, None, None).await;
    // Every byte on SQLite; on PostgreSQL, where a commit costs more, each so-manieth, another one in each round.
    let step = if place.site.app.store().dialect() == fieldmerge_store::Dialect::Sqlite { 1 } else { 11 };
    for byte in (0..request + 200).step_by(step) {
        pair.round(place, Some(byte), None).await;
    }
    for byte in (0..answer + 200).step_by(step) {
        pair.round(place, None, Some(byte)).await;
    }
    // Who synced first in the last round has yet to read what the other brought.
    let last = pair.other.sync(&mut Wire::to(place.listening.address)).await.expect("phones do not die here");
    assert_eq!(last.end, SyncEnd::Complete);
    let census = place.census().await;
    census.assert_same_on(&pair.one);
    census.assert_same_on(&pair.other);
    pair.ledger.assert_kept(&census);
    assert_eq!(census.quarantined, Vec::<String>::new());
}

impl Pair {
    /// Both save; the other syncs; one syncs over a link that breaks, and then again. Gives the bytes of a whole
    /// request and answer.
    async fn round(&mut self, place: &Place, up: Option<usize>, down: Option<usize>) -> (usize, usize) {
        let Self { one, other, work: [work, others], ledger } = self;
        others.save(other, ledger).expect("phones do not die here");
        work.save(one, ledger).expect("phones do not die here");
        let address = place.listening.address;
        let ended = other.sync(&mut Wire::to(address)).await.expect("phones do not die here").end;
        assert_eq!(ended, SyncEnd::Complete);

        let mut broken = Wire { up, down, ..Wire::to(address) };
        let cut = one.sync(&mut broken).await.expect("phones do not die here");
        match cut.end {
            SyncEnd::Offline => {}
            // Where the request was no longer than the cut.
            SyncEnd::Complete => assert!(broken.whole && down.is_none_or(|down| broken.received <= down)),
            other => panic!("a broken link is no other failure: {other:?}"),
        }
        let mut whole = Wire::to(address);
        let again = one.sync(&mut whole).await.expect("phones do not die here");
        assert_eq!(again.end, SyncEnd::Complete, "cut at {up:?} {down:?}");
        assert_eq!(one.engine().outbox().changes, [], "cut at {up:?} {down:?}");
        assert!(again.problems.is_empty(), "cut at {up:?} {down:?}: {:?}", again.problems);
        ledger.note_synced(one);
        ledger.note_synced(other);
        (broken.sent, broken.received)
    }
}
