//! The body of a request: what the device says of itself, and the frames that it brings.

use std::collections::BTreeSet;

use fieldmerge_protocol::RecordClass;
use fieldmerge_protocol::bundle::{BundleWriter, Frame, PassedFrame};
use fieldmerge_protocol::limits::{MAX_CURSORS, MAX_DICTIONARIES, MAX_REQUEST_FRAMES, MAX_UNSETTLED};
use fieldmerge_protocol::sync::{self, Cursor, FramePlace, FrameRef, Hello, Telemetry, tag};

use super::partial::Begun;
use super::{Session, link};
use crate::memory::Memory;
use crate::memory::rows::{FrameKey, FrameRow, FrameStanding, State};
use crate::{SyncOptions, carry, forms};

/// From this many bytes of unacknowledged frames on, a device asks what was committed before it sends them again: to ask
/// costs about half of it, and the time there and back.
const PROBE_BYTES: usize = 2 << 10;
/// Tag and length of a part.
pub(super) const PART_BYTES: usize = 6;

/// A body, and what of it has to be remembered.
pub(crate) struct Body {
    pub(crate) bytes: Vec<u8>,
    /// The hello's bytes, which the answer's signature covers.
    pub(crate) hello: Vec<u8>,
    pub(crate) recover: bool,
    pub(crate) frames: Vec<FrameKey>,
    /// Frames that it asks about.
    pub(crate) asked: Vec<FrameKey>,
    pub(crate) carried: Vec<Vec<u8>>,
    /// Kept frames that it offers again.
    pub(crate) offered: Vec<FrameKey>,
    /// Own changes in the frames.
    pub(crate) changes: u64,
    /// A frame's beginning that the request offers.
    pub(crate) begun: Option<Begun>,
}

impl Body {
    /// How many frames are in it.
    fn count(&self) -> usize {
        self.frames.len() + self.offered.len() + self.carried.len()
    }

    fn frame(&mut self, writer: &mut BundleWriter, key: FrameKey, row: &FrameRow) {
        writer.part(tag::FRAME, &row.bytes);
        self.changes += row.changes.len() as u64;
        self.frames.push(key);
    }

    /// Whether one more frame goes. As with own frames, the first goes in any case.
    fn takes_more(&self, writer: &BundleWriter, frame: &[u8], room: usize) -> bool {
        let fits = writer.bytes().len() + frame.len() + 2 * PART_BYTES <= room;
        self.count() < MAX_REQUEST_FRAMES && (fits || self.count() == 0)
    }
}

/// Own frames without a receipt that this session has not sent yet: those of earlier incarnations first, then what is
/// urgent.
pub(crate) fn unsent(memory: &Memory, session: &Session) -> Vec<FrameKey> {
    let current = memory.state.as_ref().map(|state| state.incarnation);
    let unsent = memory
        .frames
        .iter()
        .filter(|(key, row)| row.standing == FrameStanding::Sent && !session.sent.contains(key));
    let mut keys: Vec<(bool, u8, FrameKey)> = unsent
        .map(|(key, row)| {
            let class = Frame::parse(&row.bytes).map(|frame| frame.header.origin.class);
            (Some(key.0) == current, class.map_or(u8::MAX, RecordClass::urgency), *key)
        })
        .collect();
    keys.sort_unstable();
    keys.into_iter().map(|(.., key)| key).collect()
}

/// Own frames that the server may have although their receipts did not come: earlier sessions sent them, this one has not
/// asked about them, and the server has not said that it had none of so high a number.
fn doubtful(memory: &Memory, session: &Session) -> Vec<FrameKey> {
    let current = memory.state.as_ref().map(|state| state.incarnation);
    let beyond = |key: &FrameKey| {
        Some(key.0) == current && session.committed.is_some_and(|committed| key.1 > committed)
    };
    let mut keys = unsent(memory, session);
    keys.retain(|key| !session.fresh.contains(key) && !session.asked.contains(key) && !beyond(key));
    keys
}

/// Whether so much may have been committed that asking first is cheaper than sending it again.
pub(crate) fn probes(memory: &Memory, session: &Session) -> bool {
    let bytes: usize = doubtful(memory, session).iter().map(|key| memory.frames[key].bytes.len()).sum();
    bytes > PROBE_BYTES
}

