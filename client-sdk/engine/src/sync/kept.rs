//! Observations that the server has, kept sealed until it says that a backup holds them.
//!
//! The device may not read them any more, and cannot; a server that was restored gets them back.

use std::collections::{BTreeMap, BTreeSet};

use fieldmerge_protocol::bundle::SealedDraft;
use fieldmerge_protocol::sync::{FrameReceipt, FrameStatus};

use crate::engine::{Turn, random};
use crate::memory::Memory;
use crate::memory::rows::{self, FrameKey};
use crate::memory::sealed_rows::{KeptRow, KeptStanding};
use crate::stage::Stage;
use crate::store::Table;

/// The most bytes of sealed frames that are kept. Beyond it the oldest go, for a backup that is restored lacks the newest.
const MAX_KEPT_BYTES: usize = 16 << 20;

/// Seals an own frame that the server has taken. Without a key to seal to it is not kept.
pub(crate) fn keep(stage: &mut Stage<'_>, turn: &mut Turn<'_>, key: FrameKey, frame: &[u8]) {
    let Some(public) = stage.sealing_key() else { return };
    if let Ok(frame) = SealedDraft::seal(frame, &public, random(turn.rng)) {
        put(stage, key, Some(&KeptRow { frame, standing: KeptStanding::Received, received_ms: None }));
    }
}

fn put(stage: &mut Stage<'_>, key: FrameKey, row: Option<&KeptRow>) {
    stage.put(Table::Kept, rows::frame_key(key), row.map(rows::bytes));
}

/// The server lost something: everything that is kept is offered again.
pub(crate) fn offer_all(stage: &mut Stage<'_>) {
    offer(stage, |_| true);
}

/// Another roster may have come with another key, or another judgement: what was refused is offered again.
pub(crate) fn offer_refused(stage: &mut Stage<'_>) {
    offer(stage, |row| row.standing == KeptStanding::Refused);
}

fn offer(stage: &mut Stage<'_>, which: impl Fn(&KeptRow) -> bool) {
    for (key, row) in stage.memory.kept.iter().filter(|(_, row)| which(row)) {
        put(
            stage,
            *key,
            Some(&KeptRow { standing: KeptStanding::Offered, received_ms: None, ..row.clone() }),
        );
    }
}

/// What is to be offered and was not in this session, as much as there is room for; the first in any case if it may be.
pub(crate) fn to_offer(
    memory: &Memory,
    sent: &BTreeMap<FrameKey, Vec<u8>>,
    room: usize,
    frames: usize,
    first_in_any_case: bool,
) -> Vec<(FrameKey, SealedDraft)> {
    let mut left = room;
    let mut offers: Vec<(FrameKey, SealedDraft)> = Vec::new();
    for (key, row) in offered(memory).filter(|(key, _)| !sent.contains_key(key)).take(frames) {
        let size = row.frame.wire_len();
        if size > left && !(first_in_any_case && offers.is_empty()) {
            break;
        }
        left = left.saturating_sub(size);
        offers.push((*key, row.frame.clone()));
    }
    offers
}

/// What the server is to be offered again.
pub(crate) fn offered(memory: &Memory) -> impl Iterator<Item = (&FrameKey, &KeptRow)> {
    memory.kept.iter().filter(|(_, row)| row.standing == KeptStanding::Offered)
}

/// Applies a receipt, if it tells of a frame that is kept.
pub(crate) fn receipt(stage: &mut Stage<'_>, receipt: &FrameReceipt) {
    let key: FrameKey = (receipt.frame.incarnation, receipt.frame.number);
    let Some(row) = stage.memory.kept.get(&key).filter(|row| row.standing == KeptStanding::Offered) else {
        return;
    };
    if row.frame.header().is_ok_and(|header| header.digest == receipt.digest) {
        let taken = receipt.status == FrameStatus::Accepted;
        let standing = if taken { KeptStanding::Received } else { KeptStanding::Refused };
        put(stage, key, Some(&KeptRow { standing, received_ms: None, ..row.clone() }));
    }
}

