//! What a person says of a change that the server put aside or still holds.

use fieldmerge_model::quarantine::{QuarantineCode, Remedy};
use fieldmerge_protocol::RecordId;

use crate::doc::Doc;
use crate::engine::{Engine, Staged, Turn};
use crate::memory::outbox_row::{OutboxRow, Standing};
use crate::stage::Stage;
use crate::{Failure, Settlement, exchange};

use super::{begin_incarnation, give_up, log, read_again, redo, rows_from, rows_of, settle_frames};

/// Whether the server put a change aside for what held then, and not for what it is: it may take it now as it is. So it is
/// one change however often it comes, by whatever road.
pub(crate) fn may_pass(stage: &Stage<'_>, row: &OutboxRow) -> Result<bool, Failure> {
    let Standing::Quarantined(code) = &row.standing else { return Ok(false) };
    let circumstance =
        QuarantineCode::from_code(code).is_some_and(|code| code.remedy() == Remedy::TakenLater);
    // One that was taken out of its record stands on something else there.
    let stands = |doc: &Doc| doc.find(row.actor, row.seq) == Some(row.hash);
    Ok(circumstance && stage.doc(row.record)?.as_ref().is_some_and(stands))
}

/// Has a change that was put aside sent again as it is, in another frame.
fn offer_again(stage: &mut Stage<'_>, number: u64) {
    give_up(stage, number);
    if let Some(row) = stage.outgoing(number).cloned() {
        let row = OutboxRow { standing: Standing::Waiting, full_hashes: true, ..row };
        stage.set_outgoing(number, Some(row));
    }
}

/// What of a record may be sent again as it is so that a change comes to the server: itself and what stands beneath it,
/// where that was put aside. None where the change has to be written anew. One that the server holds is taken by itself
/// once what it stands on is there, so written anew it would count twice.
fn to_offer(stage: &Stage<'_>, number: u64, row: &OutboxRow) -> Result<Option<Vec<u64>>, Failure> {
    let mut beneath = rows_from(stage, row.record, None);
    beneath.retain(|(other, beneath)| *other == number || beneath.start_op < row.start_op);
    let mut offered = Vec::new();
    for (number, row) in &beneath {
        if may_pass(stage, row)? {
            offered.push(*number);
        }
    }
    let is_coming = beneath.iter().any(|(_, row)| matches!(row.standing, Standing::Waiting | Standing::Sent));
    let is_held = row.standing == Standing::Held;
    let passes = if is_held { is_coming || !offered.is_empty() } else { offered.contains(&number) };
    Ok(passes.then_some(offered))
}

impl Engine {
    /// A person gives a change up, or has it sent again: as it is where the server may take it now, else written anew. What
    /// the server may still take is only marked: the next sync asks for it back.
    pub(crate) fn settle(
        &self,
        number: u64,
        how: Settlement,
        turn: &mut Turn<'_>,
    ) -> Result<Staged, Failure> {
        let mut stage = Stage::new(&self.memory)?;
        if self.session.is_some() || self.export.is_some() {
            return Err(Failure::Busy);
        }
        let row = stage.outgoing(number).ok_or(Failure::NotSettleable)?.clone();
        let is_stuck = matches!(row.standing, Standing::Quarantined(_) | Standing::Held);
        if !is_stuck || row.wish == Some(how) {
            return Err(Failure::NotSettleable);
        }
        let record = row.record;
        let offered = match how {
            Settlement::Repair if exchange::doubted(&stage, record)?.is_empty() => {
                to_offer(&stage, number, &row)?
            }
            _ => None,
        };
        if let Some(offered) = offered {
            for number in offered {
                offer_again(&mut stage, number);
            }
            return stage.finish();
        }
        let is_open = row.is_open();
        stage.set_outgoing(number, Some(OutboxRow { wish: Some(how), ..row }));
        if is_open {
            take_back(&mut stage, record, number);
            return stage.finish();
        }
        // The server knows the numbers of these changes, so what is written now needs others.
        begin_incarnation(&mut stage, turn);
        let rows = rows_of(&stage, record, number)?;
        read_again(&mut stage, &rows);
        redo(&mut stage, turn, record, rows, &mut log::Moved::default())?;
        settle_frames(&mut stage, turn);
        stage.finish()
    }
}

/// What the server holds on top of a change that is taken back it will never take: that is taken back too, and written
/// again.
fn take_back(stage: &mut Stage<'_>, record: RecordId, number: u64) {
    for (above, row) in rows_from(stage, record, Some(number)) {
        if row.standing == Standing::Held && row.wish.is_none() {
            stage.set_outgoing(above, Some(OutboxRow { wish: Some(Settlement::Repair), ..row }));
        }
    }
}