/// How many bytes of new frames fit into the next request.
pub(crate) fn room(memory: &Memory, session: &Session, room: usize) -> usize {
    let taken: usize =
        unsent(memory, session).iter().map(|key| memory.frames[key].bytes.len() + PART_BYTES).sum();
    let cursors = memory.cursors.len().min(MAX_CURSORS) * 28;
    // However many cursors there are: a small frame goes.
    room.saturating_sub(taken + cursors + 2_048).max(link::MIN_FRAME_BYTES.saturating_sub(taken))
}

/// Frames of earlier sessions that the server has not taken and that have become too large for the link, or for what the
/// sync may cost: their changes are packed again, in smaller ones.
pub(crate) fn oversized(memory: &Memory, session: &Session, room: usize) -> Vec<FrameKey> {
    let doubtful = doubtful(memory, session);
    let mut keys = unsent(memory, session);
    keys.retain(|key| {
        let row = &memory.frames[key];
        let known = !doubtful.contains(key) && !session.fresh.contains(key);
        known && row.changes.len() > 1 && row.bytes.len() + 2 * PART_BYTES > room
    });
    keys
}

/// Makes the body of the next request.
pub(crate) fn body(memory: &Memory, state: &State, session: &Session, room: usize, now_ms: i64) -> Body {
    let probing = probes(memory, session);
    let mut asked = if probing { doubtful(memory, session) } else { Vec::new() };
    asked.truncate(MAX_UNSETTLED);
    let begun = Begun::of(memory);
    let hello = Hello {
        partial: begun.as_ref().map(|begun| begun.name.clone()),
        ..hello(memory, state, session, &asked, now_ms)
    };
    let hello = sync::encode(&hello);
    let mut writer = BundleWriter::new();
    writer.part(tag::HELLO, &hello);
    let mut body = Body {
        bytes: Vec::new(),
        hello,
        recover: state.recover,
        frames: Vec::new(),
        asked,
        carried: Vec::new(),
        offered: Vec::new(),
        changes: 0,
        begun,
    };
    if !probing {
        let mut carried = carried(memory, session).into_iter().peekable();
        for key in unsent(memory, session) {
            let row = &memory.frames[&key];
            // What it may build on goes first.
            let last = row.changes.iter().max().copied().unwrap_or_default();
            let grounds = std::iter::from_fn(|| carried.next_if(|one| one.0 <= last));
            put_carried(&mut writer, &mut body, grounds, room);
            if body.count() == MAX_REQUEST_FRAMES {
                break;
            }
            if writer.bytes().len() + row.bytes.len() + 2 * PART_BYTES <= room {
                body.frame(&mut writer, key, row);
            }
        }
        // Where none fits the first goes in any case: one that never fits would never be sent. It waits only for a sync
        // that may cost more.
        let first = unsent(memory, session)
            .into_iter()
            .next()
            .filter(|key| session.report.requests == 0 || memory.frames[key].bytes.len() <= session.left());
        if let (0, Some(key)) = (body.count(), first) {
            body.frame(&mut writer, key, &memory.frames[&key]);
        }
        for (key, frame) in session.offers.iter().filter(|(key, _)| !session.offered.contains(key)) {
            if !body.takes_more(&writer, frame, room) {
                break;
            }
            writer.part(tag::SEALED_FRAME, frame);
            body.offered.push(*key);
        }
        put_carried(&mut writer, &mut body, carried, room);
    }
    writer.part(tag::END, &[]);
    body.bytes = writer.into_bytes();
    body
}

/// A carried frame: where it stands among the own changes by their numbers, its key, its bytes.
type Carried<'m> = (u64, &'m Vec<u8>, &'m [u8]);

fn put_carried<'m>(
    writer: &mut BundleWriter,
    body: &mut Body,
    frames: impl Iterator<Item = Carried<'m>>,
    room: usize,
) {
    for (_, key, frame) in frames {
        if !body.takes_more(writer, frame, room) {
            break;
        }
        let tag = PassedFrame::parse(frame).map_or(tag::FRAME, |frame| frame.tag());
        writer.part(tag, frame);
        body.carried.push(key.clone());
    }
}

/// The carried frames that this session has not sent. Those on which own unreceived changes may stand have their place
/// among these, so that the server need hold neither; all others come last.
fn carried<'m>(memory: &'m Memory, session: &Session) -> Vec<Carried<'m>> {
    let pending = memory.provisional.iter().filter(|((record, ..), _)| memory.is_pending(*record));
    let grounds: BTreeSet<&[u8]> = pending.map(|(_, row)| row.frame.as_slice()).collect();
    let waiting = carry::to_send(memory).filter(|(key, _)| !session.carried.contains(*key));
    let mut carried: Vec<Carried<'m>> = waiting
        .map(|(key, row)| {
            let place = memory.passed.get(key).filter(|_| grounds.contains(key.as_slice()));
            (place.map_or(u64::MAX, |row| row.before), key, &row.payload[..])
        })
        .collect();
    carried.sort_by_key(|(place, ..)| *place);
    carried
}

