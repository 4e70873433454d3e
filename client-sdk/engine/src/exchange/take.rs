//! Taking what another device gives.

use std::collections::BTreeMap;
use std::sync::Arc;

use fieldmerge_protocol::bundle::{PartReader, PassedFrame};
use fieldmerge_protocol::limits::{MAX_EXCHANGE_BYTES, MAX_EXCHANGE_FRAMES, MAX_PART_BYTES};
use fieldmerge_protocol::sync::{self, RosterStatement, SignedRoster, tag};

use super::merge::{Tally, merge, waiting};
use super::rights::Rights;
use crate::carry::{Import, carried_key};
use crate::engine::{Engine, Staged, Turn};
use crate::stage::Stage;
use crate::{Failure, Outcome};

/// Frames by their keys among the carried ones.
type Offered = BTreeMap<Vec<u8>, Arc<[u8]>>;

impl Engine {
    /// Takes the contents of an exchange file that its host has opened: carries the frames, and merges those that a
    /// signed roster speaks for.
    pub(crate) fn take_exchange(
        &self,
        contents: &[u8],
        turn: &mut Turn<'_>,
    ) -> Result<(Staged, Outcome), Failure> {
        if contents.len() > MAX_EXCHANGE_BYTES {
            return Err(Failure::BadFile("it is too large"));
        }
        let mut import = Import::new(&self.memory, true, turn.now_ms)?;
        let mut statement = None;
        let mut offered = Vec::new();
        let mut reader = PartReader::new(MAX_PART_BYTES);
        reader.feed(contents);
        let (mut whole, mut count) = (false, 0);
        let broken = |_| Failure::BadFile("it is not what a device gives another, or is damaged");
        while let Some(part) = reader.next_part().map_err(broken)? {
            match part.tag {
                tag::SIGNED_ROSTER => statement = Some(self.statement_in(&part.payload)?),
                tag::END => {
                    whole = true;
                    break;
                }
                other => {
                    count += usize::from(matches!(other, tag::FRAME | tag::SEALED_FRAME));
                    if count > MAX_EXCHANGE_FRAMES {
                        return Err(Failure::BadFile("it holds too many frames"));
                    }
                    if other == tag::FRAME {
                        offered.push(part.payload.clone());
                    }
                    import.part(part, turn)?;
                }
            }
        }
        if !whole {
            return Err(Failure::BadFile("it ends early"));
        }
        let Import { mut stage, taken, .. } = import;
        let rights = rights(&stage, statement, turn)?;
        let (permitted, refused) = permitted(&stage, &rights, offered)?;
        let mut all: BTreeMap<_, _> = waiting(&stage)?.into_iter().collect();
        all.extend(permitted);
        let Tally { changes, waiting, apart } = merge(&mut stage, all.into_iter().collect())?;
        let outcome = Outcome::Taken {
            frames: taken.frames,
            changes,
            waiting,
            unmerged: refused + apart,
            roster_expired: rights.expired,
            receipts: taken.receipts,
            skipped: taken.skipped + taken.too_large + taken.full,
        };
        Ok((stage.finish()?, outcome))
    }

    /// The statement in a file. A file whose roster the server did not sign is not worth looking into.
    fn statement_in(&self, payload: &[u8]) -> Result<RosterStatement, Failure> {
        let enrolment = self.memory.enrolment.as_ref().ok_or(Failure::NotEnrolled)?;
        let signed = sync::decode::<SignedRoster>(payload).ok();
        let statement = signed.and_then(|signed| signed.verify(enrolment.project, &enrolment.server_key));
        statement.ok_or(Failure::BadFile("its roster does not come from the project's server"))
    }
}

/// What the device's own roster and this one say.
fn rights(stage: &Stage<'_>, other: Option<RosterStatement>, turn: &Turn<'_>) -> Result<Rights, Failure> {
    let own = stage.memory.statement.clone();
    let server_ms = turn.now_ms.saturating_add(stage.state.offset_ms);
    Ok(Rights::new(stage.enrolment()?.root_area, own.into_iter().chain(other).collect(), server_ms))
}

/// The frames that are carried, whose author may write them and this device read them; and how many others there were.
fn permitted(stage: &Stage<'_>, rights: &Rights, offered: Vec<Vec<u8>>) -> Result<(Offered, usize), Failure> {
    let reader = stage.enrolment()?.device;
    let mut refused = 0;
    let mut permitted = Offered::new();
    for payload in offered {
        let Ok(PassedFrame::Clear(frame)) = PassedFrame::parse(&payload) else { continue };
        let key = carried_key(&PassedFrame::Clear(frame.clone()).header(), &payload);
        if !stage.carries(&key) || permitted.contains_key(&key) {
            continue;
        }
        let origin = &frame.header.origin;
        let written = || rights.writer(origin).is_some_and(|key| frame.verify(&key).is_ok());
        if rights.may_read(reader, origin) && written() {
            permitted.insert(key, Arc::from(payload));
        } else {
            refused += 1;
        }
    }
    Ok((permitted, refused))
}