/// The server has signed for the answer: everything that it has was received by `now_ms` at the latest, and what it
/// received until `backed_up_ms` need not be kept.
pub(crate) fn settle(stage: &mut Stage<'_>, now_ms: i64, backed_up_ms: Option<i64>) {
    let backed_up = |received_ms: i64| backed_up_ms.is_some_and(|until_ms| received_ms <= until_ms);
    let moves =
        |row: &KeptRow| row.standing == KeptStanding::Received && row.received_ms.is_none_or(backed_up);
    let stored = stage.memory.kept.iter().filter(|(_, row)| moves(row)).map(|(key, _)| *key);
    let keys: BTreeSet<FrameKey> = stored.chain(stage.kept_here()).collect();
    for key in keys {
        let Some(row) = stage.kept(key).filter(moves) else { continue };
        let received_ms = row.received_ms.unwrap_or(now_ms);
        let row = KeptRow { received_ms: Some(received_ms), ..row };
        put(stage, key, (!backed_up(received_ms)).then_some(&row));
    }
}

/// Gives up the oldest of what is too much, and tells the person.
pub(crate) fn bound(stage: &mut Stage<'_>, now_ms: i64) {
    bound_to(stage, now_ms, MAX_KEPT_BYTES);
}

fn bound_to(stage: &mut Stage<'_>, now_ms: i64, most: usize) {
    let mut bytes: usize = stage.memory.kept.values().map(|row| row.frame.wire_len()).sum();
    if bytes <= most {
        return;
    }
    let mut rows: Vec<_> = stage.memory.kept.iter().collect();
    rows.sort_by_key(|(key, row)| (row.received_ms.unwrap_or(i64::MAX), **key));
    let mut given_up = 0;
    for (key, row) in rows {
        if bytes <= most {
            break;
        }
        bytes -= row.frame.wire_len();
        given_up += 1;
        put(stage, *key, None);
    }
    stage.notify(now_ms, "kept-given-up", given_up, Vec::new());
}

#[cfg(test)]
mod tests {
    use fieldmerge_protocol::Incarnation;

    use super::*;
    use crate::memory::rows::State;

    #[test]
    fn of_what_is_too_much_the_oldest_goes() {
        let draft = |bytes: usize| -> SealedDraft {
            let fields = (vec![1; 50], vec![2; bytes]);
            let mut encoder = minicbor::Encoder::new(Vec::new());
            encoder.map(2).and_then(|e| e.u8(0)?.bytes(&fields.0)?.u8(1)?.bytes(&fields.1)).expect("a row");
            fieldmerge_protocol::sync::decode(&encoder.into_writer()).expect("a draft")
        };
        let mut memory = Memory { state: Some(State::new(Incarnation([1; 4]))), ..Memory::default() };
        // Numbers say nothing about age; what no answer has told the time of is the newest.
        for (number, received_ms) in [(1, Some(30)), (2, Some(10)), (3, None), (4, Some(20))] {
            let row = KeptRow { frame: draft(886), standing: KeptStanding::Received, received_ms };
            memory.kept.insert((Incarnation([1; 4]), number), row);
        }
        for (most, left) in [(4_000, &[1, 2, 3, 4][..]), (3_999, &[1, 3, 4]), (1_500, &[3]), (0, &[])] {
            let mut stage = Stage::new(&memory).expect("a state");
            bound_to(&mut stage, 5, most);
            let kept = memory.kept.keys().filter(|key| stage.kept(**key).is_some());
            assert_eq!(kept.map(|(_, number)| *number).collect::<Vec<_>>(), left, "{most}");
            let (writes, _) = stage.finish().expect("it finishes");
            let told = writes.iter().any(|write| write.table == Table::Notices);
            assert_eq!(told, left.len() < 4);
        }
    }
}