fn hello(memory: &Memory, state: &State, session: &Session, asked: &[FrameKey], now_ms: i64) -> Hello {
    let cursors = memory.cursors.iter().map(|(feed, position)| Cursor { feed: *feed, position: *position });
    let unsettled = memory.frames.iter().filter(|(_, row)| row.standing == FrameStanding::Unsettled);
    let unsettled: Vec<&FrameKey> = unsettled.map(|(key, _)| key).collect();
    // Where they are too many for one hello, each begins elsewhere among them.
    let turn = usize::try_from(now_ms.unsigned_abs() / 1_000).unwrap_or_default();
    let begin = if unsettled.len() > MAX_UNSETTLED { turn % unsettled.len() } else { 0 };
    let unsettled: Vec<FrameRef> = asked
        .iter()
        .chain(unsettled[begin..].iter().chain(&unsettled[..begin]).copied())
        .take(MAX_UNSETTLED)
        .map(|(incarnation, number)| FrameRef { incarnation: *incarnation, number: *number })
        .collect();
    Hello {
        incarnation: state.incarnation,
        packed: state.packed,
        receipted: state.receipted,
        // A life says which log it is of.
        log: state.log.filter(|_| state.life.is_none()),
        cursors: cursors.take(MAX_CURSORS).collect(),
        roster: if state.roster_unsigned { 0 } else { memory.roster.version },
        now_ms,
        budget_bytes: budget(session),
        recover: state.recover.then_some(true),
        unsettled: (!unsettled.is_empty()).then_some(unsettled),
        withdraws: Some(withdraws(memory)).filter(|places| !places.is_empty()),
        telemetry: Some(telemetry(memory, state, &session.options, now_ms)),
        // Who has none to pack with is sent one.
        dictionaries: state.dictionary.map(|current| {
            let others = memory.dictionaries.keys().copied().filter(|other| *other != current);
            std::iter::once(current).chain(others).take(MAX_DICTIONARIES).collect()
        }),
        partial: None,
        life: state.life,
        unsure: state.unsure,
        unused: state.unused.clone(),
        forms: Some(forms::held(memory)),
        findings: memory.findings_check,
        roster_issued_ms: Some(memory.statement.as_ref().map_or(0, |statement| statement.issued_ms)),
    }
}

/// What the server is asked to give back.
fn withdraws(memory: &Memory) -> Vec<FramePlace> {
    let is_wanted =
        |number: &u64| memory.outbox.get(number).is_some_and(|row| row.wish.is_some() && row.is_open());
    let unsettled = memory.frames.iter().filter(|(_, row)| row.standing == FrameStanding::Unsettled);
    let places = unsettled.flat_map(|((incarnation, number), row)| {
        let frame = FrameRef { incarnation: *incarnation, number: *number };
        let given_up = row.given_up.as_deref().unwrap_or_default();
        let own = (0_u32..).zip(&row.changes).filter(|(index, _)| !given_up.contains(index));
        own.filter(|(_, number)| is_wanted(number)).map(move |(index, _)| FramePlace { frame, index })
    });
    places.take(MAX_UNSETTLED).collect()
}

/// How many bytes of feeds the answer may hold: what the person allows, and what is left of what the sync may cost.
fn budget(session: &Session) -> Option<u64> {
    let left = session.options.spend_bytes.map(|_| session.left() as u64);
    let allowed = session.options.budget_bytes;
    allowed.into_iter().chain(left).min()
}

fn telemetry(memory: &Memory, state: &State, options: &SyncOptions, now_ms: i64) -> Telemetry {
    let oldest_ms = memory.outbox.values().map(|row| row.time).min();
    Telemetry {
        outbox_changes: Some(memory.outbox.len() as u64),
        oldest_unsent_s: oldest_ms.map(|oldest_ms| whole_seconds(now_ms.saturating_sub(oldest_ms))),
        free_bytes: options.free_bytes,
        battery_percent: options.battery_percent,
        app: options.app.clone(),
        clock_offset_ms: Some(state.offset_ms),
    }
}

fn whole_seconds(ms: i64) -> u32 {
    u32::try_from(ms.max(0) / 1_000).unwrap_or(u32::MAX)
}
